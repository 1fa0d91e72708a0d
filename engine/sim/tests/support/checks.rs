//! What has to be so after every step, and when everything has settled.

use std::collections::BTreeSet;

use dayfly_core::audit::{Chain, audit};
use dayfly_core::session::{SessionId, Status};
use serde_json::Value;

use super::Machine;

impl Machine {
    /// The core and the credentials file agree.
    pub(super) fn check(&mut self) {
        let held = self.put();
        let violations = audit(&self.state, self.now, Chain::Quiet(&held));
        let told: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{told:#?}");
    }

    /// Both files are whole, and hold what is not Dayfly's.
    pub(super) fn check_files(&self) {
        let text = std::fs::read_to_string(self.credentials_path()).unwrap_or_default();
        assert!(text.starts_with(self.foreign()), "{text}");
        for n in 1..=self.foreign_edits {
            let part = format!("[other{n}]\naws_access_key_id = AKIA{n}\n# of {n}\n");
            assert!(text.contains(&part), "{part} is lost:\n{text}");
        }
        // One section a profile, whole, with the credentials of one session.
        let mut profiles = BTreeSet::new();
        for section in text.split("\n[").skip(1) {
            let name = section.split(']').next().unwrap_or_default();
            assert!(profiles.insert(name), "{name} stands twice:\n{text}");
            if name.starts_with('p') {
                for key in [
                    "aws_access_key_id",
                    "aws_secret_access_key",
                    "aws_session_token",
                ] {
                    assert!(section.contains(key), "{name} is not whole:\n{text}");
                }
            }
        }
        let text = std::fs::read_to_string(self.workspace_path()).unwrap_or_default();
        let Ok(workspace) = serde_json::from_str::<Value>(&text) else {
            return;
        };
        assert_eq!(workspace["note"], "kept");
        for session in workspace["sessions"].as_array().into_iter().flatten() {
            assert_eq!(session["mine"]["kept"][0], 1, "{session}");
            assert_eq!(session["mine"]["kept"][1], 2.5, "{session}");
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        let pending = self
            .state
            .sessions()
            .any(|(_, t)| t.phase.status() == Status::Pending || !t.present);
        // A retraction that failed is tried again.
        let ended = |t: &dayfly_core::state::SessionState| {
            let lease = t.phase.lease();
            lease.is_some_and(|lease| lease.expired(self.now))
        };
        let ended = self.state.sessions().any(|(_, t)| ended(t));
        !pending
            && !ended
            && self.places_are_settled()
            && self.commands.values().all(|answered| *answered)
    }

    /// Nothing is under way any more: the files say what is so.
    pub(super) fn check_settled(&self) {
        for (id, tracked) in self.state.sessions() {
            let phase = &tracked.phase;
            assert_ne!(
                phase.status(),
                Status::Pending,
                "{id} is pending for ever: {phase:?}"
            );
        }
        let open: Vec<_> = self
            .commands
            .iter()
            .filter(|(_, answered)| !**answered)
            .collect();
        assert!(open.is_empty(), "commands without an answer: {open:?}");
        let text = std::fs::read_to_string(self.workspace_path()).unwrap();
        let workspace: Value = serde_json::from_str(&text).unwrap();
        for session in workspace["sessions"].as_array().unwrap() {
            let id = SessionId::new(session["sessionId"].as_str().unwrap());
            let known = self
                .session(&id)
                .unwrap_or_else(|| panic!("{id} is not known"));
            let tracked = self.state.session(&known.id).unwrap();
            let status = session["status"].as_str().unwrap_or("inactive");
            let is = tracked.phase.status().as_str();
            assert_eq!(status, is, "{id} in the Workspace:\n{text}");
            let lease = tracked.phase.lease();
            assert!(
                !lease.is_some_and(|lease| lease.expired(self.now)),
                "{id} has ended"
            );
        }
        let held: BTreeSet<SessionId> = self.put().into_iter().map(|f| f.session).collect();
        let active: BTreeSet<SessionId> = self
            .state
            .sessions()
            .filter(|(_, t)| t.phase.lease().is_some())
            .map(|(id, _)| id.clone())
            .collect();
        // Orphans, of sessions that went while nobody looked, may wait for their end.
        let missing: Vec<_> = active.difference(&held).collect();
        assert!(missing.is_empty(), "{missing:?}");
        self.check_files();
        self.check_places();
    }
}
