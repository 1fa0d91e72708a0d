//! What policies can subscribe to beside sessions: files, repositories, the engine and its machine. The names
//! are those of `wit/`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::time::Timestamp;

/// What happened to a watched file or repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileChangeKind {
    /// The file or repository is new.
    Created,
    /// Its content, or branch, is another.
    Changed,
    /// The file or repository was removed.
    Removed,
    /// The file or repository is there; told when the engine begins to watch it.
    Present,
}

impl FileChangeKind {
    /// Its name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Present => "present",
        }
    }

    /// What this and a later change are together, for an entry that has seen neither; none: no change.
    #[must_use]
    pub const fn then(self, later: Self) -> Option<Self> {
        match (self, later) {
            (Self::Created, Self::Removed) => None,
            (Self::Created, _) => Some(Self::Created),
            (Self::Removed, Self::Created | Self::Changed) => Some(Self::Changed),
            (Self::Present, Self::Created | Self::Changed) => Some(Self::Present),
            (_, later) => Some(later),
        }
    }
}

/// A watched file changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileChange {
    /// Absolute path.
    pub path: Arc<str>,
    /// What happened.
    pub kind: FileChangeKind,
    /// SHA-256 of the content; none when removed or unreadable.
    pub digest: Option<[u8; 32]>,
    /// The content, where granted and small.
    pub content: Option<Arc<[u8]>>,
}

/// Another branch is checked out in a watched repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BranchChange {
    /// Folder of the working tree, absolute.
    pub repository: Arc<str>,
    /// What happened.
    pub kind: FileChangeKind,
    /// The branch; none where none is checked out, or the repository was removed.
    pub branch: Option<String>,
    /// The branch before.
    pub previous: Option<String>,
}

/// What happened to the engine or to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum EngineEvent {
    /// The engine started.
    Started,
    /// The engine is about to stop; what is not done by then is not waited for.
    Stopping(Timestamp),
    /// The machine slept, for so many milliseconds.
    Resumed(u64),
    /// The clock was set, by so many milliseconds.
    ClockSet(i64),
}

impl EngineEvent {
    /// Which one, without its data.
    #[must_use]
    pub const fn moment(self) -> EngineMoments {
        match self {
            Self::Started => EngineMoments::STARTED,
            Self::Stopping(_) => EngineMoments::STOPPING,
            Self::Resumed(_) => EngineMoments::RESUMED,
            Self::ClockSet(_) => EngineMoments::CLOCK_SET,
        }
    }
}

/// A set of things that happen to the engine or to the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineMoments(u8);

impl EngineMoments {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The engine started.
    pub const STARTED: Self = Self(1);
    /// The engine is about to stop.
    pub const STOPPING: Self = Self(1 << 1);
    /// The machine slept.
    pub const RESUMED: Self = Self(1 << 2);
    /// The clock was set.
    pub const CLOCK_SET: Self = Self(1 << 3);

    const NAMES: [(Self, &'static str); 4] = [
        (Self::STARTED, "started"),
        (Self::STOPPING, "stopping"),
        (Self::RESUMED, "resumed"),
        (Self::CLOCK_SET, "clock-set"),
    ];

    /// Those that are in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of the other are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names in the contract of those in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(moment, _)| self.contains(*moment))
            .map(|(_, name)| name)
    }
}
