//! Policies of others: fetched, looked at, written into the configuration and held to what was looked at.
//!
//! [`acquire`] gets the bytes from wherever they are and says who answers for them, [`wants`] tells
//! what a module wants and how that differs from before, [`preview`] what it would do now, [`config_edit`]
//! changes `dayfly.toml` without disturbing the rest, [`folder`] puts one where others read it, [`keys`] keeps the keys that sign, [`locking`] writes `dayfly.lock`, [`past_decisions`]
//! tells what a newer version would have said of what was recorded.

pub(crate) mod acquire;
pub(crate) mod bundles;
pub(crate) mod config_edit;
pub(crate) mod consent;
pub(crate) mod folder;
pub(crate) mod keys;
pub(crate) mod newer;
pub(crate) mod past_decisions;
pub(crate) mod preview;
pub(crate) mod registry;
pub(crate) mod wants;
