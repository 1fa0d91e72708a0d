//! The life of a session: START, STOP and ROTATE from their beginning to their end.

use crate::arbitration::{Actor, Rank, Situation, StandingAct, arbitrate};
use crate::decisions::operation_approval::Ruling;
use crate::events::effect::{Cause, Effect, JournalEvent, OperationId, Reply};
use crate::model::policy::{Action, Fields, Outcome, Reason};
use crate::model::session::{ErrorKind, Failure, Lease, SessionId, Status};
use crate::scheduling::queue::Next;
use crate::state::timers::TimerKey;
use crate::state::{Operation, OperationStage, Phase};
use crate::step::StepContext;

/// How many deadlines of one provider call a session waits for its parent.
const PARENT_DEADLINES: u32 = 10;

impl StepContext<'_> {
    /// Sessions other than this one whose credentials stand under the named profile, or are
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
                    let stands =
                        t.phase.lease().is_some() && t.published_profile.as_ref() == Some(profile);
                    let comes = t.phase.operation().is_some_and(|o| match &o.stage {
                        OperationStage::Publishing(_) => {
                            t.publishing_profile.as_ref() == Some(profile)
                        }
                        _ => t.session.named_profile.as_ref() == Some(profile),
                    });
                    stands || comes || self.may_still_take(other, profile)
                })
            })
            .cloned()
            .collect()
    }

    /// Why the session may not take its named profile now.
    pub(crate) fn profile_obstacle(
        &self,
        id: &SessionId,
        voice: &Actor,
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
            if *voice != Actor::Person && rank <= holder.started_rank {
                return Some(format!("session {name} holds the same named profile"));
            }
        }
        None
    }

    /// Begins a START or a ROTATE.
    pub(crate) fn begin(
        &mut self,
        id: &SessionId,
        action: Action,
        by: Actor,
        rank: Rank,
        cause: Cause,
    ) {
        let operation = self.new_operation(id);
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        let stage = OperationStage::Parent;
        let under_way = Operation {
            id: operation,
            cause,
            by: by.clone(),
            stage,
        };
        tracked.phase = match (&tracked.phase, action) {
            (Phase::Inactive, Action::Start) => Phase::Starting(under_way),
            (Phase::Active(lease), Action::Rotate) => Phase::Rotating(*lease, under_way),
            _ => {
                self.state.operations.remove(&operation);
                return;
            }
        };
        tracked.cause = cause;
        tracked.told = None;
        tracked.rule_anew = false;
        if action == Action::Start {
            tracked.started_rank = rank;
            tracked.for_child = by == Actor::Child;
        }
        let session = id.clone();
        self.record(
            cause,
            JournalEvent::Began {
                session,
                operation,
                action,
                by,
            },
        );
        self.mark_changed(id, Fields::STATUS, None, cause);
        self.advance(id);
    }

    /// Goes on with an operation that waits for the parent, where it need not wait any more.
    pub(crate) fn advance(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let Some(operation) = tracked.phase.operation().cloned() else {
            return;
        };
        if operation.stage != OperationStage::Parent {
            return;
        }
        if !self.may_go_on(id) {
            return self.set_parent_deadline(id);
        }
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let rank = tracked.started_rank;
        let Some(parent_id) = tracked.session.parent().cloned() else {
            return self.enqueue(id);
        };
        let fail = |turn: &mut Self, message: String| {
            turn.fail(id, Failure::new(ErrorKind::Parent, message));
        };
        let Some(parent) = self.state.sessions.get(&parent_id).filter(|p| p.present) else {
            return fail(
                self,
                format!("the parent session {parent_id} is not in the Workspace"),
            );
        };
        let name = parent.session.name.clone();
        match &parent.phase {
            Phase::Active(lease) => {
                let spent = self.mostly_spent(*lease)
                    && parent.retry_at.is_none()
                    && self.unanswered(&parent_id).is_none();
                if lease.expired(self.now) {
                    // It is about to be retracted; then this session is told.
                } else if spent
                    && parent.session.fault.is_none()
                    && matches!(self.ruling(&parent_id, Action::Rotate, rank), Ruling::Free)
                {
                    self.begin(
                        &parent_id,
                        Action::Rotate,
                        Actor::Child,
                        rank,
                        operation.cause,
                    );
                } else {
                    return self.enqueue(id);
                }
            }
            Phase::Inactive => {
                if let Some(fault) = parent.session.fault.clone() {
                    return fail(self, format!("the parent session {name}: {fault}"));
                }
                if parent.needs_person
                    && let Some(failure) = parent.last_failure.clone()
                {
                    // The child waits for the same person.
                    let message = format!("the parent session {name}: {}", failure.message);
                    return self.fail(id, Failure { message, ..failure });
                }
                if parent.retry_at.is_some_and(|at| at > self.now) {
                    let why = parent
                        .last_failure
                        .as_ref()
                        .map_or("", |f| f.message.as_str());
                    return fail(self, format!("the parent session {name} failed: {why}"));
                }
                if matches!(
                    self.ruling(&parent_id, Action::Start, rank),
                    Ruling::Awaited
                ) {
                    return self.set_parent_deadline(id);
                }
                if let Err(why) = self.may_start_for_child(&parent_id, rank) {
                    return fail(
                        self,
                        format!("the parent session {name} may not start: {why}"),
                    );
                }
                self.begin(
                    &parent_id,
                    Action::Start,
                    Actor::Child,
                    rank,
                    operation.cause,
                );
            }
            Phase::Starting(_) | Phase::Rotating(..) | Phase::Stopping(..) => {}
        }
        self.set_parent_deadline(id);
    }

    /// What waits for its parent, or for a guard rail, does not wait for ever.
    pub(crate) fn set_parent_deadline(&mut self, id: &SessionId) {
        let waits = self
            .state
            .sessions
            .get(id)
            .and_then(|t| t.phase.operation());
        if waits.is_some_and(|o| o.stage == OperationStage::Parent) {
            let deadline = self
                .now
                .plus(self.state.settings.issue_deadline * PARENT_DEADLINES);
            let key = TimerKey::Deadline(id.clone());
            if self.state.timers.get(&key).is_none() {
                self.state.timers.set(key, deadline);
            }
        }
    }

    /// Whether two thirds of the lifetime are over.
    fn mostly_spent(&self, lease: Lease) -> bool {
        lease
            .expires_at
            .is_some_and(|end| end.since(self.now).saturating_mul(3) < end.since(lease.issued_at))
    }

    /// Whether a session may be started on behalf of one that is chained to it.
    fn may_start_for_child(&self, id: &SessionId, rank: Rank) -> Result<(), String> {
        let Some(tracked) = self.state.sessions.get(id) else {
            return Err("it is gone".into());
        };
        let mut standing = self.active_proposals(id, tracked);
        // What a person says of the child holds for what the child needs.
        standing.acts.push(StandingAct {
            voice: Actor::Child,
            rank,
            action: Action::Start,
            revision: None,
            not_after: None,
            why: Reason::new("child", "a session chained to it needs it"),
            unanswered: false,
        });
        let mine = standing.acts.len() - 1;
        let revision = tracked.view.revision;
        let situation = Situation {
            now: self.now,
            status: Status::Inactive,
            revision,
        };
        let result = arbitrate(situation, &standing.acts, &standing.holds);
        if result.action == Some(Action::Start) {
            let obstacle = self.profile_obstacle(id, &Actor::Child, rank);
            let obstacle = self.unanswered(id).or(obstacle);
            return obstacle.map_or(Ok(()), Err);
        }
        use crate::arbitration::Lost;
        Err(result
            .lost
            .iter()
            .find(|(index, _)| *index == mine)
            .map_or_else(
                || "it is to stay inactive".into(),
                |(_, lost)| match lost {
                    Lost::Held { by, why } => format!("{by}: {why}"),
                    Lost::Outranked { by: Actor::Person } => {
                        "you stopped it; start it, or release it".into()
                    }
                    Lost::Outranked { by } => format!("{by} wants it stopped"),
                    Lost::Ended | Lost::Stale | Lost::Satisfied => "it is to stay inactive".into(),
                },
            ))
    }

    /// Hands the next waiting session to its provider; whether there was one and room for it.
    pub(crate) fn issue_next(&mut self) -> bool {
        if self.state.issuing >= self.state.settings.issuing_max {
            return false;
        }
        let calls = self.state.settings.calls;
        while let Some(next) = self.state.queue.pop(&calls, self.now) {
            let id = match next {
                Next::Session(id) => id,
                Next::Dry(lane, until) => {
                    self.state.timers.set(TimerKey::Lane(lane), until);
                    continue;
                }
            };
            let Some(tracked) = self.state.sessions.get_mut(&id) else {
                continue;
            };
            let parent = tracked.session.parent().cloned();
            let attempt = tracked.failures.saturating_add(1);
            let Some(operation) = tracked
                .phase
                .operation_mut()
                .filter(|o| o.stage == OperationStage::Queued)
            else {
                continue;
            };
            operation.stage = OperationStage::Issuing;
            let operation = operation.id;
            // From here on, only a later edit makes the outcome outdated, or a failure.
            tracked.renews_edit = std::mem::take(&mut tracked.outdated);
            self.state.issuing += 1;
            let deadline = self.now.plus(self.state.settings.issue_deadline);
            self.state
                .timers
                .set(TimerKey::Deadline(id.clone()), deadline);
            self.effects.push(Effect::Issue {
                operation,
                session: id,
                parent,
                attempt,
            });
            return true;
        }
        false
    }

    /// The provider answered.
    pub(crate) fn issued(&mut self, id: OperationId, result: Result<Lease, Failure>) {
        let session = self.state.operations.get(&id).cloned();
        let current = session.filter(|session| {
            self.state
                .sessions
                .get(session)
                .and_then(|t| t.phase.operation())
                .is_some_and(|o| o.id == id && o.stage == OperationStage::Issuing)
        });
        let Some(session) = current else {
            self.stale(id);
            if result.is_ok() {
                self.effects.push(Effect::Discard { operation: id });
            }
            return;
        };
        self.state.issuing -= 1;
        self.state
            .timers
            .clear(&TimerKey::Deadline(session.clone()));
        let lease = match result {
            Ok(lease) if lease.expired(self.now) => {
                self.effects.push(Effect::Discard { operation: id });
                let message = "the credentials had ended when they arrived";
                let failure = Failure::new(ErrorKind::ClockSkew, message)
                    .with_hint("check this machine's clock");
                return self.fail(&session, failure);
            }
            Ok(lease) => lease,
            Err(failure) => return self.fail(&session, failure),
        };
        self.note_reachable(&session);
        let Some(tracked) = self.state.sessions.get(&session) else {
            return;
        };
        if tracked.outdated {
            // Edited meanwhile: these credentials are those of another definition.
            self.effects.push(Effect::Discard { operation: id });
            return self.begin_anew(&session, id);
        }
        let profile = tracked.session.named_profile.clone();
        let mut displaced = Vec::new();
        for other in self.occupants(&session, profile.as_ref()) {
            let Some(holder) = self.state.sessions.get(&other) else {
                continue;
            };
            if self.state.is_overdue(&other) {
                self.effects.push(Effect::Discard { operation: id });
                let name = &holder.session.name;
                let message =
                    format!("session {name} may still take or leave the named profile; try again");
                return self.fail(&session, Failure::new(ErrorKind::Delivery, message));
            }
            if holder
                .phase
                .operation()
                .is_some_and(Operation::is_publishing)
            {
                self.effects.push(Effect::Discard { operation: id });
                let name = &holder.session.name;
                let message = if holder.publishing_profile == profile {
                    format!("session {name} took the named profile meanwhile")
                } else {
                    format!("session {name} is about to leave the named profile; try again")
                };
                return self.fail(&session, Failure::new(ErrorKind::Delivery, message));
            }
            if holder.phase.lease().is_some() && holder.published_profile == profile {
                displaced.push(other);
            }
        }
        // What no session stands for gives way too; it could not be retracted yet.
        let orphans = self.state.orphans.iter();
        let there = orphans.filter(|(id, orphan)| {
            **id != session && profile.is_some() && orphan.profile == profile
        });
        displaced.extend(there.map(|(id, _)| id.clone()));
        let Some(tracked) = self.state.sessions.get_mut(&session) else {
            return;
        };
        tracked.publishing_profile.clone_from(&profile);
        if let Some(operation) = tracked.phase.operation_mut() {
            operation.stage = OperationStage::Publishing(lease);
        }
        self.set_delivery_deadline(&session);
        self.effects.push(Effect::Publish {
            operation: id,
            session,
            profile,
            displaced,
        });
    }

    /// Has the operation obtain credentials again, for the session as it is now.
    fn begin_anew(&mut self, id: &SessionId, old: OperationId) {
        self.state.operations.remove(&old);
        let operation = self.new_operation(id);
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        if let Some(under_way) = tracked.phase.operation_mut() {
            under_way.id = operation;
            under_way.stage = OperationStage::Parent;
        }
        self.advance(id);
    }

    /// The chain answered.
    pub(crate) fn delivered(&mut self, id: OperationId, result: Result<(), Failure>) {
        if let Some(overdue) = self.state.overdue.remove(&id) {
            return self.delivered_late(id, overdue, result);
        }
        let Some(session) = self.state.operations.remove(&id) else {
            return;
        };
        if self.orphan_delivered(&session, id, &result) {
            return;
        }
        let Some(tracked) = self.state.sessions.get(&session) else {
            return;
        };
        match (tracked.phase.clone(), result) {
            (Phase::Starting(o) | Phase::Rotating(_, o), Ok(())) if o.id == id => {
                if let OperationStage::Publishing(lease) = o.stage {
                    self.published(&session, &o, lease);
                }
            }
            (Phase::Starting(o) | Phase::Rotating(_, o), Err(failure)) if o.id == id => {
                self.fail(&session, failure);
            }
            (Phase::Stopping(_, o, outcome), Ok(())) if o == id => {
                self.retracted(&session, id, outcome);
            }
            (Phase::Stopping(lease, o, _), Err(failure)) if o == id => {
                self.still_there(&session, id, lease, failure);
            }
            _ => self.stale(id),
        }
    }

    pub(crate) fn stale(&mut self, id: OperationId) {
        self.state.operations.remove(&id);
        let cause = Cause::default();
        self.record(
            cause,
            JournalEvent::Stale {
                what: format!("operation {}", id.0),
            },
        );
    }

    pub(crate) fn published(&mut self, id: &SessionId, operation: &Operation, lease: Lease) {
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        let was_rotation = matches!(tracked.phase, Phase::Rotating(..));
        tracked.phase = Phase::Active(lease);
        tracked.stopped_at = None;
        tracked.renews_edit = false;
        tracked.failures = 0;
        let mended = tracked.last_failure.take().is_some();
        tracked.retry_at = None;
        tracked.needs_person = false;
        tracked.rotate_asked = None;
        tracked.refresh_asked = false;
        for child in self.state.children.get(id).into_iter().flatten() {
            if let Some(child) = self.state.sessions.get_mut(child) {
                child.beyond_parent = false;
            }
        }
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        let profile = tracked.publishing_profile.take();
        tracked.published_profile.clone_from(&profile);
        self.set_lease_timers(id, Some(lease));
        let mut displaced = Vec::new();
        for other in self.occupants(id, profile.as_ref()) {
            let holder = self.state.sessions.get(&other);
            if let Some(holder) = holder
                && holder.phase.lease().is_some()
                && holder.published_profile == profile
            {
                displaced.push(holder.session.name.clone());
                self.displace(&other, id, operation.cause);
            }
        }
        let outcome = if was_rotation {
            Outcome::Rotated
        } else {
            Outcome::Started
        };
        self.ended(id, operation.id, outcome, operation.cause);
        self.reply(id, |action| {
            (action != Action::Stop).then_some(Reply::Done {
                lease: Some(lease),
                displaced: displaced.clone(),
            })
        });
        let failure = if mended {
            Fields::FAILURE
        } else {
            Fields::NONE
        };
        let fields = Fields::STATUS.union(Fields::CREDENTIALS).union(failure);
        self.mark_changed(id, fields, Some(outcome), operation.cause);
        self.settled(id);
        self.started_for(id);
    }

    /// Another session took the named profile: what this one had there is gone.
    pub(crate) fn displace(&mut self, id: &SessionId, by: &SessionId, cause: Cause) {
        let Some(tracked) = self.state.sessions.get(id).cloned() else {
            return;
        };
        if let Phase::Stopping(_, operation, outcome) = tracked.phase {
            // Nothing of it is left to be removed; the chain's answer will be stale.
            self.ended(id, operation, outcome, cause);
            return self.gone(id, outcome, cause);
        }
        let (session, other) = (id.clone(), by.clone());
        self.record(cause, JournalEvent::Displaced { session, by: other });
        if let Some(operation) = tracked
            .phase
            .operation()
            .filter(|o| o.is_publishing())
            .cloned()
        {
            // It is on its way to another profile; only what it had here is gone.
            if let Some(tracked) = self.state.sessions.get_mut(id) {
                tracked.phase = Phase::Starting(operation);
                tracked.published_profile = None;
            }
            self.set_lease_timers(id, None);
            return self.mark_changed(id, Fields::CREDENTIALS, None, cause);
        }
        self.cancel(id);
        if let Some(tracked) = self.state.sessions.get_mut(id) {
            tracked.for_child = false;
        }
        self.mark_stopped(id);
        self.stop_children(id, cause);
        self.gone(id, Outcome::Stopped, cause);
    }

    fn retracted(&mut self, id: &SessionId, operation: OperationId, outcome: Outcome) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let cause = tracked.cause;
        self.gone(id, outcome, cause);
        self.ended(id, operation, outcome, cause);
    }

    /// The session has nothing in the chain any more.
    pub(crate) fn gone(&mut self, id: &SessionId, outcome: Outcome, cause: Cause) {
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        tracked.phase = Phase::Inactive;
        tracked.beyond_parent = false;
        tracked.for_child = false;
        tracked.published_profile = None;
        tracked.outdated = false;
        tracked.renews_edit = false;
        tracked.rotate_asked = None;
        tracked.refresh_asked = false;
        if outcome == Outcome::Stopped {
            tracked.failures = 0;
            tracked.last_failure = None;
            tracked.retry_at = None;
            tracked.needs_person = false;
        }
        // Who wants it started said so while the old credentials were on their way out.
        let wanted = { tracked.waiting.iter() }.any(|(command, action)| {
            *action == Action::Start && !tracked.demands.contains(command)
        });
        if !wanted
            && tracked
                .manual_override
                .as_ref()
                .is_some_and(|word| word.action == Action::Start)
        {
            tracked.manual_override = None;
            self.effects.push(Effect::Remember {
                session: id.clone(),
                word: None,
            });
        }
        self.set_lease_timers(id, None);
        self.reply(id, |action| match action {
            Action::Stop => Some(Reply::Done {
                lease: None,
                displaced: Vec::new(),
            }),
            Action::Start => None,
            Action::Rotate => Some(Reply::Superseded),
        });
        self.mark_changed(
            id,
            Fields::STATUS.union(Fields::CREDENTIALS),
            Some(outcome),
            cause,
        );
        self.settled(id);
        self.release_parent(id);
    }

    /// The credentials could not be removed: the truth is that they are still there.
    pub(crate) fn still_there(
        &mut self,
        id: &SessionId,
        operation: OperationId,
        lease: Lease,
        failure: Failure,
    ) {
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        tracked.phase = Phase::Active(lease);
        tracked.stopped_at = None;
        tracked.outdated |= std::mem::take(&mut tracked.renews_edit);
        let retry_at = self.note_failure(id, &failure);
        // Where the clock was set back meanwhile, they have not ended any more.
        let end = match lease.expired(self.now) {
            true => Some(retry_at),
            false => lease.expires_at,
        };
        self.state.timers.put(TimerKey::Expiry(id.clone()), end);
        self.report_failure(id, operation, failure);
    }

    pub(crate) fn ended(
        &mut self,
        id: &SessionId,
        operation: OperationId,
        outcome: Outcome,
        cause: Cause,
    ) {
        self.state.operations.remove(&operation);
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let failed = outcome == Outcome::Failed;
        let happening = JournalEvent::Ended {
            session: id.clone(),
            operation,
            outcome,
            lease: tracked.phase.lease(),
            failure: tracked.last_failure.clone().filter(|_| failed),
            retry_at: tracked.retry_at.filter(|_| failed && !tracked.needs_person),
        };
        self.record(cause, happening);
    }

    /// Whoever waited for this session is looked at again.
    pub(crate) fn settled(&mut self, id: &SessionId) {
        let children = self.state.children.get(id).cloned().unwrap_or_default();
        for child in children {
            self.advance(&child);
        }
        self.reconsider
            .extend(self.state.profile_owners.beside(id).cloned());
        self.reconsider.insert(id.clone());
    }

    /// Gives up an operation that is not yet in the chain's hands.
    pub(crate) fn cancel(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let Some(operation) = tracked.phase.operation().cloned() else {
            return;
        };
        if operation.stage == OperationStage::Issuing {
            self.state.issuing -= 1;
            self.effects.push(Effect::Cancel {
                operation: operation.id,
            });
        }
        // The session's phase is the caller's to change; an answer to this operation is stale.
        self.state.operations.remove(&operation.id);
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        self.state.queue.remove(id);
    }

    fn mark_stopped(&mut self, id: &SessionId) {
        if let Some(tracked) = self.state.sessions.get_mut(id) {
            tracked.stopped_at = Some(self.now);
        }
    }

    fn stop_children(&mut self, id: &SessionId, cause: Cause) {
        for child in self.state.children.get(id).cloned().unwrap_or_default() {
            self.stop(&child, Outcome::Stopped, cause);
            self.stopped_with_parent(&child, id);
            // What the chain has in hand is stopped when it answers.
            if let Some(tracked) = self.state.sessions.get_mut(&child) {
                tracked.beyond_parent = tracked.phase != Phase::Inactive;
            }
        }
    }

    /// Retracts the credentials of a session, after those of the sessions chained to it.
    pub(crate) fn stop(&mut self, id: &SessionId, outcome: Outcome, cause: Cause) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let lease = match &tracked.phase {
            Phase::Inactive | Phase::Stopping(..) => return,
            // The chain has it in hand; what is to be done is decided anew when it answers.
            Phase::Starting(o) | Phase::Rotating(_, o) if o.is_publishing() => return,
            phase => phase.lease(),
        };
        let under_way = tracked.phase.operation().map(|o| o.id);
        self.cancel(id);
        // From here on it goes by itself, not with the last of those that are chained to it.
        if let Some(tracked) = self.state.sessions.get_mut(id) {
            tracked.for_child = false;
        }
        if outcome == Outcome::Stopped {
            self.mark_stopped(id);
            self.stop_children(id, cause);
        }
        let Some(lease) = lease else {
            self.gone(id, outcome, cause);
            if let Some(operation) = under_way {
                self.ended(id, operation, outcome, cause);
            }
            return;
        };
        // One that the chain has not answered yet is not asked for a second time.
        let asked = self.take_up_retraction(id);
        let operation = asked.unwrap_or_else(|| self.new_operation(id));
        if let Some(tracked) = self.state.sessions.get_mut(id) {
            tracked.phase = Phase::Stopping(lease, operation, outcome);
            tracked.cause = cause;
        }
        self.set_delivery_deadline(id);
        if asked.is_none() {
            self.effects.push(Effect::Retract {
                operation,
                session: id.clone(),
            });
        }
        self.mark_changed(id, Fields::STATUS, None, cause);
    }
}
