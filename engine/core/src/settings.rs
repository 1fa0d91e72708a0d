//! What the person can set about the core.

use std::time::Duration;

use crate::backoff::Backoff;

/// Bounds and waits of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Operations that wait for a provider at the same time.
    pub issuing_max: usize,
    /// How long a provider may take.
    pub issue_deadline: Duration,
    /// Waits after failed operations.
    pub retry: Backoff,
    /// Waits after failures to reach the cloud: short, since nobody is asked too much.
    pub retry_unreachable: Backoff,
    /// How soon after a failure to reach the cloud another try is worth while, where somebody else
    /// has reached it.
    pub retry_reachable: Duration,
    /// Waits after failures that only a person can mend, or the cloud's "no".
    pub retry_lasting: Backoff,
    /// Waits after faults of a policy.
    pub ask_again: Backoff,
    /// Faults in a row after which a policy entry is suspended.
    pub faults_max: u32,
    /// Sessions in one call of a policy.
    pub batch_max: usize,
    /// Wake-ups that one entry may have outstanding.
    pub wakes_max: usize,
    /// Custom events that wait for one entry; more collapse into a resync.
    pub customs_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuing_max: 16,
            issue_deadline: Duration::from_secs(90),
            retry: Backoff {
                first: Duration::from_secs(2),
                longest: Duration::from_secs(300),
            },
            retry_unreachable: Backoff {
                first: Duration::from_secs(2),
                longest: Duration::from_secs(60),
            },
            retry_reachable: Duration::from_secs(10),
            retry_lasting: Backoff {
                first: Duration::from_secs(60),
                longest: Duration::from_secs(3600),
            },
            ask_again: Backoff {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(300),
            },
            faults_max: 10,
            batch_max: 2_000,
            wakes_max: 20_000,
            customs_max: 256,
        }
    }
}
