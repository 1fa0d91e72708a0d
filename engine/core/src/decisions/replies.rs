//! Commands that are already fulfilled, or may not be, are answered.

use crate::arbitration::{Actor, Arbitration, Lost};
use crate::context::StepContext;
use crate::decisions::active_proposals::ActiveProposals;
use crate::events::effect::{Effect, Reply};
use crate::model::policy::Action;
use crate::model::session::{Lease, Status};
use crate::model::session_id::SessionId;
use crate::state::phase::Phase;

impl StepContext<'_> {
    /// Answers commands that are already fulfilled or may not be.
    pub(crate) fn answer_commands(
        &mut self,
        id: &SessionId,
        proposals: &ActiveProposals,
        result: &Arbitration,
        status: Status,
    ) {
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        if state.waiting.is_empty() || status == Status::Pending {
            return;
        }
        let lease = state.phase.lease();
        let mut refused = false;
        let mut answers = Vec::new();
        for (command, action) in &state.waiting {
            let demand = state.demands.contains(command);
            let Some(reply) = answer(*action, demand, lease, proposals, result) else {
                continue;
            };
            refused |= matches!(reply, Reply::Refused { .. }) && !demand;
            answers.push((*command, reply));
        }
        state
            .waiting
            .retain(|(command, _)| !answers.iter().any(|(c, _)| c == command));
        for (command, _) in &answers {
            state.demands.remove(command);
        }
        if refused {
            self.withdraw_order(id);
        } else if state.phase == Phase::Inactive {
            state.rotate_asked = None;
        }
        for (command, reply) in answers {
            self.effects.push(Effect::Reply { command, reply });
        }
    }

    /// What a person ordered was refused, and counts no more.
    fn withdraw_order(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        state.manual_override = None;
        state.rotate_asked = None;
        let cause = state.cause;
        self.effects.push(Effect::Remember {
            session: id.clone(),
            word: None,
        });
        self.reason_changed(id, cause);
    }
}

/// The answer to a command to do this; none while it is under way.
fn answer(
    action: Action,
    demand: bool,
    lease: Option<Lease>,
    proposals: &ActiveProposals,
    result: &Arbitration,
) -> Option<Reply> {
    let actor = if demand { Actor::Client } else { Actor::Person };
    let lost = result.lost.iter().find_map(|(index, lost)| {
        let act = &proposals.acts[*index];
        (act.actor == actor && act.action == action).then_some(lost)
    });
    let refused = |by: &Actor, why: &str| Reply::Refused {
        by: by.to_string(),
        why: why.to_owned(),
        unevaluated: proposals.unevaluated.contains(by),
    };
    Some(match lost? {
        Lost::Satisfied => Reply::Unchanged { lease },
        Lost::Held { by, why } => refused(by, why),
        // Another starts it for reasons of their own.
        Lost::Outranked { .. } if demand && result.action == Some(Action::Start) => return None,
        Lost::Outranked { by: Actor::Person } if demand => {
            let why = "you stopped the session; start or release it";
            refused(&Actor::Person, why)
        }
        Lost::Outranked { by } => refused(by, "it takes precedence and decided differently"),
        Lost::Ended | Lost::Stale => Reply::Superseded,
    })
}
