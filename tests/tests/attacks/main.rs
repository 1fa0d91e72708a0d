//! Attacks, tried on the built program: refused, bounded, and it goes on serving. `catalogue.toml` is the
//! list of all, with those that other suites try.

mod azure;
mod bundles;
mod catalogue;
mod control;
mod endpoints;
mod files;
mod inference;
mod layer_registry;
mod layers;
mod others;
mod pages;
mod ports;
mod rollback;
mod shells;
mod signatures;
mod terminal;
