//! Has a person choose a session: by typing a part of what is known of it, on a list that begins with those that are
//! used most. Where the terminal cannot do that, or the person does not want it, on a numbered list.

mod choices;
mod keys;
mod numbered;
mod screen;
mod view;

use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, Code};
use dayfly_host::{person, uses, workspace};
use dayfly_runtime::report::SessionReport;
use dayfly_runtime::{Home, clock};
use dayfly_workspace::Workspace;

/// The variable by which a person says how to choose: `list` for the numbered list.
const HOW: &str = "DAYFLY_PICKER";

/// What is chosen for, and from.
pub(crate) struct Asked<'a> {
    /// What is asked: "use which session?"
    pub(crate) question: &'a str,
    /// Which sessions come into question.
    pub(crate) fits: &'a dyn Fn(&SessionReport) -> bool,
    /// Whether the answer may come from a standard input that is no terminal.
    pub(crate) piped: bool,
}

/// The session that the person chooses.
pub(crate) fn session(
    home: &Home,
    workspace: &Workspace,
    asked: &Asked<'_>,
) -> Result<SessionId, CliError> {
    let screen = screen_wanted().then(screen::Screen::open).flatten();
    if screen.is_none() && !asked.piped && !person::somebody() {
        return Err(nobody());
    }
    let choices = choices::of(home, workspace, asked.fits);
    if choices.is_empty() {
        let message = "there is no session to choose";
        let hint = "add one with `dayfly session add`, or take over profiles with `dayfly import`";
        return Err(CliError::new(Code::NotFound, message).hint(hint));
    }
    let chosen = match screen {
        Some(screen) => screen.choose(asked.question, &choices)?,
        None => numbered::choose(asked.question, &choices)?,
    };
    chosen
        .map(|at| choices[at].id.clone())
        .ok_or_else(|| CliError::failed("you chose no session; nothing was changed"))
}

/// The session that is named; without a name, the one that the person chooses at a terminal.
pub(crate) fn named_or_chosen(
    home: &Home,
    workspace: &Workspace,
    named: Option<&str>,
    question: &str,
    fits: &dyn Fn(&SessionReport) -> bool,
) -> Result<SessionId, CliError> {
    let id = match named {
        Some(named) => workspace::session(workspace, named)?.id.clone(),
        None => session(
            home,
            workspace,
            &Asked {
                question,
                fits,
                piped: false,
            },
        )?,
    };
    // What scripts do says nothing of what a person wants on top of a list.
    if named.is_none() || person::somebody() {
        uses::note(home, &id, clock::now());
    }
    Ok(id)
}

/// Whether the list is to be one that moves.
fn screen_wanted() -> bool {
    let set = |name| std::env::var(name).unwrap_or_default();
    let plain = matches!(set("TERM").as_str(), "" | "dumb");
    !plain && set(HOW) != "list"
}

fn nobody() -> CliError {
    CliError::usage("no session is named, and there is no terminal to choose one at")
        .hint("name it; `dayfly session list` lists all")
}
