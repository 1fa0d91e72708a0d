//! What is expected of the policies, and what came instead.

use std::sync::Arc;

use dayfly_core::arbitration::Actor;
use dayfly_core::session::{Session, Status};
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_dialog::time::{self, parse_span};
use dayfly_sim::{Outcome, Scenario, Track};
use serde::{Deserialize, Serialize};

use crate::file::{File, chosen, offset};

/// `[[expect]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectTable {
    at: Option<String>,
    /// A session, or names with `*`: each of them.
    session: Option<String>,
    status: Option<String>,
    /// The policy entry that decided last; `you`: a person's order.
    by: Option<String>,
    /// From `at` on, when `status` is to be so throughout.
    until: Option<String>,
    /// For how long sessions are active in all, at least and at most.
    active_at_least: Option<String>,
    active_at_most: Option<String>,
    /// How often sessions are started within ten minutes of a stop, at most, each.
    flaps_at_most: Option<u32>,
    /// How often decisions were made, at most, each.
    decisions_at_most: Option<usize>,
    /// The longest time that sessions may be without credentials while the cloud is up, in all.
    gap_at_most: Option<String>,
    calls_per_minute_at_most: Option<u64>,
    calls_at_most: Option<u64>,
    faults_at_most: Option<u64>,
    evaluations_at_most: Option<u64>,
    /// A part of the reason for which an order of the session is refused around `at`.
    refused: Option<String>,
    /// A part of a message that a policy has for the person.
    notice: Option<String>,
}

/// An expectation, and how it came out.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The line of the file.
    pub line: usize,
    /// What came instead; none: it is as expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
}

impl File {
    /// How each expectation came out.
    pub fn check(
        &self,
        scenario: &Scenario,
        outcome: &Outcome,
        sessions: &[Arc<Session>],
    ) -> Result<Vec<Checked>, CliError> {
        let run = Run {
            scenario,
            outcome,
            sessions,
        };
        let checked = self.expect.iter().map(|expect| {
            let line = self.line(expect.span().start);
            let broken = run.broken(expect.get_ref());
            let broken = broken.map_err(|trouble| trouble.about(&format!("line {line}")))?;
            Ok(Checked { line, broken })
        });
        checked.collect()
    }
}

/// A scenario and what came of it.
struct Run<'a> {
    scenario: &'a Scenario,
    outcome: &'a Outcome,
    sessions: &'a [Arc<Session>],
}

const USAGE: &str = "with `session`: status or by (and `at`), active-at-least, active-at-most, \
    flaps-at-most, decisions-at-most, refused; alone: gap-at-most, calls-at-most, \
    calls-per-minute-at-most, faults-at-most, evaluations-at-most, notice";

impl Run<'_> {
    fn broken(&self, expect: &ExpectTable) -> Result<Vec<String>, CliError> {
        let mut broken = Vec::new();
        let whole = self.whole(expect, &mut broken)?;
        let one = match &expect.session {
            Some(asked) => self.of_session(asked, expect, &mut broken)?,
            None => 0,
        };
        if whole + one == 0 {
            let message = match (&expect.session, &expect.at) {
                (None, None) => "an expectation says nothing",
                _ => "an expectation needs `at`, `session` and `status`",
            };
            return Err(CliError::usage(message).hint(USAGE));
        }
        Ok(broken)
    }

    /// Expectations of the whole; how many there are.
    fn whole(&self, expect: &ExpectTable, broken: &mut Vec<String>) -> Result<usize, CliError> {
        let outcome = self.outcome;
        let mut count = 0;
        if let Some(span) = &expect.gap_at_most {
            count += 1;
            let most = parse_span(span).map_err(CliError::usage)?;
            let gap = outcome.gap_while_up;
            if gap > most {
                broken.push(format!(
                    "sessions were without credentials for {} while the cloud was up; {span} is allowed",
                    time::span(gap)
                ));
            }
        }
        let most = [
            (
                expect.calls_per_minute_at_most,
                outcome.calls_per_minute_max,
                "calls in one minute",
            ),
            (expect.calls_at_most, outcome.calls, "calls"),
            (expect.faults_at_most, outcome.faults, "faults of policies"),
            (
                expect.evaluations_at_most,
                outcome.evaluations,
                "evaluations",
            ),
        ];
        for (most, found, what) in most {
            let Some(most) = most else { continue };
            count += 1;
            if found > most {
                let mut line = format!("there were {found} {what}; {most} are allowed");
                if let Some((entry, why)) = outcome
                    .first_fault
                    .as_ref()
                    .filter(|_| what.starts_with("faults"))
                {
                    line += &format!("; the first: {entry}: {why}");
                }
                broken.push(line);
            }
        }
        if let Some(part) = &expect.notice {
            count += 1;
            if !outcome
                .notices
                .iter()
                .any(|(_, text)| text.contains(part.as_str()))
            {
                let said: Vec<&str> = outcome
                    .notices
                    .iter()
                    .map(|(_, text)| text.as_str())
                    .collect();
                let said = if said.is_empty() {
                    "none was shown".to_owned()
                } else {
                    said.join("; ")
                };
                broken.push(format!("no message says \"{part}\": {said}"));
            }
        }
        Ok(count)
    }

    /// Expectations of sessions; how many there are.
    fn of_session(
        &self,
        asked: &str,
        expect: &ExpectTable,
        broken: &mut Vec<String>,
    ) -> Result<usize, CliError> {
        let begin = self.scenario.begin;
        let end = begin.plus(self.scenario.span);
        let moment = |text: &Option<String>, default: Timestamp| match text {
            Some(text) => Ok(begin.plus(offset(text, begin)?)),
            None => Ok(default),
        };
        let (from, until) = (moment(&expect.at, begin)?, moment(&expect.until, end)?);
        let wanted = status(expect.status.as_deref())?;
        let span = |text: &Option<String>| {
            let read = text.as_ref().map(|text| parse_span(text));
            read.transpose().map_err(CliError::usage)
        };
        let (least, most) = (
            span(&expect.active_at_least)?,
            span(&expect.active_at_most)?,
        );
        let empty = Track::default();
        let at = expect.at.as_deref().unwrap_or("the end");
        let seen = if expect.at.is_some() { from } else { end };
        let mut count = 0;
        for session in chosen(asked, self.sessions)? {
            let name = &session.name;
            let track = self.outcome.tracks.get(&session.id).unwrap_or(&empty);
            count = 0;
            if let Some(wanted) = wanted {
                count += 1;
                let found = track.status_at(seen);
                if found != wanted {
                    broken.push(format!(
                        "at {at}, \"{name}\" is {found}, not {wanted}; {}",
                        why(track, seen, begin)
                    ));
                } else if expect.until.is_some()
                    && let Some((since, status)) = track.statuses.iter().find(|(since, status)| {
                        *since > from && *since < until && *status != wanted
                    })
                {
                    broken.push(format!(
                        "\"{name}\" became {status} at {}, and is expected to be {wanted} until {}; {}",
                        when(*since, begin),
                        expect.until.as_deref().unwrap_or("the end"),
                        why(track, *since, begin)
                    ));
                }
            }
            if let Some(by) = &expect.by {
                count += 1;
                let found = track
                    .decided_before(seen)
                    .map(|decision| voice(&decision.by));
                if found.as_deref() != Some(by.as_str()) {
                    broken.push(format!(
                        "at {at}, the last word on \"{name}\" was not that of {by}; {}",
                        why(track, seen, begin)
                    ));
                }
            }
            let active = track.active_between(from, until);
            if let Some(least) = least {
                count += 1;
                if active < least {
                    broken.push(format!(
                        "\"{name}\" was active for {}, at least {} are expected",
                        time::span(active),
                        time::span(least)
                    ));
                }
            }
            if let Some(most) = most {
                count += 1;
                if active > most {
                    broken.push(format!(
                        "\"{name}\" was active for {}, at most {} are expected",
                        time::span(active),
                        time::span(most)
                    ));
                }
            }
            if let Some(most) = expect.flaps_at_most {
                count += 1;
                if track.flaps > most {
                    broken.push(format!("\"{name}\" was started {} times within ten minutes of a stop; {most} are allowed", track.flaps));
                }
            }
            if let Some(most) = expect.decisions_at_most {
                count += 1;
                if track.decisions.len() > most {
                    broken.push(format!(
                        "there were {} decisions on \"{name}\"; {most} are allowed",
                        track.decisions.len()
                    ));
                }
            }
            if let Some(part) = &expect.refused {
                count += 1;
                let mine: Vec<_> = self
                    .outcome
                    .refused
                    .iter()
                    .filter(|refused| refused.session == session.id)
                    .collect();
                let fits = mine.iter().any(|refused| {
                    (expect.at.is_none()
                        || refused.at.since(from).as_secs() < 60 && refused.at >= from)
                        && format!("{}: {}", refused.by, refused.why).contains(part.as_str())
                });
                if !fits {
                    let said: Vec<String> = mine
                        .iter()
                        .map(|r| format!("at {} by {}: {}", when(r.at, begin), r.by, r.why))
                        .collect();
                    let said = if said.is_empty() {
                        "none was".to_owned()
                    } else {
                        said.join("; ")
                    };
                    broken.push(format!(
                        "no order on \"{name}\" was refused with \"{part}\": {said}"
                    ));
                }
            }
        }
        Ok(count)
    }
}

fn status(text: Option<&str>) -> Result<Option<Status>, CliError> {
    match text {
        None => Ok(None),
        Some("active") => Ok(Some(Status::Active)),
        Some("inactive") => Ok(Some(Status::Inactive)),
        Some(other) => Err(CliError::usage(format!("`status` is \"{other}\""))
            .hint("there are active and inactive")),
    }
}

/// Who decided last, and why.
fn why(track: &Track, at: Timestamp, begin: Timestamp) -> String {
    let failed = track
        .failures
        .iter()
        .rev()
        .find(|(failed, _)| *failed <= at);
    let ended = track.expired.iter().rev().find(|ended| **ended <= at);
    let decided = track.decided_before(at);
    let newer = |other: Timestamp| decided.is_none_or(|decision| other > decision.at);
    if let Some((failed, kind)) = failed.filter(|(failed, _)| newer(*failed)) {
        return format!(
            "an attempt failed at {} ({})",
            when(*failed, begin),
            kind.as_str()
        );
    }
    if let Some(ended) = ended.filter(|ended| newer(**ended)) {
        return format!("its credentials ended at {} unrenewed", when(*ended, begin));
    }
    match decided {
        Some(decision) => format!(
            "at {} {} decided to {}: {}",
            when(decision.at, begin),
            voice(&decision.by),
            decision.action,
            decision.why.message
        ),
        None => "nobody has decided anything about it".into(),
    }
}

/// The entry, or who else it is.
pub fn voice(voice: &Actor) -> String {
    match voice {
        Actor::Policy(entry) => entry.to_string(),
        other => other.to_string(),
    }
}

/// A moment of the scenario, in UTC: `tue 14:30`, with the date in long ones.
pub fn when(at: Timestamp, begin: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let Some(date) = chrono::DateTime::from_timestamp_millis(millis) else {
        return at.to_string();
    };
    let week = std::time::Duration::from_secs(7 * 86_400);
    let form = if at.since(begin) < week {
        "%a %H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    date.format(form).to_string().to_lowercase()
}
