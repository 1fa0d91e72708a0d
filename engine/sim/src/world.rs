//! The virtual world: carries effects out in no time, and lets time pass between.
//!
//! There are two clocks: the true one, by which things happen, and the one on the wall, which is all
//! that the core knows and which somebody may set.

mod cloud;
mod ledger;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::{Effect, OperationId, Reply};
use dayfly_core::input::{
    CommandId, Input, Order, PersistedStatus, SessionUpsert, SignIn, UserInput, WorkspaceChange,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{
    Action, Context, EntryName, EvaluationId, Event, Fault, FaultKind, Verdict,
};
use dayfly_core::random::Random;
use dayfly_core::session::{Failure, Lease, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use dayfly_policy::{Call, StateSnapshot, StateWrite};

use crate::disk::Disk;
use crate::outcome::{Outcome, Refused};
use crate::rule::Rule;
use crate::scenario::{Deed, Scenario};

/// Lets a scenario happen. `progress` is called for each day that has passed.
#[must_use]
pub fn run(scenario: &Scenario, rules: &[Rule], mut progress: impl FnMut(Duration)) -> Outcome {
    let mut world = World::new(scenario, rules);
    world.boot();
    let day = Duration::from_secs(24 * 3_600);
    let mut next_report = day;
    while world.advance() {
        let passed = world.passed();
        while passed >= next_report {
            progress(next_report);
            next_report += day;
        }
    }
    world.finish()
}

struct World<'a> {
    scenario: &'a Scenario,
    rules: BTreeMap<EntryName, &'a Rule>,
    memories: BTreeMap<EntryName, StateSnapshot>,
    /// What evaluations wrote whose answers are on their way to the core.
    uncommitted: BTreeMap<EvaluationId, Vec<StateWrite>>,
    state: State,
    /// The true time, as if the clock had never been set.
    now: Timestamp,
    /// What somebody set the clock on the wall by, in milliseconds. The cloud's is right.
    skew: i64,
    stopped: bool,
    disk: Disk,
    /// Sign-ins, by the id of their integration.
    sign_ins: BTreeMap<String, SignIn>,
    random: Random,
    /// Answers of providers on their way, by the true time.
    answers: BinaryHeap<Reverse<(Timestamp, OperationId)>>,
    issuing: BTreeMap<OperationId, Result<Lease, Failure>>,
    deeds: VecDeque<(Timestamp, Deed)>,
    next_command: u64,
    /// Orders and demands that wait for an answer.
    commands: BTreeMap<CommandId, (SessionId, bool)>,
    /// Calls of the present minute.
    minute: (u64, u64),
    /// Since when sessions are without credentials that they should have.
    gaps: BTreeMap<SessionId, Timestamp>,
    outcome: Outcome,
}

/// The chain did what it was asked for.
const fn delivered(operation: OperationId, placement: Placement) -> Input {
    Input::Delivered {
        operation,
        result: Ok(placement),
    }
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, rules: &'a [Rule]) -> Self {
        let mut deeds: Vec<_> = scenario
            .deeds
            .iter()
            .map(|(at, deed)| (scenario.begin.plus(*at), deed.clone()))
            .collect();
        deeds.sort_by_key(|(at, _)| *at);
        Self {
            scenario,
            rules: rules.iter().map(|r| (r.entry.name.clone(), r)).collect(),
            memories: BTreeMap::new(),
            uncommitted: BTreeMap::new(),
            state: State::new(Settings::default(), scenario.seed),
            now: scenario.begin,
            skew: 0,
            stopped: false,
            disk: Disk::new(scenario, rules),
            sign_ins: BTreeMap::new(),
            random: Random::new(scenario.seed ^ 0x0077_6f72_6c64),
            answers: BinaryHeap::new(),
            issuing: BTreeMap::new(),
            deeds: deeds.into(),
            next_command: 0,
            commands: BTreeMap::new(),
            minute: (0, 0),
            gaps: BTreeMap::new(),
            outcome: Outcome::default(),
        }
    }

    fn passed(&self) -> Duration {
        self.now.since(self.scenario.begin)
    }

    fn end(&self) -> Timestamp {
        self.scenario.begin.plus(self.scenario.span)
    }

    /// What the clock on the wall shows.
    fn wall(&self) -> Timestamp {
        let millis = self.now.as_millis().saturating_add_signed(self.skew);
        Timestamp::from_millis(millis)
    }

    /// When that clock will show this.
    fn shown(&self, wall: Timestamp) -> Timestamp {
        let back = self.skew.saturating_neg();
        Timestamp::from_millis(wall.as_millis().saturating_add_signed(back))
    }

    fn boot(&mut self) {
        self.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        self.add(&self.scenario.sessions);
        let entries = self.rules.values().map(|r| r.entry.clone()).collect();
        self.enter(Input::Policies(entries));
        for (entry, seen) in self.disk.present() {
            self.enter(Input::Watched {
                seen,
                to: Some(entry),
            });
        }
    }

    fn add(&mut self, sessions: &[Arc<Session>]) {
        let upserts = sessions.iter().map(|session| SessionUpsert {
            session: Arc::clone(session),
            written: self.written(&session.id),
        });
        self.enter(Input::Workspace(WorkspaceChange {
            upserts: upserts.collect(),
            removed: Vec::new(),
        }));
    }

    /// What the Workspace file says of a session's state: what was written last.
    fn written(&self, id: &SessionId) -> PersistedStatus {
        self.state
            .session(id)
            .map_or_else(PersistedStatus::default, |tracked| tracked.projected)
    }

    /// Goes on to the next moment at which something happens; false at the end.
    fn advance(&mut self) -> bool {
        if self.stopped {
            return false;
        }
        let due = [
            self.state.next_wake().map(|at| self.shown(at)),
            self.answers.peek().map(|Reverse((at, _))| *at),
            self.deeds.front().map(|(at, _)| *at),
            self.next_sleep(),
        ];
        let Some(next) = due
            .into_iter()
            .flatten()
            .min()
            .filter(|at| *at < self.end())
        else {
            return false;
        };
        let next = next.max(self.now);
        let offset = next.since(self.scenario.begin);
        let asleep = self.scenario.sleeps.iter().find(|s| s.contains(offset));
        if let Some(sleep) = asleep {
            // Whatever was due meanwhile happens when the machine wakes.
            self.now = self.scenario.begin.plus(sleep.to);
            if self.now >= self.end() {
                self.now = self.end();
                return false;
            }
            let slept_ms = u64::try_from((sleep.to - offset).as_millis()).unwrap_or(u64::MAX);
            self.enter(Input::Resumed {
                slept_ms,
                set_ms: 0,
            });
            return true;
        }
        self.now = next;
        if let Some(operation) = self.answer_due() {
            if let Some(result) = self.issuing.remove(&operation) {
                let result = result.map(|lease| self.shifted(lease));
                self.enter(Input::Issued { operation, result });
            }
            return true;
        }
        if self.deeds.front().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((_, deed)) = self.deeds.pop_front() {
                self.act(deed);
            }
            return true;
        }
        self.enter(Input::Tick);
        true
    }

    /// When the machine falls asleep next.
    fn next_sleep(&self) -> Option<Timestamp> {
        let begins = self.scenario.sleeps.iter();
        begins
            .map(|sleep| self.scenario.begin.plus(sleep.from))
            .filter(|at| *at > self.now)
            .min()
    }

    fn answer_due(&mut self) -> Option<OperationId> {
        let Reverse((at, operation)) = self.answers.peek().copied()?;
        if at > self.now {
            return None;
        }
        self.answers.pop();
        Some(operation)
    }

    /// Credentials are issued when the answer comes, which sleep may have delayed.
    fn shifted(&self, lease: Lease) -> Lease {
        let lived = lease.expires_at.map(|end| end.since(lease.issued_at));
        Lease {
            issued_at: self.now,
            expires_at: lived.map(|lived| self.now.plus(lived)),
        }
    }

    fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Order {
                session,
                action,
                lasting,
                reason,
                override_reason,
            } => {
                let order = match action {
                    Some(action) => Order::Do {
                        action,
                        lasting,
                        override_reason,
                        reason,
                    },
                    None => Order::Release,
                };
                self.command(session, order);
            }
            Deed::Demand { session } => self.command(session, Order::Demand),
            Deed::Custom { name, data } => self.enter(Input::Custom { name, data }),
            Deed::Add(sessions) => self.add(&sessions),
            Deed::Remove(removed) => self.enter(Input::Workspace(WorkspaceChange {
                upserts: Vec::new(),
                removed,
            })),
            Deed::Attend(sessions) => {
                for session in sessions {
                    self.enter(Input::Attended(UserInput::Session(session)));
                }
            }
            Deed::SignIn {
                integration,
                lasting,
            } => self.sign_in(integration, lasting),
            Deed::File { path, content } => {
                let seen = self.disk.write(path, content);
                self.enter(Input::Watched { seen, to: None });
            }
            Deed::Branch { repository, branch } => {
                let seen = self.disk.switch(repository, branch);
                self.enter(Input::Watched { seen, to: None });
            }
            Deed::SetClock(seconds) => {
                let set_ms = seconds.saturating_mul(1_000);
                self.skew = self.skew.saturating_add(set_ms);
                self.enter(Input::Resumed {
                    slept_ms: 0,
                    set_ms,
                });
            }
            Deed::Stop => {
                let deadline = self.wall().plus(Duration::from_secs(5));
                self.enter(Input::Stopping { deadline });
                self.stopped = true;
            }
        }
    }

    fn sign_in(&mut self, integration: String, lasting: Duration) {
        let sign_in = SignIn {
            name: integration.clone(),
            integration: integration.clone(),
            ends: self.now.plus(lasting),
        };
        self.sign_ins.insert(integration.clone(), sign_in);
        let sign_ins = self.sign_ins.values().cloned().collect();
        self.enter(Input::SignIns(sign_ins));
        self.enter(Input::Attended(UserInput::SignIn(integration)));
    }

    fn command(&mut self, session: SessionId, order: Order) {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        let demand = order == Order::Demand;
        self.commands.insert(id, (session.clone(), demand));
        self.enter(Input::Command { id, session, order });
    }

    fn enter(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        let now = self.wall();
        while let Some(input) = inputs.pop_front() {
            let answers = match &input {
                Input::Evaluated { evaluation, .. } => Some(*evaluation),
                _ => None,
            };
            for effect in step(&mut self.state, now, input) {
                inputs.extend(self.perform(effect));
            }
            // An answer that did not count changes nothing that is remembered.
            if let Some(evaluation) = answers {
                self.uncommitted.remove(&evaluation);
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Evaluate {
                entry,
                evaluation,
                context,
                events,
                ..
            } => Some(self.ask(entry, evaluation, context, &events)),
            Effect::Issue {
                operation, session, ..
            } => {
                self.issue(operation, &session);
                None
            }
            Effect::Publish {
                operation,
                delivery,
                ..
            } => Some(delivered(operation, Placement::complete(&delivery))),
            Effect::Retract { operation, .. } => Some(delivered(operation, Placement::default())),
            Effect::Align {
                session, delivery, ..
            } => Some(Input::Aligned {
                session,
                result: Ok(Placement::complete(&delivery)),
            }),
            Effect::ClearLeftover { session } => Some(Input::LeftoverCleared {
                session,
                result: Ok(()),
            }),
            Effect::Cancel { operation } | Effect::Discard { operation } => {
                self.issuing.remove(&operation);
                None
            }
            Effect::Reply { command, reply } => self.answered(command, reply),
            Effect::CommitPolicyState { entry, evaluation } => {
                self.commit(entry, evaluation);
                None
            }
            Effect::ForgetSession { session } => {
                self.forget(&session);
                None
            }
            Effect::Record(note) => {
                self.follow(note.what);
                None
            }
            // Nobody waits for these. No session of a scenario has a rule for its long-lived key.
            Effect::LookAtKey { .. } | Effect::RotateKey { .. } | Effect::Project { .. } => None,
            Effect::Remember { .. } | Effect::AwaitPolicies => None,
            Effect::TellDelivery { .. } | Effect::TellLeftover { .. } => None,
        }
    }

    fn ask(
        &mut self,
        entry: EntryName,
        evaluation: EvaluationId,
        context: Context,
        events: &[Event],
    ) -> Input {
        let result = self.evaluate(&entry, evaluation, context, events);
        Input::Evaluated {
            entry,
            evaluation,
            result,
        }
    }

    fn forget(&mut self, session: &SessionId) {
        for memory in self.memories.values_mut() {
            memory.forget(session);
        }
    }

    /// What a policy wrote with an answer that counts is remembered.
    fn commit(&mut self, entry: EntryName, evaluation: EvaluationId) {
        if let Some(writes) = self.uncommitted.remove(&evaluation) {
            self.memories.entry(entry).or_default().apply(writes);
        }
    }

    fn evaluate(
        &mut self,
        entry: &EntryName,
        evaluation: EvaluationId,
        context: Context,
        events: &[Event],
    ) -> Result<Verdict, Fault> {
        self.outcome.evaluations += 1;
        let Some(rule) = self.rules.get(entry) else {
            return Err(Fault {
                kind: FaultKind::Host,
                message: "there is no such entry".into(),
            });
        };
        let sees = self.state.entry(entry).map(|e| e.views().clone());
        let memory = self.memories.get(entry).cloned().unwrap_or_default();
        let answer = rule.policy.evaluate(Call {
            context,
            events,
            workspace: Arc::new(sees.unwrap_or_default()),
            state: memory,
        });
        let evaluated = answer.map_err(|failed| failed.fault)?;
        self.uncommitted.insert(evaluation, evaluated.state_writes);
        Ok(evaluated.verdict)
    }

    /// How an order or a demand ended. A program that got credentials uses them.
    fn answered(&mut self, command: CommandId, reply: Reply) -> Option<Input> {
        let (session, demand) = self.commands.remove(&command)?;
        match reply {
            Reply::Done { .. } | Reply::Unchanged { .. } if demand => Some(Input::Used { session }),
            Reply::Refused { by, why, .. } => {
                let at = self.now;
                self.outcome.refused.push(Refused {
                    at,
                    session,
                    by,
                    why,
                });
                None
            }
            _ => None,
        }
    }

    fn finish(mut self) -> Outcome {
        self.now = self.end();
        let open: Vec<SessionId> = self.gaps.keys().cloned().collect();
        for id in open {
            // What nobody wants to be active is not missed.
            let proposals = self.state.proposals_for(&id, self.wall());
            let wanted = proposals
                .iter()
                .any(|s| !s.shadow && !s.hold && s.actions.contains(&Action::Start));
            if wanted {
                self.close_gap(&id);
            }
        }
        let named = self
            .scenario
            .sessions
            .iter()
            .map(|s| (s.id.clone(), s.name.clone()));
        for (id, name) in named {
            self.outcome.tracks.entry(id).or_default().name = name;
        }
        for (id, tracked) in self.state.sessions() {
            let track = self.outcome.tracks.entry(id.clone()).or_default();
            track.name.clone_from(&tracked.session.name);
        }
        self.outcome
    }
}
