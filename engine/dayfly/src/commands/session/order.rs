//! `dayfly session start`, `stop` and `rotate`

use std::time::Duration;

use dayfly_control::protocol::{OrderDone, SessionOrder};
use dayfly_core::policy::Action;
use dayfly_core::text::shell_word;
use dayfly_dialog::time::{self, parse_span};
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{orders, paths};
use dayfly_runtime::clock;

use crate::terminal::{print, print_json};

/// What all three take.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// How long your command takes precedence over policies: 90s, 15m, 8h, 2d. By default until
    /// your next command, or until the started session ends.
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    lasting: Option<Duration>,
    /// Pass guard rails, for this reason; Dayfly records it.
    #[arg(long = "override", value_name = "REASON")]
    override_reason: Option<String>,
    /// The reason, for policies that require one; Dayfly records it.
    #[arg(long, value_name = "TEXT", conflicts_with = "override_reason")]
    reason: Option<String>,
    /// Print the session as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, action: Action) -> Result<Exit, CliError> {
    let empty = |text: &Option<String>| text.as_ref().is_some_and(|t| t.trim().is_empty());
    if empty(&args.override_reason) || empty(&args.reason) {
        return Err(CliError::usage("the reason is empty"));
    }
    if args.lasting.is_some_and(|span| span.is_zero()) {
        return Err(CliError::usage("--for must be longer than 0s"));
    }
    let order = SessionOrder {
        session: args.session.clone(),
        action: Some(action),
        for_seconds: args.lasting.map(|span| span.as_secs()),
        override_reason: args.override_reason.clone(),
        reason: args.reason.clone(),
    };
    carry_out(&order, args.json)
}

/// Has an order carried out, and tells how it ended.
pub(crate) fn carry_out(order: &SessionOrder, json: bool) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let done = orders::order(&home, order)?;
    let nowhere = nowhere(order.action, &done);
    if json {
        let exit = print_json(&done)?;
        return Ok(if nowhere { Exit::Failed } else { exit });
    }
    let text = text(order.action, &done, &order.session);
    if nowhere {
        let name = done.session.map_or(order.session.clone(), |s| s.name);
        let name = shell_word(&name);
        let hint = format!(
            "use them with `dayfly exec {name} -- COMMAND`; `dayfly session edit {name} --delivery \
             none` tells Dayfly to publish them in no file"
        );
        return Err(CliError::failed(text.trim_end()).hint(hint));
    }
    print(&text);
    Ok(Exit::Done)
}

/// Whether credentials were to be put somewhere and could be put nowhere: programs that look there
/// find none, or somebody else's.
fn nowhere(action: Option<Action>, done: &OrderDone) -> bool {
    let places = done.session.as_ref().map_or(&[][..], |s| &s.delivery);
    matches!(action, Some(Action::Start | Action::Rotate))
        && !places.is_empty()
        && places.iter().all(|place| place.error.is_some())
}

/// How an order ended, for a person.
pub(crate) fn text(action: Option<Action>, done: &OrderDone, asked: &str) -> String {
    let session = done.session.as_ref();
    let name = sanitize(session.map_or(asked, |s| &s.name));
    let what = match (action, done.changed) {
        (Some(Action::Start), true) => "started",
        (Some(Action::Start), false) => "is already active",
        (Some(Action::Stop), true) => "stopped",
        (Some(Action::Stop), false) => "is already inactive",
        (Some(Action::Rotate), _) => "rotated",
        (None, _) => "released: the policies decide again",
    };
    let mut text = format!("{name} {what}");
    if matches!(action, Some(Action::Start | Action::Rotate))
        && let Some(session) = session
    {
        if let Some(profile) = &session.profile {
            text += &format!("; profile {}", sanitize(profile));
        }
        for other in &done.displaced {
            text += &format!(", taken from {}, which Dayfly stopped", sanitize(other));
        }
        if let Some(end) = session.expires_at {
            let now = clock::now();
            text += &format!(
                "; valid until {} ({})",
                time::clock(end),
                time::relative(end, now)
            );
        }
        for place in &session.delivery {
            let Some(problem) = place.problem() else {
                continue;
            };
            text += &format!("\nbut {}", sanitize(&problem));
            if let Some(hint) = place.error.as_ref().and_then(|e| e.hint.as_ref()) {
                text += &format!("\n  {}", sanitize(hint));
            }
        }
    }
    text + "\n"
}
