//! Credentials for the programs that need them, in the forms that cloud SDKs ask for.

pub(crate) mod azure;
pub(crate) mod azure_environment;
pub(crate) mod credentials;
pub(crate) mod direct;
pub(crate) mod early_expiry;
pub(crate) mod environment;
pub(crate) mod process;
pub(crate) mod shadowing;
