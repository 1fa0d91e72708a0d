//! Keeps track of what happens, from the lines of the journal.

use std::time::Duration;

use dayfly_core::effect::JournalEvent;
use dayfly_core::policy::Outcome as Ended;
use dayfly_core::session::{ErrorKind, SessionId, Status};

use super::World;
use crate::outcome::Decision;

/// A start so soon after a stop is a flap.
const FLAP: Duration = Duration::from_secs(600);

impl World<'_> {
    /// Takes in a line of the journal.
    pub(super) fn follow(&mut self, what: JournalEvent) {
        let now = self.now;
        match what {
            JournalEvent::Ended {
                session,
                outcome,
                failure,
                ..
            } => {
                *self.outcome.ended.entry(outcome).or_default() += 1;
                match outcome {
                    Ended::Started | Ended::Rotated => {
                        self.close_gap(&session);
                        self.track(&session, Status::Active);
                    }
                    Ended::Stopped => {
                        self.close_gap(&session);
                        self.track(&session, Status::Inactive);
                    }
                    Ended::Expired => {
                        self.gaps.insert(session.clone(), now);
                        self.track(&session, Status::Inactive);
                        let track = self.outcome.tracks.entry(session).or_default();
                        track.expired.push(now);
                    }
                    Ended::NeedsPerson | Ended::Expiring => {}
                    Ended::Failed => {
                        let kind = failure.map_or(ErrorKind::Other, |failure| failure.kind);
                        let track = self.outcome.tracks.entry(session).or_default();
                        track.failures.push((now, kind));
                    }
                }
            }
            JournalEvent::Decided {
                session,
                action,
                by,
                why,
                ..
            } => {
                let track = self.outcome.tracks.entry(session).or_default();
                track.decisions.push(Decision {
                    at: now,
                    action,
                    by,
                    why,
                });
            }
            JournalEvent::Displaced { session, .. } => self.track(&session, Status::Inactive),
            JournalEvent::Faulted { entry, fault, .. } => {
                self.outcome.faults += 1;
                let first = &mut self.outcome.first_fault;
                first.get_or_insert_with(|| (entry.to_string(), fault.message));
            }
            JournalEvent::Notice { entry, text, .. } => {
                self.outcome.notices.push((now, format!("{entry}: {text}")));
            }
            _ => {}
        }
    }

    fn track(&mut self, id: &SessionId, status: Status) {
        let now = self.now;
        let tracks = &mut self.outcome.tracks;
        let track = match tracks.get_mut(id) {
            Some(track) => track,
            None => tracks.entry(id.clone()).or_default(),
        };
        let last = track.statuses.last().copied();
        if last.map(|(_, last)| last) == Some(status) {
            return;
        }
        let soon = last.is_some_and(|(since, _)| now.since(since) < FLAP);
        track.flaps += u32::from(soon && status == Status::Active);
        track.turns += 1;
        track.statuses.push((now, status));
    }

    /// A session has credentials again, or nobody wants it to.
    pub(super) fn close_gap(&mut self, id: &SessionId) {
        let Some(since) = self.gaps.remove(id) else {
            return;
        };
        let begin = self.scenario.begin;
        let (from, to) = (since.since(begin), self.now.since(begin));
        let mut down = Duration::ZERO;
        let spans = self.scenario.outages.iter().chain(&self.scenario.sleeps);
        for span in spans {
            down += span.to.min(to).saturating_sub(span.from.max(from));
        }
        let whole = to.saturating_sub(from);
        let down = down.min(whole);
        self.outcome.gap_while_down += down;
        self.outcome.gap_while_up += whole - down;
    }
}
