//! What the person lets a policy entry see and do.

use std::fmt;
use std::sync::Arc;

use crate::model::policy::{Actions, SessionFacts};
use crate::model::rates::Rate;
use crate::model::session::SessionType;

/// A test of what a session is, in a language that the core does not read. It looks at what the
/// person wrote of the session, never at its state, and answers the same each time.
pub trait Test: fmt::Debug + Send + Sync {
    /// The text that it was made from.
    fn text(&self) -> &str;

    /// Whether the session passes.
    fn passes(&self, session: &SessionFacts) -> bool;
}

/// A shared [`Test`]. Two are the same where their texts are.
#[derive(Clone, Debug)]
pub struct Condition(pub Arc<dyn Test>);

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.text() == other.0.text()
    }
}

impl Eq for Condition {}

/// Which sessions are meant: those that match all lists that are not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Of one of these types.
    pub types: Vec<SessionType>,
    /// With one of these ids.
    pub ids: Vec<String>,
    /// Whose name matches one of these patterns (`*` stands for any text).
    pub names: Vec<String>,
    /// Whose named profile matches one of these patterns.
    pub profiles: Vec<String>,
    /// In one of these accounts or subscriptions.
    pub accounts: Vec<String>,
    /// With one of these labels, `key` or `key=value`.
    pub labels: Vec<String>,
    /// That passes this test.
    pub condition: Option<Condition>,
}

impl Selector {
    /// Whether the session is meant.
    #[must_use]
    pub fn matches(&self, session: &SessionFacts) -> bool {
        let any = |list: &[String], test: &dyn Fn(&str) -> bool| {
            list.is_empty() || list.iter().any(|item| test(item))
        };
        (self.types.is_empty() || self.types.contains(&session.session_type))
            && any(&self.ids, &|id| id == session.id.as_str())
            && any(&self.names, &|p| wildcard(p, &session.name))
            && any(&self.profiles, &|p| {
                session
                    .named_profile
                    .as_deref()
                    .is_some_and(|name| wildcard(p, name))
            })
            && any(&self.accounts, &|a| session.account.as_deref() == Some(a))
            && any(&self.labels, &|l| has_label(session, l))
            && self.condition.as_ref().is_none_or(|c| c.0.passes(session))
    }
}

impl Grant {
    /// Whether the entry may see the content of the files whose changes it sees.
    #[must_use]
    pub fn reads(&self) -> bool {
        !self.paths.is_empty()
    }
}

/// What a policy entry may see and do. The default may do nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The sessions; all others do not exist for the entry.
    pub sessions: Selector,
    /// The actions that it may propose.
    pub actions: Actions,
    /// Whether it may propose holds.
    pub may_hold: bool,
    /// Patterns of the files whose changes it may see, as the person wrote them: absolute, or from `~/`
    /// on. Whoever watches files reads them.
    pub paths: Vec<String>,
    /// How often what it decides may start or renew a session; none: as often as it decides.
    pub rate: Option<Rate>,
}

/// Whether the session has the label, given as `key` or `key=value`.
#[must_use]
pub fn has_label(session: &SessionFacts, label: &str) -> bool {
    match label.split_once('=') {
        Some((key, value)) => session.labels.get(key).is_some_and(|v| v == value),
        None => session.labels.contains_key(label),
    }
}

/// Whether the text matches the pattern, in which `*` stands for any text.
#[must_use]
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::wildcard;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("prod", "prod", true),
            ("prod", "prod-eu", false),
            ("prod*", "prod-eu", true),
            ("*eu", "prod-eu", true),
            ("p*-*u", "prod-eu", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*a", "aba", true),
            ("a*b*a", "ab", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
