//! Long-lived keys of a made-up cloud. It draws from chance of its own, so that walks that are kept without
//! it stay what they were.

use std::collections::VecDeque;
use std::time::Duration;

use dayfly_core::effect::{Effect, KeyCall};
use dayfly_core::input::Input;
use dayfly_core::key_rotation::{KeyAnswer, KeyFacts, KeyRule};
use dayfly_core::policy::Action;
use dayfly_core::random::Random;
use dayfly_core::session::{ErrorKind, Failure, SessionId};
use dayfly_core::state::State;
use dayfly_core::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

/// What the walks met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) looks: u64,
    pub(crate) rotations: u64,
    pub(crate) failures: u64,
    pub(crate) late: u64,
    pub(crate) held: u64,
}

pub(crate) struct KeyCalls {
    random: Random,
    calls: VecDeque<(KeyCall, SessionId)>,
    pub(crate) met: Met,
}

impl KeyCalls {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed ^ 0x6b65_7973),
            calls: VecDeque::new(),
            met: Met::default(),
        }
    }

    /// The core asks about a key: never while another call is under way, as far as it knows, and never to
    /// replace one where a policy forbids it.
    pub(crate) fn take(&mut self, state: &State, now: Timestamp, effect: &Effect) {
        let (call, session, rotates) = match effect {
            Effect::LookAtKey { call, session } => (call, session, false),
            Effect::RotateKey { call, session, .. } => (call, session, true),
            _ => unreachable!("only these are about keys"),
        };
        assert!(self.calls.iter().all(|(other, _)| other < call));
        assert!(state.policies_known(), "before any policy: {effect:?}");
        if rotates {
            let all = state.proposals_for(session, now);
            let forbids = all.iter().find(|one| {
                let counts = one.hold && !one.shadow && one.until.is_none_or(|end| end > now);
                counts && one.actions.contains(&Action::Rotate)
            });
            assert_eq!(forbids, None, "{session}");
        }
        self.calls.push_back((*call, session.clone()));
    }

    /// What the cloud or a person does next, if anything.
    pub(crate) fn next(&mut self, state: &State, now: Timestamp, sessions: u64) -> Option<Input> {
        let held = state.keys().filter(|(_, key)| key.held.is_some());
        self.met.held += held.count() as u64;
        match self.random.up_to(30) {
            0 => Some(self.rules(sessions)),
            1..=4 => self.answer(now),
            _ => None,
        }
    }

    fn rules(&mut self, sessions: u64) -> Input {
        let mut rules = Vec::new();
        for n in 0..sessions {
            let rule = match self.random.up_to(3) {
                0 => continue,
                1 => KeyRule::EndInterrupted,
                _ => KeyRule::Every(HOUR),
            };
            rules.push((SessionId::new(&format!("s{n}")), rule));
        }
        Input::KeyRules(rules.into_iter().collect())
    }

    fn answer(&mut self, now: Timestamp) -> Option<Input> {
        let (call, session) = self.calls.pop_front()?;
        self.met.late += u64::from(!self.calls.is_empty());
        let created = now.minus(Duration::from_secs(self.random.up_to(2 * 3_600)));
        let interrupted = self.random.up_to(4) == 0;
        let facts = KeyFacts {
            created,
            interrupted,
        };
        let result = match self.random.up_to(5) {
            0 => Err(Failure::new(ErrorKind::Network, "drawn by chance")),
            1 => Err(Failure::new(ErrorKind::Denied, "drawn by chance")),
            2 | 3 => Ok(KeyAnswer::Rotated {
                old: "old".to_owned(),
                new: "new".to_owned(),
            }),
            _ => Ok(KeyAnswer::Seen(facts)),
        };
        match &result {
            Ok(KeyAnswer::Seen(_)) => self.met.looks += 1,
            Ok(KeyAnswer::Rotated { .. }) => self.met.rotations += 1,
            Err(_) => self.met.failures += 1,
        }
        Some(Input::KeyAnswered {
            call,
            session,
            result,
        })
    }
}
