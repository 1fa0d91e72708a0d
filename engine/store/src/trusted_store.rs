//! What the engine may run: the lock, the kept content and the trust roots together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::bundle::Bundle;
use crate::content::{ContentDigest, ContentError, ContentStore};
use crate::lock::{Lock, LockedModule};
use crate::trust::{self, TrustRoot};

/// What to do about an older lock file.
pub const ACCEPT: &str = "restore the newer dayfly.lock; if the older one is right, as after a \
                          restore or on another branch, review and accept it with `dayfly policy \
                          accept`";

/// Why a module may not run for an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, a sentence without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Nobody who is trusted answers for it, so that it may not run any longer either.
    pub untrusted: bool,
}

/// What is kept and known of shared modules. It is read once; open another after a change.
#[derive(Clone, Debug)]
pub struct TrustedStore {
    lock: Result<Lock, String>,
    store: ContentStore,
    trust: Vec<TrustRoot>,
    older: Older,
}

/// What the lock file holds to something older than was seen.
#[derive(Clone, Debug, Default)]
enum Older {
    /// Nothing is known of an older one.
    #[default]
    Unknown,
    /// These entries, and how that shows.
    Entries(BTreeMap<String, String>),
    /// Something was seen, and it is lost what.
    Lost(String),
}

impl TrustedStore {
    /// Where the lock file of a home lies.
    #[must_use]
    pub fn lock_file(home: &Path) -> PathBuf {
        home.join("dayfly.lock")
    }

    /// Where the modules of a home are kept.
    #[must_use]
    pub fn store(home: &Path) -> ContentStore {
        ContentStore::new(home.join("policies"))
    }

    /// What the home in this folder has.
    #[must_use]
    pub fn open(home: &Path, trust: Vec<TrustRoot>) -> Self {
        Self {
            lock: Lock::load(&Self::lock_file(home)).map_err(|e| e.to_string()),
            store: Self::store(home),
            trust,
            older: Older::default(),
        }
    }

    /// An empty store, which holds nothing to anything.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            lock: Ok(Lock::default()),
            store: ContentStore::new(PathBuf::new()),
            trust: Vec::new(),
            older: Older::default(),
        }
    }

    /// The lock file; none where it cannot be used.
    #[must_use]
    pub fn lock(&self) -> Option<&Lock> {
        self.lock.as_ref().ok()
    }

    /// From now on [`TrustedStore::newest`] knows which entries the lock file holds to something older than
    /// was seen.
    pub fn doubt(&mut self, older: BTreeMap<String, String>) {
        self.older = Older::Entries(older);
    }

    /// The same where it is lost what was seen, and why.
    pub fn doubt_all(&mut self, why: String) {
        self.older = Older::Lost(why);
    }

    /// Whether what an entry is held to is nothing older than was seen. For guard rails: of others it
    /// is only told.
    ///
    /// # Errors
    /// It is older, or that cannot be known.
    pub fn newest(&self, entry: &str) -> Result<(), Refusal> {
        let message = match &self.older {
            Older::Unknown => return Ok(()),
            Older::Entries(older) => match older.get(entry) {
                Some(problem) => problem.clone(),
                None => return Ok(()),
            },
            Older::Lost(why) => why.clone(),
        };
        Err(Refusal {
            message,
            hint: Some(ACCEPT.to_owned()),
            untrusted: false,
        })
    }

    /// The module from elsewhere that an entry is held to, out of the store. No network is asked.
    ///
    /// # Errors
    /// The entry is held to none of this source, the module is not kept, or nobody who is trusted answers for it.
    pub fn remote(&self, entry: &str, source: &str) -> Result<Vec<u8>, Refusal> {
        let locked = self.locked(entry)?.ok_or_else(|| Refusal {
            untrusted: false,
            message: format!("{source} has not been reviewed and locked yet"),
            hint: Some(format!(
                "fetch and review it with `dayfly policy update {entry}`"
            )),
        })?;
        same_source(locked, source)?;
        let bytes = self.store.get(&locked.digest).map_err(|e| Refusal {
            untrusted: false,
            message: e.to_string(),
            hint: None,
        })?;
        let bytes = bytes.ok_or_else(|| Refusal {
            untrusted: false,
            message: format!(
                "the module {} of dayfly.lock is not on this machine",
                locked.digest
            ),
            hint: Some(format!(
                "fetch exactly that one with `dayfly policy pull {entry}`"
            )),
        })?;
        self.vouched(locked, &bytes, &[])?;
        Ok(bytes)
    }

    /// Whether the content of a file may run for an entry: it is what the entry is held to, where it is held
    /// to something, and who has to sign it did.
    ///
    /// # Errors
    /// It is something else, or nobody who is trusted answers for it.
    pub fn file(&self, entry: &str, path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
        let source = path.display().to_string();
        let beside = signature_beside(path).map_err(|e| Refusal {
            untrusted: false,
            message: format!("Dayfly cannot read its signature: {e}"),
            hint: Some("fix the file, or remove it if no signature is required".into()),
        })?;
        let Some(locked) = self.locked(entry)? else {
            return self.signed(&source, bytes, &beside);
        };
        same_source(locked, &source)?;
        let found = ContentDigest::of(bytes);
        if found != locked.digest {
            return Err(Refusal {
                untrusted: false,
                message: format!(
                    "{source} is not the module that was reviewed: dayfly.lock has {}, the module \
                     has {found}",
                    locked.digest
                ),
                hint: Some(format!(
                    "if the change is right, review and accept it with `dayfly policy update \
                     {entry}`"
                )),
            });
        }
        self.vouched(locked, bytes, &beside)
    }

    fn locked(&self, entry: &str) -> Result<Option<&LockedModule>, Refusal> {
        match &self.lock {
            Ok(lock) => Ok(lock.module(entry)),
            Err(problem) => Err(Refusal {
                untrusted: false,
                message: problem.clone(),
                hint: Some(
                    "restore the last good dayfly.lock; until then Dayfly runs only \
                            built-in policies"
                        .into(),
                ),
            }),
        }
    }

    /// Whether somebody who is trusted answers for a module, by itself or with its bundle.
    fn vouched(
        &self,
        locked: &LockedModule,
        bytes: &[u8],
        beside: &[String],
    ) -> Result<(), Refusal> {
        let Some(name) = &locked.bundle else {
            return self.signed(&locked.source, bytes, beside);
        };
        let broken = |message: String| Refusal {
            untrusted: false,
            message,
            hint: Some(format!(
                "fetch the bundle again with `dayfly policy update {name}`"
            )),
        };
        let bundle = self.lock.as_ref().ok().and_then(|lock| lock.bundle(name));
        let bundle = bundle.ok_or_else(|| broken(format!("dayfly.lock has no bundle {name}")))?;
        let text = self
            .store
            .get(&bundle.digest)
            .map_err(|e| broken(e.to_string()))?;
        let text =
            text.ok_or_else(|| broken(format!("the bundle {name} is not on this machine")))?;
        self.signed(&bundle.source, &text, &[])?;
        let read = Bundle::parse(&text).map_err(|e| broken(e.to_string()))?;
        if read
            .policies
            .iter()
            .any(|policy| policy.digest == Some(locked.digest))
        {
            return Ok(());
        }
        Err(broken(format!(
            "the module does not belong to the bundle {name}"
        )))
    }

    fn signed(&self, source: &str, bytes: &[u8], beside: &[String]) -> Result<(), Refusal> {
        if !self
            .trust
            .iter()
            .any(|root| trust::matches(&root.source, source))
        {
            return Ok(());
        }
        let kept = self
            .store
            .signatures(&ContentDigest::of(bytes))
            .unwrap_or_default();
        let all: Vec<String> = beside.iter().cloned().chain(kept).collect();
        match trust::check(&self.trust, source, bytes, &all) {
            Ok(_) => Ok(()),
            Err(why) => Err(Refusal {
                untrusted: true,
                message: why.to_string(),
                hint: Some("see [[trust]] in dayfly.toml for the keys that may sign it".into()),
            }),
        }
    }
}

/// The signature beside a file, as minisign names it; none where there is none.
///
/// # Errors
/// What lies there cannot be read.
pub fn signature_beside(path: &Path) -> Result<Vec<String>, ContentError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    let bytes = crate::content::read(Path::new(&name), crate::content::SIGNATURE_MAX)?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(text.into_iter().collect())
}

fn same_source(locked: &LockedModule, source: &str) -> Result<(), Refusal> {
    if locked.source == source {
        return Ok(());
    }
    Err(Refusal {
        untrusted: false,
        message: format!(
            "it was reviewed when it came from {}, not from {source}",
            locked.source
        ),
        hint: Some(format!(
            "review the version that is there now with `dayfly policy update {}`",
            locked.entry
        )),
    })
}
