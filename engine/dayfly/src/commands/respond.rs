//! `dayfly respond`

use std::io::IsTerminal as _;

use dayfly_control::protocol::{Answered, Response, not_found};
use dayfly_control::secret::Secret;
use dayfly_core::policy::Action;
use dayfly_core::session::{ErrorKind, Session};
use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Code, Exit, Table, sanitize};
use dayfly_host::{direct, orders, paths, reports, user_prompts, workspace};
use dayfly_runtime::report::{EngineReport, SessionReport};
use dayfly_runtime::{Home, clock};
use dayfly_vault::SecretString;
use dayfly_views::sessions;
use serde_json::json;

use crate::commands::session::order as session_order;
use crate::terminal::{print, print_json};

/// Enter the MFA code that a session is waiting for.
///
/// Without a session, lists all sessions that wait for your input. On a terminal, Dayfly asks for
/// the code; otherwise the code is the first line of the standard input. Dayfly then starts the
/// session, or renews its credentials.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly respond\n  dayfly respond main\n  ykman oath accounts code -s aws | dayfly respond main"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: Option<String>,
    /// The code; other programs on this machine can see it here.
    code: Option<String>,
    /// Print JSON: the waiting sessions, or the session afterwards.
    #[arg(long)]
    json: bool,
}

/// The longest input, in bytes.
const INPUT: usize = 4 << 10;

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let report = reports::of(&home)?;
    let Some(asked) = &args.session else {
        return list(&report, args.json);
    };
    let workspace = workspace::require(&home)?;
    let resolved = workspace.resolve(asked).map_err(|e| not_found(&e))?;
    let session = user_prompts::needy(&report, resolved.session.id.as_str())
        .and_then(|needy| workspace.get(&needy.id))
        .map_or(&resolved.session, |needy| &needy.session);
    let device = device(&report, session)?;
    let code = code(args, session, device)?;
    let response = Response {
        session: session.id.to_string(),
        given: Answered::Code(Secret(code)),
        order: None,
    };
    let done = orders::respond(&home, &response)?;
    if args.json {
        return print_json(&done);
    }
    let renewed = report.engine.is_some() && has_credentials(&report, session);
    let action = if renewed {
        Action::Rotate
    } else {
        Action::Start
    };
    print(&session_order::text(Some(action), &done, &session.name));
    let wanted = &resolved.session;
    if wanted.id != session.id {
        // What it is chained to is there; nobody has said that it is to stay.
        direct::credentials(&home, wanted.id.as_str())?;
        print(&format!("{} started\n", sanitize(&wanted.name)));
    }
    let rest = waiting_elsewhere(&home, session);
    if !rest.is_empty() {
        print(&format!(
            "still waiting for your input: {}\n",
            rest.join(", ")
        ));
    }
    Ok(Exit::Done)
}

fn has_credentials(report: &EngineReport, session: &Session) -> bool {
    let known = report.sessions.iter().find(|s| s.id == session.id);
    known.is_some_and(|s| s.started_at.is_some())
}

/// The device whose code is wanted.
fn device<'a>(report: &EngineReport, session: &'a Session) -> Result<&'a str, CliError> {
    let name = sanitize(&session.name);
    let known = report.sessions.iter().find(|s| s.id == session.id);
    let needs = known.and_then(|s| s.needs.as_ref());
    if let Some(needs) = needs.filter(|n| n.kind == ErrorKind::NeedsSignIn) {
        let message = format!("{name} is waiting for a sign-in, not for a code");
        let hint = known.and_then(|s| s.error.as_ref()?.hint.clone());
        let at = needs.sign_in.as_deref().unwrap_or_default();
        return Err(
            CliError::usage(message).hint(hint.unwrap_or_else(|| format!("sign in to {at}")))
        );
    }
    let device = session.mfa_device().ok_or_else(|| {
        CliError::usage(format!(
            "{name} has no MFA device, so there is no code to enter"
        ))
    })?;
    if report.engine.is_some() && needs.is_none() && has_credentials(report, session) {
        let message = format!("{name} has credentials and is not waiting for a code");
        let hint = format!(
            "to get new ones, run `dayfly session rotate {}`, which asks for a code",
            shell_word(&session.name)
        );
        return Err(CliError::new(Code::Failed, message).hint(hint));
    }
    Ok(device)
}

fn code(args: &Args, session: &Session, device: &str) -> Result<SecretString, CliError> {
    if let Some(code) = &args.code {
        return Ok(SecretString::from(code.clone()));
    }
    if std::io::stdin().is_terminal() {
        let code = user_prompts::ask_code_now(&sanitize(&session.name), device)?;
        return code.ok_or_else(|| CliError::usage("you entered no code"));
    }
    let text = crate::input::secret(INPUT)
        .map_err(|e| CliError::failed(format!("cannot read the standard input: {e}")))?;
    let line = text.expose().lines().next().unwrap_or_default();
    let digits: String = line.split_whitespace().collect();
    if digits.is_empty() {
        return Err(CliError::usage("the standard input has no code"));
    }
    Ok(SecretString::from(digits))
}

fn waiting(report: &EngineReport) -> Vec<&SessionReport> {
    let sessions = report.sessions.iter();
    sessions.filter(|s| s.needs.is_some()).collect()
}

fn waiting_elsewhere(home: &Home, answered: &Session) -> Vec<String> {
    let report = reports::of(home).ok();
    let waiting = report.as_ref().map(waiting).unwrap_or_default();
    let others = waiting.into_iter().filter(|s| s.id != answered.id);
    others.map(|s| sanitize(&s.name)).collect()
}

fn list(report: &EngineReport, as_json: bool) -> Result<Exit, CliError> {
    let waiting = waiting(report);
    if as_json {
        let rows: Vec<_> = waiting
            .iter()
            .map(|s| {
                json!({
                    "sessionId": s.id,
                    "sessionName": s.name,
                    "status": s.status,
                    "expiresAt": s.expires_at.map(dayfly_runtime::report::moment),
                    "needs": s.needs,
                    "error": s.error,
                })
            })
            .collect();
        return print_json(&rows);
    }
    if waiting.is_empty() {
        print(match report.engine {
            Some(_) => "no session is waiting for input\n",
            None => "no engine is running, so no session is waiting for input\n",
        });
        return Ok(Exit::Done);
    }
    let now = clock::now();
    let mut table = Table::new(["SESSION", "NEEDS", "OF", "ENDS", "DO"]);
    for session in waiting {
        let Some(needs) = &session.needs else {
            continue;
        };
        let of = needs.device.as_ref().or(needs.sign_in.as_ref());
        let hint = session.error.as_ref().and_then(|e| e.hint.clone());
        table.row([
            sanitize(&session.name),
            match (needs.kind, needs.asking) {
                (_, true) => "the prompt command is asking".to_owned(),
                (ErrorKind::NeedsMfa, false) => "a code".to_owned(),
                (_, false) => "a sign-in".to_owned(),
            },
            of.map(|of| sanitize(of)).unwrap_or_default(),
            sessions::ends(session, now),
            hint.map(|h| sanitize(&h)).unwrap_or_default(),
        ]);
    }
    print(&table.to_string());
    Ok(Exit::Done)
}
