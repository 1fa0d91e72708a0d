//! When clients are told that credentials end.

use std::time::Duration;

use dayfly_core::session::Lease;
use dayfly_core::time::Timestamp;

/// How much earlier clients are told that credentials end than they do. Some ask anew only when
/// they have ended (the SDK for Go under `credential_process`) or seconds before (those for Rust
/// and Java), and a call that is signed just before the end arrives after it.
const EARLIER: Duration = Duration::from_secs(90);
/// Of short-lived ones, at most such a part of their life.
const PART: u32 = 20;

/// The end that clients are told of credentials that have not ended: a little early, but never
/// past. Those in their last seconds are told as they are, since to a client credentials with an
/// end in the past are none at all.
pub(crate) fn end(lease: &Lease, now: Timestamp) -> Option<Timestamp> {
    let end = lease.expires_at?;
    let earlier = EARLIER.min(end.since(lease.issued_at) / PART);
    let left = end.since(now);
    Some(if left > earlier {
        now.plus(left - earlier)
    } else {
        end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_early_and_never_when_it_is_past() {
        let at = Timestamp::from_millis;
        let lease = |seconds: u64| Lease {
            issued_at: at(0),
            expires_at: Some(at(seconds * 1_000)),
        };
        for (life, now, told) in [
            (3_600, 0, 3_510),
            (3_600, 3_509, 3_510),
            (3_600, 3_510, 3_600),
            (3_600, 3_599, 3_600),
            (900, 0, 855),
            (100, 0, 95),
        ] {
            let told = Some(at(told * 1_000));
            assert_eq!(end(&lease(life), at(now * 1_000)), told, "{life} {now}");
        }
        let endless = Lease {
            issued_at: at(0),
            expires_at: None,
        };
        assert_eq!(end(&endless, at(5)), None);
    }
}
