//! What CryptoJS makes of a text and a passphrase: OpenSSL's salted form, in base64.
//!
//! Source: crypto-js 4, `AES.encrypt(text, passphrase)`: AES-256-CBC with PKCS #7, key and vector from
//! OpenSSL's `EVP_BytesToKey` with MD5 and one round.

use aes::Aes256;
use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use data_encoding::BASE64;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// What the decoded text begins with, before eight bytes of salt.
const MAGIC: &[u8] = b"Salted__";
const SALT: usize = 8;
const BLOCK: usize = 16;

/// Why a text does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// It is not what CryptoJS writes.
    NotEncrypted,
    /// Its end is missing.
    Truncated,
    /// It was made with another passphrase.
    OtherKey,
}

/// The text that was encrypted, which begins with `begins`.
pub(super) fn decrypt(
    text: &str,
    passphrase: &str,
    begins: &[u8],
) -> Result<Zeroizing<String>, NotOpened> {
    let text: String = text.split_whitespace().collect();
    // A text that was cut may end anywhere; what is whole of it is enough to tell why it does not open.
    let whole = text.len() / 4 * 4;
    let bytes = text.get(..whole).unwrap_or_default();
    let bytes = BASE64
        .decode(bytes.as_bytes())
        .map_err(|_| NotOpened::NotEncrypted)?;
    let rest = bytes
        .strip_prefix(MAGIC)
        .filter(|rest| rest.len() >= SALT)
        .ok_or(NotOpened::NotEncrypted)?;
    let (salt, sealed) = rest.split_at(SALT);
    let (key, iv) = key_and_vector(passphrase.as_bytes(), salt);
    let cipher = || {
        cbc::Decryptor::<Aes256>::new_from_slices(key.as_slice(), iv.as_slice())
            .map_err(|_| NotOpened::NotEncrypted)
    };
    let mut first = Zeroizing::new(sealed.get(..BLOCK).ok_or(NotOpened::Truncated)?.to_vec());
    let first = cipher()?
        .decrypt_padded::<NoPadding>(&mut first)
        .map_err(|_| NotOpened::OtherKey)?;
    if !first.starts_with(begins) {
        return Err(NotOpened::OtherKey);
    }
    if whole < text.len() || !sealed.len().is_multiple_of(BLOCK) {
        return Err(NotOpened::Truncated);
    }
    let mut opened = Zeroizing::new(sealed.to_vec());
    let opened = cipher()?
        .decrypt_padded::<Pkcs7>(&mut opened)
        .map_err(|_| NotOpened::Truncated)?;
    let opened = std::str::from_utf8(opened).map_err(|_| NotOpened::Truncated)?;
    Ok(Zeroizing::new(opened.to_owned()))
}

/// Source: OpenSSL, `EVP_BytesToKey(EVP_aes_256_cbc(), EVP_md5(), salt, passphrase, 1)`.
fn key_and_vector(passphrase: &[u8], salt: &[u8]) -> (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>) {
    const KEY: usize = 32;
    let mut made = Zeroizing::new(Vec::with_capacity(KEY + 2 * BLOCK));
    let mut last = Zeroizing::new(Vec::new());
    while made.len() < KEY + BLOCK {
        let mut digest = Md5::new();
        digest.update(last.as_slice());
        digest.update(passphrase);
        digest.update(salt);
        *last = digest.finalize().to_vec();
        made.extend_from_slice(&last);
    }
    let vector = Zeroizing::new(made[KEY..KEY + BLOCK].to_vec());
    made.truncate(KEY);
    (made, vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    // echo -n '{"a":"text that is longer than a block"}' |
    //     openssl enc -aes-256-cbc -md md5 -a -A -pass pass:secret
    const SEALED: &str =
        "U2FsdGVkX1/4rLpJr1bxBBKo493m3NwKng5m3+8eVYwKlcOaC4nuvPjTLAorDZgfsbSfDRtfs0hbJKOwyRDjyA==";

    #[test]
    fn what_openssl_made_opens_and_nothing_else_does() {
        let opened = decrypt(SEALED, "secret", b"{").unwrap();
        assert_eq!(
            opened.as_str(),
            "{\"a\":\"text that is longer than a block\"}"
        );
        let broken: String = format!(" {}\n{} \r\n", &SEALED[..20], &SEALED[20..]);
        assert_eq!(decrypt(&broken, "secret", b"{"), Ok(opened));
        assert_eq!(decrypt(SEALED, "Secret", b"{"), Err(NotOpened::OtherKey));
        for end in [0, 3, 12, 20] {
            let told = decrypt(&SEALED[..end], "secret", b"{");
            assert_eq!(told, Err(NotOpened::NotEncrypted), "{end}");
        }
        for end in [24, 25, 44, 47, 64, 70, 84, SEALED.len() - 1] {
            let told = decrypt(&SEALED[..end], "secret", b"{");
            assert_eq!(told, Err(NotOpened::Truncated), "{end}");
        }
        for other in [
            "{\"sessions\": []}",
            "U2FsdGVk",
            "\u{e4}\u{e4}\u{e4}\u{e4}",
            "AAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let told = decrypt(other, "secret", b"{");
            assert_eq!(told, Err(NotOpened::NotEncrypted), "{other}");
        }
    }
}
