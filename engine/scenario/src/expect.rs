//! What is expected of the policies, and what came instead.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::Actor;
use dayfly_core::session::{Session, Status};
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_dialog::time::{self, parse_span};
use dayfly_sim::{Outcome, Scenario, Track};
use serde::Serialize;

use crate::file::{ExpectTable, File, chosen, offset};

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
                (None, None) => "the expectation is empty",
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
                    "sessions had no credentials for {} while the cloud was up; {span} is allowed",
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
            broken.extend(self.unsaid(part));
        }
        Ok(count)
    }

    /// What the policies said instead, where no message has this part.
    fn unsaid(&self, part: &str) -> Option<String> {
        let notices = &self.outcome.notices;
        if notices.iter().any(|(_, text)| text.contains(part)) {
            return None;
        }
        let said: Vec<&str> = notices.iter().map(|(_, text)| text.as_str()).collect();
        let said = if said.is_empty() {
            "the policies sent none".to_owned()
        } else {
            said.join("; ")
        };
        Some(format!("no message says \"{part}\": {said}"))
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
        let wanted = Wanted {
            expect,
            begin,
            from,
            until,
            seen: if expect.at.is_some() { from } else { end },
            status: wanted,
            least,
            most,
        };
        let empty = Track::default();
        let mut count = 0;
        for session in chosen(asked, self.sessions)? {
            let track = self.outcome.tracks.get(&session.id).unwrap_or(&empty);
            let name = &session.name;
            let found = [
                wanted.status(name, track),
                wanted.by(name, track),
                wanted.active_at_least(name, track),
                wanted.active_at_most(name, track),
                wanted.flaps(name, track),
                wanted.decisions(name, track),
                wanted.refused(&session, self.outcome),
            ];
            count = found.iter().flatten().count();
            broken.extend(found.into_iter().flatten().flatten());
        }
        Ok(count)
    }
}

/// What is expected of each of some sessions. Each of these is none where it is not expected, and otherwise
/// why it is not so, where it is not.
struct Wanted<'a> {
    expect: &'a ExpectTable,
    begin: Timestamp,
    from: Timestamp,
    until: Timestamp,
    /// When it is looked at.
    seen: Timestamp,
    status: Option<Status>,
    least: Option<Duration>,
    most: Option<Duration>,
}

impl Wanted<'_> {
    fn at(&self) -> &str {
        self.expect.at.as_deref().unwrap_or("the end")
    }

    fn status(&self, name: &str, track: &Track) -> Option<Option<String>> {
        let wanted = self.status?;
        let found = track.status_at(self.seen);
        if found != wanted {
            return Some(Some(format!(
                "at {}, \"{name}\" is {found}, not {wanted}; {}",
                self.at(),
                why(track, self.seen, self.begin)
            )));
        }
        let until = self.expect.until.as_deref();
        let other = track
            .statuses
            .iter()
            .find(|(since, status)| *since > self.from && *since < self.until && *status != wanted);
        let other = other.filter(|_| until.is_some());
        Some(other.map(|(since, status)| {
            format!(
                "\"{name}\" became {status} at {}, and is expected to be {wanted} until {}; {}",
                when(*since, self.begin),
                until.unwrap_or("the end"),
                why(track, *since, self.begin)
            )
        }))
    }

    fn by(&self, name: &str, track: &Track) -> Option<Option<String>> {
        let by = self.expect.by.as_ref()?;
        let found = track.decided_before(self.seen);
        let found = found.map(|decision| voice(&decision.by));
        let other = found.as_deref() != Some(by.as_str());
        Some(other.then(|| {
            format!(
                "at {}, the last decision on \"{name}\" was not by {by}; {}",
                self.at(),
                why(track, self.seen, self.begin)
            )
        }))
    }

    fn active_at_least(&self, name: &str, track: &Track) -> Option<Option<String>> {
        let least = self.least?;
        let active = track.active_between(self.from, self.until);
        Some((active < least).then(|| {
            format!(
                "\"{name}\" was active for {}, at least {} are expected",
                time::span(active),
                time::span(least)
            )
        }))
    }

    fn active_at_most(&self, name: &str, track: &Track) -> Option<Option<String>> {
        let most = self.most?;
        let active = track.active_between(self.from, self.until);
        Some((active > most).then(|| {
            format!(
                "\"{name}\" was active for {}, at most {} are expected",
                time::span(active),
                time::span(most)
            )
        }))
    }

    fn flaps(&self, name: &str, track: &Track) -> Option<Option<String>> {
        let most = self.expect.flaps_at_most?;
        Some((track.flaps > most).then(|| {
            format!(
                "\"{name}\" was started {} times within ten minutes of a stop; {most} are allowed",
                track.flaps
            )
        }))
    }

    fn decisions(&self, name: &str, track: &Track) -> Option<Option<String>> {
        let most = self.expect.decisions_at_most?;
        let count = track.decisions.len();
        Some(
            (count > most)
                .then(|| format!("there were {count} decisions on \"{name}\"; {most} are allowed")),
        )
    }

    fn refused(&self, session: &Session, outcome: &Outcome) -> Option<Option<String>> {
        let part = self.expect.refused.as_ref()?;
        let refused = outcome.refused.iter();
        let mine: Vec<_> = refused.filter(|one| one.session == session.id).collect();
        let in_time = |at: Timestamp| {
            self.expect.at.is_none() || at.since(self.from).as_secs() < 60 && at >= self.from
        };
        let fits = mine.iter().any(|one| {
            in_time(one.at) && format!("{}: {}", one.by, one.why).contains(part.as_str())
        });
        if fits {
            return Some(None);
        }
        let said = mine
            .iter()
            .map(|one| format!("at {} by {}: {}", when(one.at, self.begin), one.by, one.why));
        let mut said = said.collect::<Vec<_>>().join("; ");
        if said.is_empty() {
            said = "none was".to_owned();
        }
        Some(Some(format!(
            "no order on \"{}\" was refused with \"{part}\": {said}",
            session.name
        )))
    }
}

fn status(text: Option<&str>) -> Result<Option<Status>, CliError> {
    match text {
        None => Ok(None),
        Some("active") => Ok(Some(Status::Active)),
        Some("inactive") => Ok(Some(Status::Inactive)),
        Some(other) => Err(CliError::usage(format!("`status` is \"{other}\""))
            .hint("the valid values are active and inactive")),
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
        return format!(
            "its credentials expired at {} without renewal",
            when(*ended, begin)
        );
    }
    match decided {
        Some(decision) => format!(
            "at {} {} decided to {}: {}",
            when(decision.at, begin),
            voice(&decision.by),
            decision.action,
            decision.why.message
        ),
        None => "no policy has decided anything about it".into(),
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
