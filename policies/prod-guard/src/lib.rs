//! Lets production be active only with a reason, only for so long, and never two at once.
//!
//! Made to be a guard rail (`tier = "guard-rail"`): what it holds, only `--override` passes. A session
//! starts with `dayfly session start NAME --reason WHY`; programs and other policies cannot start
//! it. When the time is over it is stopped, and needs a reason again; a reason that is given while it
//! is active begins the time again.

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{
    Act, Action, ChangedFields, Context, Descriptor, Effect, Event, Hold, Matcher, PROPOSAL_FIELDS,
    Policy, Reason, Scope, Session, SessionKey, State, Status, Subscription, TimestampMs, Verdict,
    WakeRequest, Workspace, WorkspaceRule, moment_text, occasions, span_text, wake_ups,
};

/// JSON Schema of the configuration.
const SCHEMA: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"prod-guard","type":"object","additionalProperties":false,"required":["match"],"properties":{"for":{"description":"How long a session may be active for one reason: a duration, or seconds.","oneOf":[{"type":"string"},{"type":"integer","minimum":1}],"default":"1h"},"reason":{"description":"Whether a reason is needed.","type":"boolean","default":true},"one":{"description":"Whether only one may be active at a time.","type":"boolean","default":true},"match":"#,
    dayfly_policy_sdk::match_schema!(),
    "}}"
);
/// What the id of a wake-up begins with; the session's key follows.
const WAKE: &str = "over/";
/// Since when a session is active for its reason.
const SINCE: &str = "since";
/// Sessions that are asked for at once.
const PAGE: u32 = 500;

/// The configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long for one reason, milliseconds.
    pub span: u64,
    /// Whether a reason is needed.
    pub reason: bool,
    /// Whether only one may be active.
    pub one: bool,
    /// Which sessions are production.
    pub matcher: Matcher,
}

/// The rule.
pub struct ProdGuard;

impl Policy for ProdGuard {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "prod-guard".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "lets a production session be active only with a reason, for a limited time, one at a time".into(),
            config_schema: SCHEMA.into(),
            actions: vec![Action::Stop],
            may_hold: true,
            state_bytes: 100_000,
        }
    }

    fn parse(config: &str) -> Result<Settings, ConfigError> {
        let config = Object::parse(config, &["for", "reason", "one", "match"])?;
        if !config.has("match") {
            let purpose = "which sessions are production, such as `{ labels = [\"production\"] }`";
            return Err(config.missing("match", purpose));
        }
        let span = config.duration("for")?.unwrap_or(3_600_000);
        if span == 0 {
            return Err(config.wrong("for", "is 0: production would be stopped at once"));
        }
        Ok(Settings {
            span,
            reason: config.flag("reason")?.unwrap_or(true),
            one: config.flag("one")?.unwrap_or(true),
            matcher: Matcher::read(&config, "match")?,
        })
    }

    fn subscriptions(config: &Settings) -> Vec<Subscription> {
        vec![config.matcher.subscription(PROPOSAL_FIELDS)]
    }
}

impl WorkspaceRule for ProdGuard {
    fn evaluate(
        config: &Settings,
        context: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        state: &mut dyn State,
    ) -> Verdict {
        let mut call = Call {
            config,
            now: context.now,
            all: production(config, workspace),
            verdict: Verdict::default(),
        };
        let changed = occasions(events);
        let mut told: Vec<SessionKey> = Vec::new();
        for occasion in &changed {
            told.push(occasion.session.key);
            let again = occasion.fields.contains(ChangedFields::REASON);
            if !occasion.gone() {
                call.look(occasion.session, again, state);
            }
        }
        let woken = wake_ups(events)
            .filter_map(|wake| wake.id.strip_prefix(WAKE)?.parse::<SessionKey>().ok());
        let mut rest: Vec<SessionKey> = woken.collect();
        if config.one && !changed.is_empty() {
            // Whether one may start depends on all.
            rest.extend(call.all.iter().map(|session| session.key));
        }
        rest.sort_unstable();
        rest.dedup();
        for key in rest.into_iter().filter(|key| !told.contains(key)) {
            let Some(session) = call.all.iter().find(|session| session.key == key).cloned() else {
                continue;
            };
            let before = call.verdict.effects.len();
            call.look(&session, false, state);
            let says = call.verdict.effects[before..]
                .iter()
                .any(|effect| matches!(effect, Effect::Act(_) | Effect::Hold(_)));
            if !says {
                call.verdict.push(Effect::Withdraw(key));
            }
        }
        call.verdict
    }
}

fn production(config: &Settings, workspace: &dyn Workspace) -> Vec<Session> {
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

struct Call<'a> {
    config: &'a Settings,
    now: TimestampMs,
    /// All production sessions.
    all: Vec<Session>,
    verdict: Verdict,
}

impl Call<'_> {
    /// `again`: a reason was given just now.
    fn look(&mut self, session: &Session, again: bool, state: &mut dyn State) {
        if !self.config.matcher.matches(session) {
            return;
        }
        match session.status {
            Status::Inactive => {
                state.delete(Scope::Session(session.key), SINCE);
                self.gate(session);
            }
            // What is being obtained may not be begun again; what it may do is known when it is there.
            Status::Pending => {}
            Status::Active => self.limit(session, again, state),
        }
    }

    /// Holds the start of an inactive session.
    fn gate(&mut self, session: &Session) {
        let name = &session.name;
        let why = if self.config.reason && session.reason.is_none() {
            let message =
                format!("{name} needs a reason: dayfly session start {name} --reason WHY");
            Reason::new("needs-a-reason", message)
        } else if let Some(other) = self.other(session) {
            let message = format!(
                "{} is active, and only one may be; stop it first",
                other.name
            );
            Reason::new("one-at-a-time", message).with("active", &other.name)
        } else {
            return;
        };
        self.verdict
            .push(Hold::new(session.key, &[Action::Start], why));
    }

    /// Another production session that is not inactive.
    fn other(&self, session: &Session) -> Option<&Session> {
        let other = |other: &&Session| other.key != session.key && other.status != Status::Inactive;
        self.all.iter().find(other).filter(|_| self.config.one)
    }

    /// Stops an active session when its time is over.
    fn limit(&mut self, session: &Session, again: bool, state: &mut dyn State) {
        let scope = Scope::Session(session.key);
        let known = state.get(scope, SINCE).and_then(|bytes| {
            let bytes: [u8; 8] = bytes.try_into().ok()?;
            Some(u64::from_le_bytes(bytes))
        });
        let since = match known {
            Some(since) if !(again && session.reason.is_some()) => since,
            _ => {
                // Where it was active before the policy was there, its credentials tell.
                let began = if again { None } else { session.started_at };
                let since = began.unwrap_or(self.now).min(self.now);
                if state.set(scope, SINCE, &since.to_le_bytes()).is_err() {
                    let line = format!(
                        "the memory of the policy is full: it does not remember since when {} is active",
                        session.name
                    );
                    self.verdict
                        .note(dayfly_policy_sdk::Severity::Warning, line);
                }
                since
            }
        };
        let over = since.saturating_add(self.config.span);
        if over > self.now {
            let id = format!("{WAKE}{}", session.key);
            return self.verdict.push(WakeRequest::new(id, over));
        }
        let message = format!(
            "active for {}; production may be for {} at a time",
            span_text(self.now - since),
            span_text(self.config.span)
        );
        let why = Reason::new("time-is-over", message).with("active-since", moment_text(since));
        let why = match &session.reason {
            Some(reason) => why.with("reason", reason),
            None => why,
        };
        self.verdict.push(Act::new(Action::Stop, session, why));
        let why = Reason::new("time-is-over", "its time is over; it needs a new reason");
        self.verdict
            .push(Hold::new(session.key, &[Action::Rotate], why));
    }
}

dayfly_policy_sdk::export_policy!(stateful ProdGuard);

#[cfg(test)]
mod tests;
