//! The age identities that open one vault, and their text form.
//!
//! One identity a line, the newest first, as in the files of age-keygen. A vault is encrypted
//! to the first; the others stand there because changing the key never removes an older one.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use zeroize::Zeroizing;

use crate::secret::SecretString;
use crate::wiping::burning;

/// At least one identity, in its text form: an identity of age lies in ordinary memory, so one is
/// made for each use. age overwrites it when it is dropped.
pub(crate) struct Identities(Vec<SecretString>);

/// Why a sealed text does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// It was sealed to other identities.
    OtherKey,
    /// It is not what was sealed.
    Damaged,
}

/// Bytes of the header of a sealed text: room for more than a hundred keys, each of which costs who
/// opens it work. Two are the most that are written here.
const HEADER: usize = 16 << 10;

/// Whether a sealed text names so few keys, or so little work, that it can be tried to be opened.
///
/// Source: <https://age-encryption.org/v1>, "Header": it ends with a line that begins with `---`.
pub(crate) fn is_modest(sealed: &[u8]) -> bool {
    let head = sealed.get(..HEADER).unwrap_or(sealed);
    head.windows(4).any(|four| four == b"\n---")
}

impl Identities {
    /// A new identity.
    pub(crate) fn generate() -> Self {
        let text = Identity::generate().to_string();
        Self(vec![SecretString::copy_of(text.expose_secret())])
    }

    /// Reads the text form; lines that start with `#` are comments.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let newest = lines.next().filter(|line| identity(line).is_some())?;
        let others = lines.filter(|line| identity(line).is_some());
        let all = std::iter::once(newest).chain(others);
        Some(Self(all.map(SecretString::copy_of).collect()))
    }

    /// The text form.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        let room = self.0.iter().map(|line| line.expose().len() + 1).sum();
        // Room for all of it at once: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(room));
        for line in &self.0 {
            text.push_str(line.expose());
            text.push('\n');
        }
        text
    }

    /// The text form of these, followed by what stood there before.
    pub(crate) fn text_before(&self, older: &[u8]) -> Zeroizing<Vec<u8>> {
        let newer = self.text();
        let mut text = Zeroizing::new(Vec::with_capacity(newer.len() + older.len()));
        text.extend_from_slice(newer.as_bytes());
        text.extend_from_slice(older);
        text
    }

    /// The text of the newest.
    pub(crate) fn newest(&self) -> Zeroizing<String> {
        self.each().next().unwrap_or_default()
    }

    /// The text of each, the newest first.
    pub(crate) fn each(&self) -> impl Iterator<Item = Zeroizing<String>> {
        let text = |one: &SecretString| Zeroizing::new(one.expose().to_owned());
        self.0.iter().map(text)
    }

    /// Encrypts to the newest of each of these.
    pub(crate) fn seal(plain: &[u8], to: &[&Self]) -> Option<Vec<u8>> {
        burning(|| Self::sealed(plain, to))
    }

    fn sealed(plain: &[u8], to: &[&Self]) -> Option<Vec<u8>> {
        let recipients: Vec<_> = to
            .iter()
            .filter_map(|identities| identity(identities.0.first()?.expose()))
            .map(|identity| identity.to_public())
            .collect();
        let recipients = recipients.iter().map(|r| r as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).ok()?;
        let mut sealed = Vec::with_capacity(plain.len());
        let mut writer = encryptor.wrap_output(&mut sealed).ok()?;
        writer.write_all(plain).ok()?;
        writer.finish().ok()?;
        Some(sealed)
    }

    /// Decrypts with any of these.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        burning(|| self.opened(sealed))
    }

    fn opened(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if !is_modest(sealed) {
            return Err(OpenError::Damaged);
        }
        let decryptor = age::Decryptor::new_buffered(sealed).map_err(|_| OpenError::Damaged)?;
        let identities = self.0.iter().filter_map(|line| identity(line.expose()));
        let identities: Vec<_> = identities.collect();
        let identities = identities.iter().map(|i| i as &dyn age::Identity);
        let mut reader = decryptor.decrypt(identities).map_err(|e| match e {
            age::DecryptError::NoMatchingKeys => OpenError::OtherKey,
            _ => OpenError::Damaged,
        })?;
        let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
        reader
            .read_to_end(&mut plain)
            .map_err(|_| OpenError::Damaged)?;
        Ok(plain)
    }
}

fn identity(line: &str) -> Option<Identity> {
    Identity::from_str(line).ok()
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
