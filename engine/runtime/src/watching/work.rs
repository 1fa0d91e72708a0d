//! What the thread is to do: what policies want to hear of, and where to look for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

use dayfly_core::policy::EntryName;

/// Names in one folder that are looked at one by one; more, and all of it is looked at.
const NAMES: usize = 256;

/// What policies want to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Patterns of files.
    pub(crate) files: BTreeMap<String, Terms>,
    /// Patterns of folders of repositories, and the folder below which no link is followed.
    pub(crate) branches: BTreeMap<String, PathBuf>,
    /// Entries that begin to watch, with their patterns.
    pub(crate) fresh: BTreeMap<EntryName, Fresh>,
}

/// On which terms files are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whether anybody may be told their content.
    pub(crate) content: bool,
    /// The folder below which no link is followed: links on the way to it are the person's, who
    /// named it in a grant; those below may be anybody's.
    pub(crate) below: PathBuf,
}

/// What an entry that begins to watch is told once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) files: BTreeSet<String>,
    pub(crate) branches: BTreeSet<String>,
}

/// Where to look.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    /// Names in folders; none: all names.
    pub(super) folders: BTreeMap<PathBuf, Option<BTreeSet<OsString>>>,
    /// Everywhere: notices were lost.
    pub(super) all: bool,
}

impl Dirty {
    pub(super) fn name(&mut self, folder: PathBuf, name: OsString) {
        let names = self.folders.entry(folder);
        let names = names.or_insert_with(|| Some(BTreeSet::new()));
        if let Some(some) = names {
            some.insert(name);
            if some.len() > NAMES {
                *names = None;
            }
        }
    }

    pub(super) fn folder(&mut self, folder: PathBuf) {
        self.folders.insert(folder, None);
    }

    pub(super) fn append(&mut self, later: Self) {
        self.all |= later.all;
        for (folder, names) in later.folders {
            match names {
                None => self.folder(folder),
                Some(names) => {
                    for name in names {
                        self.name(folder.clone(), name);
                    }
                }
            }
        }
    }
}

/// What the thread is to do.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(super) dirty: Dirty,
    pub(super) wanted: Option<Wanted>,
}

impl Work {
    /// From now on this is wanted, and nothing else. Whoever was to be told what is there, and was
    /// not, is told now, if it still is.
    pub(super) fn want(&mut self, mut wanted: Wanted) {
        if let Some(earlier) = self.wanted.take() {
            for (entry, fresh) in earlier.fresh {
                wanted.fresh.entry(entry).or_insert(fresh);
            }
        }
        self.wanted = Some(wanted);
    }

    pub(super) fn append(&mut self, later: Self) {
        self.dirty.append(later.dirty);
        if let Some(wanted) = later.wanted {
            self.want(wanted);
        }
    }
}
