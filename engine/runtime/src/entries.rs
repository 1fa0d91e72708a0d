//! From a configuration to policy entries that can be asked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::Entry;
use dayfly_core::policy::{Action, Actions, EntryName, Subscription};
use dayfly_policy::module::{Digest, LoadError};
use dayfly_policy::policy::ConfigureError;
use dayfly_policy::{Host, Module, Policy};

use crate::builtin;
use crate::config::{ModuleSource, PolicySettings};

/// A policy entry that can be asked.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What the core knows of it.
    pub entry: Entry,
    /// What is asked.
    pub policy: Policy,
    /// Where its component is.
    pub source: ModuleSource,
}

/// A policy entry that cannot be used as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryProblem {
    /// The entry.
    pub entry: EntryName,
    /// The configuration.
    pub path: PathBuf,
    /// The line that the entry begins on.
    pub line: usize,
    /// What is wrong, a sentence without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl fmt::Display for EntryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "{path}:{}: policy entry \"{}\": ", self.line, self.entry)?;
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// What stands in for a guard rail that cannot be used: it holds every start and rotation of the
/// sessions it is for, so that nobody passes a rule because it is broken.
#[must_use]
pub(crate) fn closed(name: &str, sessions: Selector, message: &str) -> Entry {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(format!("{name} {message}").as_bytes());
    Entry {
        name: EntryName::new(name),
        rank: Rank {
            tier: Tier::GuardRail,
            priority: 0,
        },
        shadow: false,
        grant: Grant {
            sessions,
            actions: Actions::NONE,
            may_hold: true,
        },
        actions: Actions::NONE,
        may_hold: true,
        subscriptions: Vec::new(),
        generation: digest.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b)),
        unusable: Some(message.to_owned()),
    }
}

/// Loads the components of entries, each only once.
#[derive(Debug)]
pub struct Loader {
    host: Host,
    modules: BTreeMap<(String, Digest), Module>,
}

impl Loader {
    /// A loader that has loaded nothing.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self {
            host,
            modules: BTreeMap::new(),
        }
    }

    /// Prepares one entry. May take seconds where a component has to be compiled.
    ///
    /// # Errors
    /// The component cannot be read or loaded, does not take its configuration, or wants more
    /// than the entry is granted. `config` is the file to blame.
    pub fn prepare(
        &mut self,
        config: &Path,
        settings: &PolicySettings,
    ) -> Result<Prepared, EntryProblem> {
        let problem = |(message, hint)| EntryProblem {
            entry: EntryName::new(&settings.name),
            path: config.to_owned(),
            line: settings.line,
            message,
            hint,
        };
        let module = self.module(&settings.module).map_err(problem)?;
        let grant = granted(settings, &module).map_err(problem)?;
        let text = settings.config.to_string();
        let policy = Policy::configure(&module, &text, settings.limits.limits())
            .map_err(|e| problem(configure_problem(&e, settings)))?;
        for subscription in policy.subscriptions() {
            let what = match subscription {
                Subscription::Files(glob) => format!("changes of files ({glob})"),
                Subscription::Schedule(cron) => format!("moments of a schedule ({cron})"),
                Subscription::Sessions(_) | Subscription::Custom(_) => continue,
            };
            let message =
                format!("it asks to be told of {what}, which this version of Dayfly does not tell");
            return Err(problem((
                message,
                Some("use a newer version, or another policy".into()),
            )));
        }
        let descriptor = module.descriptor();
        let entry = Entry {
            name: EntryName::new(&settings.name),
            rank: settings.rank,
            shadow: settings.shadow,
            grant,
            actions: descriptor.actions.iter().copied().collect(),
            may_hold: descriptor.may_hold,
            subscriptions: policy.subscriptions().to_vec(),
            generation: generation(settings, module.digest()),
            unusable: None,
        };
        Ok(Prepared {
            entry,
            policy,
            source: settings.module.clone(),
        })
    }

    /// Forgets components that no entry of these uses.
    pub fn keep(&mut self, used: &[Prepared]) {
        self.modules
            .retain(|(_, digest), _| used.iter().any(|p| p.policy.module().digest() == *digest));
    }

    /// Loads a component.
    ///
    /// # Errors
    /// What is wrong, and what to do next.
    pub fn module(&mut self, source: &ModuleSource) -> Result<Module, (String, Option<String>)> {
        let name = source.to_string();
        let read;
        let bytes: &[u8] = match source {
            ModuleSource::Builtin(builtin) => builtin::component(builtin).ok_or_else(|| {
                let known: Vec<_> = builtin::BUILTIN.iter().map(|(name, _)| *name).collect();
                let hint = format!("there are {}", known.join(", "));
                (
                    format!("there is no built-in policy \"{builtin}\""),
                    Some(hint),
                )
            })?,
            ModuleSource::Path(path) => {
                let bound = dayfly_policy::HostConfig::default().module_bytes as u64;
                let length = std::fs::metadata(path).map(|meta| meta.len());
                if length.as_ref().is_ok_and(|length| *length > bound) {
                    let message = format!("{name} is longer than the {bound} bytes of a module");
                    return Err((message, None));
                }
                read = length
                    .and_then(|_| std::fs::read(path))
                    .map_err(|e| (format!("{name} cannot be read: {e}"), None))?;
                &read
            }
        };
        let key = (name, Digest::of(bytes));
        if let Some(module) = self.modules.get(&key) {
            return Ok(module.clone());
        }
        let module = Module::load(&self.host, &key.0, bytes).map_err(|e| load_problem(&e))?;
        self.modules.insert(key, module.clone());
        Ok(module)
    }
}

fn load_problem(error: &LoadError) -> (String, Option<String>) {
    (error.to_string(), None)
}

fn configure_problem(
    error: &ConfigureError,
    settings: &PolicySettings,
) -> (String, Option<String>) {
    let hint = match error {
        ConfigureError::Refused { .. } => Some(format!(
            "see `dayfly policy inspect {}` for what it takes",
            settings.module
        )),
        ConfigureError::State { needs, .. } => {
            Some(format!("give it limits = {{ state-bytes = {needs} }}"))
        }
        _ => None,
    };
    (error.to_string(), hint)
}

/// What the entry is granted: what is written, or for a policy that this program carries, what it
/// asks for.
fn granted(settings: &PolicySettings, module: &Module) -> Result<Grant, (String, Option<String>)> {
    let descriptor = module.descriptor();
    let asked: Actions = descriptor.actions.iter().copied().collect();
    let builtin = matches!(settings.module, ModuleSource::Builtin(_));
    let (sessions, actions, may_hold) = match &settings.grant {
        Some(grant) => (grant.sessions.clone(), grant.actions, grant.may_hold),
        None if builtin => (Selector::default(), asked, descriptor.may_hold),
        None => (Selector::default(), Actions::NONE, false),
    };
    let missing: Vec<Action> = asked.without(actions).iter().collect();
    let hold_missing = descriptor.may_hold && !may_hold;
    if missing.is_empty() && !hold_missing {
        return Ok(Grant {
            sessions,
            actions,
            may_hold,
        });
    }
    let mut wants: Vec<String> = missing.iter().map(|a| format!("to {a} sessions")).collect();
    wants.extend(hold_missing.then(|| "to hold".to_owned()));
    let listed: Vec<String> = asked.iter().map(|a| format!("\"{a}\"")).collect();
    let hold = if descriptor.may_hold {
        ", hold = true"
    } else {
        ""
    };
    let hint = format!(
        "if it is to have that, write grant = {{ actions = [{}]{hold} }}, and with `sessions` to \
         which sessions that goes",
        listed.join(", ")
    );
    let message = format!(
        "policy {} wants {}, which it is not granted",
        module.name(),
        wants.join(" and ")
    );
    Err((message, Some(hint)))
}

/// The same for the same module, configuration and settings, in every process.
fn generation(settings: &PolicySettings, module: Digest) -> u64 {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update(module.0);
    let text = format!(
        "{:?} {} {:?} {:?} {}",
        settings.rank, settings.shadow, settings.grant, settings.limits, settings.config
    );
    hasher.update(text.as_bytes());
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
