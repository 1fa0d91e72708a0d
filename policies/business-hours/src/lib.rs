//! Keeps credentials in the provider chain only during business hours.
//!
//! Outside the hours, active sessions are stopped, and (`hold`) nobody starts one before the
//! hours begin again; within them (`start`), inactive sessions are started, and for the others the
//! wish stands, so that no policy that counts less stops them. Each proposal ends at the boundary
//! by itself, so that none outlives the hours that it rests on, also where the engine is late. At
//! each boundary the policy has itself woken and looks at all matching sessions, a bounded number
//! in one call.

mod hours;
mod reasons;
mod settings;

use dayfly_policy_sdk::config::ConfigError;
use dayfly_policy_sdk::{
    Act, Action, Context, Descriptor, Event, Filter, Hold, PROPOSAL_FIELDS, Policy, Session,
    SessionKey, State, Status, Subscription, Verdict, WakeRequest, Workspace, WorkspaceRule,
    occasions,
};

pub use hours::{Day, Hours, Period, Range};
pub use settings::Settings;

use reasons::Reasons;

/// Id of the wake-up at the next boundary.
const BOUNDARY: &str = "boundary";
/// What the id of a wake-up that goes on with the sessions begins with; the key of the session
/// behind which it goes on follows.
const REST: &str = "rest/";
/// The most sessions that are fetched for a wake-up in one call: an answer has a limit, and a
/// call a deadline.
const PER_CALL: usize = 1_000;
/// Sessions that are asked for at once.
const PAGE: u32 = 250;

/// The rule.
pub struct BusinessHours;

impl Policy for BusinessHours {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "business-hours".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "keeps credentials in the provider chain only during business hours".into(),
            config_schema: settings::SCHEMA.into(),
            actions: vec![Action::Start, Action::Stop],
            may_hold: true,
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

impl WorkspaceRule for BusinessHours {
    fn evaluate(
        config: &Settings,
        context: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        _: &mut dyn State,
    ) -> Verdict {
        let period = config.hours.period(context.now);
        let reasons = Reasons::new(&config.hours, &period, context.now);
        let call = Call {
            config,
            period,
            reasons,
        };
        let mut verdict = Verdict::default();
        let changed = occasions(events);
        for occasion in changed.iter().filter(|occasion| !occasion.gone()) {
            call.propose(
                occasion.session,
                occasion.hopeless().is_none(),
                &mut verdict,
            );
        }
        if let Some(after) = events.iter().filter_map(woken).min() {
            let mut answered: Vec<SessionKey> = changed.iter().map(|o| o.session.key).collect();
            answered.sort_unstable();
            if let Some(last) = call.sweep(workspace, after, &answered, &mut verdict) {
                verdict.push(WakeRequest::new(format!("{REST}{last}"), context.now));
            }
        }
        // The same wish at each call: whatever was lost on the way, the boundary is not.
        verdict.push(WakeRequest::new(BOUNDARY, call.period.wake_at()).slack(1_000));
        verdict
    }
}

/// Where a wake-up begins to look: behind this key, or at the first session. Of several the
/// widest is the least.
fn woken(event: &Event) -> Option<Option<SessionKey>> {
    let Event::Wake(wake) = event else {
        return None;
    };
    if wake.id == BOUNDARY {
        return Some(None);
    }
    wake.id.strip_prefix(REST)?.parse().ok().map(Some)
}

/// What is the same for all sessions of a call.
struct Call<'a> {
    config: &'a Settings,
    period: Period,
    reasons: Reasons,
}

impl Call<'_> {
    /// Looks at the sessions behind a key but for those already answered (sorted); answers the
    /// last that was looked at, where the end was not reached.
    fn sweep(
        &self,
        workspace: &dyn Workspace,
        mut after: Option<SessionKey>,
        answered: &[SessionKey],
        verdict: &mut Verdict,
    ) -> Option<SessionKey> {
        let filter = self.concerned()?;
        let mut seen = 0;
        while seen < PER_CALL {
            let page = workspace.find(&filter, after, PAGE);
            after = Some(page.last()?.key);
            seen += page.len();
            for session in page
                .iter()
                .filter(|s| answered.binary_search(&s.key).is_err())
            {
                // A boundary is worth one try also for a session that failed before.
                self.propose(session, true, verdict);
            }
        }
        after
    }

    /// The sessions for which a boundary changes something; none where it changes nothing.
    fn concerned(&self) -> Option<Filter> {
        let status = match (self.period.open, self.config) {
            (true, Settings { start: true, .. }) | (false, Settings { hold: true, .. }) => None,
            (true, _) => return None,
            (false, _) => Some(Status::Active),
        };
        Some(Filter {
            status,
            ..self.config.matcher.filter()
        })
    }

    /// Proposes what the hour asks for, where the session is meant. `hopeful` says whether a start
    /// may succeed.
    fn propose(&self, session: &Session, hopeful: bool, verdict: &mut Verdict) {
        if !self.config.matcher.matches(session) {
            return;
        }
        let end = self.period.until;
        if self.period.open {
            let inactive = session.status == Status::Inactive;
            if self.config.start && (hopeful || !inactive) {
                let why = self.reasons.start.clone();
                verdict.push(Act::new(Action::Start, session, why).until(end));
            }
            return;
        }
        if session.status == Status::Active {
            let why = self.reasons.stop.clone();
            verdict.push(Act::new(Action::Stop, session, why).until(end));
        }
        if self.config.hold {
            let why = self.reasons.hold.clone();
            verdict.push(Hold::new(session.key, &[Action::Start], why).until(end));
        }
    }
}

dayfly_policy_sdk::export_policy!(stateful BusinessHours);

#[cfg(test)]
mod tests;
