//! One input in, effects out.

use std::collections::BTreeSet;

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::input::Input;
use crate::events::journal::JournalEvent;
use crate::model::policy::{Event, Fields, ResyncReason};
use crate::model::time::Timestamp;
use crate::state::State;
use crate::state::timers::TimerKey;

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

impl StepContext<'_> {
    pub(crate) fn take(&mut self, input: Input) {
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
}
