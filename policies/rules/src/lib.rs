//! Does what a list of rules says: `when`, `if`, `then`, `because`.
//!
//! A rule without `when` always counts: what it proposes stands while its condition holds. It is
//! looked at again when its session changes, when what is remembered changes, and at the moment at
//! which time alone changes its condition, which the condition itself tells. A rule with `when`
//! answers to one event; what it proposes stands until it is fulfilled, or for as long as it says,
//! and is kept in the state, since an instance remembers nothing.
//!
//! For a session, what an event asked for comes first, then the rules in their order: the first
//! that acts decides. Holds and notices count all.

mod call;
mod cron;
mod expression;
mod heard;
mod mistakes;
mod rule;
mod scene;
mod settings;
mod then;
mod when;
mod wish;

use std::collections::BTreeSet;

use dayfly_policy_sdk::config::ConfigError;
use dayfly_policy_sdk::{
    Action, ChangedFields, Context, Descriptor, EngineMoments, Event, PROPOSAL_FIELDS, Policy,
    SessionKey, State, Subscription, Verdict, Workspace, WorkspaceRule, occasions,
};

use call::{Call, SESSION, remembered};
use heard::{answers, happenings, hear};
use rule::Rule;
use scene::Heard;
use when::{Happening, When};

pub use settings::Settings;

/// Bytes of what is remembered, wishes included.
const STATE_BYTES: u32 = 200_000;

/// The rule.
pub struct Rules;

impl Policy for Rules {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "rules".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "applies a list of rules: when, if, then, because".into(),
            config_schema: settings::SCHEMA.into(),
            actions: vec![Action::Start, Action::Stop, Action::Rotate],
            may_hold: true,
            state_bytes: STATE_BYTES,
        }
    }

    fn parse(config: &str) -> Result<Settings, ConfigError> {
        Settings::read(config)
    }

    fn recall(config: &str) -> Result<Settings, ConfigError> {
        Settings::recall(config)
    }

    fn subscriptions(config: &Settings) -> Vec<Subscription> {
        let rules = &config.rules;
        let mut wanted = Vec::new();
        if rules.iter().any(Rule::by_session) {
            let used = rules
                .iter()
                .any(|rule| rule.names("last_use") || rule.names("idle"));
            let mut also = match used {
                true => ChangedFields::LAST_USE,
                false => ChangedFields::empty(),
            };
            if rules
                .iter()
                .any(|rule| rule.when == When::Session(Happening::Expiring))
            {
                also |= ChangedFields::EXPIRING;
            }
            wanted.push(config.matcher.subscription(PROPOSAL_FIELDS | also));
        }
        let mut events: Vec<Subscription> = Vec::new();
        for rule in rules {
            let subscription = match &rule.when {
                When::Custom(name) => Subscription::Custom(name.clone()),
                When::File(glob) => Subscription::Files(glob.clone()),
                When::Schedule(cron) => Subscription::Schedule(cron.clone()),
                When::Branch(glob) => Subscription::Branch(glob.clone()),
                When::Engine(word) => Subscription::Engine(match *word {
                    "started" => EngineMoments::STARTED,
                    "stopping" => EngineMoments::STOPPING,
                    "resumed" => EngineMoments::RESUMED,
                    _ => EngineMoments::CLOCK_SET,
                }),
                _ => continue,
            };
            if !events.contains(&subscription) {
                events.push(subscription);
            }
        }
        wanted.extend(events);
        wanted
    }
}

impl WorkspaceRule for Rules {
    fn evaluate(
        config: &Settings,
        context: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        state: &mut dyn State,
    ) -> Verdict {
        let heard: Vec<(&Event, Heard<'_>)> = events
            .iter()
            .filter_map(|event| hear(event).map(|heard| (event, heard)))
            .collect();
        let mut call = Call {
            config,
            now: context.now,
            remembered: remembered(config, state),
            verdict: Verdict::default(),
        };
        let changed = call.without_session(&heard, state);
        // Which rules ask every session, and whether what is remembered does.
        let mut asks: Vec<(&Rule, &Heard<'_>)> = Vec::new();
        for (event, heard) in &heard {
            asks.extend(
                config
                    .rules
                    .iter()
                    .filter(|rule| rule.by_session() && answers(rule, event))
                    .map(|rule| (rule, heard)),
            );
        }
        let by_state = changed
            && config
                .rules
                .iter()
                .any(|r| r.by_session() && r.names("state"));
        let mut seen = BTreeSet::new();
        let happened = happenings(events);
        for occasion in occasions(events) {
            let key = occasion.session.key;
            seen.insert(key);
            if !occasion.gone() {
                let what = happened.get(&key).map_or(&[][..], Vec::as_slice);
                call.settle(occasion.session, what, &asks, true, state);
            }
        }
        if !asks.is_empty() || by_state {
            call.sweep(&seen, &asks, workspace, state);
        } else {
            let woken = events.iter().filter_map(|event| match event {
                Event::Wake(wake) => wake.id.strip_prefix(SESSION)?.parse::<SessionKey>().ok(),
                _ => None,
            });
            for key in woken.collect::<BTreeSet<_>>().difference(&seen) {
                if let Some(session) = workspace.get(*key) {
                    call.settle(&session, &[], &asks, false, state);
                }
            }
        }
        call.verdict
    }
}

dayfly_policy_sdk::export_policy!(stateful Rules);

#[cfg(test)]
mod tests;
