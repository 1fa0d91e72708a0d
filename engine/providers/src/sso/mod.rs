//! Sign-in to AWS IAM Identity Center, shared with the AWS CLI.
//!
//! A person signs in by an authorization code that a browser brings to loopback (`browser`) or
//! by a code that is entered elsewhere (`device`). What comes of it stands in the AWS CLI's own
//! cache (`cache`, `token_file`), under the names that the AWS config file gives rise to
//! (`names`), so that one sign-in serves both. `keeper` hands the access token out and renews
//! it, once for any number of sessions; `portal` calls what the token is for.
//!
//! Nobody is asked for anything here, but by the two functions that begin a sign-in.

mod access;
mod browser;
mod cache;
mod calls;
mod clients;
mod device;
mod error;
mod held;
mod integration;
mod names;
mod portal;
mod register;
mod token_file;
mod token_manager;

pub use access::Sso;
pub use browser::Authorization;
pub use device::Device;
pub use error::SsoError;
pub use integration::{SsoIntegration, SsoSettings};
pub(crate) use portal::Wanted;
pub use portal::{Account, Role};
pub use token_manager::SignInStatus;
