//! The Keychain of macOS and the Credential Manager of Windows.

use std::sync::Arc;
use std::time::Duration;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::{KeyringError, KeyringItem, OthersItem};

pub(super) fn read(item: &KeyringItem) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
    match entry(item)?.get_secret() {
        Ok(content) => Ok(Some(Zeroizing::new(content))),
        Err(Error::NoEntry) => Ok(None),
        Err(e) => Err(refused(e)),
    }
}

/// Reads what others call their service and account; items with other attributes are none here.
pub(super) fn read_others(
    item: &OthersItem,
    _: Duration,
) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
    let attribute = |name: &str| {
        let mut all = item.attributes.iter();
        all.find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    let (Some(service), Some(account)) = (attribute("service"), attribute("account")) else {
        return Ok(None);
    };
    read(&KeyringItem {
        service,
        account,
        unlock_within: item.unlock_within,
        instead_of: None,
    })
}

/// There are no collections here.
pub(super) fn others_in(_: &str, _: &str, _: Duration) -> Result<Vec<String>, KeyringError> {
    Ok(Vec::new())
}

/// Creates the item or replaces its content.
pub(super) fn write(item: &KeyringItem, content: &[u8]) -> Result<(), KeyringError> {
    entry(item)?.set_secret(content).map_err(refused)
}

fn entry(item: &KeyringItem) -> Result<Entry, KeyringError> {
    let store = store().map_err(|e| KeyringError::Unreachable(text(&e)))?;
    store
        .build(&item.service, &item.account, None)
        .map_err(refused)
}

#[cfg(target_os = "macos")]
fn store() -> Result<Arc<impl CredentialStoreApi>, Error> {
    apple_native_keyring_store::keychain::Store::new()
}

#[cfg(windows)]
fn store() -> Result<Arc<impl CredentialStoreApi>, Error> {
    windows_native_keyring_store::Store::new()
}

fn refused(error: Error) -> KeyringError {
    match error {
        Error::NoStorageAccess(_) => KeyringError::Locked,
        Error::Ambiguous(_) => KeyringError::Several,
        e => KeyringError::Refused(text(&e)),
    }
}

/// Some errors of the library carry the secret that they are about.
fn text(error: &Error) -> String {
    match error {
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "its content is not text".to_owned(),
        e => e.to_string(),
    }
}
