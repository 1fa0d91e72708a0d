//! Whoever asked, and sees a session that needs it, is told before a sign-in ends; nobody else is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::Rank;
use dayfly_core::audit::{Chain, audit};
use dayfly_core::effect::{Effect, JournalEvent};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{Entry, Input, PersistedStatus, SessionUpsert, SignIn, WorkspaceChange};
use dayfly_core::policy::{Actions, EntryName, Event, Subscription, Verdict};
use dayfly_core::session::{Access, AssumeRole, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::sign_ins::SIGN_IN_ENDS;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const PORTAL: &str = "portal";

struct Stage {
    state: State,
    now: Timestamp,
    /// What each entry heard, and when.
    heard: Vec<(String, Timestamp, String)>,
    /// When the journal says that the sign-in ends, or has.
    told: Vec<(Timestamp, bool)>,
}

fn session(id: &str, access: Access) -> SessionUpsert {
    let session = Session {
        id: SessionId::new(id),
        name: id.to_owned(),
        region: None,
        access,
        named_profile: None,
        account: None,
        labels: BTreeMap::from([("is".to_owned(), id.to_owned())]),
        fault: None,
    };
    SessionUpsert {
        session: Arc::new(session),
        written: PersistedStatus::default(),
    }
}

fn sso_role(integration: &str) -> Access {
    Access::AwsSsoRole {
        role_arn: "arn:aws:iam::123456789012:role/reader".to_owned(),
        integration_id: integration.to_owned(),
    }
}

/// An entry that sees the sessions with these labels.
fn entry(name: &str, labels: &[&str]) -> Entry {
    Entry {
        name: EntryName::new(name),
        rank: Rank::default(),
        shadow: false,
        grant: Grant {
            sessions: Selector {
                labels: labels.iter().map(|&label| label.to_owned()).collect(),
                ..Selector::default()
            },
            ..Grant::default()
        },
        actions: Actions::ALL,
        may_hold: true,
        subscriptions: vec![Subscription::Custom(SIGN_IN_ENDS.to_owned())],
        schedules: Vec::new(),
        generation: 0,
        unusable: None,
    }
}

fn sign_in(minutes: u32) -> SignIn {
    SignIn {
        integration: PORTAL.to_owned(),
        name: "corp".to_owned(),
        ends: NOW.plus(MINUTE * minutes),
    }
}

impl Stage {
    /// Sessions `sso`, `chained` to it, `foreign` of another portal; what comes before the policies.
    fn new(entries: Vec<Entry>, before: Vec<SignIn>) -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: NOW,
            heard: Vec::new(),
            told: Vec::new(),
        };
        stage.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        let chained = Access::AwsIamRoleChained {
            role_arn: "arn:aws:iam::123456789012:role/deep".to_owned(),
            parent: SessionId::new("sso"),
            assume: AssumeRole::default(),
        };
        stage.enter(Input::Workspace(WorkspaceChange {
            upserts: vec![
                session("sso", sso_role(PORTAL)),
                session("chained", chained),
                session("foreign", sso_role("another")),
            ],
            removed: Vec::new(),
        }));
        stage.enter(Input::SignIns(before));
        assert!(stage.told.is_empty(), "nobody would hear it");
        stage.enter(Input::Policies(entries));
        stage
    }

    fn enter(&mut self, input: Input) {
        let mut next = vec![input];
        while let Some(input) = next.pop() {
            for effect in step(&mut self.state, self.now, input) {
                match effect {
                    Effect::Evaluate {
                        entry,
                        evaluation,
                        events,
                        ..
                    } => {
                        for event in events.iter() {
                            if let Event::Custom { name, data } = event {
                                assert_eq!(name, SIGN_IN_ENDS);
                                self.heard.push((entry.to_string(), self.now, data.clone()));
                            }
                        }
                        next.push(Input::Evaluated {
                            entry,
                            evaluation,
                            result: Ok(Verdict::default()),
                        });
                    }
                    Effect::Record(record) => {
                        if let JournalEvent::SignInEnds { ends, ended, .. } = record.what {
                            self.told.push((ends, ended));
                        }
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(audit(&self.state, self.now, Chain::Unknown), []);
    }

    fn pass(&mut self, span: Duration) {
        let until = self.now.plus(span);
        while let Some(at) = self.state.next_wake().filter(|at| *at <= until) {
            self.now = at;
            self.enter(Input::Tick);
        }
        self.now = until;
    }

    /// Minutes after the beginning at which an entry heard of the end.
    fn moments(&self, entry: &str) -> Vec<u128> {
        let of = self.heard.iter().filter(|(name, ..)| name == entry);
        of.map(|(_, at, _)| at.since(NOW).as_millis() / MINUTE.as_millis())
            .collect()
    }
}

#[test]
fn a_sign_in_is_told_of_an_hour_and_ten_minutes_before_its_end_and_at_its_end() {
    let mut stage = Stage::new(vec![entry("all", &[])], Vec::new());
    stage.enter(Input::SignIns(vec![sign_in(480)]));
    stage.pass(MINUTE * 1_000);
    assert_eq!(stage.moments("all"), [420, 470, 480]);
    let ends = NOW.plus(MINUTE * 480);
    assert_eq!(stage.told, [(ends, false), (ends, false), (ends, true)]);
    let said: Vec<_> = stage.heard.iter().map(|(.., data)| data.as_str()).collect();
    assert_eq!(
        said[0],
        format!(
            "{{\"integration\":\"portal\",\"name\":\"corp\",\"endsMs\":{},\"minutes\":60,\"ended\":false,\
             \"sessions\":[\"chained\",\"sso\"]}}",
            ends.as_millis()
        )
    );
    assert!(said[1].contains("\"minutes\":10,\"ended\":false"));
    assert!(said[2].contains("\"minutes\":0,\"ended\":true"));
}

#[test]
fn who_sees_no_session_that_needs_it_hears_nothing_of_it() {
    let entries = vec![
        entry("deep", &["is=chained"]),
        entry("foreign", &["is=foreign"]),
        entry("none", &["is=nothing"]),
    ];
    let mut stage = Stage::new(entries, Vec::new());
    stage.enter(Input::SignIns(vec![sign_in(60)]));
    let heard: Vec<_> = stage.heard.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(heard, ["deep"], "and it is told of its own session alone");
    assert!(stage.heard[0].2.contains("\"sessions\":[\"chained\"]"));
}

#[test]
fn what_ends_soon_when_the_engine_starts_is_told_to_the_first_policies_once() {
    let mut stage = Stage::new(vec![entry("all", &[])], vec![sign_in(30)]);
    assert_eq!(stage.moments("all"), [0]);
    // The same list again says nothing new.
    stage.enter(Input::SignIns(vec![sign_in(30)]));
    stage.enter(Input::Policies(vec![entry("all", &[])]));
    assert_eq!(stage.moments("all"), [0]);
    stage.pass(MINUTE * 60);
    assert_eq!(stage.moments("all"), [0, 20, 30]);
}

#[test]
fn who_signs_in_again_or_out_is_left_alone() {
    let mut stage = Stage::new(vec![entry("all", &[])], vec![sign_in(90)]);
    stage.pass(MINUTE * 45);
    assert_eq!(stage.moments("all"), [30]);
    stage.enter(Input::SignIns(vec![sign_in(600)]));
    stage.pass(MINUTE * 300);
    assert_eq!(stage.moments("all"), [30]);
    stage.enter(Input::SignIns(Vec::new()));
    stage.pass(MINUTE * 1_000);
    assert_eq!(stage.moments("all"), [30]);
}

#[test]
fn moments_that_a_sleep_passed_over_are_told_as_one_and_a_clock_that_is_set_back_begins_anew() {
    let mut stage = Stage::new(vec![entry("all", &[])], vec![sign_in(120)]);
    stage.now = NOW.plus(MINUTE * 115);
    stage.enter(Input::Resumed {
        slept_ms: 115 * 60_000,
        set_ms: 0,
    });
    stage.pass(Duration::ZERO);
    assert_eq!(stage.moments("all"), [115]);
    stage.pass(MINUTE * 10);
    assert_eq!(stage.moments("all"), [115, 120]);
    stage.now = NOW.plus(MINUTE * 30);
    stage.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: -95 * 60_000,
    });
    stage.pass(MINUTE * 100);
    assert_eq!(stage.moments("all"), [115, 120, 60, 110, 120]);
}
