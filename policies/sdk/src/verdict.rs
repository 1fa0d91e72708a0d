//! Building an answer.

use crate::{
    Act, Action, Attribute, Effect, Hold, Notice, Reason, Session, SessionKey, Severity,
    TimestampMs, WakeRequest,
};

/// The answer of a rule, and what it wants to have said in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What should be done.
    pub effects: Vec<Effect>,
    /// How many of the call's sessions were looked at, where not all.
    pub stopped_after: Option<u32>,
    /// Lines for the person who looks into the policy.
    pub lines: Vec<(Severity, String)>,
}

impl Verdict {
    /// Adds an act, a hold, a wake request, a notice or any other effect.
    pub fn push(&mut self, effect: impl Into<Effect>) {
        self.effects.push(effect.into());
    }

    /// Takes the wake request with this id back.
    pub fn cancel_wake(&mut self, id: impl Into<String>) {
        self.effects.push(Effect::CancelWake(id.into()));
    }

    /// Writes a line for the person who looks into the policy.
    pub fn note(&mut self, severity: Severity, line: impl Into<String>) {
        self.lines.push((severity, line.into()));
    }
}

impl Reason {
    /// A reason with a stable code for programs and a sentence for a person.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            evidence: Vec::new(),
        }
    }

    /// The same with one more fact that it rests on.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.evidence.push(Attribute {
            key: key.into(),
            value: value.to_string(),
        });
        self
    }
}

impl Act {
    /// A proposal to do something to a session as it is now.
    #[must_use]
    pub fn new(action: Action, session: &Session, why: Reason) -> Self {
        Self {
            session: session.key,
            action,
            revision: session.revision,
            not_after: None,
            why,
        }
    }

    /// The same, ending at a moment, where there is one.
    #[must_use]
    pub fn until(mut self, end: Option<TimestampMs>) -> Self {
        self.not_after = end;
        self
    }
}

impl Hold {
    /// A proposal that nobody may do these things to a session.
    #[must_use]
    pub fn new(session: SessionKey, actions: &[Action], why: Reason) -> Self {
        Self {
            session,
            actions: actions.to_vec(),
            until: None,
            why,
        }
    }

    /// The same, ending at a moment, where there is one.
    #[must_use]
    pub fn until(mut self, end: Option<TimestampMs>) -> Self {
        self.until = end;
        self
    }
}

impl WakeRequest {
    /// A wish to be called at a moment; the same id again replaces the wish.
    #[must_use]
    pub fn new(id: impl Into<String>, at: TimestampMs) -> Self {
        Self {
            id: id.into(),
            at,
            slack_ms: 0,
        }
    }

    /// The same, where a call up to this much later is as good.
    #[must_use]
    pub fn slack(mut self, millis: u64) -> Self {
        self.slack_ms = u32::try_from(millis).unwrap_or(u32::MAX);
        self
    }
}

impl From<Act> for Effect {
    fn from(act: Act) -> Self {
        Self::Act(act)
    }
}

impl From<Hold> for Effect {
    fn from(hold: Hold) -> Self {
        Self::Hold(hold)
    }
}

impl From<WakeRequest> for Effect {
    fn from(wake: WakeRequest) -> Self {
        Self::Wake(wake)
    }
}

impl From<Notice> for Effect {
    fn from(notice: Notice) -> Self {
        Self::Notify(notice)
    }
}
