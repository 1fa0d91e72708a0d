//! `dayfly.lock`: which content each entry is held to, and what it wanted when it was looked at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dayfly_fs::edited::Edited;
use dayfly_fs::private_file::PrivateFileError;
use dayfly_fs::trusted;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::content::{ContentDigest, ContentError};
use crate::problem;

/// The longest lock file, in bytes.
const LIMIT: u64 = 4 << 20;
/// The version that is written and read.
const VERSION: u32 = 1;
const HEAD: &str = "# Written by `dayfly policy` and `dayfly layer`. Each entry of dayfly.toml that is listed here runs
# only the module with this digest; keep the file with dayfly.toml, and do not edit it.
";

/// The lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lock {
    version: u32,
    /// How often it was written, on whatever machine.
    #[serde(default, skip_serializing_if = "is_zero")]
    counter: u64,
    #[serde(default, rename = "module", skip_serializing_if = "Vec::is_empty")]
    modules: Vec<LockedModule>,
    #[serde(default, rename = "bundle", skip_serializing_if = "Vec::is_empty")]
    bundles: Vec<LockedBundle>,
    #[serde(default, rename = "layer", skip_serializing_if = "Vec::is_empty")]
    layers: Vec<LockedLayer>,
    /// The file as it was read.
    #[serde(skip)]
    read: AsRead,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What a lock file was read from, which is no part of what it says.
#[derive(Clone, Debug, Default)]
struct AsRead(Option<Vec<u8>>);

impl PartialEq for AsRead {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for AsRead {}

/// What an entry is held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedModule {
    /// The entry.
    pub entry: String,
    /// Where it came from, as `dayfly.toml` names it.
    pub source: String,
    /// What it is.
    pub digest: ContentDigest,
    /// What the source named it then: the digest of a manifest, a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    /// What the module calls itself.
    pub name: String,
    /// The module's own version.
    pub version: String,
    /// Its size.
    pub bytes: u64,
    /// Who signed it: a public key of minisign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Actions that it wanted and was granted.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Whether it may hold.
    #[serde(default)]
    pub hold: bool,
    /// Bytes of state that it wanted.
    #[serde(default)]
    pub state_bytes: u64,
    /// What it wanted to be called for.
    #[serde(default)]
    pub wakes_on: Vec<String>,
    /// The interfaces that it imports.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The bundle that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
}

/// A bundle that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedBundle {
    /// Its name.
    pub name: String,
    /// Where it came from; a tag is the channel whose updates it follows.
    pub source: String,
    /// The digest of its `bundle.toml`.
    pub digest: ContentDigest,
    /// Its version.
    pub version: String,
    /// Who signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The entries that came with it.
    #[serde(default)]
    pub entries: Vec<String>,
}

/// A layer as it was last merged into the Workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedLayer {
    /// Its name.
    pub name: String,
    /// Where it came from, as `dayfly.toml` names it.
    pub source: String,
    /// The digest of its entries, as they are kept.
    pub digest: ContentDigest,
    /// Its own version, where it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the source named it then: the digest of a manifest, a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    /// Who signed it: a public key of minisign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Entries of it for which the Workspace has one of its own, `LIST/ID`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aside: BTreeSet<String>,
}

/// Why the lock file cannot be used.
#[derive(Debug, Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] ContentError),
    /// It cannot be read or written, or others could have written it.
    #[error(transparent)]
    Unsafe(#[from] PrivateFileError),
    /// Somebody else wrote it.
    #[error(
        "another program changed {} in the meantime, so Dayfly wrote nothing; run the same command \
         again",
        .0.display()
    )]
    Changed(PathBuf),
    /// It is none.
    #[error("{path} is not a lock file: {problem}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Lock {
    /// Reads the lock file; an empty one where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn load(path: &Path) -> Result<Self, LockError> {
        let malformed = |problem: String| LockError::Malformed {
            path: path.to_owned(),
            problem,
        };
        let Some(bytes) = trusted::read(path, LIMIT)? else {
            return Ok(Self::default());
        };
        let text =
            String::from_utf8(bytes.clone()).map_err(|e| malformed(e.utf8_error().to_string()))?;
        let mut lock: Self =
            toml::from_str(&text).map_err(|e| malformed(problem::of_toml(&text, &e)))?;
        if lock.version != VERSION {
            return Err(malformed(format!(
                "it has version {}, but this Dayfly supports version {VERSION}",
                lock.version
            )));
        }
        for (n, module) in lock.modules.iter().enumerate() {
            if lock.modules[..n].iter().any(|m| m.entry == module.entry) {
                return Err(malformed(format!(
                    "entry {:?} is in it twice",
                    module.entry
                )));
            }
        }
        for (n, layer) in lock.layers.iter().enumerate() {
            if lock.layers[..n].iter().any(|l| l.name == layer.name) {
                return Err(malformed(format!("layer {:?} is in it twice", layer.name)));
            }
        }
        lock.read = AsRead(Some(bytes));
        Ok(lock)
    }

    /// Writes the lock file in the place of what was read, sorted by name so that changes read well; removes it where nothing is locked.
    ///
    /// # Errors
    /// It cannot be written, or somebody else wrote it since it was read.
    pub fn save(&self, path: &Path) -> Result<(), LockError> {
        let mut file = Edited::open(path, LIMIT)?;
        let changed = || LockError::Changed(path.to_owned());
        if file.bytes() != self.read.0.as_deref() {
            return Err(changed());
        }
        if self.modules.is_empty() && self.bundles.is_empty() && self.layers.is_empty() {
            return match std::fs::remove_file(path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(LockError::File(ContentError::Io {
                        path: path.to_owned(),
                        problem: e,
                    }))
                }
                _ => Ok(()),
            };
        }
        let mut sorted = self.clone();
        sorted.version = VERSION;
        sorted.modules.sort_by(|a, b| a.entry.cmp(&b.entry));
        sorted.bundles.sort_by(|a, b| a.name.cmp(&b.name));
        sorted.layers.sort_by(|a, b| a.name.cmp(&b.name));
        let text = toml::to_string(&sorted).map_err(|e| LockError::Malformed {
            path: path.to_owned(),
            problem: e.to_string(),
        })?;
        match file.replace(format!("{HEAD}{text}").as_bytes())? {
            true => Ok(()),
            false => Err(changed()),
        }
    }

    /// How often it was written.
    #[must_use]
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Counts a write, from the highest counter that was seen on.
    pub fn count_from(&mut self, seen: u64) {
        self.counter = self.counter.max(seen) + 1;
    }

    /// What an entry is held to.
    #[must_use]
    pub fn module(&self, entry: &str) -> Option<&LockedModule> {
        self.modules.iter().find(|module| module.entry == entry)
    }

    /// All of them.
    #[must_use]
    pub fn modules(&self) -> &[LockedModule] {
        &self.modules
    }

    /// Holds an entry to a module, instead of what it was held to.
    pub fn set(&mut self, module: LockedModule) {
        self.remove(&module.entry);
        self.modules.push(module);
    }

    /// Holds an entry to nothing; whether it was held.
    pub fn remove(&mut self, entry: &str) -> bool {
        let before = self.modules.len();
        self.modules.retain(|module| module.entry != entry);
        self.modules.len() < before
    }

    /// A bundle that was added.
    #[must_use]
    pub fn bundle(&self, name: &str) -> Option<&LockedBundle> {
        self.bundles.iter().find(|bundle| bundle.name == name)
    }

    /// All of them.
    #[must_use]
    pub fn bundles(&self) -> &[LockedBundle] {
        &self.bundles
    }

    /// Notes a bundle, instead of an earlier version of it.
    pub fn set_bundle(&mut self, bundle: LockedBundle) {
        self.remove_bundle(&bundle.name);
        self.bundles.push(bundle);
    }

    /// A layer as it was last merged.
    #[must_use]
    pub fn layer(&self, name: &str) -> Option<&LockedLayer> {
        self.layers.iter().find(|layer| layer.name == name)
    }

    /// All of them.
    #[must_use]
    pub fn layers(&self) -> &[LockedLayer] {
        &self.layers
    }

    /// Notes a layer, instead of an earlier version of it.
    pub fn set_layer(&mut self, layer: LockedLayer) {
        self.remove_layer(&layer.name);
        self.layers.push(layer);
    }

    /// Forgets a layer; whether it was there.
    pub fn remove_layer(&mut self, name: &str) -> bool {
        let before = self.layers.len();
        self.layers.retain(|layer| layer.name != name);
        self.layers.len() < before
    }

    /// Forgets a bundle; whether it was there.
    pub fn remove_bundle(&mut self, name: &str) -> bool {
        let before = self.bundles.len();
        self.bundles.retain(|bundle| bundle.name != name);
        self.bundles.len() < before
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn module(entry: &str) -> LockedModule {
        LockedModule {
            entry: entry.into(),
            source: "oci://h/r:1".into(),
            digest: ContentDigest::of(b"x"),
            resolved: None,
            name: "rule".into(),
            version: "1.0.0".into(),
            bytes: 1,
            signer: None,
            actions: vec!["start".into()],
            hold: false,
            state_bytes: 0,
            wakes_on: Vec::new(),
            imports: Vec::new(),
            bundle: None,
        }
    }

    #[test]
    fn what_is_written_is_read_and_an_empty_lock_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dayfly.lock");
        let mut lock = Lock::load(&path).unwrap();
        assert!(lock.module("a").is_none());
        lock.set(module("b"));
        lock.set(module("a"));
        lock.set(LockedModule {
            version: "2.0.0".into(),
            ..module("a")
        });
        lock.save(&path).unwrap();
        let mut again = Lock::load(&path).unwrap();
        assert_eq!(again.module("a").unwrap().version, "2.0.0");
        assert_eq!(again.modules().len(), 2);
        assert!(again.remove("a") && again.remove("b") && !again.remove("b"));
        again.save(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_another_command_locked_meanwhile_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dayfly.lock");
        let mut first = Lock::load(&path).unwrap();
        let mut second = Lock::load(&path).unwrap();
        first.set(module("a"));
        first.save(&path).unwrap();
        second.set(module("b"));
        assert!(matches!(second.save(&path), Err(LockError::Changed(_))));
        let there = Lock::load(&path).unwrap();
        assert!(there.module("a").is_some() && there.module("b").is_none());
    }

    #[test]
    fn what_is_no_lock_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dayfly.lock");
        let mut lock = Lock::default();
        lock.set(module("a"));
        lock.save(&path).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        let twice = format!("{good}{}", &good[good.find("[[module]]").unwrap()..]);
        for text in [
            good.replace("version = 1\n", "version = 2\n"),
            good.replace("sha256:", "md5:"),
            good.replace("entry =", "entri ="),
            twice,
            "nonsense".into(),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert!(
                matches!(Lock::load(&path), Err(LockError::Malformed { .. })),
                "{text}"
            );
        }
    }
}
