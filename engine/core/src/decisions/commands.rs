//! What people and programs ask for.

use std::time::Duration;

use crate::arbitration::Actor;
use crate::context::StepContext;
use crate::events::effect::{Effect, Reply};
use crate::events::input::{ManualOverride, Order};
use crate::events::journal::JournalEvent;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::ids::{Cause, CommandId};
use crate::model::policy::{Action, Fields};
use crate::model::session_id::SessionId;
use crate::state::phase::Phase;

impl StepContext<'_> {
    /// A person's command; without an id it came by an edit of the Workspace.
    pub(crate) fn command(&mut self, id: Option<CommandId>, session: &SessionId, order: Order) {
        if order == Order::Demand {
            return self.demand(id, session);
        }
        let cause = self.new_cause();
        let now = self.now;
        let Some(tracked) = self.state.sessions.get_mut(session).filter(|t| t.present) else {
            if let Some(command) = id {
                self.effects.push(Effect::Reply {
                    command,
                    reply: Reply::NotFound,
                });
            }
            return;
        };
        tracked.cause = cause;
        let rotates = matches!(
            &order,
            Order::Do {
                action: Action::Rotate,
                ..
            }
        );
        if let (true, Phase::Inactive, Some(command)) = (rotates, &tracked.phase, id) {
            let failure = Failure::new(
                ErrorKind::Other,
                "it is inactive, so there is nothing to renew",
            );
            let hint = format!("`dayfly session start {}` starts it", tracked.session.name);
            self.effects.push(Effect::Reply {
                command,
                reply: Reply::Failed {
                    failure: failure.with_hint(hint),
                    retry_at: None,
                },
            });
            return;
        }
        let starts = matches!(order, Order::Do { action, .. } if action != Action::Stop);
        let (kept, superseded) = std::mem::take(&mut tracked.waiting)
            .into_iter()
            .partition(|(id, _)| starts && tracked.demands.contains(id));
        let superseded: Vec<(CommandId, Action)> = superseded;
        tracked.waiting = kept;
        let (action, override_reason, reason) = match &order {
            Order::Do {
                action,
                override_reason,
                reason,
                ..
            } => (Some(*action), override_reason.clone(), reason.clone()),
            Order::Release | Order::Demand => (None, None, None),
        };
        match order {
            Order::Do {
                action: Action::Rotate,
                ..
            } => {
                tracked.rotate_asked = Some(now);
                tracked.retry_at = None;
                tracked.needs_person = false;
            }
            Order::Do {
                action,
                lasting,
                override_reason,
                reason,
            } => {
                let until = lasting.map(|span: Duration| now.plus(span));
                tracked.manual_override = Some(ManualOverride {
                    action,
                    at: now,
                    until,
                    override_reason,
                    reason,
                });
                tracked.retry_at = None;
                tracked.needs_person = false;
                tracked.rotate_asked = None;
            }
            Order::Release | Order::Demand => {
                tracked.manual_override = None;
                tracked.rotate_asked = None;
            }
        }
        let word = tracked.manual_override.clone();
        match (id, action) {
            (Some(id), Some(action)) => tracked.waiting.push((id, action)),
            (Some(command), None) => {
                let lease = tracked.phase.lease();
                self.effects.push(Effect::Reply {
                    command,
                    reply: Reply::Done {
                        lease,
                        displaced: Vec::new(),
                    },
                });
            }
            (None, _) => {}
        }
        for (command, _) in superseded {
            tracked.demands.remove(&command);
            self.effects.push(Effect::Reply {
                command,
                reply: Reply::Superseded,
            });
        }
        self.effects.push(Effect::Remember {
            session: session.clone(),
            word,
        });
        if let Some(action) = action {
            self.note_decision(session, action, &Actor::Person);
        }
        self.hurry(session);
        let by_edit = id.is_none();
        let session_id = session.clone();
        self.record(
            cause,
            JournalEvent::Commanded {
                session: session_id,
                action,
                by_edit,
                override_reason,
                reason,
            },
        );
        self.restate(session, cause);
        self.reconsider.insert(session.clone());
    }

    /// Lets the policies know that the reason for which the person wants the session changed, or was
    /// given again.
    pub(crate) fn restate(&mut self, session: &SessionId, cause: Cause) {
        let Some(tracked) = self.state.sessions.get(session) else {
            return;
        };
        let said = tracked
            .manual_override
            .as_ref()
            .and_then(ManualOverride::stated);
        let again = said.is_some()
            && tracked
                .manual_override
                .as_ref()
                .is_some_and(|w| w.at == self.now);
        if again || said != tracked.view.reason.as_ref() {
            self.mark_changed(session, Fields::REASON, None, cause);
        }
    }

    /// A program asks for credentials.
    fn demand(&mut self, id: Option<CommandId>, session: &SessionId) {
        let Some(command) = id else { return };
        let now = self.now;
        let tracked = self.state.sessions.get_mut(session);
        let Some(tracked) = tracked.filter(|t| t.present) else {
            let reply = Reply::NotFound;
            return self.effects.push(Effect::Reply { command, reply });
        };
        let good = tracked.phase.lease().filter(|lease| !lease.expired(now));
        if matches!(tracked.phase, Phase::Active(_) | Phase::Rotating(..)) && good.is_some() {
            let reply = Reply::Unchanged { lease: good };
            self.effects.push(Effect::Reply { command, reply });
            if good.is_some_and(|lease| lease.due(now)) && !tracked.refresh_asked {
                tracked.refresh_asked = true;
                self.reconsider.insert(session.clone());
            }
            return;
        }
        if matches!(tracked.phase, Phase::Active(_)) {
            // They have ended and could not be retracted: what has ended is no answer.
            let ended = || Failure::new(ErrorKind::Delivery, "the credentials have ended");
            let reply = Reply::Failed {
                failure: tracked.last_failure.clone().unwrap_or_else(ended),
                retry_at: tracked.retry_at,
            };
            return self.effects.push(Effect::Reply { command, reply });
        }
        tracked.waiting.push((command, Action::Start));
        tracked.demands.insert(command);
        self.hurry(session);
        self.reconsider.insert(session.clone());
    }
}
