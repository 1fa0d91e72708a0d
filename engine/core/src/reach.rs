//! Clouds that were not reached, and are again.

use std::time::Duration;

use crate::session::{ErrorKind, Session, SessionId, SessionType};
use crate::step::Turn;
use crate::timers::TimerKey;

/// Whether a failure says that the cloud was not reached, or the session chained to was not.
pub(crate) fn is_unreachable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Network | ErrorKind::Unavailable | ErrorKind::Parent
    )
}

impl Turn<'_> {
    /// The cloud answered one session, so that others which did not reach it need not wait for
    /// their time. Tried once more, they wait as before where it is not so for them.
    pub(crate) fn reached(&mut self, by: &SessionId) {
        self.state.unreachable.remove(by);
        let Some(cloud) = self.state.sessions.get(by).and_then(|t| cloud(&t.session)) else {
            return;
        };
        for (id, failed_at) in std::mem::take(&mut self.state.unreachable) {
            let Some(tracked) = self.state.sessions.get_mut(&id) else {
                continue;
            };
            if self::cloud(&tracked.session) != Some(cloud) {
                self.state.unreachable.insert(id, failed_at);
                continue;
            }
            // Not all at once, and not again and again.
            let spread = Duration::from_millis(self.state.random.up_to(1_000));
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
