//! Long-lived keys that are looked after: whose, how old they may become, and calls about them.

use std::time::Duration;

use dayfly_core::effect::KeyCall;
use dayfly_core::input::Input;
use dayfly_core::key_rotation::{KeyRule, KeyRules};
use dayfly_core::session::{ErrorKind, Failure, SessionId, SessionType};

use dayfly_providers::interrupted_rotations;

use super::engine_loop::EngineLoop;
use super::sources::aws_settings;
use crate::key_calls::{self, KeyWork};

const DAY: Duration = Duration::from_secs(86_400);

impl EngineLoop {
    /// Tells the core how old keys may become: what a session says itself, else the configuration.
    pub(super) fn tell_key_rules(&mut self) {
        if self.suspended.is_some() || !self.keys.looked_after {
            return;
        }
        let Some(workspace) = self.workspace.as_deref() else {
            return;
        };
        let usual = self.config.aws.rotate_key_days;
        let sessions = workspace.sessions().iter().map(|entry| &entry.session);
        let users = sessions.filter(|s| s.session_type() == SessionType::AwsIamUser);
        let rule = |id: &SessionId| {
            let days = workspace.rotate_key_days(id).or(usual).unwrap_or(0);
            match days {
                0 => self
                    .keys
                    .interrupted
                    .contains(id)
                    .then_some(KeyRule::EndInterrupted),
                days => Some(KeyRule::Every(DAY * days)),
            }
        };
        let rules: KeyRules = users
            .filter_map(|session| Some((session.id.clone(), rule(&session.id)?)))
            .collect();
        if !rules.is_empty() || self.state.keys().next().is_some() {
            self.enter(Input::KeyRules(rules));
        }
    }

    /// Finds out which rotations an earlier engine, or a person, could not bring to their end.
    pub(super) fn find_interrupted_rotations(&mut self) {
        if !self.keys.looked_after {
            return;
        }
        let vault = self.cloud.keys.vault();
        match vault.map_or(Ok(Vec::new()), interrupted_rotations) {
            Ok(sessions) => self.keys.interrupted = sessions.into_iter().collect(),
            Err(error) => {
                let message = format!(
                    "Dayfly does not know whether the rotation of an access key was interrupted: {error}"
                );
                let hint = "restart the engine once the vault can be read";
                self.trouble("vault", Some((message, Some(hint.to_owned()))));
            }
        }
    }

    /// Has a key looked at or replaced. What fails at once comes back as an input.
    pub(super) fn call_about_key(
        &self,
        call: KeyCall,
        session: SessionId,
        work: KeyWork,
    ) -> Option<Input> {
        let tracked = self.state.session(&session);
        let (Some(tracked), Some(vault)) = (tracked, self.cloud.keys.vault()) else {
            let message = "Dayfly has no vault to replace the access key in";
            let result = Err(Failure::new(ErrorKind::Misconfigured, message));
            return Some(Input::KeyAnswered {
                call,
                session,
                result,
            });
        };
        let task = key_calls::Task {
            call,
            session: std::sync::Arc::clone(&tracked.session),
            aws: aws_settings(&self.config, self.workspace.as_deref()),
            vault: vault.clone(),
            lock: self.home.key_rotation_lock(),
            work,
        };
        key_calls::begin(task, self.messages.clone());
        None
    }
}
