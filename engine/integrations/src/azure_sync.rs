//! Takes the subscriptions that an Azure integration sees over as sessions.

use std::collections::BTreeSet;

use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, sanitize};
use dayfly_host::{orders, workspace};
use dayfly_providers::azure::Subscription;
use dayfly_runtime::{Home, clock};
use dayfly_workspace::{AzureSyncPlan, ListedSubscription, Workspace};
use serde::Serialize;

use crate::progress::Progress;
use crate::sso::block_on;
use crate::{azure, sso_sync, synced};

/// What a sync did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    integration: String,
    dry_run: bool,
    subscriptions: usize,
    added: Vec<String>,
    removed: Vec<String>,
    /// Not listed any more, and not removed since they could not be stopped.
    kept: Vec<String>,
    unchanged: usize,
}

/// Takes them over, or says what would change.
pub fn run(
    home: &Home,
    id: &str,
    how: sso_sync::How,
    progress: &dyn Progress,
) -> Result<Outcome, CliError> {
    let workspace = workspace::require(home)?;
    let listed = listed(home, &workspace, id, progress)?;
    let mut plan = AzureSyncPlan::new(&workspace, id, &listed);
    if listed.is_empty() && !plan.removed.is_empty() && !how.remove_all {
        let message = format!(
            "Azure lists no subscription at all, so Dayfly would remove {} sessions",
            plan.removed.len()
        );
        let hint = "nothing was changed; pass --remove-all if that is right";
        return Err(CliError::failed(message).hint(hint));
    }
    let named = |id: &SessionId| synced::named(&workspace, id);
    let mut kept = BTreeSet::new();
    if !how.dry_run && !plan.is_empty() {
        let failed = orders::stop_all(home, &plan.removed.iter().collect())?;
        for (id, _) in failed {
            plan.removed.remove(&id);
            kept.insert(id);
        }
        carry_out(home, id, &listed, &kept)?;
    }
    let outcome = Outcome {
        integration: id.to_owned(),
        dry_run: how.dry_run,
        subscriptions: listed.len(),
        added: plan
            .added
            .iter()
            .filter_map(|session| session.get("sessionName")?.as_str().map(str::to_owned))
            .collect(),
        removed: plan.removed.iter().map(named).collect(),
        kept: kept.iter().map(named).collect(),
        unchanged: plan.unchanged,
    };
    Ok(outcome)
}

/// The subscriptions in which anything can be done.
fn listed(
    home: &Home,
    workspace: &Workspace,
    id: &str,
    progress: &dyn Progress,
) -> Result<Vec<ListedSubscription>, CliError> {
    let called = azure::called(home, workspace, id)?;
    let listed = block_on(async {
        progress.at(0, 0, "listing subscriptions");
        let told = |count: usize| progress.at(0, 0, &format!("{count} subscriptions"));
        let listed = called
            .tokens
            .subscriptions(&called.integration, clock::now(), told);
        listed.await.map_err(azure::trouble)
    });
    progress.end();
    let usable = listed?.into_iter().filter(Subscription::is_usable);
    let listed = |one: Subscription| ListedSubscription {
        id: one.subscription_id,
        name: one.display_name,
        tenant_id: one.tenant_id,
    };
    Ok(usable.map(listed).collect())
}

/// Writes it.
fn carry_out(
    home: &Home,
    id: &str,
    listed: &[ListedSubscription],
    kept: &BTreeSet<SessionId>,
) -> Result<(), CliError> {
    synced::write(home, |workspace, text| {
        let mut plan = AzureSyncPlan::new(workspace, id, listed);
        plan.removed.retain(|id| !kept.contains(id));
        plan.apply(text)
    })
}

impl Outcome {
    /// For a person, who calls the integration so.
    pub fn text(&self, name: &str) -> String {
        let mut text = String::new();
        for (mark, names) in [("+", &self.added), ("-", &self.removed)] {
            text += &synced::marked(mark, names.iter().map(String::as_str));
        }
        for name in &self.kept {
            text += &format!(
                "! {} is no longer listed, but Dayfly could not stop it\n",
                sanitize(name)
            );
        }
        text += &format!(
            "{}: {} subscriptions; {} {}, {} removed, {} unchanged\n",
            sanitize(name),
            self.subscriptions,
            self.added.len(),
            synced::added(self.dry_run),
            self.removed.len(),
            self.unchanged
        );
        text
    }
}
