//! What came of a scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use dayfly_core::arbitration::Actor;
use dayfly_core::policy::{self, Action, Reason};
use dayfly_core::session::{ErrorKind, SessionId, Status};
use dayfly_core::time::Timestamp;

/// What came of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How often operations ended how.
    pub ended: BTreeMap<policy::Outcome, u64>,
    /// Calls of providers.
    pub calls: u64,
    /// The most calls in one minute.
    pub calls_per_minute_max: u64,
    /// Calls that were throttled.
    pub throttled: u64,
    /// Evaluations of policies.
    pub evaluations: u64,
    /// Evaluations that brought no answer.
    pub faults: u64,
    /// Why an evaluation first brought no answer: the entry, and its message.
    pub first_fault: Option<(String, String)>,
    /// Orders that were refused.
    pub refused: Vec<Refused>,
    /// Messages of policies to the person.
    pub notices: Vec<(Timestamp, String)>,
    /// How long sessions were without credentials after theirs had ended unrenewed, in all, while
    /// the cloud could be reached and the machine was awake.
    pub gap_while_up: Duration,
    /// The same while it could not.
    pub gap_while_down: Duration,
    /// Sessions, each with what became of it.
    pub tracks: BTreeMap<SessionId, Track>,
}

/// An order that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// Which session.
    pub session: SessionId,
    /// Who refused.
    pub by: String,
    /// Why.
    pub why: String,
}

/// What was decided for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Who won.
    pub by: Actor,
    /// Why.
    pub why: Reason,
}

/// What became of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// Each status and since when it was so. A session that is not in the Workspace is inactive.
    pub statuses: Vec<(Timestamp, Status)>,
    /// When attempts failed, and why.
    pub failures: Vec<(Timestamp, ErrorKind)>,
    /// When its credentials ended before anybody renewed them.
    pub expired: Vec<Timestamp>,
    /// What was decided, and why.
    pub decisions: Vec<Decision>,
    /// Starts and stops; rotations do not count.
    pub turns: u32,
    /// Starts that followed a stop within ten minutes.
    pub flaps: u32,
}

impl Track {
    /// The status at a moment. Credentials stay where they are while they are being replaced, so
    /// a rotation is shown as active.
    #[must_use]
    pub fn status_at(&self, at: Timestamp) -> Status {
        let before = self.statuses.partition_point(|(since, _)| *since <= at);
        match before.checked_sub(1) {
            Some(index) => self.statuses[index].1,
            None => Status::Inactive,
        }
    }

    /// What was decided last before a moment.
    #[must_use]
    pub fn decided_before(&self, at: Timestamp) -> Option<&Decision> {
        let before = self.decisions.partition_point(|d| d.at <= at);
        self.decisions.get(before.checked_sub(1)?)
    }

    /// How long it was active between two moments.
    #[must_use]
    pub fn active_between(&self, from: Timestamp, to: Timestamp) -> Duration {
        let mut total = Duration::ZERO;
        // What ended before `from` does not count.
        let first = self.statuses.partition_point(|(since, _)| *since <= from);
        let first = first.saturating_sub(1);
        for (index, (since, status)) in self.statuses.iter().enumerate().skip(first) {
            if *since >= to {
                break;
            }
            if *status != Status::Active {
                continue;
            }
            let end = self.statuses.get(index + 1).map_or(to, |(next, _)| *next);
            let (begin, end) = ((*since).max(from), end.min(to));
            total += end.since(begin);
        }
        total
    }
}
