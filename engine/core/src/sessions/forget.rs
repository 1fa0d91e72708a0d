//! Sessions that left the Workspace are forgotten, once nothing of them is in the chain.

use crate::context::StepContext;
use crate::events::effect::{Effect, Reply};
use crate::model::session_id::SessionId;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// Forgets a session that left the Workspace and holds nothing in the chain.
    pub(crate) fn forget(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.remove(id) else {
            return;
        };
        // Policies may have seen it, and remembered something, since it left.
        self.effects.push(Effect::ForgetSession {
            session: id.clone(),
        });
        self.state.unreachable.remove(id);
        for key in [
            TimerKey::Expiry(id.clone()),
            TimerKey::Expiring(id.clone()),
            TimerKey::Deadline(id.clone()),
            TimerKey::Reconsider(id.clone()),
            TimerKey::Key(id.clone()),
        ] {
            self.state.timers.clear(&key);
        }
        self.state.profile_owners.forget(id);
        let parent = state.session.parent();
        if let Some(children) = parent.and_then(|p| self.state.children.get_mut(p)) {
            children.remove(id);
        }
        for policy in self.state.entries.values_mut() {
            // It is not called before it evaluates everything again.
            if policy.suspended {
                policy.pending_changes.remove(id);
            }
        }
        for (command, _) in state.waiting {
            let reply = Reply::Superseded;
            self.effects.push(Effect::Reply { command, reply });
        }
        if state.manual_override.is_some() {
            self.effects.push(Effect::Remember {
                session: id.clone(),
                word: None,
            });
        }
    }
}
