//! Policies and Workspaces in OCI registries.
//!
//! [`Registry`] pulls and pushes [`artifact`]s: a component in the layout of the CNCF's Wasm working
//! group, a bundle of several files, or a Workspace that others take as a layer. Signatures of minisign lie beside an artifact as its referrers,
//! found by the referrers API or, where a registry has none, by the tag that the specification gives
//! them. What is pulled is bounded, resumed where it was broken off, and checked against the digest
//! that the manifest names; who answers for it is asked elsewhere.
//!
//! ```
//! use dayfly_registry::{Place, Registry, RegistryError};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let place = Place {
//!     // Nothing listens there.
//!     host: "127.0.0.1:9".into(),
//!     repository: "team/business-hours".into(),
//!     tag: Some("1.2.0".into()),
//!     digest: None,
//! };
//! let parts = tempfile::tempdir()?;
//! let registry = Registry::at(&place.host).await?;
//! // At most 10 MiB; what has come is kept in the folder and resumed by the next try.
//! let pulled = registry.pull(&place, |_| 10 << 20, parts.path()).await;
//! assert!(matches!(pulled, Err(RegistryError::Unreachable { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sources: OCI distribution specification 1.1 and image specification 1.1;
//! <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>.

pub mod artifact;
mod challenge;
mod credentials;
mod error;
mod http;
mod manifest;
mod part;
mod pull;
mod push;
mod registry;

pub use artifact::{Artifact, Kind, Layer};
pub use error::RegistryError;
pub use pull::Pulled;
pub use registry::{Place, Registry};
