//! `dayfly policy pull`

use std::path::PathBuf;

use dayfly_dialog::{CliError, Code, Exit};
use dayfly_host::{locking, paths};
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, ModuleSource};
use dayfly_sharing::acquire::{self, Acquired, Found};
use dayfly_store::{Lock, TrustedStore};

use crate::terminal::print;

/// Fetch exactly the modules in dayfly.lock, so that they run on this machine; or save one to a
/// file.
///
/// Use it for a configuration from another machine with its lock file. It fetches nothing newer;
/// use `dayfly policy update` for that.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy pull\n  dayfly policy pull oci://registry.example/team/stop-idle:1 --output stop-idle.wasm"
)]
pub(crate) struct Args {
    /// An entry, or with --output a source; by default every locked entry.
    what: Option<String>,
    /// Save the component to this file, and nothing else.
    #[arg(long, short, value_name = "FILE", requires = "what")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let config = Config::load(&home.config()).map_err(|e| CliError::failed(e.to_string()))?;
    if let (Some(file), Some(what)) = (&args.output, &args.what) {
        return save(&home, &config, what, file);
    }
    let lock = locking::load(&home)?;
    let store = TrustedStore::store(home.folder());
    let wanted: Vec<_> = lock
        .modules()
        .iter()
        .filter(|module| args.what.as_ref().is_none_or(|what| *what == module.entry))
        .collect();
    if let Some(what) = &args.what
        && wanted.is_empty()
    {
        let message = format!("dayfly.lock has no entry \"{what}\"");
        return Err(CliError::new(Code::NotFound, message));
    }
    let mut fetched = 0;
    for module in wanted {
        if store.get(&module.digest).is_ok_and(|kept| kept.is_some())
            && has_bundle(&lock, module, &store)
        {
            continue;
        }
        let source = ModuleSource::parse(home.folder(), &module.source)
            .map_err(|(message, hint)| CliError::failed(message).hint(hint))?;
        let pinned = acquire::pinned(&source, module.resolved.as_deref());
        let acquired = acquire::acquire(&home, &config, &pinned)?;
        let matches = digests(&acquired).contains(&module.digest);
        if !matches {
            let message = format!(
                "{source} no longer has the module that dayfly.lock requires for {} ({})",
                module.entry, module.digest
            );
            return Err(CliError::new(Code::Refused, message).hint(format!(
                "review the version that is there now with `dayfly policy update {}`",
                module.entry
            )));
        }
        acquire::keep(&home, &acquired)?;
        print(&format!(
            "{}: {} {}\n",
            module.entry, module.name, module.version
        ));
        fetched += 1;
    }
    if fetched == 0 {
        print("every module in dayfly.lock is on this machine\n");
    }
    Ok(Exit::Done)
}

fn has_bundle(
    lock: &Lock,
    module: &dayfly_store::LockedModule,
    store: &dayfly_store::ContentStore,
) -> bool {
    let bundle = module.bundle.as_ref().and_then(|name| lock.bundle(name));
    bundle.is_none_or(|bundle| store.get(&bundle.digest).is_ok_and(|kept| kept.is_some()))
}

fn digests(acquired: &Acquired) -> Vec<dayfly_store::ContentDigest> {
    use dayfly_store::ContentDigest;
    match &acquired.found {
        Found::Module(bytes) => vec![ContentDigest::of(bytes)],
        Found::Bundle { files, .. } => files
            .values()
            .map(|bytes| ContentDigest::of(bytes))
            .collect(),
        Found::Workspace(_) => Vec::new(),
    }
}

fn save(
    home: &Home,
    config: &Config,
    what: &str,
    file: &std::path::Path,
) -> Result<Exit, CliError> {
    let source = acquire::source(what)?;
    let acquired = acquire::acquire(home, config, &source)?;
    let Found::Module(bytes) = &acquired.found else {
        let what = acquired.found.what();
        return Err(CliError::usage(format!(
            "{source} is {what}, not a component"
        )));
    };
    let failed = |e: std::io::Error| {
        CliError::failed(format!("Dayfly cannot write {}: {e}", file.display()))
    };
    std::fs::write(file, bytes).map_err(failed)?;
    for signature in acquired.signatures.iter().take(1) {
        let beside = crate::commands::policy::sign::beside(file);
        std::fs::write(beside, signature).map_err(failed)?;
    }
    print(&format!(
        "{}: {} bytes from {source}\n",
        file.display(),
        bytes.len()
    ));
    Ok(Exit::Done)
}
