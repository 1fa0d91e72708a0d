//! A text that a passphrase encrypts, as JOSE writes it: PBES2-HS256+A128KW and A256GCM, in five parts.
//!
//! Source: RFC 7516 (compact serialization), RFC 7518, 4.8 and 5.3; RFC 3394 (key wrap).

use std::num::NonZeroU32;

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt as _, KeyInit as _};
use data_encoding::BASE64URL_NOPAD;
use dayfly_vault::SecretString;
use ring::{aead, pbkdf2};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The most rounds that are made: a file that asks for more was not made by who uses this.
const MOST_ROUNDS: u32 = 2_000_000;
/// What a wrapped key begins with, by which a wrong one is known.
const WRAPPED: [u8; 8] = [0xa6; 8];

/// Why a text does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// It is not such a text, or not whole.
    Damaged,
    /// It was made in another way.
    Unknown,
    /// The passphrase is another one.
    WrongPassphrase,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    p2s: String,
    p2c: u32,
}

/// The text that was encrypted.
pub(crate) fn decrypt(
    text: &str,
    passphrase: &SecretString,
) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let parts: Vec<&str> = text.trim().split('.').collect();
    let [header, key, nonce, sealed, tag] = parts.as_slice() else {
        return Err(NotOpened::Damaged);
    };
    let decoded = |part: &str| {
        BASE64URL_NOPAD
            .decode(part.as_bytes())
            .map_err(|_| NotOpened::Damaged)
    };
    let told: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| NotOpened::Damaged)?;
    if told.alg != "PBES2-HS256+A128KW" || told.enc != "A256GCM" || told.p2c > MOST_ROUNDS {
        return Err(NotOpened::Unknown);
    }
    let rounds = NonZeroU32::new(told.p2c).ok_or(NotOpened::Unknown)?;
    let mut salt = told.alg.into_bytes();
    salt.push(0);
    salt.extend(decoded(&told.p2s)?);
    let mut wrapping = Zeroizing::new([0; 16]);
    let passphrase = passphrase.expose().as_bytes();
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        &salt,
        passphrase,
        wrapping.as_mut_slice(),
    );
    let key = unwrap(&decoded(key)?, &wrapping).ok_or(NotOpened::WrongPassphrase)?;
    let key = aead::UnboundKey::new(&aead::AES_256_GCM, &key).map_err(|_| NotOpened::Damaged)?;
    let nonce =
        aead::Nonce::try_assume_unique_for_key(&decoded(nonce)?).map_err(|_| NotOpened::Damaged)?;
    let mut opened = Zeroizing::new(decoded(sealed)?);
    opened.extend(decoded(tag)?);
    let about = aead::Aad::from(header.as_bytes());
    let length = aead::LessSafeKey::new(key)
        .open_in_place(nonce, about, &mut opened)
        .map_err(|_| NotOpened::Damaged)?
        .len();
    opened.truncate(length);
    Ok(opened)
}

/// The key in a wrapped one; none where it was wrapped with another.
fn unwrap(wrapped: &[u8], with: &[u8; 16]) -> Option<Zeroizing<Vec<u8>>> {
    if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) {
        return None;
    }
    let cipher = Aes128::new(with.into());
    let mut first = [0; 8];
    first.copy_from_slice(wrapped.get(..8)?);
    let mut key = Zeroizing::new(wrapped.get(8..)?.to_vec());
    let parts = key.len() / 8;
    for round in (0..6).rev() {
        for part in (0..parts).rev() {
            let counter = u64::try_from(parts * round + part + 1).ok()?;
            let mut block = Zeroizing::new([0; 16]);
            let masked = u64::from_be_bytes(first) ^ counter;
            block[..8].copy_from_slice(&masked.to_be_bytes());
            block[8..].copy_from_slice(&key[part * 8..part * 8 + 8]);
            cipher.decrypt_block((&mut *block).into());
            first.copy_from_slice(&block[..8]);
            key[part * 8..part * 8 + 8].copy_from_slice(&block[8..]);
        }
    }
    (first == WRAPPED).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `jose` 5 of npm: `new CompactEncrypt(...).setProtectedHeader({ alg, enc })`.
    const SEALED: &str = include_str!("../fixtures/aws-vault/keys/work");

    #[test]
    fn the_example_of_the_key_wrap_comes_out() {
        // RFC 3394, 4.1.
        let hex = |text: &str| data_encoding::HEXUPPER.decode(text.as_bytes()).unwrap();
        let with: [u8; 16] = hex("000102030405060708090A0B0C0D0E0F").try_into().unwrap();
        let wrapped = hex("1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5");
        let key = unwrap(&wrapped, &with).unwrap();
        assert_eq!(key.as_slice(), hex("00112233445566778899AABBCCDDEEFF"));
        assert_eq!(unwrap(&wrapped, &[0; 16]), None);
        assert_eq!(unwrap(&wrapped[..16], &with), None);
    }

    #[test]
    fn what_another_library_made_opens_and_nothing_else_does() {
        let right = SecretString::copy_of("correct horse");
        let opened = decrypt(SEALED, &right).unwrap();
        assert!(opened.starts_with(b"{\"Key\":\"work\""));
        let wrong = SecretString::copy_of("wrong");
        assert_eq!(decrypt(SEALED, &wrong), Err(NotOpened::WrongPassphrase));
        let cut = &SEALED.trim_end()[..SEALED.len() - 30];
        assert_eq!(decrypt(cut, &right), Err(NotOpened::Damaged));
        for other in ["", "a.b.c.d.e", "....", &SEALED[..40]] {
            assert_eq!(decrypt(other, &right), Err(NotOpened::Damaged), "{other}");
        }
        let (_, rest) = SEALED.split_once('.').unwrap();
        for header in [
            r#"{"alg":"dir","enc":"A256GCM","p2s":"AA","p2c":1}"#,
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2s":"AA","p2c":4000000000}"#,
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2s":"AA","p2c":0}"#,
        ] {
            let text = format!("{}.{rest}", BASE64URL_NOPAD.encode(header.as_bytes()));
            assert_eq!(decrypt(&text, &right), Err(NotOpened::Unknown), "{header}");
        }
    }
}
