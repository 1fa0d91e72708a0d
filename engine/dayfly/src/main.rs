//! The dayfly command.
//!
//! The only place that prints or exits: one file a command in `commands`.

mod attend;
mod author;
mod aws_key;
mod clients;
mod commands;
mod control;
mod demo;
mod doctor;
mod endpoint;
mod engine;
mod exit;
mod integrations;
mod locate;
mod policies;
mod saml_login;
mod scenario;
mod secrets;
mod share;
mod show;
mod trouble;

use clap::Parser;

use crate::commands::Dayfly;

fn main() -> std::process::ExitCode {
    if let Some(exit) = commands::short_cut() {
        return exit.into();
    }
    Dayfly::parse().run().into()
}
