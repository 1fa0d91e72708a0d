//! Sessions, events and calls for tests.

#![allow(dead_code, reason = "each test file uses another part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::policy::{
    Context, Event, Fields, Revision, SessionChange, SessionFacts, SessionKey, SessionView,
};
use dayfly_core::session::{ErrorKind, SessionId, SessionType, Status};
use dayfly_core::time::Timestamp;
use dayfly_policy::{Call, StateSnapshot};

/// An active session with every field set.
pub(crate) fn session(key: u32) -> SessionView {
    let facts = SessionFacts {
        id: SessionId::new(&format!("00000000-0000-4000-8000-{key:012}")),
        name: format!("team-{key}"),
        session_type: SessionType::AwsIamRoleChained,
        status: Status::Active,
        region: Some("eu-west-1".into()),
        started_at: Some(Timestamp::from_millis(1_000)),
        expires_at: Some(Timestamp::from_millis(3_601_000)),
        named_profile: Some("default".into()),
        account: Some("123456789012".into()),
        role: Some("arn:aws:iam::123456789012:role/developer".into()),
        chained_to: Some(SessionId::new(&format!("parent-{key}"))),
        labels: BTreeMap::from([("stage".into(), "test".into()), ("team".into(), "a".into())]),
        last_error: Some(ErrorKind::Throttled),
        failures: 2,
        last_use: Some(Timestamp::from_millis(2_000)),
        reason: Some("a ticket".into()),
        revision: Revision(u64::from(key) + 1),
    };
    SessionView {
        key: SessionKey(key),
        parent: Some(SessionKey(key + 100_000)),
        facts: Arc::new(facts),
    }
}

/// That its status changed.
pub(crate) fn changed(session: SessionView) -> SessionChange {
    SessionChange {
        after: session,
        previous_status: Some(Status::Pending),
        fields: Fields::STATUS.union(Fields::CREDENTIALS),
        outcome: None,
    }
}

/// One event for these sessions.
pub(crate) fn sessions(keys: impl IntoIterator<Item = u32>) -> Vec<Event> {
    let changes = keys.into_iter().map(|key| changed(session(key))).collect();
    vec![Event::Sessions(changes)]
}

/// A Workspace of these sessions.
pub(crate) fn workspace(
    keys: impl IntoIterator<Item = u32>,
) -> Arc<BTreeMap<SessionKey, SessionView>> {
    Arc::new(
        keys.into_iter()
            .map(|key| (SessionKey(key), session(key)))
            .collect(),
    )
}

/// The moment and seed of all tests.
pub(crate) fn context() -> Context {
    Context {
        now: Timestamp::from_millis(10_000),
        sequence: 7,
        seed: 11,
        dry_run: false,
        workspace_revision: 3,
    }
}

/// A call about these events in an empty Workspace.
pub(crate) fn call(events: &[Event]) -> Call<'_> {
    Call {
        context: context(),
        events,
        workspace: workspace([]),
        state: StateSnapshot::default(),
    }
}
