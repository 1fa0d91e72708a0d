//! `dayfly policy update`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{locking, paths, policies};
use dayfly_policy::Module;
use dayfly_runtime::Home;
use dayfly_runtime::config::{ModuleSource, PolicySettings};
use serde_json::{Value, json};

use crate::sharing::acquire::{self, Found};
use crate::sharing::config_edit::Edit;
use crate::sharing::newer::{May, refuse_others};
use crate::sharing::{bundles, consent, past_decisions, preview, wants};
use crate::terminal::{print, print_json};

/// Take newer versions of policies from where they come from: shows the differences, and asks where one wants more.
///
/// An older version than the one in force is refused, however well it is signed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy update\n  dayfly policy update stop-idle --check --replay\n  dayfly policy update stop-idle --grant"
)]
pub(crate) struct Args {
    /// An entry or a bundle; without one, all that come from elsewhere.
    name: Option<String>,
    /// Only show the differences.
    #[arg(long)]
    check: bool,
    /// Grant what a newer version wants beside, without asking.
    #[arg(long)]
    grant: bool,
    /// Also ask the newer version what was recorded (`dayfly replay`), and show where it decides otherwise.
    #[arg(long)]
    replay: bool,
    /// Take an older version than the one in force.
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
            told.push(bundles::update(&home, &bundle.name, may)?);
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
            told.push(one(&home, settings, may)?);
        }
    }
    if let Some(name) = &args.name
        && told.is_empty()
    {
        // Says whether there is such an entry at all.
        edit.entry(name)?;
        let message = format!("{name} is not held to a version, so there is nothing to update");
        return Err(CliError::usage(message));
    }
    if args.json {
        return print_json(&told);
    }
    if told.is_empty() {
        print("no policy comes from elsewhere\n");
    }
    Ok(Exit::Done)
}

fn say(may: May, text: &str) {
    if !may.quiet {
        print(text);
    }
}

/// Updates one entry.
fn one(home: &Home, settings: &PolicySettings, may: May) -> Result<Value, CliError> {
    let name = &settings.name;
    let (mut edit, config) = Edit::open(&home.config())?;
    let mut lock = locking::load_to_write(home)?;
    let acquired = acquire::acquire(home, &config, &settings.module)?;
    let Found::Module(bytes) = &acquired.found else {
        return Err(
            CliError::failed(format!("{} is a bundle now", settings.module))
                .hint(format!("remove {name}, and add the bundle")),
        );
    };
    let mut loader = policies::loader(home)?;
    let module =
        policies::loaded(loader.load(settings.module.to_string(), bytes, settings.wasi()))?;
    widen(&mut edit, settings, &module)?;
    let settings_then = edit.settings(name)?;
    let prepared = loader
        .prepare_with(&home.config(), &settings_then, &module)
        .map_err(|problem| {
            let message = format!(
                "the newer version of {name} cannot be used: {}",
                problem.message
            );
            CliError::failed(message).maybe_hint(problem.hint)
        })?;
    let new = wants::locked(
        &prepared,
        bytes,
        settings.module.to_string(),
        acquired.resolved.clone(),
        acquired.signer.as_ref(),
        None,
    );
    let old = lock.module(name).cloned();
    let differences = old
        .as_ref()
        .map(|old| wants::differences(old, &new))
        .unwrap_or_default();
    if let Some(old) = &old {
        if differences.is_empty() {
            say(
                may,
                &format!("{name}: {} {} is the newest\n", new.name, new.version),
            );
            return Ok(json!({ "entry": name, "version": new.version, "changed": false }));
        }
        refuse_others(old, &new, may)?;
    }
    let wider = old.is_none() || differences.iter().any(|difference| difference.wider);
    let mut text = format!(
        "{name}: {} {}, from {}\n",
        new.name, new.version, settings.module
    );
    for difference in &differences {
        let mark = if difference.wider { "+" } else { " " };
        text += &format!(
            "{mark} {:<10}{} → {}\n",
            difference.what,
            sanitize(&difference.before),
            sanitize(&difference.after)
        );
    }
    if old.is_none() {
        text += &format!("+ asks for  {}\n", wants::asks(&module));
    }
    for line in preview::would(&prepared, &preview::sessions(home)?) {
        text += &format!("  would     {line}\n");
    }
    let mut replayed = None;
    if may.replay {
        let again = past_decisions::of(home, name, &prepared.policy)?;
        text += &again.text;
        replayed = again.json;
    }
    say(may, &text);
    if !may.check {
        if wider {
            consent::ask(
                "It wants more than the version before (+). Take it?",
                may.grant,
                "--grant",
            )?;
        }
        edit.unchanged()?;
        acquire::keep(home, &acquired)?;
        lock.set(new.clone());
        locking::save(home, &mut lock)?;
        edit.save()?;
        say(may, &format!("{name} is at version {}\n", new.version));
    }
    Ok(json!({
        "entry": name,
        "version": new.version,
        "changed": true,
        "taken": !may.check,
        "wider": wider,
        "differences": differences,
        "replay": replayed,
    }))
}

/// Grants an entry what a newer version asks for beside; it counts only once it is agreed to.
pub(crate) fn widen(
    edit: &mut Edit,
    settings: &PolicySettings,
    module: &Module,
) -> Result<(), CliError> {
    let Some(grant) = &settings.grant else {
        return Ok(());
    };
    let asks = dayfly_policy::asks(module.descriptor(), &settings.config);
    let missing = asks.actions.without(grant.actions);
    let missing: Vec<String> = missing.iter().map(|action| action.to_string()).collect();
    let hold = asks.hold && !grant.may_hold;
    if missing.is_empty() && !hold {
        return Ok(());
    }
    edit.widen(&settings.name, &missing, hold)
}
