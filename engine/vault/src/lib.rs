//! Secret types, and long-lived secrets at rest.
//!
//! Only the rooms on the secrets' corridor (providers and chain) know this one. A secret
//! leaves it only through [`SecretString::expose`]; nothing here prints or logs one.

mod credentials;
pub mod private_file;
mod secret;
pub mod shared_file;
mod vault;

pub use credentials::{AccessKey, Material, TemporaryCredentials};
pub use secret::SecretString;
pub use vault::{SecretInfo, Vault, VaultError};
