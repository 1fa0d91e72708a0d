use dayfly_policy_sdk::testing::{Memory, Sessions, acts, at, changed, session};

use super::*;

fn call(config: &str, told: u32, sessions: &[Session]) -> Verdict {
    let config = MaxActive::parse(config).unwrap();
    let one = sessions.iter().find(|s| s.key == told).unwrap().clone();
    let events = [changed(one, ChangedFields::STATUS)];
    MaxActive::evaluate(
        &config,
        &at(9_000),
        &events,
        &Sessions::new(sessions.to_vec()),
        &mut Memory::default(),
    )
}

fn held(verdict: &Verdict) -> Vec<u32> {
    let held = verdict.effects.iter().filter_map(|effect| match effect {
        Effect::Hold(hold) => Some(hold.session),
        _ => None,
    });
    held.collect()
}

fn withdrawn(verdict: &Verdict) -> Vec<u32> {
    let withdrawn = verdict.effects.iter().filter_map(|effect| match effect {
        Effect::Withdraw(session) => Some(*session),
        _ => None,
    });
    withdrawn.collect()
}

#[test]
fn the_least_recently_used_stops_and_starts_are_held() {
    let sessions = [
        session(1).active(1_000, 99_000).used(8_000).build(),
        session(2).active(2_000, 99_000).build(),
        session(3).active(3_000, 99_000).build(),
        session(4).build(),
    ];
    let verdict = call(r#"{"most":2}"#, 3, &sessions);
    assert_eq!(acts(&verdict), [(2, Action::Stop, "too-many")]);
    assert_eq!((held(&verdict), withdrawn(&verdict)), (vec![4], vec![1]));
    let verdict = call(r#"{"most":2,"hold":false}"#, 3, &sessions);
    assert_eq!((held(&verdict), withdrawn(&verdict)), (vec![], vec![1, 4]));
    let verdict = call(r#"{"most":4}"#, 3, &sessions);
    assert_eq!((acts(&verdict).len(), held(&verdict)), (0, vec![]));
    assert_eq!(
        withdrawn(&verdict),
        [1, 2, 4],
        "what was said before is taken back"
    );
}

#[test]
fn one_that_is_being_started_is_the_most_recent() {
    let sessions = [
        session(1).active(1_000, 99_000).build(),
        session(2).active(2_000, 99_000).build(),
        session(3).status(Status::Pending).build(),
    ];
    assert_eq!(
        acts(&call(r#"{"most":2}"#, 3, &sessions)),
        [(1, Action::Stop, "too-many")]
    );
}

#[test]
fn others_do_not_count_and_the_schema_agrees() {
    let config = r#"{"most":1,"match":{"labels":["g"]}}"#;
    let sessions = [
        session(1).active(1_000, 99_000).label("g", "").build(),
        session(2).active(2_000, 99_000).build(),
    ];
    assert_eq!(acts(&call(config, 1, &sessions)).len(), 0);
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (text, good) in [
        ("{}", false),
        (config, true),
        (r#"{"most":0}"#, false),
        (r#"{"most":"3"}"#, false),
    ] {
        assert_eq!(
            validator.is_valid(&serde_json::from_str(text).unwrap()),
            good,
            "{text}"
        );
        assert_eq!(MaxActive::parse(text).is_ok(), good, "{text}");
    }
}
