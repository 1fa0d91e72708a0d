//! What a running engine tells of itself.

use dayfly_core::session::Status;

use super::engine_loop::EngineLoop;
use super::layers::LAYER;
use crate::message::OrderError;
use crate::report::{EngineFacts, EngineReport, PolicyReport, ProblemReport, SessionReport};
use crate::workspace_worker;

impl EngineLoop {
    /// What is known of the session that `asked` means.
    pub(super) fn report_of(&self, asked: &str) -> Result<SessionReport, OrderError> {
        let Some(workspace) = &self.workspace else {
            let problems = workspace_worker::problems(None, self.rejected.as_ref());
            return Err(OrderError::NoWorkspace(problems));
        };
        let session = &workspace.resolve(asked)?.session;
        Ok(match self.state.session(&session.id) {
            Some(tracked) => self.session_report(tracked),
            None => SessionReport::written(session, Status::Inactive),
        })
    }

    pub(super) fn report(&self) -> EngineReport {
        let mut problems: Vec<ProblemReport> = self
            .records
            .troubles
            .iter()
            .filter(|(about, _)| *about != "workspace")
            .map(|(about, (message, hint))| ProblemReport {
                about: about.clone(),
                message: message.clone(),
                hint: hint.clone(),
                // Everything goes on as it was merged.
                warning: about.starts_with(LAYER),
            })
            .chain(self.layer_notices())
            .collect();
        let of_workspace =
            workspace_worker::problems(self.workspace.as_deref(), self.rejected.as_ref());
        problems.extend(of_workspace.iter().map(ProblemReport::of_workspace));
        // What is done about it is said once, with the first.
        if let Some((_, consequence)) = self.records.troubles.get("workspace")
            && let Some(first) = problems.iter_mut().find(|p| p.about == "workspace")
        {
            let hints = [first.hint.take(), consequence.clone()];
            first.hint = Some(hints.into_iter().flatten().collect::<Vec<_>>().join("; "));
        }
        let mut sessions: Vec<SessionReport> = self
            .state
            .sessions()
            .filter(|(_, tracked)| tracked.present)
            .map(|(_, tracked)| self.session_report(tracked))
            .collect();
        sessions.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let policies = self.state.entries().filter_map(|(name, tracking)| {
            let in_force = self.policies.entries.get(name)?;
            Some(PolicyReport::of(tracking, &in_force.prepared))
        });
        EngineReport {
            engine: Some(EngineFacts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                since: self.started,
                loading: !self.policies.configured,
                unlocked: dayfly_vault::kept().unlocked,
            }),
            workspace: self.home.workspace(),
            problems,
            sessions,
            policies: policies.collect(),
        }
    }
}
