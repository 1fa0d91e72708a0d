//! Sign-in to the AWS console, shared with `aws login` of the AWS CLI.
//!
//! A person signs in by an authorization code that a browser brings to loopback, or that is pasted
//! (`browser`). What comes of it stands in the AWS CLI's own cache (`cache`, `token_file`), so that one
//! sign-in serves the CLI, the SDKs and Dayfly; `renewal` hands its credentials out and renews them,
//! each request proven by the key of the sign-in (`dpop`). `service` is the call to the sign-in service.
//!
//! Nobody is asked for anything here, but by the two functions that begin and end a sign-in.
//!
//! Sources: AWS CLI v2, `customizations/login`; botocore, `LoginProvider`, `LoginCredentialFetcher`; the
//! service model `signin` (2023-01-01); AWS SDKs and Tools Reference Guide, "Login credentials provider";
//! RFC 7636 (PKCE), RFC 9449 (DPoP).

mod access;
mod browser;
mod cache;
mod dpop;
mod error;
mod renewal;
mod service;
mod token_file;
mod uuid;

pub use access::{LoginSettings, LoginTarget, Logins};
pub use browser::{LoginAttempt, LoginWay};
pub use error::LoginError;
