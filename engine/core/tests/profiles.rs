//! A named profile passes from one session to another while both are under way: whoever comes to
//! stand somewhere new is not taken away with what it had before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use dayfly_core::audit::{Chain, audit};
use dayfly_core::delivery::Delivery;
use dayfly_core::effect::{Effect, OperationId, Reply};
use dayfly_core::input::{
    CommandId, Input, Order, PersistedStatus, RecoveredCredentials, SessionUpsert, WorkspaceChange,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::Action;
use dayfly_core::session::{Access, ErrorKind, Failure, Lease, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOUR_MS: u64 = 3_600_000;

/// A publication on its way into the chain.
struct Publication {
    session: SessionId,
    operation: OperationId,
    profile: String,
    displaced: Vec<SessionId>,
}

struct Stage {
    state: State,
    issues: BTreeMap<SessionId, OperationId>,
    under_way: VecDeque<Publication>,
    /// What stands in the chain: profile to session, as any target does it.
    chain: BTreeMap<String, SessionId>,
    replies: Vec<Reply>,
    commands: u64,
}

fn id(name: &str) -> SessionId {
    SessionId::new(name)
}

const LEASE: Lease = Lease {
    issued_at: NOW,
    expires_at: Some(Timestamp::from_millis(NOW.as_millis() + HOUR_MS)),
};

impl Stage {
    /// `mover` is active under the profile x, and is to move to y; `taker`, of the profile x, is
    /// to be started.
    fn new() -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            issues: BTreeMap::new(),
            under_way: VecDeque::new(),
            chain: BTreeMap::from([("x".to_owned(), id("mover"))]),
            replies: Vec::new(),
            commands: 0,
        };
        stage.enter(Input::Boot {
            found: vec![RecoveredCredentials {
                session: id("mover"),
                profile: Some("x".into()),
                lease: LEASE,
                in_force: Delivery::new(),
            }],
            words: Vec::new(),
        });
        stage.enter(Input::Policies(Vec::new()));
        stage.edit("mover", "x");
        stage.edit("taker", "x");
        stage
    }

    fn edit(&mut self, name: &str, profile: &str) {
        let written = self.state.session(&id(name));
        let written = written.map_or_else(PersistedStatus::default, |t| t.projected);
        let session = Arc::new(Session {
            id: id(name),
            name: name.to_owned(),
            region: None,
            access: Access::Localstack { endpoint_url: None },
            named_profile: Some(profile.to_owned()),
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        });
        self.enter(Input::Workspace(WorkspaceChange {
            upserts: vec![SessionUpsert { session, written }],
            removed: Vec::new(),
        }));
    }

    fn start(&mut self, name: &str) {
        self.commands += 1;
        self.enter(Input::Command {
            id: CommandId(self.commands),
            session: id(name),
            order: Order::Do {
                action: Action::Start,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        });
    }

    fn enter(&mut self, input: Input) {
        for effect in step(&mut self.state, NOW, input) {
            match effect {
                Effect::Issue {
                    operation, session, ..
                } => {
                    self.issues.insert(session, operation);
                }
                Effect::Publish {
                    operation,
                    session,
                    profile,
                    displaced,
                    ..
                } => self.under_way.push_back(Publication {
                    session,
                    operation,
                    profile: profile.expect("all have one"),
                    displaced,
                }),
                Effect::Retract { session, .. } => panic!("{session} is retracted"),
                Effect::Reply { reply, .. } => self.replies.push(reply),
                _ => {}
            }
        }
        assert_eq!(audit(&self.state, NOW, Chain::Unknown), []);
    }

    fn issue(&mut self, name: &str) {
        let operation = self.issues.remove(&id(name)).expect("it is asked for");
        self.enter(Input::Issued {
            operation,
            result: Ok(LEASE),
        });
    }

    /// The chain does the oldest of what it is to do, or fails at it.
    fn deliver(&mut self, name: &str, well: bool) {
        let publication = self.under_way.pop_front().expect("something to do");
        let Publication {
            session,
            operation,
            profile,
            displaced,
        } = publication;
        assert_eq!(session, id(name));
        let result = if well {
            let stays = |owner: &SessionId| *owner != session && !displaced.contains(owner);
            self.chain.retain(|_, owner| stays(owner));
            self.chain.insert(profile, session);
            Ok(())
        } else {
            Err(Failure::new(ErrorKind::Delivery, "the file is locked"))
        };
        let result = result.map(|()| Placement::default());
        self.enter(Input::Delivered { operation, result });
    }

    /// What stands in the chain is what the core believes.
    fn stands(&self, wanted: &[(&str, &str)]) {
        let wanted: BTreeMap<String, SessionId> = wanted
            .iter()
            .map(|(profile, name)| ((*profile).to_owned(), id(name)))
            .collect();
        assert_eq!(self.chain, wanted);
        let believed = self.state.sessions().filter_map(|(session, tracked)| {
            tracked.phase.lease()?;
            Some((tracked.published_profile.clone()?, session.clone()))
        });
        assert_eq!(believed.collect::<BTreeMap<_, _>>(), wanted);
    }
}

#[test]
fn who_is_displaced_and_comes_elsewhere_stays_there() {
    for move_goes_well in [true, false] {
        let mut stage = Stage::new();
        stage.start("taker");
        stage.edit("mover", "y");
        // The profile is taken while the move waits for its credentials …
        stage.issue("taker");
        assert_eq!(stage.under_way[0].displaced, [id("mover")]);
        stage.issue("mover");
        stage.deliver("taker", true);
        stage.stands(&[("x", "taker")]);
        // … which then come where they were to come.
        stage.deliver("mover", move_goes_well);
        if move_goes_well {
            stage.stands(&[("x", "taker"), ("y", "mover")]);
        } else {
            stage.stands(&[("x", "taker")]);
        }
    }
}

#[test]
fn who_is_on_the_way_elsewhere_is_not_displaced() {
    for move_goes_well in [true, false] {
        let mut stage = Stage::new();
        stage.start("taker");
        stage.edit("mover", "y");
        stage.issue("mover");
        // Nobody may take the profile now: the move may yet fail.
        stage.issue("taker");
        assert_eq!(stage.under_way.len(), 1);
        let Some(Reply::Failed { failure, .. }) = stage.replies.last() else {
            panic!("{:?}", stage.replies)
        };
        assert!(failure.message.contains("about to release"), "{failure:?}");
        stage.deliver("mover", move_goes_well);
        stage.stands(&[(if move_goes_well { "y" } else { "x" }, "mover")]);
        stage.start("taker");
        if move_goes_well {
            stage.issue("taker");
            assert!(stage.under_way[0].displaced.is_empty());
            stage.deliver("taker", true);
            stage.stands(&[("x", "taker"), ("y", "mover")]);
        }
    }
}

/// Why the latest command failed.
fn failed(stage: &Stage) -> &str {
    match stage.replies.last() {
        Some(Reply::Failed { failure, .. }) => &failure.message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_profile_that_somebody_is_on_the_way_to_is_not_taken() {
    const USING: &str = "session mover is using the same named profile";
    // While the move waits for its credentials.
    let mut stage = Stage::new();
    stage.edit("mover", "y");
    stage.edit("other", "y");
    stage.start("other");
    assert_eq!(failed(&stage), USING);
    assert!(!stage.issues.contains_key(&id("other")));
    // While the chain puts them there, although the session is to move on by now.
    let mut stage = Stage::new();
    stage.edit("mover", "y");
    stage.issue("mover");
    stage.edit("mover", "w");
    stage.edit("other", "y");
    stage.start("other");
    assert_eq!(failed(&stage), USING);
    // Where nobody is or goes, anybody may.
    stage.edit("third", "free");
    stage.start("third");
    assert!(stage.issues.contains_key(&id("third")));
}
