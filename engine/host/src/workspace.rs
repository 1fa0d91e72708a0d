//! The Workspace of a home, as the file has it.

use std::sync::Arc;

use dayfly_control::protocol::not_found;
use dayfly_core::session::Session;
use dayfly_core::text::is_hidden;
use dayfly_dialog::CliError;
use dayfly_runtime::Home;
use dayfly_views::journal_line::Names;
use dayfly_workspace::{Loaded, Workspace, WorkspaceFile};

/// The Workspace as the file has it.
pub fn load(home: &Home) -> Result<Arc<Workspace>, dayfly_workspace::Rejected> {
    let file = WorkspaceFile::at(&home.workspace());
    match file.load()? {
        Loaded::Changed { workspace, .. } => Ok(workspace),
        // The first load of a file is always of another text than none.
        Loaded::Unchanged => file.current().ok_or(dayfly_workspace::Rejected {
            problems: Vec::new(),
        }),
    }
}

/// Names of the sessions, as far as the Workspace can be read.
pub fn names(home: &Home) -> Names {
    let workspace = load(home).ok();
    let entries = workspace.as_deref().map(Workspace::sessions);
    entries
        .unwrap_or_default()
        .iter()
        .map(|entry| (entry.session.id.clone(), entry.session.name.clone()))
        .collect()
}

/// The Workspace, where a command cannot do without it.
pub fn require(home: &Home) -> Result<Arc<Workspace>, CliError> {
    load(home).map_err(|rejected| {
        let usual = "fix the file; `dayfly workspace validate` lists all problems";
        let hint = rejected.hint().unwrap_or(usual);
        CliError::failed(rejected.to_string()).hint(hint)
    })
}

/// The word by which a shell knows a session: its name, where only it has that and a terminal can show it; else its id.
pub fn word(workspace: &Workspace, session: &Session) -> String {
    let own = |entry: &dayfly_workspace::Entry| entry.session.id == session.id;
    let by_name = workspace.resolve(&session.name).is_ok_and(own);
    if by_name && !session.name.chars().any(is_hidden) {
        return session.name.clone();
    }
    session.id.to_string()
}

/// The session that a person means.
pub fn session<'a>(workspace: &'a Workspace, asked: &str) -> Result<&'a Session, CliError> {
    let entry = workspace.resolve(asked).map_err(|e| not_found(&e))?;
    Ok(&entry.session)
}
