//! What clouds are reached with.

use std::sync::Arc;

use dayfly_providers::azure::AzureTokens;
use dayfly_providers::{Limiter, LongLivedKeys, Providers};
use tokio::sync::watch;

use crate::azure::AzureInForce;
use crate::config::Imds;
use crate::input_brokers::InputBrokers;
use crate::sign_ins::SignIns;

/// What clouds are reached with: keys, sign-ins, what a person is asked for, and the providers that these make.
pub(super) struct CloudAccess {
    pub(super) keys: Arc<dyn LongLivedKeys>,
    pub(super) input_brokers: InputBrokers,
    pub(super) azure: Arc<AzureTokens>,
    pub(super) azure_in_force: Arc<AzureInForce>,
    /// How much clouds were called; outlives the providers.
    pub(super) limiter: Limiter,
    pub(super) providers: Arc<Providers>,
    pub(super) sign_ins: SignIns,
    /// The metadata endpoint that is configured.
    pub(super) imds: watch::Sender<Option<Imds>>,
}
