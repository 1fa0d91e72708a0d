//! Shared policies at rest: where they come from, what is kept of them, and who answers for them.
//!
//! A module that comes from elsewhere is known by its content: [`content`] keeps each under its digest,
//! so that what was once looked at can be had again without a network. [`lock`] says which content an
//! entry of the configuration is held to, [`seen`] whether it is an older one, [`trust`] whose signature a source needs, and [`bundle`]
//! what a team hands out together. Nothing here talks to a network; [`git`] reads checkouts of this
//! machine.
//!
//! ```
//! use dayfly_store::ContentStore;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let store = ContentStore::new(folder.path().join("content"));
//! let digest = store.put(b"a component")?;
//! assert!(digest.to_string().starts_with("sha256:"));
//! assert_eq!(store.get(&digest)?.as_deref(), Some(&b"a component"[..]));
//! # Ok(())
//! # }
//! ```

pub mod bundle;
pub mod content;
pub mod git;
pub mod lock;
mod names;
pub mod problem;
pub mod seen;
pub mod source;
pub mod trust;
pub mod trusted_store;

pub use bundle::{Bundle, BundlePolicy};
pub use content::{ContentDigest, ContentError, ContentStore};
pub use lock::{Lock, LockError, LockedBundle, LockedModule};
pub use seen::SeenLock;
pub use source::{GitSource, OciSource, Remote, SourceError};
pub use trust::{TrustRoot, Trusted, Untrusted};
pub use trusted_store::{Refusal, TrustedStore};
