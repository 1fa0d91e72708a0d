//! `dayfly workspace validate`

use std::path::PathBuf;

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::paths;
use dayfly_workspace::{Loaded, Problem, Severity, WorkspaceFile};
use serde_json::json;

use crate::terminal::{self, print, print_json};

/// Check a Workspace file and print each problem with its line and column.
///
/// The exit code is 1 if there are errors; warnings alone give 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly workspace validate workspace.json")]
pub(crate) struct Args {
    /// The Workspace file; by default the current one.
    path: Option<PathBuf>,
    /// Print the problems as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let path = match &args.path {
        Some(path) => path.clone(),
        None => paths::home()?.workspace(),
    };
    let file = WorkspaceFile::at(&path);
    let (problems, sessions) = match file.load() {
        Ok(Loaded::Changed { workspace, .. }) => {
            (workspace.problems().to_vec(), workspace.sessions().len())
        }
        Ok(Loaded::Unchanged) => (Vec::new(), 0),
        Err(rejected) => (rejected.problems, 0),
    };
    let errors = problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .count();
    if args.json {
        let problems: Vec<_> = problems.iter().map(as_json).collect();
        print_json(&json!({ "sessions": sessions, "problems": problems }))?;
    } else {
        for problem in &problems {
            terminal::say(&sanitize(&problem.to_string()));
        }
        print(&format!(
            "{}: sessions: {sessions}, errors: {errors}, warnings: {}\n",
            sanitize(&path.display().to_string()),
            problems.len() - errors
        ));
    }
    Ok(if errors == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn as_json(problem: &Problem) -> serde_json::Value {
    json!({
        "severity": problem.severity.to_string(),
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "sessionId": problem.session.as_ref().map(|id| id.as_str()),
        "sessionName": problem.session_name,
        "message": problem.message,
        "hint": problem.hint,
    })
}
