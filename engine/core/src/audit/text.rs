//! Violations as a person reads them.

use std::fmt;

use crate::audit::violation::Violation;

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = |profile: &Option<String>| match profile {
            Some(name) => format!("under the named profile {name}"),
            None => "under no named profile".to_owned(),
        };
        match self {
            Self::SharedProfile {
                profile,
                sessions: [one, other],
            } => write!(
                f,
                "sessions {one} and {other} share the named profile {profile}"
            ),
            Self::Unretracted { session } => write!(
                f,
                "the chain holds credentials of session {session}, nobody stands for them, and nobody is about to retract them"
            ),
            Self::Missing { session } => {
                write!(
                    f,
                    "session {session} has credentials that the chain does not hold"
                )
            }
            Self::Elsewhere {
                session,
                believed,
                found,
            } => write!(
                f,
                "the credentials of session {session} are believed {} and stand {}",
                profile(believed),
                profile(found)
            ),
            Self::OtherLease {
                session,
                believed,
                found,
            } => write!(
                f,
                "the chain holds credentials of session {session} that were issued at {}; those believed were issued at {}",
                found.issued_at, believed.issued_at
            ),
            Self::ServedPastExpiry { session, ended } => write!(
                f,
                "the credentials of session {session} ended at {ended} and are still in force"
            ),
            Self::Unwatched { session, ends } => write!(
                f,
                "nothing will happen when the credentials of session {session} end at {ends}"
            ),
            Self::Lingering { session } => write!(
                f,
                "session {session} left the Workspace, and nothing will take its credentials back"
            ),
            Self::Stuck { session, lacks } => {
                write!(f, "session {session} stays pending: it lacks {lacks}")
            }
            Self::BeyondParent { session, parent } => write!(
                f,
                "session {session} is active although session {parent}, which it is chained to, was stopped"
            ),
            Self::Unruled { session } => write!(
                f,
                "credentials of session {session} are on their way before any policy is known"
            ),
            Self::StrayOperation { operation, session } => write!(
                f,
                "operation {} was begun for session {session}, which does not know it",
                operation.0
            ),
            Self::TooManyIssuing { issuing, bound } => {
                write!(f, "{issuing} providers are at work where {bound} may be")
            }
            Self::Miscounted { counted, issuing } => {
                write!(
                    f,
                    "{issuing} providers are at work and {counted} are counted"
                )
            }
            Self::Misqueued { session } => write!(
                f,
                "session {session} stands in the queue for providers twice, or without waiting"
            ),
            Self::IdleQueue { waiting } => {
                write!(
                    f,
                    "{waiting} sessions wait for a provider although there is room"
                )
            }
            Self::Backlog {
                entry,
                what,
                waiting,
                bound,
            } => write!(
                f,
                "{waiting} {what} wait for policy {entry} where {bound} may"
            ),
            Self::BeyondGrant { entry, session } => write!(
                f,
                "policy {entry} has to do with session {session}, which it is not granted"
            ),
            Self::Unseen { entry, session } => write!(
                f,
                "policy {entry} does not see session {session}, which it is granted"
            ),
            Self::Outdated { entry, session } => write!(
                f,
                "policy {entry} sees session {session} as it is not any more"
            ),
            Self::Unanswered { session, commands } => write!(
                f,
                "{} commands wait for session {session}, for which nothing is under way",
                commands.len()
            ),
            Self::UnwatchedSignIn { integration, ends } => write!(
                f,
                "nobody will be told that the sign-in to {integration} ends at {ends}"
            ),
            Self::Overdue { due } => write!(f, "what was due at {due} was not done"),
            Self::Misreported {
                session,
                status,
                told,
            } => write!(f, "session {session} is {status} and is told to be {told}"),
        }
    }
}
