//! Commands on layers: Workspaces of others that are merged into one's own.

pub(crate) mod add;
pub(crate) mod list;
pub(crate) mod push;
pub(crate) mod remove;
pub(crate) mod update;
