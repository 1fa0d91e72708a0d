//! Leapp and Hopkey: their Workspace, encrypted for one machine, and keys in the keyring.

mod crypto;
mod model;
mod segment;
mod sessions;
mod tool;

use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_fs::bounded;
use dayfly_vault::{AccessKey, OthersItem, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::aws_profiles::AwsProfiles;
use crate::candidate::{Candidate, Listing, Refused};
use crate::in_the_way::{self, Own};
use crate::keyring;
use crate::source::{Source, SourceError};
use crypto::NotOpened;
use model::Model;
use tool::{HOPKEY, LEAPP, Tool};

/// The longest file that is read, in bytes.
const LIMIT: u64 = 64 << 20;
/// The longest id of a machine, in bytes.
const ID: u64 = 4 << 10;
/// What the keyring has where there was nothing to keep.
const EMPTY: &str = "<EMPTY>";

/// What Leapp, or its heir, has on this machine.
#[derive(Debug)]
pub struct Leapp {
    tool: &'static Tool,
    /// The home of the person.
    pub home: PathBuf,
    /// The id of the machine that the file was written on, where it is not this one.
    pub machine_id: Option<SecretString>,
    /// The shared AWS files.
    pub aws: AwsProfiles,
    /// How long a person has to unlock the keyring.
    pub unlock_within: Option<Duration>,
}

impl Leapp {
    /// Leapp.
    #[must_use]
    pub const fn new(home: PathBuf, aws: AwsProfiles) -> Self {
        Self::of(&LEAPP, home, aws)
    }

    /// Hopkey.
    #[must_use]
    pub const fn hopkey(home: PathBuf, aws: AwsProfiles) -> Self {
        Self::of(&HOPKEY, home, aws)
    }

    const fn of(tool: &'static Tool, home: PathBuf, aws: AwsProfiles) -> Self {
        Self {
            tool,
            home,
            machine_id: None,
            aws,
            unlock_within: None,
        }
    }

    fn file(&self) -> PathBuf {
        self.home.join(self.tool.folder).join(self.tool.file)
    }

    fn error(&self, message: String, hint: &str) -> SourceError {
        SourceError {
            file: self.file(),
            message,
            hint: hint.to_owned(),
        }
    }

    /// The files of teams, with their names.
    fn teams(&self) -> Vec<(String, PathBuf)> {
        let folder = std::fs::read_dir(self.home.join(self.tool.folder));
        let (begin, end) = (format!("{}-", self.tool.title), "-lock.json");
        let mut teams: Vec<_> = folder
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let team = name.strip_prefix(&begin)?.strip_suffix(end)?;
                Some((team.to_owned(), entry.path()))
            })
            .collect();
        teams.sort();
        teams
    }

    /// The text of a file; none where there is no such file.
    fn read(&self, path: &Path) -> Result<Option<Zeroizing<String>>, SourceError> {
        let text = bounded::read_text(path, LIMIT).map_err(|error| {
            self.error(
                error.to_string(),
                "make it readable for you, and import again",
            )
        })?;
        Ok(text.map(Zeroizing::new))
    }

    /// The Workspace in an encrypted text.
    fn open(&self, path: &Path, text: &str, passphrase: &str) -> Result<Model, SourceError> {
        let title = self.tool.title;
        let shown = path.display();
        let opened = crypto::decrypt(text, passphrase, b"{").map_err(|error| match error {
            NotOpened::NotEncrypted => self.error(
                format!("{shown} is no Workspace of {title}"),
                "put the file back that the program wrote, and import again",
            ),
            NotOpened::Truncated => self.error(
                format!("the end of {shown} is missing"),
                "put the whole file back, or its backup, and import again",
            ),
            NotOpened::OtherKey => self.error(
                format!("{title} wrote {shown} on another machine, and encrypted it for that one"),
                "set DAYFLY_MACHINE_ID to what /etc/machine-id says there, and import again",
            ),
        })?;
        Model::read(&opened).map_err(|why| {
            let message = format!("{shown} is no Workspace of {title} that Dayfly knows: {why}");
            self.error(
                message,
                "open it with the newest version of that program, and import again",
            )
        })
    }

    /// What the file is encrypted with: the digest of the machine's id.
    ///
    /// Source: node-machine-id 1.1, `machineIdSync()`.
    fn passphrase(&self) -> Result<Zeroizing<String>, SourceError> {
        let given = self.machine_id.as_ref();
        let given = given.map(|id| Zeroizing::new(id.expose().to_owned()));
        let id = given.or_else(|| {
            let files = ["/var/lib/dbus/machine-id", "/etc/machine-id"];
            let texts = files.map(|file| bounded::read_text(Path::new(file), ID).ok().flatten());
            let mut found = texts.into_iter().flatten();
            found
                .find(|text| !text.trim().is_empty())
                .map(Zeroizing::new)
        });
        let id = id.ok_or_else(|| {
            self.error(
                "this machine has no id that Dayfly can read".to_owned(),
                "set DAYFLY_MACHINE_ID to the id of the machine, and import again",
            )
        })?;
        let id = id
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_lowercase();
        let digest = Sha256::digest(id.as_bytes());
        Ok(Zeroizing::new(data_encoding::HEXLOWER.encode(&digest)))
    }

    /// What a team's file is encrypted with, which only the keyring has.
    fn team_key(&self) -> Option<Zeroizing<String>> {
        let item = self.item("team-signed-in-user".to_owned(), None);
        let content = item.read().ok()??;
        let member: serde_json::Value = serde_json::from_slice(content.expose()).ok()?;
        let key = member["publicRSAKey"].as_str()?;
        Some(Zeroizing::new(key.to_owned()))
    }

    /// An item that keytar wrote.
    fn item(&self, account: String, unlock_within: Option<Duration>) -> OthersItem {
        OthersItem {
            attributes: vec![
                ("service".to_owned(), self.tool.title.to_owned()),
                ("account".to_owned(), account),
            ],
            collection: None,
            unlock_within,
        }
    }

    fn add_teams(&self, listing: &mut Listing) {
        for (team, path) in self.teams() {
            let opened = self.team_key().map(|key| {
                let text = self.read(&path)?.unwrap_or_default();
                self.open(&path, &text, &key)
            });
            let why = match opened {
                Some(Ok(model)) => {
                    let place = path.display().to_string();
                    listing.join(sessions::list(self.tool, &model, &place, Some(&team)));
                    continue;
                }
                Some(Err(error)) => error.message,
                None => "the keyring that can be read now does not have its key".to_owned(),
            };
            listing.refused.push(Refused {
                name: format!("the team {team}"),
                place: path.display().to_string(),
                why,
                hint: Some("unlock the keyring, and import again".to_owned()),
            });
        }
    }
}

impl Source for Leapp {
    fn name(&self) -> &'static str {
        self.tool.name
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let path = self.file();
        let mut listing = Listing {
            shares_profiles: true,
            ..Listing::default()
        };
        if let Some(text) = self.read(&path)? {
            let model = self.open(&path, &text, &self.passphrase()?)?;
            let place = path.display().to_string();
            listing.join(sessions::list(self.tool, &model, &place, None));
            listing.files.push(path);
        }
        self.add_teams(&mut listing);
        // A profile that calls the program for a session is where programs find that session.
        in_the_way::settle(&self.aws, &mut listing, &|process| {
            self.tool
                .session_of(process)
                .map(|id| Own::Session(id.to_owned()))
        })?;
        Ok(listing)
    }

    fn may_import(&self) -> Result<(), SourceError> {
        if !self.tool.is_running(&self.home) {
            return Ok(());
        }
        let title = self.tool.title;
        Err(self.error(
            format!(
                "{title} is running, and would go on to stop its sessions and to write the AWS files by itself"
            ),
            "quit it for good, and import again",
        ))
    }

    fn key(&self, candidate: &Candidate) -> Result<Option<AccessKey>, SourceError> {
        let half = |name: &str| {
            let account = format!("{}-iam-user-aws-session-{name}", candidate.key);
            let content = self.item(account, self.unlock_within).read();
            let content =
                content.map_err(|error| keyring::refused(self.tool.title, &self.file(), &error))?;
            Ok(content.and_then(|content| {
                let text = std::str::from_utf8(content.expose()).ok()?;
                (!text.is_empty() && text != EMPTY).then(|| SecretString::copy_of(text))
            }))
        };
        let (Some(id), Some(secret)) = (half("access-key-id")?, half("secret-access-key")?) else {
            return Ok(None);
        };
        Ok(Some(AccessKey {
            access_key_id: id.expose().to_owned(),
            secret_access_key: secret,
        }))
    }
}

#[cfg(test)]
mod tests;
