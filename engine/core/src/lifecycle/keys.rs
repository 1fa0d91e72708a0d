//! The long-lived keys of sessions are replaced by rule.
//!
//! The cloud is asked how old a key is when its rule comes in force, and again when it is due: whoever replaced
//! it meanwhile is heard then. A rotation that was interrupted is due at once. Every policy may forbid it by
//! holding ROTATE for the session, since it is nobody's command; it begins as soon as nobody does.

use std::cmp::Reverse;

use crate::arbitration::{Rank, Tier};
use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::journal::JournalEvent;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::ids::KeyCall;
use crate::model::key_rotation::{KeyAnswer, KeyFacts, KeyRules};
use crate::model::policy::Action;
use crate::model::random::Random;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::keys::{KeyCallUnderWay, KeyState};
use crate::state::timers::TimerKey;

/// Less than every policy: a rule about keys outranks no hold.
const LEAST: Rank = Rank {
    tier: Tier::Personal,
    priority: i32::MIN,
};

impl StepContext<'_> {
    /// It is said anew whose keys are looked after.
    pub(crate) fn key_rules(&mut self, rules: &KeyRules) {
        let known = self.state.keys.of.keys();
        let gone: Vec<SessionId> = known
            .filter(|id| !rules.contains_key(*id))
            .cloned()
            .collect();
        for id in gone {
            self.state.keys.of.remove(&id);
            if self.deadline_of_key(&id).is_none() {
                self.state.timers.clear(&TimerKey::Key(id));
            }
        }
        for (id, rule) in rules {
            let key = self.state.keys.of.entry(id.clone());
            key.or_insert_with(|| KeyState::new(*rule)).rule = *rule;
            self.keys.insert(id.clone());
        }
    }

    /// A person changed something that the key of this session may have waited for.
    pub(crate) fn look_at_key_again(&mut self, id: &SessionId) {
        if let Some(key) = self.state.keys.of.get_mut(id) {
            key.retry_at = None;
            key.outdated = true;
            self.keys.insert(id.clone());
        }
    }

    /// Does what is to be done about the key of a session now, or sees to it that it is done later.
    pub(crate) fn consider_key(&mut self, id: &SessionId) {
        if let Some(deadline) = self.deadline_of_key(id) {
            if deadline > self.now {
                return self.state.timers.set(TimerKey::Key(id.clone()), deadline);
            }
            self.state.keys.under_way = None;
            let message = "Dayfly waited too long for an answer about the access key";
            self.key_failed(id, Failure::new(ErrorKind::Network, message));
            self.keys.extend(self.state.keys.of.keys().cloned());
        }
        let Some(key) = self.state.keys.of.get(id) else {
            return;
        };
        let present = self.state.sessions.get(id).is_some_and(|t| t.present);
        if !present || key.is_settled() {
            return self.state.timers.clear(&TimerKey::Key(id.clone()));
        }
        let due = key.known().and_then(|facts| facts.due(key.rule));
        let due = due.unwrap_or(self.now);
        let at = key.retry_at.map_or(due, |retry_at| retry_at.max(due));
        if at > self.now {
            return self.state.timers.set(TimerKey::Key(id.clone()), at);
        }
        self.state.timers.clear(&TimerKey::Key(id.clone()));
        // What is under way has every key considered again once it ends.
        let waits = self.state.stopping || self.state.keys.under_way.is_some();
        if !waits && self.state.policies_known {
            match key.known() {
                None => self.look_at_key(id),
                Some(facts) => self.rotate_key_unless_held(id, facts),
            }
        }
    }

    /// When the call about the key of this session has taken too long, where one is under way.
    fn deadline_of_key(&self, id: &SessionId) -> Option<Timestamp> {
        let call = self.state.keys.under_way.as_ref()?;
        (call.session == *id).then_some(call.deadline)
    }

    fn look_at_key(&mut self, id: &SessionId) {
        let call = self.begin_key_call(id, false);
        let session = id.clone();
        self.effects.push(Effect::LookAtKey { call, session });
    }

    /// Has a key replaced that is due, where no policy forbids it.
    fn rotate_key_unless_held(&mut self, id: &SessionId, facts: KeyFacts) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let mut entries = self.state.entries.values();
        if entries.any(|policy| !policy.entry.shadow && policy.owes_answer(id)) {
            // Its answer has the session considered again, and then the key.
            return;
        }
        let holds = self.active_proposals(id, state).holds.into_iter();
        let holds = holds.filter(|hold| hold.forbids(Action::Rotate, LEAST, self.now));
        let hold = holds.max_by_key(|hold| (hold.rank, Reverse(hold.actor.clone())));
        let Some(key) = self.state.keys.of.get_mut(id) else {
            return;
        };
        let held = hold.map(|hold| (hold.until, (hold.actor, hold.why.message)));
        let before = std::mem::replace(&mut key.held, held.as_ref().map(|(_, by)| by.clone()));
        let every_seconds = key.rule.every().map(|every| every.as_secs());
        let cause = self.new_cause();
        let session = id.clone();
        if let Some((until, (by, why))) = held {
            // Its end has the session considered again; so does the policy's next answer.
            self.state.timers.put(TimerKey::Key(id.clone()), until);
            if before.as_ref() != Some(&(by.clone(), why.clone())) {
                self.record(cause, JournalEvent::KeyHeld { session, by, why });
            }
            return;
        }
        let due = JournalEvent::KeyDue {
            session: session.clone(),
            created: facts.created,
            every_seconds,
            interrupted: facts.interrupted,
        };
        self.record(cause, due);
        let call = self.begin_key_call(id, true);
        let older_than = every_seconds.map(std::time::Duration::from_secs);
        self.effects.push(Effect::RotateKey {
            call,
            session,
            older_than,
        });
    }

    fn begin_key_call(&mut self, id: &SessionId, rotates: bool) -> KeyCall {
        let deadline = self.now.plus(self.state.settings.key_deadline);
        let keys = &mut self.state.keys;
        keys.last_call.0 += 1;
        keys.under_way = Some(KeyCallUnderWay {
            call: keys.last_call,
            session: id.clone(),
            rotates,
            deadline,
        });
        self.state.timers.set(TimerKey::Key(id.clone()), deadline);
        keys.last_call
    }

    /// A call about a key ended.
    pub(crate) fn key_answered(
        &mut self,
        call: KeyCall,
        id: &SessionId,
        result: Result<KeyAnswer, Failure>,
    ) {
        let under_way = self.state.keys.under_way.as_ref();
        let in_time = under_way.is_some_and(|under_way| under_way.call == call);
        if in_time {
            self.state.keys.under_way = None;
        }
        match result {
            // Also where it came too late: the key is another now.
            Ok(answer) => self.key_well(id, answer),
            Err(failure) if in_time => self.key_failed(id, failure),
            Err(_) => {}
        }
        self.keys.extend(self.state.keys.of.keys().cloned());
        self.keys.insert(id.clone());
    }

    fn key_well(&mut self, id: &SessionId, answer: KeyAnswer) {
        let facts = match &answer {
            KeyAnswer::Seen(facts) => *facts,
            KeyAnswer::Rotated { .. } => KeyFacts {
                created: self.now,
                interrupted: false,
            },
        };
        if let KeyAnswer::Rotated { old, new } = answer {
            let session = id.clone();
            let cause = self.new_cause();
            self.record(cause, JournalEvent::KeyRotated { session, old, new });
        }
        if let Some(key) = self.state.keys.of.get_mut(id) {
            *key = KeyState {
                facts: Some(facts),
                held: key.held.take(),
                ..KeyState::new(key.rule)
            };
        }
    }

    fn key_failed(&mut self, id: &SessionId, failure: Failure) {
        let settings = self.state.settings;
        let backoff = match failure.kind {
            ErrorKind::Denied | ErrorKind::Misconfigured => settings.retry_lasting,
            // Also where the cloud cannot be reached: nobody waits for it.
            _ => settings.retry,
        };
        let Some(key) = self.state.keys.of.get_mut(id) else {
            return;
        };
        key.failures = key.failures.saturating_add(1);
        // A key that somebody replaced meanwhile, or whose rotation was interrupted, is looked at again.
        key.outdated = true;
        let mut random = Random::of(self.state.seed, id.as_str());
        let at = backoff.retry_at(self.now, key.failures, &mut random);
        let retry_at = failure.retry_at.map_or(at, |earliest| earliest.max(at));
        key.retry_at = Some(retry_at);
        let before = key.last_failure.replace(failure.clone());
        // What fails again and again in the same way is told once.
        if before.as_ref() == Some(&failure) {
            return;
        }
        let session = id.clone();
        let cause = self.new_cause();
        let failed = JournalEvent::KeyFailed {
            session,
            failure,
            retry_at,
        };
        self.record(cause, failed);
    }
}
