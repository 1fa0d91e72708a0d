//! What happens to the machine by chance.

use std::time::Duration;

use dayfly_core::input::{CommandId, Input, Order, UserInput};
use dayfly_core::policy::{
    Act, Action, Event, Fault, FaultKind, Hold, PolicyEffect, Reason, SessionView, Verdict,
};
use dayfly_core::session::{ErrorKind, Failure, SessionId};
use serde_json::{Value, json};

use super::Machine;

pub(crate) const SESSIONS: u64 = 6;

fn session(n: u64, profile: u64) -> Value {
    let mut session = json!({
        "sessionId": format!("s{n}"), "sessionName": format!("session {n}"),
        "profileName": format!("p{profile}"), "mine": { "kept": [1, 2.50, null] },
    });
    match n {
        0 | 1 | 5 => session["type"] = json!("awsIamUser"),
        n => {
            session["type"] = json!("awsIamRoleChained");
            session["roleArn"] = json!(format!("arn:aws:iam::123456789012:role/r{n}"));
            session["parentSessionId"] = json!(format!("s{}", if n == 4 { 3 } else { n - 2 }));
        }
    }
    session
}

/// The Workspace that a walk begins with.
pub(crate) fn first() -> Value {
    let sessions: Vec<Value> = (0..SESSIONS).map(|n| session(n, n)).collect();
    json!({ "note": "kept", "sessions": sessions })
}

impl Machine {
    pub(super) fn write_workspace(&mut self, value: &Value) {
        let text = format!("{value:#}\n");
        self.write_text(&text);
    }

    /// As an editor does it: a new file in the place of the old.
    fn write_text(&mut self, text: &str) {
        let part = self.folder.path().join("part");
        std::fs::write(&part, text).unwrap();
        std::fs::rename(part, self.workspace_path()).unwrap();
        self.dirty = true;
    }

    pub(super) fn failure(&mut self) -> Option<Failure> {
        if !self.faults || self.random.up_to(3) > 0 {
            return None;
        }
        self.met.failures += 1;
        let kinds = [
            ErrorKind::Network,
            ErrorKind::Denied,
            ErrorKind::NeedsMfa,
            ErrorKind::Throttled,
        ];
        let kind = kinds[usize::try_from(self.random.up_to(3)).unwrap()];
        Some(Failure::new(kind, "drawn by chance"))
    }

    /// A person edits the Workspace: adds, changes, removes, starts and stops by hand.
    fn edits(&mut self) {
        let text = std::fs::read_to_string(self.workspace_path()).unwrap_or_default();
        let Ok(mut workspace) = serde_json::from_str::<Value>(&text) else {
            // Somebody broke it; now it is mended.
            return self.write_workspace(&first());
        };
        self.met.edits += 1;
        let n = self.random.up_to(SESSIONS - 1);
        let id = format!("s{n}");
        let what = self.random.up_to(9);
        let profile = self.random.up_to(SESSIONS - 1);
        let active = self.random.up_to(1) == 0;
        let sessions = workspace["sessions"].as_array_mut().unwrap();
        let at = sessions.iter().position(|s| s["sessionId"] == id.as_str());
        match (what, at) {
            (0, Some(at)) => {
                sessions.remove(at);
            }
            (1..=3, Some(at)) => sessions[at]["profileName"] = json!(format!("p{profile}")),
            (4..=6, Some(at)) => {
                sessions[at]["status"] = json!(if active { "active" } else { "inactive" });
            }
            (7, Some(at)) => sessions[at]["labels"] = json!({ "n": format!("{profile}") }),
            (8, _) => {
                // Saved half-way: never acted on.
                self.met.broken_edits += 1;
                let half = text.len() / 2;
                let half = (0..=half).rev().find(|at| text.is_char_boundary(*at));
                let cut = text[..half.unwrap_or(0)].to_owned();
                return self.write_text(&cut);
            }
            (_, Some(_)) => sessions.reverse(),
            (_, None) => sessions.push(session(n, profile)),
        }
        self.write_workspace(&workspace);
    }

    /// Another program adds to the credentials file.
    fn foreign_edit(&mut self) {
        self.met.foreign_edits += 1;
        self.foreign_edits += 1;
        let n = self.foreign_edits;
        let mut text = std::fs::read_to_string(self.credentials_path()).unwrap_or_default();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!(
            "[other{n}]\naws_access_key_id = AKIA{n}\n# of {n}\n"
        ));
        let part = self.folder.path().join("part");
        std::fs::write(&part, text).unwrap();
        std::fs::rename(part, self.credentials_path()).unwrap();
    }

    fn commands(&mut self) {
        let id = CommandId(self.commands.len() as u64);
        let session = SessionId::new(&format!("s{}", self.random.up_to(SESSIONS - 1)));
        let action = Action::ALL[usize::try_from(self.random.up_to(2)).unwrap()];
        let order = match self.random.up_to(7) {
            0 => Order::Release,
            1..=3 => Order::Demand,
            _ => Order::Do {
                action,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        };
        self.commands.insert(id, false);
        self.input(Input::Command { id, session, order });
    }

    fn policy_answers(&mut self) {
        let (entry, evaluation, events) = self.questions.remove(0);
        let mut effects = Vec::new();
        let mut result = Ok(());
        if self.faults {
            if self.random.up_to(9) == 0 {
                result = Err(Fault {
                    kind: FaultKind::Trap,
                    message: "drawn by chance".into(),
                });
            }
            let mut views: Vec<SessionView> = Vec::new();
            for event in events {
                match event {
                    Event::Sessions(changes) => views.extend(changes.into_iter().map(|c| c.after)),
                    Event::Resync { sessions, .. } => views.extend(sessions),
                    _ => {}
                }
            }
            for view in views {
                let why = Reason::new("test", "drawn by chance");
                let action = match self.random.up_to(5) {
                    0 | 1 => Action::Start,
                    2 => Action::Stop,
                    3 => Action::Rotate,
                    4 => {
                        let until = Duration::from_secs(self.random.up_to(60));
                        effects.push(PolicyEffect::Hold(Hold {
                            session: view.key,
                            actions: [Action::Start].into_iter().collect(),
                            until: Some(self.now.plus(until)),
                            why,
                        }));
                        continue;
                    }
                    _ => continue,
                };
                effects.push(PolicyEffect::Act(Act {
                    session: view.key,
                    action,
                    revision: view.revision,
                    not_after: None,
                    why,
                }));
            }
        }
        let verdict = Verdict {
            effects,
            stopped_after: None,
        };
        self.input(Input::Evaluated {
            entry,
            evaluation,
            result: result.map(|()| verdict),
        });
    }

    fn time_passes(&mut self) {
        match self.random.up_to(19) {
            0 => {
                // A sleep, or a clock that was late.
                self.met.jumps += 1;
                self.now = self.now.plus(Duration::from_secs(self.random.up_to(7_200)));
                self.input(Input::Resumed {
                    slept_ms: 0,
                    set_ms: 0,
                });
            }
            1 => {
                self.met.jumps_back += 1;
                self.now = self
                    .now
                    .minus(Duration::from_secs(self.random.up_to(3_600)));
                self.input(Input::Resumed {
                    slept_ms: 0,
                    set_ms: 0,
                });
            }
            2..=10 => {
                if let Some(at) = self.state.next_wake() {
                    self.now = at.max(self.now);
                }
                self.input(Input::Tick);
            }
            _ => {
                self.now = self
                    .now
                    .plus(Duration::from_millis(self.random.up_to(30_000)));
                self.input(Input::Tick);
            }
        }
    }

    pub(crate) fn walk(&mut self, steps: u32) {
        for _ in 0..steps {
            self.mishap();
            self.place_mishap();
            if self.random.up_to(30) == 0 {
                self.fuse = Some(self.random.up_to(6));
            }
            match self.random.up_to(13) {
                0 => self.commands(),
                1 => self.edits(),
                2 => self.time_passes(),
                3 if self.random.up_to(3) == 0 => self.foreign_edit(),
                4 | 5 if !self.to_provider.is_empty() => self.provider_answers(),
                6..=8 if !self.to_chain.is_empty() => self.chain_works(),
                9 if self.dirty => self.look(),
                10 if !self.states.is_empty() => self.project(),
                11 => {
                    let session = SessionId::new(&format!("s{}", self.random.up_to(SESSIONS - 1)));
                    self.input(Input::Attended(UserInput::Session(session)));
                }
                _ if !self.questions.is_empty() => self.policy_answers(),
                _ => {}
            }
            self.check_files();
        }
    }

    /// Faults and wishes cease; whatever is under way has to come to its end, and the files have
    /// to say so.
    pub(crate) fn rest(&mut self) {
        self.faults = false;
        self.fuse = None;
        self.mend();
        self.mend_places();
        let broken = std::fs::read_to_string(self.workspace_path())
            .map_or(true, |text| serde_json::from_str::<Value>(&text).is_err());
        if broken {
            self.write_workspace(&first());
        }
        for _ in 0..5_000 {
            if !self.questions.is_empty() {
                self.policy_answers();
            } else if !self.to_chain.is_empty() {
                self.chain_works();
            } else if !self.to_provider.is_empty() {
                self.provider_answers();
            } else if self.dirty {
                self.look();
            } else if !self.states.is_empty() {
                self.project();
            } else if self.is_settled() {
                return self.check_settled();
            } else if let Some(at) = self.state.next_wake() {
                self.now = at.max(self.now);
                self.input(Input::Tick);
            } else {
                break;
            }
        }
        self.check_settled();
    }
}
