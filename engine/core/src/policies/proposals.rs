//! What a policy answered becomes its proposals.

use std::collections::BTreeMap;

use crate::arbitration::{Actor, StandingAct, StandingHold, satisfied};
use crate::context::StepContext;
use crate::events::journal::{JournalEvent, action_list};
use crate::model::ids::Cause;
use crate::model::policy::{Act, EntryName, Event, Fields, Hold, PolicyEffect, Reason, Verdict};
use crate::model::session::Status;
use crate::model::session_id::SessionId;
use crate::state::entry_state::{EntryProposals, EntryState, PendingChange, PendingEvaluation};
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    pub(crate) fn apply_answer(
        &mut self,
        name: &EntryName,
        asked: PendingEvaluation,
        verdict: Verdict,
    ) {
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
