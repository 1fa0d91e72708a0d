//! Sign-ins that come to their end: policies that see a session which needs one get an event before, and
//! when it has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use crate::context::StepContext;
use crate::events::effect::JournalEvent;
use crate::events::input::SignIn;
use crate::model::policy::EntryName;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;

/// The custom event that policies subscribe to.
pub const SIGN_IN_ENDS: &str = "sign-in-ends";
/// How long before the end of a sign-in it is announced.
const ANNOUNCED_BEFORE: [Duration; 3] = [
    Duration::from_secs(3_600),
    Duration::from_secs(600),
    Duration::ZERO,
];
/// Sessions that one event names.
const NAMED: usize = 1_000;

impl StepContext<'_> {
    /// These are the sign-ins that are valid. One whose end changed is announced again.
    pub(crate) fn sign_ins(&mut self, valid: Vec<SignIn>) {
        let valid: BTreeMap<String, SignIn> = valid
            .into_iter()
            .map(|sign_in| (sign_in.integration.clone(), sign_in))
            .collect();
        let before = std::mem::take(&mut self.state.sign_ins);
        for id in before.keys().filter(|id| !valid.contains_key(*id)) {
            self.state.timers.clear(&TimerKey::SignIn(id.clone()));
        }
        let other: Vec<SignIn> = valid
            .values()
            .filter(|now| before.get(&now.integration).map(|b| b.ends) != Some(now.ends))
            .cloned()
            .collect();
        self.state.sign_ins = valid;
        for sign_in in &other {
            self.watch_sign_in(sign_in);
        }
        // Before the first policies no entry would get it.
        if self.state.policies_known {
            self.announce_ending_soon(&other);
        }
    }

    /// The first policies came: what ends soon is announced to them.
    pub(crate) fn announce_sign_ins(&mut self) {
        let valid: Vec<SignIn> = self.state.sign_ins.values().cloned().collect();
        self.announce_ending_soon(&valid);
    }

    fn announce_ending_soon(&mut self, sign_ins: &[SignIn]) {
        for sign_in in sign_ins {
            if sign_in.ends.minus(ANNOUNCED_BEFORE[0]) <= self.now && self.now < sign_in.ends {
                self.announce_sign_in(sign_in);
            }
        }
    }

    /// The clock was set: what is ahead is watched by the right one.
    pub(crate) fn watch_sign_ins(&mut self) {
        let valid: Vec<SignIn> = self.state.sign_ins.values().cloned().collect();
        for sign_in in &valid {
            let key = TimerKey::SignIn(sign_in.integration.clone());
            // What is due is announced first.
            if self.state.timers.get(&key).is_none_or(|at| at > self.now) {
                self.watch_sign_in(sign_in);
            }
        }
    }

    /// A moment came at which the end of a sign-in is announced.
    pub(crate) fn sign_in_ends(&mut self, id: &str) {
        let Some(sign_in) = self.state.sign_ins.get(id).cloned() else {
            return;
        };
        self.watch_sign_in(&sign_in);
        self.announce_sign_in(&sign_in);
    }

    fn watch_sign_in(&mut self, sign_in: &SignIn) {
        let key = TimerKey::SignIn(sign_in.integration.clone());
        let moments = ANNOUNCED_BEFORE.map(|ahead| sign_in.ends.minus(ahead));
        let next = moments.into_iter().find(|at| *at > self.now);
        self.state.timers.put(key, next);
    }

    /// Queues the event for entries that subscribed and see a session that needs it.
    fn announce_sign_in(&mut self, sign_in: &SignIn) {
        let cause = self.new_cause();
        let mut entries = Vec::new();
        let needing = self.sessions_needing(&sign_in.integration);
        for name in self.state.index.custom(SIGN_IN_ENDS).to_vec() {
            let sessions = self.visible_sessions(&needing, &name);
            if !sessions.is_empty() {
                let data = data(sign_in, self.now, &sessions);
                self.queue_custom_event(&name, SIGN_IN_ENDS, data, cause);
                entries.push(name);
            }
        }
        let SignIn { name, ends, .. } = sign_in.clone();
        let ended = ends <= self.now;
        self.record(
            cause,
            JournalEvent::SignInEnds {
                name,
                ends,
                ended,
                entries,
            },
        );
    }

    /// Those of the sessions that the entry sees.
    fn visible_sessions(
        &self,
        sessions: &BTreeSet<SessionId>,
        entry: &EntryName,
    ) -> Vec<SessionId> {
        let policy = self.state.entries.get(entry);
        let sees = |id: &&SessionId| policy.is_some_and(|t| t.view(id).is_some());
        sessions.iter().filter(sees).cloned().collect()
    }
}

/// What the event carries: JSON.
fn data(sign_in: &SignIn, now: Timestamp, sessions: &[SessionId]) -> String {
    let left = sign_in.ends.since(now).as_millis().div_ceil(60_000);
    let mut data = String::from("{\"integration\":");
    quote(&mut data, &sign_in.integration);
    data.push_str(",\"name\":");
    quote(&mut data, &sign_in.name);
    let _ = write!(
        data,
        ",\"endsMs\":{},\"minutes\":{left},\"ended\":{},\"sessions\":[",
        sign_in.ends.as_millis(),
        sign_in.ends <= now
    );
    for (index, session) in sessions.iter().take(NAMED).enumerate() {
        if index > 0 {
            data.push(',');
        }
        quote(&mut data, session.as_str());
    }
    data.push_str("]}");
    data
}

/// Appends a string of JSON (RFC 8259, section 7).
fn quote(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_json_whatever_the_names_are() {
        let sign_in = SignIn {
            integration: "a\"b\\c\n\u{1f}".to_owned(),
            name: "Zürich \u{1f600}".to_owned(),
            ends: Timestamp::from_millis(90_001),
        };
        let sessions = [SessionId::new("one\t"), SessionId::new("two")];
        assert_eq!(
            data(&sign_in, Timestamp::from_millis(30_000), &sessions),
            "{\"integration\":\"a\\\"b\\\\c\\u000a\\u001f\",\"name\":\"Zürich \u{1f600}\",\
             \"endsMs\":90001,\"minutes\":2,\"ended\":false,\"sessions\":[\"one\\u0009\",\"two\"]}"
        );
    }
}
