//! One file a chain target: puts credentials where cloud SDKs look.
//!
//! What a target holds is the truth about which sessions are active: [`Target::observe`] reads
//! back, after a crash, exactly what was published.

mod credentials_file;
mod error;
pub mod ini;
mod profiles;
mod section;
mod target;
mod values;

pub use credentials_file::CredentialsFile;
pub use error::ChainError;
pub use profiles::Profiles;
pub use target::{Change, Observed, Publication, Target};
