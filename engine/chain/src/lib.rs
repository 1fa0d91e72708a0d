//! One file a chain target: puts credentials where cloud SDKs look.
//!
//! What the chain holds is the truth about which sessions are active: [`Chain::observe`] reads
//! back, after a crash, exactly what was published.

mod azure_profile;
mod chain;
mod config_file;
mod credentials_file;
mod encrypted_store;
mod error;
mod form;
mod keys;
mod known;
mod observed;
mod order;
mod process;
mod profiles;
mod publication_check;
mod rewrite;
mod section;
mod target;
mod values;

pub use azure_profile::AzureProfile;
pub use chain::{Applied, Chain};
pub use config_file::ConfigFile;
pub use credentials_file::CredentialsFile;
pub use dayfly_core::placement::PublicationPlace;
pub use encrypted_store::{EncryptedCredentials, EncryptedStore};
pub use error::ChainError;
pub use known::PublicationCheck;
pub use observed::{Found, FoundAll};
pub use order::{Deliver, Order, Placed};
pub use process::Process;
pub use profiles::Profiles;
pub use target::{Change, Observed, Publication, Target};
