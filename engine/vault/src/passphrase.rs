//! A key that a passphrase wraps, in a small age file.
//!
//! Source: the scrypt recipient of the age format, <https://age-encryption.org/v1>.

use std::io::{Read, Write};
use std::iter;
use std::sync::Arc;

use age::DecryptError;
use age::scrypt::{Identity, Recipient};
use zeroize::Zeroizing;

use crate::identities::is_modest;
use crate::secret::SecretString;

/// How hard a guess is made: scrypt with N = 2^17, which takes 128 MiB.
const WORK: u8 = 17;
/// A file that asks for more (1 GiB) was not made here, and is refused before it takes memory.
const MOST_WORK: u8 = 20;

/// What a passphrase is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassphraseUse {
    /// To open the key that is there.
    Open,
    /// To protect a new key: a person is best asked twice.
    Choose,
}

/// Gives the passphrase; none where there is none or the person does not want to.
///
/// Called once a process, and again when the wrapped key has changed. It must end by itself and
/// must not use the vault that it is asked for.
pub type AskPassphrase = Arc<dyn Fn(PassphraseUse) -> Option<SecretString> + Send + Sync>;

/// Why a wrapped key does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnwrapError {
    /// The passphrase is another one. Damage in the one line that it opens looks the same.
    WrongPassphrase,
    /// The file is not what was wrapped.
    Damaged,
    /// The file asks for more work than is good.
    TooMuchWork,
}

/// Encrypts a key's text.
pub(crate) fn wrap(text: &[u8], passphrase: &SecretString) -> Option<Vec<u8>> {
    let mut recipient = Recipient::new(passphrase.expose().into());
    recipient.set_work_factor(WORK);
    let recipients = iter::once(&recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).ok()?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).ok()?;
    writer.write_all(text).ok()?;
    writer.finish().ok()?;
    Some(sealed)
}

/// Decrypts a key's text.
pub(crate) fn unwrap(
    sealed: &[u8],
    passphrase: &SecretString,
) -> Result<Zeroizing<Vec<u8>>, UnwrapError> {
    if !is_modest(sealed) {
        return Err(UnwrapError::Damaged);
    }
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|_| UnwrapError::Damaged)?;
    let mut identity = Identity::new(passphrase.expose().into());
    identity.set_max_work_factor(MOST_WORK);
    let identities = iter::once(&identity as &dyn age::Identity);
    let mut reader = decryptor.decrypt(identities).map_err(|e| match e {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            UnwrapError::WrongPassphrase
        }
        DecryptError::ExcessiveWork { .. } => UnwrapError::TooMuchWork,
        _ => UnwrapError::Damaged,
    })?;
    let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader
        .read_to_end(&mut text)
        .map_err(|_| UnwrapError::Damaged)?;
    Ok(text)
}
