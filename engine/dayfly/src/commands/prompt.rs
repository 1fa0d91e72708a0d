//! `dayfly prompt`

use std::ffi::OsString;
use std::time::Duration;

use chrono::DateTime;
use clap::ValueEnum as _;
use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::session::Status;
use dayfly_core::time::Timestamp;
use dayfly_dialog::{CliError, Code, Exit, sanitize};
use dayfly_endpoints::environment::{SESSION, UNTIL};
use dayfly_host::paths;
use dayfly_runtime::report::SessionReport;
use dayfly_runtime::{clock, report};
use serde::Serialize;

use crate::shell::Shell;
use crate::terminal::{print, print_json_line};

/// Print the session of this shell and how long its credentials last, for a shell prompt.
///
/// It prints nothing if the shell uses no session. A running engine answers within milliseconds; if
/// none is running, Dayfly knows only what `dayfly use` or `dayfly exec` told the shell.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Fields of --format: {session}, {left} (42m, 3h10m, ended), {until}, {status} (active, pending, inactive, needs-person, ended, gone, unknown), {profile}, {account}, {region}\n\nExamples:\n  dayfly prompt\n  dayfly prompt --format '{session} in {account} ({left})'\n  PS1='$(dayfly prompt) '$PS1                            # bash\n  setopt prompt_subst; PROMPT='$(dayfly prompt --shell zsh) '$PROMPT    # zsh\n  [custom.dayfly]                                        # starship.toml\n  command = \"dayfly prompt\"\n  when = 'test -n \"$DAYFLY_SESSION\"'"
)]
pub(crate) struct Args {
    /// What to print; by default the session and what is left.
    #[arg(long, value_name = "TEXT", conflicts_with = "json")]
    format: Option<String>,
    /// Write what this shell's prompt would take for an escape so that it does not.
    #[arg(long, value_name = "SHELL")]
    shell: Option<Shell>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// How long the engine may take: a person waits for each prompt.
const PATIENCE: Duration = Duration::from_millis(250);

impl Args {
    /// The arguments, where the parser of the command line is not needed for them: it takes longer than all the rest.
    pub(crate) fn plain(args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut read = Self::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            match arg.to_str()? {
                "--json" if read.format.is_none() => read.json = true,
                "--format" if !read.json => read.format = Some(args.next()?.into_string().ok()?),
                "--shell" => {
                    read.shell = Some(Shell::from_str(args.next()?.to_str()?, false).ok()?);
                }
                _ => return None,
            }
        }
        Some(read)
    }
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let set = |name: &str| std::env::var(name).ok().filter(|set| !set.is_empty());
    let Some(session) = set(SESSION) else {
        return Ok(Exit::Done);
    };
    let told = set(UNTIL).and_then(|text| moment(&text));
    let fixed = set("AWS_ACCESS_KEY_ID").is_some();
    let known = asked(&session)?;
    let shown = Shown::of(&session, known, told, fixed, clock::now());
    if args.json {
        print_json_line(&shown)?;
        return Ok(Exit::Done);
    }
    let text = match &args.format {
        Some(format) => shown.formatted(format),
        None => shown.short(),
    };
    let text = match args.shell {
        Some(Shell::Zsh) => text.replace('%', "%%"),
        _ => text,
    };
    print(&format!("{text}\n"));
    Ok(Exit::Done)
}

/// What a running engine knows of the session; none where none runs, or has no time.
fn asked(session: &str) -> Result<Option<Result<SessionReport, Code>>, CliError> {
    let home = paths::home()?;
    let request = Request::Session {
        session: session.to_owned(),
    };
    let answer = client::ask_within::<SessionReport>(&home, &request, PATIENCE);
    Ok(answer.map(|answer| answer.map_err(|trouble| trouble.code)))
}

fn moment(text: &str) -> Option<Timestamp> {
    let date = DateTime::parse_from_rfc3339(text).ok()?;
    let millis = u64::try_from(date.timestamp_millis()).ok()?;
    Some(Timestamp::from_millis(millis))
}

/// What a prompt shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    session: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
}

impl Shown {
    /// `told` is until when the shell was told that its credentials last; `fixed` that it has them itself, so that
    /// what the engine renews does not reach it.
    fn of(
        session: &str,
        known: Option<Result<SessionReport, Code>>,
        told: Option<Timestamp>,
        fixed: bool,
        now: Timestamp,
    ) -> Self {
        let gone = matches!(known, Some(Err(Code::NotFound)));
        let known = known.and_then(Result::ok);
        let until = match &known {
            Some(known) if !fixed => known.expires_at,
            _ => told,
        };
        let ended = until.is_some_and(|until| until <= now);
        let status = match &known {
            _ if fixed && ended => "ended",
            _ if fixed => "active",
            Some(known) if known.needs.is_some() => "needs-person",
            Some(known) if known.status == Status::Active && ended => "ended",
            Some(known) => known.status.as_str(),
            None if gone => "gone",
            // Whoever renews it, if anybody does, was not asked.
            None if ended || until.is_none() => "unknown",
            None => "active",
        };
        let left = until.filter(|_| status == "active");
        let left = left.map(|until| until.since(now).as_secs());
        let known = known.as_ref();
        let of =
            |field: fn(&SessionReport) -> &Option<String>| known.and_then(|k| field(k).clone());
        Self {
            session: known.map_or_else(|| session.to_owned(), |known| known.name.clone()),
            status,
            until: until.map(report::moment),
            seconds_left: left,
            profile: of(|known| &known.profile),
            account: of(|known| &known.account),
            region: of(|known| &known.region),
        }
    }

    /// `42m`; nothing where it does not end, or nobody knows.
    fn left(&self) -> String {
        match self.seconds_left {
            Some(seconds) => compact(seconds),
            None if self.status == "ended" => "ended".to_owned(),
            None => String::new(),
        }
    }

    fn short(&self) -> String {
        let session = sanitize(&self.session);
        let rest = match self.status {
            "active" => self.left(),
            other => other.to_owned(),
        };
        format!("{session} {rest}").trim_end().to_owned()
    }

    fn formatted(&self, format: &str) -> String {
        let text = |field: &Option<String>| field.as_deref().map(sanitize).unwrap_or_default();
        let mut out = String::with_capacity(format.len() + 32);
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('{') {
            out += before;
            let field = after.split_once('}');
            let value = field.and_then(|(name, _)| match name {
                "session" => Some(sanitize(&self.session)),
                "left" => Some(self.left()),
                "until" => Some(text(&self.until)),
                "status" => Some(self.status.to_owned()),
                "profile" => Some(text(&self.profile)),
                "account" => Some(text(&self.account)),
                "region" => Some(text(&self.region)),
                _ => None,
            });
            match (field, value) {
                (Some((_, after)), Some(value)) => {
                    out += &value;
                    rest = after;
                }
                // Of another kind, and meant as it stands.
                _ => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out + rest
    }
}

/// The two largest units: `45s`, `42m`, `3h10m`, `2d4h`.
fn compact(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h{:02}m", minutes % 60),
        (days, hours, _) => format!("{days}d{}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use dayfly_core::session::{Access, Session, SessionId};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000)
    }

    fn known(status: Status, end: Option<u64>) -> SessionReport {
        let session = Session {
            id: SessionId::new("1"),
            name: "deploy".into(),
            region: Some("eu-west-1".into()),
            access: Access::Localstack { endpoint_url: None },
            named_profile: None,
            account: Some("111111111111".into()),
            labels: std::collections::BTreeMap::new(),
            fault: None,
        };
        let mut report = SessionReport::written(&session, status);
        report.expires_at = end.map(at);
        report
    }

    #[test]
    fn what_the_shell_really_has_is_what_is_shown() {
        let active = || Some(Ok(known(Status::Active, Some(2_520))));
        let short = |known, told: Option<u64>, fixed| {
            Shown::of("word", known, told.map(at), fixed, at(0)).short()
        };
        assert_eq!(short(active(), None, false), "deploy 42m");
        // Renewed since the shell was told.
        assert_eq!(short(active(), Some(0), false), "deploy 42m");
        // What the engine renews does not reach a shell that has the credentials themselves.
        assert_eq!(short(active(), Some(600), true), "deploy 10m");
        assert_eq!(short(active(), Some(0), true), "deploy ended");
        let inactive = || Some(Ok(known(Status::Inactive, None)));
        assert_eq!(short(inactive(), Some(600), false), "deploy inactive");
        // Without an engine.
        assert_eq!(short(None, Some(3_700), false), "word 1h01m");
        assert_eq!(short(None, Some(0), false), "word unknown");
        assert_eq!(short(None, None, false), "word unknown");
        assert_eq!(
            short(Some(Err(Code::NotFound)), Some(60), false),
            "word gone"
        );
        assert_eq!(short(Some(Err(Code::Failed)), Some(60), false), "word 1m");
    }

    #[test]
    fn a_format_has_fields_and_all_else_stands_for_itself() {
        let mut report = known(Status::Active, Some(90_000));
        report.name = "a\x1b[2Jb".into();
        let shown = Shown::of("word", Some(Ok(report)), None, false, at(0));
        for (format, text) in [
            ("{session}", r"a\u{1b}[2Jb"),
            (
                "[{account}/{region}{profile}] {left}",
                "[111111111111/eu-west-1] 1d1h",
            ),
            ("{status} {other} {", "active {other} {"),
            ("{{left}}", "{1d1h}"),
            ("", ""),
        ] {
            assert_eq!(shown.formatted(format), text, "{format}");
        }
        assert_eq!(shown.until.as_deref(), Some("2027-01-16T09:00:00.000Z"));
    }

    #[test]
    fn arguments_that_are_plain_need_no_parser() {
        let plain = |args: &[&str]| Args::plain(args.iter().map(OsString::from));
        assert!(plain(&[]).is_some());
        let read = plain(&["--format", "{left}", "--shell", "zsh"]).unwrap();
        assert_eq!(read.format.as_deref(), Some("{left}"));
        assert_eq!(read.shell, Some(Shell::Zsh));
        for odd in [
            &["--json", "--format", "x"][..],
            &["--format"],
            &["--help"],
            &["--shell", "tcsh"],
            &["x"],
        ] {
            assert!(plain(odd).is_none(), "{odd:?}");
        }
    }
}
