//! What was decided is carried out, or has to wait.

use crate::arbitration::StandingAct;
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
    pub(crate) fn carry_out(
        &mut self,
        id: &SessionId,
        action: Action,
        act: &StandingAct,
        cause: Cause,
        decided: JournalEvent,
    ) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        match action {
            Action::Stop if tracked.phase.operation().is_some_and(|o| o.is_publishing()) => {}
            Action::Stop if matches!(tracked.phase, Phase::Stopping(..)) => {}
            Action::Stop => {
                self.note_decision(id, action, &act.voice);
                self.record(cause, decided);
                self.stop(id, Outcome::Stopped, cause);
            }
            // Calls of providers are given up anyway.
            Action::Start | Action::Rotate if self.state.stopping => {}
            Action::Start if tracked.phase != Phase::Inactive => {}
            Action::Rotate if !matches!(tracked.phase, Phase::Active(_)) => {}
            Action::Start | Action::Rotate => {
                if let Some(fault) = &tracked.session.fault {
                    let failure = Failure::new(ErrorKind::Misconfigured, fault.clone())
                        .with_hint("fix this session in workspace.json");
                    self.defer(id, action, failure.message.clone(), None, cause);
                    if let Some(tracked) = self.state.sessions.get_mut(id) {
                        tracked.last_failure = Some(failure.clone());
                    }
                    self.reply(id, |_| {
                        Some(Reply::Failed {
                            failure: failure.clone(),
                            retry_at: None,
                        })
                    });
                    return;
                }
                if let Some(why) = self.unanswered(id) {
                    let failure =
                        Failure::new(ErrorKind::Delivery, why.clone()).with_hint(CHAIN_HINT);
                    self.reply(id, |_| {
                        Some(Reply::Failed {
                            failure: failure.clone(),
                            retry_at: None,
                        })
                    });
                    return self.defer(id, action, why, None, cause);
                }
                match self.profile_obstacle(id, &act.voice, act.rank) {
                    Some(why) => {
                        let failure = Failure::new(ErrorKind::Delivery, why.clone())
                            .with_hint("stop that one, or give this one another named profile");
                        self.reply(id, |_| {
                            Some(Reply::Failed {
                                failure: failure.clone(),
                                retry_at: None,
                            })
                        });
                        self.defer(id, action, why, None, cause);
                    }
                    None => {
                        if let Some((why, until)) = self.damp(id, action, act, cause) {
                            let key = TimerKey::Reconsider(id.clone());
                            let sooner = self.state.timers.get(&key).filter(|at| *at < until);
                            self.state.timers.set(key, sooner.unwrap_or(until));
                            return self.defer(id, action, why, Some(until), cause);
                        }
                        self.note_decision(id, action, &act.voice);
                        self.record(cause, decided);
                        self.begin(id, action, act.voice.clone(), act.rank, cause);
                    }
                }
            }
        }
    }

    /// Answers programs that would otherwise wait until it is time for the next attempt.
    pub(crate) fn turn_away(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        let demands = std::mem::take(&mut tracked.demands);
        tracked.waiting.retain(|(id, _)| !demands.contains(id));
        let retry_at = tracked.retry_at.filter(|_| !tracked.needs_person);
        let failure = tracked
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
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        let told = Some((action, why.clone()));
        if tracked.told != told {
            tracked.told = told;
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
