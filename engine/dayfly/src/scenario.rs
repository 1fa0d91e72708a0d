//! Scenario files: what happens in a virtual world, and what is expected of the policies then.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use dayfly_core::policy::Action;
use dayfly_core::session::{Access, AssumeRole, Session, SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_runtime::config::json_of;
use dayfly_sim::scenario::Deed;
use dayfly_sim::{Outcome, Scenario, Span};
use dayfly_workspace::Workspace;
use serde::Deserialize;

use crate::control::protocol::not_found;
use crate::show::time::{self, parse_span};
use crate::trouble::Trouble;

/// A scenario file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct File {
    /// When it begins, RFC 3339; without it, on the Monday of 2026-03-02.
    pub(crate) begin: Option<String>,
    /// How long it takes: 7d.
    pub(crate) span: Option<String>,
    /// Decides jitter and latencies.
    pub(crate) seed: Option<u64>,
    /// Calls in a minute that the cloud answers.
    pub(crate) calls_per_minute: Option<u32>,
    /// When no provider can be reached.
    pub(crate) outage: Vec<SpanTable>,
    /// When the machine sleeps.
    pub(crate) sleep: Vec<SpanTable>,
    /// Orders of a person, and custom events.
    pub(crate) event: Vec<EventTable>,
    /// What has to be so.
    pub(crate) expect: Vec<ExpectTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpanTable {
    from: String,
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTable {
    at: String,
    session: Option<String>,
    /// start, stop, rotate, release or use; for a session.
    r#do: Option<String>,
    r#for: Option<String>,
    /// A custom event.
    emit: Option<String>,
    data: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ExpectTable {
    at: Option<String>,
    session: Option<String>,
    status: Option<String>,
    /// The longest time that sessions may be without credentials while the cloud is up, in all.
    gap_at_most: Option<String>,
    calls_per_minute_at_most: Option<u64>,
    faults_at_most: Option<u64>,
}

/// A Monday, so that weeks read well.
const BEGIN: &str = "2026-03-02T00:00:00Z";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

impl File {
    /// Reads a scenario file.
    pub(crate) fn load(path: &Path) -> Result<Self, Trouble> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Trouble::failed(format!("{} cannot be read: {e}", path.display())))?;
        toml::from_str(&text).map_err(|e| {
            let message = e.to_string().trim_end().replace('\n', "\n  ");
            Trouble::usage(format!("{} is no scenario: {message}", path.display()))
        })
    }

    /// The scenario, on the sessions of a Workspace.
    pub(crate) fn scenario(&self, workspace: &Workspace) -> Result<Scenario, Trouble> {
        let sessions = workspace.sessions().iter();
        self.on(
            sessions.map(|e| Arc::clone(&e.session)).collect(),
            Some(workspace),
        )
    }

    /// The scenario, on these sessions.
    pub(crate) fn on(
        &self,
        sessions: Vec<Arc<Session>>,
        workspace: Option<&Workspace>,
    ) -> Result<Scenario, Trouble> {
        let begin = moment(self.begin.as_deref().unwrap_or(BEGIN))?;
        let mut scenario = Scenario::quiet_week(sessions, begin);
        scenario.span = match &self.span {
            Some(span) => parse_span(span).map_err(Trouble::usage)?,
            None => WEEK,
        };
        scenario.seed = self.seed.unwrap_or(1);
        scenario.calls_per_minute = self.calls_per_minute;
        scenario.outages = spans(&self.outage, begin)?;
        scenario.sleeps = spans(&self.sleep, begin)?;
        for event in &self.event {
            scenario
                .deeds
                .push((offset(&event.at, begin)?, event.deed(workspace)?));
        }
        Ok(scenario)
    }

    /// What is not as it has to be.
    pub(crate) fn broken(
        &self,
        scenario: &Scenario,
        outcome: &Outcome,
        workspace: &Workspace,
    ) -> Result<Vec<String>, Trouble> {
        let mut broken = Vec::new();
        for expect in &self.expect {
            broken.extend(expect.broken(scenario, outcome, workspace)?);
        }
        Ok(broken)
    }
}

impl EventTable {
    fn deed(&self, workspace: Option<&Workspace>) -> Result<Deed, Trouble> {
        if let Some(name) = &self.emit {
            let data = self.data.clone().map_or(serde_json::Value::Null, json_of);
            return Ok(Deed::Custom {
                name: name.clone(),
                data: data.to_string(),
            });
        }
        let (Some(asked), Some(verb)) = (&self.session, &self.r#do) else {
            return Err(Trouble::usage(
                "an event needs `emit`, or `session` and `do`",
            ));
        };
        let session = resolved(asked, workspace)?;
        let lasting = match &self.r#for {
            Some(span) => Some(parse_span(span).map_err(Trouble::usage)?),
            None => None,
        };
        let action = match verb.as_str() {
            "use" => return Ok(Deed::Demand { session }),
            "release" => None,
            "start" => Some(Action::Start),
            "stop" => Some(Action::Stop),
            "rotate" => Some(Action::Rotate),
            other => {
                let message = format!("`do` is \"{other}\"");
                return Err(
                    Trouble::usage(message).hint("there are start, stop, rotate, release and use")
                );
            }
        };
        Ok(Deed::Order {
            session,
            action,
            lasting,
        })
    }
}

impl ExpectTable {
    fn broken(
        &self,
        scenario: &Scenario,
        outcome: &Outcome,
        workspace: &Workspace,
    ) -> Result<Option<String>, Trouble> {
        if let Some(span) = &self.gap_at_most {
            let most = parse_span(span).map_err(Trouble::usage)?;
            let gap = outcome.gap_while_up;
            return Ok((gap > most).then(|| {
                format!(
                    "sessions were without credentials for {} while the cloud was up; {span} is allowed",
                    time::span(gap)
                )
            }));
        }
        if let Some(most) = self.calls_per_minute_at_most {
            let calls = outcome.calls_per_minute_max;
            return Ok((calls > most)
                .then(|| format!("there were {calls} calls in one minute; {most} are allowed")));
        }
        if let Some(most) = self.faults_at_most {
            let faults = outcome.faults;
            return Ok((faults > most)
                .then(|| format!("policies failed {faults} times; {most} is allowed")));
        }
        let (Some(at), Some(asked), Some(wanted)) = (&self.at, &self.session, &self.status) else {
            return Err(
                Trouble::usage("an expectation needs `at`, `session` and `status`")
                    .hint("or gap-at-most, calls-per-minute-at-most or faults-at-most"),
            );
        };
        let wanted = match wanted.as_str() {
            "active" => Status::Active,
            "inactive" => Status::Inactive,
            other => {
                return Err(Trouble::usage(format!("`status` is \"{other}\""))
                    .hint("there are active and inactive"));
            }
        };
        let id = resolved(asked, Some(workspace))?;
        let at_moment = scenario.begin.plus(offset(at, scenario.begin)?);
        let status = outcome
            .tracks
            .get(&id)
            .map_or(Status::Inactive, |track| track.status_at(at_moment));
        Ok((status != wanted).then(|| format!("at {at}, \"{asked}\" is {status}, not {wanted}")))
    }
}

fn resolved(asked: &str, workspace: Option<&Workspace>) -> Result<SessionId, Trouble> {
    match workspace {
        Some(workspace) => {
            let entry = workspace.resolve(asked).map_err(|e| not_found(&e))?;
            Ok(entry.session.id.clone())
        }
        None => Ok(SessionId::new(asked)),
    }
}

fn spans(tables: &[SpanTable], begin: Timestamp) -> Result<Vec<Span>, Trouble> {
    let spans = tables.iter().map(|table| {
        let span = Span {
            from: offset(&table.from, begin)?,
            to: offset(&table.to, begin)?,
        };
        if span.from >= span.to {
            let message = format!("from {} to {} is no span", table.from, table.to);
            return Err(Trouble::usage(message));
        }
        Ok(span)
    });
    spans.collect()
}

fn moment(text: &str) -> Result<Timestamp, Trouble> {
    let date = DateTime::parse_from_rfc3339(text).ok();
    let millis = date.and_then(|d| u64::try_from(d.timestamp_millis()).ok());
    let wrong = || Trouble::usage(format!("\"{text}\" is no moment like 2026-03-02T08:00:00Z"));
    millis.map(Timestamp::from_millis).ok_or_else(wrong)
}

/// A moment by the beginning: a span (`30h`), a moment (RFC 3339), or the first such day and time
/// in UTC from the beginning on (`tue 14:30`).
fn offset(text: &str, begin: Timestamp) -> Result<Duration, Trouble> {
    if let Ok(span) = parse_span(text) {
        return Ok(span);
    }
    if let Some((day, clock)) = text.split_once(' ')
        && let Ok(weekday) = day.parse::<chrono::Weekday>()
        && let Ok(clock) = chrono::NaiveTime::parse_from_str(clock, "%H:%M")
    {
        let millis = i64::try_from(begin.as_millis()).unwrap_or(i64::MAX);
        let date: DateTime<Utc> = DateTime::from_timestamp_millis(millis)
            .ok_or_else(|| Trouble::usage("the beginning is beyond the calendar"))?;
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
        Trouble::usage(format!("\"{text}\" is no moment"))
            .hint("write 30h, tue 14:30 or 2026-03-03T14:30:00Z")
    })?;
    if at < begin {
        return Err(Trouble::usage(format!("{text} is before the beginning")));
    }
    Ok(at.since(begin))
}

/// So many made-up sessions: an IAM user for every fifty, and roles on it.
pub(crate) fn made_up(count: usize) -> Vec<Arc<Session>> {
    (0..count)
        .map(|n| {
            let user = n - n % 50;
            let id = |n: usize| format!("made-up-{n:05}");
            let access = if n == user {
                Access::AwsIamUser {
                    mfa_device: None,
                    duration_seconds: None,
                }
            } else {
                Access::AwsIamRoleChained {
                    role_arn: format!("arn:aws:iam::{:012}:role/r{n}", 100_000_000_000 + n),
                    parent: SessionId::new(&id(user)),
                    assume: AssumeRole::default(),
                }
            };
            let label = if n.is_multiple_of(2) {
                "work"
            } else {
                "production"
            };
            Arc::new(Session {
                id: SessionId::new(&id(n)),
                name: id(n),
                region: Some("eu-west-1".into()),
                access,
                named_profile: Some(id(n)),
                account: None,
                labels: [(label.to_owned(), String::new())].into(),
                fault: None,
            })
        })
        .collect()
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
