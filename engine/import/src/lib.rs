//! Sessions that other tools have, brought into a Workspace.
//!
//! A [`Source`] reads what one tool keeps on this machine and lists it as [`Candidate`]s: what would come,
//! as which session, under which named profile, and what it needs; whatever cannot come is listed with the
//! reason. A [`Plan`] compares candidates with a Workspace: what is new, what is there already, what
//! collides. An [`Importer`] carries a plan out and can take it back: sessions into the Workspace, long-lived
//! keys into the vault, and lines of the shared AWS files that Dayfly's own take the place of are set aside.

mod aws_profiles;
mod aws_sso_cli;
mod aws_vault;
mod awsume;
mod azure_cli;
mod candidate;
mod entries;
mod go_keyring;
mod granted;
mod importer;
mod in_the_way;
mod jwe;
mod keyring;
mod leapp;
mod plan;
mod record;
mod saml2aws;
mod shared_lines;
mod source;
mod yaml;

pub use aws_profiles::AwsProfiles;
pub use aws_sso_cli::AwsSsoCli;
pub use aws_vault::AwsVault;
pub use awsume::Awsume;
pub use azure_cli::AzureCli;
pub use candidate::{
    Candidate, Entry, Lines, Listing, NotTaken, Parent, Portal, Refused, Requirement,
};
pub use go_keyring::{AskPassphrase, GoKeyring};
pub use granted::Granted;
pub use importer::{Applied, ImportError, Importer};
pub use leapp::Leapp;
pub use plan::{Plan, Row, Verdict};
pub use record::{Record, RecordError};
pub use saml2aws::Saml2aws;
pub use shared_lines::{LinesError, give_lines_back, hand_lines_over, sessions_with_lines};
pub use source::{Source, SourceError};
