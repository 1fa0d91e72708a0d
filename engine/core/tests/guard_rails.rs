//! A person's command waits for what guard rails say, and for nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::effect::{Effect, Reply};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Input, Order, PersistedStatus, SessionUpsert, WorkspaceChange,
};
use dayfly_core::policy::{
    Action, Actions, EntryName, EvaluationId, Event, Fault, FaultKind, Hold, PolicyEffect, Reason,
    SessionFilter, SessionKey, Subscription, Verdict,
};
use dayfly_core::session::{Access, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Stage {
    state: State,
    /// The question to each entry.
    asked: BTreeMap<String, (EvaluationId, Vec<SessionKey>)>,
    effects: Vec<Effect>,
}

impl Stage {
    /// A session `s`, inactive, with entries of these tiers, which are asked and have not answered.
    fn with(entries: &[(&str, Tier)]) -> Self {
        Self::with_unusable(entries, None)
    }

    fn with_unusable(entries: &[(&str, Tier)], unusable: Option<&str>) -> Self {
        // No time passes in these tests.
        let settings = Settings {
            wake_soonest: Duration::ZERO,
            ..Settings::default()
        };
        let mut stage = Self {
            state: State::new(settings, 1),
            asked: BTreeMap::new(),
            effects: Vec::new(),
        };
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
        stage.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        stage.enter(Input::Workspace(WorkspaceChange {
            upserts: vec![SessionUpsert {
                session: Arc::new(session),
                written: PersistedStatus::default(),
            }],
            removed: Vec::new(),
        }));
        let entries = entries.iter().map(|(name, tier)| Entry {
            name: EntryName::new(name),
            rank: Rank {
                tier: *tier,
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
        });
        stage.enter(Input::Policies(entries.collect()));
        stage
    }

    fn enter(&mut self, input: Input) {
        for effect in step(&mut self.state, NOW, input) {
            if let Effect::Evaluate {
                entry,
                evaluation,
                events,
                ..
            } = &effect
            {
                let keys = events.iter().flat_map(|event| match event {
                    Event::Resync { sessions, .. } => sessions.iter().map(|s| s.key).collect(),
                    Event::Sessions(changes) => changes.iter().map(|c| c.after.key).collect(),
                    _ => Vec::new(),
                });
                let question = (*evaluation, keys.collect());
                self.asked.insert(entry.to_string(), question);
            }
            self.effects.push(effect);
        }
    }

    fn start(&mut self, override_reason: Option<&str>) {
        self.start_since(override_reason, None);
    }

    fn start_since(&mut self, override_reason: Option<&str>, reason: Option<&str>) {
        let order = Order::Do {
            action: Action::Start,
            lasting: None,
            override_reason: override_reason.map(str::to_owned),
            reason: reason.map(str::to_owned),
        };
        self.enter(Input::Command {
            id: CommandId(1),
            session: SessionId::new("s"),
            order,
        });
    }

    fn answer(&mut self, entry: &str, hold: bool) {
        let (evaluation, keys) = self.asked.remove(entry).expect("it is asked");
        let effects = keys.into_iter().filter(|_| hold).map(|session| {
            PolicyEffect::Hold(Hold {
                session,
                actions: [Action::Start].into_iter().collect(),
                until: None,
                why: Reason::new("closed", "it is closed"),
            })
        });
        let effects = effects.collect();
        self.enter(Input::Evaluated {
            entry: EntryName::new(entry),
            evaluation,
            result: Ok(Verdict {
                effects,
                stopped_after: None,
            }),
        });
    }

    fn fail(&mut self, entry: &str) {
        let (evaluation, _) = self.asked.remove(entry).expect("it is asked");
        self.enter(Input::Evaluated {
            entry: EntryName::new(entry),
            evaluation,
            result: Err(Fault {
                kind: FaultKind::Trap,
                message: "it broke".into(),
            }),
        });
    }

    /// What policies see of the reason.
    fn reason(&self) -> Option<String> {
        let session = self.state.session(&SessionId::new("s"));
        session.and_then(|tracked| tracked.view.reason.clone())
    }

    fn begun(&self) -> bool {
        let issues = |e: &Effect| matches!(e, Effect::Issue { .. });
        self.effects.iter().any(issues)
    }

    /// Whether the refusal is one of a guard rail that cannot be evaluated.
    fn is_unevaluated(&self) -> bool {
        self.effects.iter().any(|effect| {
            let Effect::Reply { reply, .. } = effect else {
                return false;
            };
            matches!(
                reply,
                Reply::Refused {
                    unevaluated: true,
                    ..
                }
            )
        })
    }

    fn refusal(&self) -> Option<String> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Reply {
                reply: Reply::Refused { why, .. },
                ..
            } => Some(why.clone()),
            _ => None,
        })
    }
}

#[test]
fn a_command_waits_for_a_guard_rail_and_goes_by_its_answer() {
    for hold in [true, false] {
        let mut stage = Stage::with(&[("rail", Tier::GuardRail)]);
        stage.start(None);
        assert!(!stage.begun() && stage.refusal().is_none());
        stage.answer("rail", hold);
        assert_eq!(stage.begun(), !hold);
        assert_eq!(stage.refusal().is_some(), hold);
        assert!(!stage.is_unevaluated(), "it was asked");
    }
}

#[test]
fn a_command_waits_for_no_other_policy() {
    let mut stage = Stage::with(&[("team", Tier::Team)]);
    stage.start(None);
    assert!(stage.begun());
}

#[test]
fn a_guard_rail_that_breaks_refuses_and_can_be_overridden() {
    let mut stage = Stage::with(&[("rail", Tier::GuardRail)]);
    stage.start(None);
    stage.fail("rail");
    assert!(!stage.begun());
    let why = stage.refusal().expect("the command is answered");
    assert!(why.contains("it broke"), "{why}");
    stage.start(Some("incident"));
    assert!(stage.begun());
}

#[test]
fn an_override_waits_for_nothing() {
    let mut stage = Stage::with(&[("rail", Tier::GuardRail)]);
    stage.start(Some("incident"));
    assert!(stage.begun());
}

#[test]
fn a_broken_policy_that_is_no_guard_rail_holds_nobody() {
    let mut stage = Stage::with(&[("team", Tier::Team)]);
    stage.fail("team");
    stage.start(None);
    assert!(stage.begun());
}

#[test]
fn a_guard_rail_that_cannot_be_loaded_holds() {
    let mut stage = Stage::with_unusable(&[("rail", Tier::GuardRail)], Some("no such module"));
    assert!(stage.asked.is_empty(), "it is not asked");
    stage.start(None);
    assert!(!stage.begun());
    let why = stage.refusal().expect("the command is answered at once");
    assert!(why.contains("no such module"), "{why}");
    assert!(stage.is_unevaluated(), "no reason is of any use");
    stage.start(Some("incident"));
    assert!(stage.begun());
    let mut stage = Stage::with_unusable(&[("team", Tier::Team)], Some("no such module"));
    stage.start(None);
    assert!(stage.begun(), "what is no guard rail holds nobody");
}

#[test]
fn a_reason_reaches_a_guard_rail_before_anything_is_decided() {
    for hold in [true, false] {
        let mut stage = Stage::with(&[("rail", Tier::GuardRail)]);
        stage.answer("rail", true);
        stage.start_since(None, Some("a ticket"));
        assert!(!stage.begun() && stage.refusal().is_none(), "it is asked");
        assert_eq!(stage.reason().as_deref(), Some("a ticket"));
        stage.answer("rail", hold);
        assert_eq!(stage.begun(), !hold);
        // What was refused is forgotten, and the guard rail hears of that.
        assert_eq!(stage.refusal().is_some(), hold);
        assert_eq!(stage.reason().is_none(), hold);
        assert!(stage.asked.contains_key("rail"));
    }
}

#[test]
fn the_reason_of_an_override_is_seen_too() {
    let mut stage = Stage::with(&[("rail", Tier::GuardRail)]);
    stage.answer("rail", true);
    stage.start(Some("incident"));
    assert!(stage.begun());
    assert_eq!(stage.reason().as_deref(), Some("incident"));
}

#[test]
fn a_hold_that_is_withdrawn_stands_no_more() {
    for withdrawn in [true, false] {
        let mut stage = Stage::with(&[("rail", Tier::GuardRail)]);
        let (evaluation, keys) = stage.asked.remove("rail").expect("it is asked");
        let hold = PolicyEffect::Hold(Hold {
            session: keys[0],
            actions: [Action::Start].into_iter().collect(),
            until: None,
            why: Reason::new("closed", "it is closed"),
        });
        let wake = PolicyEffect::Wake {
            id: "again".into(),
            at: NOW,
            slack_ms: 0,
        };
        let mut say = |evaluation, effects| {
            stage.enter(Input::Evaluated {
                entry: EntryName::new("rail"),
                evaluation,
                result: Ok(Verdict {
                    effects,
                    stopped_after: None,
                }),
            });
            stage.asked.remove("rail")
        };
        let (evaluation, told) = say(evaluation, vec![hold, wake]).expect("it is woken");
        assert!(told.is_empty(), "a wake-up carries no session");
        let withdraw = PolicyEffect::Withdraw(keys[0]);
        say(evaluation, if withdrawn { vec![withdraw] } else { vec![] });
        stage.start(None);
        assert_eq!(stage.begun(), withdrawn);
        assert_eq!(stage.refusal().is_some(), !withdrawn);
    }
}
