//! `azure`: tokens of Microsoft Entra ID, for the resource manager and for whatever else a program
//! asks for.
//!
//! An integration of the Workspace says who asks: a person who signed in, an application with a
//! secret, a certificate or the token of a workload, a managed identity, or the Azure CLI. What
//! needs no person goes through the `azure_identity` crate (`credential`); a person's sign-in
//! (`device`, `refresh`) is this program's own, as that crate has none. `tokens` is where
//! both come together: one call at a time for each integration, tenant and scope.
//!
//! Start reading at `provider`, then `tokens`.

mod assertion;
mod cloud;
mod credential;
mod device;
mod entra;
mod errors;
mod http;
mod integration;
mod provider;
mod refresh;
mod secrets;
mod subscriptions;
mod token;
mod tokens;
mod transport;

pub use cloud::{AzureCloud, CloudError};
pub use device::{DeviceCode, Progress};
pub use errors::AzureError;
pub use integration::{AzureCredential, AzureIntegration, AzureIntegrations, NoIntegrations};
pub(crate) use provider::Azure;
pub use secrets::{
    AZURE_CERTIFICATE, AZURE_CLIENT_SECRET, AZURE_SIGN_IN, AzureSecrets, NoAzureSecrets, SignIn,
};
pub use subscriptions::Subscription;
pub use token::AzureToken;
pub use tokens::{AzureTokens, Want};
