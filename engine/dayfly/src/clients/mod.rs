//! Credentials for the programs that need them, in the forms that cloud SDKs ask for.

pub(crate) mod azure;
pub(crate) mod azure_environment;
pub(crate) mod direct;
pub(crate) mod early;
pub(crate) mod environment;
pub(crate) mod given;
pub(crate) mod process;
pub(crate) mod shadow;
