//! Commands on sessions.

pub(crate) mod add;
pub(crate) mod edit;
pub(crate) mod fields;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod order;
pub(crate) mod release;
pub(crate) mod remove;
pub(crate) mod show;
pub(crate) mod wanted;
