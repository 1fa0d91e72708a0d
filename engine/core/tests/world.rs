//! Random walks through a small world: what the chain holds and what the core believes agree.

mod key_calls;
mod places;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::audit::{Chain, audit};
use dayfly_core::delivery::{self, Delivery};
use dayfly_core::effect::{Effect, JournalEvent, OperationId};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Input, ManualOverride, Order, PersistedStatus, RecoveredCredentials,
    SessionUpsert, SignIn, UserInput, WorkspaceChange,
};
use dayfly_core::placement::{DeliveryProblem, Placement};
use dayfly_core::policy::{
    Act, Action, Actions, EntryName, EvaluationId, Event, Fault, FaultKind, Hold, PolicyEffect,
    Reason, SessionFilter, SessionView, Subscription, Verdict,
};
use dayfly_core::random::Random;
use dayfly_core::session::{
    Access, AssumeRole, ErrorKind, Failure, Lease, Session, SessionId, Status,
};
use dayfly_core::settings::Settings;
use dayfly_core::state::{Phase, State};
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use key_calls::KeyCalls;
use places::Places;
use proptest::prelude::*;

const SESSIONS: u64 = 6;
/// How clouds fail.
const CLOUD: [ErrorKind; 4] = [
    ErrorKind::Network,
    ErrorKind::Denied,
    ErrorKind::NeedsMfa,
    ErrorKind::NeedsSignIn,
];
/// How the chain fails: a person is no help with it.
const CHAIN: [ErrorKind; 2] = [ErrorKind::Delivery, ErrorKind::Other];

struct World {
    state: State,
    now: Timestamp,
    random: Random,
    /// Named profile to the session whose credentials stand there, and what they are.
    chain: BTreeMap<String, (SessionId, Lease)>,
    places: Places,
    keys: KeyCalls,
    to_chain: VecDeque<Effect>,
    to_provider: Vec<OperationId>,
    leases: BTreeMap<OperationId, Lease>,
    questions: Vec<(EntryName, EvaluationId, Vec<Event>)>,
    commands: BTreeMap<CommandId, bool>,
    written: BTreeMap<SessionId, PersistedStatus>,
    trace: Vec<Effect>,
    /// Whether policies have come.
    known: bool,
    faults: bool,
    /// What was told last of the places of a session.
    told: BTreeMap<SessionId, Option<DeliveryProblem>>,
    /// How often something was tried that had waited for a person.
    attended: usize,
}

fn session(n: u64, profile: u64) -> Arc<Session> {
    let access = match n {
        0 | 1 => Access::AwsIamUser {
            mfa_device: None,
            duration_seconds: None,
        },
        5 => Access::AwsIamRoleFederated {
            role_arn: "arn:aws:iam::123456789012:role/r5".to_owned(),
            idp_arn: "arn:aws:iam::123456789012:saml-provider/idp".to_owned(),
            idp_url_id: "idp".to_owned(),
            duration_seconds: None,
        },
        n => Access::AwsIamRoleChained {
            role_arn: format!("arn:aws:iam::123456789012:role/r{n}"),
            parent: SessionId::new(&format!("s{}", if n == 4 { 3 } else { n - 2 })),
            assume: AssumeRole::default(),
        },
    };
    Arc::new(Session {
        id: SessionId::new(&format!("s{n}")),
        name: format!("session {n}"),
        region: None,
        access,
        named_profile: Some(format!("p{profile}")),
        account: None,
        labels: BTreeMap::new(),
        fault: None,
    })
}

fn entry(name: &str, tier: Tier, generation: u64) -> Entry {
    Entry {
        name: EntryName::new(name),
        rank: Rank { tier, priority: 0 },
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
        generation,
        unusable: None,
    }
}

impl World {
    /// Every place takes what it is given.
    fn new(seed: u64) -> Self {
        Self::with(seed, false)
    }

    /// Places fail, others meddle with them, and the person writes down other places.
    fn with_faulty_places(seed: u64) -> Self {
        Self::with(seed, true)
    }

    fn with(seed: u64, faulty_places: bool) -> Self {
        let settings = Settings {
            issuing_max: 2,
            ..Settings::default()
        };
        let mut world = Self {
            state: State::new(settings, seed),
            now: Timestamp::from_millis(1_800_000_000_000),
            random: Random::new(seed ^ 0x5eed),
            chain: BTreeMap::new(),
            places: Places::new(seed, faulty_places),
            keys: KeyCalls::new(seed),
            to_chain: VecDeque::new(),
            to_provider: Vec::new(),
            leases: BTreeMap::new(),
            questions: Vec::new(),
            commands: BTreeMap::new(),
            written: BTreeMap::new(),
            trace: Vec::new(),
            known: false,
            faults: true,
            told: BTreeMap::new(),
            attended: 0,
        };
        let found = world.left_behind();
        let words = world.words();
        world.input(Input::Boot { found, words });
        // In every order; some policies come late.
        match world.random.up_to(3) {
            0 => {
                world.policies_come();
                world.workspace_comes();
            }
            1 => world.workspace_comes(),
            _ => {
                world.workspace_comes();
                world.policies_come();
            }
        }
        if faulty_places && world.places.chance(2) {
            world.deliveries_come();
        }
        world
    }

    /// What the person had said before the engine ended.
    fn words(&mut self) -> Vec<(SessionId, ManualOverride)> {
        let mut words = Vec::new();
        for n in 0..SESSIONS {
            if self.random.up_to(3) > 0 {
                continue;
            }
            let action = [Action::Start, Action::Stop][self.draw(1)];
            let word = ManualOverride {
                action,
                at: self.now,
                until: None,
                override_reason: None,
                reason: None,
            };
            words.push((SessionId::new(&format!("s{n}")), word));
        }
        words
    }

    /// The first Workspace, in which statuses may have been edited while no engine ran.
    fn workspace_comes(&mut self) {
        let mut upserts = Vec::new();
        for n in 0..SESSIONS {
            let status = match self.random.up_to(3) {
                0 => Status::Active,
                _ => Status::Inactive,
            };
            upserts.push(SessionUpsert {
                session: session(n, n),
                written: PersistedStatus {
                    status,
                    ..PersistedStatus::default()
                },
            });
        }
        self.input(Input::Workspace(WorkspaceChange {
            upserts,
            removed: Vec::new(),
        }));
    }

    /// Policies come in force: the first, or others. The guard rail may be one that cannot be loaded.
    fn policies_come(&mut self) {
        self.known = true;
        let generation = self.random.up_to(1);
        let mut rail = entry("c", Tier::GuardRail, generation);
        if self.random.up_to(3) == 0 && self.faults {
            rail.unusable = Some("its component is missing".into());
        }
        let entries = vec![
            entry("a", Tier::Personal, 0),
            entry("b", Tier::Team, generation),
            rail,
        ];
        self.input(Input::Policies(entries));
    }

    /// Somebody says where credentials are to be put.
    fn deliveries_come(&mut self) {
        let wanted = self.places.draw_wanted(SESSIONS);
        self.input(Input::Deliveries(wanted));
    }

    /// What an earlier run left in the chain: of sessions that are still there and of others, in
    /// force and ended.
    fn left_behind(&mut self) -> Vec<RecoveredCredentials> {
        let mut found = Vec::new();
        for n in 0..SESSIONS + 2 {
            if self.random.up_to(3) > 0 {
                continue;
            }
            let issued_at = self.now.minus(Duration::from_secs(self.random.up_to(900)));
            let expires_at = Some(issued_at.plus(Duration::from_secs(600)));
            let lease = Lease {
                issued_at,
                expires_at,
            };
            let session = SessionId::new(&format!("s{n}"));
            let profile = format!("p{}", SESSIONS + 1 - n);
            let place = (session.clone(), lease);
            self.chain.insert(profile.clone(), place);
            let in_force = delivery::usual();
            self.places.put(&session, &in_force, &[]);
            let in_force = self.places.of(&session);
            found.push(RecoveredCredentials {
                session,
                profile: Some(profile),
                lease,
                in_force,
            });
        }
        found
    }

    fn input(&mut self, input: Input) {
        let by_a_person = matches!(
            input,
            Input::Command { .. } | Input::Attended(_) | Input::Workspace(_)
        );
        // Or a command that waited for the places of its session.
        let by_a_person = by_a_person
            || matches!(&input, Input::Aligned { session, .. }
                if self.state.ensured().any(|id| id == session));
        // A program that asks waits for the guard rails first.
        let needy = self.state.sessions();
        let needy = needy.filter(|(_, t)| t.needs_person && t.waiting().next().is_none());
        // What is stopped begins anew.
        let needy = needy.filter(|(_, t)| !matches!(t.phase, Phase::Stopping(..)));
        let mut needy: BTreeSet<SessionId> = needy.map(|(id, _)| id.clone()).collect();
        let effects = step(&mut self.state, self.now, input);
        for effect in &effects {
            let Effect::Record(note) = effect else {
                continue;
            };
            match &note.what {
                JournalEvent::Ended { session, .. } | JournalEvent::Displaced { session, .. } => {
                    needy.remove(session);
                }
                JournalEvent::Began { session, .. } if needy.contains(session) => {
                    assert!(by_a_person, "{session} waits for a person");
                    self.attended += 1;
                }
                _ => {}
            }
        }
        for effect in effects {
            let brings = matches!(effect, Effect::Issue { .. } | Effect::Publish { .. });
            assert!(self.known || !brings, "before any policy: {effect:?}");
            self.trace.push(effect.clone());
            match effect {
                Effect::Evaluate {
                    entry,
                    evaluation,
                    events,
                    ..
                } => {
                    self.questions.push((entry, evaluation, events));
                }
                Effect::Issue { operation, .. } => self.to_provider.push(operation),
                Effect::Align { ref session, .. } => {
                    let under_way = self.to_chain.iter();
                    let twice = under_way.filter(
                        |e| matches!(e, Effect::Align { session: other, .. } if other == session),
                    );
                    assert_eq!(twice.count(), 0, "{session} is aligned twice");
                    self.places.met.alignments += 1;
                    self.to_chain.push_back(effect);
                }
                Effect::Publish { .. } | Effect::Retract { .. } | Effect::ClearLeftover { .. } => {
                    self.to_chain.push_back(effect)
                }
                Effect::Cancel { operation } | Effect::Discard { operation } => {
                    self.leases.remove(&operation);
                }
                Effect::Project {
                    session,
                    projection,
                } => {
                    self.written.insert(session, projection);
                }
                Effect::Reply { command, .. } => {
                    let answered = self.commands.get_mut(&command).expect("a known command");
                    assert!(!*answered, "one answer a command");
                    *answered = true;
                }
                Effect::TellDelivery { session, problem } => {
                    let before = self.told.insert(session, problem.clone());
                    assert_ne!(before, Some(problem), "told twice");
                }
                Effect::LookAtKey { .. } | Effect::RotateKey { .. } => {
                    self.keys.take(&self.state, self.now, &effect);
                }
                Effect::TellLeftover { .. }
                | Effect::Remember { .. }
                | Effect::CommitPolicyState { .. }
                | Effect::ForgetSession { .. }
                | Effect::AwaitPolicies
                | Effect::Record(_) => {}
            }
        }
        self.places.met.waited += self.state.ensured().count() as u64;
        self.check();
    }

    /// Nothing is on its way from the chain: what it does and what it answers are one step here.
    fn check(&self) {
        let held = self
            .chain
            .iter()
            .map(|(profile, (session, lease))| RecoveredCredentials {
                session: session.clone(),
                profile: Some(profile.clone()),
                lease: *lease,
                in_force: self.places.of(session),
            });
        let held: Vec<_> = held.collect();
        let violations = audit(&self.state, self.now, Chain::Quiet(&held));
        let told: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{told:#?}");
    }

    fn draw(&mut self, up_to: u64) -> usize {
        usize::try_from(self.random.up_to(up_to)).expect("a small number")
    }

    fn failure(&mut self, kinds: &[ErrorKind]) -> Option<Failure> {
        let kind = kinds[self.draw(kinds.len() as u64 - 1)];
        (self.faults && self.random.up_to(3) == 0).then(|| Failure::new(kind, "drawn by chance"))
    }

    fn provider_answers(&mut self) {
        let at = self.draw(self.to_provider.len() as u64 - 1);
        let operation = self.to_provider.remove(at);
        let result = match self.failure(&CLOUD) {
            Some(failure) => Err(failure),
            None => {
                let lifetime = Duration::from_secs(1 + self.random.up_to(900));
                let expires_at = Some(self.now.plus(lifetime));
                let lease = Lease {
                    issued_at: self.now,
                    expires_at,
                };
                self.leases.insert(operation, lease);
                Ok(lease)
            }
        };
        self.input(Input::Issued { operation, result });
    }

    fn chain_answers(&mut self) {
        let effect = self.to_chain.pop_front().expect("something to do");
        match effect {
            Effect::Publish {
                operation,
                session,
                profile,
                displaced,
                delivery,
            } => {
                let result = match self.failure(&CHAIN) {
                    Some(failure) => Err(failure),
                    None => {
                        let lease = self.leases.remove(&operation);
                        let lease = lease.expect("credentials that were issued");
                        self.chain.retain(|_, (owner, _)| {
                            *owner != session && !displaced.contains(owner)
                        });
                        let placement = self.places.put(&session, &delivery, &displaced);
                        let profile = profile.expect("a profile");
                        self.chain.insert(profile, (session, lease));
                        Ok(placement)
                    }
                };
                self.input(Input::Delivered { operation, result });
            }
            Effect::Retract { operation, session } => {
                let result = match self.failure(&CHAIN) {
                    Some(failure) => {
                        let places = self.places.clear_half(&session);
                        self.input(Input::StillInForce { session, places });
                        Err(failure)
                    }
                    None => {
                        self.chain.retain(|_, (owner, _)| *owner != session);
                        self.places.clear(&session);
                        Ok(Placement::default())
                    }
                };
                self.input(Input::Delivered { operation, result });
            }
            Effect::Align {
                session, delivery, ..
            } => {
                let result = match self.places.chance(6) {
                    true => Err(Failure::new(ErrorKind::Delivery, "drawn by chance")),
                    false => Ok(self.places.put(&session, &delivery, &[])),
                };
                self.input(Input::Aligned { session, result });
            }
            Effect::ClearLeftover { session } => {
                let result = match self.places.chance(3) {
                    true => Err(Failure::new(ErrorKind::Delivery, "drawn by chance")),
                    false => {
                        self.chain.retain(|_, (owner, _)| *owner != session);
                        self.places.clear(&session);
                        self.places.met.cleared += 1;
                        Ok(())
                    }
                };
                self.input(Input::LeftoverCleared { session, result });
            }
            _ => unreachable!("only these go to the chain"),
        }
    }

    fn policy_answers(&mut self) {
        let (entry, evaluation, events) = self.questions.remove(0);
        if self.faults && self.random.up_to(9) == 0 {
            let fault = Fault {
                kind: FaultKind::Trap,
                message: "drawn by chance".into(),
            };
            return self.input(Input::Evaluated {
                entry,
                evaluation,
                result: Err(fault),
            });
        }
        let mut effects = Vec::new();
        if self.faults {
            let mut views: Vec<SessionView> = Vec::new();
            for event in events {
                match event {
                    Event::Sessions(changes) => views.extend(changes.into_iter().map(|c| c.after)),
                    Event::Resync { sessions, .. } => views.extend(sessions),
                    _ => {}
                }
            }
            for view in views {
                let action = match self.random.up_to(5) {
                    0 | 1 => Action::Start,
                    2 => Action::Stop,
                    3 => Action::Rotate,
                    4 => {
                        let actions = [Action::ALL[self.draw(2)]];
                        effects.push(PolicyEffect::Hold(Hold {
                            session: view.key,
                            actions: actions.into_iter().collect(),
                            until: Some(self.now.plus(Duration::from_secs(self.random.up_to(60)))),
                            why: Reason::new("test", "drawn by chance"),
                        }));
                        continue;
                    }
                    _ => continue,
                };
                effects.push(PolicyEffect::Act(Act {
                    session: view.key,
                    action,
                    revision: view.revision,
                    not_after: None,
                    why: Reason::new("test", "drawn by chance"),
                }));
            }
        }
        let verdict = Verdict {
            effects,
            stopped_after: None,
        };
        self.input(Input::Evaluated {
            entry,
            evaluation,
            result: Ok(verdict),
        });
    }

    fn person_commands(&mut self) {
        let id = CommandId(self.commands.len() as u64);
        self.commands.insert(id, false);
        let session = SessionId::new(&format!("s{}", self.random.up_to(SESSIONS - 1)));
        let action = Action::ALL[self.draw(2)];
        let order = match self.random.up_to(7) {
            0 => Order::Release,
            1..=3 => Order::Demand,
            _ => Order::Do {
                action,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        };
        self.input(Input::Command { id, session, order });
    }

    fn person_attends(&mut self) {
        let session = SessionId::new(&format!("s{}", self.random.up_to(SESSIONS - 1)));
        let what = match self.random.up_to(3) {
            0 => UserInput::SignIn("idp".to_owned()),
            _ => UserInput::Session(session),
        };
        self.input(Input::Attended(what));
        // Nothing is drawn for it, so that walks which are kept stay what they are.
        let ends = self
            .now
            .plus(Duration::from_millis(self.now.as_millis() % 6_000_000));
        let stand = SignIn {
            integration: "idp".to_owned(),
            name: "idp".to_owned(),
            ends,
        };
        self.input(Input::SignIns(vec![stand]));
    }

    fn person_edits(&mut self) {
        let n = self.random.up_to(SESSIONS - 1);
        let session = session(n, self.random.up_to(SESSIONS - 1));
        let mut change = WorkspaceChange::default();
        if self.random.up_to(3) == 0 {
            self.written.remove(&session.id);
            change.removed.push(session.id.clone());
        } else {
            let mut written = self.written.get(&session.id).copied().unwrap_or_default();
            if self.random.up_to(3) == 0 {
                let edits = [Status::Inactive, Status::Active];
                written.status = edits[self.draw(1)];
            }
            change.upserts.push(SessionUpsert { session, written });
        }
        self.input(Input::Workspace(change));
    }

    /// Another program writes a file of the chain, or the person writes down other places.
    fn others_meddle(&mut self) {
        if self.places.chance(4) {
            return self.deliveries_come();
        }
        let changed = self.places.meddle(SESSIONS);
        self.input(Input::PlaceChanged(changed));
    }

    fn time_passes(&mut self) {
        let span = Duration::from_millis(self.random.up_to(30_000));
        self.now = match self.state.next_wake() {
            Some(at) if self.random.up_to(1) == 0 => at,
            _ => self.now.plus(span),
        };
        self.input(Input::Tick);
    }

    fn walk(&mut self, steps: u32) {
        for _ in 0..steps {
            if self.places.chance(8) {
                self.others_meddle();
            }
            if let Some(input) = self.keys.next(&self.state, self.now, SESSIONS) {
                self.input(input);
            }
            match self.random.up_to(11) {
                11 if self.random.up_to(5) == 0 => self.policies_come(),
                10 => self.person_attends(),
                0 => self.person_commands(),
                1 => self.person_edits(),
                2 | 3 => self.time_passes(),
                4 | 5 if !self.to_provider.is_empty() => self.provider_answers(),
                6 | 7 if !self.to_chain.is_empty() => self.chain_answers(),
                _ if !self.questions.is_empty() => self.policy_answers(),
                _ => {}
            }
        }
    }

    /// Faults and wishes cease; whatever is under way has to come to its end.
    fn rest(&mut self) {
        self.faults = false;
        if std::mem::take(&mut self.places.faults) {
            self.input(Input::Deliveries(Places::everywhere()));
        }
        self.policies_come();
        for _ in 0..2_000 {
            if !self.questions.is_empty() {
                self.policy_answers();
            } else if !self.to_chain.is_empty() {
                self.chain_answers();
            } else if !self.to_provider.is_empty() {
                self.provider_answers();
            } else {
                let pending = self
                    .state
                    .sessions()
                    .any(|(_, t)| t.phase.status() == Status::Pending);
                let waiting = self.commands.values().any(|answered| !answered);
                let retried = self.state.places_retried().is_some();
                if !pending && !waiting && !retried {
                    return;
                }
                let Some(at) = self.state.next_wake() else {
                    break;
                };
                self.now = at;
                self.input(Input::Tick);
            }
        }
        for (id, tracked) in self.state.sessions() {
            let phase = &tracked.phase;
            assert_ne!(
                phase.status(),
                Status::Pending,
                "{id} is pending for ever: {phase:?}"
            );
        }
        let unanswered: Vec<_> = self
            .commands
            .iter()
            .filter(|(_, answered)| !**answered)
            .collect();
        assert!(
            unanswered.is_empty(),
            "commands without an answer: {unanswered:?}"
        );
    }
}

impl World {
    /// Nothing is wrong with any place any more: all is where it should be.
    fn check_places(&self) {
        let wanted = Places::everywhere().usual;
        for (id, tracked) in self.state.sessions() {
            // What left the Workspace is not put back; it is taken away once it may be tried again.
            if !matches!(tracked.phase, Phase::Active(_)) || !tracked.present {
                continue;
            }
            let known = self.state.delivery(id).expect("where it is");
            let alone: Delivery = known.left_alone().collect();
            let wanted: Delivery = wanted.difference(&alone).copied().collect();
            assert_eq!(self.places.of(id), wanted, "{id}");
            assert_eq!(*known.in_force(), wanted, "{id}");
        }
        let held: BTreeSet<_> = self.chain.values().map(|(session, _)| session).collect();
        let strays: Vec<_> = self.places.strays(|id| held.contains(id)).collect();
        assert!(strays.is_empty(), "left somewhere: {strays:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn chain_and_core_agree_and_everything_ends(seed in any::<u64>(), steps in 1..300u32) {
        let mut world = World::new(seed);
        world.walk(steps);
        world.rest();
    }

    #[test]
    fn credentials_are_where_they_should_be_whatever_fails_and_whoever_meddles(
        seed in any::<u64>(),
        steps in 1..300u32,
    ) {
        let mut world = World::with_faulty_places(seed);
        world.walk(steps);
        world.rest();
        world.check_places();
    }

    #[test]
    fn the_same_inputs_have_the_same_effects(seed in any::<u64>()) {
        let run = || {
            let mut world = World::new(seed);
            world.walk(150);
            world.trace
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn walks_reach_every_kind_of_effect() {
    let mut seen = [false; 7];
    for seed in 0..200 {
        let mut world = World::new(seed);
        world.walk(200);
        seen[6] |= world.attended > 0;
        for effect in &world.trace {
            match effect {
                Effect::Publish { displaced, .. } => {
                    seen[0] = true;
                    seen[1] |= !displaced.is_empty();
                }
                Effect::Retract { .. } => seen[2] = true,
                Effect::Cancel { .. } => seen[3] = true,
                Effect::Discard { .. } => seen[4] = true,
                Effect::Reply { .. } => seen[5] = true,
                _ => {}
            }
        }
    }
    assert_eq!(seen, [true; 7]);
}

#[test]
fn walks_meet_everything_that_happens_to_keys() {
    let mut met = [0; 5];
    for seed in 0..200 {
        let mut world = World::new(seed);
        world.walk(300);
        let of = world.keys.met;
        let of = [of.looks, of.rotations, of.failures, of.late, of.held];
        met = std::array::from_fn(|n| met[n] + of[n]);
    }
    assert!(met.iter().all(|n| *n > 0), "{met:?}");
}

#[test]
fn walks_meet_everything_that_goes_wrong_with_places() {
    let mut met = places::Met::default();
    for seed in 0..200 {
        let mut world = World::with_faulty_places(seed);
        world.walk(200);
        met.add(world.places.met);
    }
    assert!(met.is_everything(), "{met:?}");
}
