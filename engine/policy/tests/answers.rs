//! Answers that keep to the types but not to the rules, and those that keep to both.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/session.rs"]
mod session;

use dayfly_core::policy::{Action, Fault, FaultKind, PolicyEffect, Verdict};
use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};
use guest::{ANSWER, Bytes, EFFECTS, Guest};
use session::{call, sessions, workspace};

fn policy(guest: &Guest) -> Policy {
    let host = Host::new(HostConfig::default()).unwrap();
    let module = Module::load(&host, "guest", &guest.component()).unwrap();
    Policy::configure(&module, "{}", Limits::default()).unwrap()
}

/// The verdict of a guest that answers like this, asked about sessions 4 and 5 of a Workspace
/// that also has 6.
fn ask(guest: &Guest) -> Result<Verdict, Fault> {
    let events = sessions([4, 5]);
    let mut call = call(&events);
    call.workspace = workspace([4, 5, 6]);
    let answer = policy(guest).evaluate(call);
    answer
        .map(|evaluated| evaluated.verdict)
        .map_err(Fault::from)
}

fn answer(effects: &[Bytes]) -> Result<Verdict, Fault> {
    ask(&Guest::default().answering(effects))
}

#[track_caller]
fn refused(answer: Result<Verdict, Fault>, kind: FaultKind, word: &str) {
    let fault = answer.unwrap_err();
    assert_eq!(fault.kind, kind, "{}", fault.message);
    assert!(fault.message.contains(word), "{}", fault.message);
}

#[test]
fn a_good_answer_arrives_as_it_was_meant() {
    let text = Bytes::text();
    let verdict = answer(&[
        Bytes::act(4, 0),
        Bytes::hold(5, 2),
        Bytes::act(6, 2),
        Bytes::wake(text, 99_000),
        Bytes::notify(2, text, text),
    ])
    .unwrap();
    assert_eq!(verdict.stopped_after, None);
    let [first, hold, other, wake, notify] = verdict.effects.as_slice() else {
        panic!("{verdict:?}");
    };
    assert!(matches!(first, PolicyEffect::Act(act)
        if act.action == Action::Start && act.why.code == "because" && act.revision.0 == 1));
    assert!(matches!(hold, PolicyEffect::Hold(hold)
        if hold.session.0 == 5 && hold.actions.iter().eq([Action::Start, Action::Stop])));
    assert!(matches!(other, PolicyEffect::Act(act) if act.session.0 == 6));
    assert!(matches!(wake, PolicyEffect::Wake { id, at, slack_ms: 5 }
        if id == "because" && at.as_millis() == 99_000));
    assert!(matches!(notify, PolicyEffect::Notify(notice) if notice.text == "because"));
}

#[test]
fn a_session_that_the_policy_cannot_know_is_refused() {
    refused(
        answer(&[Bytes::act(7, 0)]),
        FaultKind::BadAnswer,
        "session 7",
    );
    refused(
        answer(&[Bytes::hold(u32::MAX, 1)]),
        FaultKind::BadAnswer,
        "was not shown",
    );
}

#[test]
fn an_action_or_a_hold_that_was_not_announced_is_refused() {
    let mut guest = Guest::default().answering(&[Bytes::act(4, 1)]);
    guest.descriptor.actions = vec![0];
    refused(ask(&guest), FaultKind::BadAnswer, "stop a session");
    let mut guest = Guest::default().answering(&[Bytes::hold(4, 1)]);
    guest.descriptor.may_hold = false;
    refused(ask(&guest), FaultKind::BadAnswer, "hold");
    refused(
        answer(&[Bytes::hold(4, 0)]),
        FaultKind::BadAnswer,
        "no action",
    );
}

#[test]
fn reasons_are_short_and_have_a_code() {
    let (at, length) = Bytes::text();
    let with = |code: (u32, u32), message: (u32, u32), evidence: u32| {
        answer(&[Bytes::act_with(4, 0, |bytes| {
            bytes
                .u32(code.0)
                .u32(code.1)
                .u32(message.0)
                .u32(message.1)
                .u32(EFFECTS + 64)
                .u32(evidence)
        })])
    };
    assert!(with((at, length), (at, length), 0).is_ok());
    refused(with((at, 0), (at, length), 0), FaultKind::BadAnswer, "code");
    // Memory behind the text is zero.
    refused(
        with((at, length + 1), (at, length), 0),
        FaultKind::BadAnswer,
        "code",
    );
    refused(
        with((at, 257), (at, length), 0),
        FaultKind::Limit,
        "257 bytes",
    );
    refused(
        with((at, length), (at, 2_049), 0),
        FaultKind::Limit,
        "2049 bytes",
    );
    assert!(with((at, length), (at, length), 16).is_ok());
    refused(
        with((at, length), (at, length), 17),
        FaultKind::Limit,
        "16 pieces",
    );
}

#[test]
fn wake_ups_and_messages_are_bounded() {
    let (at, length) = Bytes::text();
    refused(
        answer(&[Bytes::wake((at, 0), 1)]),
        FaultKind::BadAnswer,
        "empty",
    );
    refused(
        answer(&[Bytes::wake((at, length + 1), 1)]),
        FaultKind::BadAnswer,
        "control",
    );
    refused(
        answer(&[Bytes::wake((at, 300), 1)]),
        FaultKind::Limit,
        "300 bytes",
    );
    let many = vec![Bytes::notify(0, (at, length), (at, length)); 65];
    assert!(answer(&many[..64]).is_ok());
    refused(answer(&many), FaultKind::Limit, "64 messages");
    let guest = Guest {
        memory: r#"(memory (export "memory") 40)"#.into(),
        ..Guest::default()
    };
    // All wishes lie in one place.
    let wake = Bytes::wake((at, length), 1).0.repeat(16_385);
    let guest = guest
        .with(ANSWER, Bytes::answer(131_072, 16_385).0)
        .with(4_096, *b"because")
        .with(131_072, wake);
    refused(ask(&guest), FaultKind::Limit, "16384 wake-ups");
}

#[test]
fn one_who_stops_early_has_to_get_somewhere() {
    let stop = |after| ask(&Guest::default().with(ANSWER, Bytes::stopped_after(after).0));
    assert_eq!(stop(1).unwrap().stopped_after, Some(1));
    assert_eq!(stop(2).unwrap().stopped_after, None);
    refused(stop(0), FaultKind::BadAnswer, "before the first");
    refused(stop(3), FaultKind::BadAnswer, "3 sessions of 2");
}

#[test]
fn the_policy_s_own_errors_keep_their_kind_and_words() {
    let error = |case| {
        ask(&Guest::default()
            .with(ANSWER, Bytes::error(case, 13).0)
            .with(EFFECTS, *b"no\x1b[0m answer"))
    };
    refused(error(1), FaultKind::Transient, "no [0m answer");
    refused(error(2), FaultKind::Permanent, "no [0m answer");
    refused(error(0), FaultKind::Permanent, "no [0m answer");
}
