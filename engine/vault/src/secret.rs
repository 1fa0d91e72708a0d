//! Secrets in memory: what must not be seen.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroize as _;

use crate::pool::Piece;

/// Secret bytes: in pages that never reach the swap, a core or a forked process, overwritten when
/// the last clone is dropped, and never printed.
#[derive(Clone)]
pub struct SecretBytes(Arc<Piece>);

impl SecretBytes {
    /// A copy; what it is made from is the caller's to overwrite.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self(Arc::new(Piece::of(bytes)))
    }

    /// The bytes. Hand them only to what needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl From<Vec<u8>> for SecretBytes {
    /// What it is made from is overwritten.
    fn from(mut bytes: Vec<u8>) -> Self {
        let secret = Self::copy_of(&bytes);
        bytes.zeroize();
        secret
    }
}

impl PartialEq for SecretBytes {
    /// Takes as long whatever is different.
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.expose(), other.expose());
        let differ = |all: u8, (a, b): (&u8, &u8)| std::hint::black_box(all | (a ^ b));
        a.len() == b.len() && a.iter().zip(b).fold(0, differ) == 0
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A secret text, kept as [`SecretBytes`] are.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretString(SecretBytes);

impl SecretString {
    /// A copy; what it is made from is the caller's to overwrite.
    #[must_use]
    pub fn copy_of(text: &str) -> Self {
        Self(SecretBytes::copy_of(text.as_bytes()))
    }

    /// The text. Hand it only to what needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        // It was made from a text and never changes. Only in a process that was forked and runs no
        // other program it is zeros, which are a text as well.
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

impl From<String> for SecretString {
    /// What it is made from is overwritten.
    fn from(text: String) -> Self {
        Self(SecretBytes::from(text.into_bytes()))
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_it_was_made_from_and_prints_nothing() {
        for text in ["", "s", "äöü€", &"long".repeat(100_000)] {
            let secret = SecretString::from(text.to_owned());
            assert_eq!(secret.expose(), text);
            assert_eq!(secret.clone(), secret);
            assert_eq!(secret, SecretString::copy_of(text));
            assert_ne!(secret, SecretString::from(format!("{text}x")));
            assert_eq!(format!("{secret:?}"), "[redacted]");
        }
        assert_ne!(SecretString::copy_of("abc"), SecretString::copy_of("abd"));
        assert_ne!(SecretBytes::copy_of(b"abc"), SecretBytes::copy_of(b"xbc"));
    }
}
