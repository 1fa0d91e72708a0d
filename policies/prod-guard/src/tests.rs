use dayfly_policy_sdk::testing::{
    Memory, SessionBuilder, Sessions, acts, at, changed, session, wake, wakes,
};

use super::*;

const HOUR: u64 = 3_600_000;
const CONFIG: &str = r#"{"match":{"labels":["production"]}}"#;

struct Play(Memory);

impl Play {
    fn call(&mut self, now: u64, events: &[Event], sessions: &[Session]) -> Verdict {
        let config = ProdGuard::parse(CONFIG).unwrap();
        let sessions = Sessions::new(sessions.to_vec());
        ProdGuard::evaluate(&config, &at(now), events, &sessions, &mut self.0)
    }
}

fn play() -> Play {
    Play(Memory::default())
}

fn prod(key: SessionKey) -> SessionBuilder {
    session(key)
        .name(&format!("prod-{key}"))
        .label("production", "")
}

fn held(verdict: &Verdict) -> Vec<(SessionKey, &str)> {
    let held = verdict.effects.iter().filter_map(|effect| match effect {
        Effect::Hold(hold) => Some((hold.session, hold.why.code.as_str())),
        _ => None,
    });
    held.collect()
}

#[test]
fn without_a_reason_nobody_starts_it() {
    let told = |session: &Session, fields| [changed(session.clone(), fields)];
    let idle = prod(1).build();
    let verdict = play().call(
        0,
        &told(&idle, ChangedFields::ADDED),
        std::slice::from_ref(&idle),
    );
    assert_eq!(held(&verdict), [(1, "needs-a-reason")]);
    let asked = prod(1).reason("INC-42").build();
    let verdict = play().call(
        0,
        &told(&asked, ChangedFields::REASON),
        std::slice::from_ref(&asked),
    );
    assert_eq!(held(&verdict), []);
    let other = session(2).build();
    let verdict = play().call(
        0,
        &told(&other, ChangedFields::ADDED),
        std::slice::from_ref(&other),
    );
    assert_eq!(held(&verdict), [], "others are nobody's business");
}

#[test]
fn never_two_at_once() {
    let active = prod(1).active(0, HOUR).build();
    let asked = prod(2).reason("INC-43").build();
    let events = [changed(asked.clone(), ChangedFields::REASON)];
    let verdict = play().call(5, &events, &[active.clone(), asked.clone()]);
    assert_eq!(held(&verdict), [(2, "one-at-a-time")]);
    // When the first stops, the hold of the second goes too.
    let stopped = prod(1).build();
    let events = [changed(stopped.clone(), ChangedFields::STATUS)];
    let verdict = play().call(6, &events, &[stopped, asked]);
    assert_eq!(held(&verdict), [(1, "needs-a-reason")]);
    assert!(verdict.effects.contains(&Effect::Withdraw(2)));
}

#[test]
fn it_is_stopped_when_its_time_is_over_however_often_it_was_rotated() {
    let mut play = play();
    let active = |from| prod(1).active(from, from + HOUR).reason("INC-42").build();
    let started = [changed(active(1_000), ChangedFields::STATUS)];
    let verdict = play.call(1_000, &started, &[active(1_000)]);
    assert_eq!(wakes(&verdict), [("over/1", 1_000 + HOUR)]);
    let rotated = [changed(active(HOUR / 2), ChangedFields::CREDENTIALS)];
    let verdict = play.call(HOUR / 2, &rotated, &[active(HOUR / 2)]);
    assert_eq!(wakes(&verdict), [("over/1", 1_000 + HOUR)]);
    let over = [wake("over/1", 1_000 + HOUR)];
    let verdict = play.call(1_000 + HOUR, &over, &[active(HOUR / 2)]);
    assert_eq!(acts(&verdict), [(1, Action::Stop, "time-is-over")]);
    // A reason that is given again begins the time again.
    let again = [changed(active(HOUR / 2), ChangedFields::REASON)];
    let verdict = play.call(2 * HOUR, &again, &[active(HOUR / 2)]);
    assert_eq!(
        (acts(&verdict).len(), wakes(&verdict)),
        (0, vec![("over/1", 3 * HOUR)])
    );
}

#[test]
fn schema_and_reader_agree() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (text, good) in [
        (CONFIG, true),
        (
            r#"{"match":{},"for":"2h","one":false,"reason":false}"#,
            true,
        ),
        ("{}", false),
        (r#"{"match":{},"for":0}"#, false),
        (r#"{"match":{},"two":1}"#, false),
    ] {
        assert_eq!(
            validator.is_valid(&serde_json::from_str(text).unwrap()),
            good,
            "{text}"
        );
        assert_eq!(ProdGuard::parse(text).is_ok(), good, "{text}");
    }
}
