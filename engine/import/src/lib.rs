//! Sessions that other tools have, brought into a Workspace.
//!
//! A [`Source`] reads what one tool keeps on this machine and lists it as [`Candidate`]s: what would come,
//! as which session, under which named profile, and what it needs; whatever cannot come is listed with the
//! reason. A [`Plan`] compares candidates with a Workspace: what is new, what is there already, what
//! collides. An [`Importer`] carries a plan out and can take it back: sessions into the Workspace, long-lived
//! keys into the vault, and lines of the shared AWS files that Dayfly's own take the place of are set aside.

mod aws_profiles;
mod candidate;
mod entries;
mod importer;
mod in_the_way;
mod keyring;
mod leapp;
mod plan;
mod record;
mod shared_lines;
mod source;

pub use aws_profiles::AwsProfiles;
pub use candidate::{
    Candidate, Entry, Lines, Listing, NotTaken, Parent, Portal, Refused, Requirement,
};
pub use importer::{Applied, ImportError, Importer};
pub use leapp::Leapp;
pub use plan::{Plan, Row, Verdict};
pub use record::{Record, RecordError};
pub use shared_lines::{LinesError, give_lines_back, sessions_with_lines};
pub use source::{Source, SourceError};
