//! The keyring that aws-vault and Granted keep long-lived keys in: the Secret Service, `pass`, or encrypted files.
//!
//! Source: github.com/99designs/keyring, `secretservice.go`, `pass.go`, `file.go`; aws-vault,
//! `vault/credentialkeyring.go`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use data_encoding::BASE64;
use dayfly_fs::bounded;
use dayfly_vault::{AccessKey, KeyringError, OthersItem, SecretString, helper, others_in};
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::jwe::{self, NotOpened};
use crate::keyring;
use crate::source::SourceError;

/// The longest item, in bytes.
const LIMIT: usize = 1 << 20;
/// How long a person may take to open what `pass` needs.
const PASS_DEADLINE: Duration = Duration::from_secs(120);

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    SecretService,
    Pass,
    File,
}

/// Gives the passphrase of encrypted files; none where nobody can be asked.
pub type AskPassphrase = Box<dyn Fn(&Path) -> Option<SecretString>>;

/// A keyring of one tool.
pub struct GoKeyring {
    /// What the tool is called.
    pub tool: &'static str,
    /// The collection of the Secret Service.
    pub collection: String,
    /// The folder of `pass`, and what is before the names there.
    pub pass: (PathBuf, String),
    /// The program of `pass`.
    pub pass_program: String,
    /// The folder of encrypted files.
    pub files: PathBuf,
    /// The only place that counts, in the tool's own words, where the person chose one.
    pub only: Option<String>,
    /// The variable that the tool takes the passphrase of the encrypted files from.
    pub variable: &'static str,
    /// Gives that passphrase.
    pub ask: AskPassphrase,
    /// How long a person has to unlock the keyring.
    pub unlock_within: Option<Duration>,
    /// The passphrase, once it was given.
    pub given: OnceLock<Option<SecretString>>,
}

impl fmt::Debug for GoKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoKeyring")
            .field("tool", &self.tool)
            .finish_non_exhaustive()
    }
}

/// What a keyring has, and how it is opened.
#[derive(Debug)]
pub(crate) struct Opened<'a> {
    ring: &'a GoKeyring,
    names: BTreeMap<String, Place>,
    /// Why the Secret Service does not say what it has.
    pub(crate) locked: Option<KeyringError>,
}

/// An item, as JSON.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    data: String,
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(rename = "AccessKeyID")]
    access_key_id: String,
    #[serde(rename = "SecretAccessKey")]
    secret_access_key: String,
    #[serde(rename = "SessionToken", default)]
    session_token: String,
}

impl GoKeyring {
    fn counts(&self, word: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == word)
    }

    /// The key in an item; none where it is not there.
    pub(crate) fn key(&self, name: &str) -> Result<Option<AccessKey>, SourceError> {
        self.open().key(name)
    }

    /// Looks at what there is. Nothing is unlocked for it.
    pub(crate) fn open(&self) -> Opened<'_> {
        let mut opened = Opened {
            ring: self,
            names: BTreeMap::new(),
            locked: None,
        };
        // The tool looks in this order; what is found first counts, so it is put last.
        if self.counts("file") {
            for name in names_in(&self.files) {
                opened.names.insert(unescaped(&name), Place::File);
            }
        }
        if self.counts("pass") {
            let (folder, prefix) = &self.pass;
            let mut found = Vec::new();
            entries_below(&folder.join(prefix), "", &mut found);
            opened
                .names
                .extend(found.into_iter().map(|name| (name, Place::Pass)));
        }
        if self.counts("secret-service") {
            match others_in(&self.collection, "profile") {
                Ok(found) => opened
                    .names
                    .extend(found.into_iter().map(|name| (name, Place::SecretService))),
                // Without a keyring it has nothing.
                Err(KeyringError::Unreachable(_)) => {}
                Err(error) => opened.locked = Some(error),
            }
        }
        opened
    }
}

impl Opened<'_> {
    /// Whether there is an item of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The key in an item; none where it is not there.
    fn key(&self, name: &str) -> Result<Option<AccessKey>, SourceError> {
        let Some(place) = self.names.get(name) else {
            return Ok(None);
        };
        let text = match place {
            Place::SecretService => self.secret_service(name)?,
            Place::Pass => Some(self.pass(name)?),
            Place::File => Some(self.file(name)?),
        };
        let Some(text) = text else {
            return Ok(None);
        };
        let key = read_item(&text).ok_or_else(|| {
            let tool = self.ring.tool;
            self.error(
                format!("what {tool} keeps as \"{name}\" is no long-lived key"),
                "remove it there, or import with --without-keys",
            )
        })?;
        Ok(Some(key))
    }

    fn error(&self, message: String, hint: &str) -> SourceError {
        SourceError {
            file: self.ring.files.clone(),
            message,
            hint: hint.to_owned(),
        }
    }

    fn secret_service(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SourceError> {
        let ring = self.ring;
        let item = OthersItem {
            attributes: vec![("profile".to_owned(), name.to_owned())],
            collection: Some(ring.collection.clone()),
            unlock_within: ring.unlock_within,
        };
        let content = item
            .read()
            .map_err(|error| keyring::refused(ring.tool, &ring.files, &error))?;
        Ok(content.map(|content| Zeroizing::new(content.expose().to_vec())))
    }

    fn pass(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        let (folder, prefix) = &self.ring.pass;
        let name = match prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{}/{name}", prefix.trim_end_matches('/')),
        };
        let failed = |why: String| {
            self.error(
                format!(
                    "`pass show {name}` does not give a key of {}: {why}",
                    self.ring.tool
                ),
                "see that this command works for you, and import again",
            )
        };
        let folder = folder.display().to_string();
        let command = [
            self.ring.pass_program.clone(),
            "show".to_owned(),
            name.clone(),
        ];
        let environment = [("PASSWORD_STORE_DIR", folder.as_str())];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let shown = helper::run(&command, &environment, LIMIT, PASS_DEADLINE);
        let shown = runtime
            .block_on(shown)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Zeroizing::new(shown.expose().as_bytes().to_vec()))
    }

    fn file(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        let path = self.ring.files.join(escaped(name));
        let text = bounded::read_text(&path, LIMIT as u64)
            .map_err(|error| self.error(error.to_string(), "make it readable for you"))?
            .unwrap_or_default();
        let ask = || (self.ring.ask)(&self.ring.files);
        let passphrase = self.ring.given.get_or_init(ask).as_ref().ok_or_else(|| {
            let (tool, folder) = (self.ring.tool, self.ring.files.display());
            self.error(
                format!("the keys of {tool} in {folder} are encrypted, and nobody can be asked for the passphrase"),
                &format!("import on a terminal, or set {} as for the tool itself", self.ring.variable),
            )
        })?;
        jwe::decrypt(&text, passphrase).map_err(|error| {
            let shown = path.display();
            match error {
                NotOpened::WrongPassphrase => self.error(
                    format!("the passphrase does not open {shown}"),
                    "import again with the right one",
                ),
                NotOpened::Damaged => self.error(
                    format!("{shown} is damaged, or its end is missing"),
                    "put the whole file back, or import with --without-keys",
                ),
                NotOpened::Unknown => self.error(
                    format!("{shown} is encrypted in a way that Dayfly does not know"),
                    "import with --without-keys and store the key with `dayfly secret set`",
                ),
            }
        })
    }
}

/// A long-lived key; none where it is something else.
fn read_item(text: &[u8]) -> Option<AccessKey> {
    let mut item: Item = serde_json::from_slice(text).ok()?;
    let data = BASE64.decode(item.data.as_bytes()).ok().map(Zeroizing::new);
    item.data.zeroize();
    let found: Credentials = serde_json::from_slice(&data?).ok()?;
    let secret = SecretString::from(found.secret_access_key);
    let whole = !found.access_key_id.is_empty() && !secret.expose().is_empty();
    (whole && found.session_token.is_empty()).then_some(AccessKey {
        access_key_id: found.access_key_id,
        secret_access_key: secret,
    })
}

/// The names of the files in a folder.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The entries of `pass` below a folder.
fn entries_below(folder: &Path, before: &str, found: &mut Vec<String>) {
    /// How deep folders are looked into.
    const DEPTH: usize = 8;
    if before.matches('/').count() > DEPTH {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            entries_below(&entry.path(), &format!("{before}{name}/"), found);
        } else if let Some(name) = name.strip_suffix(".gpg") {
            found.push(format!("{before}{name}"));
        }
    }
}

/// A name as a file has it.
///
/// Source: github.com/mtibben/percent, `Encode(name, "/")`, which encodes `%` and `/`.
fn escaped(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

fn unescaped(file: &str) -> String {
    file.replace("%2F", "/")
        .replace("%2f", "/")
        .replace("%25", "%")
}
