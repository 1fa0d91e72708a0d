//! Counts each write of the vault, in it and in a record outside of it.

use std::path::Path;

use serde_json::Value;

use super::{Item, Items, SEEN, Vault, now};
use crate::error::VaultError;
use crate::identities::Identities;
use crate::private_file;
use crate::seen::{Known, Record, Seen, Told, judge};

/// How often a look starts again because the vault was written meanwhile.
const LOOKS: usize = 5;

/// Who may be asked for the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Whoever the key source asks.
    Person,
    /// Nobody: what cannot be done without the key is not done.
    Nobody,
}

impl Vault {
    /// What was seen of this vault and of what is beside it, and what speaks against it. Nobody is
    /// asked for the key: without it the record outside counts, as it stands there.
    #[must_use]
    pub fn known(&self) -> Known {
        let Some(record) = &self.record else {
            return Known::default();
        };
        let key = match self.path.exists() {
            true => self.keys().at_hand(),
            false => None,
        };
        let key = key.as_deref();
        // A write changes the vault first, then the record: a record that is the same before and after a
        // look at the vault is at most one write behind it, and never ahead.
        let mut before = Record::read(record);
        let mut told = self.told(key);
        for _ in 0..LOOKS {
            let after = Record::read(record);
            if before == after {
                break;
            }
            before = after;
            told = self.told(key);
        }
        judge(before, told, key)
    }

    /// Has something remembered beside what was seen of the vault.
    ///
    /// # Errors
    /// Where there is a vault: its key is not to be had, or it cannot be written. The record cannot
    /// be written.
    pub fn remember(&self, beside: Value, ask: Ask) -> Result<(), VaultError> {
        self.note(ask, |known, _| known.with(beside))
    }

    /// Takes the vault as it is, although it is older than one that was seen, or gone.
    ///
    /// # Errors
    /// As for [`Vault::remember`].
    pub fn accept(&self) -> Result<(), VaultError> {
        self.note(Ask::Person, Known::accepted)
    }

    fn note(&self, ask: Ask, change: impl FnOnce(Known, u64) -> Known) -> Result<(), VaultError> {
        let Some(record) = &self.record else {
            return Ok(());
        };
        let _lock = self.locked()?;
        if !self.path.exists() {
            let key = self.keys().at_hand();
            let known = change(judge(Record::read(record), Told::NoVault, None), 0);
            let next = known.next(known.vault());
            return self.write_record(record, &next, key.as_deref());
        }
        let key = match ask {
            Ask::Person => self.read_to_write()?.1,
            Ask::Nobody => self.keys().at_hand(),
        };
        let place = self.key_source().place();
        let key = key.ok_or(VaultError::NotAtHand(place))?;
        let sealed = private_file::read(&self.path)?.unwrap_or_default();
        let mut items = self.items(key.open(&sealed))?;
        let copy = copy(&items);
        let has = copy.as_ref().map_or(0, Seen::vault);
        let known = judge(Record::read(record), Told::Open(copy), Some(&key));
        let known = change(known, has);
        let next = known.next(known.vault().max(has) + 1);
        self.put(&mut items, &next, &key)?;
        self.write_record(record, &next, Some(&key))
    }

    pub(super) fn write_counted(
        &self,
        items: &mut Items,
        key: &Identities,
    ) -> Result<(), VaultError> {
        self.write_counted_as(items, key, key)
    }

    /// Writes the vault to a key, where that in force is another one.
    pub(super) fn write_counted_as(
        &self,
        items: &mut Items,
        to: &Identities,
        before: &Identities,
    ) -> Result<(), VaultError> {
        let Some(record) = &self.record else {
            return self.write(items, &[to]);
        };
        let copy = copy(items);
        let has = copy.as_ref().map_or(0, Seen::vault);
        let told = match self.path.exists() {
            true => Told::Open(copy),
            false => Told::NoVault,
        };
        let known = judge(Record::read(record), told, Some(before));
        let next = known.next(known.vault().max(has) + 1);
        self.put(items, &next, to)?;
        // The secret is kept. A record that stays behind is told by the next look.
        let _ = self.write_record(record, &next, Some(to));
        Ok(())
    }

    fn put(&self, items: &mut Items, seen: &Seen, key: &Identities) -> Result<(), VaultError> {
        let failed = |_| VaultError::Encrypt(self.path.clone());
        let item = Item {
            value: serde_json::to_string(seen).map_err(failed)?,
            updated_at: now(),
        };
        items.insert(SEEN.to_owned(), item);
        self.write(items, &[key])
    }

    fn write_record(
        &self,
        record: &Path,
        seen: &Seen,
        key: Option<&Identities>,
    ) -> Result<(), VaultError> {
        let text = Record::text(seen, key);
        let text = text.ok_or_else(|| VaultError::Encrypt(record.to_owned()))?;
        Ok(private_file::write(record, &text)?)
    }

    fn told(&self, key: Option<&Identities>) -> Told {
        let sealed = match private_file::read(&self.path) {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return Told::NoVault,
            Err(_) => return Told::Closed,
        };
        let items = key.and_then(|key| self.items(key.open(&sealed)).ok());
        items.map_or(Told::Closed, |items| Told::Open(copy(&items)))
    }
}

/// What the vault tells of what was seen.
fn copy(items: &Items) -> Option<Seen> {
    serde_json::from_str(&items.get(SEEN)?.value).ok()
}
