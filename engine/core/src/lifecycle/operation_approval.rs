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

/// What is known of an operation.
pub(crate) enum Ruling {
    /// Nobody forbids it.
    Free,
    /// A guard rail has not answered yet.
    Awaited,
    /// It is forbidden.
    Held {
        /// By whom.
        by: Actor,
        /// Why.
        why: String,
    },
}

impl StepContext<'_> {
    /// What guard rails and holds say of doing this to a session now.
    pub(crate) fn ruling(&self, id: &SessionId, action: Action, rank: Rank) -> Ruling {
        let Some(tracked) = self.state.sessions.get(id) else {
            return Ruling::Free;
        };
        let awaited = self.state.entries.values().any(|tracking| {
            let entry = &tracking.entry;
            let guards = entry.rank.tier == Tier::GuardRail && !entry.shadow;
            guards && rank.tier <= Tier::GuardRail && tracking.owes_answer(id)
        });
        if awaited {
            return Ruling::Awaited;
        }
        let standing = self.active_proposals(id, tracked);
        let mut holds = standing.holds.into_iter();
        let hold = holds.find(|hold| {
            let rail = hold.rank.tier == Tier::GuardRail;
            rail && hold.forbids(action, rank, self.now)
        });
        match hold {
            Some(hold) => Ruling::Held {
                by: hold.voice,
                why: hold.why.message,
            },
            None => Ruling::Free,
        }
    }

    /// Whether the operation of a session that was edited meanwhile may go on; where it is forbidden, it
    /// ends.
    pub(crate) fn may_go_on(&mut self, id: &SessionId) -> bool {
        let Some(tracked) = self.state.sessions.get(id) else {
            return false;
        };
        if !tracked.rule_anew {
            return true;
        }
        let person = Rank {
            tier: Tier::Person,
            priority: 0,
        };
        let (action, rank) = match &tracked.phase {
            Phase::Starting(_) => (Action::Start, tracked.started_rank),
            Phase::Rotating(_, operation) => {
                let rank = match &operation.by {
                    Actor::Policy(name) => self.state.entries.get(name).map(|t| t.entry.rank),
                    _ => None,
                };
                (Action::Rotate, rank.unwrap_or(person))
            }
            _ => return true,
        };
        match self.ruling(id, action, rank) {
            Ruling::Free => {
                if let Some(tracked) = self.state.sessions.get_mut(id) {
                    tracked.rule_anew = false;
                }
                true
            }
            Ruling::Awaited => false,
            Ruling::Held { by, why } => {
                let message = format!("{by}: {why}");
                self.reply(id, |_| {
                    Some(Reply::Refused {
                        by: by.to_string(),
                        why: why.clone(),
                    })
                });
                self.fail(id, Failure::new(ErrorKind::Denied, message));
                false
            }
        }
    }

    /// An entry answered about these sessions, or will not: what waited for that goes on.
    pub(crate) fn go_on(&mut self, ids: impl IntoIterator<Item = SessionId>) {
        for id in ids {
            self.advance(&id);
            for child in self.state.children.get(&id).cloned().unwrap_or_default() {
                self.advance(&child);
            }
        }
    }

    /// The same for all that waits.
    pub(crate) fn all_go_on(&mut self) {
        let sessions = self.state.sessions.iter();
        let waiting = sessions.filter(|(_, tracked)| {
            let stage = tracked.phase.operation().map(|o| o.stage);
            stage == Some(OperationStage::Parent)
        });
        let waiting: Vec<SessionId> = waiting.map(|(id, _)| id.clone()).collect();
        for id in waiting {
            self.advance(&id);
        }
    }

    /// The session was edited while its operation waits: it is another that is asked about now.
    pub(crate) fn rule_again(&mut self, id: &SessionId) {
        let tracked = self.state.sessions.get_mut(id).filter(|t| t.rule_anew);
        let operation = tracked.and_then(|tracked| tracked.phase.operation_mut());
        let Some(operation) = operation.filter(|o| o.stage == OperationStage::Queued) else {
            return;
        };
        operation.stage = OperationStage::Parent;
        self.state.queue.remove(id);
        self.set_parent_deadline(id);
    }
}
