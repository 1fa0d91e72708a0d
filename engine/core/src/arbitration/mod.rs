//! Turning all that is proposed for one session into at most one action: a pure function.
//!
//! Of several proposals that of the highest rank wins, and a hold forbids what ranks below it. Here a policy
//! of a person wants to start a session, and a guard rail forbids it; the person, who overrides guard
//! rails, is not held:
//!
//! ```
//! use dayfly_core::arbitration::{
//!     Actor, Lost, ProposedAct, ProposedHold, Rank, Situation, Tier, arbitrate,
//! };
//! use dayfly_core::policy::{Action, EntryName, Reason, Revision};
//! use dayfly_core::session::Status;
//! use dayfly_core::time::Timestamp;
//!
//! let rank = |tier| Rank { tier, priority: 0 };
//! let policy = |name| Actor::Policy(EntryName::new(name));
//! let start = |actor, tier| ProposedAct {
//!     actor,
//!     rank: rank(tier),
//!     action: Action::Start,
//!     revision: None,
//!     not_after: None,
//!     why: Reason::new("work", "it is a working day"),
//!     unanswered: false,
//! };
//! let guard_rail = ProposedHold {
//!     actor: policy("change-freeze"),
//!     rank: rank(Tier::GuardRail),
//!     actions: [Action::Start].into_iter().collect(),
//!     until: None,
//!     why: Reason::new("freeze", "there is a change freeze"),
//! };
//! let situation = Situation {
//!     now: Timestamp::from_millis(0),
//!     status: Status::Inactive,
//!     revision: Revision(1),
//! };
//!
//! let acts = [start(policy("schedule"), Tier::Personal)];
//! let result = arbitrate(situation, &acts, &[guard_rail.clone()]);
//! assert_eq!(result.action, None);
//! let why = "there is a change freeze".to_owned();
//! let by = policy("change-freeze");
//! assert_eq!(result.lost, [(0, Lost::Held { by, why })]);
//!
//! let acts = [acts[0].clone(), start(Actor::Person, Tier::Override)];
//! let result = arbitrate(situation, &acts, &[guard_rail]);
//! assert_eq!((result.action, result.winner), (Some(Action::Start), Some(1)));
//! ```

mod arbitrate;
mod proposals;
mod rank;
#[cfg(test)]
mod tests;

pub(crate) use arbitrate::satisfied;
pub use arbitrate::{Arbitration, Lost, Situation, arbitrate};
pub use proposals::{ProposedAct, ProposedHold};
pub use rank::{Actor, Rank, Tier};
