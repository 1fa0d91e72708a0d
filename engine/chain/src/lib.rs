//! One file a chain target: puts credentials where cloud SDKs look.
//!
//! What the chain holds is the truth about which sessions are active: [`Chain::observe`] reads
//! back, after a crash, exactly what was published.
//!
//! ```
//! use std::sync::Arc;
//!
//! use dayfly_chain::{Change, CredentialsFile, Publication, Target as _};
//! use dayfly_core::session::{Lease, SessionId};
//! use dayfly_core::time::Timestamp;
//! use dayfly_vault::{Material, SecretString, TemporaryCredentials};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let file = CredentialsFile::new(folder.path().join("credentials"));
//! let publication = Publication {
//!     session: SessionId::new("a"),
//!     session_name: "dev".into(),
//!     profile: "default".into(),
//!     credentials: Arc::new(TemporaryCredentials {
//!         lease: Lease {
//!             issued_at: Timestamp::from_millis(1_000),
//!             expires_at: None,
//!         },
//!         material: Material::Aws {
//!             access_key_id: "ASIAEXAMPLE".into(),
//!             secret_access_key: SecretString::from("secret".to_owned()),
//!             session_token: None,
//!             region: None,
//!         },
//!     }),
//!     displaced: Vec::new(),
//!     region: None,
//! };
//! for result in file.apply(&[Change::Publish(publication)]) {
//!     result?;
//! }
//! // After a crash the file tells which sessions are active.
//! assert_eq!(file.observe()?[0].session, SessionId::new("a"));
//! # Ok(())
//! # }
//! ```

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
