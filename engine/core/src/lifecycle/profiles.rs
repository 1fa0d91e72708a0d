//! Who holds a named profile, or is about to.

use crate::arbitration::{Actor, Rank};
use crate::context::StepContext;
use crate::model::session_id::SessionId;
use crate::state::phase::{Operation, OperationStage, Phase};

impl StepContext<'_> {
    /// Sessions other than this one whose credentials are under the named profile, or are
    /// on their way there.
    pub(crate) fn occupants(&self, id: &SessionId, profile: Option<&String>) -> Vec<SessionId> {
        let Some(profile) = profile else {
            return Vec::new();
        };
        self.state
            .profile_owners
            .of(profile)
            .filter(|other| *other != id)
            .filter(|other| {
                self.state.sessions.get(*other).is_some_and(|t| {
                    let holds =
                        t.phase.lease().is_some() && t.published_profile.as_ref() == Some(profile);
                    let takes = t.phase.operation().is_some_and(|o| match &o.stage {
                        OperationStage::Publishing(_) => {
                            t.publishing_profile.as_ref() == Some(profile)
                        }
                        _ => t.session.named_profile.as_ref() == Some(profile),
                    });
                    holds || takes || self.may_still_take(other, profile)
                })
            })
            .cloned()
            .collect()
    }

    /// Why the session may not take its named profile now.
    pub(crate) fn profile_obstacle(
        &self,
        id: &SessionId,
        actor: &Actor,
        rank: Rank,
    ) -> Option<String> {
        let profile = self
            .state
            .sessions
            .get(id)
            .and_then(|t| t.session.named_profile.as_ref());
        for other in self.occupants(id, profile) {
            let Some(holder) = self.state.sessions.get(&other) else {
                continue;
            };
            let name = self.state.called(&other);
            if self.state.is_overdue(&other) || !matches!(holder.phase, Phase::Active(_)) {
                return Some(format!("session {name} is using the same named profile"));
            }
            // Of two policies that want one profile, neither may push the other out for ever.
            if *actor != Actor::Person && rank <= holder.started_rank {
                return Some(format!("session {name} holds the same named profile"));
            }
        }
        None
    }

    /// Sessions whose credentials give way where this session takes its named profile, or why it may not
    /// take it now.
    pub(crate) fn displaced_by(
        &self,
        id: &SessionId,
        profile: Option<&String>,
    ) -> Result<Vec<SessionId>, String> {
        let mut displaced = Vec::new();
        for other in self.occupants(id, profile) {
            let Some(holder) = self.state.sessions.get(&other) else {
                continue;
            };
            let name = &holder.session.name;
            if self.state.is_overdue(&other) {
                return Err(format!(
                    "session {name} may still take or release the named profile; try again"
                ));
            }
            let operation = holder.phase.operation();
            if operation.is_some_and(Operation::is_publishing) {
                return Err(if holder.publishing_profile.as_ref() == profile {
                    format!("session {name} took the named profile in the meantime")
                } else {
                    format!("session {name} is about to release the named profile; try again")
                });
            }
            if holder.phase.lease().is_some() && holder.published_profile.as_ref() == profile {
                displaced.push(other);
            }
        }
        displaced.extend(self.orphans_displaced_by(id, profile)?);
        Ok(displaced)
    }
    /// Credentials of no session give way too; they could not be retracted yet.
    fn orphans_displaced_by(
        &self,
        id: &SessionId,
        profile: Option<&String>,
    ) -> Result<Vec<SessionId>, String> {
        let mut displaced = Vec::new();
        for (orphan, found) in &self.state.orphans {
            if orphan == id || profile.is_none() || found.profile.as_ref() != profile {
                continue;
            }
            let holder = self.state.sessions.get(orphan);
            // A session that came back has credentials by now, maybe elsewhere: those stay.
            if holder.is_some_and(|holder| holder.phase.lease().is_some()) {
                continue;
            }
            let operation = holder.and_then(|holder| holder.phase.operation());
            if operation.is_some_and(Operation::is_publishing) || self.state.is_overdue(orphan) {
                let name = self.state.called(orphan);
                return Err(format!(
                    "session {name} is about to release the named profile; try again"
                ));
            }
            displaced.push(orphan.clone());
        }
        Ok(displaced)
    }
}
