//! Clouds that were not reached, and are again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::backoff::Backoff;
use crate::model::session::{ErrorKind, Session, SessionId, SessionType};
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;
use crate::step::StepContext;

/// Whether a failure says that the cloud was not reached, or the session chained to was not.
pub(crate) fn is_unreachable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Network | ErrorKind::Unavailable | ErrorKind::Parent
    )
}

/// Sessions whose last attempt did not reach their cloud, and when that was.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnreachableClouds(BTreeMap<Cloud, BTreeMap<SessionId, Timestamp>>);

impl UnreachableClouds {
    /// Forgets a session.
    pub(crate) fn remove(&mut self, id: &SessionId) {
        // Its access method, and so its cloud, may have been edited meanwhile.
        for sessions in self.0.values_mut() {
            sessions.remove(id);
        }
    }

    /// The clock was set: what was noted is shifted with it.
    pub(crate) fn shift(&mut self, shift: impl Fn(Timestamp) -> Timestamp) {
        for at in self.0.values_mut().flat_map(BTreeMap::values_mut) {
            *at = shift(*at);
        }
    }
}

impl StepContext<'_> {
    /// The session did not reach its cloud. How long to wait at most before it is tried again: since
    /// the first that gets through hastens all others, many together try no oftener than is needed to
    /// find out soon.
    pub(crate) fn note_unreachable(&mut self, id: &SessionId) -> Backoff {
        let settings = self.state.settings;
        self.state.unreachable.remove(id);
        let session = self.state.sessions.get(id).map(|t| &t.session);
        let Some(cloud) = session.and_then(|session| cloud(session)) else {
            return settings.retry_unreachable;
        };
        let sessions = self.state.unreachable.0.entry(cloud).or_default();
        sessions.insert(id.clone(), self.now);
        let many = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
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
        let Some(cloud) = self.state.sessions.get(by).and_then(|t| cloud(&t.session)) else {
            return;
        };
        let others = self.state.unreachable.0.remove(&cloud).unwrap_or_default();
        for (id, failed_at) in others {
            let Some(tracked) = self.state.sessions.get_mut(&id) else {
                continue;
            };
            // Not all at once, and not again and again.
            let spread = Duration::from_millis(tracked.random.up_to(1_000));
            let soon = failed_at
                .plus(self.state.settings.retry_reachable)
                .max(self.now)
                .plus(spread);
            if tracked.retry_at.is_some_and(|at| at > soon) {
                tracked.retry_at = Some(soon);
                self.state.timers.set(TimerKey::Reconsider(id), soon);
            }
        }
    }
}

/// What is reached or not as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cloud {
    Sts,
    Sso,
    Azure,
}

/// The cloud that a session needs; none where nothing is called at all.
const fn cloud(session: &Session) -> Option<Cloud> {
    match session.session_type() {
        SessionType::AwsIamUser
        | SessionType::AwsIamRoleChained
        | SessionType::AwsIamRoleFederated
        | SessionType::AwsIamRoleWebIdentity => Some(Cloud::Sts),
        SessionType::AwsSsoRole => Some(Cloud::Sso),
        SessionType::Azure => Some(Cloud::Azure),
        SessionType::Localstack => None,
    }
}
