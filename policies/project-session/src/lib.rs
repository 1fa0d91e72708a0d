//! Keeps active what the project needs that is worked on, and stops the other sessions of the group.
//!
//! What is worked on is told by a `.dayfly` file, by a folder that a shell enters (a custom event), or
//! by the branch that is checked out in a repository. The last word counts.

mod project;

use dayfly_policy_sdk::config::ConfigError;
use dayfly_policy_sdk::{
    Act, Action, Context, Descriptor, Effect, Event, PROPOSAL_FIELDS, Policy, Reason, Scope,
    Session, SessionKey, Severity, State, Status, Subscription, Verdict, Workspace, WorkspaceRule,
    occasions, wildcard,
};

pub use project::{Project, Settings};

use project::SCHEMA;

/// The key of what is worked on.
const WANTED: &str = "wanted";
/// Sessions that are asked for at once.
const PAGE: u32 = 500;

/// The rule.
pub struct ProjectSession;

impl Policy for ProjectSession {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "project-session".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "keeps the sessions active that the current project needs".into(),
            config_schema: SCHEMA.into(),
            actions: vec![Action::Start, Action::Stop],
            may_hold: false,
            state_bytes: 16_384,
        }
    }

    fn parse(config: &str) -> Result<Settings, ConfigError> {
        Settings::read(config)
    }

    fn subscriptions(config: &Settings) -> Vec<Subscription> {
        let mut wanted = vec![config.matcher.subscription(PROPOSAL_FIELDS)];
        wanted.extend(config.files.iter().cloned().map(Subscription::Files));
        wanted.extend(config.branches().map(Subscription::Branch));
        wanted.extend(config.event.iter().cloned().map(Subscription::Custom));
        wanted
    }
}

impl WorkspaceRule for ProjectSession {
    fn evaluate(
        config: &Settings,
        _: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        state: &mut dyn State,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        let before = Project::remembered(state.get(Scope::Global, WANTED).as_deref());
        let mut now = before.clone();
        for event in events {
            match config.told(event) {
                Ok(Some(project)) => now = Some(project),
                Ok(None) => {}
                Err(trouble) => verdict.note(Severity::Warning, trouble),
            }
        }
        if now != before {
            let bytes = now.as_ref().map(Project::to_bytes).unwrap_or_default();
            if state.set(Scope::Global, WANTED, &bytes).is_err() {
                verdict.note(Severity::Warning, "the project is too large to remember");
            }
        }
        let Some(project) = now.as_ref() else {
            return verdict;
        };
        let mut told: Vec<SessionKey> = Vec::new();
        for occasion in occasions(events) {
            told.push(occasion.session.key);
            if !occasion.gone() {
                let hopeful = occasion.hopeless().is_none();
                propose(config, project, occasion.session, hopeful, &mut verdict);
            }
        }
        if now != before {
            told.sort_unstable();
            sweep(config, project, workspace, &told, &mut verdict);
        }
        verdict
    }
}

/// Looks at all sessions but those that were looked at.
fn sweep(
    config: &Settings,
    project: &Project,
    workspace: &dyn Workspace,
    told: &[SessionKey],
    verdict: &mut Verdict,
) {
    let filter = config.matcher.filter();
    let mut after = None;
    loop {
        let page = workspace.find(&filter, after, PAGE);
        let Some(last) = page.last() else {
            return;
        };
        after = Some(last.key);
        for session in page.iter().filter(|s| told.binary_search(&s.key).is_err()) {
            if !propose(config, project, session, true, verdict) {
                verdict.push(Effect::Withdraw(session.key));
            }
        }
    }
}

/// Proposes what the project asks for; whether there is anything to propose.
fn propose(
    config: &Settings,
    project: &Project,
    session: &Session,
    hopeful: bool,
    verdict: &mut Verdict,
) -> bool {
    if !config.matcher.matches(session) {
        return false;
    }
    let wanted = project
        .sessions
        .iter()
        .any(|pattern| wildcard(pattern, &session.name) || *pattern == session.id);
    if wanted {
        let inactive = session.status == Status::Inactive;
        if inactive && !hopeful {
            return false;
        }
        let why = Reason::new("project", format!("{} names it", project.source));
        verdict.push(Act::new(Action::Start, session, why));
        return true;
    }
    if session.status != Status::Active {
        return false;
    }
    let why = Reason::new(
        "other-project",
        format!("{} does not name it", project.source),
    );
    verdict.push(Act::new(Action::Stop, session, why));
    true
}

dayfly_policy_sdk::export_policy!(stateful ProjectSession);

#[cfg(test)]
mod tests;
