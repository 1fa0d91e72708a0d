//! What guard rails and holds say of an operation that is about to ask its provider.
//!
//! It was decided with what was known then. The session may be another since, by an edit, and one that
//! is started or renewed for a session chained to it was never asked about.

use crate::arbitration::{Actor, Rank, Tier};
use crate::context::StepContext;
use crate::events::effect::Reply;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::policy::Action;
use crate::model::session_id::SessionId;
use crate::state::{OperationStage, Phase};

/// What guard rails say of an operation.
pub(crate) enum Approval {
    /// No guard rail forbids it.
    Granted,
    /// A guard rail has not answered yet.
    Awaited,
    /// A policy forbids the operation.
    Denied {
        /// By whom.
        by: Actor,
        /// Why.
        why: String,
        /// Whether it cannot be evaluated.
        unevaluated: bool,
    },
}

impl StepContext<'_> {
    /// What guard rails and holds say of doing this to a session now.
    pub(crate) fn approval(&self, id: &SessionId, action: Action, rank: Rank) -> Approval {
        let Some(state) = self.state.sessions.get(id) else {
            return Approval::Granted;
        };
        let awaited = self.state.entries.values().any(|policy| {
            let entry = &policy.entry;
            let guards = entry.rank.tier == Tier::GuardRail && !entry.shadow;
            guards && rank.tier <= Tier::GuardRail && policy.owes_answer(id)
        });
        if awaited {
            return Approval::Awaited;
        }
        let proposals = self.active_proposals(id, state);
        let mut holds = proposals.holds.into_iter();
        let unevaluated = proposals.unevaluated;
        let hold = holds.find(|hold| {
            let rail = hold.rank.tier == Tier::GuardRail;
            rail && hold.forbids(action, rank, self.now)
        });
        match hold {
            Some(hold) => Approval::Denied {
                unevaluated: unevaluated.contains(&hold.actor),
                by: hold.actor,
                why: hold.why.message,
            },
            None => Approval::Granted,
        }
    }

    /// Whether the operation of a session that was edited meanwhile may go on; where it is forbidden, it
    /// ends.
    pub(crate) fn is_approved(&mut self, id: &SessionId) -> bool {
        let Some(state) = self.state.sessions.get(id) else {
            return false;
        };
        if !state.needs_approval {
            return true;
        }
        let person = Rank {
            tier: Tier::Person,
            priority: 0,
        };
        let (action, rank) = match &state.phase {
            Phase::Starting(_) => (Action::Start, state.started_rank),
            Phase::Rotating(_, operation) => {
                let rank = match &operation.by {
                    Actor::Policy(name) => self.state.entries.get(name).map(|t| t.entry.rank),
                    _ => None,
                };
                (Action::Rotate, rank.unwrap_or(person))
            }
            _ => return true,
        };
        match self.approval(id, action, rank) {
            Approval::Granted => {
                if let Some(state) = self.state.sessions.get_mut(id) {
                    state.needs_approval = false;
                }
                true
            }
            Approval::Awaited => false,
            Approval::Denied {
                by,
                why,
                unevaluated,
            } => {
                let message = format!("{by}: {why}");
                self.reply(id, |_| {
                    Some(Reply::Refused {
                        by: by.to_string(),
                        why: why.clone(),
                        unevaluated,
                    })
                });
                self.fail(id, Failure::new(ErrorKind::Denied, message));
                false
            }
        }
    }

    /// An entry answered about these sessions, or will not: what waited for that goes on.
    pub(crate) fn advance_waiting(&mut self, ids: impl IntoIterator<Item = SessionId>) {
        for id in ids {
            self.advance(&id);
            for child in self.state.children.get(&id).cloned().unwrap_or_default() {
                self.advance(&child);
            }
        }
    }

    /// The same for all that waits.
    pub(crate) fn advance_all_waiting(&mut self) {
        let sessions = self.state.sessions.iter();
        let waiting = sessions.filter(|(_, state)| {
            let stage = state.phase.operation().map(|o| o.stage);
            stage == Some(OperationStage::Parent)
        });
        let waiting: Vec<SessionId> = waiting.map(|(id, _)| id.clone()).collect();
        for id in waiting {
            self.advance(&id);
        }
    }

    /// The session was edited while its operation waits: it is another that is asked about now.
    pub(crate) fn await_approval(&mut self, id: &SessionId) {
        let state = self.state.sessions.get_mut(id).filter(|t| t.needs_approval);
        let operation = state.and_then(|state| state.phase.operation_mut());
        let Some(operation) = operation.filter(|o| o.stage == OperationStage::Queued) else {
            return;
        };
        operation.stage = OperationStage::Parent;
        self.state.queue.remove(id);
        self.set_parent_deadline(id);
    }
}
