//! What is held of a sign-in between two looks at the shared files.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::SsoError;
use super::token_file::SignIn;

/// A token that ends within this time is renewed.
///
/// Source: botocore, `SSOTokenProvider._REFRESH_WINDOW`.
pub(super) const WINDOW: Duration = Duration::from_secs(15 * 60);
/// While the old token still serves, a renewal that failed is tried again after this time.
///
/// Source: botocore, `DeferredRefreshableToken._attempt_timeout`.
const AGAIN: Duration = Duration::from_secs(60);

/// Keeps one sign-in.
#[derive(Debug, Default)]
pub(super) struct TokenManager(pub(super) Arc<Mutex<State>>);

/// What is known of a sign-in.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) held: Option<SignIn>,
    /// The last look that brought nothing, and when it ended.
    pub(super) failed: Option<(Instant, SsoError)>,
    /// An access token that the portal did not take.
    pub(super) rejected: Option<SecretString>,
    /// A refresh token that the service did not take.
    pub(super) spent: Option<SecretString>,
    /// When a renewal failed while the old token still served.
    pub(super) postponed: Option<Instant>,
}

impl State {
    /// The token at hand, where it needs no look at the files.
    pub(super) fn at_hand(
        &self,
        now: Timestamp,
        refused: Option<&SecretString>,
    ) -> Option<SecretString> {
        let held = self.held.as_ref()?;
        let postponed = self.postponed.is_some_and(|at| at.elapsed() < AGAIN);
        let enough = if postponed { Duration::ZERO } else { WINDOW };
        let good = held.expires_at > now.plus(enough) && refused != Some(&held.access_token);
        good.then(|| held.access_token.clone())
    }
}
