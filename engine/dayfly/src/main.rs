//! The dayfly command.
//!
//! The only place that prints or exits: one file a command in `commands`.

mod aws_key;
mod commands;
mod complete;
mod consent;
mod demo;
mod environment;
mod input;
mod picker;
mod progress;
mod prompt;
mod shell;
mod signals;
mod terminal;

use clap::Parser;
use dayfly_dialog::Exit;

use crate::commands::Dayfly;

/// What libraries copy of secrets is overwritten when they give it back.
#[global_allocator]
static ALLOCATOR: dayfly_vault::Wiping = dayfly_vault::Wiping;

fn main() -> std::process::ExitCode {
    dayfly_vault::process::keep_memory_private();
    dayfly_host::person::introduce(&terminal::AtTerminal);
    if let Some(exit) = commands::short_cut() {
        return exit.into();
    }
    match Dayfly::try_parse_from(commands::words()) {
        Ok(command) => command.run().into(),
        // Help and the version, which hold nothing of others.
        Err(asked) if !asked.use_stderr() => {
            let printed = asked.print();
            printed.map_or(Exit::Failed, |()| Exit::Done).into()
        }
        // It tells what was given, which a script may have from anywhere.
        Err(wrong) => {
            terminal::say(&dayfly_dialog::indented(
                wrong.render().to_string().trim_end(),
            ));
            Exit::Usage.into()
        }
    }
}
