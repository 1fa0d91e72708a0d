//! What has to be so after every step, checked by other code than that which makes it so.
//!
//! [`audit`] reads public facts of the [`State`] and what the chain is known to hold. Property
//! tests, the simulator and debug builds of the daemon call it after each step; it changes
//! nothing, and an empty answer is the only good one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::arbitration::Tier;
use crate::events::effect::OperationId;
use crate::events::input::{CommandId, RecoveredCredentials};
use crate::model::policy::{EntryName, Outcome};
use crate::model::session::{Lease, SessionId, Status};
use crate::model::time::Timestamp;
use crate::state::{EntryState, OperationStage, Phase, SessionState, State};

/// What is known of the chain at the moment of an audit.
#[derive(Clone, Copy, Debug)]
pub enum Chain<'a> {
    /// Nothing: only the state is looked at.
    Unknown,
    /// What it holds; answers of the chain may be on their way to the core.
    Moving(&'a [RecoveredCredentials]),
    /// What it holds, and the core has taken in every answer.
    Quiet(&'a [RecoveredCredentials]),
}

/// Something that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Credentials of two sessions stand under one named profile.
    SharedProfile {
        /// The profile.
        profile: String,
        /// The sessions.
        sessions: [SessionId; 2],
    },
    /// The chain holds credentials that nobody stands for and nobody is about to retract.
    Unretracted {
        /// The session that they were published for.
        session: SessionId,
    },
    /// The session has credentials as the core sees it, and the chain does not hold them.
    Missing {
        /// The session.
        session: SessionId,
    },
    /// The chain holds the credentials of a session elsewhere than the core believes.
    Elsewhere {
        /// The session.
        session: SessionId,
        /// The named profile that the core believes.
        believed: Option<String>,
        /// The named profile that they stand under.
        found: Option<String>,
    },
    /// The chain holds other credentials of a session than the core believes.
    OtherLease {
        /// The session.
        session: SessionId,
        /// Those that the core believes.
        believed: Lease,
        /// Those that are there.
        found: Lease,
    },
    /// Credentials that have ended are in force, and nobody is about to retract them.
    ServedPastExpiry {
        /// The session.
        session: SessionId,
        /// When they ended.
        ended: Timestamp,
    },
    /// Nothing will happen when the credentials end.
    Unwatched {
        /// The session.
        session: SessionId,
        /// When they end.
        ends: Timestamp,
    },
    /// The session left the Workspace, and nothing will take its credentials back.
    Lingering {
        /// The session.
        session: SessionId,
    },
    /// The session is pending, and nothing will end that.
    Stuck {
        /// The session.
        session: SessionId,
        /// What is missing.
        lacks: &'static str,
    },
    /// Credentials are on their way although nobody knows yet what policies forbid.
    Unruled {
        /// The session.
        session: SessionId,
    },
    /// The session is active beyond the stop of the one that it is chained to.
    BeyondParent {
        /// The session.
        session: SessionId,
        /// The one that it is chained to.
        parent: SessionId,
    },
    /// An operation is under way that no session knows of.
    StrayOperation {
        /// The operation.
        operation: OperationId,
        /// The session that it was begun for.
        session: SessionId,
    },
    /// More providers work at the same time than may.
    TooManyIssuing {
        /// How many work.
        issuing: usize,
        /// How many may.
        bound: usize,
    },
    /// The core has lost count of the providers at work.
    Miscounted {
        /// How many it counts.
        counted: usize,
        /// How many work.
        issuing: usize,
    },
    /// A session stands in the queue for providers that does not belong there, or twice.
    Misqueued {
        /// The session.
        session: SessionId,
    },
    /// Sessions wait for a provider although there is room.
    IdleQueue {
        /// How many wait.
        waiting: usize,
    },
    /// More waits for a policy entry than may, so that it could grow for ever.
    Backlog {
        /// The entry.
        entry: EntryName,
        /// What waits.
        what: &'static str,
        /// How much of it.
        waiting: usize,
        /// How much may.
        bound: usize,
    },
    /// A policy entry sees, or proposes for, a session that it is not granted.
    BeyondGrant {
        /// The entry.
        entry: EntryName,
        /// The session.
        session: SessionId,
    },
    /// A policy entry does not see a session that it is granted.
    Unseen {
        /// The entry.
        entry: EntryName,
        /// The session.
        session: SessionId,
    },
    /// A policy entry sees a session as it is not any more.
    Outdated {
        /// The entry.
        entry: EntryName,
        /// The session.
        session: SessionId,
    },
    /// Commands wait for a session for which nothing is under way.
    Unanswered {
        /// The session.
        session: SessionId,
        /// The commands.
        commands: Vec<CommandId>,
    },
    /// A moment that was to be acted on has passed.
    Overdue {
        /// The moment.
        due: Timestamp,
    },
    /// Nobody will be told that a sign-in ends.
    UnwatchedSignIn {
        /// Id of its integration.
        integration: String,
        /// When it ends.
        ends: Timestamp,
    },
    /// Policies or the Workspace file are told another status than that which is so.
    Misreported {
        /// The session.
        session: SessionId,
        /// The status that is so.
        status: Status,
        /// The status that is told.
        told: Status,
    },
}

/// What is not as it has to be at this moment, after a step.
#[must_use]
pub fn audit(state: &State, now: Timestamp, chain: Chain<'_>) -> Vec<Violation> {
    let mut audit = Audit {
        state,
        now,
        queued: state.queue().collect(),
        found: Vec::new(),
    };
    audit.profiles();
    for (id, tracked) in state.sessions() {
        audit.session(id, tracked);
    }
    audit.operations();
    audit.providers();
    audit.entries();
    audit.sign_ins();
    if let Some(due) = state.next_wake().filter(|at| *at <= now) {
        audit.found.push(Violation::Overdue { due });
    }
    match chain {
        Chain::Unknown => {}
        Chain::Moving(held) => audit.chain(held, true),
        Chain::Quiet(held) => audit.chain(held, false),
    }
    audit.found
}

struct Audit<'a> {
    state: &'a State,
    now: Timestamp,
    queued: BTreeSet<&'a SessionId>,
    found: Vec<Violation>,
}

impl Audit<'_> {
    fn broken(&mut self, violation: Violation) {
        self.found.push(violation);
    }

    /// One session a named profile, as the core sees it.
    fn profiles(&mut self) {
        let holders = self.state.sessions().filter_map(|(id, tracked)| {
            tracked.phase.lease()?;
            Some((tracked.published_profile.as_deref()?, id))
        });
        let shared: Vec<_> = shared_profiles(holders).collect();
        self.found.extend(shared);
    }

    fn session(&mut self, id: &SessionId, tracked: &SessionState) {
        let session = || id.clone();
        self.credentials(id, tracked);
        if let Some(lacks) = self.lacks(id, tracked) {
            let session = session();
            self.broken(Violation::Stuck { session, lacks });
        }
        let settled = matches!(tracked.phase, Phase::Inactive | Phase::Active(_));
        let known = self.state.policies_known();
        if !known && tracked.phase.operation().is_some() {
            self.broken(Violation::Unruled { session: session() });
        }
        let looked_after = self.state.reconsidered(id).is_some() || self.state.is_overdue(id);
        if settled && !tracked.present && !looked_after {
            self.broken(Violation::Lingering { session: session() });
        }
        if let Some(parent) = self.outlived(tracked) {
            let session = session();
            self.broken(Violation::BeyondParent { session, parent });
        }
        let commands: Vec<_> = tracked.waiting().collect();
        let asked = || {
            self.state.entries().any(|(_, entry)| {
                let rail = entry.entry.rank.tier == Tier::GuardRail && !entry.entry.shadow;
                let waits = rail || (!tracked.waits_as_person() && !entry.entry.shadow);
                waits && entry.is_asked() && entry.is_awaited(id)
            })
        };
        if settled && known && !commands.is_empty() && !asked() {
            let session = session();
            self.broken(Violation::Unanswered { session, commands });
        }
        let status = tracked.phase.status();
        let written = tracked.present.then_some(tracked.projected.status);
        let told = [Some(tracked.view.status), written];
        for told in told.into_iter().flatten().filter(|told| *told != status) {
            let session = session();
            self.broken(Violation::Misreported {
                session,
                status,
                told,
            });
        }
    }

    /// Credentials that are in force end in time.
    fn credentials(&mut self, id: &SessionId, tracked: &SessionState) {
        let Some(ends) = tracked.phase.lease().and_then(|lease| lease.expires_at) else {
            return;
        };
        // The chain has them in hand, and what it answers is acted on.
        if matches!(tracked.phase, Phase::Stopping(..)) || tracked.publishing().is_some() {
            return;
        }
        let session = id.clone();
        let watched = self.state.expiry(id);
        if ends > self.now {
            if watched.is_none_or(|at| at > ends) {
                self.broken(Violation::Unwatched { session, ends });
            }
        } else if watched.is_none() || tracked.last_failure.is_none() {
            // Only a retraction that failed, and is tried again, may leave them there.
            let ended = ends;
            self.broken(Violation::ServedPastExpiry { session, ended });
        }
    }

    /// What a pending session lacks to come to an end by itself.
    fn lacks(&self, id: &SessionId, tracked: &SessionState) -> Option<&'static str> {
        let (operation, stage) = match &tracked.phase {
            Phase::Inactive | Phase::Active(_) => return None,
            Phase::Starting(o) | Phase::Rotating(_, o) => (o.id, Some(o.stage)),
            Phase::Stopping(_, operation, _) => (*operation, None),
        };
        if self.state.operation(operation) != Some(id) {
            return Some("an operation that is under way");
        }
        match stage {
            Some(OperationStage::Queued) if !self.queued.contains(id) => {
                Some("a place in the queue")
            }
            Some(
                OperationStage::Parent | OperationStage::Issuing | OperationStage::Publishing(_),
            )
            | None
                if self.state.deadline(id).is_none() =>
            {
                Some("a deadline")
            }
            _ => None,
        }
    }

    /// The stopped session that this one is chained to and has outlived.
    fn outlived(&self, tracked: &SessionState) -> Option<SessionId> {
        let Phase::Active(lease) = tracked.phase else {
            return None;
        };
        let parent_id = tracked.session.parent()?;
        let parent = self.state.session(parent_id)?;
        let stopped = match parent.phase {
            Phase::Inactive | Phase::Stopping(_, _, Outcome::Stopped) => parent.stopped_at?,
            _ => return None,
        };
        // A retraction that failed is tried again; credentials of an earlier definition of the
        // session may come from another.
        let excused = tracked.retry_at.is_some_and(|at| at > self.now) || tracked.outdated;
        (lease.issued_at <= stopped && !excused).then(|| parent_id.clone())
    }

    /// Every operation belongs to a session, or retracts what no session stands for.
    fn operations(&mut self) {
        for (operation, id) in self.state.operations() {
            let phase = self.state.session(id).map(|tracked| &tracked.phase);
            let owned = phase.is_some_and(|phase| match phase {
                Phase::Starting(o) | Phase::Rotating(_, o) => o.id == operation,
                Phase::Stopping(_, o, _) => *o == operation,
                Phase::Inactive | Phase::Active(_) => false,
            });
            let orphan = self.state.orphan(id);
            if !owned && orphan.is_none_or(|(o, _)| o != Some(operation)) {
                let session = id.clone();
                self.broken(Violation::StrayOperation { operation, session });
            }
        }
    }

    fn providers(&mut self) {
        let stage = |tracked: &SessionState| tracked.phase.operation().map(|o| o.stage);
        let at_work = self.state.sessions();
        let issuing = at_work
            .filter(|(_, tracked)| stage(tracked) == Some(OperationStage::Issuing))
            .count();
        let bound = self.state.settings.issuing_max;
        if issuing > bound {
            self.broken(Violation::TooManyIssuing { issuing, bound });
        }
        let counted = self.state.issuing();
        if counted != issuing {
            self.broken(Violation::Miscounted { counted, issuing });
        }
        let mut waiting = BTreeSet::new();
        for id in self.state.queue() {
            let queued = self.state.session(id).and_then(stage) == Some(OperationStage::Queued);
            if !waiting.insert(id) || !queued {
                let session = id.clone();
                self.broken(Violation::Misqueued { session });
            }
        }
        if issuing >= bound {
            return;
        }
        let mut waiting = 0;
        for id in self.state.queue() {
            match self.state.turn_comes(id, self.now) {
                None => waiting += 1,
                Some(at)
                    if self
                        .state
                        .turn_watched(id)
                        .is_none_or(|watched| watched > at) =>
                {
                    let (session, lacks) = (id.clone(), "a moment at which its turn comes");
                    self.broken(Violation::Stuck { session, lacks });
                }
                Some(_) => {}
            }
        }
        if waiting > 0 {
            self.broken(Violation::IdleQueue { waiting });
        }
    }

    /// Nothing that waits for a policy grows for ever.
    fn entries(&mut self) {
        let settings = self.state.settings;
        // Those that a failed call gave back, and those that came meanwhile.
        let events_max = settings.wakes_max + 2 * settings.customs_max;
        for (name, tracking) in self.state.entries() {
            self.sight(name, tracking);
            let gone = tracking
                .unheard()
                .filter(|id| tracking.suspended && self.state.session(id).is_none());
            let waiting = [
                ("events", tracking.events_waiting(), events_max),
                ("wake-ups", tracking.wakes_wished(), settings.wakes_max),
                ("sessions that are gone", gone.count(), 0),
            ];
            for (what, waiting, bound) in waiting {
                if waiting > bound {
                    let entry = name.clone();
                    self.broken(Violation::Backlog {
                        entry,
                        what,
                        waiting,
                        bound,
                    });
                }
            }
        }
    }

    /// The end of each sign-in that stands is told.
    fn sign_ins(&mut self) {
        for (sign_in, told) in self.state.sign_ins() {
            let ends = sign_in.ends;
            if ends > self.now && told.is_none_or(|at| at > ends) {
                let integration = sign_in.integration.clone();
                self.broken(Violation::UnwatchedSignIn { integration, ends });
            }
        }
    }

    /// An entry sees what it is granted, all of it, and has a say in nothing else.
    fn sight(&mut self, name: &EntryName, tracking: &EntryState) {
        let mut seen = 0;
        for (id, tracked) in self.state.sessions() {
            let granted = tracked.present && tracking.entry.grant.sessions.matches(&tracked.view);
            seen += usize::from(granted);
            let (entry, session) = (name.clone(), id.clone());
            match tracking.view(id) {
                None if granted => self.broken(Violation::Unseen { entry, session }),
                Some(_) if !granted => self.broken(Violation::BeyondGrant { entry, session }),
                Some(view) if view.facts != tracked.view => {
                    self.broken(Violation::Outdated { entry, session });
                }
                _ => {}
            }
        }
        let beyond = tracking
            .opinionated()
            .find(|id| tracking.view(id).is_none());
        if let Some(session) = beyond.cloned() {
            let entry = name.clone();
            self.broken(Violation::BeyondGrant { entry, session });
        }
        if tracking.views().len() != seen {
            let (entry, session) = (name.clone(), SessionId::new("(unknown)"));
            self.broken(Violation::BeyondGrant { entry, session });
        }
    }

    /// What the chain holds is what the core believes.
    fn chain(&mut self, held: &[RecoveredCredentials], moving: bool) {
        let places = held
            .iter()
            .filter_map(|f| Some((f.profile.as_deref()?, &f.session)));
        let shared: Vec<_> = shared_profiles(places).collect();
        for violation in shared {
            // What the core sees the same way was said already.
            if !self.found.contains(&violation) {
                self.broken(violation);
            }
        }
        for found in held {
            let violation = match self.state.session(&found.session) {
                // The chain's answer, which came too late, is on its way.
                Some(_) if moving && self.state.is_overdue(&found.session) => None,
                Some(tracked) => unlike(tracked, found, moving, self.is_claimed(&found.session)),
                None if self.is_claimed(&found.session) => None,
                None => Some(unretracted(found)),
            };
            self.found.extend(violation);
        }
        let there: BTreeSet<_> = held.iter().map(|found| &found.session).collect();
        for (id, tracked) in self.state.sessions() {
            if tracked.phase.lease().is_none() || there.contains(id) {
                continue;
            }
            let stopping = matches!(tracked.phase, Phase::Stopping(..));
            let excused =
                moving && (stopping || self.state.is_overdue(id) || self.is_displaced(id, tracked));
            if !excused {
                let session = id.clone();
                self.broken(Violation::Missing { session });
            }
        }
    }

    /// Whether somebody will look after credentials that no session stands for.
    fn is_claimed(&self, id: &SessionId) -> bool {
        let awaited = self.state.is_unclaimed(id);
        let orphan = self.state.orphan(id);
        awaited || orphan.is_some_and(|(operation, again)| operation.is_some() || again.is_some())
    }

    /// Whether another session is taking the named profile of this one.
    fn is_displaced(&self, id: &SessionId, tracked: &SessionState) -> bool {
        let profile = tracked.published_profile.as_deref();
        self.state.sessions().any(|(other, t)| {
            other != id && profile.is_some() && t.publishing().is_some_and(|(_, to)| to == profile)
        })
    }
}

/// Pairs of sessions that stand under one named profile.
fn shared_profiles<'a>(
    holders: impl Iterator<Item = (&'a str, &'a SessionId)>,
) -> impl Iterator<Item = Violation> {
    let mut first: BTreeMap<&str, &SessionId> = BTreeMap::new();
    holders.filter_map(move |(profile, id)| {
        let other = *first.entry(profile).or_insert(id);
        (other != id).then(|| Violation::SharedProfile {
            profile: profile.to_owned(),
            sessions: [other.clone(), id.clone()],
        })
    })
}

fn unretracted(found: &RecoveredCredentials) -> Violation {
    let session = found.session.clone();
    Violation::Unretracted { session }
}

/// How what the chain holds for a session differs from what the core believes.
fn unlike(
    tracked: &SessionState,
    found: &RecoveredCredentials,
    moving: bool,
    claimed: bool,
) -> Option<Violation> {
    let place = found.profile.as_deref();
    let arrived = moving && tracked.publishing() == Some((found.lease, place));
    if arrived {
        return None;
    }
    let Some(believed) = tracked.phase.lease() else {
        return (!claimed).then(|| unretracted(found));
    };
    let session = found.session.clone();
    if tracked.published_profile.as_deref() != place {
        return Some(Violation::Elsewhere {
            session,
            believed: tracked.published_profile.clone(),
            found: found.profile.clone(),
        });
    }
    let found = found.lease;
    (believed != found).then_some(Violation::OtherLease {
        session,
        believed,
        found,
    })
}

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

#[cfg(test)]
mod tests;
