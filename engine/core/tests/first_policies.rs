//! Nothing is started or renewed before the first policies are in force or known to be closed,
//! whatever the order in which an engine hears of the rest. What stops is not kept waiting.

mod stage;

use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::audit::{Chain, audit};
use dayfly_core::delivery::Delivery;
use dayfly_core::effect::{Effect, Reply};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Input, ManualOverride, Order, PersistedStatus, RecoveredCredentials,
    SessionUpsert, WorkspaceChange,
};
use dayfly_core::policy::{
    Action, Actions, EntryName, EvaluationId, Event, Fault, FaultKind, Hold, PolicyEffect, Reason,
    SessionFilter, SessionKey, Subscription, Verdict,
};
use dayfly_core::session::{Lease, Status};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use stage::{HOUR, NOW, id};

/// What an engine hears at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Workspace,
    Policies,
}

/// Why a session would be started or renewed as soon as the engine runs.
#[derive(Clone, Copy, Debug)]
enum Wish {
    /// The person had started it, and the engine ended before it was done.
    Word,
    /// The person wrote `active` into the Workspace while no engine ran.
    Edit,
    /// The person wrote another named profile while no engine ran.
    Profile,
    /// A person asks for it.
    Start,
    /// A person asks for new credentials.
    Rotate,
    /// A program asks for it.
    Demand,
    /// A program uses credentials that are due.
    Due,
}

const WISHES: [Wish; 7] = [
    Wish::Word,
    Wish::Edit,
    Wish::Profile,
    Wish::Start,
    Wish::Rotate,
    Wish::Demand,
    Wish::Due,
];

struct Boot {
    state: State,
    now: Timestamp,
    wish: Wish,
    asked: Vec<(EvaluationId, Vec<SessionKey>)>,
    effects: Vec<Effect>,
}

impl Boot {
    fn new(wish: Wish) -> Self {
        let mut boot = Self {
            state: State::new(Settings::default(), 1),
            now: NOW,
            wish,
            asked: Vec::new(),
            effects: Vec::new(),
        };
        let found = boot.in_force().map(|lease| RecoveredCredentials {
            session: id("s"),
            profile: Some(match wish {
                Wish::Profile => "another".to_owned(),
                _ => "s".to_owned(),
            }),
            lease,
            in_force: Delivery::new(),
        });
        let word = ManualOverride {
            action: Action::Start,
            at: NOW.minus(HOUR),
            until: None,
            override_reason: None,
            reason: None,
        };
        let words = matches!(wish, Wish::Word).then(|| (id("s"), word));
        boot.enter(Input::Boot {
            found: found.into_iter().collect(),
            words: words.into_iter().collect(),
        });
        boot
    }

    /// What the chain holds when the engine starts.
    fn in_force(&self) -> Option<Lease> {
        let left = match self.wish {
            Wish::Profile | Wish::Rotate => HOUR,
            Wish::Due => Duration::from_secs(60),
            Wish::Word | Wish::Edit | Wish::Start | Wish::Demand => return None,
        };
        Some(Lease {
            issued_at: NOW.minus(HOUR),
            expires_at: Some(NOW.plus(left)),
        })
    }

    fn hear(&mut self, what: Heard, policies: &[Entry]) {
        match what {
            Heard::Policies => self.enter(Input::Policies(policies.to_vec())),
            Heard::Workspace => {
                let SessionUpsert { session, .. } = stage::session("s", "r");
                let in_force = self.in_force();
                let written = PersistedStatus {
                    status: match (self.wish, in_force) {
                        (Wish::Edit, _) | (_, Some(_)) => Status::Active,
                        _ => Status::Inactive,
                    },
                    start: in_force.map(|lease| lease.issued_at),
                    expiration: in_force.and_then(|lease| lease.expires_at),
                };
                self.enter(Input::Workspace(WorkspaceChange {
                    upserts: vec![SessionUpsert { session, written }],
                    removed: Vec::new(),
                }));
                self.wish();
            }
        }
    }

    /// What somebody asks for who does not wait for the engine to be ready.
    fn wish(&mut self) {
        let order = match self.wish {
            Wish::Start => act(Action::Start),
            Wish::Rotate => act(Action::Rotate),
            Wish::Demand | Wish::Due => Order::Demand,
            Wish::Word | Wish::Edit | Wish::Profile => return,
        };
        self.order(order);
    }

    fn order(&mut self, order: Order) {
        let (id, session) = (CommandId(self.effects.len() as u64), id("s"));
        self.enter(Input::Command { id, session, order });
    }

    fn enter(&mut self, input: Input) {
        for effect in step(&mut self.state, self.now, input) {
            if let Effect::Evaluate {
                evaluation, events, ..
            } = &effect
            {
                let keys = events.iter().flat_map(|event| match event {
                    Event::Resync { sessions, .. } => sessions.iter().map(|s| s.key).collect(),
                    Event::Sessions(changes) => changes.iter().map(|c| c.after.key).collect(),
                    _ => Vec::new(),
                });
                self.asked.push((*evaluation, keys.collect()));
            }
            self.effects.push(effect);
        }
        assert_eq!(audit(&self.state, self.now, Chain::Unknown), []);
    }

    /// The guard rail answers, also what it is asked next.
    fn answer(&mut self, hold: bool) {
        for _ in 0..3 {
            self.answer_once(hold);
        }
    }

    fn answer_once(&mut self, hold: bool) {
        for (evaluation, keys) in std::mem::take(&mut self.asked) {
            let effects = keys.into_iter().filter(|_| hold).map(|session| {
                PolicyEffect::Hold(Hold {
                    session,
                    actions: [Action::Start, Action::Rotate].into_iter().collect(),
                    until: None,
                    why: Reason::new("closed", "it is closed"),
                })
            });
            let result = Ok(Verdict {
                effects: effects.collect(),
                stopped_after: None,
            });
            let entry = EntryName::new("rail");
            self.enter(Input::Evaluated {
                entry,
                evaluation,
                result,
            });
        }
    }

    fn fail(&mut self, kind: FaultKind) {
        for (evaluation, _) in std::mem::take(&mut self.asked) {
            let message = "it broke".to_owned();
            self.enter(Input::Evaluated {
                entry: EntryName::new("rail"),
                evaluation,
                result: Err(Fault { kind, message }),
            });
        }
    }

    /// Whether credentials were asked for or published.
    fn begun(&self) -> bool {
        let brings = |e: &Effect| matches!(e, Effect::Issue { .. } | Effect::Publish { .. });
        self.effects.iter().any(brings)
    }

    fn retracts(&self) -> bool {
        let retracts = |e: &Effect| matches!(e, Effect::Retract { .. });
        self.effects.iter().any(retracts)
    }

    fn refused(&self) -> bool {
        self.effects.iter().any(|e| {
            let Effect::Reply { reply, .. } = e else {
                return false;
            };
            matches!(reply, Reply::Refused { .. })
        })
    }
}

fn act(action: Action) -> Order {
    Order::Do {
        action,
        lasting: None,
        override_reason: None,
        reason: None,
    }
}

fn rail(unusable: Option<&str>) -> Entry {
    Entry {
        name: EntryName::new("rail"),
        rank: Rank {
            tier: Tier::GuardRail,
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
        subscriptions: vec![Subscription::Sessions(SessionFilter::default())],
        schedules: Vec::new(),
        generation: 0,
        unusable: unusable.map(str::to_owned),
    }
}

#[test]
fn whoever_wants_it_waits_for_the_first_policies() {
    for wish in WISHES {
        let mut boot = Boot::new(wish);
        boot.hear(Heard::Workspace, &[]);
        boot.enter(Input::Tick);
        // However long that takes: a component may have to be compiled.
        boot.now = boot.now.plus(Duration::from_secs(30));
        boot.enter(Input::Tick);
        assert!(!boot.begun(), "{wish:?}");
        // Nobody forbids anything: it goes on, and no wish was forgotten.
        boot.hear(Heard::Policies, &[]);
        assert!(boot.begun(), "{wish:?}");
    }
}

#[test]
fn a_guard_rail_comes_first_in_every_order_of_the_start() {
    for wish in WISHES {
        for order in [
            [Heard::Workspace, Heard::Policies],
            [Heard::Policies, Heard::Workspace],
        ] {
            for hold in [true, false] {
                let mut boot = Boot::new(wish);
                for what in order {
                    boot.hear(what, &[rail(None)]);
                }
                assert!(!boot.begun(), "{wish:?} {order:?}: it has not answered");
                boot.answer(hold);
                assert_eq!(boot.begun(), !hold, "{wish:?} {order:?}");
            }
        }
    }
}

#[test]
fn a_guard_rail_that_breaks_at_first_holds() {
    for wish in WISHES {
        for kind in [FaultKind::Trap, FaultKind::Deadline, FaultKind::Permanent] {
            let mut boot = Boot::new(wish);
            boot.hear(Heard::Workspace, &[]);
            boot.hear(Heard::Policies, &[rail(None)]);
            boot.fail(kind);
            assert!(!boot.begun(), "{wish:?} {kind:?}");
        }
    }
}

#[test]
fn what_stands_in_for_a_guard_rail_holds_from_the_beginning() {
    for wish in WISHES {
        for order in [
            [Heard::Workspace, Heard::Policies],
            [Heard::Policies, Heard::Workspace],
        ] {
            let mut boot = Boot::new(wish);
            for what in order {
                boot.hear(what, &[rail(Some("no such module"))]);
            }
            // Nobody makes one that cannot be asked usable.
            boot.enter(Input::Enable(EntryName::new("rail")));
            assert!(!boot.begun(), "{wish:?} {order:?}");
            if matches!(wish, Wish::Start | Wish::Rotate | Wish::Demand) {
                assert!(boot.refused(), "{wish:?} {order:?}");
            }
        }
    }
}

#[test]
fn a_guard_rail_that_may_only_stop_holds_while_it_is_broken() {
    let mut entry = rail(None);
    entry.may_hold = false;
    let mut boot = Boot::new(Wish::Start);
    boot.hear(Heard::Policies, &[entry.clone()]);
    boot.hear(Heard::Workspace, &[]);
    boot.fail(FaultKind::Trap);
    assert!(!boot.begun() && boot.refused());
    // One that can refuse nobody keeps nobody.
    entry.actions = [Action::Rotate].into_iter().collect();
    let mut boot = Boot::new(Wish::Start);
    boot.hear(Heard::Policies, &[entry]);
    boot.hear(Heard::Workspace, &[]);
    boot.fail(FaultKind::Trap);
    assert!(boot.begun());
}

#[test]
fn a_stop_does_not_wait_for_policies() {
    let mut boot = Boot::new(Wish::Profile);
    boot.hear(Heard::Workspace, &[]);
    boot.order(act(Action::Stop));
    assert!(boot.retracts() && !boot.begun());
}

#[test]
fn credentials_end_without_policies() {
    let mut boot = Boot::new(Wish::Due);
    boot.hear(Heard::Workspace, &[]);
    boot.now = NOW.plus(Duration::from_secs(60));
    boot.enter(Input::Tick);
    assert!(boot.retracts() && !boot.begun());
}

#[test]
fn a_session_that_left_is_retracted_without_policies() {
    let mut boot = Boot::new(Wish::Profile);
    boot.hear(Heard::Workspace, &[]);
    boot.enter(Input::Workspace(WorkspaceChange {
        upserts: Vec::new(),
        removed: vec![id("s")],
    }));
    assert!(boot.retracts() && !boot.begun());
}
