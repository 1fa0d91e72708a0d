//! Sessions that did not reach their cloud.

use std::collections::BTreeMap;

use crate::model::session::{Session, SessionType};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;

/// Sessions whose last attempt did not reach their cloud, and when that was.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnreachableClouds(BTreeMap<Cloud, BTreeMap<SessionId, Timestamp>>);

impl UnreachableClouds {
    /// A session did not reach its cloud; how many did not. None where it calls no cloud.
    pub(crate) fn add(&mut self, session: &Session, at: Timestamp) -> Option<usize> {
        let sessions = self.0.entry(cloud(session)?).or_default();
        sessions.insert(session.id.clone(), at);
        Some(sessions.len())
    }

    /// The cloud of a session answers: those that did not reach it, each with when that was.
    pub(crate) fn answers(&mut self, session: &Session) -> BTreeMap<SessionId, Timestamp> {
        let cloud = cloud(session);
        cloud
            .and_then(|cloud| self.0.remove(&cloud))
            .unwrap_or_default()
    }

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

/// What is reached or not as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cloud {
    Sts,
    Sso,
    Azure,
    Anywhere,
    Login,
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
        SessionType::AwsRolesAnywhere => Some(Cloud::Anywhere),
        SessionType::AwsLogin => Some(Cloud::Login),
        // What a program or the machine asks is not known.
        SessionType::Localstack | SessionType::Process | SessionType::AwsInstance => None,
    }
}
