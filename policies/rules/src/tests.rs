//! Rules as a person writes them.

use dayfly_policy_sdk::testing::{
    Memory, SessionBuilder, Sessions, at, changed, custom, resync, session, wakes,
};
use dayfly_policy_sdk::{Act, Effect, Outcome, Session, Status};
use serde_json::Value as Json;

use dayfly_policy_sdk::ResyncReason;

use super::*;
use crate::call::TRIED;

mod mistakes;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// A policy entry between calls.
struct Play {
    settings: Settings,
    memory: Memory,
    sessions: Sessions,
    now: u64,
}

impl Play {
    fn new(rules: &str) -> Self {
        Self {
            settings: Settings::read(rules).unwrap_or_else(|error| panic!("{error}")),
            memory: Memory::default(),
            sessions: Sessions::default(),
            now: 10 * HOUR,
        }
    }

    fn with(mut self, sessions: impl IntoIterator<Item = Session>) -> Self {
        self.sessions = Sessions::new(sessions);
        self
    }

    fn call(&mut self, events: &[Event]) -> Verdict {
        Rules::evaluate(
            &self.settings,
            &at(self.now),
            events,
            &self.sessions,
            &mut self.memory,
        )
    }

    /// The call in which a session is looked at for the first time.
    fn look(&mut self, session: Session) -> Verdict {
        self.call(&[resync(ResyncReason::ColdStart, vec![session])])
    }

    fn emit(&mut self, name: &str, data: &str) -> Verdict {
        self.call(&[custom(name, data)])
    }
}

fn ended(session: Session, outcome: Outcome) -> Event {
    dayfly_policy_sdk::testing::ended(session, ChangedFields::STATUS, outcome)
}

/// The rules of a list, as `dayfly.toml` hands them over.
fn rules(rules: &[&str]) -> String {
    format!(r#"{{"rule":[{}]}}"#, rules.join(","))
}

fn said(verdict: &Verdict) -> Vec<String> {
    let line = |effect: &Effect| {
        Some(match effect {
            Effect::Act(Act {
                session,
                action,
                why,
                ..
            }) => format!("{session} {action:?} {}: {}", why.code, why.message),
            Effect::Hold(hold) => {
                format!("{} hold {:?} {}", hold.session, hold.actions, hold.why.code)
            }
            Effect::Withdraw(session) => format!("{session} withdraw"),
            Effect::Notify(notice) => format!("notify {:?} {}", notice.severity, notice.text),
            _ => return None,
        })
    };
    verdict.effects.iter().filter_map(line).collect()
}

fn prod(key: SessionKey) -> SessionBuilder {
    session(key)
        .name(&format!("prod-{key}"))
        .label("env", "production")
}

#[test]
fn a_rule_that_always_counts_wakes_when_time_changes_its_answer() {
    let mut play = Play::new(&rules(&[
        r#"{"name":"too-long","if":"session.labels.env == 'production' && session.age >= duration('1h')",
            "then":"stop","because":"active for {session.age}; an hour is the most"}"#,
    ]));
    let active = prod(1)
        .active(play.now - 10 * MINUTE, play.now + 5 * HOUR)
        .build();
    let verdict = play.look(active.clone());
    assert_eq!(said(&verdict), [""; 0]);
    assert_eq!(wakes(&verdict), [("session/1", play.now + 50 * MINUTE)]);
    play.now += 50 * MINUTE;
    play = play.with([active]);
    let verdict = play.call(&[dayfly_policy_sdk::testing::wake("session/1", play.now)]);
    assert_eq!(
        said(&verdict),
        ["1 Action::Stop too-long: active for 1 h; an hour is the most"]
    );
    assert_eq!(wakes(&verdict), [("", 0); 0]);
    // A label that is not there is an error, which only what is false beside it hides: the moment
    // at which that turns counts as well.
    let verdict = play.look(session(2).active(play.now, play.now + HOUR).build());
    assert_eq!((said(&verdict).len(), wakes(&verdict).len()), (0, 1));
}

#[test]
fn each_comparison_turns_at_its_own_millisecond() {
    for (condition, turns) in [
        ("session.age >= duration('1h')", Some(HOUR)),
        ("session.age > duration('1h')", Some(HOUR + 1)),
        ("session.age < duration('1h')", Some(HOUR)),
        ("session.age <= duration('1h')", Some(HOUR + 1)),
        ("session.age == duration('1h')", Some(HOUR)),
        ("duration('1h') <= session.age", Some(HOUR)),
        ("session.left <= duration('1h')", Some(2 * HOUR)),
        ("session.left < duration('1h')", Some(2 * HOUR + 1)),
        ("session.left > duration('1h')", Some(2 * HOUR)),
        (
            "now > session.started_at + duration('30m')",
            Some(HOUR / 2 + 1),
        ),
        (
            "now < timestamp('2000-01-01T00:00:00Z')",
            Some(946_684_800_000 - 10 * HOUR),
        ),
        ("now.getHours() >= 12", Some(HOUR)),
        (
            "now.timeOfDay() >= duration('12h30m')",
            Some(2 * HOUR + HOUR / 2),
        ),
        ("now.getDayOfWeek('Europe/Berlin') == 5", Some(13 * HOUR)),
        (
            "max(session.age, duration('2h')) == duration('2h')",
            Some(2 * HOUR),
        ),
        ("session.age < duration('0s')", None),
        ("session.age > session.idle", None),
        ("session.failures == 0", None),
    ] {
        let rule = format!(r#"{{"name":"r","if":"{condition}","then":"stop"}}"#);
        let mut play = Play::new(&rules(&[&rule]));
        let verdict = play.look(prod(1).active(play.now, play.now + 3 * HOUR).build());
        let woken = wakes(&verdict).first().map(|(_, at)| *at - play.now);
        assert_eq!(woken, turns, "{condition}");
    }
}

#[test]
fn the_first_rule_that_acts_decides_and_holds_count_all() {
    let mut play = Play::new(&rules(&[
        r#"{"name":"frozen","if":"session.labels.env == 'production'","then":"hold start, rotate","until":"now + duration('1h')"}"#,
        r#"{"name":"pinned","if":"'pinned' in session.labels","then":"leave"}"#,
        r#"{"name":"down","if":"session.status == 'active'","then":"stop"}"#,
        r#"{"name":"up","then":"start"}"#,
    ]));
    let now = play.now;
    let active = |key| prod(key).active(now, now + HOUR);
    assert_eq!(
        said(&play.look(active(1).build())),
        [
            "1 hold [Action::Start, Action::Rotate] frozen",
            "1 Action::Stop down: rule down: session.status == 'active'"
        ]
    );
    assert_eq!(
        said(&play.look(active(2).label("pinned", "").build())),
        ["2 hold [Action::Start, Action::Rotate] frozen"]
    );
    assert_eq!(
        said(&play.look(session(3).build())),
        ["3 Action::Start up: rule up"]
    );
}

#[test]
fn what_is_remembered_moves_all_sessions_at_once() {
    let mut play = Play::new(&rules(&[
        r#"{"name":"enter","when":"event project","remember":{"project":"event.data.name"}}"#,
        r#"{"name":"mine","if":"session.labels.project == state.project","then":"start","because":"project {state.project} was entered"}"#,
        r#"{"name":"others","if":"has(state.project) && 'project' in session.labels","then":"stop"}"#,
    ]))
    .with([
        session(1).label("project", "a").build(),
        session(2).label("project", "b").active(0, 20 * HOUR).build(),
        session(3).build(),
    ]);
    let first = play.look(session(1).label("project", "a").build());
    assert_eq!(said(&first), [""; 0], "nothing is remembered yet");
    let entered = play.emit("project", r#"{"name":"a"}"#);
    assert_eq!(
        said(&entered),
        [
            "1 Action::Start mine: project a was entered",
            "2 Action::Stop others: rule others: has(state.project) && 'project' in session.labels",
            "3 withdraw",
        ]
    );
    assert_eq!(
        said(&play.emit("project", r#"{"name":"a"}"#)),
        [""; 0],
        "no news"
    );
    let left = play.emit("project", "null");
    assert_eq!(said(&left).len(), 0, "data without a name changes nothing");
    let other = play.emit("project", r#"{"name":"b"}"#);
    assert!(
        said(&other)[1].starts_with("2 Action::Start mine"),
        "{:?}",
        said(&other)
    );
}

#[test]
fn what_an_event_asked_for_stands_until_it_is_done_or_over() {
    let mut play = Play::new(&rules(&[
        r#"{"name":"on-call","when":"event page","if":"session.name == event.data.session","then":"start","because":"paged: {event.data.why}"}"#,
        r#"{"name":"freeze","when":"event freeze","then":"hold start","for":"1h"}"#,
        r#"{"name":"quiet","if":"session.status == 'active'","then":"stop"}"#,
    ]))
    .with([session(1).name("a").build(), session(2).name("b").build()]);
    let paged = play.emit("page", r#"{"session":"a","why":"disk full"}"#);
    let wish = "1 Action::Start on-call: paged: disk full";
    assert_eq!(said(&paged), [wish, "2 withdraw"]);
    // A change of the session does not take it back, a failure does not either …
    let pending = session(1).name("a").status(Status::Pending).build();
    assert_eq!(
        said(&play.call(&[changed(pending, ChangedFields::STATUS)])),
        [wish]
    );
    // … fulfilment does, and then the other rules count again.
    let active = session(1)
        .name("a")
        .active(play.now, play.now + HOUR)
        .build();
    let done = play.call(&[ended(active, Outcome::Started)]);
    assert!(
        said(&done)[0].starts_with("1 Action::Stop quiet"),
        "{:?}",
        said(&done)
    );
    // One that is never fulfilled ends by itself.
    play.emit("page", r#"{"session":"b","why":"x"}"#);
    play.now += TRIED;
    assert_eq!(said(&play.look(session(2).name("b").build())), [""; 0]);
    // One with a span stands for all of it.
    assert_eq!(
        said(&play.emit("freeze", "null")),
        [
            "1 hold [Action::Start] freeze",
            "2 hold [Action::Start] freeze"
        ]
    );
    play.now += HOUR - 1;
    assert_eq!(
        said(&play.look(session(1).name("a").build())),
        ["1 hold [Action::Start] freeze"]
    );
    play.now += 1;
    assert_eq!(said(&play.look(session(1).name("a").build())), [""; 0]);
}

#[test]
fn rules_answer_to_what_happens_to_a_session_and_wake_each_other() {
    let mut play = Play::new(&rules(&[
        r#"{"name":"tell","when":"failed","if":"session.failures >= 3","then":"notify warning","because":"{session.name} failed {session.failures} times: {session.error}"}"#,
        r#"{"name":"lunch","when":"event lunch","then":"wake back","at":"now + duration('30m')"}"#,
        r#"{"name":"back","when":"wake back","then":"start"}"#,
    ]))
    .with([session(1).build()]);
    let failed = |n| {
        session(1)
            .error(dayfly_policy_sdk::ErrorKind::Network, n)
            .build()
    };
    assert_eq!(
        said(&play.call(&[ended(failed(2), Outcome::Failed)])),
        [""; 0]
    );
    assert_eq!(
        said(&play.call(&[ended(failed(3), Outcome::Failed)])),
        ["notify Severity::Warning session-1 failed 3 times: network"]
    );
    let lunch = play.emit("lunch", "null");
    assert_eq!(wakes(&lunch), [("named/back", play.now + 30 * MINUTE)]);
    play.now += 30 * MINUTE;
    let back = play.call(&[dayfly_policy_sdk::testing::wake("named/back", play.now)]);
    assert_eq!(said(&back), ["1 Action::Start back: rule back"]);
}

#[test]
fn sessions_beside_the_match_are_left_alone() {
    let mut play = Play::new(r#"{"match":{"labels":["env=production"]},"rule":[{"then":"stop"}]}"#);
    assert_eq!(said(&play.look(session(1).build())), [""; 0]);
    assert_eq!(said(&play.look(prod(2).build())).len(), 1);
}

#[test]
fn a_condition_that_fails_does_not_hold_and_says_why() {
    let mut play = Play::new(&rules(&[
        r#"{"when":"event x","if":"event.data.n > 3 && session.failures == 0","then":"stop"}"#,
    ]))
    .with([session(1).build()]);
    let verdict = play.emit("x", r#"{"n":"many"}"#);
    assert_eq!(said(&verdict), ["1 withdraw"]);
    assert_eq!(
        verdict.lines[0].1,
        "rule rule-1: `>` cannot combine a text with a whole number"
    );
    let silent = play.emit("x", "null");
    assert_eq!(silent.lines.len(), 0, "what is not there is no trouble");

    // Trouble is told in whatever words it is said.
    let mut play = Play::new(&rules(&[
        r#"{"when":"event x","if":"'%s %s'.format([session.name]) == 'a b'","then":"stop"}"#,
    ]))
    .with([session(1).build()]);
    let verdict = play.emit("x", "null");
    let told: Vec<&str> = verdict.lines.iter().map(|line| line.1.as_str()).collect();
    assert_eq!(told, ["rule rule-1: there is no value for `%s`"]);
}

#[test]
fn schema_and_reader_agree() {
    let schema: Json = serde_json::from_str(settings::SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (text, expected) in [
        (r#"{"rule":[{"if":"true","then":"stop"}]}"#, true),
        (
            r#"{"rule":[{"name":"a-b","when":"event x","then":"start","for":"1h","because":"b"}],"match":{"names":["a*"]}}"#,
            true,
        ),
        (
            r#"{"rule":[{"when":"event x","then":"wake y","at":"now"},{"when":"event z","remember":{"k":"1"}}]}"#,
            true,
        ),
        (r"{}", false),
        (r#"{"rule":[]}"#, false),
        (r#"{"rule":[{"iff":"true","then":"stop"}]}"#, false),
        (r#"{"rule":[{"name":"A b","then":"stop"}]}"#, false),
        (r#"{"rule":[{"if":"","then":"stop"}]}"#, false),
        (r#"{"rule":[{"if":true,"then":"stop"}]}"#, false),
        (r#"{"rule":[{"then":"stop"}],"rules":[]}"#, false),
    ] {
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(validator.is_valid(&value), expected, "schema on {text}");
        assert_eq!(Settings::read(text).is_ok(), expected, "reader on {text}");
    }
}

#[test]
fn what_is_asked_for_follows_from_the_rules() {
    let wanted = |text: &str| Rules::subscriptions(&Settings::read(text).unwrap());
    let custom = rules(&[
        r#"{"when":"event x","remember":{"k":"event.data"}}"#,
        r#"{"when":"event x","then":"wake y","for":"1m"}"#,
    ]);
    assert_eq!(wanted(&custom), [Subscription::Custom("x".into())]);
    let fields = |text: &str| match &wanted(text)[0] {
        Subscription::Sessions(filter) => filter.fields,
        other => panic!("{other:?}"),
    };
    let plain = fields(&rules(&[r#"{"then":"start"}"#]));
    assert!(!plain.contains(ChangedFields::LAST_USE));
    let used = fields(&rules(&[
        r#"{"if":"session.idle > duration('5m')","then":"stop"}"#,
    ]));
    assert!(used.contains(ChangedFields::LAST_USE));
    let all = rules(&[
        r#"{"when":"file ~/code/*/.dayfly","remember":{"k":"event.content"}}"#,
        r#"{"when":"schedule Europe/Berlin 0 9 * * 1-5","then":"start"}"#,
    ]);
    assert_eq!(wanted(&all).len(), 3);
}
