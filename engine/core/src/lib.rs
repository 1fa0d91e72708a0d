//! The pure core of Dayfly.
//!
//! It decides what is to be done: [`step`](step::step) takes the state and one input, changes the
//! state and answers with effects. It holds no clock, no randomness, no file, no socket and no
//! task, and it cannot fail: time, random seeds and the results of effects come in as inputs.
//! The daemon, the simulator and the tests all run this same code.
//!
//! A person starts a session, and no policy is configured. The program around the core carries the effects
//! out, and tells the core how that ended:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use dayfly_core::effect::{Effect, Reply};
//! use dayfly_core::input::{CommandId, Input, Order, SessionUpsert, WorkspaceChange};
//! use dayfly_core::placement::Placement;
//! use dayfly_core::policy::Action;
//! use dayfly_core::session::{Access, Lease, Session, SessionId, Status};
//! use dayfly_core::settings::Settings;
//! use dayfly_core::state::State;
//! use dayfly_core::step::step;
//! use dayfly_core::time::Timestamp;
//!
//! let now = Timestamp::from_millis(1_800_000_000_000);
//! let mut state = State::new(Settings::default(), 7);
//!
//! // The Workspace has one session, and the configuration has no policies.
//! let id = SessionId::new("8d6c");
//! let session = Arc::new(Session {
//!     id: id.clone(),
//!     name: "local".to_owned(),
//!     region: None,
//!     access: Access::Localstack { endpoint_url: None },
//!     named_profile: Some("local".to_owned()),
//!     account: None,
//!     labels: BTreeMap::new(),
//!     fault: None,
//! });
//! let written = Default::default();
//! let upserts = vec![SessionUpsert { session, written }];
//! let change = WorkspaceChange { upserts, removed: Vec::new() };
//! step(&mut state, now, Input::Workspace(change));
//! step(&mut state, now, Input::Policies(Vec::new()));
//!
//! // A person wants it started: a provider is to be asked.
//! let order = Order::Do {
//!     action: Action::Start,
//!     lasting: None,
//!     override_reason: None,
//!     reason: None,
//! };
//! let command = Input::Command { id: CommandId(1), session: id.clone(), order };
//! let effects = step(&mut state, now, command);
//! let issue = effects.iter().find_map(|effect| match effect {
//!     Effect::Issue { operation, session, .. } if *session == id => Some(*operation),
//!     _ => None,
//! });
//! let operation = issue.expect("credentials are asked for");
//! assert_eq!(state.session(&id).unwrap().phase.status(), Status::Pending);
//!
//! // The provider answers: the credentials are to be put into the chain.
//! let expires_at = Some(now.plus(Duration::from_secs(3_600)));
//! let lease = Lease { issued_at: now, expires_at };
//! let result = Ok(lease);
//! let effects = step(&mut state, now, Input::Issued { operation, result });
//! assert!(effects.iter().any(|effect| matches!(effect, Effect::Publish { .. })));
//!
//! // They are there: the person is answered.
//! let result = Ok(Placement::complete(&state.wanted_delivery(&id)));
//! let effects = step(&mut state, now, Input::Delivered { operation, result });
//! let done = Reply::Done { lease: Some(lease), displaced: Vec::new() };
//! assert!(effects.contains(&Effect::Reply { command: CommandId(1), reply: done }));
//! assert_eq!(state.session(&id).unwrap().phase.status(), Status::Active);
//! ```
//!
//! Start reading at [`session`] (the nouns), then [`policy`] (what a policy sees and
//! answers), then `step`.

pub mod arbitration;
pub mod audit;
mod context;
mod decisions;
mod deliveries;
mod events;
mod lifecycle;
mod model;
mod policies;
mod scheduling;
mod sessions;
pub mod state;
pub mod step;

// The folders are for whoever works in the core; whoever uses it names what it is about.
pub use decisions::session_proposals;
pub use events::{effect, input};
pub use model::{
    backoff, delivery, grant, key_rotation, placement, policy, random, rates, role_lifetime,
    schedule, session, settings, sso_role, text, time,
};
pub use policies::sign_ins;
