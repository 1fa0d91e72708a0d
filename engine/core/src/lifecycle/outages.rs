//! Clouds that were not reached, and are again.

use std::time::Duration;

use crate::context::StepContext;
use crate::model::backoff::Backoff;
use crate::model::failure::ErrorKind;
use crate::model::session_id::SessionId;
use crate::state::timers::TimerKey;

/// Whether a failure says that the cloud was not reached, or the session chained to was not.
pub(crate) fn is_unreachable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Network | ErrorKind::Unavailable | ErrorKind::Parent
    )
}

impl StepContext<'_> {
    /// The session did not reach its cloud. How long to wait at most before it is tried again: since
    /// the first that gets through hastens all others, many together try no oftener than is needed to
    /// find out soon.
    pub(crate) fn note_unreachable(&mut self, id: &SessionId) -> Backoff {
        let settings = self.state.settings;
        self.state.unreachable.remove(id);
        let session = self.state.sessions.get(id).map(|t| &t.session);
        let unreachable = &mut self.state.unreachable;
        let Some(count) = session.and_then(|session| unreachable.add(session, self.now)) else {
            return settings.retry_unreachable;
        };
        let many = u32::try_from(count).unwrap_or(u32::MAX);
        let shared = settings.retry_unreachable_each.saturating_mul(many);
        Backoff {
            longest: shared.clamp(
                settings.retry_unreachable.longest,
                settings.retry_unreachable_longest,
            ),
            ..settings.retry_unreachable
        }
    }

    /// The cloud answered one session, so that others which did not reach it need not wait for
    /// their time. Tried once more, they wait as before where it is not so for them.
    pub(crate) fn note_reachable(&mut self, by: &SessionId) {
        self.state.unreachable.remove(by);
        let Some(state) = self.state.sessions.get(by) else {
            return;
        };
        let others = self.state.unreachable.answers(&state.session);
        for (id, failed_at) in others {
            let Some(state) = self.state.sessions.get_mut(&id) else {
                continue;
            };
            // Not all at once, and not again and again.
            let spread = Duration::from_millis(state.random.up_to(1_000));
            let soon = failed_at
                .plus(self.state.settings.retry_reachable)
                .max(self.now)
                .plus(spread);
            if state.retry_at.is_some_and(|at| at > soon) {
                state.retry_at = Some(soon);
                self.state.timers.set(TimerKey::Reconsider(id), soon);
            }
        }
    }
}
