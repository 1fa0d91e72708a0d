//! What is to be done to one session now, from all that is proposed for it.

use crate::arbitration::{
    Actor, Arbitration, Lost, Rank, Situation, StandingAct, StandingHold, Tier, arbitrate,
};
use crate::events::effect::{Cause, Effect, JournalEvent, Loss, Reply};
use crate::events::input::Entry;
use crate::lifecycle::overdue::CHAIN_HINT;
use crate::model::policy::{Action, Outcome, Reason};
use crate::model::session::{ErrorKind, Failure, SessionId, Status};
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;
use crate::state::{EntryState, Phase, SessionState};
use crate::step::StepContext;

/// All that stands for one session.
#[derive(Default)]
pub(crate) struct ActiveProposals {
    pub(crate) acts: Vec<StandingAct>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) holds: Vec<StandingHold>,
    shadow_acts: Vec<StandingAct>,
    shadow_holds: Vec<StandingHold>,
}

impl ActiveProposals {
    /// As long as nobody knows what policies forbid, only what stops counts; all else waits.
    fn keep_stops(&mut self) {
        let acts = std::mem::take(&mut self.acts);
        let causes = std::mem::take(&mut self.causes);
        let stops = acts.into_iter().zip(causes);
        let stops = stops.filter(|(act, _)| act.action == Action::Stop);
        (self.acts, self.causes) = stops.unzip();
    }
}

/// The hold of a guard rail that brings no answer.
fn unanswering(tracking: &EntryState) -> StandingHold {
    let fault = tracking.last_fault.as_ref().map(|f| f.message.as_str());
    let why = format!("it cannot be asked: {}", fault.unwrap_or("it is suspended"));
    StandingHold {
        voice: Actor::Policy(tracking.entry.name.clone()),
        rank: tracking.entry.rank,
        actions: [Action::Start, Action::Rotate].into_iter().collect(),
        until: None,
        why: Reason::new("unanswered", why),
    }
}

impl StepContext<'_> {
    pub(crate) fn active_proposals(
        &self,
        id: &SessionId,
        tracked: &SessionState,
    ) -> ActiveProposals {
        let mut standing = ActiveProposals::default();
        for tracking in self.state.entries.values() {
            let entry = &tracking.entry;
            let guard_rail = entry.rank.tier == Tier::GuardRail && !entry.shadow;
            // A guard rail that cannot be asked holds: whoever has to pass it can override it.
            // One that may not hold may have it stopped, which is as much of a refusal.
            let stops =
                entry.actions.contains(Action::Stop) && entry.grant.actions.contains(Action::Stop);
            let refuses = guard_rail && (entry.may_hold || stops);
            if refuses && tracking.is_broken() && tracking.is_behind(id) {
                standing.holds.push(unanswering(tracking));
            }
            let Some(opinion) = tracking.proposals.get(id) else {
                continue;
            };
            let broken = tracking.pending_changes.contains_key(id) && !tracking.owes_answer(id);
            let acts = opinion.acts.iter().cloned().map(|act| StandingAct {
                unanswered: broken,
                ..act
            });
            if tracking.entry.shadow {
                standing.shadow_acts.extend(acts);
                standing.shadow_holds.extend(opinion.holds.iter().cloned());
            } else {
                standing.acts.extend(acts);
                standing.causes.resize(standing.acts.len(), opinion.cause);
                standing.holds.extend(opinion.holds.iter().cloned());
            }
        }
        let person = Rank {
            tier: Tier::Person,
            priority: 0,
        };
        let mut say = |voice, rank, action, not_after, code, message: &str| {
            standing.acts.push(StandingAct {
                voice,
                rank,
                action,
                revision: None,
                not_after,
                why: Reason::new(code, message),
                unanswered: false,
            });
            standing.causes.push(tracked.cause);
        };
        if let Some(word) = &tracked.manual_override {
            let rank = word.rank();
            say(
                Actor::Person,
                rank,
                word.action,
                word.until,
                "person",
                "you said so",
            );
        }
        if tracked.rotate_asked.is_some() {
            say(
                Actor::Person,
                person,
                Action::Rotate,
                None,
                "person",
                "you said so",
            );
        }
        // Less than every policy: a program asks, it does not decide.
        let least = Rank {
            tier: Tier::Personal,
            priority: i32::MIN,
        };
        if !tracked.demands.is_empty() {
            let why = "a program asks for its credentials";
            say(Actor::Client, least, Action::Start, None, "asked-for", why);
        } else if tracked.refresh_asked {
            let why = "a program uses its credentials, and they are due for renewal";
            say(Actor::Client, least, Action::Rotate, None, "asked-for", why);
        }
        if tracked.outdated {
            let why = "the session was edited while its credentials are in use";
            say(Actor::Edit, person, Action::Rotate, None, "edited", why);
        }
        standing
    }

    /// Decides about one session and begins what is to be done.
    pub(crate) fn reconcile(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        if !tracked.present && tracked.phase == Phase::Inactive {
            if !self.state.is_overdue(id) {
                return self.forget(id);
            }
            // What the chain may still do to it is looked after first; nobody waits for that.
            return self.reply(id, |_| Some(Reply::Superseded));
        }
        let outlives = tracked.beyond_parent && matches!(tracked.phase, Phase::Active(_));
        if !tracked.present || outlives {
            // It is to go, whatever anybody says; a retraction that failed is tried again.
            let cause = tracked.cause;
            match tracked.retry_at.filter(|at| *at > self.now) {
                None => self.stop(id, Outcome::Stopped, cause),
                Some(at) => self.state.timers.set(TimerKey::Reconsider(id.clone()), at),
            }
            return;
        }
        // A person waits for guard rails only, and for none that the command overrides. A program counts
        // less than every policy, and waits for all.
        let commanded = tracked.waits_as_person();
        let overriding = tracked
            .manual_override
            .as_ref()
            .is_some_and(|word| word.rank().tier > Tier::GuardRail);
        let waits = self.state.entries.values().any(|tracking| {
            let Entry { rank, shadow, .. } = &tracking.entry;
            let counts = !commanded || (rank.tier == Tier::GuardRail && !overriding);
            !shadow && counts && tracking.owes_answer(id)
        });
        if waits {
            return;
        }
        let mut standing = self.active_proposals(id, tracked);
        if !self.state.policies_known {
            standing.keep_stops();
        }
        let status = tracked.phase.status();
        let situation = Situation {
            now: self.now,
            status,
            revision: tracked.view.revision,
        };
        let result = arbitrate(situation, &standing.acts, &standing.holds);
        let retry_at = tracked.retry_at.filter(|at| *at > self.now);
        let needs_person = tracked.needs_person;
        let asked_for = !tracked.demands.is_empty();
        let again = [result.reconsider_at, retry_at].into_iter().flatten().min();
        self.state
            .timers
            .put(TimerKey::Reconsider(id.clone()), again);
        self.compare_shadow(id, situation, &standing, result.action);
        self.answer_commands(id, &standing, &result, status);
        let (Some(action), Some(winner)) = (result.action, result.winner) else {
            return;
        };
        let act = &standing.acts[winner];
        if let Some(until) = retry_at {
            self.turn_away(id);
            let why = "the last attempt failed".to_owned();
            self.defer(id, action, why, Some(until), standing.causes[winner]);
            return;
        }
        // A program may try: a sign-in made elsewhere is found by trying, and nobody is waited for.
        let tried = asked_for && action == Action::Start;
        if needs_person && !tried && action != Action::Stop {
            self.turn_away(id);
            let why = "it waits for a person".to_owned();
            self.defer(id, action, why, None, standing.causes[winner]);
            return;
        }
        let decided = JournalEvent::Decided {
            session: id.clone(),
            action,
            by: act.voice.clone(),
            why: act.why.clone(),
            losers: losses(&standing.acts, &result),
        };
        self.carry_out(id, action, act, standing.causes[winner], decided);
    }

    fn carry_out(
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
    fn turn_away(&mut self, id: &SessionId) {
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

    /// Answers commands that are already fulfilled or may not be.
    fn answer_commands(
        &mut self,
        id: &SessionId,
        standing: &ActiveProposals,
        result: &Arbitration,
        status: Status,
    ) {
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        if tracked.waiting.is_empty() || status == Status::Pending {
            return;
        }
        let lease = tracked.phase.lease();
        let lost = |voice: Actor, action: Action| {
            result.lost.iter().find_map(|(index, lost)| {
                let act = &standing.acts[*index];
                (act.voice == voice && act.action == action).then_some(lost)
            })
        };
        let mut refused = false;
        let mut answers = Vec::new();
        for (command, action) in &tracked.waiting {
            let demand = tracked.demands.contains(command);
            let voice = if demand { Actor::Client } else { Actor::Person };
            let reply = match lost(voice, *action) {
                Some(Lost::Satisfied) => Reply::Unchanged { lease },
                Some(Lost::Held { by, why }) => Reply::Refused {
                    by: by.to_string(),
                    why: why.clone(),
                },
                // Somebody else starts it for reasons of his own.
                Some(Lost::Outranked { .. }) if demand && result.action == Some(Action::Start) => {
                    continue;
                }
                Some(Lost::Outranked { by: Actor::Person }) if demand => Reply::Refused {
                    by: Actor::Person.to_string(),
                    why: "the session was stopped by hand; start or release it".into(),
                },
                Some(Lost::Outranked { by }) => {
                    let why = "it takes precedence and decided otherwise".to_owned();
                    Reply::Refused {
                        by: by.to_string(),
                        why,
                    }
                }
                Some(Lost::Ended | Lost::Stale) => Reply::Superseded,
                None => continue,
            };
            refused |= matches!(reply, Reply::Refused { .. }) && !demand;
            answers.push((*command, reply));
        }
        tracked
            .waiting
            .retain(|(command, _)| !answers.iter().any(|(c, _)| c == command));
        for (command, _) in &answers {
            tracked.demands.remove(command);
        }
        if refused {
            tracked.manual_override = None;
            tracked.rotate_asked = None;
            let cause = tracked.cause;
            self.effects.push(Effect::Remember {
                session: id.clone(),
                word: None,
            });
            self.restate(id, cause);
        } else if tracked.phase == Phase::Inactive {
            tracked.rotate_asked = None;
        }
        for (command, reply) in answers {
            self.effects.push(Effect::Reply { command, reply });
        }
    }

    /// The second, silent arbitration in which shadow entries take part.
    fn compare_shadow(
        &mut self,
        id: &SessionId,
        situation: Situation,
        standing: &ActiveProposals,
        live: Option<Action>,
    ) {
        if standing.shadow_acts.is_empty() && standing.shadow_holds.is_empty() {
            return;
        }
        let acts: Vec<_> = standing
            .acts
            .iter()
            .chain(&standing.shadow_acts)
            .cloned()
            .collect();
        let holds: Vec<_> = standing
            .holds
            .iter()
            .chain(&standing.shadow_holds)
            .cloned()
            .collect();
        let shadow = arbitrate(situation, &acts, &holds).action;
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        let told = Some((live, shadow));
        if live != shadow && tracked.shadow_told != told {
            let cause = tracked.cause;
            let session = id.clone();
            self.record(
                cause,
                JournalEvent::ShadowDiffers {
                    session,
                    live,
                    shadow,
                },
            );
        }
        if let Some(tracked) = self.state.sessions.get_mut(id) {
            tracked.shadow_told = told;
        }
    }
}

fn losses(acts: &[StandingAct], result: &Arbitration) -> Vec<Loss> {
    let loss = |(index, lost): &(usize, Lost)| Loss {
        by: acts[*index].voice.clone(),
        action: acts[*index].action,
        lost: lost.clone(),
    };
    result.lost.iter().map(loss).collect()
}
