//! What decisions wait for although nobody forbids them: rates, pauses, and fights between policies.
//! Whatever waits is told why and until when, and comes about in the end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::{Actor, Rank, Tier};
use dayfly_core::audit::{Chain, audit};
use dayfly_core::effect::{Effect, JournalEntry, JournalEvent, OperationId};
use dayfly_core::grant::Grant;
use dayfly_core::input::{
    CommandId, Entry, Input, Order, PersistedStatus, SessionUpsert, WorkspaceChange,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{
    Act, Action, Actions, EntryName, Event, PolicyEffect, Reason, SessionFilter, SessionView,
    Subscription, Verdict, Views,
};
use dayfly_core::rates::Rate;
use dayfly_core::session::{Access, Lease, Session, SessionId, Status};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use proptest::prelude::*;

const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

type Rule = fn(Status) -> Option<Action>;

fn start(status: Status) -> Option<Action> {
    (status == Status::Inactive).then_some(Action::Start)
}

fn stop(status: Status) -> Option<Action> {
    (status == Status::Active).then_some(Action::Stop)
}

fn flap(status: Status) -> Option<Action> {
    start(status).or(stop(status))
}

fn renew(status: Status) -> Option<Action> {
    start(status).or((status == Status::Active).then_some(Action::Rotate))
}

struct World {
    state: State,
    now: Timestamp,
    rules: BTreeMap<EntryName, Rule>,
    answers: BinaryHeap<Reverse<(Timestamp, u64)>>,
    issued: Vec<(Timestamp, SessionId)>,
    notes: Vec<JournalEntry>,
    replies: usize,
}

fn id(n: usize) -> SessionId {
    SessionId::new(&format!("s{n:03}"))
}

impl World {
    /// Sessions of these accounts, and entries with these rules and this rate.
    fn new(
        settings: Settings,
        accounts: &[&str],
        rules: &[(&str, Rule)],
        rate: Option<Rate>,
    ) -> Self {
        let mut world = Self {
            state: State::new(settings, 1),
            now: BEGIN,
            rules: BTreeMap::new(),
            answers: BinaryHeap::new(),
            issued: Vec::new(),
            notes: Vec::new(),
            replies: 0,
        };
        world.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        let upserts = accounts
            .iter()
            .enumerate()
            .map(|(n, account)| SessionUpsert {
                session: Arc::new(Session {
                    id: id(n),
                    name: format!("session {n}"),
                    region: None,
                    access: Access::AwsIamUser {
                        mfa_device: None,
                        duration_seconds: None,
                    },
                    named_profile: Some(format!("p{n}")),
                    account: Some((*account).to_owned()),
                    labels: BTreeMap::new(),
                    fault: None,
                }),
                written: PersistedStatus::default(),
            });
        let upserts = upserts.collect();
        world.enter(Input::Workspace(WorkspaceChange {
            upserts,
            removed: Vec::new(),
        }));
        let entries = rules.iter().map(|(name, rule)| {
            world.rules.insert(EntryName::new(name), *rule);
            Entry {
                name: EntryName::new(name),
                rank: Rank::default(),
                shadow: false,
                grant: Grant {
                    actions: Actions::ALL,
                    rate,
                    ..Grant::default()
                },
                actions: Actions::ALL,
                may_hold: false,
                subscriptions: vec![Subscription::Sessions(SessionFilter::default())],
                generation: 0,
                schedules: Vec::new(),
                unusable: None,
            }
        });
        let entries = entries.collect();
        world.enter(Input::Policies(entries));
        world
    }

    fn enter(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in step(&mut self.state, self.now, input) {
                inputs.extend(self.perform(effect));
            }
        }
        let told: Vec<_> = audit(&self.state, self.now, Chain::Unknown)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(told.is_empty(), "{told:#?}");
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Evaluate {
                entry,
                evaluation,
                events,
                ..
            } => {
                let rule = self.rules[&entry];
                let sees = self.state.entry(&entry).expect("it is asked").views();
                let result = Ok(Verdict {
                    effects: events
                        .iter()
                        .flat_map(|event| propose(rule, event, sees))
                        .collect(),
                    stopped_after: None,
                });
                Some(Input::Evaluated {
                    entry,
                    evaluation,
                    result,
                })
            }
            Effect::Issue {
                operation, session, ..
            } => {
                self.issued.push((self.now, session));
                let at = self.now.plus(Duration::from_millis(200));
                self.answers.push(Reverse((at, operation.0)));
                None
            }
            Effect::Publish { operation, .. } | Effect::Retract { operation, .. } => {
                Some(Input::Delivered {
                    operation,
                    result: Ok(Placement::default()),
                })
            }
            Effect::Reply { .. } => {
                self.replies += 1;
                None
            }
            Effect::Record(note) => {
                self.notes.push(note);
                None
            }
            _ => None,
        }
    }

    fn pass(&mut self, span: Duration) {
        let until = self.now.plus(span);
        loop {
            let answer = self.answers.peek().map(|Reverse((at, _))| *at);
            let due = [answer, self.state.next_wake()];
            let Some(next) = due.into_iter().flatten().min().filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(next);
            if answer == Some(next)
                && let Some(Reverse((_, operation))) = self.answers.pop()
            {
                self.enter(Input::Issued {
                    operation: OperationId(operation),
                    result: Ok(Lease {
                        issued_at: self.now,
                        expires_at: Some(self.now.plus(HOUR * 48)),
                    }),
                });
            } else {
                self.enter(Input::Tick);
            }
        }
        self.now = until;
    }

    fn order(&mut self, n: usize, action: Action) {
        self.enter(Input::Command {
            id: CommandId(1_000 + n as u64),
            session: id(n),
            order: Order::Do {
                action,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        });
    }

    /// When policies began to do this.
    fn began(&self, wanted: Action) -> Vec<Timestamp> {
        let began = self.notes.iter().filter(|note| {
            matches!(&note.what, JournalEvent::Began { action, by: Actor::Policy(_), .. } if *action == wanted)
        });
        began.map(|note| note.at).collect()
    }

    /// What was put off, and why.
    fn deferred(&self) -> Vec<(Action, &str)> {
        let deferred = self.notes.iter().filter_map(|note| match &note.what {
            JournalEvent::Deferred {
                action, why, until, ..
            } => {
                assert!(until.is_some_and(|at| at > note.at), "{note:?}");
                Some((*action, why.as_str()))
            }
            _ => None,
        });
        deferred.collect()
    }

    fn active(&self) -> usize {
        let sessions = self.state.sessions();
        sessions
            .filter(|(_, t)| t.phase.status() == Status::Active)
            .count()
    }
}

fn propose(rule: Rule, event: &Event, sees: &Views) -> Vec<PolicyEffect> {
    let views: Vec<&SessionView> = match event {
        Event::Sessions(changes) => changes.iter().map(|c| &c.after).collect(),
        Event::Resync { sessions, .. } => sessions.iter().collect(),
        Event::Custom { .. } => sees.values().collect(),
        _ => Vec::new(),
    };
    let acts = views.into_iter().filter_map(|view| {
        Some(PolicyEffect::Act(Act {
            session: view.key,
            action: rule(view.status)?,
            revision: view.revision,
            not_after: None,
            why: Reason::new("test", "by rule"),
        }))
    });
    acts.collect()
}

/// Whether in each span no more happened than the bucket holds and the span brings.
fn keeps_to(rate: Rate, moments: &[Timestamp]) -> bool {
    let interval = rate.span().as_micros() / u128::from(rate.count());
    moments.iter().enumerate().all(|(first, from)| {
        moments.iter().enumerate().skip(first).all(|(last, to)| {
            let fit = to.since(*from).as_micros() / interval + u128::from(rate.count());
            ((last - first) as u128) < fit
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn an_entry_keeps_to_its_rate_and_everybody_gets_a_turn(
        sessions in 1..40usize,
        count in 1..12u32,
        unit in prop_oneof![Just("s"), Just("min")],
    ) {
        let rate: Rate = format!("{count}/{unit}").parse().expect("a rate");
        let accounts = vec!["1"; sessions];
        let mut world = World::new(Settings::default(), &accounts, &[("a", start)], Some(rate));
        let turns = u32::try_from(sessions).expect("few") / count + 1;
        world.pass(rate.span() * turns + SECOND * 4);
        prop_assert_eq!(world.active(), sessions);
        let began = world.began(Action::Start);
        prop_assert_eq!(began.len(), sessions);
        prop_assert!(keeps_to(rate, &began), "{began:?}");
        let late = sessions.saturating_sub(count as usize);
        let deferred = world.deferred();
        prop_assert_eq!(deferred.len(), late);
        prop_assert!(deferred.iter().all(|(_, why)| why.contains("policy a has used up its")));
    }

    #[test]
    fn calls_keep_to_the_rate_of_their_account(
        one in 1..60usize,
        other in 1..20usize,
        count in 1..20u32,
    ) {
        let mut settings = Settings::default();
        settings.calls.sts = Rate::per_second(count);
        let accounts = [vec!["1"; one], vec!["2"; other]].concat();
        let mut world = World::new(settings, &accounts, &[("a", start)], None);
        let turns = u32::try_from(one.max(other)).expect("few") / count + 1;
        world.pass(SECOND * (turns + 4));
        prop_assert_eq!(world.active(), one + other);
        let of = |range: std::ops::Range<usize>| {
            let issued = world.issued.iter().filter(|(_, s)| range.clone().any(|n| id(n) == *s));
            issued.map(|(at, _)| *at).collect::<Vec<_>>()
        };
        prop_assert!(keeps_to(settings.calls.sts, &of(0..one)));
        prop_assert!(keeps_to(settings.calls.sts, &of(one..one + other)));
    }
}

#[test]
fn whoever_somebody_waits_for_comes_first() {
    let mut settings = Settings::default();
    settings.calls.sts = Rate::per_second(2);
    let mut world = World::new(settings, &["1"; 50], &[("a", start)], None);
    world.pass(SECOND);
    world.order(49, Action::Start);
    world.pass(SECOND);
    let at = world
        .issued
        .iter()
        .position(|(_, session)| *session == id(49));
    assert!(at.is_some_and(|at| at < 6), "{at:?}");
    assert!(world.replies > 0);
}

#[test]
fn two_policies_that_undo_each_others_work_leave_the_session_alone() {
    let mut world = World::new(
        Settings::default(),
        &["1"],
        &[("a", start), ("b", stop)],
        None,
    );
    world.pass(HOUR);
    let frozen: Vec<_> = world
        .notes
        .iter()
        .filter_map(|note| match &note.what {
            JournalEvent::Frozen { between, .. } => Some(between.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(frozen[0], ["a", "b"].map(EntryName::new));
    assert!((2..=4).contains(&frozen.len()), "{}", frozen.len());
    let starts = world.began(Action::Start).len();
    assert!((4..=10).contains(&starts), "{starts}");
    assert!(
        world
            .deferred()
            .iter()
            .all(|(action, _)| *action != Action::Stop)
    );
    assert!(
        world
            .deferred()
            .iter()
            .any(|(_, why)| why.contains("a and b undo"))
    );
    // The person passes at once, and that is the end of it: nobody counts more.
    let before = world.issued.len();
    world.order(0, Action::Start);
    assert_eq!(world.issued.len(), before + 1);
    world.pass(HOUR);
    assert_eq!((world.active(), world.issued.len()), (1, before + 1));
}

#[test]
fn a_session_that_comes_and_goes_is_left_alone_now_and_then_but_not_for_ever() {
    let mut world = World::new(Settings::default(), &["1"], &[("a", flap)], None);
    world.pass(HOUR * 24);
    let starts = world.began(Action::Start);
    assert!((200..=330).contains(&starts.len()), "{}", starts.len());
    let quick = starts
        .iter()
        .filter(|at| at.since(BEGIN) < SECOND * 60)
        .count();
    // The first, and one after each of four stops, which have decayed a little by then.
    assert_eq!(quick, 5);
    let longest = starts.windows(2).map(|w| w[1].since(w[0])).max();
    assert!(longest.is_some_and(|wait| wait < HOUR), "{longest:?}");
    let deferred = world.deferred();
    assert!(deferred.iter().any(|(_, why)| why.contains("too often")));
    assert!(deferred.iter().any(|(_, why)| why.contains("a moment ago")));
    assert!(deferred.iter().all(|(action, _)| *action == Action::Start));
}

#[test]
fn credentials_are_not_renewed_while_they_are_new() {
    let mut world = World::new(Settings::default(), &["1"], &[("a", renew)], None);
    world.pass(HOUR);
    let renewed = world.began(Action::Rotate);
    assert!((55..=60).contains(&renewed.len()), "{}", renewed.len());
    assert!(renewed.windows(2).all(|w| w[1].since(w[0]) >= SECOND * 60));
    assert!(
        world
            .deferred()
            .iter()
            .any(|(_, why)| why.contains("are new"))
    );
    // A person does not wait.
    let before = world.issued.len();
    world.order(0, Action::Rotate);
    assert_eq!(world.issued.len(), before + 1);
}

#[test]
fn a_clock_that_was_set_back_keeps_nobody_waiting() {
    let rate: Rate = "1/h".parse().expect("a rate");
    let mut world = World::new(Settings::default(), &["1"; 3], &[("a", start)], Some(rate));
    world.pass(SECOND);
    assert_eq!(world.active(), 1);
    world.now = world.now.minus(HOUR * 24 * 30);
    world.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: 0,
    });
    world.pass(HOUR * 3);
    assert_eq!(world.active(), 3);
}

/// A session that was just started, and a policy that has credentials renewed, on a custom event or by
/// itself; how many were issued before it came.
fn alarmed(settings: Settings, tier: Tier, customs: bool, rate: Option<Rate>) -> (World, usize) {
    let mut world = World::new(settings, &["1"], &[("a", start)], None);
    world.pass(SECOND);
    let mut entries: Vec<_> = world
        .state
        .entries()
        .map(|(_, e)| e.entry.clone())
        .collect();
    let name = EntryName::new("alarm");
    world.rules.insert(name.clone(), renew);
    let mut alarm = entries[0].clone();
    (alarm.name, alarm.rank.tier, alarm.grant.rate) = (name, tier, rate);
    alarm.subscriptions = if customs {
        vec![Subscription::Custom("leak".to_owned())]
    } else {
        vec![Subscription::Sessions(SessionFilter::default())]
    };
    entries.push(alarm);
    let before = world.issued.len();
    world.enter(Input::Policies(entries));
    (world, before)
}

#[test]
fn an_alarm_does_not_wait_until_credentials_are_older() {
    // A rule that renews by itself waits …
    let (mut world, before) = alarmed(Settings::default(), Tier::Team, false, None);
    world.pass(SECOND * 5);
    assert_eq!(world.issued.len(), before);
    // … a guard rail does not …
    let (mut world, before) = alarmed(Settings::default(), Tier::GuardRail, false, None);
    world.pass(SECOND);
    assert!(world.issued.len() > before);
    // … and a rule does not on a custom event.
    let (mut world, before) = alarmed(Settings::default(), Tier::Personal, true, None);
    world.pass(SECOND * 5);
    assert_eq!(world.issued.len(), before, "nobody has raised it yet");
    let alarm = || Input::Custom {
        name: "leak".into(),
        data: "null".into(),
    };
    world.enter(alarm());
    world.pass(SECOND);
    assert_eq!(world.issued.len(), before + 1);
    // Once: what was said on an alarm is said for the credentials of that time.
    world.pass(SECOND * 30);
    assert_eq!(world.issued.len(), before + 1);
    world.enter(alarm());
    world.pass(SECOND);
    assert_eq!(world.issued.len(), before + 2);
}

#[test]
fn an_alarm_keeps_to_the_rate_of_its_entry() {
    let rate: Rate = "1/h".parse().expect("a rate");
    let (mut world, before) = alarmed(Settings::default(), Tier::Personal, true, Some(rate));
    for _ in 0..5 {
        world.enter(Input::Custom {
            name: "leak".into(),
            data: "null".into(),
        });
        world.pass(SECOND * 10);
    }
    assert_eq!(world.issued.len(), before + 1);
}
