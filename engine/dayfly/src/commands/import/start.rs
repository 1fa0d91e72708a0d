//! Starts what was imported, so that every profile works at once.

use dayfly_control::protocol::SessionOrder;
use dayfly_core::policy::Action;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::orders;
use dayfly_import::{Plan, Requirement};
use dayfly_runtime::Home;

use crate::progress::ProgressLine;
use crate::terminal::{print, warn};

/// Starts the imported sessions that need nothing of a person, and tells which need something or failed.
pub(super) fn start_imported(home: &Home, plan: &Plan) -> Result<Exit, CliError> {
    let needs = |requires: &[Requirement]| {
        requires
            .iter()
            .any(|need| !matches!(need, Requirement::Secret))
    };
    let (waiting, ready): (Vec<_>, Vec<_>) = plan
        .added()
        .partition(|(row, _)| needs(&row.candidate.requires));
    let progress = ProgressLine::start();
    let (mut started, mut failed) = (0, 0);
    for (n, (row, object)) in ready.iter().enumerate() {
        let name = sanitize(&row.candidate.name);
        dayfly_integrations::Progress::at(&progress, n, ready.len(), &format!("starting {name}"));
        let id = object.get("sessionId").and_then(|id| id.as_str());
        let order = SessionOrder::plain(id.unwrap_or(&row.candidate.name), Action::Start);
        match orders::order(home, &order) {
            Ok(_) => started += 1,
            Err(trouble) => {
                failed += 1;
                let message = &trouble.message;
                match message.contains(&format!("\"{name}\"")) {
                    true => warn(message),
                    false => warn(&format!("{name} is not started: {message}")),
                }
            }
        }
    }
    dayfly_integrations::Progress::end(&progress);
    print(&format!("started {started} of {}\n", ready.len()));
    match waiting.len() {
        0 => {}
        1 => print("1 needs you first (NEEDS above); start it with `dayfly session start`\n"),
        n => print(&format!(
            "{n} need you first (NEEDS above); start each with `dayfly session start`\n"
        )),
    }
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}
