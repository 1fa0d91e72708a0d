//! Stops sessions whose credentials nothing has asked for.
//!
//! A session that others are chained to is in use as long as one of them is active.

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{
    Act, Action, ChangedFields, Context, Descriptor, Event, Filter, Matcher, PROPOSAL_FIELDS,
    Policy, Reason, Scope, Session, SessionKey, State, Status, Subscription, TimestampMs, Verdict,
    WakeRequest, Workspace, WorkspaceRule, moment_text, occasions, span_text, wake_ups,
};

/// JSON Schema of the configuration.
const SCHEMA: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"idle-stop","type":"object","additionalProperties":false,"properties":{"after":{"description":"How long nothing has asked: a duration, or seconds.","oneOf":[{"type":"string"},{"type":"integer","minimum":1}],"default":"30m"},"match":"#,
    dayfly_policy_sdk::match_schema!(),
    "}}"
);
/// What the id of a wake-up begins with; the session's key follows.
const WAKE: &str = "idle/";
/// Since when a session is active.
const SINCE: &str = "since";
/// Sessions that are asked for at once.
const PAGE: u32 = 500;

/// The configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long nothing has asked, milliseconds.
    pub after: u64,
    /// Which sessions.
    pub matcher: Matcher,
}

/// The rule.
pub struct IdleStop;

impl Policy for IdleStop {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "idle-stop".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "stops sessions whose credentials no program asks for".into(),
            config_schema: SCHEMA.into(),
            actions: vec![Action::Stop],
            may_hold: false,
            state_bytes: 131_072,
        }
    }

    fn parse(config: &str) -> Result<Settings, ConfigError> {
        let config = Object::parse(config, &["after", "match"])?;
        let after = config.duration("after")?.unwrap_or(30 * 60_000);
        if after == 0 {
            return Err(config.wrong("after", "is 0: every session would be stopped at once"));
        }
        Ok(Settings {
            after,
            matcher: Matcher::read(&config, "match")?,
        })
    }

    fn subscriptions(config: &Settings) -> Vec<Subscription> {
        let fields = PROPOSAL_FIELDS | ChangedFields::LAST_USE;
        vec![config.matcher.subscription(fields)]
    }
}

impl WorkspaceRule for IdleStop {
    fn evaluate(
        config: &Settings,
        context: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        state: &mut dyn State,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        let changed = occasions(events);
        for occasion in changed.iter().filter(|occasion| !occasion.gone()) {
            let since = active_since(occasion.session, state);
            look(
                config,
                context.now,
                occasion.session,
                since,
                workspace,
                &mut verdict,
            );
        }
        let woken = wake_ups(events)
            .filter_map(|wake| wake.id.strip_prefix(WAKE)?.parse::<SessionKey>().ok())
            .filter(|key| changed.iter().all(|occasion| occasion.session.key != *key));
        for session in woken.filter_map(|key| workspace.get(key)) {
            let since = active_since(&session, state);
            look(
                config,
                context.now,
                &session,
                since,
                workspace,
                &mut verdict,
            );
        }
        verdict
    }
}

/// Proposes to stop a session, or asks to be woken for it.
fn look(
    config: &Settings,
    now: TimestampMs,
    session: &Session,
    active_since: TimestampMs,
    workspace: &dyn Workspace,
    verdict: &mut Verdict,
) {
    if session.status != Status::Active || !config.matcher.matches(session) {
        return;
    }
    let since = session.last_use.unwrap_or(0).max(active_since);
    let due = since.saturating_add(config.after);
    let id = format!("{WAKE}{}", session.key);
    if due > now {
        return verdict.push(WakeRequest::new(id, due).slack(config.after / 20));
    }
    if let Some(child) = active_child(session, workspace) {
        let line = format!(
            "{} stays active: {} is chained to it",
            session.name, child.name
        );
        verdict.note(dayfly_policy_sdk::Severity::Debug, line);
        return verdict.push(WakeRequest::new(id, now.saturating_add(config.after)));
    }
    let idle = span_text(now.saturating_sub(since));
    let message = match session.last_use.filter(|used| *used >= active_since) {
        Some(_) => format!("no program has asked for its credentials for {idle}"),
        None => {
            format!("no program has asked for its credentials since it was started, {idle} ago")
        }
    };
    let why = Reason::new("idle", message).with("idle-since", moment_text(since));
    verdict.push(Act::new(Action::Stop, session, why));
}

/// Since when the session is active, rotations left out: they are no use.
fn active_since(session: &Session, state: &mut dyn State) -> TimestampMs {
    let scope = Scope::Session(session.key);
    if session.status == Status::Inactive {
        state.delete(scope, SINCE);
        return 0;
    }
    let known = state.get(scope, SINCE).and_then(|bytes| {
        let bytes: [u8; 8] = bytes.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    });
    known.unwrap_or_else(|| {
        let began = session.started_at.unwrap_or(0);
        if session.status == Status::Active {
            // Where there is no room, each rotation counts as a use.
            let _ = state.set(scope, SINCE, &began.to_le_bytes());
        }
        began
    })
}

/// A session that is chained to this one and is not inactive.
fn active_child(session: &Session, workspace: &dyn Workspace) -> Option<Session> {
    let filter = Filter {
        cloud: None,
        method: Some("awsIamRoleChained".into()),
        status: None,
        label: None,
        named_profile: None,
        name_prefix: None,
    };
    let mut after = None;
    loop {
        let page = workspace.find(&filter, after, PAGE);
        after = Some(page.last()?.key);
        let uses =
            |other: &Session| other.parent == Some(session.key) && other.status != Status::Inactive;
        if let Some(child) = page.into_iter().find(uses) {
            return Some(child);
        }
    }
}

dayfly_policy_sdk::export_policy!(stateful IdleStop);

#[cfg(test)]
mod tests;
