//! Attacks, tried on the built program: refused, bounded, and it goes on serving. `catalogue.toml` is the
//! list of all, with those that other suites try.

mod catalogue;
mod control;
mod endpoints;
mod others;
mod rollback;
mod shells;
mod terminal;
