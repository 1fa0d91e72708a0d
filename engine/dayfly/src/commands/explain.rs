//! `dayfly explain`

use dayfly_control::client;
use dayfly_control::protocol::{Request, not_found};
use dayfly_core::arbitration::{Actor, Lost, Tier};
use dayfly_core::effect::{JournalEvent, Loss};
use dayfly_core::policy::{Action, Outcome};
use dayfly_core::session::{SessionId, Status};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_dialog::{CliError, Code, Exit, sanitize, time};
use dayfly_host::{paths, reports, workspace};
use dayfly_runtime::journal::{Line, Reader};
use dayfly_runtime::report::{EngineReport, KeyReport, SessionReport, StandingReport};
use dayfly_runtime::{Home, clock};
use dayfly_views::journal_line::{self, Names};
use dayfly_views::{keys, sessions};
use serde_json::json;

use crate::terminal::{print, print_json};

/// Explain the current state of a session: what happened, which policies decided what, and what is
/// next.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly explain dev\n  dayfly explain dev --json")]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let entry = workspace
        .resolve(&args.session)
        .map_err(|e| not_found(&e))?;
    let id = entry.session.id.clone();
    let report = reports::of(&home)?;
    let session = report.sessions.iter().find(|s| s.id == id);
    let session = session.ok_or_else(|| {
        let message = format!(
            "the running engine has not loaded session \"{}\" yet",
            args.session
        );
        CliError::new(Code::NotFound, message).hint("try again in a moment")
    })?;
    let standing = standing(&home, &id)?;
    let story = story(lines(&home, &id)?, &id);
    if args.json {
        return print_json(&json!({
            "session": session,
            "story": story,
            "standing": standing,
        }));
    }
    let names = workspace::names(&home);
    print(&text(&report, session, &story, standing.as_deref(), &names));
    Ok(Exit::Done)
}

/// What stands for the session; none where no engine runs, so that nothing stands.
fn standing(home: &Home, id: &SessionId) -> Result<Option<Vec<StandingReport>>, CliError> {
    let request = Request::Standing {
        session: id.to_string(),
    };
    client::ask(home, &request).transpose()
}

/// Lines about the session, and lines about no session, which may be what they came of.
fn lines(home: &Home, id: &SessionId) -> Result<Vec<Line>, CliError> {
    let folder = home.journal();
    let failed = |e: std::io::Error| {
        CliError::failed(format!(
            "cannot read the journal in {}: {e}",
            folder.display()
        ))
    };
    let mut reader = Reader::open(&folder);
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().map_err(failed)? {
        if line.note.what.session().is_none_or(|session| session == id) {
            lines.push(line);
        }
    }
    Ok(lines)
}

/// The lines that tell how the session came to its present state.
///
/// From the last operation that succeeded, or before it the decision that it came of and the event
/// which that came of, to the end; of failed attempts in a row the last counts.
fn story(lines: Vec<Line>, id: &SessionId) -> Vec<Line> {
    let about = |line: &Line| line.note.what.session() == Some(id);
    let ended = |line: &Line| match &line.note.what {
        JournalEvent::Ended { outcome, .. } if about(line) => Some(*outcome),
        _ => None,
    };
    let last = lines.iter().rposition(|line| ended(line).is_some());
    let Some(last) = last else {
        // Never was anything done to it: what was said of it is all there is.
        let mut told: Vec<Line> = lines.into_iter().filter(|l| about(l)).collect();
        let from = told.len().saturating_sub(10);
        return told.split_off(from);
    };
    // Where it failed, how it came to what is in force is of interest too.
    let mut begins = vec![last];
    if ended(&lines[last]) == Some(Outcome::Failed) {
        let good = lines[..last]
            .iter()
            .rposition(|line| ended(line).is_some_and(|outcome| outcome != Outcome::Failed));
        begins.extend(good);
    }
    // Who had it started is of interest for as long as it is only renewed.
    if ended(&lines[last]) == Some(Outcome::Rotated) {
        let mut earlier = lines[..last].iter().enumerate().rev();
        let started = earlier.find_map(|(at, line)| match ended(line)? {
            Outcome::Rotated | Outcome::Failed => None,
            outcome => Some((at, outcome)),
        });
        begins.extend(
            started
                .filter(|(_, o)| *o == Outcome::Started)
                .map(|(at, _)| at),
        );
    }
    let mut wanted = vec![false; lines.len()];
    for end in begins {
        let decided = lines[..=end].iter().rposition(|line| {
            about(line)
                && matches!(
                    line.note.what,
                    JournalEvent::Decided { .. } | JournalEvent::Displaced { .. }
                )
        });
        let from = decided.unwrap_or(end);
        let origin = (&lines[from].run, lines[from].note.cause);
        for (index, line) in lines[..=end].iter().enumerate() {
            let same = (&line.run, line.note.cause) == origin;
            wanted[index] |= same && (index >= from && about(line) || is_origin(&line.note.what));
            wanted[index] |= index > from && about(line) && (&line.run) == origin.0;
        }
    }
    if let Some(index) = last_of_key(&lines, id) {
        wanted[index] = true;
    }
    for (index, line) in lines.iter().enumerate().skip(last + 1) {
        wanted[index] |= about(line);
    }
    let mut told: Vec<Line> = lines
        .into_iter()
        .zip(wanted)
        .filter_map(|(line, wanted)| wanted.then_some(line))
        .collect();
    // Proposals that came to nothing repeat themselves; the newest say it all.
    let from = told.len().saturating_sub(40);
    told.split_off(from)
}

/// What happened last to its access key, which may be long ago.
fn last_of_key(lines: &[Line], id: &SessionId) -> Option<usize> {
    lines.iter().rposition(|line| {
        let ended = matches!(
            line.note.what,
            JournalEvent::KeyRotated { .. }
                | JournalEvent::KeyFailed { .. }
                | JournalEvent::KeyHeld { .. }
        );
        ended && line.note.what.session() == Some(id)
    })
}

/// What other lines may come of.
fn is_origin(what: &JournalEvent) -> bool {
    matches!(
        what,
        JournalEvent::WorkspaceAccepted { .. }
            | JournalEvent::SessionEdited { .. }
            | JournalEvent::Commanded { .. }
            | JournalEvent::Custom { .. }
            | JournalEvent::SignInEnds { .. }
            | JournalEvent::Scheduled { .. }
            | JournalEvent::FilesSeen { .. }
            | JournalEvent::BranchSeen { .. }
            | JournalEvent::Proposed { .. }
            | JournalEvent::Held { .. }
            | JournalEvent::PoliciesAccepted { .. }
    )
}

fn text(
    report: &EngineReport,
    session: &SessionReport,
    story: &[Line],
    standing: Option<&[StandingReport]>,
    names: &Names,
) -> String {
    let now = clock::now();
    let name = sanitize(&session.name);
    let mut text = format!("{name} is {}", session.status);
    if let Some(at) = session.started_at {
        text += &format!(
            " since {} ({})",
            time::date_and_clock(at),
            time::relative(at, now)
        );
    }
    if let Some(profile) = &session.profile {
        text += &format!("; profile {}", sanitize(profile));
    }
    if let Some(layer) = &session.layer {
        text += &format!("; from layer {}", sanitize(layer));
    }
    text += "\n";
    if let Some(fault) = &session.fault {
        text += &format!("Dayfly cannot start it: {}\n", sanitize(fault));
    }
    text += "\nhistory\n";
    if story.is_empty() {
        text += "  the journal has nothing about it\n";
    }
    for line in story {
        let (mark, told) = journal_line::text(&line.note, names);
        text += &format!("  {} {mark} {told}\n", time::date_and_clock(line.note.at));
        if let JournalEvent::Decided { losers, .. } = &line.note.what {
            for loss in losers.iter().filter(|loss| loss.lost != Lost::Satisfied) {
                text += &format!("      not: {}\n", lost(loss));
            }
        }
    }
    text += "\ndecisions in force\n";
    match standing {
        None => {
            text += "  no engine is running, so no policy decides; start one with `dayfly run`\n"
        }
        Some([]) => text += "  no policy proposes anything for it\n",
        Some(standing) => {
            for stands in standing {
                text += &format!("  {}\n", proposal(stands));
                if let Some(by) = &stands.overruled_by {
                    text += &overruled(stands, by, &name);
                }
            }
        }
    }
    if let Some(key) = &session.key {
        text += &access_key(key, now);
    }
    text += "\nnext\n";
    text += &next(report, session, waits(story));
    text
}

/// How old its access key is, what happens to it, and why nothing does.
fn access_key(key: &KeyReport, now: Timestamp) -> String {
    let mut text = format!("\naccess key\n  {}\n", keys::age(key, now));
    if let Some(note) = keys::note(key, now) {
        text += &format!("  {note}\n");
    }
    if let Some(hint) = key.error.as_ref().and_then(|error| error.hint.as_ref()) {
        text += &format!("  {}\n", sanitize(hint));
    }
    text
}

fn lost(loss: &Loss) -> String {
    let why = match &loss.lost {
        Lost::Ended => "it had expired".to_owned(),
        Lost::Stale => "the session had changed in the meantime".to_owned(),
        Lost::Satisfied => "it was already done".to_owned(),
        Lost::Held { by, why } => format!("{by} holds: {}", sanitize(why)),
        Lost::Outranked { by } => format!("{by} takes precedence, or proposes the safer action"),
    };
    format!("{} by {}: {why}", loss.action, loss.by)
}

fn proposal(stands: &StandingReport) -> String {
    let actions: Vec<&str> = stands.actions.iter().map(|a| a.as_str()).collect();
    let actions = actions.join(", ");
    let what = if stands.hold {
        format!("holds {actions}")
    } else {
        actions
    };
    let until = stands
        .until
        .map(|at| format!(" until {}", time::date_and_clock(at)));
    let shadow = if stands.shadow {
        " (shadow: only recorded)"
    } else {
        ""
    };
    let tier = match (&stands.by, stands.tier) {
        (Actor::Person, _) | (_, Tier::Personal) => String::new(),
        (_, Tier::Team) => " (team)".into(),
        (_, Tier::GuardRail) => " (guard rail)".into(),
        (_, Tier::Person | Tier::Override) => String::new(),
    };
    format!(
        "{}{tier}{shadow}: {what}{}: {}",
        stands.by,
        until.unwrap_or_default(),
        sanitize(&stands.why.message)
    )
}

/// Why nothing comes of a proposal, and how it would count.
fn overruled(stands: &StandingReport, by: &Actor, name: &str) -> String {
    let Actor::Person = by else {
        return format!("      no effect: {by} takes precedence and wants the opposite\n");
    };
    let said = match stands.actions.first() {
        Some(Action::Stop) => "started it",
        _ => "stopped it",
    };
    format!(
        "      no effect: you {said} yourself, and your command takes precedence over every policy \
         that is not a guard rail\n      to let the policies decide: `dayfly session release \
         {}`; to make this policy always take precedence: give it tier = \"guard-rail\"\n",
        shell_word(name)
    )
}

/// What was decided last and waits for something, where nothing was done or decided since.
fn waits(story: &[Line]) -> Option<String> {
    let told = story.iter().rev().map(|line| &line.note.what);
    let mut last = told.filter(|what| {
        matches!(
            what,
            JournalEvent::Deferred { .. }
                | JournalEvent::Decided { .. }
                | JournalEvent::Began { .. }
                | JournalEvent::Ended { .. }
        )
    });
    let JournalEvent::Deferred {
        action, why, until, ..
    } = last.next()?
    else {
        return None;
    };
    let until = until.map(|at| format!(", at {}", time::date_and_clock(at)));
    let until = until.unwrap_or_default();
    Some(format!("{action} is waiting{until}: {}", sanitize(why)))
}

fn next(report: &EngineReport, session: &SessionReport, waits: Option<String>) -> String {
    let now = clock::now();
    let mut text = String::new();
    if let Some(doing) = &session.doing {
        text += &format!("  {doing}\n");
    }
    if let (Some(error), Some(at)) = (&session.error, session.retry_at) {
        text += &format!(
            "  Dayfly does not try again before {} ({}): {}\n",
            time::clock(at),
            time::relative(at, now),
            sanitize(&error.message)
        );
        if let Some(hint) = &error.hint {
            text += &format!("  {}\n", sanitize(hint));
        }
    }
    match (session.status, session.expires_at) {
        (_, Some(end)) => {
            text += &format!(
                "  its credentials expire at {} ({}), unless they are rotated before\n",
                time::date_and_clock(end),
                time::relative(end, now)
            );
        }
        (Status::Active, None) => text += "  its credentials do not expire\n",
        _ => {}
    }
    if let Some(waits) = waits {
        text += &format!("  {waits}\n");
    } else if session.status == Status::Inactive && session.error.is_none() {
        text += if report.engine.is_some() {
            "  it stays inactive until a policy, a program or you start it\n"
        } else {
            "  it stays inactive until you start it\n"
        };
    }
    text += &sessions::note(session, now)
        .split("; ")
        .filter(|note| note.starts_with("you "))
        .map(|note| format!("  {note}\n"))
        .collect::<String>();
    text
}

#[cfg(test)]
mod tests {
    use dayfly_core::effect::{Cause, JournalEntry, OperationId};
    use dayfly_core::policy::{Action, Reason};

    use super::*;

    fn line(cause: u64, what: JournalEvent) -> Line {
        Line {
            run: "r".into(),
            note: JournalEntry {
                at: Timestamp::from_millis(cause),
                cause: Cause(cause),
                what,
            },
        }
    }

    fn ended(cause: u64, session: &SessionId, outcome: Outcome) -> Line {
        let what = JournalEvent::Ended {
            session: session.clone(),
            operation: OperationId(cause),
            outcome,
            lease: None,
            failure: None,
            retry_at: None,
        };
        line(cause, what)
    }

    fn decided(cause: u64, session: &SessionId) -> Line {
        let what = JournalEvent::Decided {
            session: session.clone(),
            action: Action::Start,
            by: Actor::Person,
            why: Reason::new("c", "m"),
            losers: Vec::new(),
        };
        line(cause, what)
    }

    fn accepted(cause: u64) -> Line {
        let what = JournalEvent::WorkspaceAccepted {
            revision: cause,
            added: 1,
            changed: 0,
            removed: 0,
        };
        line(cause, what)
    }

    #[test]
    fn it_begins_with_the_event_and_passes_over_other_matters() {
        let (s, other) = (SessionId::new("s"), SessionId::new("other"));
        let lines = vec![
            accepted(1),
            decided(1, &s),
            ended(1, &s, Outcome::Started),
            accepted(2),
            decided(2, &other),
            accepted(3),
            decided(3, &s),
            ended(3, &s, Outcome::Rotated),
            accepted(4),
        ];
        let causes = |lines: Vec<Line>| -> Vec<u64> {
            story(lines, &s).iter().map(|l| l.note.cause.0).collect()
        };
        assert_eq!(causes(lines.clone()), [1, 1, 1, 3, 3, 3]);
        // After a failure, how it came to what is in force is told as well.
        let mut failed = lines;
        failed.extend([decided(5, &s), ended(5, &s, Outcome::Failed)]);
        assert_eq!(causes(failed), [3, 3, 3, 5, 5]);
        assert_eq!(causes(vec![accepted(1)]), Vec::<u64>::new());
    }
}
