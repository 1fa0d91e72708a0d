//! What lies outside an entry's grant is nothing to its policy, through the whole host: a guest that
//! asks for all it can answers the same, to the last instruction, however much there is outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/report.rs"]
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::arbitration::Rank;
use dayfly_core::effect::Effect;
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{Entry, Input, PersistedStatus, SessionUpsert, WorkspaceChange};
use dayfly_core::policy::{Actions, EntryName, SessionFilter, Subscription, Verdict};
use dayfly_core::session::{Access, AssumeRole, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use dayfly_policy::{Call, Policy, StateSnapshot};
use proptest::prelude::*;
use report::{policy, reporting};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Counts all sessions, looks each of 64 keys up, and has itself woken under an id of how many
/// there are: as a letter, with the sum of what the look-ups brought behind it.
fn curious() -> Policy {
    let zeros = "(i32.const 0) ".repeat(15);
    let code = format!(
        "(local $key i32) (local $found i32)
         (memory.fill (i32.const 272) (i32.const 46) (i32.const 16))
         (loop
           (call $get (local.get $key) (i32.const 512))
           (local.set $found (i32.add (local.get $found)
               (i32.mul (local.get $key) (i32.load8_u (i32.const 512)))))
           (br_if 0 (i32.lt_u (local.tee $key (i32.add (local.get $key) (i32.const 1)))
                              (i32.const 64))))
         (i32.store8 (i32.const 272) (i32.add (i32.const 97) (call $count {zeros})))
         (i32.store8 (i32.const 273) (i32.add (i32.const 97) (i32.rem_u (local.get $found)
                                              (i32.const 26))))"
    );
    policy(&reporting(&code))
}

fn session(name: &str, parent: Option<&str>) -> SessionUpsert {
    let access = match parent {
        Some(parent) => Access::AwsIamRoleChained {
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            parent: SessionId::new(parent),
            assume: AssumeRole::default(),
        },
        None => Access::Localstack { endpoint_url: None },
    };
    SessionUpsert {
        session: Arc::new(Session {
            id: SessionId::new(name),
            name: name.to_owned(),
            region: None,
            access,
            named_profile: Some(name.to_owned()),
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        }),
        written: PersistedStatus::default(),
    }
}

/// What the policy answers, and what it takes, in a Workspace in which these come before and
/// between those that it is granted.
fn answer(policy: &Policy, outside: &[u8], inside: u8) -> (Verdict, u64) {
    let mut state = State::new(Settings::default(), 3);
    let mut upserts: Vec<_> = outside
        .iter()
        .map(|n| session(&format!("{}-out", char::from(b'a' + n % 26)), None))
        .collect();
    upserts.extend(
        (0..inside).map(|n| session(&format!("{}-in", char::from(b'b' + n)), Some("a-out"))),
    );
    let entry = Entry {
        name: EntryName::new("curious"),
        rank: Rank::default(),
        shadow: false,
        grant: Grant {
            sessions: Selector {
                names: vec!["*-in".into()],
                ..Selector::default()
            },
            actions: Actions::ALL,
            may_hold: true,
            ..Grant::default()
        },
        actions: Actions::ALL,
        may_hold: true,
        subscriptions: vec![Subscription::Sessions(SessionFilter::default())],
        generation: 0,
        schedules: Vec::new(),
        unusable: None,
    };
    let inputs = [
        Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        },
        Input::Workspace(WorkspaceChange {
            upserts,
            removed: Vec::new(),
        }),
        Input::Policies(vec![entry]),
    ];
    let mut asked = None;
    for input in inputs {
        for effect in step(&mut state, NOW, input) {
            if let Effect::Evaluate {
                context, events, ..
            } = effect
            {
                asked = Some((context, events));
            }
        }
    }
    let (context, events) = asked.unwrap();
    let entry = state.entry(&EntryName::new("curious")).unwrap();
    let done = policy
        .evaluate(Call {
            context,
            events: &events,
            workspace: Arc::new(entry.views().clone()),
            state: StateSnapshot::default(),
        })
        .unwrap();
    (done.verdict, done.used.fuel)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_guest_cannot_tell_what_it_is_not_granted(
        one in proptest::collection::vec(any::<u8>(), 0..40),
        other in proptest::collection::vec(any::<u8>(), 0..40),
        inside in 0..12u8,
    ) {
        let policy = curious();
        let first = answer(&policy, &one, inside);
        prop_assert_eq!(&first, &answer(&policy, &other, inside));
        // It does tell what it is granted.
        prop_assert_ne!(first, answer(&policy, &one, inside + 1));
    }
}
