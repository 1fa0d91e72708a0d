//! The Workspace file in use: load it, write states into it, edit it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dayfly_core::session::SessionId;

use crate::diff::diff;
use crate::disk::{self, Base, DiskError, Swap};
use crate::lock::Lock;
use crate::problem::{Problem, Rejected, Severity};
use crate::splice;
use crate::workspace::Workspace;
use dayfly_core::input::{PersistedStatus, WorkspaceChange};

/// The longest file that is read, unless another limit is set: 64 MiB, room for about 100,000
/// sessions.
pub const DEFAULT_LIMIT: u64 = 64 << 20;

/// How often a write is started again because somebody else wrote in between.
const TRIES: u32 = 40;
/// How long to wait before that.
const PAUSE: Duration = Duration::from_millis(10);

/// A Workspace file, and what the caller has been told of it.
///
/// Safe to share between threads; each call may take as long as the disk and another process's
/// lock let it (seconds at worst), so keep it off an event loop.
#[derive(Debug)]
pub struct WorkspaceFile {
    path: PathBuf,
    limit: u64,
    told: Mutex<Option<Told>>,
}

/// What the caller knows.
#[derive(Debug)]
struct Told {
    /// The last version that was loaded, with the states that were written since.
    workspace: Arc<Workspace>,
    /// Whether the file's text was this Workspace's when it was last written; if not, edits are
    /// still to be told.
    exact: bool,
}

/// What a load found.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// Nothing that the caller does not know.
    Unchanged,
    /// Another text.
    Changed {
        /// The version that is now in force.
        workspace: Arc<Workspace>,
        /// What others changed; may be empty, as where only an indentation changed. The states
        /// that were written by [`WorkspaceFile::project`] are not in it.
        difference: WorkspaceChange,
    },
}

/// What became of states that were to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Whether the file was written; not where it said all that already.
    pub wrote: bool,
    /// Sessions that the file has not.
    pub missing: Vec<SessionId>,
    /// Sessions whose `status` somebody edited and no load has told yet. That edit stands; load,
    /// then decide again.
    pub deferred: Vec<SessionId>,
}

/// Why states could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The text that stands in the file cannot be used; it was left alone.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Reading or writing failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why an edit was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError<E> {
    /// The change itself failed.
    #[error(transparent)]
    Change(E),
    /// The file would have errors that it has not now; it was left alone.
    #[error(
        "Dayfly did not make the edit: {}",
        .problems.first().map(ToString::to_string).unwrap_or_default()
    )]
    Refused {
        /// Those errors; never empty.
        problems: Vec<Problem>,
    },
    /// The file could not be read or written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl WorkspaceFile {
    /// The file at this path; nothing is read yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            limit: DEFAULT_LIMIT,
            told: Mutex::new(None),
        }
    }

    /// Sets another limit of length, in bytes.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version in force: the last one that was loaded, with the states that were written since.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Workspace>> {
        self.told().as_ref().map(|t| Arc::clone(&t.workspace))
    }

    /// Reads the file where it is not as the caller knows it.
    ///
    /// # Errors
    /// [`Rejected`] where there is no file, it may not be read (see [`DiskError`]), or its text
    /// cannot be used. The version in force stays.
    pub fn load(&self) -> Result<Loaded, Rejected> {
        let mut told = self.told();
        let base = disk::read(&self.path, self.limit).map_err(|e| self.rejected(&e))?;
        if let Some(Told { workspace, exact }) = &*told
            && *exact
            && workspace.source() == base.text
        {
            return Ok(Loaded::Unchanged);
        }
        let old = told.as_ref().map(|t| &*t.workspace);
        let workspace = Arc::new(Workspace::parse(&base.text, &self.path, old)?);
        let difference = diff(old, &workspace);
        *told = Some(Told {
            workspace: Arc::clone(&workspace),
            exact: true,
        });
        Ok(Loaded::Changed {
            workspace,
            difference,
        })
    }

    /// Writes states of sessions into the file, and nothing else of it. Under the lock it is read
    /// again, so that edits of others stay; the next [`load`](Self::load) tells those, but not
    /// what was written here.
    ///
    /// # Errors
    /// [`WriteError`]; the file is as it was.
    pub fn project(
        &self,
        states: &BTreeMap<SessionId, PersistedStatus>,
    ) -> Result<Written, WriteError> {
        let mut told = self.told();
        let target = disk::target(&self.path)?;
        let _lock = Lock::take(&target)?;
        for _ in 0..TRIES {
            let base = disk::read(&self.path, self.limit)?;
            let old = told.as_ref().map(|t| Arc::clone(&t.workspace));
            let exact = match (&*told, &old) {
                (Some(t), Some(old)) => t.exact && old.source() == base.text,
                _ => false,
            };
            let present = match &old {
                Some(old) if exact => Arc::clone(old),
                old => Arc::new(Workspace::parse(&base.text, &self.path, old.as_deref())?),
            };
            let deferred = edited(old.as_deref(), &present, states);
            let mut wanted = states.clone();
            wanted.retain(|id, _| !deferred.contains(id));
            let projected = splice::project(&present, &wanted);
            if let Some(text) = &projected.text {
                // What cannot be read back is not written.
                let next = Workspace::parse(text, &self.path, Some(&present))?;
                if disk::swap(&base, text)? == Swap::Disturbed {
                    thread::sleep(PAUSE);
                    continue;
                }
                if exact {
                    *told = Some(Told {
                        workspace: Arc::new(next),
                        exact,
                    });
                }
            }
            if let Some(t) = &mut *told {
                // One that is missing may come back, as by an editor that saves what it read long ago: then
                // what the file says of it is news, since it is not what was to be written.
                t.exact = exact;
                t.workspace = Arc::new(t.workspace.with_states(&wanted));
            }
            return Ok(Written {
                wrote: projected.text.is_some(),
                missing: projected.missing,
                deferred: deferred.into_iter().collect(),
            });
        }
        Err(DiskError::Busy { path: target }.into())
    }

    /// Changes the text of the file, as with the functions of [`splice`]. `change` is given the
    /// text as it is under the lock, and again where somebody else wrote meanwhile. An edit that
    /// would bring errors which the file has not now is refused. The next
    /// [`load`](Self::load) tells the edit like anybody's.
    ///
    /// # Errors
    /// [`EditError`]; the file is as it was.
    pub fn edit<E>(
        &self,
        mut change: impl FnMut(&str) -> Result<String, E>,
    ) -> Result<Workspace, EditError<E>> {
        let target = disk::target(&self.path).map_err(WriteError::from)?;
        let _lock = Lock::take(&target).map_err(WriteError::from)?;
        for _ in 0..TRIES {
            let base = disk::read(&self.path, self.limit).map_err(WriteError::from)?;
            let text = change(&base.text).map_err(EditError::Change)?;
            let next = self.accept(&base, &text)?;
            if text == base.text || write(&base, &text)? == Swap::Done {
                return Ok(next);
            }
            thread::sleep(PAUSE);
        }
        Err(WriteError::from(DiskError::Busy { path: target }).into())
    }

    /// Makes the file, for its owner only.
    ///
    /// # Errors
    /// [`EditError::Refused`] where the text has errors; [`EditError::Write`] where there is a
    /// file already, or it cannot be written.
    pub fn create(&self, text: &str) -> Result<Workspace, EditError<std::convert::Infallible>> {
        let next = match Workspace::parse(text, &self.path, None) {
            Ok(next) => next,
            Err(Rejected { problems }) => return Err(EditError::Refused { problems }),
        };
        refuse(errors(&next).cloned().collect())?;
        disk::create(&self.path, text).map_err(WriteError::from)?;
        Ok(next)
    }

    /// The edited Workspace, where the edit brings no error.
    fn accept<E>(&self, base: &Base, text: &str) -> Result<Workspace, EditError<E>> {
        let next = match Workspace::parse(text, &self.path, None) {
            Ok(next) => next,
            Err(Rejected { problems }) => return Err(EditError::Refused { problems }),
        };
        if errors(&next).next().is_some() {
            // A file that cannot be used may be mended step by step only if it can be told
            // which errors are new.
            let before =
                Workspace::parse(&base.text, &self.path, None).map_err(WriteError::from)?;
            let known: BTreeSet<_> = errors(&before).map(|p| (&p.session, &p.message)).collect();
            let new = errors(&next).filter(|p| !known.contains(&(&p.session, &p.message)));
            refuse(new.cloned().collect())?;
        }
        Ok(next)
    }

    fn rejected(&self, error: &DiskError) -> Rejected {
        let mut problem = Problem::of_file(&self.path, error.to_string(), error.hint());
        if let DiskError::NotText { line, column, .. } = error {
            (problem.line, problem.column) = (*line, *column);
        }
        Rejected {
            problems: vec![problem],
        }
    }

    fn told(&self) -> MutexGuard<'_, Option<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write<E>(base: &Base, text: &str) -> Result<Swap, EditError<E>> {
    disk::swap(base, text).map_err(|e| WriteError::from(e).into())
}

fn errors(workspace: &Workspace) -> impl Iterator<Item = &Problem> {
    let problems = workspace.problems().iter();
    problems.filter(|p| p.severity == Severity::Error)
}

fn refuse<E>(problems: Vec<Problem>) -> Result<(), EditError<E>> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(EditError::Refused { problems })
}

/// Sessions whose `status` is not what the caller knows of it.
fn edited(
    old: Option<&Workspace>,
    present: &Workspace,
    states: &BTreeMap<SessionId, PersistedStatus>,
) -> BTreeSet<SessionId> {
    let status =
        |workspace: &Workspace, id: &SessionId| workspace.get(id).map(|e| e.projection.status);
    let Some(old) = old else {
        return BTreeSet::new();
    };
    let differs = |id: &&SessionId| match (status(old, id), status(present, id)) {
        (Some(told), Some(now)) => told != now,
        _ => false,
    };
    states.keys().filter(differs).cloned().collect()
}
