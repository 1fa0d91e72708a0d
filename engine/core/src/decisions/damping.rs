//! What a policy's decision may have to wait for although nobody forbids it: the rate of its entry,
//! a while between two actions, a penalty for sessions that come and go, and a pause where two
//! policies undo each other's work.
//!
//! A stop is never put off, since a session that is stopped harms nobody; a person's command and a
//! program's demand are not either. An alarm, by which credentials are to be renewed at once, waits
//! for the rate of its entry alone.

use crate::arbitration::{Actor, ProposedAct, Tier};
use crate::context::StepContext;
use crate::events::journal::JournalEvent;
use crate::model::ids::Cause;
use crate::model::policy::{Action, EntryName};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::damping::Damping;

impl StepContext<'_> {
    /// Why the decision of a policy to do this waits, and until when. Where it does not, it may go
    /// on now, and counts.
    pub(crate) fn damp(
        &mut self,
        id: &SessionId,
        action: Action,
        act: &ProposedAct,
        cause: Cause,
    ) -> Option<(String, Timestamp)> {
        let Actor::Policy(by) = &act.actor else {
            return None;
        };
        if action == Action::Stop {
            return None;
        }
        let (settings, now) = (self.state.settings.damping, self.now);
        let state = self.state.sessions.get_mut(id)?;
        // Whoever waits for it, a person or a program, is not made to wait for this.
        if !state.waiting.is_empty() {
            return None;
        }
        if action == Action::Start
            && let Some((between, until)) = state.damping.freeze(&settings, now, by)
        {
            let session = id.clone();
            let frozen = JournalEvent::Frozen {
                session,
                between,
                until,
            };
            self.record(cause, frozen);
        }
        if action == Action::Rotate && self.is_alarm(id, act, by) {
            return self.rate_limit(id, by);
        }
        let state = self.state.sessions.get(id)?;
        let obstacle = state
            .damping
            .obstacle(&settings, now, &state.phase, action, by);
        obstacle.or_else(|| self.rate_limit(id, by))
    }

    /// Whether credentials are to be renewed for safety's sake, however new they are: a guard rail wants
    /// it, or a policy on a custom event, by which a person or a program raises an alarm.
    fn is_alarm(&self, id: &SessionId, act: &ProposedAct, by: &EntryName) -> bool {
        let entry = self.state.entries.get(by);
        let proposals = entry.and_then(|entry| entry.proposals.get(id));
        act.rank.tier == Tier::GuardRail || proposals.is_some_and(|proposals| proposals.alarmed)
    }

    /// The rate of an entry: whoever comes when it is used up is given the next moment that is
    /// free, so that nobody is passed over and nobody asks again before.
    fn rate_limit(&mut self, id: &SessionId, by: &EntryName) -> Option<(String, Timestamp)> {
        let now = self.now;
        let entry = self.state.entries.get_mut(by)?;
        let rate = entry.entry.grant.rate?;
        let state = self.state.sessions.get_mut(id)?;
        let promised = state.damping.take_promised(by);
        let there = promised.unwrap_or_else(|| entry.bucket.reserve(rate, now));
        if there <= now {
            return None;
        }
        state.damping.promise(by, there);
        Some((format!("policy {by} has used up its {rate}"), there))
    }

    /// Something was decided for a session: what a policy decided counts for what policies may do
    /// next, and an order of a person ends all that.
    pub(crate) fn note_decision(&mut self, id: &SessionId, action: Action, actor: &Actor) {
        let (settings, now) = (self.state.settings.damping, self.now);
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        match actor {
            Actor::Policy(by) if action != Action::Rotate => {
                state.damping.decided(&settings, now, action, by);
            }
            Actor::Person => state.damping = Damping::default(),
            _ => {}
        }
    }

    /// A session was stopped with the one that it is chained to, by whoever stopped that one.
    pub(crate) fn stopped_with_parent(&mut self, child: &SessionId, parent: &SessionId) {
        let parent = self.state.sessions.get(parent);
        let by = parent.and_then(|state| state.damping.stopped_at(self.now));
        if let Some(by) = by.cloned() {
            self.note_decision(child, Action::Stop, &Actor::Policy(by));
        }
    }

    /// These entries are others now: what the old ones fought about is over, and nothing is promised.
    pub(crate) fn damping_entries_changed(&mut self, changed: &[EntryName]) {
        for state in self.state.sessions.values_mut() {
            state.damping.entries_changed(changed);
        }
    }
}
