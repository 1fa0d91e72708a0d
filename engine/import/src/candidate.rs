//! What a source has, in the words of a Workspace.

use std::path::PathBuf;

use dayfly_awsfiles::Kind;
use dayfly_core::session::{SessionId, SessionType};
use dayfly_vault::AccessKey;
use dayfly_workspace::splice::List;
use serde_json::{Map, Value};

/// All that a source has on this machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// What can come, parents before those that are chained to them.
    pub candidates: Vec<Candidate>,
    /// The portals that candidates sign in to.
    pub portals: Vec<Portal>,
    /// What else of the Workspace candidates refer to, in their fields and by its id.
    pub entries: Vec<Entry>,
    /// What cannot come.
    pub refused: Vec<Refused>,
    /// Whether several of its candidates may have one named profile, of which one at a time is active.
    pub shares_profiles: bool,
    /// How many of its profiles sessions took over already.
    pub taken_over: usize,
}

impl Listing {
    /// Takes in what another file of the same source has.
    pub(crate) fn join(&mut self, other: Self) {
        self.files.extend(other.files);
        self.candidates.extend(other.candidates);
        self.portals.extend(other.portals);
        self.entries.extend(other.entries);
        self.refused.extend(other.refused);
        self.taken_over += other.taken_over;
    }
}

/// One way into one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Names it within its source, the same each time that the source is read.
    pub key: String,
    /// Its `sessionId` where the source has sessions with ids; else one follows from source and key.
    pub id: Option<String>,
    /// What the session is called.
    pub name: String,
    /// The named profile that programs find it under; none where it is only a parent of others.
    pub profile: Option<String>,
    /// The access method.
    pub kind: SessionType,
    /// The fields of the access method as the Workspace file has them.
    pub fields: Map<String, Value>,
    /// Whose credentials it uses.
    pub parent: Option<Parent>,
    /// The portal that it signs in to, by its key.
    pub portal: Option<String>,
    /// Its long-lived key, where the source has it at hand.
    pub secret: Option<AccessKey>,
    /// What the source calls that key in its own keyring, where it has it there.
    pub kept_as: Option<String>,
    /// What it needs of a person before it can be started.
    pub requires: Vec<Requirement>,
    /// What the source says of it that no session can have.
    pub not_taken: Vec<NotTaken>,
    /// What stands in the shared AWS files instead of Dayfly's lines, and is set aside.
    pub lines: Vec<Lines>,
    /// Where it stands, for a person: `FILE:LINE`.
    pub place: String,
}

impl Candidate {
    /// Whether its key stands in a shared file, out of which it goes.
    #[must_use]
    pub fn moves_key(&self) -> bool {
        self.lines.iter().any(|lines| !lines.secret.is_empty())
    }

    /// Notes that its key does not come.
    pub(crate) fn without_key(&mut self) {
        for need in &mut self.requires {
            if *need == Requirement::Secret {
                *need = Requirement::KeyByHand;
            }
        }
    }
}

/// Whose credentials a session uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// Another candidate of the same source, by its key.
    Candidate(String),
    /// A session of the Workspace, which took the place of what the source names.
    Session(SessionId),
}

/// Lines of a profile in one of the shared AWS files, by their keys in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Which file.
    pub kind: Kind,
    /// The profile.
    pub profile: String,
    /// The keys.
    pub keys: Vec<String>,
    /// Those whose values are secret.
    pub secret: Vec<String>,
}

/// A portal of AWS IAM Identity Center.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// Names it within its source.
    pub key: String,
    /// What a person calls it.
    pub alias: String,
    /// Its address.
    pub url: String,
    /// Its region.
    pub region: String,
}

/// An entry of another list of the Workspace that sessions refer to by its id.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The list.
    pub list: List,
    /// The entry, with its `id`.
    pub object: Map<String, Value>,
}

/// What a session needs of a person before it can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// Its long-lived key goes into the vault.
    Secret,
    /// Its long-lived key is nowhere, and a person gives it to the vault.
    KeyByHand,
    /// A person signs in, to its portal, its identity provider or its tenant.
    SignIn,
    /// A person enters a code of an MFA device.
    MfaCode,
}

/// Something of a source that no session can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// Its name in the source.
    pub field: String,
    /// Where it stands.
    pub place: String,
    /// What becomes of it.
    pub why: String,
}

/// Something of a source that cannot become a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What the source calls it.
    pub name: String,
    /// Where it stands.
    pub place: String,
    /// Why not.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
}
