//! Scenario files: what happens in a virtual world, and what is expected of the policies then.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use dayfly_core::policy::Action;
use dayfly_core::session::{ErrorKind, Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_dialog::time::parse_span;
use dayfly_dialog::{CliError, Code};
use dayfly_fs::trusted;
use dayfly_runtime::config::json_of;
use dayfly_sim::scenario::Deed;
use dayfly_sim::{Refusal, Scenario, Span};
use serde::Deserialize;
use toml::Spanned;

/// The longest scenario file, in bytes.
const LIMIT: u64 = 16 << 20;

/// A scenario file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// When it begins, RFC 3339; without it, on the Monday of 2026-03-02.
    pub begin: Option<String>,
    /// How long it takes: 7d.
    pub span: Option<String>,
    /// Decides jitter and latencies.
    pub seed: Option<u64>,
    /// Calls in a minute that the cloud answers.
    pub(crate) calls_per_minute: Option<u32>,
    /// How long a provider takes, more or less: 300ms.
    pub(crate) latency: Option<String>,
    /// So many made-up sessions instead of those of the Workspace.
    pub sessions: Option<usize>,
    /// When no provider can be reached.
    pub outage: Vec<Spanned<SpanTable>>,
    /// When the machine sleeps.
    pub sleep: Vec<Spanned<SpanTable>>,
    /// When sessions fail, and why.
    pub failure: Vec<Spanned<FailureTable>>,
    /// Files and repositories that are there at the beginning.
    pub disk: Vec<Spanned<DiskTable>>,
    /// Orders of a person, programs that ask, custom events, and what happens to files,
    /// repositories, the clock and the engine.
    pub event: Vec<Spanned<EventTable>>,
    /// What has to be so.
    pub expect: Vec<Spanned<ExpectTable>>,
    /// The whole text, to tell lines.
    #[serde(skip)]
    text: String,
}

/// A stretch of time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanTable {
    from: String,
    to: String,
}

/// Sessions that fail for a while. With a kind for which a person is needed, that person comes at
/// the end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureTable {
    from: String,
    to: String,
    /// A session, or names with `*`; all where absent.
    session: Option<String>,
    kind: ErrorKind,
}

/// A file or a repository.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskTable {
    file: Option<String>,
    content: Option<String>,
    repository: Option<String>,
    branch: Option<String>,
}

/// What a person or a program does, or what happens to the machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventTable {
    at: String,
    /// Again after each such span, up to `until`.
    every: Option<String>,
    until: Option<String>,
    /// A session, or names with `*`.
    session: Option<String>,
    /// start, stop, rotate, release, use, add or remove; for sessions.
    r#do: Option<String>,
    r#for: Option<String>,
    reason: Option<String>,
    r#override: Option<String>,
    /// A custom event.
    emit: Option<String>,
    data: Option<toml::Value>,
    /// A file is written with this content; without content it is removed.
    file: Option<String>,
    content: Option<String>,
    /// This branch is checked out in this repository; without a branch, none is.
    repository: Option<String>,
    branch: Option<String>,
    /// The clock is set by this: "1h" forward, "-1h" back.
    set_clock: Option<String>,
    /// A person signs in to this integration, by its id; `for` says how long that lasts.
    sign_in: Option<String>,
    /// "stop": the engine stops, and the scenario ends.
    engine: Option<String>,
}

/// A Monday, so that weeks read well.
const BEGIN: &str = "2026-03-02T00:00:00Z";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// `[[expect]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectTable {
    pub(crate) at: Option<String>,
    /// A session, or names with `*`: each of them.
    pub(crate) session: Option<String>,
    pub(crate) status: Option<String>,
    /// The policy entry that decided last; `you`: a person's order.
    pub(crate) by: Option<String>,
    /// From `at` on, when `status` is to be so throughout.
    pub(crate) until: Option<String>,
    /// For how long sessions are active in all, at least and at most.
    pub(crate) active_at_least: Option<String>,
    pub(crate) active_at_most: Option<String>,
    /// How often sessions are started within ten minutes of a stop, at most, each.
    pub(crate) flaps_at_most: Option<u32>,
    /// How often decisions were made, at most, each.
    pub(crate) decisions_at_most: Option<usize>,
    /// The longest time that sessions may be without credentials while the cloud is up, in all.
    pub(crate) gap_at_most: Option<String>,
    pub(crate) calls_per_minute_at_most: Option<u64>,
    pub(crate) calls_at_most: Option<u64>,
    pub(crate) faults_at_most: Option<u64>,
    pub(crate) evaluations_at_most: Option<u64>,
    /// A part of the reason for which an order of the session is refused around `at`.
    pub(crate) refused: Option<String>,
    /// A part of a message that a policy has for the person.
    pub(crate) notice: Option<String>,
}

impl File {
    /// Reads a scenario file.
    pub fn load(path: &Path) -> Result<Self, CliError> {
        let text = trusted::read_text(path, LIMIT).map_err(|e| CliError::failed(e.to_string()))?;
        let text = text.ok_or_else(|| {
            CliError::new(Code::NotFound, format!("{} does not exist", path.display()))
        })?;
        let read: Result<Self, _> = toml::from_str(&text);
        let file = read.map_err(|e| {
            let message = dayfly_store::problem::of_toml(&text, &e);
            CliError::usage(format!("{} is not a scenario: {message}", path.display()))
        })?;
        Ok(Self { text, ..file })
    }

    /// The line on which a byte of the file stands, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(&self.text);
        before.matches('\n').count() + 1
    }

    /// What comes of a table, or what is wrong with it and where it begins.
    fn located<T, R>(
        &self,
        table: &Spanned<T>,
        read: impl FnOnce(&T) -> Result<R, CliError>,
    ) -> Result<R, CliError> {
        let line = self.line(table.span().start);
        read(table.get_ref()).map_err(|trouble| trouble.about(&format!("line {line}")))
    }

    fn spans(
        &self,
        tables: &[Spanned<SpanTable>],
        begin: Timestamp,
    ) -> Result<Vec<Span>, CliError> {
        let one = |table: &SpanTable| between(&table.from, &table.to, begin);
        tables
            .iter()
            .map(|table| self.located(table, one))
            .collect()
    }

    /// The scenario, on made-up sessions or on those of a Workspace.
    pub fn scenario(&self, sessions: Vec<Arc<Session>>) -> Result<Scenario, CliError> {
        let begin = moment(self.begin.as_deref().unwrap_or(BEGIN))?;
        let mut scenario = Scenario::quiet_week(sessions, begin);
        let span = |text: &String| parse_span(text).map_err(CliError::usage);
        scenario.span = self.span.as_ref().map_or(Ok(WEEK), span)?;
        if let Some(latency) = &self.latency {
            scenario.latency = latency
                .strip_suffix("ms")
                .and_then(|millis| millis.parse().ok().map(Duration::from_millis))
                .map_or_else(|| span(latency), Ok)?;
        }
        if scenario.span.is_zero() {
            return Err(nothing_happens());
        }
        scenario.seed = self.seed.unwrap_or(1);
        scenario.calls_per_minute = self.calls_per_minute;
        scenario.outages = self.spans(&self.outage, begin)?;
        scenario.sleeps = self.spans(&self.sleep, begin)?;
        let mut absent: BTreeSet<SessionId> = BTreeSet::new();
        for entry in &self.disk {
            self.located(entry, |entry| entry.put_into(&mut scenario))?;
        }
        for event in &self.event {
            let deeds = self.located(event, |event| {
                event.deeds(begin, scenario.span, &scenario.sessions)
            })?;
            for (_, deed) in &deeds {
                if let Deed::Add(added) = deed {
                    absent.extend(added.iter().map(|session| session.id.clone()));
                }
            }
            scenario.deeds.extend(deeds);
        }
        for failure in &self.failure {
            let refusal = self.located(failure, |failure| {
                failure.refusal(begin, &scenario.sessions)
            })?;
            if matches!(refusal.kind, ErrorKind::NeedsSignIn | ErrorKind::NeedsMfa) {
                let attended = Deed::Attend(refusal.sessions.iter().cloned().collect());
                scenario.deeds.push((refusal.span.to, attended));
            }
            scenario.refusals.push(refusal);
        }
        // Whoever comes later is not there at the beginning.
        scenario
            .sessions
            .retain(|session| !absent.contains(&session.id));
        Ok(scenario)
    }
}

impl DiskTable {
    /// Has what it says be there at the beginning.
    fn put_into(&self, scenario: &mut Scenario) -> Result<(), CliError> {
        match (&self.file, &self.repository) {
            (Some(file), None) if self.branch.is_none() => {
                let content = self.content.clone().unwrap_or_default();
                scenario.files.push((place(file)?, content.into_bytes()));
            }
            (None, Some(repository)) if self.content.is_none() => {
                let repository = (place(repository)?, self.branch.clone());
                scenario.repositories.push(repository);
            }
            _ => {
                return Err(CliError::usage(
                    "a [[disk]] entry needs `file` and `content`, or `repository` and `branch`",
                ));
            }
        }
        Ok(())
    }
}

impl FailureTable {
    fn refusal(&self, begin: Timestamp, sessions: &[Arc<Session>]) -> Result<Refusal, CliError> {
        let failing = chosen(self.session.as_deref().unwrap_or("*"), sessions)?;
        Ok(Refusal {
            span: between(&self.from, &self.to, begin)?,
            sessions: failing.iter().map(|s| s.id.clone()).collect(),
            kind: self.kind,
        })
    }
}

impl EventTable {
    /// What is done, and when.
    fn deeds(
        &self,
        begin: Timestamp,
        span: Duration,
        sessions: &[Arc<Session>],
    ) -> Result<Vec<(Duration, Deed)>, CliError> {
        let first = offset(&self.at, begin)?;
        let mut times = vec![first];
        if let Some(every) = &self.every {
            let step = parse_span(every).map_err(CliError::usage)?;
            if step < Duration::from_secs(1) {
                return Err(CliError::usage("`every` is shorter than a second"));
            }
            let until = self
                .until
                .as_ref()
                .map_or(Ok(span), |at| offset(at, begin))?;
            let mut at = first + step;
            while at <= until.min(span) {
                times.push(at);
                at += step;
            }
        }
        let deeds = self.one(sessions)?;
        let all = times
            .iter()
            .flat_map(|at| deeds.iter().map(|deed| (*at, deed.clone())));
        Ok(all.collect())
    }

    fn one(&self, sessions: &[Arc<Session>]) -> Result<Vec<Deed>, CliError> {
        if let Some(deed) = self.beside_sessions()? {
            return Ok(vec![deed]);
        }
        let (Some(asked), Some(verb)) = (&self.session, &self.r#do) else {
            return Err(CliError::usage(
                "an event needs one of `emit`, `file`, `repository`, `set-clock`, `sign-in`, `engine`, or \
                 `session` and `do`",
            ));
        };
        self.to_sessions(verb, chosen(asked, sessions)?)
    }

    /// What happens to no session; none where this is about sessions.
    fn beside_sessions(&self) -> Result<Option<Deed>, CliError> {
        if let Some(name) = &self.emit {
            let data = self.data.clone().map_or(serde_json::Value::Null, json_of);
            return Ok(Some(Deed::Custom {
                name: name.clone(),
                data: data.to_string(),
            }));
        }
        if let Some(file) = &self.file {
            return Ok(Some(Deed::File {
                path: place(file)?,
                content: self.content.clone().map(String::into_bytes),
            }));
        }
        if let Some(repository) = &self.repository {
            return Ok(Some(Deed::Branch {
                repository: place(repository)?,
                branch: self.branch.clone(),
            }));
        }
        if let Some(by) = &self.set_clock {
            let (sign, span) = match by.strip_prefix('-') {
                Some(span) => (-1, span),
                None => (1, by.as_str()),
            };
            let span = parse_span(span).map_err(CliError::usage)?;
            let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
            return Ok(Some(Deed::SetClock(sign * seconds)));
        }
        if let Some(integration) = &self.sign_in {
            let Some(lasting) = &self.r#for else {
                return Err(CliError::usage(format!(
                    "the sign-in to \"{integration}\" has no `for`"
                ))
                .hint("add how long it lasts, as in `for = \"8h\"`"));
            };
            return Ok(Some(Deed::SignIn {
                integration: integration.clone(),
                lasting: parse_span(lasting).map_err(CliError::usage)?,
            }));
        }
        if let Some(what) = &self.engine {
            return match what.as_str() {
                "stop" => Ok(Some(Deed::Stop)),
                other => Err(CliError::usage(format!("`engine` is \"{other}\""))
                    .hint("the only valid value is stop")),
            };
        }
        Ok(None)
    }

    /// What is done to these sessions.
    fn to_sessions(&self, verb: &str, chosen: Vec<Arc<Session>>) -> Result<Vec<Deed>, CliError> {
        let lasting = match &self.r#for {
            Some(span) => Some(parse_span(span).map_err(CliError::usage)?),
            None => None,
        };
        let action = match verb {
            "use" => {
                let deed = |session: &Arc<Session>| Deed::Demand {
                    session: session.id.clone(),
                };
                return Ok(chosen.iter().map(deed).collect());
            }
            "add" => return Ok(vec![Deed::Add(chosen)]),
            "remove" => {
                let ids = chosen.iter().map(|session| session.id.clone());
                return Ok(vec![Deed::Remove(ids.collect())]);
            }
            "release" => None,
            "start" => Some(Action::Start),
            "stop" => Some(Action::Stop),
            "rotate" => Some(Action::Rotate),
            other => {
                let message = format!("`do` is \"{other}\"");
                let hint = "the valid values are start, stop, rotate, release, use, add and remove";
                return Err(CliError::usage(message).hint(hint));
            }
        };
        let deed = |session: &Arc<Session>| Deed::Order {
            session: session.id.clone(),
            action,
            lasting,
            reason: self.reason.clone(),
            override_reason: self.r#override.clone(),
        };
        Ok(chosen.iter().map(deed).collect())
    }
}

/// A span in which nothing can be tried.
pub fn nothing_happens() -> CliError {
    CliError::usage("the time span is empty").hint("use a time span such as 12h or 7d")
}

/// The sessions that a scenario means: an id, a unique name, or all whose name fits a pattern.
pub fn chosen(asked: &str, sessions: &[Arc<Session>]) -> Result<Vec<Arc<Session>>, CliError> {
    let chosen: Vec<_> = sessions
        .iter()
        .filter(|s| s.id.as_str() == asked || dayfly_core::grant::wildcard(asked, &s.name))
        .cloned()
        .collect();
    if chosen.is_empty() {
        let message = format!("there is no session \"{asked}\"");
        let hint = "use its name, its id, or a name with `*`";
        return Err(CliError::new(Code::NotFound, message).hint(hint));
    }
    if chosen.len() > 1 && !asked.contains('*') {
        let message = format!("{} sessions have the name \"{asked}\"", chosen.len());
        return Err(CliError::usage(message).hint("use the id of one, or a name with `*`"));
    }
    Ok(chosen)
}

/// A path as a scenario has it: absolute, or from `~/` on.
fn place(text: &str) -> Result<PathBuf, CliError> {
    if let Some(rest) = text.strip_prefix("~/")
        && let Some(home) = std::env::home_dir()
    {
        return Ok(home.join(rest));
    }
    if text.starts_with('/') {
        return Ok(text.into());
    }
    Err(
        CliError::usage(format!("\"{text}\" is not a valid path in a scenario"))
            .hint("start it with / or ~/"),
    )
}

fn between(from: &str, to: &str, begin: Timestamp) -> Result<Span, CliError> {
    let span = Span {
        from: offset(from, begin)?,
        to: offset(to, begin)?,
    };
    if span.from >= span.to {
        let message = format!("the time from {from} to {to} is empty or runs backwards");
        return Err(CliError::usage(message));
    }
    Ok(span)
}

fn moment(text: &str) -> Result<Timestamp, CliError> {
    let date = DateTime::parse_from_rfc3339(text).ok();
    let millis = date.and_then(|d| u64::try_from(d.timestamp_millis()).ok());
    let wrong = || {
        CliError::usage(format!(
            "\"{text}\" is not a time such as 2026-03-02T08:00:00Z"
        ))
    };
    millis.map(Timestamp::from_millis).ok_or_else(wrong)
}

/// A moment by the beginning: a span (`30h`), a moment (RFC 3339), or the first such day and time
/// in UTC from the beginning on (`tue 14:30`).
pub fn offset(text: &str, begin: Timestamp) -> Result<Duration, CliError> {
    if let Ok(span) = parse_span(text) {
        return Ok(span);
    }
    if let Some((day, clock)) = text.split_once(' ')
        && let Ok(weekday) = day.parse::<chrono::Weekday>()
        && let Ok(clock) = chrono::NaiveTime::parse_from_str(clock, "%H:%M")
    {
        let millis = i64::try_from(begin.as_millis()).unwrap_or(i64::MAX);
        let date: DateTime<Utc> = DateTime::from_timestamp_millis(millis)
            .ok_or_else(|| CliError::usage("the beginning is outside the calendar"))?;
        let days = (7 + weekday.num_days_from_monday() - date.weekday().num_days_from_monday()) % 7;
        let into = date.num_seconds_from_midnight();
        let seconds = i64::from(days) * 86_400 + i64::from(clock.num_seconds_from_midnight())
            - i64::from(into);
        let seconds = if seconds < 0 {
            seconds + 7 * 86_400
        } else {
            seconds
        };
        return Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    }
    let at = moment(text).map_err(|_| {
        CliError::usage(format!("\"{text}\" is not a time"))
            .hint("use 30h, tue 14:30 or 2026-03-03T14:30:00Z")
    })?;
    if at < begin {
        return Err(CliError::usage(format!("{text} is before the beginning")));
    }
    Ok(at.since(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form() {
        let begin = moment("2026-03-04T12:00:00Z").unwrap();
        let hours = |text| offset(text, begin).unwrap().as_secs() / 3_600;
        assert_eq!(hours("30h"), 30);
        assert_eq!(hours("2026-03-05T12:00:00Z"), 24);
        assert_eq!(hours("wed 13:00"), 1);
        assert_eq!(hours("wed 11:00"), 167);
        assert_eq!(hours("mon 12:00"), 120);
        for text in ["soon", "2026-03-01T00:00:00Z", "xyz 10:00", "mon 25:00"] {
            assert!(offset(text, begin).is_err(), "{text}");
        }
    }
}
