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

mod answer;
mod anywhere;
mod aws_console;
mod aws_iam_role_chained;
mod aws_iam_role_federated;
mod aws_iam_role_web_identity;
mod aws_iam_user;
mod aws_instance;
mod aws_login;
mod aws_sso_role;
mod aws_sts;
pub mod azure;
mod cli_cache;
mod errors;
mod errors_handed;
mod errors_sign_in;
mod federation_token;
mod handed;
mod hints;
mod http;
mod iam;
mod key_rotation;
mod keys;
mod limited;
mod limiter;
mod limits;
mod localstack;
pub mod login;
mod mfa;
pub mod pace;
mod probe;
mod process;
pub mod provider;
pub mod registry;
mod retry;
mod role_session_name;
mod said;
mod saml;
mod settings;
mod shared_config;
pub mod sso;
mod sts_codes;
mod sts_errors;
mod token_services;
mod unreachable;

pub use anywhere::{AnywhereProblem, CertificateEnd, certificate_end};
pub use aws_console::{Console, ConsoleError, RoleKeys};
pub use aws_sts::sts_place;
pub use dayfly_net::Unusable;
pub use dayfly_vault::helper::{Helper, HelperError};
pub use errors::{ProviderError, Refusal};
pub use errors_handed::{Giver, HandedProblem};
pub use errors_sign_in::{SignIn, TokenProblem};
pub use federation_token::{Rights, federation_token};
pub use iam::{Iam, IamError};
pub use key_rotation::{
    Kept, KeyRotation, ROTATION_ASIDE, Rotated, RotationError, RotationStep, RotationWish,
    interrupted_rotations,
};
pub use keys::{KEY_PASSPHRASE, LongLivedKeys, TOTP_SEED};
pub use limiter::{Limiter, PortalPaces};
pub use limits::{Limit, Limits};
pub use mfa::broker::{MfaBroker, is_code};
pub use mfa::totp::{SeedError, Totp};
pub use mfa::{MfaCode, MfaCodes, MfaRequest, NoCode, NoPerson, Origin};
pub use probe::{Probed, probe};
pub use provider::{BoxFuture, IssueRequest, Provider};
pub use registry::{Providers, ProvidersConfig};
pub use saml::assertion::{Assertion, AssertionError, OfferedRole};
pub use saml::broker::AssertionBroker;
pub use saml::{AssertionRequest, Assertions, NoAssertion, NobodySignsIn};
pub use settings::{AwsSettings, Timeouts};
pub use token_services::ServiceProblem;
pub use unreachable::Unreachable;
