//! What the person can set about the core.

use std::time::Duration;

use crate::model::backoff::Backoff;
use crate::model::rates::Rate;
use crate::model::time::millis;

/// Bounds and waits of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Operations that wait for a provider at the same time.
    pub issuing_max: usize,
    /// How long a provider may take.
    pub issue_deadline: Duration,
    /// How long the chain may take to put credentials in force or to retract them.
    pub delivery_deadline: Duration,
    /// How long a call about a long-lived key may take.
    pub key_deadline: Duration,
    /// Waits after failed operations.
    pub retry: Backoff,
    /// Waits after failures to reach the cloud: short, since nobody is asked too much.
    pub retry_unreachable: Backoff,
    /// What each session that does not reach a cloud adds to the longest of these waits for all of
    /// them, where that is longer …
    pub retry_unreachable_each: Duration,
    /// … and how long they become.
    pub retry_unreachable_longest: Duration,
    /// How soon after a failure to reach the cloud another try is worth while, where somebody else
    /// has reached it.
    pub retry_reachable: Duration,
    /// Waits after the cloud's "no" and after what is wrong in the Workspace.
    pub retry_lasting: Backoff,
    /// How long programs that ask are turned away after a failure that only a person can fix. By
    /// itself nothing is tried before the person has done it.
    pub ask_person_again: Duration,
    /// Waits after faults of a policy.
    pub ask_again: Backoff,
    /// Faults in a row after which a policy entry is suspended.
    pub faults_max: u32,
    /// Sessions in one call of a policy.
    pub batch_max: usize,
    /// Wake-ups that one entry may have outstanding.
    pub wakes_max: usize,
    /// How soon after an answer a wake-up that it asks for comes, also where it asks for one that is past:
    /// a policy that always wants to be woken must not be woken all the time.
    pub wake_soonest: Duration,
    /// Messages of one entry that are known to be shown; where there are more, all may be shown again.
    pub notices_max: usize,
    /// Custom events that wait for one entry; more collapse into a resync.
    pub customs_max: usize,
    /// Files and repositories in one call of a policy.
    pub files_max: usize,
    /// Whether policies are called when the engine starts and stops. Not where it is there for a single
    /// command.
    pub announces: bool,
    /// How many calls providers take.
    pub calls: CallRates,
    /// What decisions of policies may have to wait for.
    pub damping: Damping,
}

/// Calls of providers, for each account that they are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRates {
    /// AWS STS, for each account that calls.
    pub sts: Rate,
    /// The portal of one IAM Identity Center, which the person's other tools use too.
    pub sso: Rate,
    /// Microsoft Entra ID, for each tenant.
    pub azure: Rate,
    /// IAM Roles Anywhere, for each account.
    pub roles_anywhere: Rate,
}

impl Default for CallRates {
    /// STS is known to take 600 a second for an account. IAM Identity Center documents no more than
    /// about 20 for a whole organisation, and refuses far less of it from one person. IAM Roles Anywhere
    /// takes ten of an account in a region, from all of its machines together.
    fn default() -> Self {
        Self {
            sts: Rate::per_second(20),
            sso: Rate::per_second(5),
            azure: Rate::per_second(10),
            roles_anywhere: Rate::per_second(3),
        }
    }
}

/// What decisions of policies to start or renew a session wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damping {
    /// How old credentials are before a policy renews them; a tenth of their lifetime where that
    /// is less.
    pub dwell: Duration,
    /// How long a session that a policy stopped stays so before a policy starts it.
    pub cooldown: Duration,
    /// So many times may policies start and stop a session in short order; then starts wait until
    /// half of that has decayed.
    pub flaps_max: u32,
    /// The time in which half of it decays.
    pub flap_half_life: Duration,
    /// How often one policy may undo what another does to a session …
    pub rounds_max: u32,
    /// … within this time, before both leave it alone …
    pub rounds_within: Duration,
    /// … for so long.
    pub freeze: Duration,
}

impl Damping {
    /// Milliseconds, at least one.
    pub(crate) fn half_life(&self) -> u64 {
        millis(self.flap_half_life).max(1)
    }
}

impl Default for Damping {
    fn default() -> Self {
        Self {
            dwell: Duration::from_secs(60),
            cooldown: Duration::from_secs(5),
            flaps_max: 4,
            flap_half_life: Duration::from_secs(600),
            rounds_max: 2,
            rounds_within: Duration::from_secs(600),
            freeze: Duration::from_secs(900),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuing_max: 16,
            issue_deadline: Duration::from_secs(90),
            delivery_deadline: Duration::from_secs(60),
            key_deadline: Duration::from_secs(300),
            retry: Backoff {
                first: Duration::from_secs(2),
                longest: Duration::from_secs(300),
            },
            retry_unreachable: Backoff {
                first: Duration::from_secs(2),
                longest: Duration::from_secs(60),
            },
            retry_unreachable_each: Duration::from_secs(1),
            retry_unreachable_longest: Duration::from_secs(600),
            retry_reachable: Duration::from_secs(10),
            retry_lasting: Backoff {
                first: Duration::from_secs(60),
                longest: Duration::from_secs(3600),
            },
            ask_person_again: Duration::from_secs(10),
            ask_again: Backoff {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(300),
            },
            faults_max: 10,
            batch_max: 2_000,
            wakes_max: 20_000,
            wake_soonest: Duration::from_secs(1),
            notices_max: 1_000,
            customs_max: 256,
            calls: CallRates::default(),
            damping: Damping::default(),
            files_max: 500,
            announces: true,
        }
    }
}
