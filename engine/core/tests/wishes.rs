//! A wish that is fulfilled counts: it keeps lower voices from undoing it, has nothing done, and is
//! recorded when it is new, not each time that it is heard.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::{Actor, Rank, Tier};
use dayfly_core::effect::{Cause, Effect, JournalEvent, OperationId, Reply};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Input, Order, PersistedStatus, SessionUpsert, UserInput, WorkspaceChange,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{
    Act, Action, Actions, EntryName, EvaluationId, Event, Hold, PolicyEffect, Reason,
    SessionFilter, SessionView, Subscription, Verdict,
};
use dayfly_core::session::{Access, ErrorKind, Failure, Lease, Session, SessionId, Status};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

/// What a policy says to each session that it is asked about.
type Rule = fn(&SessionView) -> Option<Action>;

struct Stage {
    state: State,
    now: Timestamp,
    rules: BTreeMap<EntryName, Rule>,
    /// Entries that also hold whatever they propose nothing for.
    holds: bool,
    cloud: Result<(), ErrorKind>,
    /// The provider does not answer yet.
    slow: bool,
    issues: Vec<OperationId>,
    notes: Vec<(Cause, JournalEvent)>,
    replies: Vec<Reply>,
}

impl Stage {
    /// A session `s`, inactive, and policies that answer by these rules.
    fn new(rules: &[(&str, Tier, Rule)]) -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: Timestamp::from_millis(1_800_000_000_000),
            rules: rules
                .iter()
                .map(|(name, _, rule)| (EntryName::new(name), *rule))
                .collect(),
            holds: false,
            cloud: Ok(()),
            slow: false,
            issues: Vec::new(),
            notes: Vec::new(),
            replies: Vec::new(),
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
        let entries = rules.iter().map(|(name, tier, _)| Entry {
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
            unusable: None,
        });
        stage.enter(Input::Policies(entries.collect()));
        stage
    }

    /// Takes an input and all that comes of it, with a chain and policies that answer at once.
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
                    } => inputs.push_back(self.answer(entry, evaluation, &events)),
                    Effect::Issue { operation, .. } if self.slow => self.issues.push(operation),
                    Effect::Issue { operation, .. } => inputs.push_back(self.issued(operation)),
                    Effect::Publish { operation, .. } | Effect::Retract { operation, .. } => {
                        inputs.push_back(Input::Delivered {
                            operation,
                            result: Ok(Placement::default()),
                        });
                    }
                    Effect::Reply { reply, .. } => self.replies.push(reply),
                    Effect::Record(note) => self.notes.push((note.cause, note.what)),
                    _ => {}
                }
            }
        }
    }

    fn issued(&self, operation: OperationId) -> Input {
        let lease = Lease {
            issued_at: self.now,
            expires_at: Some(self.now.plus(HOUR)),
        };
        let result = self.cloud.map(|()| lease);
        Input::Issued {
            operation,
            result: result.map_err(|kind| Failure::new(kind, "no")),
        }
    }

    fn answer(&self, entry: EntryName, evaluation: EvaluationId, events: &[Event]) -> Input {
        let views = events.iter().flat_map(|event| match event {
            Event::Resync { sessions, .. } => sessions.clone(),
            Event::Sessions(changes) => changes.iter().map(|c| c.after.clone()).collect(),
            _ => Vec::new(),
        });
        let rule = self.rules[&entry];
        let effects = views.filter_map(|view| {
            // The evidence names the time, as that of many policies does.
            let mut why = Reason::new("rule", "by rule");
            why.evidence.push(("now".into(), self.now.to_string()));
            match rule(&view) {
                Some(action) => Some(PolicyEffect::Act(Act {
                    session: view.key,
                    action,
                    revision: view.revision,
                    not_after: None,
                    why,
                })),
                None if self.holds => Some(PolicyEffect::Hold(Hold {
                    session: view.key,
                    actions: [Action::Start].into_iter().collect(),
                    until: None,
                    why,
                })),
                None => None,
            }
        });
        let effects = effects.collect();
        Input::Evaluated {
            entry,
            evaluation,
            result: Ok(Verdict {
                effects,
                stopped_after: None,
            }),
        }
    }

    fn say(&mut self, action: Action) {
        self.enter(Input::Command {
            id: CommandId(self.notes.len() as u64),
            session: SessionId::new("s"),
            order: Order::Do {
                action,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        });
    }

    fn pass(&mut self, span: Duration) {
        let until = self.now.plus(span);
        while let Some(at) = self.state.next_wake().filter(|at| *at <= until) {
            self.now = at;
            self.enter(Input::Tick);
        }
        self.now = until;
    }

    fn status(&self) -> Status {
        let tracked = self.state.session(&SessionId::new("s"));
        tracked.expect("it is there").phase.status()
    }

    /// How often something of this kind was recorded since the last question.
    fn count(&mut self, kind: fn(&JournalEvent) -> bool) -> usize {
        let notes = std::mem::take(&mut self.notes);
        notes.iter().filter(|(_, what)| kind(what)).count()
    }
}

fn proposed(what: &JournalEvent) -> bool {
    matches!(what, JournalEvent::Proposed { .. })
}

fn always_start(_: &SessionView) -> Option<Action> {
    Some(Action::Start)
}

/// A policy that leaves its `stop` standing while the session is on its way.
fn always_stop(_: &SessionView) -> Option<Action> {
    Some(Action::Stop)
}

fn silent(_: &SessionView) -> Option<Action> {
    None
}

#[test]
fn a_fulfilled_wish_has_nothing_done_and_is_recorded_once() {
    let mut stage = Stage::new(&[("keep", Tier::Personal, always_start)]);
    assert_eq!(stage.status(), Status::Active);
    assert_eq!(stage.count(proposed), 1);
    for _ in 0..100 {
        stage.now = stage.now.plus(Duration::from_secs(1));
        stage.enter(Input::Resumed {
            slept_ms: 60_000,
            set_ms: 0,
        });
    }
    assert_eq!(stage.status(), Status::Active);
    let deeds = |what: &JournalEvent| {
        proposed(what)
            || matches!(
                what,
                JournalEvent::Decided { .. } | JournalEvent::Began { .. }
            )
    };
    assert_eq!(stage.count(deeds), 0);
    // A renewal leaves it fulfilled.
    stage.say(Action::Rotate);
    assert_eq!(stage.status(), Status::Active);
    assert_eq!(stage.count(proposed), 0);
}

#[test]
fn a_hold_that_stands_is_recorded_once() {
    let mut stage = Stage::new(&[("office", Tier::Personal, silent)]);
    stage.holds = true;
    for _ in 0..100 {
        stage.enter(Input::Resumed {
            slept_ms: 60_000,
            set_ms: 0,
        });
    }
    assert_eq!(
        stage.count(|what| matches!(what, JournalEvent::Held { .. })),
        1
    );
    stage.holds = false;
    stage.enter(Input::Resumed {
        slept_ms: 60_000,
        set_ms: 0,
    });
    stage.holds = true;
    stage.enter(Input::Resumed {
        slept_ms: 60_000,
        set_ms: 0,
    });
    let again = stage.count(|what| matches!(what, JournalEvent::Held { .. }));
    assert_eq!(again, 1, "what was withdrawn meanwhile is news");
}

#[test]
fn a_fulfilled_wish_shields_from_who_counts_less_and_not_from_who_counts_more() {
    for (keep, other, expected) in [
        (Tier::Team, Tier::Personal, Status::Active),
        (Tier::Personal, Tier::Team, Status::Inactive),
        (Tier::Personal, Tier::Personal, Status::Inactive),
    ] {
        let mut stage = Stage::new(&[("keep", keep, always_start), ("stop", other, always_stop)]);
        stage.enter(Input::Resumed {
            slept_ms: 60_000,
            set_ms: 0,
        });
        assert_eq!(stage.status(), expected, "{keep:?} against {other:?}");
    }
}

#[test]
fn it_shields_while_the_credentials_are_renewed_too() {
    let mut stage = Stage::new(&[
        ("keep", Tier::Team, always_start),
        ("stop", Tier::Personal, always_stop),
    ]);
    stage.slow = true;
    stage.say(Action::Rotate);
    assert_eq!(stage.status(), Status::Pending);
    stage.enter(Input::Resumed {
        slept_ms: 60_000,
        set_ms: 0,
    });
    for operation in std::mem::take(&mut stage.issues) {
        let answer = stage.issued(operation);
        stage.enter(answer);
    }
    assert_eq!(stage.status(), Status::Active);
    let stopped = |what: &JournalEvent| {
        matches!(
            what,
            JournalEvent::Decided {
                action: Action::Stop,
                ..
            }
        )
    };
    assert_eq!(stage.count(stopped), 0);
}

#[test]
fn a_persons_word_counts_more() {
    let mut stage = Stage::new(&[("keep", Tier::Team, always_start)]);
    stage.say(Action::Stop);
    stage.enter(Input::Resumed {
        slept_ms: 60_000,
        set_ms: 0,
    });
    stage.pass(HOUR * 3);
    assert_eq!(stage.status(), Status::Inactive);
    stage.say(Action::Start);
    assert_eq!(stage.status(), Status::Active);
    assert!(
        stage
            .replies
            .iter()
            .all(|r| matches!(r, Reply::Done { .. }))
    );
}

#[test]
fn a_wish_of_which_something_comes_is_recorded_with_what_comes_of_it() {
    let mut stage = Stage::new(&[("keep", Tier::Personal, always_start)]);
    stage.notes.clear();
    // The credentials end, and the wish is not fulfilled any more.
    stage.pass(HOUR * 3);
    assert_eq!(stage.status(), Status::Active);
    let notes = std::mem::take(&mut stage.notes);
    let proposals: Vec<_> = notes
        .iter()
        .filter(|(_, what)| proposed(what))
        .map(|(cause, what)| (cause, what.entry()))
        .collect();
    assert_eq!(proposals.len(), 3);
    for (cause, what) in &notes {
        if matches!(what, JournalEvent::Decided { .. }) {
            assert!(proposals.contains(&(cause, what.entry())), "{what:?}");
        }
    }
}

#[test]
fn after_a_failure_the_next_try_comes_of_the_same_proposal() {
    let mut stage = Stage::new(&[("keep", Tier::Personal, silent)]);
    stage.rules.insert(EntryName::new("keep"), always_start);
    stage.cloud = Err(ErrorKind::Network);
    stage.enter(Input::Resumed {
        slept_ms: 60_000,
        set_ms: 0,
    });
    stage.pass(Duration::from_secs(600));
    assert_eq!(stage.status(), Status::Inactive);
    stage.cloud = Ok(());
    stage.pass(Duration::from_secs(600));
    assert_eq!(stage.status(), Status::Active);
    let notes = std::mem::take(&mut stage.notes);
    let causes = |kind: fn(&JournalEvent) -> bool| -> Vec<Cause> {
        let of_kind = notes.iter().filter(|(_, what)| kind(what));
        of_kind.map(|(cause, _)| *cause).collect()
    };
    let proposals = causes(proposed);
    let decisions = causes(|what| matches!(what, JournalEvent::Decided { .. }));
    assert_eq!(proposals.len(), 1);
    assert!(decisions.len() > 5, "{}", decisions.len());
    assert!(decisions.iter().all(|cause| *cause == proposals[0]));
}

#[test]
fn what_waits_for_a_person_is_tried_once_the_person_has_done_it_and_not_before() {
    let began = |what: &JournalEvent| matches!(what, JournalEvent::Began { .. });
    for kind in [ErrorKind::NeedsSignIn, ErrorKind::NeedsMfa] {
        let mut stage = Stage::new(&[("keep", Tier::Personal, silent)]);
        stage.rules.insert(EntryName::new("keep"), always_start);
        stage.cloud = Err(kind);
        stage.enter(Input::Resumed {
            slept_ms: 60_000,
            set_ms: 0,
        });
        assert_eq!(stage.count(began), 1);
        for _ in 0..100 {
            stage.pass(HOUR);
            stage.enter(Input::Resumed {
                slept_ms: 60_000,
                set_ms: 0,
            });
        }
        assert_eq!(stage.count(began), 0, "{kind}: nobody has done it");
        let other = SessionId::new("other");
        stage.enter(Input::Attended(UserInput::Session(other)));
        assert_eq!(stage.count(began), 0);
        stage.cloud = Ok(());
        let session = SessionId::new("s");
        stage.enter(Input::Attended(UserInput::Session(session)));
        assert_eq!(stage.status(), Status::Active);
    }
}

#[test]
fn what_is_overruled_says_by_whom() {
    let stops: Rule = |view| (view.status == Status::Active).then_some(Action::Stop);
    for (tier, overruled) in [(Tier::Personal, true), (Tier::GuardRail, false)] {
        let mut stage = Stage::new(&[("hours", tier, stops)]);
        stage.enter(Input::Command {
            id: CommandId(1),
            session: SessionId::new("s"),
            order: Order::Do {
                action: Action::Start,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        });
        let stands = stage.state.proposals_for(&SessionId::new("s"), stage.now);
        let rule = stands.iter().find(|s| s.actions == [Action::Stop]);
        let by = rule.and_then(|rule| rule.overruled_by.clone());
        assert_eq!(by == Some(Actor::Person), overruled, "{stands:?}");
        // The person's own word is not in anybody's way but a guard rail's.
        let person = stands.iter().find(|s| s.actor == Actor::Person);
        assert!(person.is_none_or(|s| s.overruled_by.is_none()));
    }
}
