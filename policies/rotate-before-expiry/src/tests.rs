use dayfly_policy_sdk::testing::{
    Memory, Sessions, acts, at, changed, resync, session, wake, wakes,
};
use dayfly_policy_sdk::{ChangedFields, Effect, ErrorKind, ResyncReason};
use proptest::prelude::*;

use super::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// 2024-02-28T23:30:00Z: credentials of an hour end on the leap day.
const BEGIN: u64 = 1_709_163_000_000;

fn evaluate(config: &str, now: u64, events: &[Event], sessions: Vec<Session>) -> Verdict {
    let config = RotateBeforeExpiry::parse(config).unwrap();
    let workspace = Sessions::new(sessions);
    RotateBeforeExpiry::evaluate(
        &config,
        &at(now),
        events,
        &workspace,
        &mut Memory::default(),
    )
}

fn fresh(sessions: Vec<Session>) -> Event {
    resync(ResyncReason::ColdStart, sessions)
}

/// Minutes after the beginning at which credentials of this lifetime are due.
fn due(config: &str, lifetime: u64) -> u64 {
    let config = Settings::read(config).unwrap();
    let session = session(1).active(BEGIN, BEGIN + lifetime * MINUTE).build();
    (Due::of(&config, &session).unwrap().at - BEGIN) / MINUTE
}

#[test]
fn due_at_two_thirds_of_the_lifetime_unless_more_is_asked_for() {
    for (config, lifetime, expected) in [
        // Default: 2/3 of the lifetime, whether it is short, at the edge, or long.
        (r#"{"jitter":0}"#, 15, 10),
        (r#"{"jitter":0}"#, 59, 39),
        (r#"{"jitter":0}"#, 60, 40),
        (r#"{"jitter":0}"#, 61, 40),
        (r#"{"jitter":0}"#, 720, 480),
        // A small fraction: `before` counts, up to a third of the lifetime.
        (r#"{"jitter":0,"fraction":0}"#, 720, 700),
        (r#"{"jitter":0,"fraction":0}"#, 30, 20),
        (r#"{"jitter":0,"fraction":0,"before":"5m"}"#, 15, 10),
        (r#"{"jitter":0,"fraction":0,"before":240}"#, 15, 11),
        // A large fraction: it counts.
        (r#"{"jitter":0,"fraction":0.5}"#, 60, 30),
        (r#"{"jitter":0,"fraction":0.5,"before":0}"#, 60, 30),
        // A tenth of the lifetime is always used.
        (r#"{"jitter":0.5,"fraction":0.9}"#, 60, 6),
    ] {
        assert_eq!(due(config, lifetime), expected, "{config}, {lifetime} min");
    }
}

#[test]
fn asks_to_be_woken_and_then_rotates_what_is_due() {
    let young = session(7).active(BEGIN, BEGIN + HOUR).revision(3).build();
    let config = r#"{"jitter":0}"#;
    let verdict = evaluate(config, BEGIN, &[fresh(vec![young.clone()])], Vec::new());
    assert_eq!(wakes(&verdict), [("rotate/7", BEGIN + 40 * MINUTE)]);
    assert!(acts(&verdict).is_empty());

    let now = BEGIN + 40 * MINUTE + 30_000;
    let events = [wake("rotate/7", BEGIN + 40 * MINUTE)];
    let verdict = evaluate(config, now, &events, vec![young]);
    assert_eq!(acts(&verdict), [(7, Action::Rotate, "expires-soon")]);
    let [Effect::Act(act)] = &verdict.effects[..] else {
        panic!("{verdict:?}")
    };
    assert_eq!(act.revision, 3);
    assert_eq!(
        act.why.message,
        "expires in 19 min 30 s; rotation is due 20 min before"
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
            ("expires-at", "2024-02-29T00:30:00Z"),
            ("due-at", "2024-02-29T00:10:00Z"),
            ("lifetime", "1 h"),
        ]
    );
}

#[test]
fn a_wake_up_that_is_out_of_date_changes_nothing() {
    let rotated = session(7)
        .active(BEGIN + 40 * MINUTE, BEGIN + 100 * MINUTE)
        .build();
    let now = BEGIN + 41 * MINUTE;
    let config = r#"{"jitter":0,"match":{"names":["session-*"]}}"#;
    let events = [wake("rotate/7", now)];
    let renewed = evaluate(config, now, &events, vec![rotated]);
    assert_eq!(wakes(&renewed), [("rotate/7", BEGIN + 80 * MINUTE)]);
    assert!(acts(&renewed).is_empty());
    let old = session(7).active(BEGIN, BEGIN + HOUR);
    for gone in [
        Vec::new(),
        vec![old.clone().status(Status::Inactive).build()],
        vec![old.clone().status(Status::Pending).build()],
        vec![old.name("other").build()],
    ] {
        assert_eq!(
            evaluate(config, now, &events, gone.clone()),
            Verdict::default(),
            "{gone:?}"
        );
    }
    for id in ["rotate/", "rotate/x", "rotate/99999999999", "other/7"] {
        let verdict = evaluate(config, now, &[wake(id, now)], vec![session(7).build()]);
        assert_eq!(verdict, Verdict::default(), "{id}");
    }
}

#[test]
fn a_failed_rotation_is_proposed_again_while_due() {
    let failed = session(1)
        .active(BEGIN, BEGIN + HOUR)
        .error(ErrorKind::Network, 2)
        .build();
    let now = BEGIN + 50 * MINUTE;
    let verdict = evaluate(
        "{}",
        now,
        &[changed(failed, ChangedFields::FAILURE)],
        Vec::new(),
    );
    assert_eq!(acts(&verdict), [(1, Action::Rotate, "expires-soon")]);
    let [Effect::Act(act)] = &verdict.effects[..] else {
        panic!("{verdict:?}")
    };
    assert!(
        act.why
            .evidence
            .iter()
            .any(|a| a.key == "last-error" && a.value == "network")
    );
}

#[test]
fn what_is_already_over_is_said_so() {
    let over = session(1).active(BEGIN, BEGIN + HOUR).build();
    let verdict = evaluate("{}", BEGIN + 2 * HOUR, &[fresh(vec![over])], Vec::new());
    assert_eq!(acts(&verdict), [(1, Action::Rotate, "expired")]);
}

#[test]
fn a_session_that_ends_or_leaves_takes_its_wake_up_with_it() {
    let stopped = session(1).build();
    let cancelled = vec![Effect::CancelWake("rotate/1".into())];
    let fields = ChangedFields::STATUS | ChangedFields::CREDENTIALS;
    assert_eq!(
        evaluate("{}", 1, &[changed(stopped, fields)], vec![]).effects,
        cancelled
    );
    let removed = session(1).active(BEGIN, BEGIN + HOUR).build();
    let events = [changed(removed.clone(), ChangedFields::REMOVED)];
    assert_eq!(
        evaluate("{}", BEGIN + HOUR, &events, vec![]).effects,
        cancelled
    );
    let pending = session(1)
        .active(BEGIN, BEGIN + HOUR)
        .status(Status::Pending)
        .build();
    let events = [changed(pending, ChangedFields::STATUS)];
    assert_eq!(evaluate("{}", BEGIN, &events, vec![]), Verdict::default());
    // Nothing to take back after a fresh look at thousands of inactive sessions.
    assert_eq!(
        evaluate("{}", BEGIN, &[fresh(vec![session(2).build()])], vec![]),
        Verdict::default()
    );
}

#[test]
fn credentials_without_an_end_are_left_alone() {
    let localstack = session(1).status(Status::Active).build();
    assert_eq!(
        evaluate("{}", BEGIN, &[fresh(vec![localstack])], vec![]),
        Verdict::default()
    );
}

#[test]
fn a_change_and_a_wake_up_in_one_call_give_one_proposal() {
    let due = session(1).active(BEGIN, BEGIN + HOUR).build();
    let now = BEGIN + 50 * MINUTE;
    let events = [
        wake("rotate/1", now),
        changed(due.clone(), ChangedFields::NAME),
        wake("rotate/1", now),
    ];
    let verdict = evaluate("{}", now, &events, vec![due]);
    assert_eq!(acts(&verdict), [(1, Action::Rotate, "expires-soon")]);
    assert_eq!(verdict.effects.len(), 1);
}

#[test]
fn schema_and_reader_agree() {
    let schema = serde_json::from_str(&RotateBeforeExpiry::descriptor().config_schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (text, expected) in [
        ("{}", true),
        (
            r#"{"before":"20m","fraction":0.33,"jitter":0.1,"match":{"names":["a*"]}}"#,
            true,
        ),
        (r#"{"before":1200}"#, true),
        (r#"{"before":"1h30m"}"#, true),
        (r#"{"before":"250ms"}"#, true),
        (r#"{"before":"30m1h"}"#, false),
        (r#"{"before":"20"}"#, false),
        (r#"{"before":""}"#, false),
        (r#"{"before":1.5}"#, false),
        (r#"{"before":-1}"#, false),
        (r#"{"before":null}"#, false),
        (r#"{"fraction":0.95}"#, false),
        (r#"{"fraction":"0.3"}"#, false),
        (r#"{"jitter":0.6}"#, false),
        (r#"{"befor":"20m"}"#, false),
    ] {
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(validator.is_valid(&value), expected, "schema on {text}");
        assert_eq!(Settings::read(text).is_ok(), expected, "reader on {text}");
    }
    let defaults = Settings::read("{}").unwrap();
    assert_eq!(
        defaults,
        Settings::read(r#"{"before":"20m","fraction":0.3333333333333333,"jitter":0.1}"#).unwrap()
    );
}

#[test]
fn errors_name_the_key_and_what_would_be_right() {
    for (text, expected) in [
        (
            r#"{"befor":"20m"}"#,
            "`befor` is not a key of this policy; did you mean `before`?",
        ),
        (
            r#"{"before":"soon"}"#,
            "`before`: `soon` is not a duration; write `20m`, `1h30m`, `90s` or `2d`",
        ),
        (
            r#"{"fraction":1}"#,
            "`fraction`: must be between 0 and 0.90, not 1",
        ),
        (
            r#"{"before":0,"fraction":0}"#,
            "`before`: is 0 and so is `fraction`: credentials would be rotated only when they have ended",
        ),
    ] {
        assert_eq!(Settings::read(text).unwrap_err().to_string(), expected);
    }
}

proptest! {
    /// Jitter is the same at every call for the same credentials, and only ever earlier.
    #[test]
    fn jitter_stands_still_and_only_makes_earlier(
        id in "[a-z0-9-]{1,12}",
        begin in 0..4_000_000_000_000_u64,
        lifetime in 1_000..172_800_000_u64,
        jitter in 0.0..0.5_f64,
        before in 0..7_200_u64,
        later in 0..1_000_000_u64,
    ) {
        let read = |jitter: f64| {
            Settings::read(&format!(r#"{{"before":{before},"jitter":{jitter}}}"#)).unwrap()
        };
        let session = session(1).id(&id).active(begin, begin + lifetime).build();
        let due = Due::of(&read(jitter), &session).unwrap();
        let plain = Due::of(&read(0.0), &session).unwrap();
        prop_assert!(due.at <= plain.at);
        prop_assert!(due.at >= begin + lifetime / 10);
        let remainder = plain.expires_at - plain.at;
        prop_assert!((plain.at - due.at) as f64 <= remainder as f64 * jitter + 1.0);
        // Another call, at another time, with another seed, of a session that was edited.
        let edited = dayfly_policy_sdk::testing::session(9)
            .id(&id).name("edited").active(begin, begin + lifetime).revision(5).build();
        prop_assert_eq!(Due::of(&read(jitter), &edited).unwrap().at, due.at);
        let now = due.at.saturating_sub(later + 1);
        let verdict = evaluate(
            &format!(r#"{{"before":{before},"jitter":{jitter}}}"#), now, &[fresh(vec![session])], vec![]);
        prop_assert_eq!(wakes(&verdict), vec![("rotate/1", due.at)]);
    }

    /// Every matching active session with an end gets exactly one answer.
    #[test]
    fn each_session_is_answered_once(ages in proptest::collection::vec(0..7_200_u64, 1..20)) {
        let now = BEGIN + 2 * HOUR;
        let sessions: Vec<_> = ages.iter().zip(0..).map(|(age, key)| {
            let begin = now - age * 1_000;
            session(key).active(begin, begin + HOUR).build()
        }).collect();
        let verdict = evaluate("{}", now, &[fresh(sessions.clone())], vec![]);
        prop_assert_eq!(verdict.effects.len(), sessions.len());
        for (effect, age) in verdict.effects.iter().zip(ages) {
            match effect {
                Effect::Act(act) => prop_assert!(act.action == Action::Rotate && age >= 2_160),
                Effect::Wake(wake) => prop_assert!(wake.at > now && age <= 2_400),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

#[test]
fn the_draw_spreads_over_the_whole_range() {
    let settings = Settings::read(r#"{"jitter":0.5}"#).unwrap();
    let dues: Vec<u64> = (0..1_000)
        .map(|n| {
            let session = session(n)
                .id(&format!("id-{n}"))
                .active(BEGIN, BEGIN + HOUR)
                .build();
            Due::of(&settings, &session).unwrap().at - BEGIN
        })
        .collect();
    // From 30 to 40 minutes, a quarter in each quarter of it.
    for quarter in 0..4 {
        let from = 30 * MINUTE + quarter * 150_000;
        let count = dues
            .iter()
            .filter(|due| (from..from + 150_000).contains(due))
            .count();
        assert!(
            (180..320).contains(&count),
            "{count} of 1000 in quarter {quarter}"
        );
    }
}
