//! Lets at most so many sessions of a group be active: the least recently used ones stop.
//!
//! While the group is full, starts are held, so that no policy starts what would be stopped at once.
//! A person's own start passes that hold; then the least recently used of the others stops.

use std::cmp::Reverse;

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{
    Act, Action, ChangedFields, Context, Descriptor, Effect, Event, Hold, Matcher, PROPOSAL_FIELDS,
    Policy, Reason, Session, State, Status, Subscription, TimestampMs, Verdict, Workspace,
    WorkspaceRule, moment_text, occasions,
};

/// JSON Schema of the configuration.
const SCHEMA: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"max-active","type":"object","additionalProperties":false,"required":["most"],"properties":{"most":{"description":"How many may be active.","type":"integer","minimum":1,"maximum":100000},"hold":{"description":"Let no policy start one while so many are active.","type":"boolean","default":true},"match":"#,
    dayfly_policy_sdk::match_schema!(),
    "}}"
);
/// Sessions that are asked for at once.
const PAGE: u32 = 500;

/// The configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many may be active.
    pub most: usize,
    /// Whether starts are held while so many are.
    pub hold: bool,
    /// Which sessions are the group.
    pub matcher: Matcher,
}

/// The rule.
pub struct MaxActive;

impl Policy for MaxActive {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "max-active".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "limits how many sessions of a group are active".into(),
            config_schema: SCHEMA.into(),
            actions: vec![Action::Stop],
            may_hold: true,
            state_bytes: 0,
        }
    }

    fn parse(config: &str) -> Result<Settings, ConfigError> {
        let config = Object::parse(config, &["most", "hold", "match"])?;
        let Some(most) = config.count("most", 1, 100_000)? else {
            return Err(config.missing("most", "how many of the group may be active, such as `3`"));
        };
        Ok(Settings {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            hold: config.flag("hold")?.unwrap_or(true),
            matcher: Matcher::read(&config, "match")?,
        })
    }

    fn subscriptions(config: &Settings) -> Vec<Subscription> {
        let fields = PROPOSAL_FIELDS | ChangedFields::LAST_USE;
        vec![config.matcher.subscription(fields)]
    }
}

impl WorkspaceRule for MaxActive {
    fn evaluate(
        config: &Settings,
        _: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        _: &mut dyn State,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        let told: Vec<_> = occasions(events).iter().map(|o| o.session.key).collect();
        let mut group = group(config, workspace);
        // The most recent first; of equals the one that is there longer.
        group.sort_by_key(|session| (Reverse(recent(session)), session.key));
        let (active, inactive): (Vec<_>, Vec<_>) = group
            .iter()
            .partition(|session| session.status != Status::Inactive);
        for (place, session) in active.iter().enumerate() {
            if place >= config.most && session.status == Status::Active {
                let message = format!(
                    "{} sessions are active and {} may be; this one was used least recently",
                    active.len(),
                    config.most
                );
                let why =
                    Reason::new("too-many", message).with("last-use", moment_text(recent(session)));
                verdict.push(Act::new(Action::Stop, session, why));
            } else if !told.contains(&session.key) {
                verdict.push(Effect::Withdraw(session.key));
            }
        }
        let full = config.hold && active.len() >= config.most;
        for session in inactive {
            if full {
                let message = format!("{} of at most {} are active", active.len(), config.most);
                let why = Reason::new("full", message);
                verdict.push(Hold::new(session.key, &[Action::Start], why));
            } else if !told.contains(&session.key) {
                verdict.push(Effect::Withdraw(session.key));
            }
        }
        verdict
    }
}

/// When it was used last: asked for, or started.
fn recent(session: &Session) -> TimestampMs {
    // One that is just being started is the most recent.
    if session.status == Status::Pending && session.started_at.is_none() {
        return TimestampMs::MAX >> 11;
    }
    session.last_use.or(session.started_at).unwrap_or(0)
}

fn group(config: &Settings, workspace: &dyn Workspace) -> Vec<Session> {
    let filter = config.matcher.filter();
    let mut all: Vec<Session> = Vec::new();
    let mut after = None;
    loop {
        let page = workspace.find(&filter, after, PAGE);
        let Some(last) = page.last() else {
            return all;
        };
        after = Some(last.key);
        all.extend(page.into_iter().filter(|s| config.matcher.matches(s)));
    }
}

dayfly_policy_sdk::export_policy!(stateful MaxActive);

#[cfg(test)]
mod tests;
