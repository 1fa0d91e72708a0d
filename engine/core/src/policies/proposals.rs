//! What a policy answered becomes its proposals.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::arbitration::{Actor, ProposedAct, ProposedHold, satisfied};
use crate::context::StepContext;
use crate::events::journal::{JournalEvent, action_list};
use crate::model::ids::Cause;
use crate::model::policy::{
    Act, EntryName, Event, Fields, Hold, Notice, PolicyEffect, Reason, SessionKey, Verdict,
};
use crate::model::session::Status;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::entry_state::{EntryProposals, EntryState, PendingChange, PendingEvaluation};
use crate::state::timers::TimerKey;

/// An answer that is taken up.
struct Answer<'a> {
    name: &'a EntryName,
    /// What each session that the policy looked at came into the call for.
    causes: BTreeMap<SessionId, Cause>,
    /// What the entry proposed before, for sessions that it looked at or speaks of.
    before: BTreeMap<SessionId, Option<EntryProposals>>,
    /// What the call came of.
    cause: Cause,
    /// The call had a custom event: what is to be rotated is an alarm.
    alarm: bool,
    /// Lines of the journal, which follow that of the answer.
    notes: Vec<(Cause, JournalEvent)>,
    proposals: usize,
}

impl StepContext<'_> {
    pub(crate) fn apply_answer(
        &mut self,
        name: &EntryName,
        asked: PendingEvaluation,
        verdict: Verdict,
    ) {
        let Some(policy) = self.state.entries.get_mut(name) else {
            return;
        };
        policy.failures = 0;
        policy.last_fault = None;
        let sessions = asked.sessions.len();
        let evaluation = asked.id;
        let mut answer = Answer::of(name, policy, asked, verdict.stopped_after);
        for effect in verdict.effects {
            match effect {
                PolicyEffect::Act(act) => self.take_act(&mut answer, act),
                PolicyEffect::Hold(hold) => self.take_hold(&mut answer, hold),
                PolicyEffect::Withdraw(session) => self.take_withdrawal(&mut answer, session),
                PolicyEffect::Wake { id, at, slack_ms } => {
                    let slack = Duration::from_millis(slack_ms.into());
                    self.take_wake(name, id, at, slack);
                }
                PolicyEffect::CancelWake(id) => self.cancel_wake(name, id),
                PolicyEffect::Notify(notice) => self.take_notice(&mut answer, notice),
            }
        }
        self.ask_about_outdated(&answer);
        let done = JournalEvent::Evaluated {
            entry: name.clone(),
            evaluation,
            sessions,
            proposals: answer.proposals,
        };
        self.record(answer.cause, done);
        for (cause, note) in answer.notes {
            self.record(cause, note);
        }
    }

    fn take_act(&mut self, answer: &mut Answer<'_>, act: Act) {
        let Some(policy) = self.state.entries.get_mut(answer.name) else {
            return;
        };
        let Some(id) = policy.visibility.session(act.session).cloned() else {
            return;
        };
        let (rank, shadow) = (policy.entry.rank, policy.entry.shadow);
        let status = self.state.sessions.get(&id).map(|t| t.phase.status());
        let (old, new) = proposals_of(policy, &mut answer.before, &id);
        let same = old.filter(|old| status.is_some_and(|status| old.acts(&act, status)));
        // Said again, it is still the alarm that it was.
        new.alarmed |= answer.alarm || same.is_some_and(|old| old.alarmed);
        if same.is_none() {
            new.cause = answer.causes.get(&id).copied().unwrap_or(answer.cause);
            let proposed = JournalEvent::Proposed {
                session: id.clone(),
                entry: answer.name.clone(),
                action: act.action,
                why: act.why.clone(),
                shadow,
            };
            answer.notes.push((new.cause, proposed));
        }
        new.acts.push(ProposedAct {
            actor: Actor::Policy(answer.name.clone()),
            rank,
            action: act.action,
            revision: Some(act.revision),
            not_after: act.not_after,
            why: act.why,
            unanswered: false,
        });
        answer.proposals += 1;
        self.reconsider.insert(id);
    }

    fn take_hold(&mut self, answer: &mut Answer<'_>, hold: Hold) {
        let Some(policy) = self.state.entries.get_mut(answer.name) else {
            return;
        };
        let Some(id) = policy.visibility.session(hold.session).cloned() else {
            return;
        };
        let (rank, shadow) = (policy.entry.rank, policy.entry.shadow);
        let (old, new) = proposals_of(policy, &mut answer.before, &id);
        if !old.is_some_and(|old| old.holds(&hold)) {
            new.cause = answer.causes.get(&id).copied().unwrap_or(answer.cause);
            let held = JournalEvent::Held {
                session: id.clone(),
                entry: answer.name.clone(),
                actions: action_list(hold.actions),
                until: hold.until,
                why: hold.why.clone(),
                shadow,
            };
            answer.notes.push((new.cause, held));
        }
        new.holds.push(ProposedHold {
            actor: Actor::Policy(answer.name.clone()),
            rank,
            actions: hold.actions,
            until: hold.until,
            why: hold.why,
        });
        answer.proposals += 1;
        self.reconsider.insert(id);
    }

    fn take_withdrawal(&mut self, answer: &mut Answer<'_>, session: SessionKey) {
        if let Some(policy) = self.state.entries.get_mut(answer.name)
            && let Some(id) = policy.visibility.session(session).cloned()
            && let Some(proposals) = policy.proposals.remove(&id)
        {
            answer.before.insert(id.clone(), Some(proposals));
            self.reconsider.insert(id);
        }
    }

    fn take_wake(&mut self, name: &EntryName, id: String, at: Timestamp, slack: Duration) {
        if let Some(policy) = self.state.entries.get_mut(name) {
            policy.wakes.insert(id.clone(), at);
            let soonest = self.now.plus(self.state.settings.wake_soonest);
            let due = at.max(soonest).plus(slack);
            self.state.timers.set(TimerKey::Wake(name.clone(), id), due);
        }
    }

    fn cancel_wake(&mut self, name: &EntryName, id: String) {
        if let Some(policy) = self.state.entries.get_mut(name) {
            policy.wakes.remove(&id);
            self.state.timers.clear(&TimerKey::Wake(name.clone(), id));
        }
    }

    fn take_notice(&mut self, answer: &mut Answer<'_>, notice: Notice) {
        let Some(policy) = self.state.entries.get_mut(answer.name) else {
            return;
        };
        if policy.notices.len() >= self.state.settings.notices_max {
            policy.notices.clear();
        }
        if policy.notices.insert(notice.key) {
            let note = JournalEvent::Notice {
                entry: answer.name.clone(),
                severity: notice.severity,
                text: notice.text,
            };
            answer.notes.push((answer.cause, note));
        }
    }

    /// Proposals that rest on an older session are void; their policy is asked again.
    fn ask_about_outdated(&mut self, answer: &Answer<'_>) {
        let Some(policy) = self.state.entries.get_mut(answer.name) else {
            return;
        };
        for id in answer.causes.keys() {
            let Some(state) = self.state.sessions.get(id) else {
                continue;
            };
            let revision = state.view.revision;
            let old = |act: &ProposedAct| act.revision.is_some_and(|seen| seen < revision);
            let proposals = policy.proposals.get(id);
            if proposals.is_some_and(|proposals| proposals.acts.iter().any(old)) {
                let change = PendingChange {
                    fields: Fields::STATUS,
                    previous_status: None,
                    outcome: None,
                    last_view: None,
                    cause: state.cause,
                };
                policy.pending_changes.entry(id.clone()).or_insert(change);
            }
        }
    }
}

impl<'a> Answer<'a> {
    /// Begins with what the policy looked at: what it proposed there before is void, and what it did not
    /// get to waits for the next call.
    fn of(
        name: &'a EntryName,
        policy: &mut EntryState,
        asked: PendingEvaluation,
        stopped_after: Option<u32>,
    ) -> Self {
        let limit = stopped_after.and_then(|n| usize::try_from(n).ok());
        let looked_at = limit.unwrap_or(usize::MAX);
        let mut causes = BTreeMap::new();
        let mut before = BTreeMap::new();
        for (index, (id, change)) in asked.sessions.into_iter().enumerate() {
            if index < looked_at {
                causes.insert(id.clone(), change.cause);
                let old = policy.proposals.remove(&id);
                before.insert(id, old);
            } else {
                policy.pending_changes.entry(id).or_insert(change);
            }
        }
        if let Some((reason, _, Some(next))) = asked.page {
            // A resync asked for meanwhile begins from the start and covers the rest.
            policy.resync.get_or_insert((reason, Some(next)));
        }
        let custom = |event: &Event| matches!(event, Event::Custom { .. });
        Self {
            name,
            causes,
            before,
            cause: asked.cause,
            alarm: asked.others.iter().any(custom),
            notes: Vec::new(),
            proposals: 0,
        }
    }
}

/// What the entry proposes for a session, and what it proposed before this answer, whose first proposal
/// replaces that. It keeps its cause until something new is said.
fn proposals_of<'a>(
    policy: &'a mut EntryState,
    before: &'a mut BTreeMap<SessionId, Option<EntryProposals>>,
    id: &SessionId,
) -> (Option<&'a EntryProposals>, &'a mut EntryProposals) {
    let old = before
        .entry(id.clone())
        .or_insert_with(|| policy.proposals.remove(id))
        .as_ref();
    let new = policy.proposals.entry(id.clone());
    let new = new.or_insert_with(|| EntryProposals {
        cause: old.map(|old| old.cause).unwrap_or_default(),
        ..EntryProposals::default()
    });
    (old, new)
}

impl EntryProposals {
    /// Whether it proposes this already, so that to answer it again is no news. What a proposal rests on
    /// may change where the session is as it wants; where something may come of it, a changed session
    /// is news.
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
