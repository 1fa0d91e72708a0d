//! What policies did to one session, as far as it counts for what they may do next.

use crate::model::settings::Damping as Settings;
use std::collections::VecDeque;
use std::time::Duration;

use crate::model::policy::{Action, EntryName};
use crate::model::time::{Timestamp, millis};
use crate::state::phase::Phase;

/// What one stop by a policy after a start by a policy adds to the penalty.
const FLAP: u64 = 1_000;

/// Decisions of policies that are remembered for one session.
const REMEMBERED: usize = 16;

/// A decision of a policy to start or stop a session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decision {
    at: Timestamp,
    action: Action,
    by: EntryName,
}

/// What policies did to one session, as far as it counts for what they may do next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Damping {
    decisions: VecDeque<Decision>,
    penalty: Penalty,
    frozen: Option<Frozen>,
    /// The moment that an entry's rate gives this session.
    promised: Option<(EntryName, Timestamp)>,
}

/// Two policies undo each other's work on a session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frozen {
    /// Who starts, and who stops.
    between: [EntryName; 2],
    until: Timestamp,
}

/// A number that halves in each span of time.
#[derive(Clone, Copy, Debug, Default)]
struct Penalty {
    value: u64,
    at: Timestamp,
}

impl Penalty {
    /// What is left of it. Within a span it falls in a straight line, so that whole numbers do.
    fn now(self, half_life: u64, now: Timestamp) -> u64 {
        let passed = millis(now.since(self.at));
        let halved = u32::try_from(passed / half_life).unwrap_or(u32::MAX);
        let value = self.value.checked_shr(halved).unwrap_or(0);
        value - value * (passed % half_life) / (2 * half_life)
    }

    /// When no more than `goal` is left.
    fn falls_to(self, goal: u64, half_life: u64) -> Timestamp {
        let (mut value, mut passed) = (self.value, 0u64);
        while value / 2 > goal {
            value /= 2;
            passed += half_life;
        }
        if value > goal {
            passed += ((value - goal) * 2 * half_life).div_ceil(value);
        }
        self.at.plus(Duration::from_millis(passed))
    }
}

impl Damping {
    /// A policy decided so.
    pub(crate) fn decided(
        &mut self,
        settings: &Settings,
        at: Timestamp,
        action: Action,
        by: &EntryName,
    ) {
        let flaps = action == Action::Stop
            && self
                .decisions
                .back()
                .is_some_and(|d| d.action == Action::Start);
        if flaps {
            let half_life = settings.half_life();
            let most = FLAP * u64::from(settings.flaps_max.max(1)) * 4;
            let value = (self.penalty.now(half_life, at) + FLAP).min(most);
            self.penalty = Penalty { value, at };
        }
        self.decisions.push_back(Decision {
            at,
            action,
            by: by.clone(),
        });
        if self.decisions.len() > REMEMBERED {
            self.decisions.pop_front();
        }
    }

    /// Whether the one who wants to start it was stopped again and again by one other.
    fn fight(&self, settings: &Settings, now: Timestamp, by: &EntryName) -> Option<EntryName> {
        let rounds = usize::try_from(settings.rounds_max.max(1)).unwrap_or(usize::MAX);
        let mut latest = self.decisions.iter().rev();
        let mut other: Option<&EntryName> = None;
        for _ in 0..rounds {
            let (stop, start) = (latest.next()?, latest.next()?);
            let recent = now.since(start.at) <= settings.rounds_within;
            let undone = stop.action == Action::Stop && start.action == Action::Start;
            let same = start.by == *by && stop.by != *by && other.is_none_or(|o| *o == stop.by);
            if !(recent && undone && same) {
                return None;
            }
            other = Some(&stop.by);
        }
        other.cloned()
    }

    /// What keeps a policy from starting or renewing the session, and until when.
    pub(crate) fn obstacle(
        &self,
        settings: &Settings,
        now: Timestamp,
        phase: &Phase,
        action: Action,
        by: &EntryName,
    ) -> Option<(String, Timestamp)> {
        if let Some(Frozen { between, until }) = &self.frozen
            && *until > now
            && between.contains(by)
        {
            let [one, other] = between;
            let why = format!(
                "policies {one} and {other} undo each other's work on it; start or stop it \
                 yourself, or change one of the policies"
            );
            return Some((why, *until));
        }
        let half_life = settings.half_life();
        let limit = FLAP * u64::from(settings.flaps_max.max(1));
        if action == Action::Start && self.penalty.value > 0 {
            let reuse = self.penalty.falls_to(limit / 2, half_life);
            // Once put off, it stays so until the penalty has halved, not only below the limit.
            if self.penalty.value >= limit && reuse > now {
                let why = "policies have started and stopped it too often".to_owned();
                return Some((why, reuse));
            }
        }
        let (since, pause, why) = match (action, phase) {
            (Action::Start, _) => {
                let last = self.decisions.back().filter(|d| d.action == Action::Stop)?;
                let why = "a policy stopped it a moment ago";
                (last.at, settings.cooldown, why)
            }
            (Action::Rotate, Phase::Active(lease)) => {
                // Short-lived credentials are renewed more often.
                let tenth = lease.expires_at.map(|end| end.since(lease.issued_at) / 10);
                let dwell = tenth.map_or(settings.dwell, |tenth| settings.dwell.min(tenth));
                (lease.issued_at, dwell, "its credentials are new")
            }
            _ => return None,
        };
        let until = since.plus(pause);
        (until > now).then(|| (why.to_owned(), until))
    }

    /// Begins a pause where the one who wants to start the session was stopped again and again by one
    /// other: between whom, and until when.
    pub(crate) fn freeze(
        &mut self,
        settings: &Settings,
        now: Timestamp,
        by: &EntryName,
    ) -> Option<(Vec<EntryName>, Timestamp)> {
        if self.is_frozen_for(by, now) {
            return None;
        }
        let other = self.fight(settings, now, by)?;
        let until = now.plus(settings.freeze);
        let between = [by.clone(), other];
        // What led here is recorded, and counts no more once the pause is over.
        self.decisions.clear();
        self.frozen = Some(Frozen {
            between: between.clone(),
            until,
        });
        Some((between.to_vec(), until))
    }

    /// Takes the moment that the rate of this entry gave the session, if it did.
    pub(crate) fn take_promised(&mut self, by: &EntryName) -> Option<Timestamp> {
        let (_, at) = self.promised.take().filter(|(whose, _)| whose == by)?;
        Some(at)
    }

    /// The rate of this entry gives the session this moment.
    pub(crate) fn promise(&mut self, by: &EntryName, at: Timestamp) {
        self.promised = Some((by.clone(), at));
    }

    /// The policy that decided at this moment to stop the session, where one did last.
    pub(crate) fn stopped_at(&self, now: Timestamp) -> Option<&EntryName> {
        let last = self.decisions.back()?;
        (last.at == now && last.action == Action::Stop).then_some(&last.by)
    }

    /// These entries are others now: what the old ones fought about is over, and nothing is promised.
    pub(crate) fn entries_changed(&mut self, changed: &[EntryName]) {
        let concerns = |name: &EntryName| changed.contains(name);
        self.frozen
            .take_if(|frozen| frozen.between.iter().any(concerns));
        self.promised.take_if(|(whose, _)| concerns(whose));
    }

    /// The clock jumped: nothing is promised any more, and no pause is longer than until then.
    pub(crate) fn clock_jumped(&mut self, latest: Timestamp) {
        self.promised = None;
        if let Some(frozen) = &mut self.frozen {
            frozen.until = frozen.until.min(latest);
        }
    }

    /// Moves what is measured in spans, since the clock was set.
    pub(crate) fn shift(&mut self, to: impl Fn(Timestamp) -> Timestamp) {
        for decision in &mut self.decisions {
            decision.at = to(decision.at);
        }
        self.penalty.at = to(self.penalty.at);
        if let Some(frozen) = &mut self.frozen {
            frozen.until = to(frozen.until);
        }
    }

    /// Whether this policy's decisions wait for the end of a fight.
    fn is_frozen_for(&self, by: &EntryName, now: Timestamp) -> bool {
        let frozen = self.frozen.as_ref();
        frozen.is_some_and(|f| f.until > now && f.between.contains(by))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_penalty_falls_and_is_where_it_says(
            value in 1..1_000_000u64,
            goal in 1..1_000_000u64,
            half_life in 1..100_000u64,
            waits in proptest::collection::vec(0..1_000_000u64, 1..20),
        ) {
            let penalty = Penalty { value, at: Timestamp::from_millis(7) };
            let mut now = penalty.at;
            let mut before = penalty.now(half_life, now);
            prop_assert_eq!(before, value);
            for wait in waits {
                now = now.plus(Duration::from_millis(wait));
                let left = penalty.now(half_life, now);
                prop_assert!(left <= before);
                before = left;
            }
            let there = penalty.falls_to(goal, half_life);
            prop_assert!(penalty.now(half_life, there) <= goal + 1);
            if there > penalty.at {
                let sooner = there.minus(Duration::from_millis(half_life / 50 + 2));
                prop_assert!(sooner <= penalty.at || penalty.now(half_life, sooner) + 2 >= goal);
            }
        }
    }
}
