//! Long-lived keys are replaced by rule: when they are due, when nobody forbids it, again where it failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::audit::{Chain, audit};
use dayfly_core::effect::{Effect, JournalEvent, KeyCall};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    Entry, Input, PersistedStatus, SessionUpsert, UserInput, WorkspaceChange,
};
use dayfly_core::key_rotation::{KeyAnswer, KeyFacts, KeyRule};
use dayfly_core::policy::{
    Action, Actions, EntryName, EvaluationId, Event, Hold, PolicyEffect, Reason, SessionFilter,
    SessionKey, Subscription, Verdict,
};
use dayfly_core::session::{Access, ErrorKind, Failure, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// A call that waits for its answer: its session, and whether it replaces the key.
type Call = (KeyCall, String, bool);

struct Stage {
    state: State,
    now: Timestamp,
    calls: Vec<Call>,
    asked: Option<(EvaluationId, Vec<SessionKey>)>,
    recorded: Vec<JournalEvent>,
}

impl Stage {
    /// These sessions, with a rule of a month each, and the policies that are given.
    fn new(names: &[&str], policies: Vec<Entry>) -> Self {
        let settings = Settings {
            wake_soonest: Duration::ZERO,
            ..Settings::default()
        };
        let mut stage = Self {
            state: State::new(settings, 1),
            now: NOW,
            calls: Vec::new(),
            asked: None,
            recorded: Vec::new(),
        };
        stage.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        stage.enter(Input::Workspace(WorkspaceChange {
            upserts: names.iter().map(|name| session(name)).collect(),
            removed: Vec::new(),
        }));
        stage.rules(names, KeyRule::Every(MONTH));
        assert_eq!(stage.calls, [], "nothing before the first policies");
        stage.enter(Input::Policies(policies));
        stage
    }

    fn rules(&mut self, names: &[&str], rule: KeyRule) {
        let rules = names.iter().map(|name| (SessionId::new(name), rule));
        self.enter(Input::KeyRules(rules.collect()));
    }

    fn enter(&mut self, input: Input) {
        for effect in step(&mut self.state, self.now, input) {
            match effect {
                Effect::LookAtKey { call, session } => {
                    self.calls.push((call, session.to_string(), false));
                }
                Effect::RotateKey {
                    call,
                    session,
                    older_than,
                } => {
                    let rule = self.state.key(&session).expect("it has a rule").rule;
                    assert_eq!(older_than, rule.every());
                    self.calls.push((call, session.to_string(), true));
                }
                Effect::Evaluate {
                    evaluation, events, ..
                } => {
                    let keys = events.iter().flat_map(|event| match event {
                        Event::Resync { sessions, .. } => sessions.iter().map(|s| s.key).collect(),
                        Event::Sessions(all) => all.iter().map(|c| c.after.key).collect(),
                        _ => Vec::new(),
                    });
                    self.asked = Some((evaluation, keys.collect()));
                }
                Effect::Record(entry) => self.recorded.push(entry.what),
                _ => {}
            }
        }
        assert_eq!(audit(&self.state, self.now, Chain::Unknown), []);
    }

    /// Time passes until the core wants to be called, or as long as is said.
    fn pass(&mut self, span: Duration) {
        let end = self.now.plus(span);
        while let Some(wake) = self.state.next_wake().filter(|at| *at <= end) {
            self.now = self.now.max(wake);
            self.enter(Input::Tick);
        }
        self.now = end;
        self.enter(Input::Tick);
    }

    /// The only call that is under way: whose, and whether it replaces the key.
    fn call(&self) -> Option<(&str, bool)> {
        assert!(self.calls.len() <= 1, "{:?}", self.calls);
        self.calls
            .first()
            .map(|(_, session, rotates)| (session.as_str(), *rotates))
    }

    fn answer(&mut self, result: Result<KeyAnswer, Failure>) {
        let (call, session, _) = self.calls.remove(0);
        self.enter(Input::KeyAnswered {
            call,
            session: SessionId::new(&session),
            result,
        });
    }

    fn seen(&mut self, created: Timestamp) {
        let interrupted = false;
        self.answer(Ok(KeyAnswer::Seen(KeyFacts {
            created,
            interrupted,
        })));
    }

    fn rotated(&mut self) {
        self.answer(Ok(KeyAnswer::Rotated {
            old: "AKIAOLD".to_owned(),
            new: "AKIANEW".to_owned(),
        }));
    }

    /// The policy answers: with a hold of this action for each session, or with nothing.
    fn judge(&mut self, holds: Option<Action>, until: Option<Timestamp>) {
        let (evaluation, keys) = self.asked.take().expect("a policy was asked");
        let hold = |key: &SessionKey| {
            Some(PolicyEffect::Hold(Hold {
                session: *key,
                actions: [holds?].into_iter().collect(),
                until,
                why: Reason::new("no", "not in office hours"),
            }))
        };
        let effects: Vec<Option<PolicyEffect>> = keys.iter().map(hold).collect();
        self.enter(Input::Evaluated {
            entry: EntryName::new("hours"),
            evaluation,
            result: Ok(Verdict {
                effects: effects.into_iter().flatten().collect(),
                ..Verdict::default()
            }),
        });
    }

    fn told(&self) -> Vec<&str> {
        let told = self.recorded.iter().filter_map(|what| match what {
            JournalEvent::KeyDue { .. } => Some("due"),
            JournalEvent::KeyHeld { .. } => Some("held"),
            JournalEvent::KeyRotated { .. } => Some("rotated"),
            JournalEvent::KeyFailed { .. } => Some("failed"),
            _ => None,
        });
        told.collect()
    }
}

fn session(name: &str) -> SessionUpsert {
    SessionUpsert {
        session: Arc::new(Session {
            id: SessionId::new(name),
            name: name.to_owned(),
            region: None,
            access: Access::AwsIamUser {
                mfa_device: None,
                duration_seconds: None,
            },
            named_profile: Some(name.to_owned()),
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        }),
        written: PersistedStatus::default(),
    }
}

/// A policy of this tier that wants to hear of every session.
fn hours(tier: Tier, shadow: bool) -> Entry {
    Entry {
        name: EntryName::new("hours"),
        rank: Rank { tier, priority: 0 },
        shadow,
        grant: Grant {
            sessions: Selector::default(),
            actions: Actions::ALL,
            may_hold: true,
            ..Grant::default()
        },
        actions: Actions::ALL,
        may_hold: true,
        subscriptions: vec![Subscription::Sessions(SessionFilter::default())],
        schedules: Vec::new(),
        generation: 0,
        unusable: None,
    }
}

fn denied() -> Failure {
    Failure::new(ErrorKind::Denied, "the user may not list its keys")
}

#[test]
fn a_key_is_replaced_when_it_is_due_and_again_a_month_later() {
    let mut stage = Stage::new(&["main"], Vec::new());
    assert_eq!(stage.call(), Some(("main", false)));
    stage.seen(NOW.minus(MONTH - DAY));
    assert_eq!(stage.call(), None);
    stage.pass(DAY - Duration::from_secs(1));
    assert_eq!(stage.call(), None);
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.call(), Some(("main", true)));
    stage.rotated();
    assert_eq!(stage.told(), ["due", "rotated"]);
    stage.pass(MONTH - DAY);
    assert_eq!(stage.call(), None);
    stage.pass(DAY);
    assert_eq!(stage.call(), Some(("main", true)));
    // Somebody replaced it by hand a week ago.
    stage.seen(stage.now.minus(7 * DAY));
    assert_eq!(stage.told(), ["due", "rotated", "due"]);
    stage.pass(22 * DAY);
    assert_eq!(stage.call(), None);
    stage.pass(DAY);
    assert_eq!(stage.call(), Some(("main", true)));
}

#[test]
fn one_key_at_a_time() {
    let mut stage = Stage::new(&["a", "b"], Vec::new());
    assert_eq!(stage.call(), Some(("a", false)));
    stage.seen(NOW.minus(2 * MONTH));
    let mut order = Vec::new();
    while let Some((session, rotates)) = stage.call().map(|(s, r)| (s.to_owned(), r)) {
        order.push((session, rotates));
        match rotates {
            true => stage.rotated(),
            false => stage.seen(NOW.minus(2 * MONTH)),
        }
    }
    let wanted = [("a", true), ("b", false), ("b", true)];
    assert_eq!(order, wanted.map(|(s, r)| (s.to_owned(), r)));
}

#[test]
fn a_policy_of_any_tier_may_forbid_it_and_it_begins_when_nobody_does() {
    for tier in [Tier::Personal, Tier::Team, Tier::GuardRail] {
        let mut stage = Stage::new(&["main"], vec![hours(tier, false)]);
        stage.seen(NOW.minus(2 * MONTH));
        assert_eq!(stage.call(), None, "the policy has not answered");
        let end = NOW.plus(DAY);
        stage.judge(Some(Action::Rotate), Some(end));
        assert_eq!(stage.call(), None, "{tier:?}");
        assert_eq!(stage.told(), ["held"]);
        let key = stage.state.key(&SessionId::new("main")).unwrap();
        assert!(key.held.as_ref().unwrap().1.contains("office hours"));
        stage.pass(DAY / 2);
        assert_eq!(stage.told(), ["held"], "said once");
        stage.pass(DAY / 2);
        assert_eq!(stage.call(), Some(("main", true)), "{tier:?}");
        assert_eq!(stage.told(), ["held", "due"]);
        stage.rotated();
        let key = stage.state.key(&SessionId::new("main")).unwrap();
        assert_eq!(key.held, None);
    }
}

#[test]
fn a_hold_of_another_action_or_of_a_shadow_entry_forbids_nothing() {
    let mut stage = Stage::new(&["main"], vec![hours(Tier::GuardRail, false)]);
    stage.seen(NOW.minus(2 * MONTH));
    stage.judge(Some(Action::Start), None);
    assert_eq!(stage.call(), Some(("main", true)));

    let mut stage = Stage::new(&["main"], vec![hours(Tier::GuardRail, true)]);
    stage.seen(NOW.minus(2 * MONTH));
    assert_eq!(stage.call(), Some(("main", true)));
    stage.judge(Some(Action::Rotate), None);
}

#[test]
fn what_failed_is_tried_again_later_and_later_and_begins_with_a_look() {
    let mut stage = Stage::new(&["main"], Vec::new());
    stage.seen(NOW.minus(2 * MONTH));
    assert_eq!(stage.call(), Some(("main", true)));
    let mut waits = Vec::new();
    for _ in 0..8 {
        stage.answer(Err(denied()));
        let key = stage.state.key(&SessionId::new("main")).unwrap();
        assert_eq!(key.last_failure, Some(denied()));
        // How old it is stays known.
        assert_eq!(key.due(), Some(NOW.minus(MONTH)));
        let wait = key.retry_at.unwrap().since(stage.now);
        stage.pass(wait - Duration::from_millis(1));
        assert_eq!(stage.call(), None);
        stage.pass(Duration::from_millis(1));
        assert_eq!(stage.call(), Some(("main", false)));
        waits.push(wait);
    }
    assert!(waits[7] > 20 * waits[0], "{waits:?}");
    let failed = stage.told().into_iter().filter(|told| *told == "failed");
    assert_eq!(failed.count(), 1, "the same failure is told once");
    stage.seen(NOW.minus(2 * MONTH));
    stage.rotated();
    let key = stage.state.key(&SessionId::new("main")).unwrap();
    assert_eq!((key.failures, &key.last_failure), (0, &None));
}

#[test]
fn a_person_who_mended_something_is_not_kept_waiting() {
    let mut stage = Stage::new(&["main"], Vec::new());
    stage.answer(Err(denied()));
    assert_eq!(stage.call(), None);
    stage.enter(Input::Attended(UserInput::Session(SessionId::new("main"))));
    assert_eq!(stage.call(), Some(("main", false)));
}

#[test]
fn an_interrupted_rotation_is_ended_at_once_also_without_a_rule() {
    let mut stage = Stage::new(&["main"], Vec::new());
    stage.seen(NOW);
    stage.rules(&["main"], KeyRule::EndInterrupted);
    assert_eq!(stage.call(), None, "nothing is interrupted");
    stage.pass(12 * MONTH);
    assert_eq!(stage.call(), None, "it may become as old as it likes");

    let mut stage = Stage::new(&["main"], Vec::new());
    stage.rules(&["main"], KeyRule::EndInterrupted);
    let interrupted = true;
    let created = NOW;
    stage.answer(Ok(KeyAnswer::Seen(KeyFacts {
        created,
        interrupted,
    })));
    assert_eq!(stage.call(), Some(("main", true)));
    stage.rotated();
    stage.pass(12 * MONTH);
    assert_eq!(stage.call(), None);
}

#[test]
fn a_call_without_an_answer_ends_and_a_late_answer_counts_where_it_is_good() {
    let mut stage = Stage::new(&["main"], Vec::new());
    stage.seen(NOW.minus(2 * MONTH));
    let late = stage.calls.remove(0).0;
    stage.pass(stage.state.settings.key_deadline);
    assert_eq!(stage.told(), ["due", "failed"]);
    let answered = |result| Input::KeyAnswered {
        call: late,
        session: SessionId::new("main"),
        result,
    };
    stage.enter(answered(Err(denied())));
    let key = stage.state.key(&SessionId::new("main")).unwrap();
    assert_eq!(key.last_failure.as_ref().unwrap().kind, ErrorKind::Network);
    stage.enter(answered(Ok(KeyAnswer::Rotated {
        old: "AKIAOLD".to_owned(),
        new: "AKIANEW".to_owned(),
    })));
    stage.pass(29 * DAY);
    assert_eq!(stage.call(), None);
    assert_eq!(stage.told(), ["due", "failed", "rotated"]);
}

#[test]
fn nothing_begins_once_the_engine_stops_the_rule_is_gone_or_the_session_is() {
    let mut stage = Stage::new(&["main"], Vec::new());
    stage.seen(NOW.minus(MONTH - DAY));
    let deadline = NOW.plus(DAY);
    let mut stopped = Stage {
        state: stage.state.clone(),
        calls: Vec::new(),
        asked: None,
        recorded: Vec::new(),
        ..stage
    };
    stopped.enter(Input::Stopping { deadline });
    stopped.pass(DAY);
    assert_eq!(stopped.call(), None);

    let mut stage = Stage::new(&["main"], Vec::new());
    stage.seen(NOW.minus(MONTH - DAY));
    stage.rules(&[], KeyRule::EndInterrupted);
    stage.pass(DAY);
    assert_eq!(stage.call(), None);

    let mut stage = Stage::new(&["main"], Vec::new());
    stage.seen(NOW.minus(MONTH - DAY));
    stage.enter(Input::Workspace(WorkspaceChange {
        upserts: Vec::new(),
        removed: vec![SessionId::new("main")],
    }));
    stage.pass(DAY);
    assert_eq!(stage.call(), None);
}

#[test]
fn a_clock_that_is_set_back_puts_no_retry_off() {
    let mut stage = Stage::new(&["main"], Vec::new());
    stage.answer(Err(denied()));
    let key = stage.state.key(&SessionId::new("main")).unwrap();
    let wait = key.retry_at.unwrap().since(stage.now);
    stage.now = stage.now.minus(DAY);
    stage.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: -86_400_000,
    });
    stage.pass(wait);
    assert_eq!(stage.call(), Some(("main", false)));
}
