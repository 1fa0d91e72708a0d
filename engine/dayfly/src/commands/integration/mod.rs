//! Commands on portals and tenants.

pub(crate) mod add;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod remove;
pub(crate) mod sync;
