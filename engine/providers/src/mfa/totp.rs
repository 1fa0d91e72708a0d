//! Time-based one-time passwords, as AWS's virtual MFA devices make them.
//!
//! Source: RFC 6238 with RFC 4226, section 5: HMAC-SHA-1, 30 s, 6 digits; AWS IAM API reference,
//! `CreateVirtualMFADevice` (`Base32StringSeed`).
//!
//! Not the crate `totp-rs` 6: it copies the seed out of the locked pages, and leaves the HMAC's result in
//! memory that it does not wipe. Over `hmac`, which is linked anyway, the algorithm is twenty lines.

use data_encoding::BASE32_NOPAD;
use dayfly_core::time::Timestamp;
use dayfly_vault::{SecretBytes, SecretString};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use zeroize::Zeroizing;

/// How long a code is shown, in milliseconds.
pub(crate) const WINDOW_MS: u64 = 30_000;
/// The shortest seed, in bytes: RFC 4226 wants 16, some services give 10.
const SEED_MIN: usize = 10;
/// The longest seed, in bytes: that is more than HMAC has use for.
const SEED_MAX: usize = 128;

/// The seed of a device.
#[derive(Clone)]
pub struct Totp {
    seed: SecretBytes,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a text is no seed. Holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// It is not base32.
    #[error("it is not the base32 text that AWS shows beside the QR code")]
    NotBase32,
    /// It has too few or too many characters.
    #[error("it has {bytes} bytes; a seed has {SEED_MIN} to {SEED_MAX} bytes")]
    Length {
        /// How many it has.
        bytes: usize,
    },
    /// The address in the QR code is one of another kind of device.
    #[error("its `{0}` is not the one of AWS devices (SHA1, 6 digits, 30 seconds)")]
    Kind(&'static str),
    /// The address has no seed.
    #[error("the otpauth address has no `secret`")]
    NoSecret,
}

impl Totp {
    /// Reads a seed: base32, in any case and grouping, or the `otpauth://totp/…` address that a QR
    /// code holds.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let text = text.trim();
        let Some(query) = text.strip_prefix("otpauth://totp/") else {
            return Self::base32(text);
        };
        let query = query.split_once('?').map_or("", |(_, query)| query);
        let mut secret = None;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = Zeroizing::new(value.into_owned());
            match key.to_ascii_lowercase().as_str() {
                "secret" => secret = Some(Self::base32(&value)?),
                "digits" if *value != "6" => return Err(SeedError::Kind("digits")),
                "period" if *value != "30" => return Err(SeedError::Kind("period")),
                "algorithm" if !value.eq_ignore_ascii_case("sha1") => {
                    return Err(SeedError::Kind("algorithm"));
                }
                _ => {}
            }
        }
        secret.ok_or(SeedError::NoSecret)
    }

    fn base32(text: &str) -> Result<Self, SeedError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
        let parts = text
            .bytes()
            .filter(|b| !b.is_ascii_whitespace() && *b != b'-');
        plain.extend(parts.map(|b| b.to_ascii_uppercase()));
        while plain.last() == Some(&b'=') {
            plain.pop();
        }
        let seed = BASE32_NOPAD.decode(&plain).map(SecretBytes::from);
        let seed = seed.map_err(|_| SeedError::NotBase32)?;
        let bytes = seed.expose().len();
        if !(SEED_MIN..=SEED_MAX).contains(&bytes) {
            return Err(SeedError::Length { bytes });
        }
        Ok(Self { seed })
    }

    /// The seed as the vault keeps it.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        SecretString::from(BASE32_NOPAD.encode(self.seed.expose()))
    }

    /// The code of the window of 30 s that is number `window` since 1970.
    #[must_use]
    pub fn code(&self, window: u64) -> SecretString {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(self.seed.expose()) else {
            return SecretString::from(String::new());
        };
        mac.update(&window.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let at = usize::from(digest[digest.len() - 1] & 0xf);
        let bytes = [digest[at], digest[at + 1], digest[at + 2], digest[at + 3]];
        let number = u32::from_be_bytes(bytes) & 0x7fff_ffff;
        SecretString::from(format!("{:06}", number % 1_000_000))
    }
}

/// The window of 30 s that a moment lies in.
#[must_use]
pub(crate) const fn window(at: Timestamp) -> u64 {
    at.as_millis() / WINDOW_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `12345678901234567890`, the key of RFC 6238's test vectors.
    const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_standard() {
        let totp = Totp::parse(KEY).unwrap();
        // RFC 6238, appendix B, SHA1, the last six of eight digits.
        for (seconds, code) in [
            (59_u64, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = Timestamp::from_millis(seconds * 1_000);
            assert_eq!(totp.code(window(at)).expose(), code, "{seconds}");
        }
    }

    #[test]
    fn every_way_to_write_a_seed_is_read() {
        let lower = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq";
        let address = format!(
            "otpauth://totp/Amazon%20Web%20Services:me@x?secret={KEY}&issuer=Amazon%20Web%20Services"
        );
        for text in [lower, &format!(" {KEY}==\n"), &address] {
            assert_eq!(Totp::parse(text).unwrap().to_text().expose(), KEY, "{text}");
        }
    }

    #[test]
    fn what_is_no_seed_is_refused_without_a_word_of_it() {
        for (text, error) in [
            ("canary!", SeedError::NotBase32),
            ("", SeedError::Length { bytes: 0 }),
            ("GEZDGNBV", SeedError::Length { bytes: 5 }),
            ("otpauth://totp/x?issuer=y", SeedError::NoSecret),
            (
                &format!("otpauth://totp/x?secret={KEY}&digits=8"),
                SeedError::Kind("digits"),
            ),
            (
                &format!("otpauth://totp/x?secret={KEY}&algorithm=SHA256"),
                SeedError::Kind("algorithm"),
            ),
        ] {
            assert_eq!(Totp::parse(text).unwrap_err(), error, "{text}");
            assert!(!error.to_string().contains("canary"));
        }
        let totp = Totp::parse(KEY).unwrap();
        assert_eq!(format!("{totp:?}"), "[redacted]");
    }
}
