//! Policies as the configuration has them, without an engine.

use dayfly_core::arbitration::Rank;
use dayfly_policy::{CodeCache, Host, HostConfig, Module};
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, ModuleSource, PolicySettings};
use dayfly_runtime::entries::{EntryProblem, Loader, Prepared};

use crate::trouble::{Code, Trouble};

/// The entries that can be used, and why others cannot.
pub(crate) struct Loaded {
    pub(crate) entries: Vec<Prepared>,
    pub(crate) problems: Vec<EntryProblem>,
}

/// Prepares all entries.
pub(crate) fn load(home: &Home) -> Result<Loaded, Trouble> {
    let config = config(home)?;
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
pub(crate) struct Inspected {
    pub(crate) module: Module,
    /// The entry, where one was named.
    pub(crate) settings: Option<PolicySettings>,
    /// The entry as it would be in force, or why it cannot be.
    pub(crate) prepared: Option<Result<Prepared, EntryProblem>>,
}

/// Finds a policy by the name of an entry, as `builtin:NAME`, or by the path of a component.
pub(crate) fn inspect(home: &Home, asked: &str) -> Result<Inspected, Trouble> {
    let config = config(home)?;
    let mut loader = loader(home)?;
    let settings = config.policies.iter().find(|p| p.name == asked).cloned();
    let source = match (&settings, asked.strip_prefix("builtin:")) {
        (Some(settings), _) => settings.module.clone(),
        (None, Some(name)) => ModuleSource::Builtin(name.to_owned()),
        (None, None) if std::path::Path::new(asked).exists() => ModuleSource::Path(asked.into()),
        (None, None) => {
            let names: Vec<&str> = config.policies.iter().map(|p| p.name.as_str()).collect();
            let known = if names.is_empty() {
                "no entry is configured".to_owned()
            } else {
                format!("the entries are {}", names.join(", "))
            };
            let message = format!("\"{asked}\" is neither a policy entry nor a file");
            let hint = format!("{known}; or give builtin:NAME, or the path of a component");
            return Err(Trouble::new(Code::NotFound, message).hint(hint));
        }
    };
    let module = loader
        .module(&source)
        .map_err(|(message, hint)| Trouble::failed(message).maybe_hint(hint))?;
    let prepared = settings
        .as_ref()
        .map(|settings| loader.prepare(&home.config(), settings));
    Ok(Inspected {
        module,
        settings,
        prepared,
    })
}

fn config(home: &Home) -> Result<Config, Trouble> {
    Config::load(&home.config()).map_err(|e| Trouble::failed(e.to_string()))
}

fn loader(home: &Home) -> Result<Loader, Trouble> {
    let host = Host::new(HostConfig {
        cache: CodeCache::open(&home.code()).ok(),
        ..HostConfig::default()
    });
    let host = host.map_err(|e| Trouble::failed(e.to_string()))?;
    Ok(Loader::new(host))
}

/// How much an entry counts, in words.
pub(crate) fn rank(rank: Rank) -> String {
    use dayfly_core::arbitration::Tier;
    let tier = match rank.tier {
        Tier::Personal => "personal",
        Tier::Team => "team",
        Tier::GuardRail => "guard rail",
        Tier::Person | Tier::Override => "person",
    };
    match rank.priority {
        0 => tier.to_owned(),
        priority => format!("{tier} {priority:+}"),
    }
}
