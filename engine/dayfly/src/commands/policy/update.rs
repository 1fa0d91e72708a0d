//! `dayfly policy update`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{locking, paths};
use dayfly_runtime::config::ModuleSource;
use dayfly_sharing::config_edit::Edit;
use dayfly_sharing::newer::May;
use dayfly_sharing::{bundles, modules};
use serde_json::Value;

use crate::consent::TALK;
use crate::terminal::{print, print_json};

/// Update policies from their sources: shows the differences, and asks if a new version asks for
/// more.
///
/// Dayfly refuses a version that is older than the one in force, even if it is signed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy update\n  dayfly policy update stop-idle --check --replay\n  dayfly policy update stop-idle --grant"
)]
pub(crate) struct Args {
    /// An entry or a bundle; by default all that are not built in.
    name: Option<String>,
    /// Only show the differences.
    #[arg(long)]
    check: bool,
    /// Grant what a newer version additionally asks for, without asking you.
    #[arg(long)]
    grant: bool,
    /// Also replay the recording with the newer version (`dayfly replay`), and show where it
    /// decides differently.
    #[arg(long)]
    replay: bool,
    /// Accept a version that is older than the one in force.
    #[arg(long)]
    downgrade: bool,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let may = May {
        check: args.check,
        grant: args.grant,
        downgrade: args.downgrade,
        replay: args.replay,
        quiet: args.json,
    };
    let (mut edit, config) = Edit::open(&home.config())?;
    let lock = locking::load(&home)?;
    let mut told: Vec<Value> = Vec::new();
    let wanted = |name: &str| args.name.as_ref().is_none_or(|asked| asked == name);
    for bundle in lock.bundles() {
        let own = bundle
            .entries
            .iter()
            .any(|entry| args.name.as_ref() == Some(entry));
        if wanted(&bundle.name) || own {
            told.push(bundles::update(&home, &bundle.name, may, &TALK)?);
        }
    }
    for settings in &config.policies {
        let locked = lock.module(&settings.name);
        let of_bundle = locked.is_some_and(|module| module.bundle.is_some());
        let shared = match &settings.module {
            ModuleSource::Builtin(_) => false,
            ModuleSource::Path(_) => locked.is_some(),
            ModuleSource::Remote(_) => true,
        };
        if shared && !of_bundle && wanted(&settings.name) {
            told.push(modules::update(&home, settings, may, &TALK)?);
        }
    }
    if let Some(name) = &args.name
        && told.is_empty()
    {
        // Says whether there is such an entry at all.
        edit.entry(name)?;
        let message = format!("dayfly.lock has no entry for {name}, so there is nothing to update");
        return Err(CliError::usage(message));
    }
    if args.json {
        return print_json(&told);
    }
    if told.is_empty() {
        print("no policy comes from a registry, a git checkout or a file\n");
    }
    Ok(Exit::Done)
}
