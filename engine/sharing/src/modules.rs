//! One policy: updated, and granted what a newer version asks for beside.

use dayfly_dialog::CliError;
use dayfly_host::{locking, policies};
use dayfly_policy::Module;
use dayfly_runtime::Home;
use dayfly_runtime::config::PolicySettings;
use dayfly_runtime::entries::Prepared;
use dayfly_store::LockedModule;
use serde_json::{Value, json};

use crate::acquire::{self, Found};
use crate::config_edit::Edit;
use crate::newer::{May, refuse_others};
use crate::take::put_in_force;
use crate::talk::Talk;
use crate::wants::Difference;
use crate::{past_decisions, preview, wants};

/// Updates one entry.
pub fn update(
    home: &Home,
    settings: &PolicySettings,
    may: May,
    talk: &Talk<'_>,
) -> Result<Value, CliError> {
    let name = &settings.name;
    let (mut edit, config) = Edit::open(&home.config())?;
    let mut lock = locking::load_to_write(home)?;
    let acquired = acquire::acquire(home, &config, &settings.module)?;
    let Found::Module(bytes) = &acquired.found else {
        return Err(no_module(settings, acquired.found.what()));
    };
    let (module, prepared) = prepared(home, &mut edit, settings, bytes)?;
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
        .map_or_else(Vec::new, |old| wants::differences(old, &new));
    if let Some(old) = &old {
        if differences.is_empty() {
            may.say(
                talk,
                &format!("{name}: {} {} is the newest\n", new.name, new.version),
            );
            return Ok(json!({ "entry": name, "version": new.version, "changed": false }));
        }
        refuse_others(old, &new, may)?;
    }
    let wider = old.is_none() || differences.iter().any(|difference| difference.wider);
    let mut text = told(settings, &new, &differences);
    if old.is_none() {
        text += &format!("+ asks for  {}\n", wants::asks(&module));
    }
    let replayed = tried(home, name, &prepared, may, &mut text)?;
    may.say(talk, &text);
    if !may.check {
        if wider {
            may.agreed(talk)?;
        }
        lock.set(new.clone());
        put_in_force(home, &mut edit, &mut lock, &acquired)?;
        may.say(
            talk,
            &format!("updated {name} to version {}\n", new.version),
        );
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

/// What the newer version is, and what is not as before.
fn told(settings: &PolicySettings, new: &LockedModule, differences: &[Difference]) -> String {
    let mut text = format!(
        "{}: {} {}, from {}\n",
        settings.name, new.name, new.version, settings.module
    );
    for difference in differences {
        text += &difference.line("");
    }
    text
}

/// Says what the newer version would do now, and where that is asked for what it would have done, which
/// programs get too.
fn tried(
    home: &Home,
    name: &str,
    prepared: &Prepared,
    may: May,
    text: &mut String,
) -> Result<Option<Value>, CliError> {
    for line in preview::would(prepared, &preview::sessions(home)?) {
        *text += &format!("  would     {line}\n");
    }
    if !may.replay {
        return Ok(None);
    }
    let again = past_decisions::of(home, name, &prepared.policy)?;
    *text += &again.text;
    Ok(again.json)
}

/// The newer version, and the entry as it would be in force with it.
fn prepared(
    home: &Home,
    edit: &mut Edit,
    settings: &PolicySettings,
    bytes: &[u8],
) -> Result<(Module, Prepared), CliError> {
    let mut loader = policies::loader(home)?;
    let module =
        policies::loaded(loader.load(settings.module.to_string(), bytes, settings.wasi()))?;
    widen(edit, settings, &module)?;
    let settings_then = edit.settings(&settings.name)?;
    let prepared = loader
        .prepare_with(&home.config(), &settings_then, &module)
        .map_err(|problem| {
            let message = format!(
                "Dayfly cannot use the newer version of {}: {}",
                settings.name, problem.message
            );
            CliError::failed(message).maybe_hint(problem.hint)
        })?;
    Ok((module, prepared))
}

/// Grants an entry what a newer version asks for beside; it counts only once it is agreed to.
fn widen(edit: &mut Edit, settings: &PolicySettings, module: &Module) -> Result<(), CliError> {
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

/// Something else stands where the policy of an entry was.
fn no_module(settings: &PolicySettings, what: &str) -> CliError {
    let name = &settings.name;
    CliError::failed(format!("{} is now {what}", settings.module)).hint(format!(
        "nothing was changed; remove {name}, then add what is there now"
    ))
}
