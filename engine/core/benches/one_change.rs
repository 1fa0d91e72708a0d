//! What a change of one session costs the core, from the changed Workspace to the published
//! credentials, against the number of sessions that did not change.
//!
//! `cargo bench -p dayfly-core --bench one_change`
//!
//! 20 policy entries, each for sessions with a label of its own; the answers of policies, providers
//! and the chain are made up, so that only the core is measured.

#![allow(missing_docs, clippy::print_stdout, reason = "a benchmark")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_core::effect::Effect;
use dayfly_core::grant::Grant;
use dayfly_core::input::{Entry, Input, PersistedStatus, SessionUpsert, WorkspaceChange};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{
    Act, Action, Actions, EntryName, Event, PolicyEffect, Reason, SessionFilter, Subscription,
    Verdict,
};
use dayfly_core::session::{Access, Lease, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const ENTRIES: usize = 20;
const CHANGES: usize = 100;

fn main() {
    for sessions in [100, 1_000, 10_000, 100_000] {
        let mut world = World::new(sessions);
        let mut times: Vec<Duration> = (0..CHANGES)
            .map(|n| {
                world.now = world.now.plus(Duration::from_secs(1));
                let change = upserts([session(n, Some(n % ENTRIES))]);
                let begun = Instant::now();
                let published = world.enter(change);
                let took = begun.elapsed();
                assert_eq!(published, 1, "the policy had it started");
                took
            })
            .collect();
        times.sort_unstable();
        println!(
            "{sessions:>6} sessions: one change {:.2?}",
            times[CHANGES / 2]
        );
    }
}

struct World {
    state: State,
    now: Timestamp,
}

impl World {
    fn new(sessions: usize) -> Self {
        let mut world = Self {
            state: State::new(Settings::default(), 1),
            now: Timestamp::from_millis(1_772_409_600_000),
        };
        world.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        world.enter(upserts((0..sessions).map(|n| session(n, None))));
        world.enter(Input::Policies((0..ENTRIES).map(entry).collect()));
        world
    }

    /// Goes on until nothing is left to be done; how many sessions were published.
    fn enter(&mut self, input: Input) -> usize {
        let mut inputs = vec![input];
        let mut published = 0;
        while let Some(input) = inputs.pop() {
            for effect in step(&mut self.state, self.now, input) {
                match effect {
                    Effect::Evaluate {
                        entry,
                        evaluation,
                        events,
                        ..
                    } => inputs.push(Input::Evaluated {
                        entry,
                        evaluation,
                        result: Ok(verdict(&events)),
                    }),
                    Effect::Issue { operation, .. } => inputs.push(Input::Issued {
                        operation,
                        result: Ok(Lease {
                            issued_at: self.now,
                            expires_at: Some(self.now.plus(Duration::from_secs(3_600))),
                        }),
                    }),
                    Effect::Publish { operation, .. } => {
                        published += 1;
                        inputs.push(Input::Delivered {
                            operation,
                            result: Ok(Placement::default()),
                        });
                    }
                    _ => {}
                }
            }
        }
        published
    }
}

/// Starts whatever session changed.
fn verdict(events: &[Event]) -> Verdict {
    let changes = events.iter().filter_map(|event| match event {
        Event::Sessions(changes) => Some(changes),
        _ => None,
    });
    let acts = changes.flatten().map(|change| {
        PolicyEffect::Act(Act {
            session: change.after.key,
            action: Action::Start,
            revision: change.after.revision,
            not_after: None,
            why: Reason::new("kept", "it is to be active"),
        })
    });
    Verdict {
        effects: acts.collect(),
        stopped_after: None,
    }
}

fn entry(n: usize) -> Entry {
    Entry {
        name: EntryName::new(&format!("entry-{n}")),
        rank: Default::default(),
        shadow: false,
        grant: Grant {
            actions: Actions::ALL,
            ..Grant::default()
        },
        actions: Actions::ALL,
        may_hold: false,
        subscriptions: vec![Subscription::Sessions(SessionFilter {
            labels: vec![format!("l{n}")],
            ..SessionFilter::default()
        })],
        schedules: Vec::new(),
        generation: 1,
        unusable: None,
    }
}

fn session(n: usize, label: Option<usize>) -> Session {
    let id = format!("session-{n:06}");
    Session {
        id: SessionId::new(&id),
        name: id.clone(),
        region: Some("eu-west-1".into()),
        access: Access::AwsIamUser {
            mfa_device: None,
            duration_seconds: None,
        },
        named_profile: Some(id),
        account: None,
        labels: label
            .map(|l| (format!("l{l}"), String::new()))
            .into_iter()
            .collect(),
        fault: None,
    }
}

fn upserts(sessions: impl IntoIterator<Item = Session>) -> Input {
    let upsert = |session| SessionUpsert {
        session: Arc::new(session),
        written: PersistedStatus::default(),
    };
    Input::Workspace(WorkspaceChange {
        upserts: sessions.into_iter().map(upsert).collect(),
        removed: Vec::new(),
    })
}
