//! Credentials and changes for tests.

use std::sync::Arc;

use dayfly_chain::{Change, Publication};
use dayfly_core::session::{Lease, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials};

/// Credentials that tell which rotation they are of, in each part.
pub(crate) fn credentials(n: u64) -> TemporaryCredentials {
    TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::from_millis(1_795_000_000_000 + n),
            expires_at: Some(Timestamp::from_millis(1_795_003_600_000 + n)),
        },
        material: Material::Aws {
            access_key_id: format!("ASIA{n:016}"),
            secret_access_key: format!("secret{n}").into(),
            session_token: Some(format!("token{n}").into()),
            region: None,
        },
    }
}

#[allow(dead_code, reason = "not every suite publishes into one target")]
/// Publishes [`credentials`] `n` of a session.
pub(crate) fn publish(session: &str, profile: &str, n: u64) -> Change {
    Change::Publish(Publication {
        displaced: Vec::new(),
        session: SessionId::new(session),
        session_name: session.into(),
        profile: profile.into(),
        credentials: Arc::new(credentials(n)),
        region: None,
    })
}

#[allow(dead_code, reason = "not every suite publishes into one target")]
/// Retracts a session.
pub(crate) fn retract(session: &str) -> Change {
    Change::Retract {
        session: SessionId::new(session),
    }
}
