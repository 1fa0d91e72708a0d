//! Credentials for the programs that need them, in the forms that cloud SDKs ask for.

pub(crate) mod direct;
pub(crate) mod process;
