use dayfly_policy_sdk::testing::{Memory, Sessions, acts, at, changed, session, wake, wakes};

use super::*;

const MINUTE: u64 = 60_000;

fn call(config: &str, now: u64, events: &[Event], sessions: Vec<Session>) -> Verdict {
    call_again(&mut Memory::default(), config, now, events, sessions)
}

fn call_again(
    memory: &mut Memory,
    config: &str,
    now: u64,
    events: &[Event],
    sessions: Vec<Session>,
) -> Verdict {
    let config = IdleStop::parse(config).unwrap();
    IdleStop::evaluate(&config, &at(now), events, &Sessions::new(sessions), memory)
}

#[test]
fn what_nothing_asks_for_is_stopped_and_what_is_used_is_not() {
    let hour = 60 * MINUTE;
    let fresh = session(1).active(hour, 2 * hour).build();
    let told = |session: &Session| changed(session.clone(), ChangedFields::STATUS);
    let verdict = call("{}", hour, &[told(&fresh)], vec![]);
    assert_eq!(wakes(&verdict), [("idle/1", hour + 30 * MINUTE)]);
    let due = [wake("idle/1", hour + 30 * MINUTE)];
    let verdict = call("{}", hour + 30 * MINUTE, &due, vec![fresh]);
    assert_eq!(acts(&verdict), [(1, Action::Stop, "idle")]);
    // Used meanwhile: the wake-up only moves.
    let used = session(1)
        .active(hour, 2 * hour)
        .used(hour + 20 * MINUTE)
        .build();
    let verdict = call("{}", hour + 30 * MINUTE, &due, vec![used]);
    assert_eq!(
        (acts(&verdict).len(), wakes(&verdict)),
        (0, vec![("idle/1", hour + 50 * MINUTE)])
    );
    // A rotation is no use, and neither is one from before a stop.
    let mut memory = Memory::default();
    let begun = session(1).active(hour, 2 * hour).used(1).build();
    let verdict = call_again(&mut memory, "{}", hour, &[told(&begun)], vec![]);
    assert_eq!(wakes(&verdict), [("idle/1", hour + 30 * MINUTE)]);
    let rotated = session(1)
        .active(hour + 25 * MINUTE, 3 * hour)
        .used(1)
        .build();
    let verdict = call_again(&mut memory, "{}", hour + 30 * MINUTE, &due, vec![rotated]);
    assert_eq!(acts(&verdict), [(1, Action::Stop, "idle")]);
    let stopped = session(1).used(1).build();
    call_again(&mut memory, "{}", 2 * hour, &[told(&stopped)], vec![]);
    let anew = session(1).active(2 * hour, 3 * hour).used(1).build();
    let verdict = call_again(&mut memory, "{}", 2 * hour, &[told(&anew)], vec![]);
    assert_eq!(wakes(&verdict), [("idle/1", 2 * hour + 30 * MINUTE)]);
}

#[test]
fn a_parent_stays_as_long_as_a_child_is_active() {
    let parent = session(1).active(0, 999 * MINUTE).build();
    let child = |status| {
        session(2)
            .of_type("awsIamRoleChained")
            .parent(1)
            .status(status)
            .build()
    };
    let due = [wake("idle/1", 30 * MINUTE)];
    let with = |status| call("{}", 30 * MINUTE, &due, vec![parent.clone(), child(status)]);
    assert_eq!(acts(&with(Status::Active)).len(), 0);
    assert_eq!(wakes(&with(Status::Pending)), [("idle/1", 60 * MINUTE)]);
    assert_eq!(acts(&with(Status::Inactive)), [(1, Action::Stop, "idle")]);
}

#[test]
fn others_are_left_alone_and_the_schema_agrees() {
    let config = r#"{"after":"5m","match":{"labels":["idle"]}}"#;
    let old = session(1).active(0, 999 * MINUTE);
    let told = |session: Session| [changed(session, ChangedFields::STATUS)];
    assert_eq!(
        acts(&call(
            config,
            9 * MINUTE,
            &told(old.clone().build()),
            vec![]
        ))
        .len(),
        0
    );
    let verdict = call(
        config,
        9 * MINUTE,
        &told(old.label("idle", "").build()),
        vec![],
    );
    assert_eq!(acts(&verdict).len(), 1);
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (text, good) in [
        ("{}", true),
        (config, true),
        (r#"{"after":0}"#, false),
        (r#"{"for":1}"#, false),
    ] {
        assert_eq!(
            validator.is_valid(&serde_json::from_str(text).unwrap()),
            good,
            "{text}"
        );
        assert_eq!(IdleStop::parse(text).is_ok(), good, "{text}");
    }
}
