//! A person's command waits for what guard rails say, and for nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::effect::{Effect, Reply};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Input, Order, Projection, SessionUpsert, WorkspaceChange,
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
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
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
                written: Projection::default(),
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
            },
            actions: Actions::ALL,
            may_hold: true,
            subscriptions: vec![Subscription::Sessions(SessionFilter::default())],
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
        let order = Order::Do {
            action: Action::Start,
            lasting: None,
            override_reason: override_reason.map(str::to_owned),
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

    fn begun(&self) -> bool {
        let issues = |e: &Effect| matches!(e, Effect::Issue { .. });
        self.effects.iter().any(issues)
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
    stage.start(Some("incident"));
    assert!(stage.begun());
    let mut stage = Stage::with_unusable(&[("team", Tier::Team)], Some("no such module"));
    stage.start(None);
    assert!(stage.begun(), "what is no guard rail holds nobody");
}
