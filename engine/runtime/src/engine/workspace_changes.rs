//! The Workspace file was looked at.

use std::sync::Arc;

use dayfly_core::effect::JournalEvent;
use dayfly_core::input::Input;
use dayfly_workspace::Workspace;

use super::engine_loop::EngineLoop;
use crate::report::ProblemReport;
use crate::workspace_reloaded::WorkspaceReloaded;

impl EngineLoop {
    pub(super) fn looked(&mut self, looked: WorkspaceReloaded) {
        if let Some((workspace, change)) = looked.change {
            let of = |w: &Workspace| {
                let region = w.default_region().map(str::to_owned);
                (region, w.aws_sso_integrations().to_vec())
            };
            let before = self.workspace.as_deref().map(of);
            let said = self.workspace.as_ref().is_none_or(|w| w.says_delivery());
            let realign = said || workspace.says_delivery();
            let after = Some(of(&workspace));
            self.tell_problems(&workspace);
            self.held.set_workspace(Arc::clone(&workspace));
            self.cloud.input_brokers.locate(&workspace);
            self.workspace = Some(workspace);
            if before != after {
                self.provide();
            }
            self.enter(Input::Workspace(change));
            if realign {
                self.tell_wanted_deliveries();
            }
            self.tell_key_rules();
        }
        self.rejected = looked.rejected;
        let problem = self.rejected.as_ref().map(|rejected| {
            let first = rejected.problems.first();
            let message = first.map(|p| ProblemReport::of_workspace(p).message);
            let hint = if self.workspace.is_some() {
                "fix the file; until then its last valid version stays in force"
            } else {
                "fix the file; until then Dayfly changes no session"
            };
            (message.unwrap_or_default(), Some(hint.to_owned()))
        });
        self.trouble("workspace", problem);
        for ticket in looked.tickets {
            if let Some((asked, order, answer)) = self.callers.tickets.remove(&ticket) {
                self.order(&asked, order, answer);
            }
        }
    }

    /// Tells what is wrong with single sessions, once; a report has all of it.
    pub(super) fn tell_problems(&mut self, workspace: &Workspace) {
        let known = self
            .workspace
            .as_deref()
            .map_or(&[][..], Workspace::problems);
        let new = workspace.problems().iter().filter(|p| !known.contains(p));
        let new: Vec<ProblemReport> = new.map(ProblemReport::of_workspace).collect();
        for problem in new {
            self.note(JournalEvent::Trouble {
                about: problem.about,
                message: problem.message,
                hint: problem.hint,
            });
        }
    }
}
