use dayfly_policy_sdk::testing::{acts, at, changed, resync, session};
use dayfly_policy_sdk::{ChangedFields, Effect, ResyncReason};
use proptest::prelude::*;

use super::*;

fn evaluate(config: &str, events: &[Event]) -> Verdict {
    KeepActive::evaluate(&KeepActive::parse(config).unwrap(), &at(1_000), events)
}

const STARTED: (Action, &str) = (Action::Start, "keep-active");

#[test]
fn sessions_are_started_and_the_wish_stands_for_active_ones() {
    let page = vec![
        session(1).revision(7).build(),
        session(2).status(Status::Pending).build(),
        session(3).active(0, 3_600_000).build(),
        session(4).build(),
    ];
    let verdict = evaluate("{}", &[resync(ResyncReason::ColdStart, page)]);
    assert_eq!(
        acts(&verdict),
        [1, 2, 3, 4].map(|key| (key, STARTED.0, STARTED.1))
    );
    let Effect::Act(act) = &verdict.effects[0] else {
        panic!("{verdict:?}")
    };
    assert_eq!((act.revision, act.not_after), (7, None));
    assert_eq!(act.why.message, "must stay active and is inactive");
    for (effect, status) in verdict.effects[1..].iter().zip(["pending", "active"]) {
        let Effect::Act(act) = effect else {
            panic!("{verdict:?}")
        };
        assert_eq!(act.why.message, "must stay active");
        assert_eq!(act.why.evidence[0].value, status);
    }
}

#[test]
fn a_renewal_that_failed_for_good_does_not_end_the_wish_before_the_credentials_do() {
    for kind in ErrorKind::ALL {
        let renewed = ChangedFields::STATUS | ChangedFields::FAILURE;
        let active = session(1).active(0, 3_600_000).error(kind, 2).build();
        let verdict = evaluate("{}", &[changed(active, renewed)]);
        assert_eq!(acts(&verdict), [(1, STARTED.0, STARTED.1)], "{kind:?}");
        assert!(verdict.lines.is_empty(), "{kind:?}");
        let expired = session(1).error(kind, 2).build();
        let ended = ChangedFields::STATUS | ChangedFields::CREDENTIALS;
        let verdict = evaluate("{}", &[changed(expired, ended)]);
        assert_eq!(verdict.effects.is_empty(), kind.lasts(), "{kind:?}");
    }
}

#[test]
fn only_matching_sessions_are_started() {
    let page = vec![
        session(1).name("prod-eu").build(),
        session(2).name("dev").build(),
        session(3).name("prod-lab").of_type("localstack").build(),
    ];
    let config = r#"{"match":{"names":["prod*"],"types":["awsIamUser"]}}"#;
    let verdict = evaluate(config, &[resync(ResyncReason::Reconfigured, page)]);
    assert_eq!(acts(&verdict), [(1, STARTED.0, STARTED.1)]);
}

#[test]
fn a_session_that_left_is_not_proposed() {
    let verdict = evaluate("{}", &[changed(session(1).build(), ChangedFields::REMOVED)]);
    assert_eq!(verdict, Verdict::default());
}

#[test]
fn a_passing_failure_keeps_the_proposal_standing() {
    let failed = session(1).error(ErrorKind::Network, 3).build();
    let verdict = evaluate("{}", &[changed(failed, ChangedFields::FAILURE)]);
    assert_eq!(acts(&verdict), [(1, STARTED.0, STARTED.1)]);
    let Effect::Act(act) = &verdict.effects[0] else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        act.why.message,
        "must stay active; the last 3 attempts failed"
    );
    let evidence: Vec<_> = act
        .why
        .evidence
        .iter()
        .map(|a| (a.key.as_str(), a.value.as_str()))
        .collect();
    assert_eq!(
        evidence,
        [
            ("status", "inactive"),
            ("last-error", "network"),
            ("failures", "3")
        ]
    );
}

#[test]
fn a_lasting_failure_is_left_alone_until_the_session_is_edited() {
    for kind in ErrorKind::ALL {
        let failed = session(1).error(kind, 1).build();
        let attempt = ChangedFields::STATUS | ChangedFields::FAILURE;
        let after = evaluate("{}", &[changed(failed.clone(), attempt)]);
        assert_eq!(after.effects.is_empty(), kind.lasts(), "{kind:?}");
        assert_eq!(after.lines.len(), usize::from(kind.lasts()), "{kind:?}");
        let edited = evaluate("{}", &[changed(failed.clone(), ChangedFields::TARGET)]);
        assert_eq!(acts(&edited), [(1, STARTED.0, STARTED.1)], "{kind:?}");
        let resumed = evaluate("{}", &[resync(ResyncReason::Resumed, vec![failed])]);
        assert_eq!(resumed.effects.is_empty(), kind.lasts(), "{kind:?}");
    }
}

#[test]
fn after_a_sign_in_that_clears_the_error_it_starts() {
    let cleared = session(1).build();
    let verdict = evaluate("{}", &[changed(cleared, ChangedFields::FAILURE)]);
    assert_eq!(acts(&verdict), [(1, STARTED.0, STARTED.1)]);
}

#[test]
fn it_hears_of_all_but_use_and_an_end_that_comes_near() {
    let subscriptions =
        KeepActive::configure(r#"{"match":{"types":["azure"],"labels":["a"]}}"#).unwrap();
    let [Subscription::Sessions(filter)] = &subscriptions[..] else {
        panic!("{subscriptions:?}")
    };
    assert_eq!(filter.methods, ["azure"]);
    assert!(
        filter.labels.is_empty(),
        "a session that loses the label has to be heard of"
    );
    assert_eq!(
        filter.fields,
        ChangedFields::all()
            .difference(ChangedFields::LAST_USE)
            .difference(ChangedFields::EXPIRING)
    );
}

#[test]
fn schema_and_reader_agree() {
    let schema = serde_json::from_str(&KeepActive::descriptor().config_schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (text, expected) in [
        ("{}", true),
        (r#"{"match":{"labels":["keep"]}}"#, true),
        (r#"{"match":[]}"#, false),
        (r#"{"mach":{}}"#, false),
        ("[]", false),
    ] {
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(validator.is_valid(&value), expected, "schema on {text}");
        assert_eq!(
            KeepActive::parse(text).is_ok(),
            expected,
            "reader on {text}"
        );
    }
    let error = KeepActive::parse(r#"{"mach":{}}"#).unwrap_err().to_string();
    assert_eq!(
        error,
        "`mach` is not a key of this policy; did you mean `match`?"
    );
}

/// Whether a person changed something about the session.
fn edited(bits: u16) -> bool {
    let by_attempts = ChangedFields::STATUS
        | ChangedFields::CREDENTIALS
        | ChangedFields::FAILURE
        | ChangedFields::LAST_USE;
    bits & !by_attempts.bits() != 0
}

proptest! {
    /// Whatever happens, nothing is proposed but the start of a session that is there.
    #[test]
    fn proposals_make_sense(
        bits in proptest::collection::vec(0..2048_u16, 1..8),
        statuses in proptest::collection::vec(0..3_u8, 8),
        error in 0..10_usize,
    ) {
        let mut events = Vec::new();
        for (key, bits) in bits.iter().enumerate() {
            let status = [Status::Inactive, Status::Pending, Status::Active][usize::from(statuses[key])];
            let key = u32::try_from(key).unwrap();
            let after = session(key).status(status).error(ErrorKind::ALL[error], 1).build();
            events.push(changed(after, ChangedFields::from_bits_truncate(*bits)));
        }
        let verdict = evaluate("{}", &events);
        for (key, action, _) in acts(&verdict) {
            let key = usize::try_from(key).unwrap();
            prop_assert_eq!(action, Action::Start);
            prop_assert!(statuses[key] != 0 || !ErrorKind::ALL[error].lasts() || edited(bits[key]));
            prop_assert_eq!(bits[key] & ChangedFields::REMOVED.bits(), 0);
        }
    }
}
