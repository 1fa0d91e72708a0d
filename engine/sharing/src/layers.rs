//! Layers: Workspaces of others, fetched, looked at, agreed to and merged into one's own.
//!
//! What a layer said when it was last merged is kept in the store under the digest that `dayfly.lock`
//! has of it, so that a later merge knows which fields a person changed since.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, Code};
use dayfly_fs::trusted;
use dayfly_host::{locking, orders, refused};
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, IncludeSettings, ModuleSource};
use dayfly_store::lock::LockedLayer;
use dayfly_store::{Lock, TrustedStore};
use dayfly_workspace::layers::{Layer, LayerError, LayerPlan};
use dayfly_workspace::splice::SpliceError;
use dayfly_workspace::{Workspace, WorkspaceFile};

use crate::acquire::{self, Found};
use crate::layer_report::LayerReport;
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
    /// A program reads, so nobody is told.
    pub quiet: bool,
}

/// What a layer says now.
struct Looked {
    layer: Layer,
    resolved: Option<String>,
    signer: Option<String>,
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
    let now = look(home, config, include)?;
    let source = include.source.to_string();
    let text = now.layer.text();
    let store = TrustedStore::store(home.folder());
    let digest = dayfly_store::content::ContentDigest::of(text.as_bytes());
    let locked = LockedLayer {
        name: include.name.clone(),
        source: source.clone(),
        digest,
        resolved: now.resolved.clone(),
        signer: now.signer.clone(),
    };
    let mut lock = locking::load_to_write(home)?;
    let before = before(home, &lock, &include.name)?;
    let merging = Merging {
        home,
        name: &include.name,
        before: &before,
        now: &now.layer,
        how,
    };
    let (plan, kept) = merging.plan()?;
    let report = LayerReport::new(&include.name, &source, now.layer.sessions(), &plan, &kept);
    if !how.quiet {
        (talk.say)(&report.text());
    }
    if how.check {
        return Ok(report);
    }
    if !plan.is_empty() {
        (talk.agree)("Merge this into the Workspace?", how.yes, "--yes")?;
        merging.carry_out(&plan, &kept)?;
    }
    let failed = |e: dayfly_store::ContentError| CliError::failed(e.to_string());
    if lock.layer(&include.name) != Some(&locked) {
        store.put(text.as_bytes()).map_err(failed)?;
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
    let before = before(home, &lock, name)?;
    let source = lock.layer(name).map(|layer| layer.source.clone());
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
    let report = LayerReport::new(name, source.as_deref().unwrap_or("-"), 0, &plan, &kept);
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

/// What the layer said when it was last merged; nothing where it never was.
fn before(home: &Home, lock: &Lock, name: &str) -> Result<Layer, CliError> {
    let Some(locked) = lock.layer(name) else {
        return Ok(Layer::default());
    };
    let failed = |problem: String| {
        let message = format!(
            "layer \"{name}\": Dayfly cannot read what the layer said when it was last merged: {problem}"
        );
        CliError::failed(message).hint(
            "nothing was changed; without that, Dayfly cannot tell your own changes from older ones of the \
             layer: restore the folder `policies` of the home, or remove the layer and add it again",
        )
    };
    let store = TrustedStore::store(home.folder());
    let bytes = store
        .get(&locked.digest)
        .map_err(|e| failed(e.to_string()))?;
    let bytes = bytes.ok_or_else(|| failed(format!("{} is not kept", locked.digest)))?;
    let text = String::from_utf8(bytes).map_err(|e| failed(e.to_string()))?;
    Layer::parse(name, &text).map_err(|e| failed(e.to_string()))
}

/// Gets what a layer says now.
fn look(home: &Home, config: &Config, include: &IncludeSettings) -> Result<Looked, CliError> {
    let parts = match &include.source {
        ModuleSource::Path(folder) if folder.is_dir() => {
            files(folder)?.into_iter().map(ModuleSource::Path).collect()
        }
        source => vec![source.clone()],
    };
    let mut looked = Looked {
        layer: Layer::default(),
        resolved: None,
        signer: None,
    };
    for part in parts {
        if let ModuleSource::Path(path) = &part {
            owned(path)?;
        }
        let acquired = acquire::acquire(home, config, &part)?;
        let name = part.to_string();
        let Found::Module(bytes) = acquired.found else {
            let message = format!("{name} is a bundle of policies, not a Workspace");
            return Err(CliError::usage(message).hint("nothing was changed"));
        };
        let refuse = |problem: String| {
            CliError::usage(format!("{name} is not a Workspace: {problem}"))
                .hint("nothing was changed")
        };
        let text = String::from_utf8(bytes).map_err(|e| refuse(e.utf8_error().to_string()))?;
        let layer = Layer::parse(&include.name, &text);
        let joined = layer.and_then(|layer| looked.layer.join(layer));
        joined.map_err(|e: LayerError| refuse(e.to_string()))?;
        looked.resolved = acquired.resolved;
        looked.signer = acquired.signer.map(|signer| signer.key.clone());
    }
    Ok(looked)
}

/// Refuses a file that somebody else could have written: a layer can make Dayfly run programs.
fn owned(path: &Path) -> Result<(), CliError> {
    trusted::inspect(path).map(drop).map_err(|e| {
        CliError::new(Code::Refused, e.to_string()).hint(
            "nothing was changed; a layer that others keep comes from a git checkout of your own, with a \
             signature where [[trust]] asks for one",
        )
    })
}

/// The Workspaces in a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |e: std::io::Error| {
        CliError::failed(format!("Dayfly cannot list {}: {e}", folder.display()))
            .hint("nothing was changed")
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    if files.is_empty() {
        let message = format!("{} has no file that ends in .json", folder.display());
        return Err(CliError::new(Code::NotFound, message).hint("nothing was changed"));
    }
    files.sort();
    Ok(files)
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
        .map_err(refused)
    }
}
