//! What a policy answers beside acts: it withdraws, asks to be woken, takes that back, and notifies.

mod stage;

use std::time::Duration;

use dayfly_core::arbitration::Tier;
use dayfly_core::effect::{JournalEvent, Reply};
use dayfly_core::policy::{
    Action, Actions, Fault, FaultKind, Hold, Notice, PolicyEffect, Reason, Severity, Verdict,
};
use stage::{HOUR, Stage, id};

const MINUTE: Duration = Duration::from_secs(60);

fn stage() -> Stage {
    let mut stage = Stage::new(Vec::new());
    stage.policy(Tier::GuardRail);
    stage
}

/// A change that the policy is asked about.
fn change(stage: &mut Stage, role: &str) {
    stage.edit(&["child"], role, &[]);
    assert!(stage.asked.is_some());
}

fn hold(stage: &Stage) -> PolicyEffect {
    PolicyEffect::Hold(Hold {
        session: stage.seen("parent").key,
        actions: Actions::ALL,
        until: None,
        why: Reason::new("freeze", "there is a change freeze"),
    })
}

#[test]
fn what_is_withdrawn_counts_no_more() {
    let mut stage = stage();
    stage.propose(vec![hold(&stage)]);
    stage.say("parent", Action::Start);
    assert!(matches!(stage.replies.last(), Some(Reply::Refused { .. })));
    change(&mut stage, "other");
    let withdraw = PolicyEffect::Withdraw(stage.seen("parent").key);
    stage.propose(vec![withdraw]);
    stage.say("parent", Action::Start);
    assert!(stage.issues.contains_key(&id("parent")));
}

#[test]
fn what_is_withdrawn_and_proposed_again_is_no_news() {
    let mut stage = stage();
    stage.propose(vec![hold(&stage)]);
    change(&mut stage, "other");
    let withdraw = PolicyEffect::Withdraw(stage.seen("parent").key);
    stage.propose(vec![withdraw, hold(&stage)]);
    let held = |event: &&JournalEvent| matches!(event, JournalEvent::Held { .. });
    assert_eq!(stage.recorded.iter().filter(held).count(), 1);
    stage.say("parent", Action::Start);
    assert!(stage.issues.is_empty());
}

#[test]
fn a_wake_up_comes_at_its_moment_unless_it_is_taken_back() {
    let wake = |stage: &Stage, after: Duration| PolicyEffect::Wake {
        id: "w".to_owned(),
        at: stage.now.plus(after),
        slack_ms: 1_000,
    };
    let pending = |stage: &Stage| {
        let (_, entry) = stage.state.entries().next().unwrap();
        entry.wakes_pending()
    };
    let mut stage = stage();
    stage.propose(vec![wake(&stage, MINUTE)]);
    assert_eq!(pending(&stage), 1);
    // It may be a second later.
    stage.pass(MINUTE);
    assert!(stage.asked.is_none());
    stage.pass(Duration::from_secs(1));
    assert!(stage.asked.is_some());
    assert_eq!(pending(&stage), 0);
    // The same id again moves it, and is one.
    stage.propose(vec![wake(&stage, MINUTE), wake(&stage, HOUR)]);
    assert_eq!(pending(&stage), 1);
    stage.pass(MINUTE * 2);
    assert!(stage.asked.is_none());
    change(&mut stage, "other");
    stage.propose(vec![PolicyEffect::CancelWake("w".to_owned())]);
    assert_eq!(pending(&stage), 0);
    stage.pass(HOUR * 2);
    assert!(stage.asked.is_none());
}

#[test]
fn a_message_is_shown_once_for_its_key() {
    let notice = |key: &str| {
        PolicyEffect::Notify(Notice {
            severity: Severity::Warning,
            key: key.to_owned(),
            text: format!("look at {key}"),
        })
    };
    let mut stage = stage();
    stage.propose(vec![notice("a"), notice("b"), notice("a")]);
    change(&mut stage, "other");
    stage.propose(vec![notice("b"), notice("c")]);
    let recorded = stage.recorded.iter();
    let texts: Vec<_> = recorded
        .filter_map(|event| match event {
            JournalEvent::Notice { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["look at a", "look at b", "look at c"]);
}

#[test]
fn an_answer_that_asks_for_too_many_wake_ups_counts_for_nothing() {
    let wakes = |stage: &Stage, count: usize| {
        let at = stage.now.plus(MINUTE);
        let wake = |n| PolicyEffect::Wake {
            id: format!("{n}"),
            at,
            slack_ms: 0,
        };
        (0..count).map(wake).collect::<Vec<_>>()
    };
    let fault = |stage: &Stage| {
        let (_, entry) = stage.state.entries().next().unwrap();
        entry.last_fault.as_ref().map(|fault| fault.kind)
    };
    let mut stage = stage();
    stage.state.settings.wakes_max = 2;
    stage.propose(wakes(&stage, 2));
    assert_eq!(fault(&stage), None);
    change(&mut stage, "other");
    let mut effects = wakes(&stage, 1);
    effects.push(hold(&stage));
    stage.propose(effects);
    assert_eq!(fault(&stage), Some(FaultKind::Limit));
    // Not even the hold; the guard rail is asked again, and holds until then.
    let held = |event: &&JournalEvent| matches!(event, JournalEvent::Held { .. });
    assert_eq!(stage.recorded.iter().filter(held).count(), 0);
}

#[test]
fn a_fault_counts_until_an_answer_comes() {
    let mut stage = stage();
    let fault = || Fault {
        kind: FaultKind::Trap,
        message: "it trapped".to_owned(),
    };
    let failures = |stage: &Stage| {
        let (_, entry) = stage.state.entries().next().unwrap();
        (entry.failures, entry.last_fault.is_some())
    };
    stage.answer(Err(fault()));
    assert_eq!(failures(&stage), (1, true));
    stage.pass(MINUTE);
    stage.answer(Err(fault()));
    assert_eq!(failures(&stage), (2, true));
    stage.pass(MINUTE);
    stage.answer(Ok(Verdict::default()));
    assert_eq!(failures(&stage), (0, false));
}
