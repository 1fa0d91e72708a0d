//! What a layer says: now, at its source, and when it was last merged.

use std::path::Path;

use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Code};
use dayfly_fs::trusted;
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, ModuleSource};
use dayfly_store::lock::LockedLayer;
use dayfly_store::seen::is_older;
use dayfly_store::{ContentDigest, Remote, TrustedStore};
use dayfly_workspace::layer_files::{self, LayerFileError};
use dayfly_workspace::layers::{Layer, LayerError};

use crate::acquire::{self, Found};

/// What a layer says now.
pub(crate) struct Looked {
    pub(crate) layer: Layer,
    /// What the source named it: the digest of a manifest, a commit.
    pub(crate) resolved: Option<String>,
    /// Who signed it, where that was asked for.
    pub(crate) signer: Option<String>,
}

/// Gets what the layer of this name says now.
pub(crate) fn look(
    home: &Home,
    config: &Config,
    name: &str,
    source: &ModuleSource,
) -> Result<Looked, CliError> {
    let parts = match source {
        ModuleSource::Path(path) => {
            let files = layer_files::files(path).map_err(unlisted)?;
            files.into_iter().map(ModuleSource::Path).collect()
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
        let bytes = workspace(&part, acquired.found)?;
        let refuse = |problem: String| {
            CliError::usage(format!("{part} is not a Workspace: {problem}"))
                .hint("nothing was changed")
        };
        let text = String::from_utf8(bytes).map_err(|e| refuse(e.utf8_error().to_string()))?;
        let layer = Layer::of_file(name, &text);
        let joined = layer.and_then(|layer| looked.layer.join(layer));
        joined.map_err(|e: LayerError| refuse(e.to_string()))?;
        looked.resolved = acquired.resolved;
        looked.signer = acquired.signer.map(|signer| signer.key.clone());
    }
    Ok(looked)
}

/// The text of a Workspace. A file may have any name; an artifact of a registry says what it is.
fn workspace(source: &ModuleSource, found: Found) -> Result<Vec<u8>, CliError> {
    let in_registry = matches!(source, ModuleSource::Remote(Remote::Oci(_)));
    match found {
        Found::Workspace(bytes) => Ok(bytes),
        Found::Module(bytes) if !in_registry => Ok(bytes),
        other => {
            let message = format!("{source} is {}, not a Workspace", other.what());
            Err(CliError::usage(message)
                .hint("nothing was changed; `dayfly policy add` adds policies"))
        }
    }
}

fn unlisted(error: LayerFileError) -> CliError {
    let code = match &error {
        LayerFileError::Empty(_) | LayerFileError::Missing(_) => Code::NotFound,
        _ => Code::Failed,
    };
    CliError::new(code, error.to_string()).hint("nothing was changed")
}

/// Refuses a file that somebody else could have written: a layer can make Dayfly run programs.
fn owned(path: &Path) -> Result<(), CliError> {
    trusted::inspect(path).map(drop).map_err(|e| {
        CliError::new(Code::Refused, e.to_string()).hint(
            "nothing was changed; a layer that others keep comes from a registry or a git checkout of your \
             own, with a signature where [[trust]] asks for one",
        )
    })
}

/// Refuses a version that is older than the one that was merged, or that does not say any more which it is.
pub(crate) fn refuse_older(
    old: &LockedLayer,
    new: &LockedLayer,
    downgrade: bool,
) -> Result<(), CliError> {
    let Some(merged) = old.version.as_ref().filter(|_| !downgrade) else {
        return Ok(());
    };
    let (source, name) = (&new.source, &new.name);
    let how = match &new.version {
        Some(version) if is_older(version, merged) => {
            format!("now has version {version}, which is older than {merged}")
        }
        None => format!("no longer says its version, which may be older than {merged}"),
        Some(_) => return Ok(()),
    };
    let message = format!("{source} {how}, the version of layer \"{name}\" that was merged");
    Err(CliError::new(Code::Refused, message).hint(format!(
        "nothing was changed; an old version may have sessions and roles that were taken away since; \
         `dayfly layer update {} --downgrade` accepts it",
        shell_word(name)
    )))
}

/// What the layer said when it was last merged, where that is kept.
pub(crate) fn kept(home: &Home, locked: &LockedLayer) -> Result<Option<Layer>, CliError> {
    let name = &locked.name;
    let failed = |problem: String| {
        let message = format!(
            "layer \"{name}\": Dayfly cannot read what the layer said when it was last merged: {problem}"
        );
        CliError::failed(message).hint(
            "nothing was changed; move the damaged file away and run the command again: Dayfly then gets \
             that version from its source, or says what else to do",
        )
    };
    let store = TrustedStore::store(home.folder());
    let bytes = store.get(&locked.digest);
    let Some(bytes) = bytes.map_err(|e| failed(e.to_string()))? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|e| failed(e.to_string()))?;
    let layer = Layer::parse(name, &text).map_err(|e| failed(e.to_string()))?;
    Ok(Some(layer))
}

/// What the layer said when it was last merged. What is not kept on this machine, as after a move, is got
/// from where it came from, and has to be the same to the byte.
pub(crate) fn before(
    home: &Home,
    config: &Config,
    locked: &LockedLayer,
) -> Result<Layer, CliError> {
    if let Some(layer) = kept(home, locked)? {
        return Ok(layer);
    }
    let name = &locked.name;
    let failed = |problem: String| {
        let message = format!(
            "layer \"{name}\": what it said when it was last merged is not on this machine, and {problem}"
        );
        CliError::failed(message).hint(format!(
            "nothing was changed; without that, Dayfly cannot tell your own changes from older ones of the \
             layer: restore the folder `policies` of the home, or run `dayfly layer remove {}` and add it again",
            shell_word(name)
        ))
    };
    let source = ModuleSource::parse(home.folder(), &locked.source)
        .map_err(|(message, _)| failed(message))?;
    let Some(resolved) = locked.resolved.as_deref() else {
        return Err(failed("a file keeps no older versions".to_owned()));
    };
    let pinned = acquire::pinned(&source, Some(resolved));
    let looked = look(home, config, name, &pinned).map_err(|e| failed(e.message))?;
    let text = looked.layer.text();
    if ContentDigest::of(text.as_bytes()) != locked.digest {
        return Err(failed(format!("{pinned} has something else")));
    }
    let store = TrustedStore::store(home.folder());
    let put = store.put(text.as_bytes());
    put.map_err(|e| CliError::failed(e.to_string()))?;
    Ok(looked.layer)
}
