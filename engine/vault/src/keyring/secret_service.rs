//! The Secret Service of a desktop, over D-Bus. What crosses the bus is encrypted.
//!
//! Each request makes a connection of its own: a service that starts later, or again, is found.
//!
//! Source: <https://specifications.freedesktop.org/secret-service/latest/>.

use std::collections::HashMap;

use secret_service::{EncryptionType, Error, Item, SecretService};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{KeyringError, KeyringItem};

/// The most characters of a service's own words.
const WORDS: usize = 400;

pub(super) fn read(item: &KeyringItem) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
    run(item, async {
        let service = connect().await?;
        let Some(found) = find(&service, item).await? else {
            return Ok(None);
        };
        let content = found.get_secret().await.map_err(refused)?;
        Ok(Some(Zeroizing::new(content)))
    })
}

/// Creates the item or replaces its content.
pub(super) fn write(item: &KeyringItem, content: &[u8]) -> Result<(), KeyringError> {
    const TYPE: &str = "text/plain";
    run(item, async {
        let service = connect().await?;
        if let Some(found) = find(&service, item).await? {
            return found.set_secret(content, TYPE).await.map_err(refused);
        }
        let collection = service
            .get_default_collection()
            .await
            .map_err(|e| match e {
                Error::NoResult => KeyringError::NoDefault,
                e => refused(e),
            })?;
        let label = format!("Key of the Dayfly vault {}", item.account);
        let created = collection.create_item(&label, attributes(item), content, false, TYPE);
        created.await.map(drop).map_err(refused)
    })
}

async fn connect() -> Result<SecretService<'static>, KeyringError> {
    SecretService::connect(EncryptionType::Dh)
        .await
        .map_err(|e| KeyringError::Unreachable(words(&e)))
}

/// The attributes that other keyring libraries use too.
fn attributes(item: &KeyringItem) -> HashMap<&str, &str> {
    HashMap::from([
        ("service", item.service.as_str()),
        ("username", item.account.as_str()),
    ])
}

/// The item, unlocked. While the default keyring is locked, none is no answer.
async fn find<'a>(
    service: &'a SecretService<'_>,
    item: &KeyringItem,
) -> Result<Option<Item<'a>>, KeyringError> {
    let mut found = search(service, item).await?;
    if found.is_empty() {
        match service.get_default_collection().await {
            Ok(default) if default.is_locked().await.map_err(refused)? => {
                unlock(item, default.unlock()).await?;
                found = search(service, item).await?;
            }
            Ok(_) | Err(Error::NoResult) => {}
            Err(e) => return Err(refused(e)),
        }
    }
    let Some(only) = found.pop() else {
        return Ok(None);
    };
    if !found.is_empty() {
        return Err(KeyringError::Several);
    }
    if only.is_locked().await.map_err(refused)? {
        unlock(item, only.unlock()).await?;
    }
    Ok(Some(only))
}

async fn search<'a>(
    service: &'a SecretService<'_>,
    item: &KeyringItem,
) -> Result<Vec<Item<'a>>, KeyringError> {
    let found = service.search_items(attributes(item)).await;
    let found = found.map_err(refused)?;
    Ok(found.unlocked.into_iter().chain(found.locked).collect())
}

async fn unlock(
    item: &KeyringItem,
    asking: impl Future<Output = Result<(), Error>>,
) -> Result<(), KeyringError> {
    let Some(patience) = item.unlock_within else {
        return Err(KeyringError::Locked);
    };
    match timeout(patience, asking).await {
        Ok(outcome) => outcome.map_err(refused),
        Err(_) => Err(KeyringError::Locked),
    }
}

/// Runs a request to its end or to its deadline, which takes the connection down.
fn run<T>(
    item: &KeyringItem,
    request: impl Future<Output = Result<T, KeyringError>>,
) -> Result<T, KeyringError> {
    let runtime: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| KeyringError::Refused(e.to_string()))?;
    let outcome = runtime.block_on(async { timeout(item.limit(), request).await });
    // Not waiting for what blocks, such as the look-up of a host's name.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|_| {
        Err(KeyringError::Silent {
            seconds: item.limit().as_secs(),
        })
    })
}

fn refused(error: Error) -> KeyringError {
    match error {
        Error::Locked | Error::Prompt | Error::PromptDisconnected => KeyringError::Locked,
        // Services answer so where a keyring was locked between two calls.
        e if e
            .to_string()
            .contains("org.freedesktop.Secret.Error.IsLocked") =>
        {
            KeyringError::Locked
        }
        e => KeyringError::Refused(words(&e)),
    }
}

/// What a service says, which may be much.
fn words(error: &Error) -> String {
    dayfly_core::text::one_line(&error.to_string(), WORDS)
}
