//! One input in, effects out.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::arbitration::Actor;
use crate::events::effect::{Cause, Effect, JournalEntry, JournalEvent, OperationId, Reply};
use crate::events::input::{CommandId, Input, ManualOverride, Order};
use crate::model::policy::{Action, Event, Fields, Outcome, ResyncReason};
use crate::model::session::{ErrorKind, Failure, Lease, SessionId};
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;
use crate::state::{Phase, State};

/// Takes one input at a moment, changes the state and answers what is to be done.
///
/// The same state, moment and input give the same effects, in the same order.
#[must_use]
pub fn step(state: &mut State, now: Timestamp, input: Input) -> Vec<Effect> {
    let mut turn = StepContext {
        state,
        now,
        effects: Vec::new(),
        reconsider: BTreeSet::new(),
    };
    turn.take(input);
    turn.run_to_fixpoint();
    turn.effects
}

/// One call of [`step`].
pub(crate) struct StepContext<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
    /// Sessions for which something changed that may change what is to be done.
    pub(crate) reconsider: BTreeSet<SessionId>,
}

impl StepContext<'_> {
    fn take(&mut self, input: Input) {
        match input {
            Input::Boot { found, words } => {
                let cause = self.new_cause();
                let ids = found.iter().map(|f| f.session.clone()).collect();
                self.record(cause, JournalEvent::Booted { found: ids });
                self.state.recovered = found.into_iter().map(|f| (f.session.clone(), f)).collect();
                self.state.recovered_overrides = words.into_iter().collect();
            }
            Input::Workspace(change) => self.workspace(change),
            Input::Policies(entries) => self.policies(entries),
            Input::Settings(settings) => self.state.settings = settings,
            Input::Command { id, session, order } => self.command(Some(id), &session, order),
            Input::Evaluated {
                entry,
                evaluation,
                result,
            } => {
                self.evaluated(&entry, evaluation, result);
            }
            Input::Issued { operation, result } => self.issued(operation, result),
            Input::Delivered { operation, result } => self.delivered(operation, result),
            Input::Used { session } => {
                let now = self.now;
                if let Some(tracked) = self.state.sessions.get_mut(&session) {
                    tracked.last_use = Some(now);
                    let cause = tracked.cause;
                    self.mark_changed(&session, Fields::LAST_USE, None, cause);
                }
            }
            Input::Custom { name, data } => self.custom(name, data),
            Input::Attended(what) => self.user_input_resolved(&what),
            Input::SignIns(stand) => self.sign_ins(stand),
            Input::Enable(name) => {
                let tracking = self.state.entries.get_mut(&name);
                // What only stands in for a guard rail cannot be asked.
                if let Some(tracking) = tracking.filter(|t| t.entry.unusable.is_none()) {
                    tracking.suspended = false;
                    tracking.failures = 0;
                    tracking.not_before = None;
                    tracking.resync = Some((ResyncReason::Reconfigured, None));
                    self.state.timers.clear(&TimerKey::Ask(name));
                }
            }
            Input::Watched { seen, to } => self.watched(seen, to.as_ref()),
            Input::Resumed { slept_ms, set_ms } => {
                self.shift_spans(set_ms);
                self.resumed(slept_ms, set_ms);
                self.settle_rates();
                self.watch_ends();
                self.watch_sign_ins();
            }
            Input::Stopping { deadline } => self.stopping(deadline),
            Input::Tick => {}
        }
    }

    /// Goes on until nothing is left to be done at this moment.
    fn run_to_fixpoint(&mut self) {
        loop {
            if let Some((due, key)) = self.state.timers.pop_due(self.now) {
                self.timer(due, key);
            } else if let Some(id) = self.reconsider.pop_first() {
                self.reconcile(&id);
            } else if !self.issue_next() {
                break;
            }
        }
        self.ask_entries();
    }

    fn timer(&mut self, due: Timestamp, key: TimerKey) {
        match key {
            TimerKey::Expiry(id) => self.expire(&id),
            TimerKey::Expiring(id) => self.expiring(&id),
            TimerKey::Deadline(id) => self.too_late(&id),
            TimerKey::Reconsider(id) => {
                self.reconsider.insert(id);
            }
            TimerKey::Orphan(id) => self.retract_orphan(&id),
            TimerKey::Wake(entry, id) => {
                let Some(tracking) = self.state.entries.get_mut(&entry) else {
                    return;
                };
                // One call serves all wishes whose moment has come.
                let now = self.now;
                let ready: Vec<_> = tracking
                    .wakes
                    .iter()
                    .filter(|(wake, at)| **wake == id || **at <= now)
                    .map(|(wake, at)| (wake.clone(), *at))
                    .collect();
                for (wake, at) in ready {
                    tracking.wakes.remove(&wake);
                    self.state
                        .timers
                        .clear(&TimerKey::Wake(entry.clone(), wake.clone()));
                    tracking.others.push_back(Event::Wake {
                        id: wake,
                        due: at.min(due),
                    });
                }
            }
            TimerKey::Schedule(entry, index) => self.scheduled(entry, index, due),
            TimerKey::SignIn(id) => self.sign_in_ends(&id),
            TimerKey::Ask(entry) => {
                if let Some(tracking) = self.state.entries.get_mut(&entry) {
                    tracking.not_before = None;
                }
            }
            TimerKey::Lane(lane) => self.state.queue.open(&lane),
        }
    }

    /// A person's command; without an id it came by an edit of the Workspace.
    pub(crate) fn command(&mut self, id: Option<CommandId>, session: &SessionId, order: Order) {
        if order == Order::Demand {
            return self.demand(id, session);
        }
        let cause = self.new_cause();
        let now = self.now;
        let Some(tracked) = self.state.sessions.get_mut(session).filter(|t| t.present) else {
            if let Some(command) = id {
                self.effects.push(Effect::Reply {
                    command,
                    reply: Reply::NotFound,
                });
            }
            return;
        };
        tracked.cause = cause;
        let rotates = matches!(
            &order,
            Order::Do {
                action: Action::Rotate,
                ..
            }
        );
        if let (true, Phase::Inactive, Some(command)) = (rotates, &tracked.phase, id) {
            let failure = Failure::new(
                ErrorKind::Other,
                "it is inactive, so there is nothing to renew",
            );
            let hint = format!("`dayfly session start {}` starts it", tracked.session.name);
            self.effects.push(Effect::Reply {
                command,
                reply: Reply::Failed {
                    failure: failure.with_hint(hint),
                    retry_at: None,
                },
            });
            return;
        }
        let starts = matches!(order, Order::Do { action, .. } if action != Action::Stop);
        let (kept, superseded) = std::mem::take(&mut tracked.waiting)
            .into_iter()
            .partition(|(id, _)| starts && tracked.demands.contains(id));
        let superseded: Vec<(CommandId, Action)> = superseded;
        tracked.waiting = kept;
        let (action, override_reason, reason) = match &order {
            Order::Do {
                action,
                override_reason,
                reason,
                ..
            } => (Some(*action), override_reason.clone(), reason.clone()),
            Order::Release | Order::Demand => (None, None, None),
        };
        match order {
            Order::Do {
                action: Action::Rotate,
                ..
            } => {
                tracked.rotate_asked = Some(now);
                tracked.retry_at = None;
                tracked.needs_person = false;
            }
            Order::Do {
                action,
                lasting,
                override_reason,
                reason,
            } => {
                let until = lasting.map(|span: Duration| now.plus(span));
                tracked.manual_override = Some(ManualOverride {
                    action,
                    at: now,
                    until,
                    override_reason,
                    reason,
                });
                tracked.retry_at = None;
                tracked.needs_person = false;
                tracked.rotate_asked = None;
            }
            Order::Release | Order::Demand => {
                tracked.manual_override = None;
                tracked.rotate_asked = None;
            }
        }
        let word = tracked.manual_override.clone();
        match (id, action) {
            (Some(id), Some(action)) => tracked.waiting.push((id, action)),
            (Some(command), None) => {
                let lease = tracked.phase.lease();
                self.effects.push(Effect::Reply {
                    command,
                    reply: Reply::Done {
                        lease,
                        displaced: Vec::new(),
                    },
                });
            }
            (None, _) => {}
        }
        for (command, _) in superseded {
            tracked.demands.remove(&command);
            self.effects.push(Effect::Reply {
                command,
                reply: Reply::Superseded,
            });
        }
        self.effects.push(Effect::Remember {
            session: session.clone(),
            word,
        });
        if let Some(action) = action {
            self.note_decision(session, action, &Actor::Person);
        }
        self.hurry(session);
        let by_edit = id.is_none();
        let session_id = session.clone();
        self.record(
            cause,
            JournalEvent::Commanded {
                session: session_id,
                action,
                by_edit,
                override_reason,
                reason,
            },
        );
        self.restate(session, cause);
        self.reconsider.insert(session.clone());
    }

    /// Lets the policies know that the reason for which the person wants the session changed, or was
    /// given again.
    pub(crate) fn restate(&mut self, session: &SessionId, cause: Cause) {
        let Some(tracked) = self.state.sessions.get(session) else {
            return;
        };
        let said = tracked
            .manual_override
            .as_ref()
            .and_then(ManualOverride::stated);
        let again = said.is_some()
            && tracked
                .manual_override
                .as_ref()
                .is_some_and(|w| w.at == self.now);
        if again || said != tracked.view.reason.as_ref() {
            self.mark_changed(session, Fields::REASON, None, cause);
        }
    }

    /// A program asks for credentials.
    fn demand(&mut self, id: Option<CommandId>, session: &SessionId) {
        let Some(command) = id else { return };
        let now = self.now;
        let tracked = self.state.sessions.get_mut(session);
        let Some(tracked) = tracked.filter(|t| t.present) else {
            let reply = Reply::NotFound;
            return self.effects.push(Effect::Reply { command, reply });
        };
        let good = tracked.phase.lease().filter(|lease| !lease.expired(now));
        if matches!(tracked.phase, Phase::Active(_) | Phase::Rotating(..)) && good.is_some() {
            let reply = Reply::Unchanged { lease: good };
            self.effects.push(Effect::Reply { command, reply });
            if good.is_some_and(|lease| lease.due(now)) && !tracked.refresh_asked {
                tracked.refresh_asked = true;
                self.reconsider.insert(session.clone());
            }
            return;
        }
        if matches!(tracked.phase, Phase::Active(_)) {
            // They have ended and could not be retracted: what has ended is no answer.
            let ended = || Failure::new(ErrorKind::Delivery, "the credentials have ended");
            let reply = Reply::Failed {
                failure: tracked.last_failure.clone().unwrap_or_else(ended),
                retry_at: tracked.retry_at,
            };
            return self.effects.push(Effect::Reply { command, reply });
        }
        tracked.waiting.push((command, Action::Start));
        tracked.demands.insert(command);
        self.hurry(session);
        self.reconsider.insert(session.clone());
    }

    pub(crate) fn new_cause(&mut self) -> Cause {
        self.state.next_cause += 1;
        Cause(self.state.next_cause)
    }

    pub(crate) fn new_operation(&mut self, session: &SessionId) -> OperationId {
        self.state.next_operation += 1;
        let id = OperationId(self.state.next_operation);
        self.state.operations.insert(id, session.clone());
        id
    }

    pub(crate) fn record(&mut self, cause: Cause, what: JournalEvent) {
        self.effects.push(Effect::Record(JournalEntry {
            at: self.now,
            cause,
            what,
        }));
    }

    /// Answers the commands that wait for this session.
    pub(crate) fn reply(&mut self, id: &SessionId, answer: impl Fn(Action) -> Option<Reply>) {
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        let mut rest = Vec::new();
        for (command, action) in std::mem::take(&mut tracked.waiting) {
            match answer(action) {
                Some(reply) => {
                    tracked.demands.remove(&command);
                    self.effects.push(Effect::Reply { command, reply });
                }
                None => rest.push((command, action)),
            }
        }
        tracked.waiting = rest;
    }

    /// The credentials of a session come to their end, and nobody has renewed them.
    fn expiring(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get(id).filter(|t| t.present) else {
            return;
        };
        if tracked
            .phase
            .lease()
            .is_some_and(|lease| !lease.expired(self.now))
        {
            let cause = tracked.cause;
            self.mark_changed(id, Fields::EXPIRING, Some(Outcome::Expiring), cause);
        }
    }

    /// Sets the timers that go with credentials, or clears them where there are none.
    pub(crate) fn set_lease_timers(&mut self, id: &SessionId, lease: Option<Lease>) {
        let timers = &mut self.state.timers;
        let end = lease.and_then(|lease| lease.expires_at);
        timers.put(TimerKey::Expiry(id.clone()), end);
        let near = lease.and_then(Lease::comes_to_its_end);
        timers.put(TimerKey::Expiring(id.clone()), near);
    }

    /// Where the clock was set back, credentials whose retraction was put off may not have ended any
    /// more, and end before it would be tried again.
    fn watch_ends(&mut self) {
        for (id, tracked) in &self.state.sessions {
            let end = tracked.phase.lease().and_then(|lease| lease.expires_at);
            let key = TimerKey::Expiry(id.clone());
            let watched = self.state.timers.get(&key);
            if let (Some(end), Some(watched)) = (end, watched)
                && end > self.now
                && watched > end
            {
                self.state.timers.set(key, end);
            }
        }
    }

    /// The credentials of a session end.
    fn expire(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        if !tracked
            .phase
            .lease()
            .is_some_and(|lease| lease.expired(self.now))
        {
            return;
        }
        let cause = tracked.cause;
        self.stop(id, Outcome::Expired, cause);
    }
}
