//! Policies of others: fetched, looked at, written into the configuration and held to what was looked at.
//!
//! [`acquire`] gets the bytes from wherever they are and says who answers for them, [`wants`] tells what a
//! module wants and how that differs from before, [`preview`] what it would do now, and
//! [`past_decisions`] what a newer version would have said of what was recorded. [`modules`] and
//! [`bundles`] bring entries up to date, [`config_edit`] changes `dayfly.toml` without disturbing the
//! rest, [`take`] puts in force what was agreed to. [`folder`] puts a policy where others read it,
//! [`registry`] talks to registries, [`layers`] merges Workspaces of others into one's own, as [`layer_report`]
//! tells, [`keys`] keeps the keys that sign.

pub mod acquire;
pub mod bundles;
pub mod config_edit;
pub mod folder;
pub mod keys;
pub mod layer_report;
mod layer_source;
pub mod layers;
pub mod modules;
pub mod newer;
pub mod past_decisions;
pub mod preview;
pub mod registry;
pub mod take;
pub mod talk;
pub mod wants;
