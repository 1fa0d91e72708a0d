//! Rotates credentials well before they end.
//!
//! Due is the moment at which `max(fraction × lifetime, min(before, lifetime / 3))` remains, or
//! earlier by a jitter that is drawn once for each credential. By default that is 2/3 of the
//! lifetime: `before` asks for more than a share of it where `fraction` is small, and never for
//! more than a third, so that short-lived credentials are not rotated without pause.
//!
//! An instance remembers nothing, and a wake-up carries no session. Therefore each session has a
//! wake-up of its own whose id holds its key; when it is due, the Workspace is asked for that one
//! session, and the moment is computed again. A wake-up that is out of date changes nothing.

mod due;
mod settings;

use dayfly_policy_sdk::config::ConfigError;
use dayfly_policy_sdk::{
    Act, Action, Context, Descriptor, Event, PROPOSAL_FIELDS, Policy, Reason, Session, SessionKey,
    State, Status, Subscription, TimestampMs, Verdict, WakeRequest, Workspace, WorkspaceRule,
    moment_text, occasions, span_text,
};

pub use due::Due;
pub use settings::Settings;

/// What a wake-up's id begins with; the session's key follows.
const WAKE: &str = "rotate/";

/// The rule.
pub struct RotateBeforeExpiry;

impl Policy for RotateBeforeExpiry {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "rotate-before-expiry".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "rotates credentials well before they end".into(),
            config_schema: settings::SCHEMA.into(),
            actions: vec![Action::Rotate],
            may_hold: false,
            state_bytes: 0,
        }
    }

    fn parse(config: &str) -> Result<Settings, ConfigError> {
        Settings::read(config)
    }

    fn subscriptions(config: &Settings) -> Vec<Subscription> {
        vec![config.matcher.subscription(PROPOSAL_FIELDS)]
    }
}

impl WorkspaceRule for RotateBeforeExpiry {
    fn evaluate(
        config: &Settings,
        context: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        _: &mut dyn State,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        let changed = occasions(events);
        for occasion in &changed {
            let session = occasion.session;
            let answered = !occasion.gone() && look(config, context.now, session, &mut verdict);
            // A pending session is looked at again when it settles: its wake-up may stay. After a
            // resync there is nothing to take back but what does no harm.
            let settled = occasion.gone() || session.status != Status::Pending;
            if !answered && settled && occasion.resync.is_none() {
                verdict.cancel_wake(wake_id(session.key));
            }
        }
        let woken = events.iter().filter_map(|event| match event {
            Event::Wake(wake) => wake.id.strip_prefix(WAKE)?.parse::<SessionKey>().ok(),
            _ => None,
        });
        let mut keys: Vec<SessionKey> = woken.collect();
        keys.sort_unstable();
        keys.dedup();
        if !keys.is_empty() {
            let mut answered: Vec<SessionKey> = changed.iter().map(|o| o.session.key).collect();
            answered.sort_unstable();
            keys.retain(|key| answered.binary_search(key).is_err());
        }
        for session in keys.into_iter().filter_map(|key| workspace.get(key)) {
            look(config, context.now, &session, &mut verdict);
        }
        verdict
    }
}

fn wake_id(key: SessionKey) -> String {
    format!("{WAKE}{key}")
}

/// Proposes the rotation of a session, or asks to be woken for it. Whether it did either.
fn look(config: &Settings, now: TimestampMs, session: &Session, verdict: &mut Verdict) -> bool {
    if session.status != Status::Active || !config.matcher.matches(session) {
        return false;
    }
    let Some(due) = Due::of(config, session) else {
        return false;
    };
    if due.at <= now {
        verdict.push(Act::new(Action::Rotate, session, why(now, session, &due)));
    } else {
        verdict.push(WakeRequest::new(wake_id(session.key), due.at).slack(due.slack()));
    }
    true
}

fn why(now: TimestampMs, session: &Session, due: &Due) -> Reason {
    let ahead = span_text(due.expires_at.saturating_sub(due.at));
    let reason = if due.expires_at > now {
        let left = span_text(due.expires_at - now);
        Reason::new(
            "expires-soon",
            format!("expires in {left}; rotation is due {ahead} before"),
        )
    } else {
        let ago = span_text(now - due.expires_at);
        Reason::new(
            "expired",
            format!("expired {ago} ago; rotation was due {ahead} before"),
        )
    };
    let reason = reason
        .with("expires-at", moment_text(due.expires_at))
        .with("due-at", moment_text(due.at));
    let reason = match due.lifetime {
        Some(lifetime) => reason.with("lifetime", span_text(lifetime)),
        None => reason,
    };
    match session.last_error {
        Some(kind) => reason
            .with("last-error", kind.word())
            .with("failures", session.failures),
        None => reason,
    }
}

dayfly_policy_sdk::export_policy!(stateful RotateBeforeExpiry);

#[cfg(test)]
mod tests;
