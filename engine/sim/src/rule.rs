//! A policy in a virtual world.

use dayfly_core::input::Entry;
use dayfly_policy::Policy;

/// A policy entry and what is asked.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What the core knows of it.
    pub entry: Entry,
    /// What is asked.
    pub policy: Policy,
}
