//! What happens beside sessions reaches those who asked for it, all of it, in a bounded number of
//! calls, however it comes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::effect::{Cause, Effect, JournalEvent};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    Entry, Input, ObservedPath, PathObservation, PersistedStatus, SessionUpsert, WorkspaceChange,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{
    Act, Action, Actions, BranchChange, EngineEvent, EngineMoments, EntryName, EvaluationId, Event,
    Fault, FaultKind, Fields, FileChange, FileChangeKind, Outcome, PolicyEffect, Reason,
    ResyncReason, SessionFilter, Subscription, Verdict,
};
use dayfly_core::schedule::{Moments, Schedule};
use dayfly_core::session::{Access, ErrorKind, Failure, Lease, Session, SessionId, Status};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

/// Every so many milliseconds since the epoch.
#[derive(Debug)]
struct Every(u64);

impl Moments for Every {
    fn expression(&self) -> &str {
        "every"
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        Some(Timestamp::from_millis(
            (after.as_millis() / self.0 + 1) * self.0,
        ))
    }
}

struct Stage {
    state: State,
    now: Timestamp,
    /// What each entry heard, a list a call.
    heard: BTreeMap<EntryName, Vec<Vec<Event>>>,
    /// Calls that wait for their answers.
    asked: VecDeque<(EntryName, EvaluationId)>,
    /// What each answer says beside.
    says: Vec<PolicyEffect>,
    /// What is proposed for the session in each answer.
    proposes: Option<Action>,
    /// How the cloud answers.
    cloud: Result<(), ErrorKind>,
    notes: Vec<(Cause, JournalEvent)>,
}

fn entry(name: &str, subscriptions: Vec<Subscription>) -> Entry {
    Entry {
        name: EntryName::new(name),
        rank: Rank {
            tier: Tier::Personal,
            priority: 0,
        },
        shadow: false,
        grant: Grant {
            sessions: Selector::default(),
            actions: Actions::ALL,
            may_hold: true,
            ..Grant::default()
        },
        actions: Actions::ALL,
        may_hold: true,
        schedules: Vec::new(),
        subscriptions,
        generation: 0,
        unusable: None,
    }
}

impl Stage {
    fn new(entries: Vec<Entry>) -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: Timestamp::from_millis(1_800_000_000_000),
            heard: BTreeMap::new(),
            asked: VecDeque::new(),
            says: Vec::new(),
            proposes: None,
            cloud: Ok(()),
            notes: Vec::new(),
        };
        stage.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        let session = Session {
            id: SessionId::new("s"),
            name: "s".into(),
            region: None,
            access: Access::Localstack { endpoint_url: None },
            named_profile: Some("p".into()),
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        };
        stage.enter(Input::Workspace(WorkspaceChange {
            upserts: vec![SessionUpsert {
                session: Arc::new(session),
                written: PersistedStatus::default(),
            }],
            removed: Vec::new(),
        }));
        stage.enter(Input::Policies(entries));
        stage.answer_all();
        stage
    }

    /// The same, with nothing heard and noted yet.
    fn begun(entries: Vec<Entry>) -> Self {
        let mut stage = Self::new(entries);
        stage.heard.clear();
        stage.notes.clear();
        stage
    }

    fn enter(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in step(&mut self.state, self.now, input) {
                match effect {
                    Effect::Evaluate {
                        entry,
                        evaluation,
                        events,
                        ..
                    } => {
                        self.heard.entry(entry.clone()).or_default().push(events);
                        self.asked.push_back((entry, evaluation));
                    }
                    Effect::Issue { operation, .. } => {
                        let lease = Lease {
                            issued_at: self.now,
                            expires_at: Some(self.now.plus(HOUR)),
                        };
                        let result = self.cloud.map(|()| lease);
                        inputs.push_back(Input::Issued {
                            operation,
                            result: result.map_err(|kind| Failure::new(kind, "no")),
                        });
                    }
                    Effect::Publish { operation, .. } | Effect::Retract { operation, .. } => {
                        inputs.push_back(Input::Delivered {
                            operation,
                            result: Ok(Placement::default()),
                        });
                    }
                    Effect::Record(note) => self.notes.push((note.cause, note.what)),
                    _ => {}
                }
            }
        }
    }

    /// Answers what is asked, and what comes of the answers.
    fn answer_all(&mut self) {
        while let Some((entry, evaluation)) = self.asked.pop_front() {
            let sees = self.state.entry(&entry).map(|e| e.views().clone());
            let view = sees.and_then(|views| views.values().next().cloned());
            let act = self.proposes.zip(view).map(|(action, view)| {
                PolicyEffect::Act(Act {
                    session: view.key,
                    action,
                    revision: view.revision,
                    not_after: None,
                    why: Reason::new("test", "by test"),
                })
            });
            self.enter(Input::Evaluated {
                entry,
                evaluation,
                result: Ok(Verdict {
                    effects: act.into_iter().chain(self.says.clone()).collect(),
                    stopped_after: None,
                }),
            });
        }
    }

    /// Time passes, and whatever is due happens when it is.
    fn pass(&mut self, span: Duration) {
        let until = self.now.plus(span);
        while let Some(at) = self.state.next_wake().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.enter(Input::Tick);
            self.answer_all();
        }
        self.now = until;
    }

    /// What an entry heard since the last question, without the calls' bounds.
    fn heard(&mut self, name: &str) -> Vec<Event> {
        let calls = self.heard.remove(&EntryName::new(name));
        calls.unwrap_or_default().into_iter().flatten().collect()
    }

    fn calls(&self, name: &str) -> usize {
        self.heard.get(&EntryName::new(name)).map_or(0, Vec::len)
    }

    fn status(&self) -> Status {
        let tracked = self.state.session(&SessionId::new("s"));
        tracked.expect("it is there").phase.status()
    }
}

fn scheduled(every: Duration) -> Entry {
    let mut entry = entry("clock", vec![Subscription::Schedule("every".into())]);
    let every = u64::try_from(every.as_millis()).expect("a short span");
    entry.schedules = vec![Schedule(Arc::new(Every(every)))];
    entry
}

fn ticks(events: &[Event]) -> Vec<(u64, u32)> {
    let ticks = events.iter().filter_map(|event| match event {
        Event::Schedule { due, missed, .. } => Some((due.as_millis(), *missed)),
        _ => None,
    });
    ticks.collect()
}

fn file(path: &str, kind: FileChangeKind, digest: u8) -> ObservedPath {
    ObservedPath {
        patterns: vec!["/srv/*".into()],
        what: PathObservation::File(FileChange {
            path: path.into(),
            kind,
            digest: (kind != FileChangeKind::Removed).then_some([digest; 32]),
            content: Some((*b"content").into()),
        }),
    }
}

fn files(events: &[Event]) -> Vec<(String, FileChangeKind, Option<u8>)> {
    let files = events.iter().filter_map(|event| match event {
        Event::File(change) => Some((
            change.path.to_string(),
            change.kind,
            change.digest.map(|digest| digest[0]),
        )),
        _ => None,
    });
    files.collect()
}

fn watched(seen: Vec<ObservedPath>) -> Input {
    Input::Watched { seen, to: None }
}

fn watcher(name: &str) -> Entry {
    entry(name, vec![Subscription::Files("/srv/*".into())])
}

#[test]
fn a_schedule_is_told_at_its_moments_and_what_a_sleep_passed_over_is_told_once() {
    let mut stage = Stage::begun(vec![scheduled(HOUR)]);
    let begin = stage.now.as_millis();
    let hour = 3_600_000;
    stage.pass(Duration::from_secs(2 * 3_600 + 60));
    let heard = stage.heard("clock");
    assert_eq!(ticks(&heard), [(begin + hour, 0), (begin + 2 * hour, 0)]);
    // Asleep from minute 121 on, for six hours.
    stage.now = stage.now.plus(6 * HOUR);
    stage.enter(Input::Resumed {
        slept_ms: 6 * hour,
        set_ms: 0,
    });
    stage.answer_all();
    assert_eq!(ticks(&stage.heard("clock")), [(begin + 3 * hour, 5)]);
    stage.pass(HOUR);
    assert_eq!(ticks(&stage.heard("clock")), [(begin + 9 * hour, 0)]);
}

#[test]
fn moments_that_nobody_could_hear_of_are_one_event() {
    let mut stage = Stage::begun(vec![scheduled(Duration::from_secs(60))]);
    let begin = stage.now.as_millis();
    // The first is being answered while five more come.
    stage.now = stage.now.plus(Duration::from_secs(60));
    stage.enter(Input::Tick);
    for _ in 0..5 {
        stage.now = stage.now.plus(Duration::from_secs(60));
        stage.enter(Input::Tick);
    }
    stage.answer_all();
    assert_eq!(
        ticks(&stage.heard("clock")),
        [(begin + 60_000, 0), (begin + 120_000, 4)]
    );
    // A week asleep: counted up to a bound, in bounded time.
    stage.now = stage.now.plus(7 * 24 * HOUR);
    stage.enter(Input::Tick);
    stage.answer_all();
    assert_eq!(ticks(&stage.heard("clock")), [(begin + 7 * 60_000, 1_000)]);
    stage.pass(Duration::from_secs(60));
    assert_eq!(ticks(&stage.heard("clock")).len(), 1);
}

#[test]
fn a_clock_set_back_an_hour_repeats_no_moment_and_one_that_was_wrong_begins_anew() {
    let mut stage = Stage::begun(vec![scheduled(HOUR)]);
    let begin = stage.now;
    stage.pass(HOUR);
    assert_eq!(ticks(&stage.heard("clock")).len(), 1);
    stage.now = begin;
    stage.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: -3_600_000,
    });
    stage.answer_all();
    // The moment that was told comes again on the wall, and is not told again.
    stage.pass(HOUR);
    assert_eq!(ticks(&stage.heard("clock")), []);
    stage.pass(HOUR);
    let second = begin.plus(2 * HOUR).as_millis();
    assert_eq!(ticks(&stage.heard("clock")), [(second, 0)]);
    // A clock that was a year ahead.
    let year = 365 * 24 * HOUR;
    stage.now = Timestamp::from_millis(begin.as_millis() - 31_536_000_000);
    stage.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: -31_536_000_000,
    });
    stage.answer_all();
    stage.pass(HOUR);
    assert_eq!(ticks(&stage.heard("clock")).len(), 1);
    // And one that was a year behind: none of that year's moments is made up for.
    stage.now = stage.now.plus(year);
    stage.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: 31_536_000_000,
    });
    stage.answer_all();
    assert_eq!(ticks(&stage.heard("clock")), []);
}

#[test]
fn files_reach_those_who_asked_and_say_nothing_of_their_content_without_a_grant() {
    let other = entry("other", vec![Subscription::Files("/etc/*".into())]);
    let mut stage = Stage::begun(vec![watcher("w"), other]);
    stage.enter(watched(vec![file("/srv/a", FileChangeKind::Created, 1)]));
    let heard = stage.heard("w");
    assert_eq!(
        files(&heard),
        [("/srv/a".into(), FileChangeKind::Created, Some(1))]
    );
    assert!(matches!(&heard[0], Event::File(change) if change.content.is_none()));
    assert_eq!(stage.calls("other"), 0);
}

#[test]
fn what_changes_while_a_policy_thinks_is_told_as_it_then_is() {
    let mut stage = Stage::begun(vec![watcher("w")]);
    stage.enter(watched(vec![file("/srv/a", FileChangeKind::Created, 1)]));
    stage.enter(watched(vec![
        file("/srv/a", FileChangeKind::Changed, 2),
        file("/srv/b", FileChangeKind::Created, 1),
        file("/srv/c", FileChangeKind::Created, 1),
    ]));
    stage.enter(watched(vec![
        file("/srv/a", FileChangeKind::Removed, 0),
        file("/srv/b", FileChangeKind::Changed, 3),
        file("/srv/c", FileChangeKind::Removed, 0),
    ]));
    stage.enter(watched(vec![file("/srv/a", FileChangeKind::Created, 4)]));
    stage.heard.clear();
    stage.answer_all();
    assert_eq!(stage.calls("w"), 1);
    assert_eq!(
        files(&stage.heard("w")),
        [
            ("/srv/a".into(), FileChangeKind::Changed, Some(4)),
            ("/srv/b".into(), FileChangeKind::Created, Some(3)),
        ]
    );
}

#[test]
fn a_burst_costs_a_bounded_number_of_calls() {
    let mut stage = Stage::begun(vec![watcher("w")]);
    // One file ten thousand times, while the first call is out.
    for n in 0..10_000_u32 {
        let digest = n.to_le_bytes()[0];
        stage.enter(watched(vec![file(
            "/srv/a",
            FileChangeKind::Changed,
            digest,
        )]));
    }
    stage.answer_all();
    assert_eq!(stage.calls("w"), 2);
    stage.heard.clear();
    // Ten thousand files.
    for n in 0..10_000 {
        let path = format!("/srv/{n}");
        stage.enter(watched(vec![file(&path, FileChangeKind::Created, 1)]));
    }
    stage.answer_all();
    assert_eq!(stage.calls("w"), 1 + 10_000_usize.div_ceil(500));
    assert_eq!(files(&stage.heard("w")).len(), 10_000);
}

#[test]
fn what_a_policy_failed_on_is_told_again_as_it_then_is() {
    let mut stage = Stage::begun(vec![watcher("w")]);
    stage.enter(watched(vec![
        file("/srv/a", FileChangeKind::Created, 1),
        file("/srv/b", FileChangeKind::Created, 1),
    ]));
    let (entry, evaluation) = stage.asked.pop_front().expect("it was asked");
    stage.enter(watched(vec![file("/srv/b", FileChangeKind::Changed, 2)]));
    stage.heard.clear();
    stage.enter(Input::Evaluated {
        entry,
        evaluation,
        result: Err(Fault {
            kind: FaultKind::Trap,
            message: "it broke".into(),
        }),
    });
    stage.pass(Duration::from_secs(60));
    assert_eq!(
        files(&stage.heard("w")),
        [
            ("/srv/a".into(), FileChangeKind::Created, Some(1)),
            ("/srv/b".into(), FileChangeKind::Created, Some(2)),
        ]
    );
}

#[test]
fn who_begins_to_watch_is_told_alone_what_is_there() {
    let mut stage = Stage::begun(vec![watcher("one"), watcher("two")]);
    stage.enter(Input::Watched {
        seen: vec![file("/srv/a", FileChangeKind::Present, 1)],
        to: Some(EntryName::new("two")),
    });
    assert_eq!(stage.calls("one"), 0);
    assert_eq!(
        files(&stage.heard("two")),
        [("/srv/a".into(), FileChangeKind::Present, Some(1))]
    );
}

#[test]
fn branches_between_two_calls_are_one_change_from_the_first_to_the_last() {
    let branch = |branch: &str, previous: &str| ObservedPath {
        patterns: vec!["/src/*".into()],
        what: PathObservation::Branch(BranchChange {
            repository: "/src/a".into(),
            kind: FileChangeKind::Changed,
            branch: Some(branch.into()),
            previous: Some(previous.into()),
        }),
    };
    let subscription = Subscription::Branch("/src/*".into());
    let mut stage = Stage::begun(vec![entry("b", vec![subscription])]);
    stage.enter(watched(vec![branch("x", "main")]));
    stage.enter(watched(vec![branch("y", "x")]));
    stage.enter(watched(vec![branch("z", "y")]));
    stage.answer_all();
    let heard = stage.heard("b");
    let seen: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            Event::Branch(change) => Some((change.previous.clone(), change.branch.clone())),
            _ => None,
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(seen, [(some("main"), some("x")), (some("x"), some("z"))]);
}

#[test]
fn the_start_comes_with_the_first_page_and_only_to_those_who_asked() {
    let asks = entry("asks", vec![Subscription::Engine(EngineMoments::STARTED)]);
    let mut stage = Stage::new(vec![asks.clone(), watcher("w")]);
    let calls = stage
        .heard
        .remove(&EntryName::new("asks"))
        .expect("it was asked");
    assert_eq!(calls.len(), 1);
    assert!(matches!(
        calls[0][0],
        Event::Resync {
            reason: ResyncReason::ColdStart,
            ..
        }
    ));
    assert_eq!(calls[0][1], Event::Engine(EngineEvent::Started));
    assert!(
        !stage
            .heard("w")
            .iter()
            .any(|e| matches!(e, Event::Engine(_)))
    );
    // An entry that is configured later did not see the engine start.
    let late = entry("late", vec![Subscription::Engine(EngineMoments::STARTED)]);
    stage.enter(Input::Policies(vec![asks, late]));
    stage.answer_all();
    assert!(
        !stage
            .heard("late")
            .iter()
            .any(|e| matches!(e, Event::Engine(_)))
    );
}

#[test]
fn a_stopping_engine_stops_what_policies_ask_it_to_and_starts_nothing() {
    let moments = EngineMoments::STOPPING;
    let asks = entry("asks", vec![Subscription::Engine(moments)]);
    let mut stage = Stage::begun(vec![asks]);
    stage.proposes = Some(Action::Start);
    stage.enter(Input::Policies(vec![entry(
        "asks",
        vec![
            Subscription::Engine(moments),
            Subscription::Sessions(SessionFilter::default()),
        ],
    )]));
    stage.answer_all();
    assert_eq!(stage.status(), Status::Active);
    stage.proposes = Some(Action::Stop);
    let deadline = stage.now.plus(Duration::from_secs(5));
    stage.enter(Input::Stopping { deadline });
    stage.answer_all();
    assert!(
        stage
            .heard("asks")
            .contains(&Event::Engine(EngineEvent::Stopping(deadline)))
    );
    assert_eq!(stage.status(), Status::Inactive);
    stage.proposes = Some(Action::Start);
    stage.enter(Input::Enable(EntryName::new("asks")));
    stage.answer_all();
    assert_eq!(stage.status(), Status::Inactive);
}

#[test]
fn sleep_is_told_with_the_look_at_everything() {
    let moments = EngineMoments::RESUMED.union(EngineMoments::CLOCK_SET);
    let mut stage = Stage::begun(vec![entry("asks", vec![Subscription::Engine(moments)])]);
    stage.enter(Input::Resumed {
        slept_ms: 5_000,
        set_ms: -2_000,
    });
    assert_eq!(stage.calls("asks"), 1);
    let heard = stage.heard("asks");
    assert!(matches!(
        heard[0],
        Event::Resync {
            reason: ResyncReason::Resumed,
            ..
        }
    ));
    assert_eq!(
        heard[1..],
        [
            Event::Engine(EngineEvent::Resumed(5_000)),
            Event::Engine(EngineEvent::ClockSet(-2_000))
        ]
    );
}

#[test]
fn who_needs_a_person_and_whose_credentials_come_to_their_end_is_told() {
    let sees = Subscription::Sessions(SessionFilter::default());
    let mut stage = Stage::begun(vec![entry("sees", vec![sees])]);
    let outcomes = |events: &[Event]| -> Vec<(Outcome, Fields)> {
        let changes = events.iter().flat_map(|event| match event {
            Event::Sessions(changes) => changes.clone(),
            _ => Vec::new(),
        });
        changes
            .filter_map(|c| Some((c.outcome?, c.fields)))
            .collect()
    };
    stage.cloud = Err(ErrorKind::NeedsMfa);
    stage.proposes = Some(Action::Start);
    stage.enter(Input::Resumed {
        slept_ms: 1,
        set_ms: 0,
    });
    stage.answer_all();
    let heard = outcomes(&stage.heard("sees"));
    assert_eq!(
        heard.iter().map(|(o, _)| *o).collect::<Vec<_>>(),
        [Outcome::NeedsPerson]
    );
    let failed = stage.notes.iter().any(|(_, what)| {
        matches!(
            what,
            JournalEvent::Ended {
                outcome: Outcome::Failed,
                ..
            }
        )
    });
    assert!(failed, "the journal has the failure");
    stage.cloud = Ok(());
    stage.enter(Input::Attended(dayfly_core::input::UserInput::Session(
        SessionId::new("s"),
    )));
    stage.answer_all();
    assert_eq!(stage.status(), Status::Active);
    stage.heard.clear();
    stage.pass(Duration::from_secs(39 * 60));
    assert_eq!(outcomes(&stage.heard("sees")), []);
    stage.pass(Duration::from_secs(2 * 60));
    assert_eq!(
        outcomes(&stage.heard("sees")),
        [(Outcome::Expiring, Fields::EXPIRING)]
    );
}

#[test]
fn what_comes_of_an_event_names_it_as_its_cause() {
    let hears = entry("hears", vec![Subscription::Custom("go".into())]);
    let mut stage = Stage::begun(vec![hears]);
    stage.proposes = Some(Action::Start);
    stage.enter(Input::Custom {
        name: "go".into(),
        data: "null".into(),
    });
    stage.answer_all();
    assert_eq!(stage.status(), Status::Active);
    let cause = |kind: fn(&JournalEvent) -> bool| {
        let note = stage.notes.iter().find(|(_, what)| kind(what));
        note.map(|(cause, _)| *cause)
    };
    let event = cause(|what| matches!(what, JournalEvent::Custom { .. }));
    assert!(event.is_some());
    assert_eq!(
        cause(|what| matches!(what, JournalEvent::Decided { .. })),
        event
    );
    assert_eq!(
        cause(|what| matches!(what, JournalEvent::Ended { .. })),
        event
    );
}

fn wake(id: String, at: Timestamp) -> PolicyEffect {
    PolicyEffect::Wake {
        id,
        at,
        slack_ms: 0,
    }
}

#[test]
fn who_always_asks_to_be_woken_at_once_is_woken_once_a_second() {
    let mut stage = Stage::begun(vec![entry("eager", vec![])]);
    let past = Timestamp::from_millis(5);
    stage.says = vec![wake("again".into(), past)];
    stage.enter(Input::Custom {
        name: "x".into(),
        data: "null".into(),
    });
    stage.enter(Input::Policies(vec![
        entry("eager", vec![]),
        entry("calm", vec![]),
    ]));
    stage.enter(Input::Enable(EntryName::new("eager")));
    stage.answer_all();
    stage.heard.clear();
    stage.pass(Duration::from_secs(600));
    let calls = stage.calls("eager");
    assert!((590..=610).contains(&calls), "{calls}");
    // It is told the moment that it asked for.
    let heard = stage.heard("eager");
    assert!(
        heard
            .iter()
            .all(|e| matches!(e, Event::Wake { due, .. } if *due == past))
    );
}

#[test]
fn a_million_wake_ups_are_more_than_anybody_gets() {
    let mut stage = Stage::begun(vec![entry(
        "greedy",
        vec![Subscription::Custom("go".into())],
    )]);
    let limit = stage.state.settings.wakes_max;
    let later = stage.now.plus(HOUR * 24);
    for round in 0..60 {
        stage.says = (0..16_384)
            .map(|n| wake(format!("{round}-{n}"), later))
            .collect();
        stage.enter(Input::Custom {
            name: "go".into(),
            data: "null".into(),
        });
        stage.answer_all();
        let wished = stage.state.entry(&EntryName::new("greedy"));
        let wished = wished.expect("it is there").wakes_pending();
        assert!(wished <= limit, "{wished} in round {round}");
    }
    let faults = |what: &JournalEvent| matches!(what, JournalEvent::Faulted { fault, .. } if fault.kind == FaultKind::Limit);
    assert!(stage.notes.iter().any(|(_, what)| faults(what)));
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
    let mut stage = Stage::begun(vec![entry("starter", vec![])]);
    stage.cloud = Err(ErrorKind::Network);
    stage.proposes = Some(Action::Start);
    stage.enter(Input::Resumed {
        slept_ms: 1,
        set_ms: 0,
    });
    stage.answer_all();
    let failed = |stage: &Stage| {
        let failed = |what: &JournalEvent| matches!(what, JournalEvent::Ended { outcome, .. } if *outcome == Outcome::Failed);
        stage.notes.iter().filter(|(_, what)| failed(what)).count()
    };
    assert_eq!(failed(&stage), 1);
    stage.now = stage.now.minus(HOUR);
    stage.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: -3_600_000,
    });
    stage.cloud = Ok(());
    stage.answer_all();
    stage.pass(Duration::from_secs(120));
    assert_eq!(stage.status(), Status::Active, "{:#?}", stage.notes);
    // And a deadline is not there before its time where the clock is set forward.
    assert_eq!(failed(&stage), 1);
}
