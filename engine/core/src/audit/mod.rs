//! What has to be so after every step, checked by other code than that which makes it so.
//!
//! [`audit`] reads public facts of the [`State`] and what the chain is known to hold. Property
//! tests, the simulator and debug builds of the daemon call it after each step; it changes
//! nothing, and an empty answer is the only good one.

mod chain;
mod delivery;
mod delivery_violation;
mod entries;
mod keys;
mod operations;
mod sessions;
mod text;
mod violation;

use std::collections::BTreeSet;

use crate::events::input::RecoveredCredentials;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::State;

pub use crate::audit::delivery_violation::DeliveryViolation;
pub use crate::audit::violation::Violation;

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
    for (id, session) in state.sessions() {
        audit.session(id, session);
    }
    audit.operations();
    audit.providers();
    audit.entries();
    audit.sign_ins();
    audit.keys();
    audit.deliveries();
    if let Some(due) = state.next_wake().filter(|at| *at <= now) {
        audit.found.push(Violation::Overdue { due });
    }
    match chain {
        Chain::Unknown => {}
        Chain::Moving(held) => audit.chain(held, true),
        Chain::Quiet(held) => {
            audit.chain(held, false);
            audit.places_held(held);
        }
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
    pub(super) fn broken(&mut self, violation: Violation) {
        self.found.push(violation);
    }
}

#[cfg(test)]
mod tests;
