//! The virtual world: carries effects out in no time, and lets time pass between.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::{Effect, Happening, OperationId};
use dayfly_core::input::{
    CommandId, Entry, Input, Order, Projection, SessionUpsert, WorkspaceChange,
};
use dayfly_core::policy::{self, EntryName, Fault, FaultKind};
use dayfly_core::random::Random;
use dayfly_core::session::{ErrorKind, Failure, Lease, SessionId, Status};
use dayfly_core::settings::Settings;
use dayfly_core::state::{Phase, State};
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use dayfly_policy::{Call, Granted, Policy, StateSnapshot};

use crate::outcome::Outcome;
use crate::scenario::{Deed, Scenario, lifetime};

/// A policy entry and what is asked.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What the core knows of it.
    pub entry: Entry,
    /// What is asked.
    pub policy: Policy,
}

/// Lets a scenario happen. `progress` hears of each day that has passed.
#[must_use]
pub fn run(scenario: &Scenario, rules: &[Rule], mut progress: impl FnMut(Duration)) -> Outcome {
    let mut world = World::new(scenario, rules);
    world.boot();
    let day = Duration::from_secs(24 * 3_600);
    let mut told = day;
    while world.advance() {
        let passed = world.passed();
        while passed >= told {
            progress(told);
            told += day;
        }
    }
    world.finish()
}

struct World<'a> {
    scenario: &'a Scenario,
    rules: BTreeMap<EntryName, &'a Rule>,
    memories: BTreeMap<EntryName, StateSnapshot>,
    state: State,
    now: Timestamp,
    random: Random,
    /// Answers of providers on their way.
    answers: BinaryHeap<Reverse<(Timestamp, OperationId)>>,
    issuing: BTreeMap<OperationId, Result<Lease, Failure>>,
    deeds: VecDeque<(Timestamp, Deed)>,
    next_command: u64,
    /// Calls of the present minute.
    minute: (u64, u64),
    /// Since when sessions are without credentials that they should have.
    gaps: BTreeMap<SessionId, Timestamp>,
    outcome: Outcome,
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
            state: State::new(Settings::default(), scenario.seed),
            now: scenario.begin,
            random: Random::new(scenario.seed ^ 0x0077_6f72_6c64),
            answers: BinaryHeap::new(),
            issuing: BTreeMap::new(),
            deeds: deeds.into(),
            next_command: 0,
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

    fn boot(&mut self) {
        self.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        let upserts = self.scenario.sessions.iter().map(|session| SessionUpsert {
            session: Arc::clone(session),
            written: Projection::default(),
        });
        let upserts = upserts.collect();
        self.enter(Input::Workspace(WorkspaceChange {
            upserts,
            removed: Vec::new(),
        }));
        let entries = self.rules.values().map(|r| r.entry.clone()).collect();
        self.enter(Input::Policies(entries));
    }

    /// Goes on to the next moment at which something happens; false at the end.
    fn advance(&mut self) -> bool {
        let due = [
            self.state.next_wake(),
            self.answers.peek().map(|Reverse((at, _))| *at),
            self.deeds.front().map(|(at, _)| *at),
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
            self.enter(Input::Resumed);
            return true;
        }
        self.now = next;
        if let Some(Reverse((_, operation))) = self
            .answers
            .peek()
            .copied()
            .filter(|Reverse((at, _))| *at <= self.now)
        {
            self.answers.pop();
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
            } => {
                let order = match action {
                    Some(action) => Order::Do {
                        action,
                        lasting,
                        override_reason: None,
                    },
                    None => Order::Release,
                };
                self.command(session, order);
            }
            Deed::Demand { session } => self.command(session, Order::Demand),
            Deed::Custom { name, data } => self.enter(Input::Custom { name, data }),
            Deed::Add(sessions) => {
                let upserts = sessions.into_iter().map(|session| SessionUpsert {
                    session,
                    written: Projection::default(),
                });
                self.enter(Input::Workspace(WorkspaceChange {
                    upserts: upserts.collect(),
                    removed: Vec::new(),
                }));
            }
            Deed::Remove(removed) => self.enter(Input::Workspace(WorkspaceChange {
                upserts: Vec::new(),
                removed,
            })),
        }
    }

    fn command(&mut self, session: SessionId, order: Order) {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        self.enter(Input::Command { id, session, order });
    }

    fn enter(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in step(&mut self.state, self.now, input) {
                inputs.extend(self.perform(effect));
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
            } => {
                self.outcome.evaluations += 1;
                let result = match self.rules.get(&entry) {
                    Some(rule) => {
                        let memory = self.memories.entry(entry.clone()).or_default();
                        let answer = rule.policy.evaluate(Call {
                            context,
                            events: &events,
                            workspace: Arc::new(Granted {
                                views: self.state.views().clone(),
                                sessions: rule.entry.grant.sessions.clone(),
                            }),
                            state: memory.clone(),
                        });
                        answer
                            .map(|evaluated| {
                                memory.apply(evaluated.state_writes);
                                evaluated.verdict
                            })
                            .map_err(|failed| failed.fault)
                    }
                    None => Err(Fault {
                        kind: FaultKind::Host,
                        message: "there is no such entry".into(),
                    }),
                };
                Some(Input::Evaluated {
                    entry,
                    evaluation,
                    result,
                })
            }
            Effect::Issue {
                operation, session, ..
            } => {
                self.issue(operation, &session);
                None
            }
            Effect::Publish { operation, .. } | Effect::Retract { operation, .. } => {
                Some(Input::Delivered {
                    operation,
                    result: Ok(()),
                })
            }
            Effect::Cancel { operation } | Effect::Discard { operation } => {
                self.issuing.remove(&operation);
                None
            }
            Effect::Project { .. } | Effect::Remember { .. } | Effect::Reply { .. } => None,
            Effect::Record(note) => {
                self.follow(&note.what);
                let kept = !matches!(
                    note.what,
                    Happening::Evaluated { .. }
                        | Happening::Proposed { .. }
                        | Happening::Began { .. }
                );
                if kept {
                    self.outcome.notes.push(note);
                }
                None
            }
        }
    }

    /// A call of a provider: the answer comes after a while.
    fn issue(&mut self, operation: OperationId, session: &SessionId) {
        self.outcome.calls += 1;
        let minute = self.passed().as_secs() / 60;
        if self.minute.0 != minute {
            self.minute = (minute, 0);
        }
        self.minute.1 += 1;
        let calls = &mut self.outcome.calls_per_minute_max;
        *calls = (*calls).max(self.minute.1);
        let most = u64::try_from(self.scenario.latency.as_millis()).unwrap_or(u64::MAX);
        let latency = Duration::from_millis(most / 2 + self.random.up_to(most));
        let at = self.now.plus(latency);
        let throttled = self
            .scenario
            .calls_per_minute
            .is_some_and(|limit| self.minute.1 > u64::from(limit));
        let offset = at.since(self.scenario.begin);
        let result = if self.scenario.outages.iter().any(|o| o.contains(offset)) {
            Err(Failure::new(
                ErrorKind::Network,
                "the cloud cannot be reached",
            ))
        } else if throttled {
            self.outcome.throttled += 1;
            Err(Failure::new(
                ErrorKind::Throttled,
                "too many calls in a minute",
            ))
        } else {
            let lived = self
                .state
                .session(session)
                .and_then(|t| lifetime(&t.session));
            Ok(Lease {
                issued_at: at,
                expires_at: lived.map(|lived| at.plus(lived)),
            })
        };
        self.issuing.insert(operation, result);
        self.answers.push(Reverse((at, operation)));
    }

    /// Keeps track of what a line of the journal says.
    fn follow(&mut self, what: &Happening) {
        match what {
            Happening::Ended {
                session, outcome, ..
            } => {
                *self.outcome.ended.entry(*outcome).or_default() += 1;
                let (now, id) = (self.now, session.clone());
                match outcome {
                    policy::Outcome::Started | policy::Outcome::Rotated => {
                        self.close_gap(&id);
                        self.track(&id, Status::Active);
                    }
                    policy::Outcome::Stopped => {
                        self.close_gap(&id);
                        self.track(&id, Status::Inactive);
                    }
                    policy::Outcome::Expired => {
                        self.gaps.insert(id.clone(), now);
                        self.track(&id, Status::Inactive);
                    }
                    policy::Outcome::Failed => {
                        self.outcome
                            .tracks
                            .entry(id)
                            .or_default()
                            .failures
                            .push(now);
                    }
                }
            }
            Happening::Displaced { session, .. } => {
                let id = session.clone();
                self.track(&id, Status::Inactive);
            }
            Happening::Faulted { .. } => self.outcome.faults += 1,
            _ => {}
        }
    }

    fn track(&mut self, id: &SessionId, status: Status) {
        let now = self.now;
        let track = self.outcome.tracks.entry(id.clone()).or_default();
        if track.statuses.last().map(|(_, s)| *s) != Some(status) {
            track.turns += 1;
            track.statuses.push((now, status));
        }
    }

    /// A session has credentials again, or nobody wants it to.
    fn close_gap(&mut self, id: &SessionId) {
        let Some(since) = self.gaps.remove(id) else {
            return;
        };
        let begin = self.scenario.begin;
        let (from, to) = (since.since(begin), self.now.since(begin));
        let mut down = Duration::ZERO;
        let spans = self.scenario.outages.iter().chain(&self.scenario.sleeps);
        for span in spans {
            down += span.to.min(to).saturating_sub(span.from.max(from));
        }
        let whole = to.saturating_sub(from);
        let down = down.min(whole);
        self.outcome.gap_while_down += down;
        self.outcome.gap_while_up += whole - down;
    }

    fn finish(mut self) -> Outcome {
        self.now = self.end();
        let open: Vec<SessionId> = self.gaps.keys().cloned().collect();
        for id in open {
            // What nobody wants to be active is not missed.
            let stands = self.state.stands(&id);
            let wanted = stands
                .iter()
                .any(|s| !s.shadow && !s.hold && s.actions.contains(&policy::Action::Start));
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
            debug_assert!(
                !matches!(tracked.phase, Phase::Stopping(..)),
                "the chain answers at once"
            );
        }
        self.outcome
    }
}
