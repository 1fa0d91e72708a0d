//! Policies see what they are granted, and nothing that waits for them grows for ever.

use crate::audit::Audit;
use crate::audit::violation::Violation;
use crate::model::policy::EntryName;
use crate::model::session_id::SessionId;
use crate::state::entry_state::EntryState;

impl Audit<'_> {
    /// Nothing that waits for a policy grows for ever.
    pub(super) fn entries(&mut self) {
        let settings = self.state.settings;
        // Those that a failed call gave back, and those that came meanwhile.
        let events_max = settings.wakes_max + 2 * settings.customs_max;
        for (name, policy) in self.state.entries() {
            self.visibility(name, policy);
            let removed = policy
                .pending_sessions()
                .filter(|id| policy.suspended && self.state.session(id).is_none());
            let waiting = [
                ("events", policy.events_waiting(), events_max),
                ("wake-ups", policy.wakes_pending(), settings.wakes_max),
                ("removed sessions", removed.count(), 0),
            ];
            for (what, waiting, bound) in waiting {
                if waiting > bound {
                    let entry = name.clone();
                    self.broken(Violation::Backlog {
                        entry,
                        what,
                        waiting,
                        bound,
                    });
                }
            }
        }
    }

    /// An entry sees what it is granted, all of it, and has a say in nothing else.
    fn visibility(&mut self, name: &EntryName, policy: &EntryState) {
        let mut seen = 0;
        for (id, state) in self.state.sessions() {
            let granted = state.present && policy.entry.grant.sessions.matches(&state.view);
            seen += usize::from(granted);
            let (entry, session) = (name.clone(), id.clone());
            match policy.view(id) {
                None if granted => self.broken(Violation::Unseen { entry, session }),
                Some(_) if !granted => self.broken(Violation::BeyondGrant { entry, session }),
                Some(view) if view.facts != state.view => {
                    self.broken(Violation::Outdated { entry, session });
                }
                _ => {}
            }
        }
        let beyond = policy
            .sessions_with_proposals()
            .find(|id| policy.view(id).is_none());
        if let Some(session) = beyond.cloned() {
            let entry = name.clone();
            self.broken(Violation::BeyondGrant { entry, session });
        }
        if policy.views().len() != seen {
            let (entry, session) = (name.clone(), SessionId::new("(unknown)"));
            self.broken(Violation::BeyondGrant { entry, session });
        }
    }

    /// The end of each valid sign-in is announced.
    pub(super) fn sign_ins(&mut self) {
        for (sign_in, told) in self.state.sign_ins() {
            let ends = sign_in.ends;
            if ends > self.now && told.is_none_or(|at| at > ends) {
                let integration = sign_in.integration.clone();
                self.broken(Violation::UnwatchedSignIn { integration, ends });
            }
        }
    }
}

/// What is wrong, for a person.
pub(super) fn text(violation: &Violation) -> Option<String> {
    Some(match violation {
        Violation::Backlog {
            entry,
            what,
            waiting,
            bound,
        } => format!("{waiting} {what} wait for policy {entry} where {bound} may"),
        Violation::BeyondGrant { entry, session } => {
            format!(
                "policy {entry} decided about session {session}, which its grant does not cover"
            )
        }
        Violation::Unseen { entry, session } => {
            format!("policy {entry} does not see session {session}, which it is granted")
        }
        Violation::Outdated { entry, session } => {
            format!("policy {entry} sees session {session} as it is not any more")
        }
        Violation::UnwatchedSignIn { integration, ends } => {
            format!("no event will announce that the sign-in to {integration} ends at {ends}")
        }
        _ => return None,
    })
}
