//! Commands on the Workspace file.

pub(crate) mod export;
pub(crate) mod schema;
pub(crate) mod validate;
