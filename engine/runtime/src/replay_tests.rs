use std::fs;
use std::time::Duration;

use dayfly_core::policy::{
    Action, Fields, Reason, ResyncReason, Revision, SessionChange, SessionFacts,
};
use dayfly_core::session::{SessionType, Status};
use dayfly_policy::{Host, HostConfig, Limits, Module};

use super::*;
use crate::builtin;
use crate::question::Question;
use crate::recording::Recording;
use crate::rolling_files::{Keep, current};

/// The lines of these tests are from 2020.
const AGES: Duration = Duration::from_secs(8 * 100 * 365 * 24 * 60 * 60);

const LARGE: Keep = Keep {
    file: 1 << 30,
    files: 7,
    age: AGES,
};

struct Alone(Policy, bool);

impl PolicyResolver for Alone {
    fn is_other(&self) -> bool {
        self.1
    }

    fn policy(&mut self, _: &EntryName, made_of: &MadeOf) -> Result<Policy, String> {
        assert_eq!(made_of.module, "builtin:keep-active");
        Ok(self.0.clone())
    }
}

fn policy(name: &str, config: &str) -> Policy {
    let host = Host::new(HostConfig::default()).unwrap();
    let bytes = builtin::component(name).unwrap();
    let module = Module::load(&host, &format!("builtin:{name}"), bytes).unwrap();
    Policy::configure(&module, config, Limits::default()).unwrap()
}

fn view(key: u32, status: Status, revision: u64) -> SessionView {
    SessionView {
        key: SessionKey(key),
        parent: None,
        facts: Arc::new(SessionFacts {
            id: SessionId::new(&format!("id-{key}")),
            name: format!("session {key}"),
            session_type: SessionType::Localstack,
            status,
            region: None,
            started_at: None,
            expires_at: None,
            named_profile: None,
            account: None,
            role: None,
            chained_to: None,
            labels: BTreeMap::new(),
            last_error: None,
            failures: 0,
            last_use: None,
            reason: None,
            revision: Revision(revision),
        }),
    }
}

/// Waits until an evaluation is in the file that is written now.
fn written(folder: &Path, evaluation: u64) {
    let line = format!("\"evaluation\":{evaluation},");
    let give_up = std::time::Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(current::<Record>(folder)).is_ok_and(|text| text.contains(&line)) {
        assert!(std::time::Instant::now() < give_up, "{evaluation} is late");
        std::thread::yield_now();
    }
}

/// Asks a policy again and again while sessions come, change and go, and records it.
fn record(folder: &Path, keep: Keep, policy: &Policy, times: u64) {
    let recording = Recording::start(folder.to_owned(), "run", keep, |told| {
        assert_eq!(told, None);
    });
    let recording = recording.unwrap();
    let recorder = recording.recorder().unwrap();
    let mut sees = Views::new();
    for n in 0..times {
        let key = u32::try_from(n % 17).unwrap();
        let status = [Status::Inactive, Status::Active][usize::from(n % 3 == 0)];
        let after = view(key, status, n);
        let mut fields = Fields::STATUS;
        if n % 5 == 4 {
            sees.remove(&SessionKey(key));
            fields = Fields::REMOVED;
        } else {
            sees.insert(after.key, after.clone());
        }
        let events = if n == 0 {
            vec![Event::Resync {
                reason: ResyncReason::ColdStart,
                sessions: vec![after],
                last: true,
            }]
        } else {
            vec![Event::Sessions(vec![SessionChange {
                after,
                previous_status: Some(Status::Inactive),
                fields,
                outcome: None,
            }])]
        };
        let context = dayfly_core::policy::Context {
            now: Timestamp::from_millis(1_577_836_800_000 + n),
            sequence: n,
            seed: n * 7,
            dry_run: false,
            workspace_revision: 1,
        };
        let evaluated = policy.evaluate(Call {
            context,
            events: &events,
            workspace: Arc::new(sees.clone()),
            state: StateSnapshot::default(),
        });
        assert!(evaluated.is_ok());
        let question = Question {
            entry: EntryName::new("keep"),
            evaluation: EvaluationId(n),
            policy: policy.clone(),
            context,
            events,
            sees: sees.clone(),
            state: StateSnapshot::default(),
        };
        recorder.take(question, Answer::of(&evaluated));
        if n % 100 == 99 {
            // It takes no more than it can hold.
            written(folder, n);
        }
    }
    drop(recorder);
    drop(recording);
}

fn ask(folder: &Path, mut cast: Alone) -> (Tally, Vec<Difference>) {
    let mut differences = Vec::new();
    let tally = replay(folder, &Which::default(), &mut cast, &mut |news| {
        if let News::Differs(difference) = news {
            differences.push(*difference);
        }
    });
    (tally.unwrap(), differences)
}

#[test]
fn the_same_is_answered_by_another_instance_of_the_same() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), LARGE, &policy("keep-active", "{}"), 400);
    let again = policy("keep-active", "{}");
    let (tally, differences) = ask(folder.path(), Alone(again, false));
    assert_eq!((tally.evaluations, tally.same), (400, 400), "{tally:?}");
    assert_eq!(differences, []);
    let span = tally.span.map(|(a, b)| b.since(a));
    assert_eq!(span, Some(Duration::from_millis(399)));
}

#[test]
fn each_file_can_be_read_without_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep {
        file: 20_000,
        files: 2,
        age: AGES,
    };
    let policy = policy("keep-active", "{}");
    record(folder.path(), keep, &policy, 400);
    let (tally, _) = ask(folder.path(), Alone(policy, false));
    assert!((20..400).contains(&tally.evaluations), "{tally:?}");
    assert_eq!(tally.same, tally.evaluations, "{tally:?}");
    assert_eq!(tally.passed_over, BTreeMap::new());
}

#[test]
fn after_a_line_that_cannot_be_read_nothing_is_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let policy = policy("keep-active", "{}");
    record(folder.path(), LARGE, &policy, 60);
    let path = current::<Record>(folder.path());
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let half = &lines[20][..lines[20].len() / 2];
    lines[20] = half;
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    // What is recorded by another run starts again.
    record(folder.path(), LARGE, &policy, 30);
    let (tally, _) = ask(folder.path(), Alone(policy, false));
    assert_eq!(tally.unreadable, 1);
    assert_eq!(tally.evaluations, 20 + 30);
    assert_eq!(tally.same, tally.evaluations);
    assert_eq!(tally.passed_over.values().sum::<u64>(), 39);
}

#[test]
fn another_rule_differs_where_it_decides_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), LARGE, &policy("keep-active", "{}"), 40);
    let silent = policy(
        "rules",
        r#"{"rule":[{"name":"never","when":"event x","then":"stop"}]}"#,
    );
    let (tally, differences) = ask(folder.path(), Alone(silent, true));
    assert_eq!(tally.evaluations, 40);
    assert_eq!(tally.same + tally.alike + tally.different, 40);
    assert!(tally.different > 5, "{tally:?}");
    for difference in &differences {
        let Said::Effects(before) = &difference.before else {
            panic!("{difference:?}");
        };
        assert!(
            matches!(&before[..], [PolicyEffect::Act(act)] if act.action == Action::Start)
                || matches!(&before[..], [PolicyEffect::Withdraw(_)]),
            "{difference:?}"
        );
        assert!(difference.name.is_some());
    }
}

#[test]
fn other_words_are_not_another_decision() {
    use dayfly_core::policy::Act;
    let act = |why: &str, revision| {
        vec![PolicyEffect::Act(Act {
            session: SessionKey(1),
            action: Action::Stop,
            revision: Revision(revision),
            not_after: None,
            why: Reason::new("idle", why),
        })]
    };
    assert!(alike(&act("a", 1), &act("b", 1)));
    assert!(!alike(&act("a", 1), &act("a", 2)));
    assert!(!alike(&act("a", 1), &[]));
}

/// Two calls of a list that would start a session at the second, had the engine kept what it wished to
/// remember at the first, as it does not with an answer that came too late.
fn record_forgetful(folder: &Path, policy: &Policy) {
    let recording = Recording::start(folder.to_owned(), "run", LARGE, |told| {
        assert_eq!(told, None);
    });
    let recording = recording.unwrap();
    let recorder = recording.recorder().unwrap();
    let mut sees = Views::new();
    sees.insert(SessionKey(1), view(1, Status::Inactive, 0));
    for n in 0..2 {
        let events = vec![Event::Custom {
            name: "x".into(),
            data: "null".into(),
        }];
        let context = dayfly_core::policy::Context {
            now: Timestamp::from_millis(1_577_836_800_000 + n),
            sequence: n,
            seed: n,
            dry_run: false,
            workspace_revision: 1,
        };
        let evaluated = policy.evaluate(Call {
            context,
            events: &events,
            workspace: Arc::new(sees.clone()),
            state: StateSnapshot::default(),
        });
        let question = Question {
            entry: EntryName::new("list"),
            evaluation: EvaluationId(n),
            policy: policy.clone(),
            context,
            events,
            sees: sees.clone(),
            state: StateSnapshot::default(),
        };
        recorder.take(question, Answer::of(&evaluated));
    }
    drop(recorder);
    drop(recording);
}

struct Anew(Policy);

impl PolicyResolver for Anew {
    fn is_other(&self) -> bool {
        true
    }

    fn policy(&mut self, _: &EntryName, _: &MadeOf) -> Result<Policy, String> {
        Ok(self.0.clone())
    }
}

#[test]
fn a_configuration_that_is_what_it_was_differs_in_nothing() {
    let list = |then: &str| {
        let config = format!(
            r#"{{"rule":[{{"when":"event x","remember":{{"again":"has(state.seen)","seen":"true"}}}},
                {{"when":"event x","if":"state.again","then":"{then}"}}]}}"#
        );
        policy("rules", &config)
    };
    let folder = tempfile::tempdir().unwrap();
    record_forgetful(folder.path(), &list("start"));
    let ask = |policy: Policy| {
        let told = &mut |_| {};
        replay(folder.path(), &Which::default(), &mut Anew(policy), told).unwrap()
    };
    let tally = ask(list("start"));
    assert_eq!((tally.evaluations, tally.same), (2, 2), "{tally:?}");
    // Others remember what they would have remembered.
    let tally = ask(list("rotate"));
    assert_eq!(tally.different, 1, "{tally:?}");
}
