//! `dayfly events`

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc;

use dayfly_control::protocol::not_found;
use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use dayfly_dialog::time::{self, parse_span};
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{paths, settings, workspace};
use dayfly_runtime::clock;
use dayfly_runtime::journal::{self, Line, Reader};
use dayfly_views::journal_line::{self, Names};
use dayfly_workspace::Workspace;

use crate::terminal::{self, print};

/// Show the journal: events, decisions, actions and their results.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly events --follow\n  dayfly events --session dev --since 2h\n  dayfly events --policy keep-dev --json"
)]
pub(crate) struct Args {
    /// Keep printing new lines.
    #[arg(long, short)]
    follow: bool,
    /// Only lines about this session: an id, the beginning of an id, or a name.
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// Only lines about this policy entry.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Only newer lines: a time span (15m, 2h, 3d) or a time (2026-03-01T14:00:00Z).
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<Timestamp>,
    /// Only older lines: a time span (15m, 2h, 3d) or a time.
    #[arg(long, value_name = "WHEN", value_parser = parse_when, conflicts_with = "follow")]
    until: Option<Timestamp>,
    /// Only this number of newest lines.
    #[arg(long, short = 'n', value_name = "LINES")]
    lines: Option<usize>,
    /// Also print evaluations and proposals.
    #[arg(long, short)]
    verbose: bool,
    /// Print all lines as they are in the journal: one JSON object per line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let mut names = workspace::names(&home);
    let workspace = workspace::load(&home).ok();
    let session = session(args, workspace.as_deref())?;
    let wanted = |line: &Line| is_wanted(args, session.as_ref(), line);
    let folder = home.journal();
    // Before the reading, so that nothing falls in between.
    let (dirty, news) = mpsc::sync_channel(1);
    let watch = if args.follow {
        let watch = dayfly_workspace::watch(&journal::current(&folder), move || {
            let _ = dirty.try_send(());
        });
        Some(watch.map_err(|e| CliError::failed(e.to_string()))?)
    } else {
        None
    };
    let failed = |e: std::io::Error| {
        CliError::failed(format!(
            "cannot read the journal in {}: {e}",
            folder.display()
        ))
    };
    if !args.json {
        learn_gone(&mut names, &folder).map_err(failed)?;
    }
    let mut reader = Reader::open(&folder);
    let mut newest = VecDeque::new();
    let mut known = Known::new(args, session.as_ref(), &home);
    while let Some(line) = reader.next_line().map_err(failed)? {
        journal_line::learn(&mut names, &line.note);
        known.learn(&line);
        if !wanted(&line) {
            continue;
        }
        match args.lines {
            Some(count) => {
                newest.push_back(line);
                if newest.len() > count {
                    newest.pop_front();
                }
            }
            None => show(args, &line, &names)?,
        }
    }
    for line in newest {
        show(args, &line, &names)?;
    }
    known.tell();
    let Some(_watch) = watch else {
        return Ok(Exit::Done);
    };
    while news.recv().is_ok() {
        while let Some(line) = reader.next_line().map_err(failed)? {
            journal_line::learn(&mut names, &line.note);
            if wanted(&line) {
                show(args, &line, &names)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Takes from the journal what sessions are called that the Workspace has no more.
fn learn_gone(names: &mut Names, folder: &Path) -> std::io::Result<()> {
    // The name of a session that is gone stands in the line that says so, which is a later one.
    let mut reader = Reader::open(folder);
    let mut gone = Names::new();
    while let Some(line) = reader.next_line()? {
        journal_line::learn(&mut gone, &line.note);
    }
    for (id, name) in gone {
        names.entry(id).or_insert(name);
    }
    Ok(())
}

/// The session that is asked for.
fn session(args: &Args, workspace: Option<&Workspace>) -> Result<Option<SessionId>, CliError> {
    Ok(match (&args.session, workspace) {
        // One that is gone from the Workspace may still be in the journal.
        (Some(asked), Some(workspace)) => match workspace.resolve(asked) {
            Ok(entry) => Some(entry.session.id.clone()),
            Err(error @ dayfly_workspace::ResolveError::Ambiguous { .. }) => {
                return Err(not_found(&error));
            }
            Err(_) => Some(SessionId::new(asked)),
        },
        (Some(asked), None) => Some(SessionId::new(asked)),
        (None, _) => None,
    })
}

/// Whether a line is among those that are asked for.
fn is_wanted(args: &Args, session: Option<&SessionId>, line: &Line) -> bool {
    let what = &line.note.what;
    session.is_none_or(|id| what.session() == Some(id))
        && args
            .policy
            .as_ref()
            .is_none_or(|name| what.entry().is_some_and(|e| e.as_str() == name))
        && args.since.is_none_or(|since| line.note.at >= since)
        && args.until.is_none_or(|until| line.note.at <= until)
        && (args.json || args.verbose || args.policy.is_some() || journal_line::is_main(what))
}

/// Whether what was asked for is there at all: a name that is mistyped would look like one of which there is
/// nothing to say.
struct Known<'a> {
    session: Option<(&'a str, &'a SessionId)>,
    policy: Option<&'a str>,
}

impl<'a> Known<'a> {
    /// What is asked for, and is not where it should be.
    fn new(args: &'a Args, session: Option<&'a SessionId>, home: &dayfly_runtime::Home) -> Self {
        let there = |id: &SessionId| {
            let workspace = workspace::load(home);
            workspace.is_ok_and(|w| w.sessions().iter().any(|entry| entry.session.id == *id))
        };
        let entry = |name: &str| {
            let config = settings::load(home);
            config.is_ok_and(|config| {
                let disabled = config.disabled.iter().map(|(name, _)| name);
                let mut names = config.policies.iter().map(|p| &p.name).chain(disabled);
                names.any(|known| known == name)
            })
        };
        Self {
            session: args.session.as_deref().zip(session.filter(|id| !there(id))),
            policy: args.policy.as_deref().filter(|name| !entry(name)),
        }
    }

    /// The journal knows it: it was there once.
    fn learn(&mut self, line: &Line) {
        let what = &line.note.what;
        self.session = self.session.filter(|(_, id)| what.session() != Some(*id));
        self.policy = self
            .policy
            .filter(|name| what.entry().is_none_or(|entry| entry.as_str() != *name));
    }

    fn tell(&self) {
        if let Some((asked, _)) = self.session {
            let asked = sanitize(asked);
            terminal::say(&format!(
                "note: neither the Workspace nor the journal has a session \"{asked}\""
            ));
        }
        if let Some(name) = self.policy {
            let name = sanitize(name);
            terminal::say(&format!(
                "note: neither dayfly.toml nor the journal has a policy entry \"{name}\""
            ));
        }
    }
}

fn show(args: &Args, line: &Line, names: &Names) -> Result<(), CliError> {
    if args.json {
        return terminal::print_json_line(line);
    }
    let (mark, text) = journal_line::text(&line.note, names);
    let at = time::date_and_clock(line.note.at);
    print(&format!("{at} {mark} {text}\n"));
    Ok(())
}

pub(crate) fn parse_when(text: &str) -> Result<Timestamp, String> {
    if let Ok(date) = chrono::DateTime::parse_from_rfc3339(text) {
        let millis =
            u64::try_from(date.timestamp_millis()).map_err(|_| format!("{text} is before 1970"))?;
        return Ok(Timestamp::from_millis(millis));
    }
    parse_span(text)
        .map(|span| clock::now().minus(span))
        .map_err(|_| {
            format!("\"{text}\" is neither a time span (15m, 2h) nor a time (2026-03-01T14:00:00Z)")
        })
}
