//! Commands that are already fulfilled, or may not be, are answered.

use crate::arbitration::{Actor, Arbitration, Lost};
use crate::context::StepContext;
use crate::decisions::active_proposals::ActiveProposals;
use crate::events::effect::{Effect, Reply};
use crate::model::policy::Action;
use crate::model::session::Status;
use crate::model::session_id::SessionId;
use crate::state::phase::Phase;

impl StepContext<'_> {
    /// Answers commands that are already fulfilled or may not be.
    pub(crate) fn answer_commands(
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
}
