//! Starts sessions that carry a label and are not active.
//!
//! A rule is a pure function: what happened comes in, what should be done goes out. It has no
//! clock, no files, no network, and forgets everything between two calls.

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{
    Act, Action, Context, Descriptor, Event, PROPOSAL_FIELDS, Policy, Reason, Rule, SessionFilter,
    Status, Subscription, Verdict, export_policy, occasions,
};

/// The rule.
pub struct StartLabelled;

/// Its configuration.
pub struct Config {
    /// Sessions with this label are started.
    label: String,
}

impl Policy for StartLabelled {
    type Config = Config;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "{{name}}".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "starts sessions that carry a label and are not active".into(),
            config_schema: r#"{"type":"object","additionalProperties":false,"properties":{"label":{"type":"string","default":"auto"}}}"#.into(),
            actions: vec![Action::Start],
            may_hold: false,
            state_bytes: 0,
        }
    }

    fn parse(config: &str) -> Result<Config, ConfigError> {
        let config = Object::parse(config, &["label"])?;
        Ok(Config {
            label: config.text("label")?.unwrap_or("auto").into(),
        })
    }

    fn subscriptions(config: &Config) -> Vec<Subscription> {
        vec![Subscription::Sessions(SessionFilter {
            clouds: Vec::new(),
            methods: Vec::new(),
            statuses: Vec::new(),
            labels: vec![config.label.clone()],
            fields: PROPOSAL_FIELDS,
        })]
    }
}

impl Rule for StartLabelled {
    fn evaluate(config: &Config, _: &Context, events: &[Event]) -> Verdict {
        let mut verdict = Verdict::default();
        for occasion in occasions(events) {
            let session = occasion.session;
            let labelled = session.labels.iter().any(|label| label.key == config.label);
            // A failure that only a person can mend is not tried again.
            if labelled
                && !occasion.gone()
                && session.status == Status::Inactive
                && occasion.hopeless().is_none()
            {
                let why = Reason::new("labelled", format!("is labelled {}", config.label));
                verdict.push(Act::new(Action::Start, session, why));
            }
        }
        verdict
    }
}

export_policy!(pure StartLabelled);

#[cfg(test)]
mod tests {
    use super::*;
    use dayfly_policy_sdk::ResyncReason;
    use dayfly_policy_sdk::testing::{acts, at, resync, session};

    #[test]
    fn what_carries_the_label_is_started() {
        let config = StartLabelled::parse("{}").unwrap();
        let sessions = vec![
            session(1).label("auto", "").build(),
            session(2).build(),
            session(3).label("auto", "").active(0, 3_600_000).build(),
        ];
        let events = [resync(ResyncReason::ColdStart, sessions)];
        let verdict = StartLabelled::evaluate(&config, &at(1_000), &events);
        assert_eq!(acts(&verdict), [(1, Action::Start, "labelled")]);
    }
}
