//! Takes the accounts and roles of a portal of IAM Identity Center over as sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, sanitize};
use dayfly_host::{orders, workspace};
use dayfly_providers::sso::Role;
use dayfly_runtime::{Home, sso_integration};
use dayfly_workspace::{AwsSsoIntegration, ListedRole, ProfileTemplate, SyncPlan, Workspace};
use serde::Serialize;

use crate::adopt::{self, Adoption};
use crate::progress::Progress;
use crate::sso;
use crate::synced::{self, named};

/// How the person wants it.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Only what would change is told.
    pub dry_run: bool,
    /// All sessions go where nothing is listed.
    pub remove_all: bool,
    /// New sessions have profiles of their own, even where the shared files have some for their roles.
    pub new_profiles: bool,
}

/// What a sync did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    integration: String,
    dry_run: bool,
    accounts: usize,
    roles: usize,
    /// Sessions that profiles of the shared files became.
    adopted: Vec<Line>,
    added: Vec<Line>,
    changed: Vec<Line>,
    removed: Vec<Line>,
    /// Not listed any more, and not removed for this reason.
    kept: Vec<Kept>,
    unchanged: usize,
}

#[derive(Debug, Serialize)]
struct Line {
    id: SessionId,
    name: String,
}

#[derive(Debug, Serialize)]
struct Kept {
    id: SessionId,
    name: String,
    reason: String,
}

/// Takes them over, or says what would change.
pub fn run(
    home: &Home,
    integration: &AwsSsoIntegration,
    how: How,
    progress: &dyn Progress,
) -> Result<Outcome, CliError> {
    check_template(integration)?;
    let roles = listed(home, integration, progress)?;
    let workspace = workspace::require(home)?;
    let name = integration.alias.as_ref().unwrap_or(&integration.id);
    let adoption = match how.new_profiles {
        true => None,
        false => Some(Adoption::find(home, &workspace, integration, &roles)?),
    };
    let adopted = adoption.as_ref().map(Adoption::sessions);
    let adopted = adopted.unwrap_or_default();
    let workspace = match &adoption {
        Some(adoption) if !adopted.is_empty() => Arc::new(adoption.workspace(home)?),
        _ => workspace,
    };
    let mut plan = SyncPlan::new(&workspace, &integration.id, &roles);
    if roles.is_empty() && !plan.removed.is_empty() && !how.remove_all {
        let count = plan.removed.len();
        let message = format!(
            "the portal of \"{name}\" lists no role at all, so Dayfly would remove {count} sessions"
        );
        return Err(CliError::failed(message)
            .hint("nothing was changed; pass --remove-all if that is right"));
    }
    if let Some(adoption) = adoption.filter(|_| !how.dry_run) {
        adoption.carry_out(home)?;
    }
    let mut kept = Vec::new();
    for (id, child) in &plan.kept {
        let reason = format!("\"{}\" is chained to it", named(&workspace, child));
        kept.push(keep(&workspace, id, reason));
    }
    if !how.dry_run && !plan.is_empty() {
        let failed = orders::stop_all(home, &plan.removed.iter().collect())?;
        for (id, trouble) in failed {
            plan.removed.remove(&id);
            kept.push(keep(&workspace, &id, trouble.message));
        }
        carry_out(home, integration, &roles, &kept)?;
        adopt::give_back(home, &plan.removed)?;
    }
    let mut accounts: Vec<&str> = roles.iter().map(|role| role.account.as_str()).collect();
    accounts.dedup();
    let outcome = Outcome {
        integration: integration.id.clone(),
        dry_run: how.dry_run,
        accounts: accounts.len(),
        roles: roles.len(),
        added: plan.added.iter().map(new_line).collect(),
        unchanged: plan.unchanged - unchanged_of(&plan, &adopted),
        changed: lines(
            &workspace,
            plan.changed.keys().filter(|id| !adopted.contains_key(*id)),
        ),
        adopted: lines(&workspace, adopted.keys()),
        removed: lines(&workspace, plan.removed.iter()),
        kept,
    };
    Ok(outcome)
}

/// What new sessions are called has to be known before anything is changed.
fn check_template(integration: &AwsSsoIntegration) -> Result<(), CliError> {
    let Some(template) = &integration.profile_template else {
        return Ok(());
    };
    let checked = ProfileTemplate::parse(template);
    checked
        .map(drop)
        .map_err(|error| CliError::failed(error.to_string()).hint(error.hint()))
}

/// How many of these sessions the plan leaves as they are.
fn unchanged_of(plan: &SyncPlan, sessions: &BTreeMap<SessionId, String>) -> usize {
    let unchanged = |id: &&SessionId| !plan.changed.contains_key(*id);
    sessions.keys().filter(unchanged).count()
}

/// The roles that the portal lists.
fn listed(
    home: &Home,
    integration: &AwsSsoIntegration,
    progress: &dyn Progress,
) -> Result<Vec<ListedRole>, CliError> {
    let portals = sso::portals(home)?;
    let integration = sso_integration(integration);
    let roles = sso::block_on(async {
        progress.at(0, 0, "listing accounts");
        let tell = |accounts: usize, done: usize, roles: usize| {
            let text = format!("{done} of {accounts} accounts, {roles} roles");
            progress.at(done, accounts, &text);
        };
        let roles = portals.roles(&integration, tell).await;
        roles.map_err(sso::trouble)
    });
    progress.end();
    let listed = |role: Role| ListedRole {
        account: role.account.id,
        account_name: role.account.name,
        email: role.account.email,
        role: role.name,
    };
    Ok(roles?.into_iter().map(listed).collect())
}

/// Writes it.
fn carry_out(
    home: &Home,
    integration: &AwsSsoIntegration,
    roles: &[ListedRole],
    kept: &[Kept],
) -> Result<(), CliError> {
    synced::write(home, |workspace, text| {
        let mut plan = SyncPlan::new(workspace, &integration.id, roles);
        plan.removed
            .retain(|id| kept.iter().all(|one| one.id != *id));
        plan.apply(text)
    })
}

fn keep(workspace: &Workspace, id: &SessionId, reason: String) -> Kept {
    Kept {
        id: id.clone(),
        name: named(workspace, id),
        reason,
    }
}

fn lines<'a>(workspace: &Workspace, ids: impl Iterator<Item = &'a SessionId>) -> Vec<Line> {
    let line = |id: &SessionId| Line {
        id: id.clone(),
        name: named(workspace, id),
    };
    ids.map(line).collect()
}

fn new_line(object: &serde_json::Map<String, serde_json::Value>) -> Line {
    let text = |field| object.get(field).and_then(serde_json::Value::as_str);
    Line {
        id: SessionId::new(text("sessionId").unwrap_or_default()),
        name: text("sessionName").unwrap_or_default().to_owned(),
    }
}

impl Outcome {
    /// For a person, who calls the integration so.
    pub fn text(&self, name: &str) -> String {
        let mut text = String::new();
        for (mark, lines) in [
            ("=", &self.adopted),
            ("+", &self.added),
            ("~", &self.changed),
            ("-", &self.removed),
        ] {
            text += &synced::marked(mark, lines.iter().map(|line| line.name.as_str()));
        }
        for one in &self.kept {
            text += &format!(
                "! {} is no longer listed, but Dayfly kept it: {}\n",
                sanitize(&one.name),
                sanitize(&one.reason)
            );
        }
        if !self.adopted.is_empty() {
            text += &format!(
                "= {} of the shared AWS files; their lines are set aside until the sessions are removed\n",
                match self.dry_run {
                    true => "would be sessions of the profiles",
                    false => "are sessions of the profiles",
                }
            );
        }
        text += &format!(
            "{}: {} roles in {} accounts; {} {}, {} changed, {} removed, {} unchanged\n",
            sanitize(name),
            self.roles,
            self.accounts,
            self.added.len(),
            synced::added(self.dry_run),
            self.changed.len(),
            self.removed.len(),
            self.unchanged
        );
        text
    }
}
