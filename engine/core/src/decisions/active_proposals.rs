//! All that is proposed for one session at this moment.

use std::collections::BTreeSet;

use crate::arbitration::{Actor, ProposedAct, ProposedHold, Rank, Tier};
use crate::context::StepContext;
use crate::model::ids::Cause;
use crate::model::policy::{Action, Reason};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::entry_state::EntryState;
use crate::state::session_state::SessionState;

/// A person's own rank, where nothing is overridden.
const PERSON: Rank = Rank {
    tier: Tier::Person,
    priority: 0,
};
/// Less than every policy: a program asks, it does not decide.
const LEAST: Rank = Rank {
    tier: Tier::Personal,
    priority: i32::MIN,
};

/// All that is proposed for one session.
#[derive(Default)]
pub(crate) struct ActiveProposals {
    pub(crate) acts: Vec<ProposedAct>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) holds: Vec<ProposedHold>,
    /// Guard rails that hold since they cannot be evaluated.
    pub(crate) unevaluated: BTreeSet<Actor>,
    pub(super) shadow_acts: Vec<ProposedAct>,
    pub(super) shadow_holds: Vec<ProposedHold>,
}

impl StepContext<'_> {
    pub(crate) fn active_proposals(&self, id: &SessionId, state: &SessionState) -> ActiveProposals {
        let mut proposals = ActiveProposals::default();
        for policy in self.state.entries.values() {
            proposals.add_policy(id, policy);
        }
        proposals.add_orders(state);
        proposals.add_own(state);
        proposals
    }
}

impl ActiveProposals {
    /// As long as nobody knows what policies forbid, only what stops counts; all else waits.
    pub(super) fn keep_stops(&mut self) {
        let acts = std::mem::take(&mut self.acts);
        let causes = std::mem::take(&mut self.causes);
        let stops = acts.into_iter().zip(causes);
        let stops = stops.filter(|(act, _)| act.action == Action::Stop);
        (self.acts, self.causes) = stops.unzip();
    }

    /// What a policy proposes for the session.
    fn add_policy(&mut self, id: &SessionId, policy: &EntryState) {
        if refuses_unanswered(policy) && policy.is_broken() && policy.is_behind(id) {
            let hold = unanswered_hold(policy);
            self.unevaluated.insert(hold.actor.clone());
            self.holds.push(hold);
        }
        let Some(proposals) = policy.proposals.get(id) else {
            return;
        };
        let unanswered = policy.pending_changes.contains_key(id) && !policy.owes_answer(id);
        let acts = proposals.acts.iter().cloned();
        let acts = acts.map(|act| ProposedAct { unanswered, ..act });
        if policy.entry.shadow {
            self.shadow_acts.extend(acts);
            self.shadow_holds.extend(proposals.holds.iter().cloned());
        } else {
            self.acts.extend(acts);
            self.causes.resize(self.acts.len(), proposals.cause);
            self.holds.extend(proposals.holds.iter().cloned());
        }
    }

    /// What a person ordered, and what programs ask for.
    fn add_orders(&mut self, state: &SessionState) {
        let by_person = || Reason::new("person", "you asked for it");
        if let Some(order) = &state.manual_override {
            let (rank, action) = (order.rank(), order.action);
            let act = act(Actor::Person, rank, action, order.until, by_person());
            self.add(act, state.cause);
        }
        if state.rotate_asked.is_some() {
            let act = act(Actor::Person, PERSON, Action::Rotate, None, by_person());
            self.add(act, state.cause);
        }
        let asked = |action, message: &str| {
            let why = Reason::new("asked-for", message);
            act(Actor::Client, LEAST, action, None, why)
        };
        if !state.demands.is_empty() {
            let act = asked(Action::Start, "a program asked for its credentials");
            self.add(act, state.cause);
        } else if state.refresh_asked {
            let why = "a program uses its credentials, and they are due for renewal";
            self.add(asked(Action::Rotate, why), state.cause);
        }
    }

    /// What the engine itself proposes.
    fn add_own(&mut self, state: &SessionState) {
        if state.outdated {
            let why = "the session was edited while its credentials were in use";
            let why = Reason::new("edited", why);
            let act = act(Actor::Edit, PERSON, Action::Rotate, None, why);
            self.add(act, state.cause);
        }
    }

    fn add(&mut self, act: ProposedAct, cause: Cause) {
        self.acts.push(act);
        self.causes.push(cause);
    }
}

/// A proposal that rests on no revision of the session.
const fn act(
    actor: Actor,
    rank: Rank,
    action: Action,
    not_after: Option<Timestamp>,
    why: Reason,
) -> ProposedAct {
    ProposedAct {
        actor,
        rank,
        action,
        revision: None,
        not_after,
        why,
        unanswered: false,
    }
}

/// Whether an entry that cannot be asked forbids what it was not asked about. A guard rail does, since
/// whoever has to pass it can override it; one that may not hold may have the session stopped, which is
/// as much of a refusal.
fn refuses_unanswered(policy: &EntryState) -> bool {
    let entry = &policy.entry;
    let stops = entry.actions.contains(Action::Stop) && entry.grant.actions.contains(Action::Stop);
    entry.rank.tier == Tier::GuardRail && !entry.shadow && (entry.may_hold || stops)
}

/// The hold of a guard rail that cannot be asked.
fn unanswered_hold(policy: &EntryState) -> ProposedHold {
    let fault = policy.last_fault.as_ref().map(|f| f.message.as_str());
    let why = format!(
        "Dayfly cannot evaluate it: {}",
        fault.unwrap_or("it is suspended")
    );
    ProposedHold {
        actor: Actor::Policy(policy.entry.name.clone()),
        rank: policy.entry.rank,
        actions: [Action::Start, Action::Rotate].into_iter().collect(),
        until: None,
        why: Reason::new("unanswered", why),
    }
}
