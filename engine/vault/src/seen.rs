//! What was seen last of the vault and of files beside it, so that an older copy of one shows.
//!
//! The same is kept twice: in the vault, which nobody changes without its key, and in a record outside
//! of it, under a code made with that key. Each write raises a counter in both. Whoever puts an older
//! copy in the place of one of them has two that differ, as TUF's clients notice a repository that
//! goes back by the highest version that they have seen.

use std::path::Path;

use data_encoding::HEXLOWER;
use dayfly_fs::private_file;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use crate::identities::Identities;

/// Sets the code of a record apart from everything else that the key is for.
const PURPOSE: &[u8] = b"dayfly: what was seen, 1\0";

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    /// Made with the record, so that those of two machines are not taken for one.
    id: String,
    /// How often this was written.
    writes: u64,
    /// How often the vault was written.
    vault: u64,
    /// What was found and nobody has accepted yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<Doubt>,
    /// What others have remembered here.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    beside: Value,
}

/// Something that is older than what was seen, or cannot be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "what"
)]
pub enum Doubt {
    /// The vault was written less often than was seen.
    VaultOlder {
        /// Its counter; none where the vault was gone.
        has: Option<u64>,
        /// The counter that was seen.
        seen: u64,
    },
    /// The record is an older one than what the vault tells of it.
    RecordOlder,
    /// The vault tells of a record, and there is none.
    RecordGone,
    /// The record was not written by who has the key of the vault.
    RecordForged,
}

/// What is known of what was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// What was seen.
    seen: Seen,
    /// What speaks against it.
    pub doubts: Vec<Doubt>,
    /// Whether the vault could be asked; without it the record counts as it is.
    pub checked: bool,
    /// There was a record, and neither it nor the vault tells what was in it.
    pub lost: bool,
}

impl Known {
    /// How often the vault was written, as far as was seen.
    #[must_use]
    pub fn vault(&self) -> u64 {
        self.seen.vault
    }

    /// What others have remembered; null where nothing is.
    #[must_use]
    pub fn beside(&self) -> &Value {
        &self.seen.beside
    }

    /// What is to be written next, the vault having this counter. A doubt stays until it is accepted.
    pub(crate) fn next(&self, vault: u64) -> Seen {
        let mut next = self.seen.clone();
        next.writes += 1;
        next.vault = vault;
        next.doubts.clone_from(&self.doubts);
        next
    }

    /// Removes the doubts: a person has accepted what is there.
    pub(crate) fn accepted(self, vault: u64) -> Self {
        Self {
            seen: Seen {
                vault,
                doubts: Vec::new(),
                ..self.seen
            },
            doubts: Vec::new(),
            lost: false,
            ..self
        }
    }

    /// With something else remembered beside.
    pub(crate) fn with(mut self, beside: Value) -> Self {
        self.seen.beside = beside;
        self.lost = false;
        self
    }
}

/// The vault, as far as it can be asked.
pub(crate) enum Told {
    /// There is none.
    NoVault,
    /// Its key is not at hand.
    Closed,
    /// What it holds of what was seen; none in one that an older Dayfly wrote.
    Open(Option<Seen>),
}

/// A record as it stands in its file.
#[derive(PartialEq)]
pub(crate) enum Record {
    /// There is none.
    None,
    /// One that cannot be read.
    Unreadable,
    /// One with a code, or without: then there was no key when it was written.
    There(Seen, Option<String>),
}

#[derive(Serialize, Deserialize)]
struct Written {
    seen: Seen,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl Record {
    pub(crate) fn read(path: &Path) -> Self {
        let Ok(bytes) = private_file::read(path) else {
            return Self::Unreadable;
        };
        let Some(bytes) = bytes else {
            return Self::None;
        };
        match serde_json::from_slice(&bytes) {
            Ok(Written { seen, code }) => Self::There(seen, code),
            Err(_) => Self::Unreadable,
        }
    }

    /// The text of a record, with a code where there is a key.
    pub(crate) fn text(seen: &Seen, key: Option<&Identities>) -> Option<Vec<u8>> {
        let code = match key {
            Some(key) => Some(code(key.newest().as_bytes(), seen)?),
            None => None,
        };
        let written = Written {
            seen: seen.clone(),
            code,
        };
        serde_json::to_vec_pretty(&written).ok()
    }
}

impl Seen {
    /// What nobody has seen anything of yet.
    fn new() -> Self {
        Self {
            id: uuid::Uuid::new_v4().simple().to_string(),
            ..Self::default()
        }
    }

    /// The vault's counter.
    pub(crate) fn vault(&self) -> u64 {
        self.vault
    }
}

/// Judges what the record and the vault tell.
pub(crate) fn judge(record: Record, told: Told, key: Option<&Identities>) -> Known {
    let copy = match &told {
        Told::Open(copy) => copy.clone(),
        Told::NoVault | Told::Closed => None,
    };
    let open = matches!(told, Told::Open(_));
    let mut doubts = Vec::new();
    let of_copy = |copy: &Seen| Seen {
        id: Seen::new().id,
        ..copy.clone()
    };
    let (seen, lost) = match (record, copy) {
        (Record::None, None) => (Seen::new(), false),
        (Record::None, Some(copy)) => {
            // One that was about to be made when something broke off is no loss.
            if copy.writes > 1 {
                doubts.push(Doubt::RecordGone);
            }
            (of_copy(&copy), false)
        }
        (Record::Unreadable, copy) => {
            doubts.push(Doubt::RecordForged);
            match copy {
                Some(copy) => (of_copy(&copy), false),
                None => (Seen::new(), true),
            }
        }
        (Record::There(seen, code), copy) => {
            if open && !genuine(&seen, code.as_deref(), copy.as_ref(), key) {
                doubts.push(Doubt::RecordForged);
                let kept = copy.as_ref().map(of_copy);
                // What it says against something goes on counting.
                (kept.unwrap_or(seen), false)
            } else {
                (compared(seen, copy, &told, &mut doubts), false)
            }
        }
    };
    for doubt in &seen.doubts {
        let same = |one: &Doubt| std::mem::discriminant(one) == std::mem::discriminant(doubt);
        if !doubts.iter().any(same) {
            doubts.push(doubt.clone());
        }
    }
    Known {
        seen,
        doubts,
        checked: open,
        lost,
    }
}

/// The newer of what a genuine record and the vault tell, and what speaks against either.
fn compared(record: Seen, copy: Option<Seen>, told: &Told, doubts: &mut Vec<Doubt>) -> Seen {
    if matches!(told, Told::Closed) {
        return record;
    }
    let has = match told {
        Told::Open(_) => Some(copy.as_ref().map_or(0, |copy| copy.vault)),
        _ => None,
    };
    if has.unwrap_or(0) < record.vault {
        let seen = record.vault;
        doubts.push(Doubt::VaultOlder { has, seen });
    }
    let Some(copy) = copy else {
        return record;
    };
    if copy.id == record.id && copy.writes > record.writes {
        // The vault is written first, so it may be one ahead where something broke off.
        if copy.writes > record.writes + 1 {
            doubts.push(Doubt::RecordOlder);
        }
        return copy;
    }
    Seen {
        vault: record.vault.max(copy.vault),
        writes: record.writes.max(copy.writes),
        ..record
    }
}

/// Whether somebody with the key wrote a record.
fn genuine(seen: &Seen, said: Option<&str>, copy: Option<&Seen>, key: Option<&Identities>) -> bool {
    match (said, key) {
        // One from before there was a key; later ones have a code.
        (None, _) => copy.is_none_or(|copy| copy.writes <= 1),
        (Some(said), Some(key)) => HEXLOWER.decode(said.as_bytes()).is_ok_and(|said| {
            let made_with =
                |key: &[u8]| mac(key, seen).is_some_and(|m| m.verify_slice(&said).is_ok());
            key.each().any(|key| made_with(key.as_bytes()))
        }),
        (Some(_), None) => false,
    }
}

fn code(key: &[u8], seen: &Seen) -> Option<String> {
    Some(HEXLOWER.encode(&mac(key, seen)?.finalize().into_bytes()))
}

fn mac(key: &[u8], seen: &Seen) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(PURPOSE);
    mac.update(&serde_json::to_vec(seen).ok()?);
    Some(mac)
}
