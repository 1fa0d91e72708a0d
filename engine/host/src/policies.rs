//! Policies as the configuration has them, without an engine.

use std::collections::BTreeMap;
use std::path::Path;

use dayfly_core::policy::EntryName;
use dayfly_dialog::{CliError, Code};
use dayfly_policy::{CodeCache, Compiler, Host, HostConfig, Module, Policy};
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, ModuleSource, PolicySettings};
use dayfly_runtime::entries::{EntryProblem, Loader, Prepared};
use dayfly_runtime::recording::MadeOf;
use dayfly_runtime::replay::PolicyResolver;
use dayfly_store::TrustedStore;

use crate::{locking, settings};

/// The entries that can be used, and why others cannot.
pub struct Loaded {
    /// What can be used.
    pub entries: Vec<Prepared>,
    /// Why others cannot be.
    pub problems: Vec<EntryProblem>,
}

/// Prepares all entries.
pub fn load(home: &Home) -> Result<Loaded, CliError> {
    let config = settings::load(home)?;
    let mut loader = loader(home)?;
    let mut loaded = Loaded {
        entries: Vec::new(),
        problems: Vec::new(),
    };
    for settings in &config.policies {
        match loader.prepare(&home.config(), settings) {
            Ok(prepared) => loaded.entries.push(prepared),
            Err(problem) => loaded.problems.push(problem),
        }
    }
    Ok(loaded)
}

/// A policy that somebody wants to look at.
pub struct Inspected {
    /// What it is.
    pub module: Module,
    /// The entry, where one was named.
    pub settings: Option<PolicySettings>,
    /// What it makes of the entry's configuration, where it takes it.
    pub policy: Option<Policy>,
    /// The entry as it would be in force, or why it cannot be.
    pub prepared: Option<Result<Prepared, EntryProblem>>,
}

/// Finds a policy by the name of an entry, as `builtin:NAME`, or by the path of a component.
pub fn inspect(home: &Home, asked: &str) -> Result<Inspected, CliError> {
    let config = settings::load(home)?;
    let mut loader = loader(home)?;
    let settings = config.policies.iter().find(|p| p.name == asked).cloned();
    let source = match (&settings, asked.strip_prefix("builtin:")) {
        (Some(settings), _) => settings.module.clone(),
        (None, Some(name)) => ModuleSource::Builtin(name.to_owned()),
        (None, None) if std::path::Path::new(asked).exists() => ModuleSource::Path(asked.into()),
        (None, None) => {
            let names: Vec<&str> = config.policies.iter().map(|p| p.name.as_str()).collect();
            let known = if names.is_empty() {
                "no policy is configured".to_owned()
            } else {
                format!("the policy entries are {}", names.join(", "))
            };
            let message = format!("\"{asked}\" is neither a policy entry nor a file");
            let hint =
                format!("{known}; you can also give builtin:NAME or the path of a component");
            return Err(CliError::new(Code::NotFound, message).hint(hint));
        }
    };
    let prepared = settings
        .as_ref()
        .map(|settings| loader.prepare(&home.config(), settings));
    let policy = settings
        .as_ref()
        .and_then(|settings| loader.configure(&home.config(), settings).ok());
    let module = match (&prepared, &source) {
        (Some(Ok(prepared)), _) => prepared.policy.module().clone(),
        // What may not run is not loaded either, where it can be had only as what may.
        (Some(Err(problem)), ModuleSource::Remote(_)) => {
            return Err(CliError::failed(problem.to_string()));
        }
        _ => loaded(loader.module(&source))?,
    };
    Ok(Inspected {
        module,
        settings,
        policy,
        prepared,
    })
}

/// A module that a loader gave, or why it did not.
pub fn loaded(result: Result<Module, (String, Option<String>)>) -> Result<Module, CliError> {
    result.map_err(|(message, hint)| CliError::failed(message).maybe_hint(hint))
}

/// Where this program compiles components: in a process of its own.
pub fn compiler() -> Compiler {
    Compiler::own_program()
}

/// A loader that holds entries to what the lock file of this home says.
pub fn loader(home: &Home) -> Result<Loader, CliError> {
    let host = Host::new(HostConfig {
        cache: CodeCache::open(&home.code()).ok(),
        compiler: compiler(),
        ..HostConfig::default()
    });
    let host = host.map_err(|e| CliError::failed(e.to_string()))?;
    let mut loader = Loader::new(host);
    let trust = settings::load(home)?.trust;
    let mut shelf = TrustedStore::open(home.folder(), trust);
    locking::witness(home)?.judge(&mut shelf);
    loader.hold_to(shelf);
    Ok(loader)
}

/// Entries as a configuration has them.
pub struct Configured(pub BTreeMap<EntryName, Policy>);

impl Configured {
    /// Reads the configuration at this path.
    pub fn of(mut loader: Loader, path: &Path) -> Result<Self, CliError> {
        let config = Config::load(path).map_err(|e| CliError::failed(e.to_string()))?;
        let mut policies = BTreeMap::new();
        for settings in &config.policies {
            let prepared = loader
                .prepare(path, settings)
                .map_err(|problem| CliError::failed(problem.to_string()))?;
            policies.insert(prepared.entry.name, prepared.policy);
        }
        Ok(Self(policies))
    }
}

impl PolicyResolver for Configured {
    fn is_other(&self) -> bool {
        true
    }

    fn policy(&mut self, entry: &EntryName, _made_of: &MadeOf) -> Result<Policy, String> {
        let policy = self.0.get(entry).cloned();
        policy.ok_or_else(|| format!("there is no policy entry \"{entry}\""))
    }
}
