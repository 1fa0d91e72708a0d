//! Policies are asked, and their answers become standing opinions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use crate::arbitration::{Actor, StandingAct, StandingHold, satisfied};
use crate::events::effect::{Cause, Effect, JournalEvent, action_list};
use crate::events::input::Entry;
use crate::model::policy::{
    Act, Actions, Context, EngineEvent, EntryName, EvaluationId, Event, Fault, FaultKind, Fields,
    Hold, PolicyEffect, Reason, ResyncReason, SessionChange, SessionKey, Verdict,
};
use crate::model::random::Random;
use crate::model::rates::TokenBucket;
use crate::model::session::{SessionId, Status};
use crate::model::time::Timestamp;
use crate::state::index::Index;
use crate::state::timers::TimerKey;
use crate::state::visibility::Visibility;
use crate::state::{EntryProposals, EntryState, PendingChange, PendingEvaluation, SessionState};
use crate::step::StepContext;

impl StepContext<'_> {
    /// Puts these entries in force, and no others.
    pub(crate) fn policies(&mut self, entries: Vec<Entry>) {
        let cause = self.new_cause();
        let cold = self.state.entries.is_empty();
        let mut old = std::mem::take(&mut self.state.entries);
        let mut changed = Vec::new();
        for entry in entries {
            let name = entry.name.clone();
            let kept = old.remove(&name).filter(|tracking| tracking.entry == entry);
            let tracking = kept.unwrap_or_else(|| {
                changed.push(name.clone());
                let reason = if cold {
                    ResyncReason::ColdStart
                } else {
                    ResyncReason::Reconfigured
                };
                let last_fault = entry.unusable.as_ref().map(|message| Fault {
                    kind: FaultKind::Host,
                    message: message.clone(),
                });
                let random = Random::of(self.state.seed, name.as_str());
                let sight = first_sight(&entry, &self.state.sessions);
                EntryState {
                    suspended: last_fault.is_some(),
                    entry,
                    failures: 0,
                    last_fault,
                    pending_changes: BTreeMap::new(),
                    others: VecDeque::new(),
                    files: BTreeMap::new(),
                    branches: BTreeMap::new(),
                    others_cause: cause,
                    resync: Some((reason, None)),
                    pending_evaluation: None,
                    proposals: BTreeMap::new(),
                    wakes: BTreeMap::new(),
                    notices: BTreeSet::new(),
                    not_before: None,
                    sequence: 0,
                    bucket: TokenBucket::default(),
                    visibility: sight,
                    random,
                }
            });
            self.state.entries.insert(name, tracking);
        }
        // Timers of entries that went, or that begin anew, are void.
        for (name, tracking) in old {
            self.clear_timers(&name, &tracking);
        }
        for name in &changed {
            self.state.timers.clear(&TimerKey::Ask(name.clone()));
            self.schedule(name);
        }
        self.undamp(&changed);
        let subscriptions = self
            .state
            .entries
            .iter()
            .map(|(name, tracking)| (name, tracking.entry.subscriptions.as_slice()));
        self.state.index = Index::new(subscriptions);
        let known = std::mem::replace(&mut self.state.policies_known, true);
        if !known && self.state.settings.announces {
            self.announce(EngineEvent::Started, cause);
        }
        let entries = self.state.entries.keys().cloned().collect();
        self.record(cause, JournalEvent::PoliciesAccepted { entries, changed });
        if !known {
            self.tell_sign_ins();
        }
        self.reconsider.extend(self.state.sessions.keys().cloned());
        self.all_go_on();
    }

    fn clear_timers(&mut self, name: &EntryName, tracking: &EntryState) {
        for wake in tracking.wakes.keys() {
            self.state
                .timers
                .clear(&TimerKey::Wake(name.clone(), wake.clone()));
        }
        for index in 0..tracking.entry.schedules.len() {
            self.state
                .timers
                .clear(&TimerKey::Schedule(name.clone(), index));
        }
        self.state.timers.clear(&TimerKey::Ask(name.clone()));
    }

    /// Asks every entry that has something to hear and is not working on a question.
    pub(crate) fn ask_entries(&mut self) {
        let names: Vec<_> = self.state.entries.keys().cloned().collect();
        for name in names {
            self.ask(&name);
        }
    }

    fn ask(&mut self, name: &EntryName) {
        let Some(tracking) = self.state.entries.get_mut(name) else {
            return;
        };
        let idle = tracking.pending_evaluation.is_none()
            && !tracking.suspended
            && tracking.not_before.is_none();
        let nothing = tracking.pending_changes.is_empty()
            && !tracking.has_others()
            && tracking.resync.is_none();
        if !idle || nothing {
            return;
        }
        let batch_max = self.state.settings.batch_max;
        let mut sessions = Vec::new();
        let mut others = Vec::new();
        let mut page = None;
        let mut events = Vec::new();
        let mut cause = tracking.others_cause;
        let mut resync = None;
        if let Some((reason, after)) = tracking.resync.take() {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let behind = tracking.visibility.views().range((from, Bound::Unbounded));
            let views: Vec<_> = behind.take(batch_max).map(|(_, v)| v.clone()).collect();
            for view in &views {
                let id = &view.facts.id;
                let cause = self.state.sessions.get(id).map(|t| t.cause);
                let dirty = tracking
                    .pending_changes
                    .remove(id)
                    .unwrap_or(PendingChange {
                        fields: Fields::NONE,
                        previous_status: None,
                        outcome: None,
                        last_view: None,
                        cause: cause.unwrap_or_default(),
                    });
                sessions.push((id.clone(), dirty));
            }
            let last = views.len() < batch_max;
            let next = views.last().map(|view| view.key);
            page = Some((reason, after, next.filter(|_| !last)));
            events.push(Event::Resync {
                reason,
                sessions: views,
                last,
            });
            if after.is_none() {
                resync = Some(reason);
                others = tracking.take_engine_events();
                events.extend(others.iter().cloned());
            }
        } else {
            let mut changes = Vec::new();
            while changes.len() < batch_max {
                let Some((id, dirty)) = tracking.pending_changes.pop_first() else {
                    break;
                };
                let current = tracking.visibility.view(&id).cloned();
                let Some(after) = current.or_else(|| dirty.last_view.clone()) else {
                    continue;
                };
                cause = dirty.cause;
                changes.push(SessionChange {
                    after,
                    previous_status: dirty.previous_status,
                    fields: dirty.fields,
                    outcome: dirty.outcome,
                });
                sessions.push((id, dirty));
            }
            if !changes.is_empty() {
                events.push(Event::Sessions(changes));
            }
            others = tracking.take_others(self.state.settings.files_max);
            events.extend(others.iter().cloned());
        }
        if events.is_empty() {
            return;
        }
        self.state.next_evaluation += 1;
        let id = EvaluationId(self.state.next_evaluation);
        tracking.sequence += 1;
        let context = Context {
            now: self.now,
            sequence: tracking.sequence,
            seed: tracking.random.next_u64(),
            dry_run: tracking.entry.shadow,
            workspace_revision: tracking.visibility.revision(),
        };
        let ids = sessions.iter().map(|(id, _)| id.clone()).collect();
        let generation = tracking.entry.generation;
        tracking.pending_evaluation = Some(PendingEvaluation {
            id,
            sessions,
            ids,
            others,
            page,
            cause,
        });
        let entry = name.clone();
        if let Some(reason) = resync {
            self.record(
                cause,
                JournalEvent::Resync {
                    entry: entry.clone(),
                    reason,
                },
            );
        }
        self.effects.push(Effect::Evaluate {
            entry,
            evaluation: id,
            generation,
            context,
            events,
        });
    }

    pub(crate) fn evaluated(
        &mut self,
        name: &EntryName,
        id: EvaluationId,
        result: Result<Verdict, Fault>,
    ) {
        let tracking = self.state.entries.get_mut(name);
        let asked = tracking.and_then(|t| t.pending_evaluation.take_if(|asked| asked.id == id));
        let Some(asked) = asked else {
            let what = format!("evaluation {} of policy {name}", id.0);
            return self.record(Cause::default(), JournalEvent::Stale { what });
        };
        // Whatever waited for this answer may go on, with or without it.
        self.reconsider.extend(asked.ids.iter().cloned());
        match result.and_then(|verdict| self.check(name, &verdict).map(|()| verdict)) {
            Ok(verdict) => {
                self.effects.push(Effect::CommitPolicyState {
                    entry: name.clone(),
                    evaluation: id,
                });
                let ids = asked.ids.clone();
                self.apply_answer(name, asked, verdict);
                self.go_on(ids);
            }
            Err(fault) => {
                self.fault(name, asked, fault);
                self.all_go_on();
            }
        }
    }

    /// An answer that names what does not exist or is not granted counts for nothing.
    fn check(&self, name: &EntryName, verdict: &Verdict) -> Result<(), Fault> {
        let bad = |message: String| {
            Err(Fault {
                kind: FaultKind::BadAnswer,
                message,
            })
        };
        let Some(tracking) = self.state.entries.get(name) else {
            return bad("the entry is gone".into());
        };
        let (entry, wakes) = (&tracking.entry, &tracking.wakes);
        // One that was there, and went while the policy thought, is no mistake.
        let seen = |key: SessionKey| tracking.visibility.told(key);
        let allowed: Actions = entry
            .actions
            .iter()
            .filter(|a| entry.grant.actions.contains(*a))
            .collect();
        let mut wishes = wakes.len();
        for effect in &verdict.effects {
            match effect {
                PolicyEffect::Act(act) if !seen(act.session) => {
                    return bad(format!(
                        "it named session {}, which is not granted",
                        act.session.0
                    ));
                }
                PolicyEffect::Act(act) if !allowed.contains(act.action) => {
                    return bad(format!("it proposed {}, which is not granted", act.action));
                }
                PolicyEffect::Hold(hold) if !seen(hold.session) => {
                    let key = hold.session.0;
                    return bad(format!("it named session {key}, which is not granted"));
                }
                PolicyEffect::Hold(_) if !(entry.may_hold && entry.grant.may_hold) => {
                    return bad("it proposed a hold, which is not granted".into());
                }
                PolicyEffect::Withdraw(session) if !seen(*session) => {
                    let key = session.0;
                    return bad(format!("it named session {key}, which is not granted"));
                }
                PolicyEffect::Wake { .. } => wishes += 1,
                _ => {}
            }
        }
        let limit = self.state.settings.wakes_max;
        if wishes > limit {
            let message = format!("it wishes for more than {limit} wake-ups at a time");
            return Err(Fault {
                kind: FaultKind::Limit,
                message,
            });
        }
        Ok(())
    }

    fn apply_answer(&mut self, name: &EntryName, asked: PendingEvaluation, verdict: Verdict) {
        let Some(tracking) = self.state.entries.get_mut(name) else {
            return;
        };
        tracking.failures = 0;
        tracking.last_fault = None;
        let shadow = tracking.entry.shadow;
        let rank = tracking.entry.rank;
        let limit = verdict.stopped_after.and_then(|n| usize::try_from(n).ok());
        let looked_at = limit
            .unwrap_or(asked.sessions.len())
            .min(asked.sessions.len());
        let mut causes: BTreeMap<SessionId, Cause> = BTreeMap::new();
        let mut before: BTreeMap<SessionId, Option<EntryProposals>> = BTreeMap::new();
        let total = asked.sessions.len();
        for (index, (id, dirty)) in asked.sessions.into_iter().enumerate() {
            if index < looked_at {
                causes.insert(id.clone(), dirty.cause);
                let old = tracking.proposals.remove(&id);
                before.insert(id, old);
            } else {
                tracking.pending_changes.entry(id).or_insert(dirty);
            }
        }
        if let Some((reason, _, Some(next))) = asked.page {
            // A resync asked for meanwhile begins from the start and covers the rest.
            tracking.resync.get_or_insert((reason, Some(next)));
        }
        let mut notes = Vec::new();
        let mut proposals = 0;
        let alarm = asked
            .others
            .iter()
            .any(|event| matches!(event, Event::Custom { .. }));
        for effect in verdict.effects {
            match effect {
                PolicyEffect::Act(act) => {
                    let Some(id) = tracking.visibility.session(act.session).cloned() else {
                        continue;
                    };
                    let id = &id;
                    let status = self.state.sessions.get(id).map(|t| t.phase.status());
                    let (old, opinion) = proposals_of(tracking, &mut before, id);
                    let said = old.filter(|o| status.is_some_and(|status| o.acts(&act, status)));
                    // Said again, it is still the alarm that it was.
                    opinion.alarmed |= alarm || said.is_some_and(|o| o.alarmed);
                    if said.is_none() {
                        opinion.cause = causes.get(id).copied().unwrap_or(asked.cause);
                        notes.push((
                            opinion.cause,
                            JournalEvent::Proposed {
                                session: id.clone(),
                                entry: name.clone(),
                                action: act.action,
                                why: act.why.clone(),
                                shadow,
                            },
                        ));
                    }
                    opinion.acts.push(StandingAct {
                        voice: Actor::Policy(name.clone()),
                        rank,
                        action: act.action,
                        revision: Some(act.revision),
                        not_after: act.not_after,
                        why: act.why,
                        unanswered: false,
                    });
                    proposals += 1;
                    self.reconsider.insert(id.clone());
                }
                PolicyEffect::Hold(hold) => {
                    let Some(id) = tracking.visibility.session(hold.session).cloned() else {
                        continue;
                    };
                    let id = &id;
                    let (old, opinion) = proposals_of(tracking, &mut before, id);
                    if !old.is_some_and(|o| o.holds(&hold)) {
                        opinion.cause = causes.get(id).copied().unwrap_or(asked.cause);
                        notes.push((
                            opinion.cause,
                            JournalEvent::Held {
                                session: id.clone(),
                                entry: name.clone(),
                                actions: action_list(hold.actions),
                                until: hold.until,
                                why: hold.why.clone(),
                                shadow,
                            },
                        ));
                    }
                    opinion.holds.push(StandingHold {
                        voice: Actor::Policy(name.clone()),
                        rank,
                        actions: hold.actions,
                        until: hold.until,
                        why: hold.why,
                    });
                    proposals += 1;
                    self.reconsider.insert(id.clone());
                }
                PolicyEffect::Withdraw(session) => {
                    if let Some(id) = tracking.visibility.session(session).cloned()
                        && let Some(opinion) = tracking.proposals.remove(&id)
                    {
                        before.insert(id.clone(), Some(opinion));
                        self.reconsider.insert(id);
                    }
                }
                PolicyEffect::Wake { id, at, slack_ms } => {
                    let slack = std::time::Duration::from_millis(slack_ms.into());
                    tracking.wakes.insert(id.clone(), at);
                    let soonest = self.now.plus(self.state.settings.wake_soonest);
                    let due = at.max(soonest).plus(slack);
                    self.state.timers.set(TimerKey::Wake(name.clone(), id), due);
                }
                PolicyEffect::CancelWake(id) => {
                    tracking.wakes.remove(&id);
                    self.state.timers.clear(&TimerKey::Wake(name.clone(), id));
                }
                PolicyEffect::Notify(notice) => {
                    if tracking.notices.len() >= self.state.settings.notices_max {
                        tracking.notices.clear();
                    }
                    if tracking.notices.insert(notice.key) {
                        let entry = name.clone();
                        let (severity, text) = (notice.severity, notice.text);
                        notes.push((
                            asked.cause,
                            JournalEvent::Notice {
                                entry,
                                severity,
                                text,
                            },
                        ));
                    }
                }
            }
        }
        // Proposals that rest on an older session are void; their policy is told, so that it can look again.
        for id in causes.keys() {
            let Some(tracked) = self.state.sessions.get(id) else {
                continue;
            };
            let revision = tracked.view.revision;
            let old = |act: &StandingAct| act.revision.is_some_and(|seen| seen < revision);
            if tracking
                .proposals
                .get(id)
                .is_some_and(|o| o.acts.iter().any(old))
            {
                let dirty = PendingChange {
                    fields: Fields::STATUS,
                    previous_status: None,
                    outcome: None,
                    last_view: None,
                    cause: tracked.cause,
                };
                tracking.pending_changes.entry(id.clone()).or_insert(dirty);
            }
        }
        let (entry, evaluation) = (name.clone(), asked.id);
        let done = JournalEvent::Evaluated {
            entry,
            evaluation,
            sessions: total,
            proposals,
        };
        self.record(asked.cause, done);
        for (cause, note) in notes {
            self.record(cause, note);
        }
    }

    fn fault(&mut self, name: &EntryName, asked: PendingEvaluation, fault: Fault) {
        let settings = self.state.settings;
        let Some(tracking) = self.state.entries.get_mut(name) else {
            return;
        };
        tracking.failures = tracking.failures.saturating_add(1);
        let failures = tracking.failures;
        tracking.last_fault = Some(fault.clone());
        // Nothing of the call counts, so all of it is still to be answered.
        if let Some((reason, from, _)) = asked.page {
            tracking.resync.get_or_insert((reason, from));
        } else {
            for (id, dirty) in asked.sessions {
                tracking.pending_changes.entry(id).or_insert(dirty);
            }
        }
        tracking.put_back(asked.others);
        let retry_at = if fault.kind == FaultKind::Permanent || failures >= settings.faults_max {
            tracking.suspended = true;
            let sessions = &self.state.sessions;
            tracking
                .pending_changes
                .retain(|id, _| sessions.contains_key(id));
            None
        } else {
            let at: Timestamp =
                settings
                    .ask_again
                    .retry_at(self.now, failures, &mut tracking.random);
            tracking.not_before = Some(at);
            self.state.timers.set(TimerKey::Ask(name.clone()), at);
            Some(at)
        };
        if !tracking.entry.shadow {
            // Whoever waits for its answer, a person for a guard rail's and a program for everybody's, is
            // told that there is none.
            let sessions = self.state.sessions.iter();
            let waiting = sessions.filter(|(_, tracked)| !tracked.waiting.is_empty());
            self.reconsider.extend(waiting.map(|(id, _)| id.clone()));
        }
        let (entry, evaluation) = (name.clone(), asked.id);
        let faulted = JournalEvent::Faulted {
            entry,
            evaluation,
            fault,
            failures,
            retry_at,
        };
        self.record(asked.cause, faulted);
    }
}

/// What a new entry sees.
fn first_sight(entry: &Entry, sessions: &BTreeMap<SessionId, SessionState>) -> Visibility {
    let mut sight = Visibility::default();
    let granted: Vec<_> = sessions
        .iter()
        .filter(|(_, t)| t.present && entry.grant.sessions.matches(&t.view))
        .collect();
    for (_, tracked) in &granted {
        sight.show(&tracked.view);
    }
    // A session may be chained to one that comes later.
    for (id, _) in granted {
        sight.relink(id);
    }
    sight
}

/// The entry's opinion on a session, and what it was before this verdict, whose first word replaces
/// it. It keeps its cause until something new is said.
fn proposals_of<'a>(
    tracking: &'a mut EntryState,
    before: &'a mut BTreeMap<SessionId, Option<EntryProposals>>,
    id: &SessionId,
) -> (Option<&'a EntryProposals>, &'a mut EntryProposals) {
    let old = before
        .entry(id.clone())
        .or_insert_with(|| tracking.proposals.remove(id))
        .as_ref();
    let new = tracking.proposals.entry(id.clone());
    let new = new.or_insert_with(|| EntryProposals {
        cause: old.map(|o| o.cause).unwrap_or_default(),
        ..EntryProposals::default()
    });
    (old, new)
}

impl EntryProposals {
    /// Whether it proposes this already, so that to hear it again is no news. What a wish rests on
    /// may change where it is fulfilled; where something may come of it, a changed session is news.
    fn acts(&self, act: &Act, status: Status) -> bool {
        self.acts.iter().any(|said| {
            (said.action, said.not_after) == (act.action, act.not_after)
                && same(&said.why, &act.why)
                && (said.revision == Some(act.revision) || satisfied(act.action, status))
        })
    }

    /// Whether it holds this already.
    fn holds(&self, hold: &Hold) -> bool {
        self.holds.iter().any(|said| {
            (said.actions, said.until) == (hold.actions, hold.until) && same(&said.why, &hold.why)
        })
    }
}

/// Whether two reasons read the same. Their evidence may name the time, which is another each time.
fn same(one: &Reason, other: &Reason) -> bool {
    (&one.code, &one.message) == (&other.code, &other.message)
}
