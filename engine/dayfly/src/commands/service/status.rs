//! `dayfly service status`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_service::{State, manager};

use super::control::installed;
use super::{Which, again};
use crate::terminal::{print, print_json};

/// Show whether the service manager runs the engine, and since when it is how it is.
///
/// The exit code is 0 if the engine runs, 1 if it failed or the unit does not fit this program, 3 if it is not
/// installed or does not run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly service status\n  dayfly service status --json")]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let service = args.which.service()?;
    let manager = manager();
    installed(&*manager, &service)?;
    let state = manager.state(&service)?;
    let stale = state.stale(&service.program);
    if args.json {
        let mut value = serde_json::to_value(&state)
            .map_err(|e| CliError::failed(format!("cannot be printed as JSON: {e}")))?;
        if let Some(object) = value.as_object_mut() {
            object.insert("stale".to_owned(), stale.clone().into());
        }
        print_json(&value)?;
    } else {
        print(&text(&state, &again("logs", &service.scope)));
        if let Some(stale) = &stale {
            let install = again("install", &service.scope);
            print(&format!("  {stale}; run: {install}\n"));
        }
    }
    Ok(match state.state.as_str() {
        "failed" => Exit::Failed,
        _ if stale.is_some() => Exit::Failed,
        "active" | "reloading" => Exit::Done,
        _ => Exit::NotFound,
    })
}

fn text(state: &State, logs: &str) -> String {
    let mut text = format!("{}: {}", sanitize(&state.unit), sanitize(&state.state));
    if let Some(pid) = state.pid {
        text += &format!(" (process {pid})");
    }
    if !state.enabled {
        text += ", not started by itself";
    }
    text.push('\n');
    if let Some(says) = &state.says {
        text += &format!("  {}\n", sanitize(says));
    }
    if state.restarts > 0 {
        text += &format!(
            "  started again {} times after it broke: {logs}\n",
            state.restarts
        );
    }
    if let Some(file) = &state.file {
        text += &format!("  {}\n", file.display());
    }
    text
}
