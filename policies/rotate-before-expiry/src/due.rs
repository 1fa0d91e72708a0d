//! When a session's credentials are due.

use dayfly_policy_sdk::{Session, TimestampMs};

use crate::Settings;

/// When the credentials of a session are to be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The moment.
    pub at: TimestampMs,
    /// When the credentials end.
    pub expires_at: TimestampMs,
    /// How long they last, milliseconds; none where nobody knows when they began.
    pub lifetime: Option<u64>,
}

impl Due {
    /// When the session's credentials are due; none for credentials that do not end. The same
    /// answer at each call, as long as the session has the same credentials.
    #[must_use]
    pub fn of(settings: &Settings, session: &Session) -> Option<Self> {
        let expires_at = session.expires_at?;
        let lifetime = session
            .started_at
            .map(|started| expires_at.saturating_sub(started));
        let remainder = match lifetime {
            Some(lifetime) => {
                share(lifetime, settings.fraction).max(settings.before.min(lifetime / 3))
            }
            None => settings.before,
        };
        let earlier = share(remainder, settings.jitter * draw(session, expires_at));
        // A tenth of the lifetime is always used, or rotation would follow rotation.
        let most = lifetime.map_or(u64::MAX, |lifetime| lifetime - lifetime / 10);
        let ahead = remainder.saturating_add(earlier).min(most);
        Some(Self {
            at: expires_at.saturating_sub(ahead),
            expires_at,
            lifetime,
        })
    }

    /// How much later than due is as good, milliseconds: wake-ups of many sessions can be served
    /// in one call, and the remainder hardly shrinks.
    #[must_use]
    pub fn slack(&self) -> u64 {
        ((self.expires_at - self.at) / 20).min(60_000)
    }
}

/// That share of a span.
#[allow(
    clippy::cast_possible_truncation,
    reason = "shares are below 1 and spans below 2^53 ms, and `as` saturates"
)]
fn share(span: u64, share: f64) -> u64 {
    (span as f64 * share) as u64
}

/// A number from 0 up to 1 that is the same for the same credentials: FNV-1a over what names
/// them, its bits spread by the finaliser of SplitMix64.
fn draw(session: &Session, expires_at: TimestampMs) -> f64 {
    let issue = session.started_at.unwrap_or(expires_at).to_le_bytes();
    let mut hash = session
        .id
        .bytes()
        .chain(issue)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // The upper 53 bits are what a float holds exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
