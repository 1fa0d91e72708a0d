//! The policy contract as the engine thinks of it.
//!
//! One internal model for all versions of the WIT package: the host lifts each version
//! into these types. The names are those of `wit/`, where each is explained.

mod action;
mod answer;
mod entry;
mod event;
mod trigger;
mod view;

pub use action::{Action, Actions};
pub use answer::{
    Act, EvaluationId, Fault, FaultKind, Hold, Notice, PolicyEffect, Reason, Severity, Verdict,
};
pub use entry::{Descriptor, EntryName, SessionFilter, Subscription};
pub use event::{Context, Event, Outcome, ResyncReason, SessionChange};
pub use trigger::{BranchChange, EngineEvent, EngineMoments, FileChange, FileChangeKind};
pub use view::{Fields, Revision, SessionFacts, SessionKey, SessionView, Views};
