//! Commands on secrets in the vault.

pub(crate) mod accept;
pub(crate) mod import_aws;
pub(crate) mod list;
pub(crate) mod passphrase;
pub(crate) mod rekey;
pub(crate) mod remove;
pub(crate) mod rotate;
pub(crate) mod set;
pub(crate) mod totp;
