//! What lies outside an entry's grant does not exist for it: in two worlds that differ only there,
//! the entry is asked exactly the same questions at the same moments, and sees the same sessions.

use std::cmp::Reverse;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::Rank;
use dayfly_core::audit::{Chain, audit};
use dayfly_core::effect::Effect;
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Input, Order, PersistedStatus, SessionUpsert, WorkspaceChange,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{
    Act, Action, Actions, Context, EntryName, Event, Hold, PolicyEffect, Reason, SessionFilter,
    SessionKey, SessionView, Subscription, Verdict,
};
use dayfly_core::random::Random;
use dayfly_core::session::{Access, AssumeRole, ErrorKind, Failure, Lease, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use proptest::prelude::*;

const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// The entry that is looked at.
const INSIDE: &str = "inside";
/// One that is granted all the others.
const OUTSIDE: &str = "outside";

/// Something that happens, so many milliseconds after what happened before.
#[derive(Clone, Debug)]
struct Happens {
    after: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// A person commands.
    Order(u8, Option<Action>),
    /// A program asks.
    Demand(u8),
    /// The session is written, in or out of the grant, with this name.
    Write(u8, bool, u8),
    /// It leaves the Workspace.
    Remove(u8),
    /// Somebody sends an event.
    Emit,
    /// The policies are read anew; the generation of one may be another.
    Policies(u64),
    /// The machine was asleep.
    Resumed,
}

fn order() -> impl Strategy<Value = Option<Action>> {
    prop_oneof![
        Just(None),
        Just(Some(Action::Start)),
        Just(Some(Action::Stop)),
        Just(Some(Action::Rotate))
    ]
}

fn happens() -> impl Strategy<Value = Happens> {
    let number = || 0..6u8;
    let what = prop_oneof![
        3 => (number(), order()).prop_map(|(n, action)| What::Order(n, action)),
        2 => number().prop_map(What::Demand),
        4 => (number(), any::<bool>(), 0..3u8).prop_map(|(n, granted, name)| What::Write(n, granted, name)),
        1 => number().prop_map(What::Remove),
        1 => Just(What::Emit),
        1 => (0..2u64).prop_map(What::Policies),
        1 => Just(What::Resumed),
    ];
    (0..20_000u64, what).prop_map(|(after, what)| Happens { after, what })
}

/// What an entry was asked, and what it saw then.
#[derive(Clone, Debug, PartialEq)]
struct Question {
    context: Context,
    events: Vec<Event>,
    sees: Vec<SessionView>,
}

struct World {
    state: State,
    now: Timestamp,
    seed: u64,
    /// Answers of providers on their way.
    answers: BinaryHeap<Reverse<(Timestamp, u64)>>,
    issued: BTreeMap<u64, Input>,
    attempts: BTreeMap<SessionId, u64>,
    asked: BTreeMap<EntryName, Vec<Question>>,
    commands: u64,
}

/// Sessions 0 to 2 are their own; 3 is chained to 0, 4 to one that nobody is granted.
fn session(inside: bool, n: u8, granted: bool, name: u8) -> Arc<Session> {
    let place = if inside { "in" } else { "out" };
    let access = match (inside, n) {
        (true, 3) => chained("in-0"),
        (true, 4) => chained("hidden"),
        (true, _) => Access::AwsIamUser {
            mfa_device: None,
            duration_seconds: None,
        },
        (false, 3) => Access::Localstack { endpoint_url: None },
        (false, _) => Access::Azure {
            subscription_id: "s".into(),
            tenant_id: format!("t{n}"),
            integration_id: None,
        },
    };
    let team = if granted { place } else { "nobody" };
    Arc::new(Session {
        id: SessionId::new(&format!("{place}-{n}")),
        name: format!("{place} {n} {name}"),
        region: None,
        access,
        named_profile: Some(format!("{place}-{n}")),
        account: None,
        labels: BTreeMap::from([("team".to_owned(), team.to_owned())]),
        fault: None,
    })
}

fn chained(parent: &str) -> Access {
    Access::AwsIamRoleChained {
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        parent: SessionId::new(parent),
        assume: AssumeRole::default(),
    }
}

fn hidden() -> Arc<Session> {
    let mut session = Session::clone(&session(true, 0, false, 0));
    session.id = SessionId::new("hidden");
    session.named_profile = Some("hidden".into());
    Arc::new(session)
}

fn entry(name: &str, team: &str, generation: u64) -> Entry {
    Entry {
        name: EntryName::new(name),
        rank: Rank::default(),
        shadow: false,
        grant: Grant {
            sessions: Selector {
                labels: vec![format!("team={team}")],
                ..Selector::default()
            },
            actions: Actions::ALL,
            may_hold: true,
            ..Grant::default()
        },
        actions: Actions::ALL,
        may_hold: true,
        subscriptions: vec![
            Subscription::Sessions(SessionFilter::default()),
            Subscription::Custom(team.to_owned()),
        ],
        generation,
        schedules: Vec::new(),
        unusable: None,
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl World {
    fn new(seed: u64) -> Self {
        let settings = Settings {
            issuing_max: 1_000,
            batch_max: 2,
            ..Settings::default()
        };
        Self {
            state: State::new(settings, seed),
            now: BEGIN,
            seed,
            answers: BinaryHeap::new(),
            issued: BTreeMap::new(),
            attempts: BTreeMap::new(),
            asked: BTreeMap::new(),
            commands: 0,
        }
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
                context,
                events,
                ..
            } => {
                let views = self.state.entry(&entry).expect("it is asked").views();
                let question = Question {
                    context,
                    events,
                    sees: views.values().cloned().collect(),
                };
                let result = Ok(self.answer(&question));
                self.asked.entry(entry.clone()).or_default().push(question);
                Some(Input::Evaluated {
                    entry,
                    evaluation,
                    result,
                })
            }
            Effect::Issue {
                operation, session, ..
            } => {
                let attempt = self.attempts.entry(session.clone()).or_default();
                *attempt += 1;
                // The same for the same attempt on the same session, whatever happens elsewhere.
                let mut random = Random::new(hash((&session, *attempt)) ^ self.seed);
                let at = self.now.plus(Duration::from_millis(random.up_to(3_000)));
                let result = match random.up_to(5) {
                    0 => Err(Failure::new(ErrorKind::Denied, "no")),
                    1 => Err(Failure::new(ErrorKind::Network, "no answer")),
                    _ => Ok(Lease {
                        issued_at: at,
                        expires_at: Some(at.plus(Duration::from_millis(1 + random.up_to(60_000)))),
                    }),
                };
                self.answers.push(Reverse((at, operation.0)));
                self.issued
                    .insert(operation.0, Input::Issued { operation, result });
                None
            }
            Effect::Publish { operation, .. } | Effect::Retract { operation, .. } => {
                Some(Input::Delivered {
                    operation,
                    result: Ok(Placement::default()),
                })
            }
            _ => None,
        }
    }

    /// An answer that follows from the question alone.
    fn answer(&self, question: &Question) -> Verdict {
        let mut random = Random::new(hash(format!("{question:?}")));
        let mut views: Vec<&SessionView> = Vec::new();
        for event in &question.events {
            match event {
                Event::Sessions(changes) => views.extend(changes.iter().map(|c| &c.after)),
                Event::Resync { sessions, .. } => views.extend(sessions),
                _ => {}
            }
        }
        // Others that it may know of, and one that it may guess.
        views.extend(question.sees.iter().filter(|_| random.up_to(9) == 0));
        let mut keys: Vec<_> = views.iter().map(|v| (v.key, v.facts.revision)).collect();
        if random.up_to(19) == 0 {
            let key = SessionKey(u32::try_from(random.up_to(8)).unwrap_or(0));
            keys.push((key, dayfly_core::policy::Revision(random.up_to(3))));
        }
        let mut effects = Vec::new();
        for (session, revision) in keys {
            let why = Reason::new("test", format!("{}", random.up_to(3)));
            match random.up_to(6) {
                n @ 0..=2 => effects.push(PolicyEffect::Act(Act {
                    session,
                    action: Action::ALL[usize::try_from(n).unwrap_or(0)],
                    revision,
                    not_after: None,
                    why,
                })),
                3 => effects.push(PolicyEffect::Hold(Hold {
                    session,
                    actions: Actions::ALL,
                    until: Some(self.now.plus(Duration::from_millis(random.up_to(30_000)))),
                    why,
                })),
                4 => effects.push(PolicyEffect::Wake {
                    id: format!("w{}", random.up_to(2)),
                    at: self.now.plus(Duration::from_millis(random.up_to(30_000))),
                    slack_ms: 0,
                }),
                _ => {}
            }
        }
        Verdict {
            effects,
            stopped_after: None,
        }
    }

    /// Lets time pass until a moment, with all that is due before.
    fn pass(&mut self, until: Timestamp) {
        loop {
            let answer = self.answers.peek().map(|Reverse((at, _))| *at);
            let timer = self.state.next_wake();
            let Some(next) = [answer, timer].into_iter().flatten().min() else {
                break;
            };
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            if answer == Some(next) {
                let Some(Reverse((_, operation))) = self.answers.pop() else {
                    break;
                };
                if let Some(input) = self.issued.remove(&operation) {
                    self.enter(input);
                }
            } else {
                self.enter(Input::Tick);
            }
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, inside: bool, what: &What) {
        let place = if inside { "in" } else { "out" };
        let id = |n: &u8| SessionId::new(&format!("{place}-{n}"));
        let upsert = |session| SessionUpsert {
            session,
            written: PersistedStatus::default(),
        };
        self.commands += 1;
        let command = CommandId(self.commands);
        let input = match what {
            What::Order(n, action) => Input::Command {
                id: command,
                session: id(n),
                order: match action {
                    Some(action) => Order::Do {
                        action: *action,
                        lasting: Some(Duration::from_secs(10)),
                        override_reason: None,
                        reason: None,
                    },
                    None => Order::Release,
                },
            },
            What::Demand(n) => Input::Command {
                id: command,
                session: id(n),
                order: Order::Demand,
            },
            What::Write(n, granted, name) => Input::Workspace(WorkspaceChange {
                upserts: vec![upsert(session(inside, *n, *granted, *name))],
                removed: Vec::new(),
            }),
            What::Remove(n) => Input::Workspace(WorkspaceChange {
                upserts: Vec::new(),
                removed: vec![id(n)],
            }),
            What::Emit => Input::Custom {
                name: place.to_owned(),
                data: "null".into(),
            },
            What::Policies(generation) => {
                let other = if inside { 0 } else { *generation };
                Input::Policies(vec![entry(INSIDE, "in", 0), entry(OUTSIDE, "out", other)])
            }
            // The machine sleeps for all.
            What::Resumed if inside => Input::Resumed {
                slept_ms: 0,
                set_ms: 0,
            },
            What::Resumed => Input::Tick,
        };
        self.enter(input);
    }
}

/// What both entries were asked in a world where this happens within the grant, and that outside.
fn run(seed: u64, inside: &[Happens], outside: &[Happens], many: u8) -> [Vec<Question>; 2] {
    let mut world = World::new(seed);
    world.enter(Input::Boot {
        found: Vec::new(),
        words: Vec::new(),
    });
    let upsert = |session| SessionUpsert {
        session,
        written: PersistedStatus::default(),
    };
    let mut upserts: Vec<_> = (0..many)
        .map(|n| upsert(session(false, n, true, 0)))
        .collect();
    upserts.push(upsert(hidden()));
    upserts.extend((0..6).map(|n| upsert(session(true, n, n != 5, 0))));
    world.enter(Input::Workspace(WorkspaceChange {
        upserts,
        removed: Vec::new(),
    }));
    let entries = vec![entry(INSIDE, "in", 0), entry(OUTSIDE, "out", 0)];
    world.enter(Input::Policies(entries));
    let moments = |list: &[Happens], inside| {
        let mut at = BEGIN;
        let timed = list.iter().map(move |happens| {
            at = at.plus(Duration::from_millis(happens.after));
            (at, inside, happens.what.clone())
        });
        timed.collect::<Vec<_>>()
    };
    let mut all = moments(inside, true);
    all.extend(moments(outside, false));
    all.sort_by_key(|(at, inside, _)| (*at, *inside));
    for (at, inside, what) in all {
        world.pass(at);
        world.happen(inside, &what);
    }
    let end = inside.iter().map(|h| h.after).sum::<u64>() + 120_000;
    world.pass(BEGIN.plus(Duration::from_millis(end)));
    [INSIDE, OUTSIDE].map(|name| {
        let mut asked = world
            .asked
            .remove(&EntryName::new(name))
            .unwrap_or_default();
        asked.retain(|q| q.context.now <= BEGIN.plus(Duration::from_millis(end)));
        asked
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn what_an_entry_is_asked_does_not_depend_on_what_it_is_not_granted(
        seed in any::<u64>(),
        inside in proptest::collection::vec(happens(), 1..25),
        one in proptest::collection::vec(happens(), 0..25),
        other in proptest::collection::vec(happens(), 0..25),
        many in (0..6u8, 0..6u8),
    ) {
        let [in_one, _] = run(seed, &inside, &one, many.0);
        let [in_other, _] = run(seed, &inside, &other, many.1);
        prop_assert_eq!(in_one.len(), in_other.len());
        for (one, other) in in_one.iter().zip(&in_other) {
            prop_assert_eq!(one, other);
        }
    }
}

/// The property says something: the entry is asked a lot, and the worlds do differ.
#[test]
fn the_worlds_differ_and_the_entry_is_asked() {
    let step = |after, what| Happens { after, what };
    let inside = [
        step(1_000, What::Write(1, false, 1)),
        step(1_000, What::Write(1, true, 1)),
        step(1_000, What::Order(0, Some(Action::Start))),
    ];
    let outside = [
        step(500, What::Write(1, true, 1)),
        step(700, What::Order(1, Some(Action::Start))),
        step(900, What::Remove(2)),
    ];
    let [quiet, nobody] = run(7, &inside, &[], 0);
    let [busy, others] = run(7, &inside, &outside, 6);
    assert_eq!(quiet, busy);
    assert!(quiet.len() > 5, "{}", quiet.len());
    assert!(others.len() > nobody.len() + 5, "{}", others.len());
    let fields: Vec<_> = quiet
        .iter()
        .flat_map(|q| &q.events)
        .filter_map(|event| match event {
            Event::Sessions(changes) => Some(changes),
            _ => None,
        })
        .flatten()
        .flat_map(|change| change.fields.names())
        .collect();
    assert!(
        fields.contains(&"removed") && fields.contains(&"added"),
        "{fields:?}"
    );
    // The one that left was told as it was seen last, not as it is now.
    let left = quiet
        .iter()
        .flat_map(|q| &q.events)
        .find_map(|event| match event {
            Event::Sessions(changes) => changes
                .iter()
                .find(|c| c.fields.names().any(|f| f == "removed")),
            _ => None,
        });
    let left = &left.expect("one left").after;
    assert_eq!(
        (left.name.as_str(), left.labels["team"].as_str()),
        ("in 1 0", "in")
    );
}
