//! Bundles: added and updated as one, entry by entry, without undoing what a person changed.

use std::collections::BTreeMap;

use dayfly_core::policy::SessionView;
use dayfly_dialog::{CliError, Code, sanitize};
use dayfly_host::{locking, policies};
use dayfly_runtime::config::ModuleSource;
use dayfly_runtime::entries::Prepared;
use dayfly_runtime::{Config, Home};
use dayfly_store::seen::is_older;
use dayfly_store::{
    Bundle, BundlePolicy, ContentDigest, Lock, LockedBundle, LockedModule, TrustedStore,
};
use dayfly_views::policies::rank as rank_words;
use serde_json::{Value, json};
use toml_edit::{Table, value};

use crate::acquire::{self, Acquired, Found};
use crate::config_edit::{self, Edit};
use crate::newer::{May, refuse_others};
use crate::take::put_in_force;
use crate::talk::Talk;
use crate::{past_decisions, preview, wants};

/// What a bundle recommends for an entry.
const RECOMMENDED: [&str; 5] = ["config", "tier", "priority", "grant", "limits"];

/// A policy of a bundle as it would run.
struct Ready {
    prepared: Prepared,
    /// What its entry is held to; none for one that is part of Dayfly.
    locked: Option<LockedModule>,
}

/// Adds a bundle.
pub fn add(
    home: &Home,
    acquired: &Acquired,
    shadow: bool,
    yes: bool,
    talk: &Talk<'_>,
) -> Result<(), CliError> {
    let (bundle, text, files) = parts(acquired)?;
    let (mut edit, _) = Edit::open(&home.config())?;
    let mut lock = locking::load_to_write(home)?;
    if lock.bundle(&bundle.name).is_some() {
        let message = format!("the bundle {} is already in dayfly.toml", bundle.name);
        return Err(CliError::usage(message).hint(format!(
            "update it with `dayfly policy update {}`",
            bundle.name
        )));
    }
    for policy in &bundle.policies {
        if edit.has(&policy.name) {
            let message = format!("there is already a policy entry \"{}\"", policy.name);
            return Err(CliError::usage(message)
                .hint("nothing was changed; rename yours in dayfly.toml first"));
        }
        edit.add(table(&acquired.source, policy, shadow)?)?;
    }
    let mut said = head(acquired, bundle);
    let sessions = preview::sessions(home)?;
    for policy in &bundle.policies {
        let ready = ready(home, &edit, acquired, bundle, policy, files)?;
        said += &lines(&ready, policy, &sessions);
        if let Some(locked) = ready.locked {
            lock.set(locked);
        }
    }
    (talk.say)(&said);
    (talk.agree)("Add these policies with these grants?", yes, "--yes")?;
    lock.set_bundle(noted(acquired, bundle, text));
    put_in_force(home, &mut edit, &mut lock, acquired)?;
    let trial = if shadow { ", in shadow mode" } else { "" };
    (talk.say)(&format!(
        "added {} {} to dayfly.toml{trial}\n",
        bundle.name, bundle.version
    ));
    Ok(())
}

/// Updates a bundle.
pub fn update(home: &Home, name: &str, may: May, talk: &Talk<'_>) -> Result<Value, CliError> {
    let (edit, config) = Edit::open(&home.config())?;
    let lock = locking::load_to_write(home)?;
    let old = lock.bundle(name).cloned();
    let old =
        old.ok_or_else(|| CliError::new(Code::NotFound, format!("there is no bundle {name}")))?;
    let acquired = newest(home, &config, &old)?;
    let (bundle, text, files) = parts(&acquired)?;
    if ContentDigest::of(text) == old.digest {
        may.say(talk, &format!("{name}: {} is the newest\n", bundle.version));
        return Ok(json!({ "bundle": name, "version": bundle.version, "changed": false }));
    }
    refuse_another(&acquired.source, &old, bundle, may)?;
    let signer = acquired.signer.as_ref().map(|s| &s.key);
    let mut update = Update {
        home,
        may,
        acquired: &acquired,
        bundle,
        files,
        sessions: preview::sessions(home)?,
        before: recommended_before(home, &old)?,
        said: format!("{name}: {} → {}\n", old.version, bundle.version),
        wider: signer != old.signer.as_ref() && old.signer.is_some(),
        edit,
        lock,
        replayed: BTreeMap::new(),
    };
    update.remove_gone(&old)?;
    for policy in &bundle.policies {
        update.policy(policy)?;
    }
    let Update {
        mut edit,
        mut lock,
        said,
        wider,
        replayed,
        ..
    } = update;
    may.say(talk, &said);
    if !may.check {
        if wider {
            may.agreed(talk)?;
        }
        lock.set_bundle(noted(&acquired, bundle, text));
        put_in_force(home, &mut edit, &mut lock, &acquired)?;
        may.say(
            talk,
            &format!("updated {name} to version {}\n", bundle.version),
        );
    }
    Ok(json!({
        "bundle": name,
        "version": bundle.version,
        "changed": true,
        "taken": !may.check,
        "wider": wider,
        "replay": replayed,
    }))
}

/// What the source of a bundle has now.
fn newest(home: &Home, config: &Config, old: &LockedBundle) -> Result<Acquired, CliError> {
    let source = ModuleSource::parse(home.folder(), &old.source)
        .map_err(|(message, hint)| CliError::failed(message).hint(hint))?;
    acquire::acquire(home, config, &source)
}

/// Another bundle, or an older version, is no update.
fn refuse_another(
    source: &ModuleSource,
    old: &LockedBundle,
    new: &Bundle,
    may: May,
) -> Result<(), CliError> {
    if new.name != old.name {
        let message = format!(
            "{source} now has another bundle: {} instead of {}",
            new.name, old.name
        );
        return Err(CliError::new(Code::Refused, message).hint("nothing was changed"));
    }
    if is_older(&new.version, &old.version) && !may.downgrade {
        let message = format!(
            "{source} now has version {}, which is older than {}, the version in force",
            new.version, old.version
        );
        return Err(CliError::new(Code::Refused, message)
            .hint("nothing was changed; pass --downgrade to accept an older version"));
    }
    Ok(())
}

/// An update under way: what it changes is written only once it is agreed to.
struct Update<'a> {
    home: &'a Home,
    may: May,
    acquired: &'a Acquired,
    bundle: &'a Bundle,
    files: &'a BTreeMap<String, Vec<u8>>,
    sessions: Vec<SessionView>,
    /// What the version in force recommends.
    before: BTreeMap<String, toml::Table>,
    edit: Edit,
    lock: Lock,
    /// What the person is told.
    said: String,
    /// Whether it wants more than before.
    wider: bool,
    replayed: BTreeMap<String, Option<Value>>,
}

impl Update<'_> {
    /// Removes what is no longer part of the bundle.
    fn remove_gone(&mut self, old: &LockedBundle) -> Result<(), CliError> {
        let policies = &self.bundle.policies;
        let stays = |entry: &String| policies.iter().any(|policy| policy.name == *entry);
        for gone in old.entries.iter().filter(|entry| !stays(entry)) {
            self.said += &format!("- {gone} is no longer part of the bundle; Dayfly removes it\n");
            if self.edit.has(gone) {
                self.edit.remove(gone)?;
            }
            self.lock.remove(gone);
        }
        Ok(())
    }

    /// Brings the entry of a policy up to date.
    fn policy(&mut self, policy: &BundlePolicy) -> Result<(), CliError> {
        let name = &policy.name;
        let is_there = self.edit.has(name);
        match self.before.get(name) {
            Some(earlier) if is_there => {
                let changed = merge(&mut self.edit, &self.acquired.source, policy, earlier)?;
                self.wider |= changed.wider;
                self.said += &changed.text;
            }
            // One that the person removed stays removed.
            Some(_) => {
                self.said += &format!("  {name} stays removed, because you removed it\n");
                return Ok(());
            }
            None if is_there => {
                let message = format!(
                    "the bundle has a policy \"{name}\", and you already have a policy entry \
                     \"{name}\""
                );
                return Err(
                    CliError::usage(message).hint("nothing was changed; rename yours first")
                );
            }
            None => {
                self.edit
                    .add(table(&self.acquired.source, policy, false)?)?;
                self.wider = true;
                self.said += &format!("+ {name} is new\n");
            }
        }
        if self.edit.settings(name).is_err() {
            // It is disabled; it will be looked at when it is enabled.
            return Ok(());
        }
        self.look(policy)
    }

    /// Says what a policy is, wants and would do, and holds its entry to it.
    fn look(&mut self, policy: &BundlePolicy) -> Result<(), CliError> {
        let name = &policy.name;
        let ready = ready(
            self.home,
            &self.edit,
            self.acquired,
            self.bundle,
            policy,
            self.files,
        )?;
        if let Some(new) = ready.locked.clone() {
            if let Some(old) = self.lock.module(name) {
                refuse_others(old, &new, self.may)?;
                for difference in wants::differences(old, &new) {
                    self.wider |= difference.wider;
                    self.said += &difference.line("  ");
                }
            }
            self.lock.set(new);
        }
        self.said += &lines(&ready, policy, &self.sessions);
        if self.may.replay {
            let again = past_decisions::of(self.home, name, &ready.prepared.policy)?;
            self.said += &again.text;
            self.replayed.insert(name.clone(), again.json);
        }
        Ok(())
    }
}

type Parts<'a> = (&'a Bundle, &'a [u8], &'a BTreeMap<String, Vec<u8>>);

fn parts(acquired: &Acquired) -> Result<Parts<'_>, CliError> {
    match &acquired.found {
        Found::Bundle {
            bundle,
            text,
            files,
        } => Ok((bundle, text, files)),
        other => Err(CliError::failed(format!(
            "{} is {}, not a bundle",
            acquired.source,
            other.what()
        ))),
    }
}

fn noted(acquired: &Acquired, bundle: &Bundle, text: &[u8]) -> LockedBundle {
    LockedBundle {
        name: bundle.name.clone(),
        source: acquired.source.to_string(),
        digest: ContentDigest::of(text),
        version: bundle.version.clone(),
        signer: acquired.signer.as_ref().map(|trusted| trusted.key.clone()),
        entries: bundle
            .policies
            .iter()
            .map(|policy| policy.name.clone())
            .collect(),
    }
}

/// What the version in force recommended, out of the store.
fn recommended_before(
    home: &Home,
    old: &LockedBundle,
) -> Result<BTreeMap<String, toml::Table>, CliError> {
    let text = TrustedStore::store(home.folder())
        .get(&old.digest)
        .map_err(|e| CliError::failed(e.to_string()))?;
    let text = text.ok_or_else(|| {
        CliError::failed(format!(
            "the version of {} in force is not on this machine",
            old.name
        ))
        .hint("fetch it with `dayfly policy pull`")
    })?;
    let bundle = Bundle::parse(&text).map_err(|e| CliError::failed(e.to_string()))?;
    let policies = bundle.policies.into_iter();
    Ok(policies
        .map(|policy| (policy.name, policy.settings))
        .collect())
}

/// Where the component of a policy is, as `module` of an entry has it.
fn module_source(source: &ModuleSource, policy: &BundlePolicy) -> ModuleSource {
    if let Some(builtin) = policy.module.strip_prefix("builtin:") {
        return ModuleSource::Builtin(builtin.to_owned());
    }
    match source {
        ModuleSource::Remote(remote) => ModuleSource::Remote(remote.module(&policy.module)),
        ModuleSource::Path(folder) => ModuleSource::Path(folder.join(&policy.module)),
        ModuleSource::Builtin(name) => ModuleSource::Builtin(name.clone()),
    }
}

fn table(source: &ModuleSource, policy: &BundlePolicy, shadow: bool) -> Result<Table, CliError> {
    let mut table = Table::new();
    table.insert("name", value(policy.name.as_str()));
    table.insert("module", value(module_source(source, policy).to_string()));
    for key in RECOMMENDED {
        if let Some(recommended) = policy.settings.get(key) {
            table.insert(key, config_edit::inline(recommended)?);
        }
    }
    if shadow {
        table.insert("mode", value("shadow"));
    }
    Ok(table)
}

fn ready(
    home: &Home,
    edit: &Edit,
    acquired: &Acquired,
    bundle: &Bundle,
    policy: &BundlePolicy,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Ready, CliError> {
    let settings = edit.settings(&policy.name)?;
    let mut loader = policies::loader(home)?;
    let bytes = files.get(&policy.module);
    let module = match bytes {
        Some(bytes) => {
            policies::loaded(loader.load(settings.module.to_string(), bytes, settings.wasi()))?
        }
        None => policies::loaded(loader.module(&settings.module))?,
    };
    let prepared = loader
        .prepare_with(&home.config(), &settings, &module)
        .map_err(|problem| {
            let message = format!(
                "policy \"{}\" of the bundle: {}",
                policy.name, problem.message
            );
            CliError::failed(message).hint("nothing was changed; the author must fix the bundle")
        })?;
    let locked = bytes.map(|bytes| {
        wants::locked(
            &prepared,
            bytes,
            settings.module.to_string(),
            acquired.resolved.clone(),
            acquired.signer.as_ref(),
            Some(&bundle.name),
        )
    });
    Ok(Ready { prepared, locked })
}

fn head(acquired: &Acquired, bundle: &Bundle) -> String {
    let signer = acquired.signer.as_ref().map(|trusted| trusted.key.as_str());
    format!(
        "{} {}, from {}\n  {}\n  signed by {}\n",
        bundle.name,
        bundle.version,
        acquired.source,
        sanitize(&bundle.summary),
        signer.unwrap_or("nobody (no [[trust]] entry asks for a signature)")
    )
}

/// What one policy is, wants and would do now.
fn lines(ready: &Ready, policy: &BundlePolicy, sessions: &[SessionView]) -> String {
    let module = ready.prepared.policy.module();
    let descriptor = module.descriptor();
    let grant = &ready.prepared.entry.grant;
    let granted = dayfly_views::permissions::may(grant.actions.iter(), grant.may_hold);
    let mut text = format!(
        "  {}: {} {}, tier {}\n    {:<10}{}\n    {:<10}{granted}\n",
        policy.name,
        descriptor.name,
        descriptor.version,
        rank_words(ready.prepared.entry.rank),
        "asks for",
        wants::asks(module),
        "granted",
    );
    if let Some(sessions) = policy
        .settings
        .get("grant")
        .and_then(|grant| grant.get("sessions"))
    {
        text += &format!(
            "    {:<10}{}\n",
            "sessions",
            sanitize(&sessions.to_string())
        );
    }
    for line in preview::would(&ready.prepared, sessions) {
        text += &format!("    {:<10}{line}\n", "would");
    }
    text
}

/// What became of an entry.
struct Merged {
    text: String,
    wider: bool,
}

/// Brings an entry to what a newer version recommends, but for what the person changed.
fn merge(
    edit: &mut Edit,
    source: &ModuleSource,
    policy: &BundlePolicy,
    earlier: &toml::Table,
) -> Result<Merged, CliError> {
    let mut merged = Merged {
        text: String::new(),
        wider: false,
    };
    let module = module_source(source, policy).to_string();
    let entry = edit.entry(&policy.name)?;
    entry.insert("module", value(module));
    let present: toml::Table = toml::from_str(&entry.to_string())
        .map_err(|e| CliError::failed(format!("Dayfly cannot read entry {}: {e}", policy.name)))?;
    for key in RECOMMENDED {
        let (was, is, new) = (earlier.get(key), present.get(key), policy.settings.get(key));
        if was == new {
            continue;
        }
        let shown = |value: Option<&toml::Value>| {
            value.map_or("nothing".into(), |v| sanitize(&v.to_string()))
        };
        if is != was {
            merged.text += &format!(
                "  {}: {key} stays as you have it ({}); the bundle recommends {}\n",
                policy.name,
                shown(is),
                shown(new)
            );
            continue;
        }
        match new {
            Some(new) => entry.insert(key, config_edit::inline(new)?),
            None => entry.remove(key),
        };
        // How much a policy counts and what it may see and do is the person's to say.
        let wider = matches!(key, "tier" | "priority" | "grant" | "limits");
        merged.wider |= wider;
        let mark = if wider { "+" } else { " " };
        merged.text += &format!(
            "{mark} {}: {key} {} → {}\n",
            policy.name,
            shown(was),
            shown(new)
        );
    }
    Ok(merged)
}
