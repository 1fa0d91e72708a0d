//! Carrying a plan out and taking it back. Each step can be repeated, so that one that was interrupted is
//! ended by the next try.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dayfly_core::session::{SessionId, Status};
use dayfly_vault::{Vault, VaultError};
use dayfly_workspace::splice::{self, List, SpliceError};
use dayfly_workspace::{EditError, Rejected, Workspace, WorkspaceFile};
use serde_json::{Map, Value};

use crate::aws_profiles::AwsProfiles;
use crate::candidate::{Lines, Requirement};
use crate::entries;
use crate::plan::{Plan, Verdict};
use crate::record::{Record, RecordError};
use crate::shared_lines::{self, LinesError};

/// Fields that the engine writes into a session.
const WRITTEN: [&str; 3] = ["status", "startDateTime", "sessionTokenExpiration"];

/// How long an engine takes at most to write the status of a session that was stopped.
const STATUS_WRITTEN: std::time::Duration = std::time::Duration::from_secs(2);

/// The places that an import changes.
#[derive(Clone, Copy, Debug)]
pub struct Importer<'a> {
    /// The Workspace; it has to be there.
    pub workspace: &'a WorkspaceFile,
    /// The vault for long-lived keys.
    pub vault: &'a Vault,
    /// The shared AWS files.
    pub files: &'a AwsProfiles,
    /// Where the record of the last import is kept.
    pub record: &'a Path,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The names of the sessions that the Workspace got.
    pub sessions: Vec<String>,
    /// How many long-lived keys went out of the shared files into the vault.
    pub keys: usize,
    /// How many the vault got that stay in the keyring of their tool as well.
    pub copied: usize,
    /// The profiles whose lines were set aside.
    pub profiles: BTreeSet<String>,
}

/// Why an import, or taking it back, was not done or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The record of the last import.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The Workspace.
    #[error(transparent)]
    Workspace(#[from] EditError<SpliceError>),
    /// The Workspace cannot be read.
    #[error("{}", .0.problems.first().map(ToString::to_string).unwrap_or_default())]
    Rejected(Rejected),
    /// A shared AWS file.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The vault has another key for a session.
    #[error("session \"{0}\" has another key in the vault, which would be lost")]
    OtherKey(String),
    /// There is no import to take back.
    #[error("there is no import to take back")]
    NoRecord,
    /// Something was edited since the import.
    #[error("the last import cannot be taken back: {0}")]
    Edited(String),
    /// A session of the import is in use.
    #[error("the last import cannot be taken back: session \"{0}\" is in use; stop it first")]
    InUse(String),
}

impl Importer<'_> {
    /// Carries a plan out. Where nothing is to be done, no file changes, the record neither.
    ///
    /// # Errors
    /// [`ImportError`]; a second try ends what was begun.
    pub fn apply(&self, plan: &Plan) -> Result<Applied, ImportError> {
        let lines = owners(plan);
        let mut applied = Applied {
            sessions: plan
                .added()
                .map(|(row, _)| row.candidate.name.clone())
                .collect(),
            keys: 0,
            copied: 0,
            profiles: lines
                .iter()
                .map(|(_, lines)| lines.profile.clone())
                .collect(),
        };
        if applied.sessions.is_empty() && lines.is_empty() {
            return Ok(applied);
        }
        self.note(plan, &lines)?;
        [applied.keys, applied.copied] = self.keep_keys(plan)?;
        self.workspace.edit(|text| plan.apply(text))?;
        shared_lines::take_over(self.files, &lines)?;
        Ok(applied)
    }

    /// Writes down what is about to be done, beside what an earlier try, or an earlier import of other
    /// sources, did.
    fn note(&self, plan: &Plan, lines: &[(String, &Lines)]) -> Result<(), ImportError> {
        let id = |object: &Map<String, Value>, field: &str| object.get(field).cloned();
        let mut record = Record {
            sources: plan.rows.iter().map(|row| row.source.clone()).collect(),
            sessions: plan.added().map(|(_, object)| object.clone()).collect(),
            portals: plan.portals.clone(),
            entries: entries_of(plan),
            without_key: without_key(plan),
            owners: lines.iter().map(|(owner, _)| owner.clone()).collect(),
            ..Record::default()
        };
        record.sources.dedup();
        // An import that was interrupted has sessions in the Workspace whose lines are not set aside.
        if let Some(before) = Record::read(self.record)? {
            let waits = |object: &&Map<String, Value>| {
                let id = object.get("sessionId").and_then(Value::as_str);
                id.is_some_and(|id| record.owners.iter().any(|owner| owner == id))
            };
            let unfinished: Vec<_> = before.sessions.iter().filter(waits).cloned().collect();
            if !unfinished.is_empty() {
                let new = |object: &&Map<String, Value>| {
                    !record
                        .sessions
                        .iter()
                        .any(|known| id(known, "sessionId") == id(object, "sessionId"))
                };
                let sessions: Vec<_> = before.sessions.iter().filter(new).cloned().collect();
                record.sessions.splice(0..0, sessions);
                record.portals.splice(0..0, before.portals);
                for (field, entries) in before.entries {
                    record
                        .entries
                        .entry(field)
                        .or_default()
                        .splice(0..0, entries);
                }
                record.owners.splice(0..0, before.owners);
                record.without_key.splice(0..0, before.without_key);
            }
        }
        record.owners.sort();
        record.owners.dedup();
        Ok(record.write(self.record)?)
    }

    /// How many keys moved, and how many were copied.
    fn keep_keys(&self, plan: &Plan) -> Result<[usize; 2], ImportError> {
        let mut kept = [0; 2];
        for row in &plan.rows {
            let (Some(key), Some(id)) = (&row.candidate.secret, id_of(&row.verdict)) else {
                continue;
            };
            match self
                .vault
                .path()
                .exists()
                .then(|| self.vault.access_key(&id))
                .transpose()?
                .flatten()
            {
                Some(known) if known == *key => continue,
                Some(_) => return Err(ImportError::OtherKey(row.candidate.name.clone())),
                None => {}
            }
            self.vault.set_access_key(&id, key)?;
            // The file is the only other place of the key, so its line is not set aside on trust.
            if self.vault.access_key(&id)?.as_ref() != Some(key) {
                return Err(ImportError::OtherKey(row.candidate.name.clone()));
            }
            kept[usize::from(!row.candidate.moves_key())] += 1;
        }
        Ok(kept)
    }

    /// Takes the last import back: lines of the shared files, sessions, portals and keys. Gives back the
    /// names of the sessions that went.
    ///
    /// # Errors
    /// [`ImportError::Edited`] where something of it was edited or is in use, before anything is changed;
    /// others leave what was done, and a second try ends it.
    pub fn undo(&self) -> Result<Vec<String>, ImportError> {
        let record = Record::read(self.record)?.filter(|record| !record.is_empty());
        let record = record.ok_or(ImportError::NoRecord)?;
        let (workspace, ids) = self.unedited(&record)?;
        self.no_key_since(&record)?;
        // Lines of a session that was removed may be another's by now.
        let sessions = record.sessions.iter();
        let imported = sessions.filter_map(|object| object.get("sessionId")?.as_str());
        let owners = record.owners.iter().map(String::as_str).chain(imported);
        let owners = owners.collect();
        shared_lines::give_all_back(self.files, self.vault, &owners)?;
        let text = |object: &Map<String, Value>, field: &str| {
            object
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        self.workspace
            .edit(|before| without(before, &workspace, &record, &ids))?;
        if self.vault.path().exists() {
            for id in &ids {
                self.vault.remove_access_key(&SessionId::new(id))?;
            }
        }
        let names = record
            .sessions
            .iter()
            .map(|object| text(object, "sessionName"))
            .collect();
        Record::default().write(self.record)?;
        Ok(names)
    }

    /// Makes sure that no key goes which the import did not bring: the vault may be its only place.
    fn no_key_since(&self, record: &Record) -> Result<(), ImportError> {
        if !self.vault.path().exists() {
            return Ok(());
        }
        for id in &record.without_key {
            if self.vault.access_key(&SessionId::new(id))?.is_some() {
                let of = |object: &&Map<String, Value>| {
                    object.get("sessionId").and_then(Value::as_str) == Some(id)
                };
                let found = record.sessions.iter().find(of);
                let name = found.and_then(|object| object.get("sessionName")?.as_str());
                return Err(ImportError::Edited(format!(
                    "a key was stored for session \"{}\" since",
                    name.unwrap_or(id)
                )));
            }
        }
        Ok(())
    }

    /// The Workspace, and the imported sessions that it still has. An engine writes a moment later that a
    /// session has stopped, which is waited for.
    fn unedited(
        &self,
        record: &Record,
    ) -> Result<(std::sync::Arc<Workspace>, BTreeSet<String>), ImportError> {
        let give_up = std::time::Instant::now() + STATUS_WRITTEN;
        loop {
            let workspace = self.current()?;
            match unedited(&workspace, record) {
                Err(ImportError::InUse(_)) if std::time::Instant::now() < give_up => {
                    std::thread::sleep(STATUS_WRITTEN / 20);
                }
                Err(error) => return Err(error),
                Ok(ids) => return Ok((workspace, ids)),
            }
        }
    }

    fn current(&self) -> Result<std::sync::Arc<Workspace>, ImportError> {
        self.workspace.load().map_err(ImportError::Rejected)?;
        self.workspace.current().ok_or(ImportError::NoRecord)
    }
}

/// What a plan adds beside sessions and portals, by the fields of the file.
fn entries_of(plan: &Plan) -> BTreeMap<String, Vec<Map<String, Value>>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in &plan.entries {
        let of_list = all.entry(entry.list.field().to_owned()).or_default();
        of_list.push(entry.object.clone());
    }
    all
}

/// The sessions whose keys a person gives.
fn without_key(plan: &Plan) -> Vec<String> {
    let by_hand = plan
        .added()
        .filter(|(row, _)| row.candidate.requires.contains(&Requirement::KeyByHand));
    let ids = by_hand.filter_map(|(_, object)| object.get("sessionId")?.as_str());
    ids.map(str::to_owned).collect()
}

/// The text of a Workspace file without the sessions of an import, and without what only they needed.
fn without(
    text: &str,
    workspace: &Workspace,
    record: &Record,
    ids: &BTreeSet<String>,
) -> Result<String, SpliceError> {
    let there = ids.iter().map(String::as_str).collect();
    let mut text = splice::remove_all(text, List::Sessions, &there)?;
    let known = |list: List, id: &str| match list {
        List::IdpUrls => workspace.idp_urls().iter().any(|one| one.id == id),
        List::AzureIntegrations => workspace.azure_integration(id).is_some(),
        _ => workspace.aws_sso_integration(id).is_some(),
    };
    for list in [List::AwsSsoIntegrations].into_iter().chain(entries::LISTS) {
        let mut of_list = record
            .entries
            .get(list.field())
            .cloned()
            .unwrap_or_default();
        if list == List::AwsSsoIntegrations {
            of_list = record.portals.clone();
        }
        let used = entries_in_use(&text, list);
        let unused: BTreeSet<&str> = of_list
            .iter()
            .map(entries::id)
            .filter(|id| known(list, id) && !used.contains(*id))
            .collect();
        text = splice::remove_all(&text, list, &unused)?;
    }
    Ok(text)
}

/// The entries of a list that sessions of a Workspace file refer to.
fn entries_in_use(text: &str, list: List) -> BTreeSet<String> {
    let file: Value = serde_json::from_str(text).unwrap_or_default();
    let sessions = file["sessions"].as_array().into_iter().flatten();
    let field = entries::reference(list).unwrap_or_default();
    let ids = sessions.filter_map(|session| session[field].as_str());
    ids.map(str::to_owned).collect()
}

/// Lines that are to be set aside, with the sessions that they are set aside for.
fn owners(plan: &Plan) -> Vec<(String, &Lines)> {
    let rows = plan
        .rows
        .iter()
        .filter_map(|row| Some((id_of(&row.verdict)?, &row.candidate)));
    rows.flat_map(|(id, candidate)| {
        candidate
            .lines
            .iter()
            .map(move |lines| (id.to_string(), lines))
    })
    .collect()
}

/// The session that a candidate is or becomes.
fn id_of(verdict: &Verdict) -> Option<SessionId> {
    match verdict {
        Verdict::Add(object) => object
            .get("sessionId")
            .and_then(Value::as_str)
            .map(SessionId::new),
        Verdict::Present(id) => Some(id.clone()),
        Verdict::Twice(_) | Verdict::Collides { .. } => None,
    }
}

/// The imported sessions that the Workspace still has, where each is as it was imported and none is in use.
fn unedited(workspace: &Workspace, record: &Record) -> Result<BTreeSet<String>, ImportError> {
    let file: Value = serde_json::from_str(workspace.source()).unwrap_or_default();
    let sessions = file["sessions"].as_array().into_iter().flatten();
    let by_id: BTreeMap<&str, &Map<String, Value>> = sessions
        .filter_map(|session| Some((session["sessionId"].as_str()?, session.as_object()?)))
        .collect();
    let mut ids = BTreeSet::new();
    for object in &record.sessions {
        let id = object
            .get("sessionId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let name = object
            .get("sessionName")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(now) = by_id.get(id) else { continue };
        let theirs = now
            .iter()
            .filter(|(field, _)| !WRITTEN.contains(&field.as_str()));
        if !theirs.eq(object.iter()) {
            return Err(ImportError::Edited(format!(
                "session \"{name}\" was edited since"
            )));
        }
        let entry = workspace.get(&SessionId::new(id));
        if entry.is_some_and(|entry| entry.projection.status != Status::Inactive) {
            return Err(ImportError::InUse(name.to_owned()));
        }
        ids.insert(id.to_owned());
    }
    for entry in workspace.sessions() {
        let session = &entry.session;
        let parent = session
            .parent()
            .filter(|parent| ids.contains(parent.as_str()));
        if let Some(parent) = parent.filter(|_| !ids.contains(session.id.as_str())) {
            let why = format!(
                "session \"{}\" was added since, and uses the credentials of {parent}",
                session.name
            );
            return Err(ImportError::Edited(why));
        }
    }
    Ok(ids)
}

#[cfg(test)]
#[path = "importer_tests.rs"]
mod tests;
