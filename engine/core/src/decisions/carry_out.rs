//! What was decided is carried out, or has to wait.

use crate::arbitration::ProposedAct;
use crate::context::StepContext;
use crate::events::effect::{Effect, Reply};
use crate::events::journal::JournalEvent;
use crate::lifecycle::overdue::CHAIN_HINT;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::ids::Cause;
use crate::model::policy::{Action, Outcome};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::phase::Phase;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// Does what was decided, where the session is as it has to be for that.
    pub(crate) fn carry_out(
        &mut self,
        id: &SessionId,
        action: Action,
        act: &ProposedAct,
        cause: Cause,
        decided: JournalEvent,
    ) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let publishing = state.phase.operation().is_some_and(|o| o.is_publishing());
        match action {
            Action::Stop if publishing || matches!(state.phase, Phase::Stopping(..)) => {}
            Action::Stop => {
                self.note_decision(id, action, &act.actor);
                self.record(cause, decided);
                self.stop(id, Outcome::Stopped, cause);
            }
            // Calls of providers are given up anyway.
            Action::Start | Action::Rotate if self.state.stopping => {}
            Action::Start if state.phase != Phase::Inactive => {}
            Action::Rotate if !matches!(state.phase, Phase::Active(_)) => {}
            Action::Start | Action::Rotate => {
                if let Some(failure) = self.obstacle(id, act) {
                    return self.refuse_attempt(id, action, failure, cause);
                }
                if let Some((why, until)) = self.damp(id, action, act, cause) {
                    let key = TimerKey::Reconsider(id.clone());
                    let sooner = self.state.timers.get(&key).filter(|at| *at < until);
                    self.state.timers.set(key, sooner.unwrap_or(until));
                    return self.defer(id, action, why, Some(until), cause);
                }
                self.note_decision(id, action, &act.actor);
                self.record(cause, decided);
                self.begin(id, action, act.actor.clone(), act.rank, cause);
            }
        }
    }

    /// What makes it pointless to begin: a mistake in the Workspace, a chain that owes an answer, a named
    /// profile that is in use.
    fn obstacle(&self, id: &SessionId, act: &ProposedAct) -> Option<Failure> {
        let fault = self.state.sessions.get(id)?.session.fault.clone();
        if let Some(fault) = fault {
            let hint = "fix this session in the Workspace";
            return Some(Failure::new(ErrorKind::Misconfigured, fault).with_hint(hint));
        }
        if let Some(why) = self.unanswered(id) {
            return Some(Failure::new(ErrorKind::Delivery, why).with_hint(CHAIN_HINT));
        }
        let why = self.profile_obstacle(id, &act.actor, act.rank)?;
        let hint = "stop that session, or give this one another named profile";
        Some(Failure::new(ErrorKind::Delivery, why).with_hint(hint))
    }

    /// Answers those who wait that nothing is begun, and why.
    fn refuse_attempt(&mut self, id: &SessionId, action: Action, failure: Failure, cause: Cause) {
        self.defer(id, action, failure.message.clone(), None, cause);
        if failure.kind == ErrorKind::Misconfigured
            && let Some(state) = self.state.sessions.get_mut(id)
        {
            state.last_failure = Some(failure.clone());
        }
        self.reply(id, |_| {
            Some(Reply::Failed {
                failure: failure.clone(),
                retry_at: None,
            })
        });
    }

    /// Answers programs that would otherwise wait until it is time for the next attempt.
    pub(crate) fn reject_demands(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let demands = std::mem::take(&mut state.demands);
        state.waiting.retain(|(id, _)| !demands.contains(id));
        let retry_at = state.retry_at.filter(|_| !state.needs_person);
        let failure = state
            .last_failure
            .clone()
            .unwrap_or_else(|| Failure::new(ErrorKind::Other, "the last attempt failed"));
        for command in demands {
            let failure = failure.clone();
            let reply = Reply::Failed { failure, retry_at };
            self.effects.push(Effect::Reply { command, reply });
        }
    }

    /// Records, once, that something is put off.
    pub(crate) fn defer(
        &mut self,
        id: &SessionId,
        action: Action,
        why: String,
        until: Option<Timestamp>,
        cause: Cause,
    ) {
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let recorded = Some((action, why.clone()));
        if state.recorded_deferral != recorded {
            state.recorded_deferral = recorded;
            let session = id.clone();
            self.record(
                cause,
                JournalEvent::Deferred {
                    session,
                    action,
                    why,
                    until,
                },
            );
        }
    }
}
