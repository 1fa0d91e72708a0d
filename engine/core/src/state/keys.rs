//! What the core knows of long-lived keys that are looked after.

use std::collections::BTreeMap;

use crate::arbitration::Actor;
use crate::model::failure::Failure;
use crate::model::ids::KeyCall;
use crate::model::key_rotation::{KeyFacts, KeyRule};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;

/// The long-lived key of one session.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// What is to be done about it.
    pub rule: KeyRule,
    /// What is known of it; none: the cloud has not been asked yet.
    pub facts: Option<KeyFacts>,
    /// Why the last call about it failed, until one succeeds.
    pub last_failure: Option<Failure>,
    /// Calls that failed since the last success.
    pub failures: u32,
    /// No call is made before.
    pub retry_at: Option<Timestamp>,
    /// Who forbids to replace it, and why, where it is due.
    pub held: Option<(Actor, String)>,
    /// The facts may be others now: the cloud is asked before anything is done.
    pub(crate) outdated: bool,
}

impl KeyState {
    pub(crate) const fn new(rule: KeyRule) -> Self {
        Self {
            rule,
            facts: None,
            last_failure: None,
            failures: 0,
            retry_at: None,
            held: None,
            outdated: false,
        }
    }

    /// When it is to be replaced, as far as that is known.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.facts?.due(self.rule)
    }

    /// What is known of it, where that is not in doubt.
    pub(crate) fn known(&self) -> Option<KeyFacts> {
        self.facts.filter(|_| !self.outdated)
    }

    /// Whether nothing is to be done about it any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.known()
            .is_some_and(|facts| facts.due(self.rule).is_none())
    }
}

/// A call about a key that is under way.
#[derive(Clone, Debug)]
pub(crate) struct KeyCallUnderWay {
    pub(crate) call: KeyCall,
    pub(crate) session: SessionId,
    pub(crate) rotates: bool,
    pub(crate) deadline: Timestamp,
}

/// All keys that are looked after. One call is under way at a time: nobody is in a hurry, and a
/// mistake meets one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyStates {
    pub(crate) of: BTreeMap<SessionId, KeyState>,
    pub(crate) under_way: Option<KeyCallUnderWay>,
    pub(crate) last_call: KeyCall,
}

impl KeyStates {
    pub(crate) fn shift(&mut self, shift: impl Fn(Timestamp) -> Timestamp) {
        for key in self.of.values_mut() {
            key.retry_at = key.retry_at.map(&shift);
        }
        if let Some(call) = &mut self.under_way {
            call.deadline = shift(call.deadline);
        }
    }
}
