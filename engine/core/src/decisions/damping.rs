//! What a policy's decision may have to wait for although nobody forbids it: the rate of its entry,
//! a while between two actions, a penalty for sessions that come and go, and a pause where two
//! policies undo each other's work.
//!
//! A stop is never put off, since a session that is stopped harms nobody; a person's command and a
//! program's demand are not either. An alarm, by which credentials are to be renewed at once, waits
//! for the rate of its entry alone.

use std::collections::VecDeque;
use std::time::Duration;

use crate::arbitration::{Actor, StandingAct, Tier};
use crate::events::effect::{Cause, JournalEvent};
use crate::model::policy::{Action, EntryName};
use crate::model::session::SessionId;
use crate::model::settings::Damping as Settings;
use crate::model::time::{Timestamp, millis};
use crate::state::{Phase, SessionState};
use crate::step::StepContext;

/// What one stop by a policy after a start by a policy adds to the penalty.
const FLAP: u64 = 1_000;
/// Decisions of policies that are remembered for one session.
const TURNS: usize = 16;

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
    fn decided(&mut self, settings: &Settings, at: Timestamp, action: Action, by: &EntryName) {
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
        if self.decisions.len() > TURNS {
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
    fn obstacle(
        &self,
        settings: &Settings,
        now: Timestamp,
        tracked: &SessionState,
        action: Action,
        by: &EntryName,
    ) -> Option<(String, Timestamp)> {
        if let Some(Frozen { between, until }) = &self.frozen
            && *until > now
            && between.contains(by)
        {
            let [one, other] = between;
            let why = format!(
                "policies {one} and {other} undo what the other does to it; start or stop it \
                 yourself, or change one of them"
            );
            return Some((why, *until));
        }
        let half_life = settings.half_life();
        let limit = FLAP * u64::from(settings.flaps_max.max(1));
        if action == Action::Start && self.penalty.value > 0 {
            let reuse = self.penalty.falls_to(limit / 2, half_life);
            // Once put off, it stays so until the penalty has halved, not only below the limit.
            if self.penalty.value >= limit && reuse > now {
                let why = "policies started and stopped it too often".to_owned();
                return Some((why, reuse));
            }
        }
        let (since, pause, why) = match (action, &tracked.phase) {
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

impl StepContext<'_> {
    /// Why the decision of a policy to do this waits, and until when. Where it does not, it may go
    /// on now, and counts.
    pub(crate) fn damp(
        &mut self,
        id: &SessionId,
        action: Action,
        act: &StandingAct,
        cause: Cause,
    ) -> Option<(String, Timestamp)> {
        let Actor::Policy(by) = &act.voice else {
            return None;
        };
        if action == Action::Stop {
            return None;
        }
        let (settings, now) = (self.state.settings.damping, self.now);
        let tracked = self.state.sessions.get_mut(id)?;
        // Whoever waits for it, a person or a program, is not made to wait for this.
        if !tracked.waiting.is_empty() {
            return None;
        }
        if action == Action::Start
            && !tracked.damping.is_frozen_for(by, now)
            && let Some(other) = tracked.damping.fight(&settings, now, by)
        {
            let frozen = Frozen {
                between: [by.clone(), other],
                until: now.plus(settings.freeze),
            };
            tracked.damping.frozen = Some(frozen.clone());
            // What led here is told, and counts no more once the pause is over.
            tracked.damping.decisions.clear();
            self.record(
                cause,
                JournalEvent::Frozen {
                    session: id.clone(),
                    between: frozen.between.to_vec(),
                    until: frozen.until,
                },
            );
        }
        if action == Action::Rotate && self.is_alarm(id, act, by) {
            return self.rate_limit(id, by);
        }
        let tracked = self.state.sessions.get(id)?;
        let obstacle = tracked
            .damping
            .obstacle(&settings, now, tracked, action, by);
        obstacle.or_else(|| self.rate_limit(id, by))
    }

    /// Whether credentials are to be renewed for safety's sake, however new they are: a guard rail wants
    /// it, or a policy on a custom event, by which a person or a program raises an alarm.
    fn is_alarm(&self, id: &SessionId, act: &StandingAct, by: &EntryName) -> bool {
        let entry = self.state.entries.get(by);
        let opinion = entry.and_then(|entry| entry.proposals.get(id));
        act.rank.tier == Tier::GuardRail || opinion.is_some_and(|opinion| opinion.alarmed)
    }

    /// The rate of an entry: whoever comes when it is used up is given the next moment that is
    /// free, so that nobody is passed over and nobody asks again before.
    fn rate_limit(&mut self, id: &SessionId, by: &EntryName) -> Option<(String, Timestamp)> {
        let now = self.now;
        let entry = self.state.entries.get_mut(by)?;
        let rate = entry.entry.grant.rate?;
        let tracked = self.state.sessions.get_mut(id)?;
        let promised = tracked.damping.promised.take();
        let there = match promised.filter(|(whose, _)| whose == by) {
            Some((_, there)) => there,
            None => entry.bucket.reserve(rate, now),
        };
        if there <= now {
            return None;
        }
        tracked.damping.promised = Some((by.clone(), there));
        Some((format!("policy {by} has used up its {rate}"), there))
    }

    /// Something was decided for a session: what a policy decided counts for what policies may do
    /// next, and a word of the person ends all that.
    pub(crate) fn note_decision(&mut self, id: &SessionId, action: Action, voice: &Actor) {
        let (settings, now) = (self.state.settings.damping, self.now);
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        match voice {
            Actor::Policy(by) if action != Action::Rotate => {
                tracked.damping.decided(&settings, now, action, by);
            }
            Actor::Person => tracked.damping = Damping::default(),
            _ => {}
        }
    }

    /// A session was stopped with the one that it is chained to, by whoever stopped that one.
    pub(crate) fn stopped_with_parent(&mut self, child: &SessionId, parent: &SessionId) {
        let last = |id| {
            let tracked = self.state.sessions.get(id)?;
            tracked.damping.decisions.back().cloned()
        };
        if let Some(Decision { at, action, by }) = last(parent)
            && at == self.now
            && action == Action::Stop
        {
            self.note_decision(child, Action::Stop, &Actor::Policy(by));
        }
    }

    /// These entries are others now: what the old ones fought about is over, and nothing is promised.
    pub(crate) fn undamp(&mut self, changed: &[EntryName]) {
        for tracked in self.state.sessions.values_mut() {
            let damping = &mut tracked.damping;
            let concerns = |name: &EntryName| changed.contains(name);
            if damping
                .frozen
                .as_ref()
                .is_some_and(|f| f.between.iter().any(concerns))
            {
                damping.frozen = None;
            }
            if damping
                .promised
                .as_ref()
                .is_some_and(|(whose, _)| concerns(whose))
            {
                damping.promised = None;
            }
        }
    }

    /// The clock jumped: nobody waits longer than from now on.
    pub(crate) fn settle_rates(&mut self) {
        let now = self.now;
        for entry in self.state.entries.values_mut() {
            if let Some(rate) = entry.entry.grant.rate {
                entry.bucket.settle(rate, now);
            }
        }
        let latest = now.plus(self.state.settings.damping.freeze);
        for tracked in self.state.sessions.values_mut() {
            tracked.damping.promised = None;
            if let Some(frozen) = &mut tracked.damping.frozen {
                frozen.until = frozen.until.min(latest);
            }
        }
        let calls = self.state.settings.calls;
        self.state.queue.settle(&calls, now);
        self.reconsider.extend(self.state.sessions.keys().cloned());
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
