//! The Secret Service of a desktop, over D-Bus. What crosses the bus is encrypted.
//!
//! Each request makes a connection of its own: a service that starts later, or again, is found.
//!
//! Source: <https://specifications.freedesktop.org/secret-service/latest/>.

use std::collections::HashMap;
use std::time::Duration;

use secret_service::{Collection, EncryptionType, Error, Item, SecretService};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{KeyringError, KeyringItem, OthersItem};

/// The most characters of a service's own words.
const WORDS: usize = 400;

pub(super) fn read(item: &KeyringItem) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
    run(item.limit(), async {
        let service = connect().await?;
        content(find(&service, &Search::of(item)).await?).await
    })
}

pub(super) fn read_others(
    item: &OthersItem,
    limit: Duration,
) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
    let attributes = item.attributes.iter();
    let search = Search {
        attributes: attributes.map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        collection: item.collection.as_deref(),
        unlock_within: item.unlock_within,
    };
    run(limit, async {
        let service = connect().await?;
        content(find(&service, &search).await?).await
    })
}

pub(super) fn others_in(
    name: &str,
    attribute: &str,
    limit: Duration,
) -> Result<Vec<String>, KeyringError> {
    let search = Search {
        attributes: HashMap::new(),
        collection: Some(name),
        unlock_within: None,
    };
    run(limit, async {
        let service = connect().await?;
        let Some(keyring) = collection(&service, &search).await? else {
            return Ok(Vec::new());
        };
        // What a locked one says of its items is not for others.
        if keyring.is_locked().await.map_err(refused)? {
            return Err(KeyringError::Locked);
        }
        let mut found = Vec::new();
        for item in keyring.get_all_items().await.map_err(refused)? {
            let mut attributes = item.get_attributes().await.map_err(refused)?;
            found.extend(attributes.remove(attribute));
        }
        Ok(found)
    })
}

async fn content(item: Option<Item<'_>>) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
    match item {
        Some(found) => {
            let content = found.get_secret().await.map_err(refused)?;
            Ok(Some(Zeroizing::new(content)))
        }
        None => Ok(None),
    }
}

/// Creates the item or replaces its content.
pub(super) fn write(item: &KeyringItem, content: &[u8]) -> Result<(), KeyringError> {
    const TYPE: &str = "text/plain";
    run(item.limit(), async {
        let service = connect().await?;
        if let Some(found) = find(&service, &Search::of(item)).await? {
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

/// Which item is looked for.
struct Search<'a> {
    attributes: HashMap<&'a str, &'a str>,
    /// The collection that it is in; without it, any.
    collection: Option<&'a str>,
    unlock_within: Option<Duration>,
}

impl<'a> Search<'a> {
    fn of(item: &'a KeyringItem) -> Self {
        Self {
            attributes: attributes(item),
            collection: None,
            unlock_within: item.unlock_within,
        }
    }
}

/// The item, unlocked. While the keyring that it would be in is locked, none is no answer.
async fn find<'a>(
    service: &'a SecretService<'_>,
    wanted: &Search<'_>,
) -> Result<Option<Item<'a>>, KeyringError> {
    let mut found = search(service, wanted).await?;
    if found.is_empty() {
        match collection(service, wanted).await? {
            Some(keyring) if keyring.is_locked().await.map_err(refused)? => {
                unlock(wanted, keyring.unlock()).await?;
                found = search(service, wanted).await?;
            }
            _ => {}
        }
    }
    let Some(only) = found.pop() else {
        return Ok(None);
    };
    if !found.is_empty() {
        return Err(KeyringError::Several);
    }
    if only.is_locked().await.map_err(refused)? {
        unlock(wanted, only.unlock()).await?;
    }
    Ok(Some(only))
}

/// The keyring that an item would be in; none where there is no such keyring.
async fn collection<'a>(
    service: &'a SecretService<'_>,
    wanted: &Search<'_>,
) -> Result<Option<Collection<'a>>, KeyringError> {
    let Some(name) = wanted.collection else {
        return match service.get_default_collection().await {
            Ok(default) => Ok(Some(default)),
            Err(Error::NoResult) => Ok(None),
            Err(e) => Err(refused(e)),
        };
    };
    let all = service.get_all_collections().await.map_err(refused)?;
    let mut all = all.into_iter();
    Ok(all.find(|one| collection_of(&one.collection_path) == Some(encoded(name))))
}

async fn search<'a>(
    service: &'a SecretService<'_>,
    wanted: &Search<'_>,
) -> Result<Vec<Item<'a>>, KeyringError> {
    let found = service.search_items(wanted.attributes.clone()).await;
    let found = found.map_err(refused)?;
    let is_there = |item: &Item<'_>| {
        let name = wanted.collection.map(encoded);
        name.is_none() || collection_of(&item.item_path) == name
    };
    let all = found.unlocked.into_iter().chain(found.locked);
    Ok(all.filter(is_there).collect())
}

/// The name of the collection that an object is, or is in, as its path has it.
fn collection_of(path: &str) -> Option<String> {
    let (_, rest) = path.split_once("/collection/")?;
    rest.split('/').next().map(str::to_owned)
}

/// A name as paths of objects have it: what is neither a letter nor a digit is written in hexadecimal.
fn encoded(name: &str) -> String {
    let mut path = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("_{byte:02x}"));
        }
    }
    path
}

async fn unlock(
    wanted: &Search<'_>,
    asking: impl Future<Output = Result<(), Error>>,
) -> Result<(), KeyringError> {
    let Some(patience) = wanted.unlock_within else {
        return Err(KeyringError::Locked);
    };
    match timeout(patience, asking).await {
        Ok(outcome) => outcome.map_err(refused),
        Err(_) => Err(KeyringError::Locked),
    }
}

/// Runs a request to its end or to its deadline, which takes the connection down.
fn run<T>(
    limit: Duration,
    request: impl Future<Output = Result<T, KeyringError>>,
) -> Result<T, KeyringError> {
    let runtime: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| KeyringError::Refused(e.to_string()))?;
    let outcome = runtime.block_on(async { timeout(limit, request).await });
    // Not waiting for what blocks, such as the look-up of a host's name.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|_| {
        Err(KeyringError::Silent {
            seconds: limit.as_secs(),
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
