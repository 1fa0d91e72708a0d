use dayfly_policy_sdk::testing::{
    Memory, Sessions, acts, at, branch, custom, file, resync, session, stopping_at, tick,
};
use dayfly_policy_sdk::{Effect, ResyncReason};

use super::*;

fn evaluate(config: &str, events: &[Event]) -> Verdict {
    let config = OnEvent::parse(config).unwrap();
    let workspace = Sessions::new([
        session(1).label("work", "").build(),
        session(2).label("work", "").active(0, 3_600_000).build(),
        session(3).of_type("azure").build(),
    ]);
    OnEvent::evaluate(
        &config,
        &at(1_000),
        events,
        &workspace,
        &mut Memory::default(),
    )
}

const START: &str = r#"{"files":["/srv/*/x"],"then":"start","match":{"labels":["work"]}}"#;

#[test]
fn what_happens_is_told_and_acted_on() {
    let verdict = evaluate(
        START,
        &[file("/srv/a/x", FileChangeKind::Changed, Some("abc"))],
    );
    assert_eq!(acts(&verdict), [(1, Action::Start, "on-event")]);
    assert_eq!(verdict.lines[0].1, "file /srv/a/x changed, 3 bytes");
    let Effect::Act(act) = &verdict.effects[0] else {
        panic!("{verdict:?}")
    };
    assert_eq!(act.not_after, Some(61_000));
    assert_eq!(act.why.message, "file /srv/a/x changed, 3 bytes");
}

#[test]
fn what_is_merely_there_or_is_gone_is_only_told() {
    for kind in [FileChangeKind::Present, FileChangeKind::Removed] {
        let verdict = evaluate(START, &[file("/srv/a/x", kind, None)]);
        assert!(acts(&verdict).is_empty());
        assert_eq!(verdict.lines.len(), 1);
    }
    let verdict = evaluate(
        START,
        &[resync(ResyncReason::ColdStart, vec![session(1).build()])],
    );
    assert_eq!(verdict, Verdict::default());
}

#[test]
fn each_action_goes_to_those_that_it_makes_sense_for() {
    let config =
        |then: &str| format!(r#"{{"engine":["stopping"],"events":["e"],"then":"{then}"}}"#);
    let verdict = evaluate(&config("stop"), &[stopping_at(5)]);
    assert_eq!(acts(&verdict), [(2, Action::Stop, "on-event")]);
    let verdict = evaluate(&config("rotate"), &[custom("e", "{}")]);
    assert_eq!(acts(&verdict), [(2, Action::Rotate, "on-event")]);
    let verdict = evaluate(&config("start"), &[custom("e", "{}")]);
    assert_eq!(
        acts(&verdict),
        [
            (1, Action::Start, "on-event"),
            (3, Action::Start, "on-event")
        ]
    );
}

#[test]
fn without_an_action_it_only_tells() {
    let verdict = evaluate(
        r#"{"branches":["~/src/*"],"schedules":["UTC 0 9 * * *"]}"#,
        &[
            branch("/srv/me/src/a", Some("main"), Some("old")),
            tick("UTC 0 9 * * *", 32_400_000),
        ],
    );
    assert!(verdict.effects.is_empty());
    let lines: Vec<&str> = verdict
        .lines
        .iter()
        .map(|(_, line)| line.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "repository /srv/me/src/a changed: main instead of old",
            "schedule UTC 0 9 * * * due 1970-01-01T09:00:00Z"
        ]
    );
}

#[test]
fn what_is_wrong_is_said() {
    let said = |config: &str| OnEvent::parse(config).unwrap_err().to_string();
    assert!(said("{}").contains("what the policy waits for"));
    assert!(said(r#"{"engine":["begun"]}"#).contains("started, stopping, resumed, clock-set"));
    assert!(said(r#"{"events":["e"],"then":"begin"}"#).contains("start, stop, rotate"));
    assert!(said(r#"{"event":["e"]}"#).contains("did you mean `events`?"));
}

#[test]
fn the_schema_is_one_and_takes_what_the_rule_takes() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(START).unwrap()));
    assert!(!validator.is_valid(&serde_json::json!({ "then": "begin" })));
}
