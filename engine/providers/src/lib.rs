//! One file an access method: obtains temporary credentials.
//!
//! A [`Provider`] turns a session of the Workspace into temporary credentials. It knows
//! nothing of files that cloud SDKs read, nor of policies, and it never tries again by
//! itself: it answers soon, with credentials or with a [`ProviderError`] that says what sort
//! of failure it was, and the engine decides when to ask again.
//!
//! It must never use the credentials that the person's own environment happens to hold:
//! every call carries the ones that the session names. Secrets are in the answer only, never
//! in an error, a log line or a `Debug` text.
//!
//! Start reading at [`provider`], then [`registry`], then one access method, such as
//! `aws_iam_user`.

mod aws_console;
mod aws_iam_role_chained;
mod aws_iam_user;
mod aws_sts;
mod errors;
mod http;
mod keys;
mod localstack;
mod mfa;
pub mod provider;
pub mod registry;
mod retry;
mod role_session_name;
mod sts_codes;
mod sts_errors;

pub use aws_console::{Console, ConsoleError, RoleKeys};
pub use errors::{ProviderError, Refusal, Unreachable};
pub use keys::LongLivedKeys;
pub use mfa::{MfaCode, MfaCodes, MfaRequest, NoPerson};
pub use provider::{BoxFuture, IssueRequest, Provider};
pub use registry::{AwsSettings, Providers, ProvidersConfig, Timeouts};
