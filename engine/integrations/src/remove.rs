//! Takes an integration, or sessions of one, out of the Workspace; active sessions are stopped
//! before, so that no credentials stay behind.

use std::collections::BTreeSet;

use dayfly_core::session::SessionId;
use dayfly_dialog::CliError;
use dayfly_host::{orders, refused};
use dayfly_runtime::Home;
use dayfly_workspace::splice::{self, List};
use dayfly_workspace::{Workspace, WorkspaceFile};

use crate::found::Found;

/// Removes an integration with these sessions of it.
pub fn integration(
    home: &Home,
    workspace: &Workspace,
    found: &Found,
    sessions: &[SessionId],
) -> Result<(), CliError> {
    let going: BTreeSet<&SessionId> = sessions.iter().collect();
    let stays = workspace.sessions().iter().map(|entry| &entry.session);
    let orphan = stays
        .filter(|s| !going.contains(&s.id))
        .find(|s| s.parent().is_some_and(|parent| going.contains(parent)));
    if let Some(orphan) = orphan {
        let message = format!("\"{}\" would lose its parent session", orphan.name);
        return Err(
            CliError::usage(message).hint("remove that session too, or give it another parent")
        );
    }
    let failed = orders::stop_all(home, &going)?;
    if let Some((_, trouble)) = failed.into_iter().next() {
        return Err(trouble);
    }
    let file = WorkspaceFile::at(&home.workspace());
    file.edit(|text| {
        let ids = sessions.iter().map(SessionId::as_str);
        let text = splice::remove_all(text, List::Sessions, &ids.collect())?;
        splice::remove(&text, found.kind().list(), found.id())
    })
    .map_err(refused)?;
    Ok(())
}
