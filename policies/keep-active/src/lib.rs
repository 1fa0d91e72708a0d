//! Starts sessions that are not active, and lets the engine space the attempts. For those that are,
//! and while they are on their way, the wish stands, so that no policy that counts less stops them.
//!
//! An inactive session whose last attempt failed for a reason that time does not heal is left alone
//! until it is edited or the engine starts again: trying again would only repeat the failure.

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{
    Act, Action, Context, Descriptor, ErrorKind, Event, Matcher, Occasion, PROPOSAL_FIELDS, Policy,
    Reason, Rule, Severity, Status, Subscription, Verdict, occasions,
};

/// JSON Schema of the configuration.
const SCHEMA: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"keep-active","type":"object","additionalProperties":false,"properties":{"match":"#,
    dayfly_policy_sdk::match_schema!(),
    "}}"
);

/// The rule.
pub struct KeepActive;

impl Policy for KeepActive {
    /// The sessions that are kept active.
    type Config = Matcher;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "keep-active".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "starts sessions that are not active".into(),
            config_schema: SCHEMA.into(),
            actions: vec![Action::Start],
            may_hold: false,
            state_bytes: 0,
        }
    }

    fn parse(config: &str) -> Result<Matcher, ConfigError> {
        Matcher::read(&Object::parse(config, &["match"])?, "match")
    }

    fn subscriptions(config: &Matcher) -> Vec<Subscription> {
        vec![config.subscription(PROPOSAL_FIELDS)]
    }
}

impl Rule for KeepActive {
    fn evaluate(config: &Matcher, _: &Context, events: &[Event]) -> Verdict {
        let mut verdict = Verdict::default();
        for occasion in occasions(events) {
            let session = occasion.session;
            if occasion.gone() || !config.matches(session) {
                continue;
            }
            // Where nothing is to be tried, nothing can be tried in vain.
            let inactive = session.status == Status::Inactive;
            match occasion.hopeless().filter(|_| inactive) {
                None => verdict.push(Act::new(Action::Start, session, why(&occasion))),
                Some(kind) => verdict.note(Severity::Info, waiting(&occasion, kind)),
            }
        }
        verdict
    }
}

fn why(occasion: &Occasion<'_>) -> Reason {
    let session = occasion.session;
    let message = match session.failures {
        _ if session.status != Status::Inactive => "must stay active".to_string(),
        0 => "must stay active and is inactive".to_string(),
        1 => "must stay active; the last attempt failed".to_string(),
        n => format!("must stay active; the last {n} attempts failed"),
    };
    let status = match session.status {
        Status::Inactive => "inactive",
        Status::Pending => "pending",
        Status::Active => "active",
    };
    let reason = Reason::new("keep-active", message).with("status", status);
    match session.last_error {
        Some(kind) => reason
            .with("last-error", kind.word())
            .with("failures", session.failures),
        None => reason,
    }
}

/// Why the session is left alone, for the log.
fn waiting(occasion: &Occasion<'_>, kind: ErrorKind) -> String {
    let session = occasion.session;
    let what = match kind {
        ErrorKind::NeedsSignIn => "a person has to sign in",
        ErrorKind::NeedsMfa => "a person has to enter an MFA code",
        ErrorKind::Denied => "the cloud denies it",
        _ => "it is misconfigured",
    };
    format!(
        "{} ({}) is not started: {what}; start it yourself or edit the session",
        session.name, session.id
    )
}

dayfly_policy_sdk::export_policy!(pure KeepActive);

#[cfg(test)]
mod tests;
