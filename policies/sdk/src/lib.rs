//! Write a Dayfly policy as a pure function.
//!
//! A rule implements [`Policy`] (what it is, how its configuration reads, what it wants to be
//! called for) and one of [`Rule`] (it needs only what happened) or [`WorkspaceRule`] (it also
//! asks about other sessions and remembers). [`export_policy!`] turns it into the component that
//! `wit/` describes. Nothing of a rule is bound to WebAssembly: its tests run natively.
//!
//! ```
//! use dayfly_policy_sdk::config::{ConfigError, Object};
//! use dayfly_policy_sdk::{
//!     Act, Action, ChangedFields, Context, Descriptor, Event, Matcher, Policy, Reason, Rule,
//!     Status, Subscription, Verdict, occasions, testing,
//! };
//!
//! /// Stops sessions whose last attempt was refused by the cloud.
//! struct StopDenied;
//!
//! impl Policy for StopDenied {
//!     type Config = Matcher;
//!
//!     fn descriptor() -> Descriptor {
//!         Descriptor {
//!             name: "stop-denied".into(),
//!             version: "1.0.0".into(),
//!             summary: "stops active sessions that the cloud denies".into(),
//!             config_schema: r#"{"type":"object"}"#.into(),
//!             actions: vec![Action::Stop],
//!             may_hold: false,
//!             state_bytes: 0,
//!         }
//!     }
//!
//!     fn parse(text: &str) -> Result<Matcher, ConfigError> {
//!         let config = Object::parse(text, &["match"])?;
//!         Matcher::read(&config, "match")
//!     }
//!
//!     fn subscriptions(config: &Matcher) -> Vec<Subscription> {
//!         vec![config.subscription(ChangedFields::FAILURE | ChangedFields::STATUS)]
//!     }
//! }
//!
//! impl Rule for StopDenied {
//!     fn evaluate(config: &Matcher, _: &Context, events: &[Event]) -> Verdict {
//!         let mut verdict = Verdict::default();
//!         for occasion in occasions(events) {
//!             let session = occasion.session;
//!             let denied = session.last_error == Some(dayfly_policy_sdk::ErrorKind::Denied);
//!             if !occasion.gone() && config.matches(session) && denied
//!                 && session.status == Status::Active
//!             {
//!                 let why = Reason::new("denied", "the cloud refuses this identity")
//!                     .with("failures", session.failures);
//!                 verdict.push(Act::new(Action::Stop, session, why));
//!             }
//!         }
//!         verdict
//!     }
//! }
//!
//! // Makes the component when compiled for wasm32; nothing on other targets.
//! dayfly_policy_sdk::export_policy!(pure StopDenied);
//!
//! let session = testing::session(7).active(0, 3_600_000).error(
//!     dayfly_policy_sdk::ErrorKind::Denied, 1).build();
//! let events = [testing::changed(session, ChangedFields::FAILURE)];
//! let verdict = StopDenied::evaluate(&Matcher::default(), &testing::at(1_000), &events);
//! assert_eq!(testing::acts(&verdict), [(7, Action::Stop, "denied")]);
//! ```

// The macros that wit-bindgen makes name this crate from outside.
extern crate self as dayfly_policy_sdk;

#[cfg(any(test, all(target_arch = "wasm32", feature = "arena")))]
#[allow(unsafe_code, reason = "an allocator is one of addresses")]
mod arena;
#[doc(hidden)]
pub mod bindings;
pub mod config;
mod duration;
mod export;
mod happening;
mod matching;
mod moment;
mod occasion;
mod policy;
mod suggestion;
pub mod testing;
mod verdict;
mod wildcard;
mod words;
mod workspace;
mod zone;

#[cfg(all(target_arch = "wasm32", feature = "arena"))]
#[global_allocator]
static MEMORY: arena::Arena<std::alloc::System> = arena::Arena::new(std::alloc::System);

#[doc(hidden)]
pub use export::{Pure, Stateful};
#[doc(hidden)]
pub use wit_bindgen;

pub use bindings::dayfly::policy::state::{Scope, StateError};
pub use bindings::dayfly::policy::types::{
    Act, Action, Attribute, BranchChange, ChangedFields, Context, CustomEvent, Effect, EngineEvent,
    ErrorKind, Event, FileChange, FileChangeKind, Hold, Notice, Outcome, PolicyError, Reason,
    Resync, ResyncReason, Revision, ScheduleTick, Session, SessionChange, SessionKey, Severity,
    Status, Stopping, TimestampMs, WakeRequest, WakeUp,
};
pub use bindings::dayfly::policy::workspace::Filter;
pub use bindings::exports::dayfly::policy::policy::{
    Descriptor, EngineMoments, SessionFilter, Subscription,
};

pub use duration::{parse_duration, span_text};
pub use happening::{branches, customs, engine_events, files, stopping, ticks, wake_ups};
pub use matching::Matcher;
pub use moment::moment_text;
pub use occasion::{Occasion, PROPOSAL_FIELDS, occasions};
pub use policy::{Policy, Rule, WorkspaceRule};
pub use suggestion::closest;
pub use verdict::Verdict;
pub use wildcard::wildcard;
pub use words::METHODS;
pub use workspace::{State, Workspace};
pub use zone::zoned;
