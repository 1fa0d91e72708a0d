//! One input in, effects out.

use std::collections::BTreeSet;

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::input::Input;
use crate::model::time::Timestamp;
use crate::state::State;
use crate::state::timers::TimerKey;

/// Takes one input at a moment, changes the state and answers what is to be done.
///
/// The same state, moment and input give the same effects, in the same order.
#[must_use]
pub fn step(state: &mut State, now: Timestamp, input: Input) -> Vec<Effect> {
    let mut context = StepContext {
        state,
        now,
        effects: Vec::new(),
        reconsider: BTreeSet::new(),
        keys: BTreeSet::new(),
        realign: false,
    };
    context.take(input);
    context.run_to_fixpoint();
    if context.realign {
        context.align();
    }
    context.effects
}

impl StepContext<'_> {
    pub(crate) fn take(&mut self, input: Input) {
        match input {
            Input::Boot { found, words } => self.boot(found, words),
            Input::Workspace(change) => {
                // What was found in the chain has names from now on.
                self.realign |= self.state.workspace_revision == 0;
                self.workspace(change);
            }
            Input::Policies(entries) => self.policies(entries),
            Input::Settings(settings) => self.state.settings = settings,
            Input::Deliveries(wanted) => self.deliveries(wanted),
            Input::KeyRules(rules) => self.key_rules(&rules),
            Input::KeyAnswered {
                call,
                session,
                result,
            } => self.key_answered(call, &session, result),
            Input::Command { id, session, order } => self.command_of_person(id, &session, order),
            Input::Evaluated {
                entry,
                evaluation,
                result,
            } => {
                self.evaluated(&entry, evaluation, result);
            }
            Input::Issued { operation, result } => self.issued(operation, result),
            Input::Delivered { operation, result } => {
                let done = result.as_ref().map(drop).map_err(Clone::clone);
                self.note_delivered(operation, result);
                self.delivered(operation, done);
            }
            Input::Aligned { session, result } => self.aligned(&session, result),
            Input::StillInForce { session, places } => self.still_in_force(&session, &places),
            Input::PlaceChanged(changed) => self.place_changed(changed),
            Input::FoundLeftover { session } => self.clear_leftover(session),
            Input::LeftoverCleared { session, result } => self.leftover_cleared(session, result),
            Input::Used { session } => self.used(&session),
            Input::Custom { name, data } => self.custom(name, data),
            Input::Attended(what) => self.user_input_resolved(&what),
            Input::SignIns(valid) => self.sign_ins(valid),
            Input::Enable(name) => self.enable(name),
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
                self.keys.insert(id);
            } else if let Some(id) = self.keys.pop_first() {
                self.consider_key(&id);
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
            TimerKey::Deadline(id) => self.deadline_passed(&id),
            TimerKey::Reconsider(id) => {
                self.reconsider.insert(id);
            }
            TimerKey::Key(id) => {
                self.keys.insert(id);
            }
            TimerKey::Orphan(id) => self.retract_orphan(&id),
            TimerKey::Wake(entry, id) => self.wake(&entry, &id, due),
            TimerKey::Schedule(entry, index) => self.scheduled(entry, index, due),
            TimerKey::SignIn(id) => self.sign_in_ends(&id),
            TimerKey::Ask(entry) => {
                if let Some(policy) = self.state.entries.get_mut(&entry) {
                    policy.not_before = None;
                }
            }
            TimerKey::Lane(lane) => self.state.queue.open(&lane),
            TimerKey::Delivery => self.retry_places(),
        }
    }
}
