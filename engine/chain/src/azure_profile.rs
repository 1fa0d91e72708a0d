//! The Azure CLI's list of subscriptions, so that `az` finds the one of a session where the session's
//! managed identity endpoint is in the environment (`dayfly exec`, `dayfly env`).
//!
//! An entry of ours names the managed identity as its account: no token stands in the file. All
//! else in it stays byte for byte, the byte order mark at its beginning too, which the Azure CLI
//! writes.
//!
//! Source: azure-cli, `azure.cli.core._profile`: the list `subscriptions`, the account of type
//! `servicePrincipal` named `systemAssignedIdentity` with `assignedIdentityInfo` `MSI`, and keys
//! that it does not know are kept.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_core::delivery::Place;
use dayfly_core::session::SessionId;
use dayfly_vault::Material;
use dayfly_vault::shared_file::{self, SharedFile};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::error::ChainError;
use crate::target::{Change, Observed, Publication, Target};

const LOCK_DEADLINE: Duration = Duration::from_secs(5);
const LIMIT: u64 = 16 << 20;
const ATTEMPTS: u32 = 20;
const MENTION: &[u8] = b"\"dayfly\"";
const MARK: &str = "\u{feff}";

/// The file: `azureProfile.json` in `AZURE_CONFIG_DIR`, or in `~/.azure`.
#[derive(Clone, Debug)]
pub struct AzureProfile {
    path: PathBuf,
    home: Option<String>,
}

impl AzureProfile {
    /// The file at this path; neither it nor its folder has to exist.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path, home: None }
    }

    /// Names this Dayfly, where several write into the file.
    #[must_use]
    pub fn of_home(mut self, word: &str) -> Self {
        self.home = Some(word.to_owned());
        self
    }

    fn rewrite(&self, changes: &[Change]) -> Result<Vec<Result<(), ChainError>>, ChainError> {
        let file = SharedFile::lock(&self.path, LOCK_DEADLINE)?;
        for _ in 0..ATTEMPTS {
            let seen = file.read(LIMIT)?;
            let mut list = List::parse(&self.path, seen.bytes(), self.home.as_deref())?;
            let results = changes.iter().map(|change| list.apply(change)).collect();
            if list.text.as_bytes() == seen.bytes() || file.replace(&seen, list.text.as_bytes())? {
                return Ok(results);
            }
        }
        Err(ChainError::Busy(self.path.clone()))
    }
}

impl Target for AzureProfile {
    fn place(&self) -> Place {
        Place::AzureProfile
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn apply(&self, changes: &[Change]) -> Vec<Result<(), ChainError>> {
        let retracts_only = { changes.iter() }.all(|c| matches!(c, Change::Retract { .. }));
        if retracts_only && !self.path.exists() {
            return changes.iter().map(|_| Ok(())).collect();
        }
        self.rewrite(changes)
            .unwrap_or_else(|error| changes.iter().map(|_| Err(error.clone())).collect())
    }

    fn observe(&self) -> Result<Vec<Observed>, ChainError> {
        let seen = shared_file::peek(&self.path, LIMIT)?;
        if !mentions_us(seen.bytes()) {
            return Ok(Vec::new());
        }
        let list = List::parse(&self.path, seen.bytes(), self.home.as_deref())?;
        let ours = list.entries()?.into_iter().filter_map(|entry| {
            Some(Observed {
                session: list.ours(&entry)?,
                profile: entry.subscription,
                credentials: None,
            })
        });
        Ok(ours.collect())
    }

    fn holds_any_of(&self, changes: &[Change]) -> Result<bool, ChainError> {
        if { changes.iter() }.any(|change| matches!(change, Change::Publish(_))) {
            return Ok(true);
        }
        let seen = shared_file::peek(&self.path, LIMIT)?;
        if !mentions_us(seen.bytes()) {
            return Ok(false);
        }
        let list = List::parse(&self.path, seen.bytes(), self.home.as_deref())?;
        let entries = list.entries()?;
        let held = entries.iter().filter_map(|entry| list.ours(entry));
        let held: Vec<SessionId> = held.collect();
        Ok(changes.iter().any(|change| match change {
            Change::Publish(_) => true,
            Change::Retract { session } => held.contains(session),
        }))
    }
}

/// Whether anything of ours can be in it: somebody else's file, whatever it is, is none of our
/// business.
fn mentions_us(text: &[u8]) -> bool {
    text.windows(MENTION.len()).any(|part| part == MENTION)
}

/// The text of the file.
struct List<'a> {
    path: &'a Path,
    home: Option<&'a str>,
    text: String,
}

/// One subscription in it.
struct Entry {
    span: Range<usize>,
    subscription: String,
    session: Option<String>,
    home: Option<String>,
    is_default: bool,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    subscriptions: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Subscription {
    id: String,
    is_default: bool,
    dayfly: Option<Mark>,
}

/// What tells our entries apart.
#[derive(Deserialize)]
struct Mark {
    session: String,
    home: Option<String>,
}

impl<'a> List<'a> {
    fn parse(path: &'a Path, bytes: &[u8], home: Option<&'a str>) -> Result<Self, ChainError> {
        let unclear = |problem| ChainError::Unclear {
            path: path.to_owned(),
            line: 1,
            problem,
        };
        let text = std::str::from_utf8(bytes).map_err(|_| unclear("the file is not UTF-8 text"))?;
        let text = match text.trim_start_matches(MARK).trim().is_empty() {
            true => format!("{MARK}{{\"subscriptions\": []}}"),
            false => text.to_owned(),
        };
        let this = Self { path, home, text };
        // What the Azure CLI would not read either is left alone.
        this.list()?;
        Ok(this)
    }

    /// Where the list stands in the text, brackets included; none in a file of an Azure CLI that nobody
    /// has signed in to.
    fn list(&self) -> Result<Option<Range<usize>>, ChainError> {
        let problem = "the file is not what the Azure CLI writes; run `az account clear`, or move \
                       it away";
        let unclear = || ChainError::Unclear {
            path: self.path.to_owned(),
            line: 1,
            problem,
        };
        let body = self.text.strip_prefix(MARK).unwrap_or(&self.text);
        // A list would do for a struct as well.
        if !body.trim_start().starts_with('{') {
            return Err(unclear());
        }
        let file: File<'_> = serde_json::from_str(body).map_err(|_| unclear())?;
        match file.subscriptions.map(RawValue::get) {
            Some(list) if list.starts_with('[') => Ok(Some(self.span(list))),
            Some(_) => Err(unclear()),
            None => Ok(None),
        }
    }

    /// The same; where there is none, an empty one is made.
    fn made_list(&mut self) -> Result<Range<usize>, ChainError> {
        if let Some(list) = self.list()? {
            return Ok(list);
        }
        const MADE: &str = "\"subscriptions\": []";
        let at = self.text.find('{').map_or(0, |brace| brace + 1);
        let rest = self.text.get(at..).unwrap_or_default();
        let comma = if rest.trim_start().starts_with('}') {
            ""
        } else {
            ", "
        };
        self.text.insert_str(at, &format!("{MADE}{comma}"));
        let end = at + MADE.len();
        Ok(end - 2..end)
    }

    /// Where a part of the text stands in it.
    fn span(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr() as usize - self.text.as_ptr() as usize;
        start..start + part.len()
    }

    fn entries(&self) -> Result<Vec<Entry>, ChainError> {
        let Some(list) = self.list()? else {
            return Ok(Vec::new());
        };
        let list = self.text.get(list).unwrap_or_default();
        let raw: Vec<&RawValue> = serde_json::from_str(list).unwrap_or_default();
        let entries = raw.into_iter().map(|raw| {
            let read: Subscription = serde_json::from_str(raw.get()).unwrap_or_default();
            let (session, home) = match read.dayfly {
                Some(mark) => (Some(mark.session), mark.home),
                None => (None, None),
            };
            Entry {
                span: self.span(raw.get()),
                subscription: read.id,
                session,
                home,
                is_default: read.is_default,
            }
        });
        Ok(entries.collect())
    }

    /// The session whose entry it is, where it is one of ours.
    fn ours(&self, entry: &Entry) -> Option<SessionId> {
        let session = entry.session.as_deref()?;
        let foreign = self.home.is_some() && entry.home.is_some();
        (!foreign || entry.home.as_deref() == self.home).then(|| SessionId::new(session))
    }

    fn apply(&mut self, change: &Change) -> Result<(), ChainError> {
        match change {
            Change::Publish(publication) => self.publish(publication),
            Change::Retract { session } => self.remove(session),
        }
    }

    fn publish(&mut self, publication: &Publication) -> Result<(), ChainError> {
        let Material::Azure {
            subscription_id,
            tenant_id,
            environment,
            ..
        } = &publication.credentials.material
        else {
            return Err(ChainError::Value {
                session: publication.session_name.clone(),
                field: "kind of credentials",
                problem: "is not one that Azure accepts",
            });
        };
        let entries = self.entries()?;
        let same = |entry: &&Entry| {
            entry.subscription.eq_ignore_ascii_case(subscription_id)
                && self.ours(entry).as_ref() != Some(&publication.session)
        };
        if let Some(other) = entries.iter().find(same) {
            return Err(self.taken(other, &publication.profile));
        }
        let default = !entries.iter().any(|entry| {
            entry.is_default && self.ours(entry).as_ref() != Some(&publication.session)
        });
        let element = json!({
            "id": subscription_id,
            "name": publication.session_name,
            "state": "Enabled",
            "user": {
                "name": "systemAssignedIdentity",
                "type": "servicePrincipal",
                "assignedIdentityInfo": "MSI",
            },
            "isDefault": default,
            "tenantId": tenant_id,
            "environmentName": environment,
            "dayfly": { "session": publication.session.as_str(), "home": self.home },
        })
        .to_string();
        let there = entries
            .iter()
            .find(|entry| self.ours(entry).as_ref() == Some(&publication.session));
        if let Some(there) = there {
            self.text.replace_range(there.span.clone(), &element);
            return Ok(());
        }
        let at = match entries.last() {
            Some(last) => last.span.end,
            None => self.made_list()?.start + 1,
        };
        let comma = if entries.is_empty() { "" } else { ", " };
        self.text.insert_str(at, &format!("{comma}{element}"));
        Ok(())
    }

    /// Why the subscription of an entry cannot be published: somebody else has an entry for it.
    fn taken(&self, other: &Entry, profile: &str) -> ChainError {
        if let Some(session) = self.ours(other) {
            return ChainError::OtherSession {
                path: self.path.to_owned(),
                profile: profile.to_owned(),
                session: session.to_string(),
            };
        }
        let before = self.text.get(..other.span.start).unwrap_or_default();
        ChainError::ForeignProfile {
            path: self.path.to_owned(),
            profile: profile.to_owned(),
            line: before.matches('\n').count() + 1,
            key: "id".to_owned(),
        }
    }

    fn remove(&mut self, session: &SessionId) -> Result<(), ChainError> {
        let entries = self.entries()?;
        let found = { entries.iter() }.position(|entry| self.ours(entry).as_ref() == Some(session));
        let Some(at) = found else {
            return Ok(());
        };
        let span = entries[at].span.clone();
        // With the comma that stood before it, or else behind it.
        let range = match (at.checked_sub(1), entries.get(at + 1)) {
            (Some(before), _) => entries[before].span.end..span.end,
            (None, Some(after)) => span.start..after.span.start,
            (None, None) => span,
        };
        self.text.replace_range(range, "");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dayfly_core::session::Lease;
    use dayfly_core::time::Timestamp;
    use dayfly_vault::TemporaryCredentials;

    use super::*;

    fn publish(session: &str, subscription: &str) -> Change {
        Change::Publish(Publication {
            session: SessionId::new(session),
            session_name: format!("name of {session}"),
            profile: subscription.to_owned(),
            credentials: Arc::new(TemporaryCredentials {
                lease: Lease {
                    issued_at: Timestamp::ZERO,
                    expires_at: None,
                },
                material: Material::Azure {
                    access_token: "canary".to_owned().into(),
                    resource: "r".into(),
                    subscription_id: subscription.to_owned(),
                    tenant_id: "t".into(),
                    environment: "AzureCloud".into(),
                },
            }),
            displaced: Vec::new(),
            region: None,
        })
    }

    fn retract(session: &str) -> Change {
        Change::Retract {
            session: SessionId::new(session),
        }
    }

    const THEIRS: &str = "\u{feff}{\"installationId\": \"i-1\", \"subscriptions\": [{\"id\": \"S0\", \
        \"isDefault\": true, \"x\":1.50, \"user\": {\"name\": \"é@example.com\"}}], \"z\":  null}";

    #[test]
    fn what_others_wrote_stays_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("azureProfile.json");
        std::fs::write(&path, THEIRS).unwrap();
        let target = AzureProfile::new(path.clone()).of_home("h1");
        let done = target.apply(&[publish("a", "S1"), publish("b", "S2")]);
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&THEIRS[..THEIRS.len() - 14]), "{text}");
        assert!(!text.contains("canary"));
        let seen: Vec<_> = target.observe().unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].profile, "S1");
        let refused = target.apply(&[publish("c", "s1")]);
        assert!(matches!(refused[0], Err(ChainError::OtherSession { .. })));
        // The same again changes nothing; another home's are not ours.
        assert!(target.apply(&[publish("a", "S1")])[0].is_ok());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let other = AzureProfile::new(path.clone()).of_home("h2");
        assert!(other.observe().unwrap().is_empty());
        assert!(target.holds_any_of(&[retract("a")]).unwrap());
        assert!(!other.holds_any_of(&[retract("a")]).unwrap());
        let done = target.apply(&[retract("a"), retract("b"), retract("none")]);
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), THEIRS);
    }

    #[test]
    fn a_file_without_a_list_gets_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("azureProfile.json");
        let target = AzureProfile::new(path.clone());
        for (before, rest) in [
            ("\u{feff}{}", "}"),
            ("{ }", " }"),
            (
                "\u{feff}{\"installationId\": \"i-1\"}",
                ", \"installationId\": \"i-1\"}",
            ),
        ] {
            std::fs::write(&path, before).unwrap();
            // Nothing of ours is in it, so nothing is done to it.
            assert!(target.apply(&[retract("a")])[0].is_ok());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
            let done = target.apply(&[publish("a", "S1"), publish("b", "S2")]);
            assert!(done.iter().all(Result::is_ok), "{done:?}");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.ends_with(&format!("}}]{rest}")), "{text}");
            assert_eq!(target.observe().unwrap().len(), 2);
            assert!(target.apply(&[retract("a"), retract("b")])[1].is_ok());
            let text = std::fs::read_to_string(&path).unwrap();
            let start = &before[..=before.find('{').unwrap()];
            assert_eq!(text, format!("{start}\"subscriptions\": []{rest}"));
        }
        for wrong in ["[\"dayfly\"]", "3", "\"dayfly\""] {
            std::fs::write(&path, wrong).unwrap();
            assert!(target.apply(&[publish("a", "S1")])[0].is_err(), "{wrong}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong);
        }
    }

    #[test]
    fn an_own_sign_in_is_not_overwritten_and_a_new_file_has_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("azureProfile.json");
        std::fs::write(&path, THEIRS).unwrap();
        let target = AzureProfile::new(path.clone());
        let refused = target.apply(&[publish("a", "s0")]);
        assert!(matches!(refused[0], Err(ChainError::ForeignProfile { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), THEIRS);
        let new = AzureProfile::new(folder.path().join("new/azureProfile.json"));
        assert!(new.apply(&[publish("a", "S1")])[0].is_ok());
        let text = std::fs::read_to_string(new.path()).unwrap();
        assert!(
            text.starts_with(MARK) && text.contains("\"isDefault\":true"),
            "{text}"
        );
        assert!(new.apply(&[retract("a")])[0].is_ok());
        assert!(new.observe().unwrap().is_empty());
        std::fs::write(&path, "{\"subscriptions\": 3}").unwrap();
        assert!(target.observe().unwrap().is_empty());
        assert!(target.apply(&[publish("a", "S1")])[0].is_err());
        std::fs::write(&path, "{\"subscriptions\": 3, \"dayfly\": 1}").unwrap();
        assert!(target.observe().is_err());
    }
}
