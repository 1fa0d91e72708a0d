//! Secret types, and long-lived secrets at rest.
//!
//! Only the crates that handle secrets (providers, chain, registry, and those that build them) depend on
//! this one. A secret leaves it only through [`SecretString::expose`]; nothing here prints or logs one.
//!
//! ```
//! use dayfly_vault::{SecretString, Vault};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let vault = Vault::new(folder.path().join("vault"), folder.path().join("key"));
//! vault.set("session/a", &SecretString::from("correct horse".to_owned()))?;
//!
//! let secret = vault.get("session/a")?.expect("it was set");
//! assert_eq!(secret.expose(), "correct horse");
//! assert!(!format!("{secret:?}").contains("horse"));
//! # Ok(())
//! # }
//! ```

mod credentials;
mod error;
pub mod helper;
mod identities;
mod key_source;
mod keyring;
mod keys;
mod pages;
mod passphrase;
mod pool;
pub mod process;
mod secret;
mod seen;
mod vault;
mod wiping;

pub use dayfly_fs::{private_file, shared_file};

pub use credentials::{AccessKey, Material, TemporaryCredentials};
pub use error::VaultError;
pub use key_source::{KeyPlace, KeySource};
pub use keyring::{KeyringError, KeyringItem, OthersItem, others_in};
pub use passphrase::{AskPassphrase, PassphraseUse};
pub use pool::{Kept, kept};
pub use secret::{SecretBytes, SecretString};
pub use seen::{Doubt, Known};
pub use vault::{ACCESS_KEY, Ask, SecretInfo, Vault};
pub use wiping::Wiping;
