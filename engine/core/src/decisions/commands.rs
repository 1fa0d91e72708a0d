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
use crate::model::text::shell_word;
use crate::model::time::Timestamp;
use crate::state::phase::Phase;
use crate::state::session_state::SessionState;

impl StepContext<'_> {
    /// A person's command; without an id it came by an edit of the Workspace.
    pub(crate) fn command(&mut self, id: Option<CommandId>, session: &SessionId, order: Order) {
        let (action, override_reason, reason) = match &order {
            Order::Demand => return self.demand(id, session),
            Order::Release => (None, None, None),
            Order::Do {
                action,
                override_reason,
                reason,
                ..
            } => (Some(*action), override_reason.clone(), reason.clone()),
        };
        let cause = self.new_cause();
        let now = self.now;
        let Some(state) = self.state.sessions.get_mut(session).filter(|t| t.present) else {
            return self.answer(id, Reply::NotFound);
        };
        state.cause = cause;
        if action == Some(Action::Rotate) && state.phase == Phase::Inactive && id.is_some() {
            let reply = nothing_to_renew(&state.session.name);
            return self.answer(id, reply);
        }
        let superseded = take_superseded(state, action);
        take_order(state, order, now);
        if let (Some(id), Some(action)) = (id, action) {
            state.waiting.push((id, action));
        }
        let word = state.manual_override.clone();
        if action.is_none() {
            let (lease, displaced) = (state.phase.lease(), Vec::new());
            self.answer(id, Reply::Done { lease, displaced });
        }
        for command in superseded {
            self.answer(Some(command), Reply::Superseded);
        }
        self.effects.push(Effect::Remember {
            session: session.clone(),
            word,
        });
        if let Some(action) = action {
            self.note_decision(session, action, &Actor::Person);
        }
        self.move_to_front(session);
        let commanded = JournalEvent::Commanded {
            session: session.clone(),
            action,
            by_edit: id.is_none(),
            override_reason,
            reason,
        };
        self.record(cause, commanded);
        self.reason_changed(session, cause);
        self.reconsider.insert(session.clone());
    }

    /// Answers the command; where it has no id, nobody waits for that.
    fn answer(&mut self, id: Option<CommandId>, reply: Reply) {
        if let Some(command) = id {
            self.effects.push(Effect::Reply { command, reply });
        }
    }

    /// Lets the policies know that the reason for which the person wants the session changed, or was
    /// given again.
    pub(crate) fn reason_changed(&mut self, session: &SessionId, cause: Cause) {
        let Some(state) = self.state.sessions.get(session) else {
            return;
        };
        let order = state.manual_override.as_ref();
        let reason = order.and_then(ManualOverride::stated);
        let again = reason.is_some() && order.is_some_and(|order| order.at == self.now);
        if again || reason != state.view.reason.as_ref() {
            self.mark_changed(session, Fields::REASON, None, cause);
        }
    }

    /// A program asks for credentials.
    fn demand(&mut self, id: Option<CommandId>, session: &SessionId) {
        let Some(command) = id else { return };
        let now = self.now;
        let state = self.state.sessions.get_mut(session);
        let Some(state) = state.filter(|t| t.present) else {
            let reply = Reply::NotFound;
            return self.effects.push(Effect::Reply { command, reply });
        };
        let good = state.phase.lease().filter(|lease| !lease.expired(now));
        if matches!(state.phase, Phase::Active(_) | Phase::Rotating(..)) && good.is_some() {
            let reply = Reply::Unchanged { lease: good };
            self.effects.push(Effect::Reply { command, reply });
            if good.is_some_and(|lease| lease.due(now)) && !state.refresh_asked {
                state.refresh_asked = true;
                self.reconsider.insert(session.clone());
            }
            return;
        }
        if matches!(state.phase, Phase::Active(_)) {
            // They have ended and could not be retracted: what has ended is no answer.
            let ended = || Failure::new(ErrorKind::Delivery, "the credentials have expired");
            let reply = Reply::Failed {
                failure: state.last_failure.clone().unwrap_or_else(ended),
                retry_at: state.retry_at,
            };
            return self.effects.push(Effect::Reply { command, reply });
        }
        state.waiting.push((command, Action::Start));
        state.demands.insert(command);
        self.move_to_front(session);
        self.reconsider.insert(session.clone());
    }
}

fn nothing_to_renew(name: &str) -> Reply {
    let message = "it is inactive, so there is nothing to renew";
    let hint = format!("start it with `dayfly session start {}`", shell_word(name));
    Reply::Failed {
        failure: Failure::new(ErrorKind::Other, message).with_hint(hint),
        retry_at: None,
    }
}

/// Takes the commands whose place this one takes; demands of programs for what it asks for too go on
/// waiting.
fn take_superseded(state: &mut SessionState, action: Option<Action>) -> Vec<CommandId> {
    let starts = matches!(action, Some(Action::Start | Action::Rotate));
    let waiting = std::mem::take(&mut state.waiting).into_iter();
    let (rest, superseded): (Vec<_>, Vec<_>) =
        waiting.partition(|(id, _)| starts && state.demands.contains(id));
    state.waiting = rest;
    let superseded: Vec<CommandId> = superseded.into_iter().map(|(id, _)| id).collect();
    for command in &superseded {
        state.demands.remove(command);
    }
    superseded
}

/// What the person says counts from now on.
fn take_order(state: &mut SessionState, order: Order, now: Timestamp) {
    let Order::Do {
        action,
        lasting,
        override_reason,
        reason,
    } = order
    else {
        state.manual_override = None;
        state.rotate_asked = None;
        return;
    };
    state.retry_at = None;
    state.needs_person = false;
    if action == Action::Rotate {
        state.rotate_asked = Some(now);
        return;
    }
    state.rotate_asked = None;
    state.manual_override = Some(ManualOverride {
        action,
        at: now,
        until: lasting.map(|span: Duration| now.plus(span)),
        override_reason,
        reason,
    });
}
