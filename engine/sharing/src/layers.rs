//! Layers: Workspaces of others, fetched, looked at, agreed to and merged into one's own.
//!
//! What a layer said when it was last merged is kept in the store under the digest that `dayfly.lock`
//! has of it, so that a later merge knows which fields a person changed since.

use std::collections::BTreeSet;

use dayfly_core::session::SessionId;
use dayfly_dialog::CliError;
use dayfly_host::{locking, orders, refused};
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, IncludeSettings, ModuleSource};
use dayfly_store::lock::LockedLayer;
use dayfly_store::{ContentDigest, Remote, TrustedStore};
use dayfly_workspace::layers::{Layer, LayerError, LayerPlan};
use dayfly_workspace::splice::SpliceError;
use dayfly_workspace::{Workspace, WorkspaceFile};

use crate::layer_report::LayerReport;
use crate::layer_source;
use crate::talk::Talk;

/// What a merge may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Only what would change is told.
    pub check: bool,
    /// The person said yes beforehand.
    pub yes: bool,
    /// What the person changed or removed becomes as the layer has it.
    pub restore: bool,
    /// An older version than the one that was merged may come.
    pub downgrade: bool,
    /// A program reads, so nobody is told.
    pub quiet: bool,
}

/// Merges what a layer says now into the Workspace, and notes it in the lock file.
///
/// # Errors
/// The layer cannot be had or used, somebody who has to sign it did not, nobody agreed, or the Workspace
/// would have errors that it has not now. Nothing is changed then.
pub fn merge(
    home: &Home,
    config: &Config,
    include: &IncludeSettings,
    how: How,
    talk: &Talk<'_>,
) -> Result<LayerReport, CliError> {
    let now = layer_source::look(home, config, &include.name, &include.source)?;
    let mut lock = locking::load_to_write(home)?;
    let store = TrustedStore::store(home.folder());
    let text = now.layer.text();
    let old = lock.layer(&include.name);
    let mut locked = LockedLayer {
        name: include.name.clone(),
        source: include.source.to_string(),
        digest: ContentDigest::of(text.as_bytes()),
        version: now.layer.version().map(str::to_owned),
        resolved: now.resolved,
        signer: now.signer,
        aside: BTreeSet::new(),
    };
    let mut before = Layer::default();
    if let Some(old) = old {
        layer_source::refuse_older(old, &locked, how.downgrade)?;
        before = layer_source::before(home, config, old)?.without(&old.aside);
    }
    let merging = Merging {
        home,
        name: &include.name,
        before: &before,
        now: &now.layer,
        how,
    };
    let (plan, kept) = merging.plan()?;
    locked.aside.clone_from(&plan.aside);
    let mut report = LayerReport::new(&locked, now.layer.sessions(), &plan, &kept);
    report.since(old);
    if matches!(include.source, ModuleSource::Remote(Remote::Oci(_))) {
        report.ask_for_version();
    }
    if !how.quiet {
        (talk.say)(&report.text());
    }
    if how.check {
        return Ok(report);
    }
    if !plan.is_empty() {
        (talk.agree)("Merge this into the Workspace?", how.yes, "--yes")?;
    }
    // Kept first: what is merged and not kept could not be told from a person's own changes later.
    if old != Some(&locked) {
        let failed = |e: dayfly_store::ContentError| CliError::failed(e.to_string());
        store.put(text.as_bytes()).map_err(failed)?;
    }
    if !plan.is_empty() {
        merging.carry_out(&plan, &kept)?;
    }
    if old != Some(&locked) {
        lock.set_layer(locked);
        locking::save(home, &mut lock)?;
    }
    Ok(report.merged())
}

/// Takes what came of a layer out of the Workspace; its sessions are stopped before.
///
/// # Errors
/// Nobody agreed, a session cannot be stopped, or the Workspace cannot be written.
pub fn take_out(
    home: &Home,
    name: &str,
    how: How,
    talk: &Talk<'_>,
) -> Result<LayerReport, CliError> {
    let mut lock = locking::load_to_write(home)?;
    let locked = lock.layer(name);
    let kept = locked.map_or(Ok(None), |locked| layer_source::kept(home, locked))?;
    // Without it the sessions are known by what they say themselves, and the rest stays.
    let lost = locked.is_some() && kept.is_none();
    let aside = locked.map(|locked| locked.aside.clone());
    let before = kept.unwrap_or_default().without(&aside.unwrap_or_default());
    let merging = Merging {
        home,
        name,
        before: &before,
        now: &Layer::default(),
        how,
    };
    let (plan, kept) = merging.plan()?;
    if let Some((id, child)) = kept.first() {
        let message =
            format!("session {id} of the layer is the parent of your session \"{child}\"");
        return Err(CliError::usage(message)
            .hint("nothing was changed; give that session another parent first, or remove it"));
    }
    let locked = locked.cloned().unwrap_or_else(|| LockedLayer {
        name: name.to_owned(),
        source: "-".to_owned(),
        digest: ContentDigest::of(b""),
        version: None,
        resolved: None,
        signer: None,
        aside: BTreeSet::new(),
    });
    let mut report = LayerReport::new(&locked, 0, &plan, &kept);
    report.lost = lost;
    if !how.quiet {
        (talk.say)(&report.text());
    }
    if !plan.is_empty() {
        (talk.agree)("Remove this from the Workspace?", how.yes, "--yes")?;
        merging.carry_out(&plan, &kept)?;
    }
    if lock.remove_layer(name) {
        locking::save(home, &mut lock)?;
    }
    Ok(report.merged())
}

/// A merge on its way.
struct Merging<'a> {
    home: &'a Home,
    name: &'a str,
    before: &'a Layer,
    now: &'a Layer,
    how: How,
}

/// Sessions that stay although the layer does not have them any more, and the session chained to each.
type Kept = Vec<(String, String)>;

impl Merging<'_> {
    /// What would change, by what the Workspace says now.
    fn plan(&self) -> Result<(LayerPlan, Kept), CliError> {
        let workspace = dayfly_host::workspace::require(self.home)?;
        self.of(&workspace)
            .map_err(|e| CliError::failed(e.to_string()).hint("nothing was changed"))
    }

    fn of(&self, workspace: &Workspace) -> Result<(LayerPlan, Kept), LayerError> {
        let (text, restore) = (workspace.source(), self.how.restore);
        let mut plan = LayerPlan::new(text, self.before, self.now, self.name, restore)?;
        let mut kept = Kept::new();
        // Those that stay may be chained to others that were to go.
        loop {
            let going: BTreeSet<&str> = plan.removed_sessions().into_iter().collect();
            let stays = workspace.sessions().iter().map(|entry| &entry.session);
            let stays = stays.filter(|session| !going.contains(session.id.as_str()));
            let more: Kept = stays
                .filter_map(|session| {
                    let parent = session.parent()?.as_str();
                    going
                        .contains(parent)
                        .then(|| (parent.to_owned(), session.name.clone()))
                })
                .collect();
            if more.is_empty() {
                break;
            }
            plan.keep(&more.iter().map(|(id, _)| id.clone()).collect());
            kept.extend(more);
        }
        Ok((plan, kept))
    }

    /// Stops what goes, then writes the Workspace, by what it says under its lock.
    fn carry_out(&self, plan: &LayerPlan, kept: &Kept) -> Result<(), CliError> {
        let going: Vec<SessionId> = plan
            .removed_sessions()
            .into_iter()
            .map(SessionId::new)
            .collect();
        let failed = orders::stop_all(self.home, &going.iter().collect())?;
        if let Some((_, trouble)) = failed.into_iter().next() {
            return Err(trouble);
        }
        let path = self.home.workspace();
        let file = WorkspaceFile::at(&path);
        let shape = SpliceError::Shape { field: "sessions" };
        file.edit(|text| {
            let workspace = Workspace::parse(text, &path, None).map_err(|_| shape.clone())?;
            let (mut plan, _) = self.of(&workspace).map_err(|_| shape.clone())?;
            plan.keep(&kept.iter().map(|(id, _)| id.clone()).collect());
            plan.apply(text)
        })
        .map(drop)
        .map_err(|e| refused(e).about(&format!("with layer \"{}\"", self.name)))
    }
}
