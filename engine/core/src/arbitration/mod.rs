//! Turning all that is proposed for one session into at most one action: a pure function.

mod arbitrate;
mod proposals;
mod rank;
#[cfg(test)]
mod tests;

pub(crate) use arbitrate::satisfied;
pub use arbitrate::{Arbitration, Lost, Situation, arbitrate};
pub use proposals::{ProposedAct, ProposedHold};
pub use rank::{Actor, Rank, Tier};
