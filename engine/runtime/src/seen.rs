//! What was seen of `dayfly.lock` and of the vault, so that an older copy of one is told, and no guard
//! rail runs a module that is older than one that was seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dayfly_store::{Lock, SeenLock, TrustedStore};
use dayfly_vault::{Ask, Doubt, Vault, VaultError};

use crate::home::Home;

/// Under what the lock file is remembered.
const LOCK: &str = "lock";

/// Looks after what was seen.
#[derive(Clone, Debug)]
pub struct Witness {
    vault: Vault,
    record: PathBuf,
}

/// What a look found.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What was seen of the lock file.
    pub lock: SeenLock,
    /// How often the vault was written, as far as was seen.
    pub vault: u64,
    /// What speaks against the vault, or against the record.
    pub doubts: Vec<Doubt>,
    /// Whether the vault could be asked.
    pub checked: bool,
    /// Something was seen of the lock file, and it is lost what.
    pub lost: bool,
}

impl Look {
    /// The entries that a lock file holds to something older than was seen.
    #[must_use]
    pub fn older(&self, lock: &Lock) -> BTreeMap<String, String> {
        self.lock.older(lock)
    }

    /// All that a lock file has of policy entries and of layers that is older than was seen: what it is about,
    /// and how that shows.
    #[must_use]
    pub fn all_older(&self, lock: &Lock) -> Vec<(String, String)> {
        let policies = self.lock.older(lock).into_iter();
        let policies = policies.map(|(entry, how)| (format!("policy entry \"{entry}\""), how));
        let layers = self.lock.older_layers(lock).into_iter();
        let layers = layers.map(|(layer, how)| (format!("layer \"{layer}\""), how));
        policies.chain(layers).collect()
    }
}

impl Witness {
    /// Goes by what this vault of a home tells, and by the record outside of it.
    #[must_use]
    pub fn new(home: &Home, vault: Vault) -> Self {
        let record = home.seen();
        let vault = vault.counted(record.clone());
        Self { vault, record }
    }

    /// The record outside of the vault.
    pub(crate) fn record(&self) -> &Path {
        &self.record
    }

    /// What was seen. Nobody is asked for the key of the vault: without it the record counts as it
    /// stands there.
    #[must_use]
    pub fn look(&self) -> Look {
        let known = self.vault.known();
        let beside = known.beside();
        let lock = match beside.get(LOCK) {
            Some(lock) => serde_json::from_value(lock.clone()).ok(),
            None => beside.is_null().then(SeenLock::default),
        };
        Look {
            vault: known.vault(),
            checked: known.checked,
            lost: known.lost || lock.is_none(),
            lock: lock.unwrap_or_default(),
            doubts: known.doubts,
        }
    }

    /// Tells the trusted store which entries its lock file holds to something older than was seen.
    pub fn judge(&self, store: &mut TrustedStore) -> Look {
        let look = self.look();
        let Some(lock) = store.lock() else {
            return look;
        };
        if look.lost {
            store.doubt_all(self.lost());
        } else {
            let older = look.older(lock);
            store.doubt(older);
        }
        look
    }

    /// The same, and remembers what is newer in the lock file; what there is to be told of the lock
    /// file and of the vault.
    pub(crate) fn watch(&self, store: &mut TrustedStore) -> [(&'static str, Option<String>); 2] {
        let look = self.judge(store);
        let doubts = look.doubts.iter().map(|doubt| self.say(doubt));
        let doubts: Vec<String> = doubts.collect();
        let vault = (!doubts.is_empty()).then(|| format!("{} ({DOUBT})", doubts.join("; ")));
        let lock = store.lock().and_then(|lock| {
            if look.lost {
                return Some(format!(
                    "{} ({})",
                    self.lost(),
                    dayfly_store::trusted_store::ACCEPT
                ));
            }
            let next = look.lock.taken_up(lock);
            let kept = match next == look.lock {
                true => Ok(()),
                false => self.remember(&next, Ask::Nobody),
            };
            let older = told(&look.all_older(lock));
            match kept {
                // A single command of a person, who was not asked for the passphrase: the next engine
                // remembers it.
                Ok(()) | Err(VaultError::NotAtHand(_)) => older,
                Err(error) => Some(match older {
                    Some(older) => older,
                    None => format!(
                        "Dayfly cannot record which dayfly.lock it saw, so it would not notice an \
                         older one: {error}"
                    ),
                }),
            }
        });
        [("dayfly.lock", lock), ("vault", vault)]
    }

    /// Remembers a lock file that was written or accepted on purpose.
    ///
    /// # Errors
    /// Where there is a vault: its key is not to be had, or it cannot be written. The record cannot
    /// be written.
    pub fn written(&self, lock: &Lock, ask: Ask) -> Result<(), VaultError> {
        self.remember(&SeenLock::of(lock), ask)
    }

    /// Takes the vault as it is, although it is older than one that was seen, or gone.
    ///
    /// # Errors
    /// As for [`Witness::written`].
    pub fn accept_vault(&self) -> Result<(), VaultError> {
        self.vault.accept()
    }

    fn remember(&self, lock: &SeenLock, ask: Ask) -> Result<(), VaultError> {
        let beside = serde_json::json!({ LOCK: lock });
        self.vault.remember(beside, ask)
    }

    fn lost(&self) -> String {
        format!(
            "Dayfly does not know which dayfly.lock this machine last saw: it cannot read {}, and \
             there is no vault with a record",
            self.record.display()
        )
    }

    /// What a doubt says, a sentence without a full stop.
    #[must_use]
    pub fn say(&self, doubt: &Doubt) -> String {
        let vault = self.vault.path().display();
        let record = self.record.display();
        match doubt {
            Doubt::VaultOlder {
                has: Some(has),
                seen,
            } => format!(
                "the vault {vault} is an older copy: its counter is {has}, but this machine has \
                 seen {seen}; secrets that were stored, changed or removed in between are undone"
            ),
            Doubt::VaultOlder { has: None, seen } => {
                format!("the vault {vault}, whose counter was {seen}, was removed")
            }
            Doubt::RecordOlder => format!(
                "{record} is an older copy, or Dayfly could not write it; Dayfly uses the record \
                 in the vault"
            ),
            Doubt::RecordGone => format!(
                "{record} is missing, or the vault is from another machine; Dayfly uses the record \
                 in the vault"
            ),
            Doubt::RecordForged => format!(
                "{record} was written without the key of this vault, or belongs to another vault"
            ),
        }
    }
}

/// What to do about a doubt.
pub const DOUBT: &str = "if you restored a backup, moved from another machine or removed it \
                         yourself, run `dayfly secret accept`; otherwise find out who can write \
                         there, and restore the newer vault";

/// What is told of entries and layers that are held to something older.
fn told(older: &[(String, String)]) -> Option<String> {
    let lines: Vec<String> = older
        .iter()
        .map(|(about, problem)| format!("{about}: {problem}"))
        .collect();
    let all = lines.join("; ");
    (!lines.is_empty()).then(|| format!("{all} ({})", dayfly_store::trusted_store::ACCEPT))
}

/// Whether nothing at all was seen yet.
#[must_use]
pub fn nothing(look: &Look) -> bool {
    look.lock == SeenLock::default() && look.vault == 0 && look.doubts.is_empty() && !look.lost
}
