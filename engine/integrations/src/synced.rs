//! What syncs of portals and tenants have in common: how they write, and how they tell what they did.

use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, sanitize};
use dayfly_host::refused;
use dayfly_runtime::Home;
use dayfly_workspace::splice::SpliceError;
use dayfly_workspace::{Workspace, WorkspaceFile};

/// Lines of one sort that are printed; a number says how many more there are.
const SHOWN: usize = 20;

/// Changes the Workspace file by what it says under its lock: others may have edited it meanwhile.
pub(crate) fn write(
    home: &Home,
    change: impl Fn(&Workspace, &str) -> Result<String, SpliceError>,
) -> Result<(), CliError> {
    let path = home.workspace();
    let written = WorkspaceFile::at(&path).edit(|text| {
        let workspace = Workspace::parse(text, &path, None)
            .map_err(|_| SpliceError::Shape { field: "sessions" })?;
        change(&workspace, text)
    });
    written.map(drop).map_err(refused)
}

/// What a session is called, as long as the Workspace has it.
pub(crate) fn named(workspace: &Workspace, id: &SessionId) -> String {
    let entry = workspace.get(id);
    entry.map_or_else(|| id.to_string(), |entry| entry.session.name.clone())
}

/// A line for each of these names, up to a bound, each with this mark.
pub(crate) fn marked<'a>(mark: &str, names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let shown = names
        .take(SHOWN)
        .map(|name| format!("{mark} {}\n", sanitize(name)));
    let mut text: String = shown.collect();
    if more > 0 {
        text += &format!("{mark} … and {more} more\n");
    }
    text
}

/// What was done to new sessions, or would be.
pub(crate) const fn added(dry_run: bool) -> &'static str {
    match dry_run {
        true => "would be added",
        false => "added",
    }
}
