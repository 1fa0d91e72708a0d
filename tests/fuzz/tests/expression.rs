//! Expressions of grants: taken or refused with a place, and quick to answer.

use std::collections::BTreeMap;
use std::time::Duration;

use dayfly_core::policy::{Revision, SessionFacts};
use dayfly_core::session::{SessionId, SessionType, Status};
use dayfly_fuzz::{fuzz, seeds};
use dayfly_policy::session_expression;
use rustix::time::{ClockId, clock_gettime};

const WORDS: [&str; 22] = [
    "labels.env",
    "name",
    "region",
    "account",
    "==",
    "!=",
    "&&",
    "||",
    "!",
    "in",
    "(",
    ")",
    "[",
    "]",
    "'prod'",
    "1",
    ".startsWith('a')",
    ".exists(x, x == 1)",
    ".matches('(a+)+$')",
    "? :",
    "has(labels.x)",
    "size(name)",
];

/// What this thread has had of a processor: a clock on the wall runs on while others have it.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("no time is negative")
}

#[test]
fn expression() {
    let view = SessionFacts {
        id: SessionId::new("a"),
        name: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab".into(),
        session_type: SessionType::AwsSsoRole,
        status: Status::Active,
        region: None,
        started_at: None,
        expires_at: None,
        named_profile: None,
        account: Some("123456789012".into()),
        role: None,
        chained_to: None,
        labels: BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
        last_error: None,
        failures: 0,
        last_use: None,
        reason: None,
        revision: Revision(1),
    };
    fuzz!(&seeds("expression", &[], ""), &WORDS, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let begun = processor_time();
        match session_expression(text, false) {
            Ok(condition) => {
                assert_eq!(condition.0.passes(&view), condition.0.passes(&view));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        let took = processor_time() - begun;
        assert!(took < Duration::from_secs(5), "{took:?}: {text}");
    },);
}
