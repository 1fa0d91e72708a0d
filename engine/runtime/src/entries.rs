//! From a configuration to policy entries that can be asked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::grant::{Condition, Grant, Selector, Test};
use dayfly_core::input::Entry;
use dayfly_core::policy::{Actions, EntryName, SessionFacts, Subscription};
use dayfly_core::text::shell_word;
use dayfly_fs::private_file::PrivateFileError;
use dayfly_fs::{bounded, trusted};
use dayfly_policy::module::{Digest, LoadError};
use dayfly_policy::policy::ConfigureError;
use dayfly_policy::{Host, Module, Paths, Policy, Wasi};
use dayfly_store::{ContentStore, Refusal, TrustedStore};

use crate::builtin;
use crate::config::{GrantSettings, ModuleSource, PolicySettings};

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
    /// Nobody who is trusted answers for the component, so that what was in force may not stay so.
    pub untrusted: bool,
}

/// Why a component cannot be used.
struct Unusable {
    message: String,
    hint: Option<String>,
    untrusted: bool,
}

impl From<(String, Option<String>)> for Unusable {
    fn from((message, hint): (String, Option<String>)) -> Self {
        Self {
            message,
            hint,
            untrusted: false,
        }
    }
}

impl From<Refusal> for Unusable {
    fn from(refusal: Refusal) -> Self {
        Self {
            message: refusal.message,
            hint: refusal.hint,
            untrusted: refusal.untrusted,
        }
    }
}

impl EntryProblem {
    fn new(config: &Path, settings: &PolicySettings, told: impl Into<Unusable>) -> Self {
        let told = told.into();
        Self {
            entry: EntryName::new(&settings.name),
            path: config.to_owned(),
            line: settings.line,
            message: told.message,
            hint: told.hint,
            untrusted: told.untrusted,
        }
    }
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

/// The name of what stands in for all guard rails where no configuration is known.
pub const CONFIGURATION: &str = "dayfly.toml";

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
            ..Grant::default()
        },
        actions: Actions::NONE,
        may_hold: true,
        subscriptions: Vec::new(),
        schedules: Vec::new(),
        generation: digest.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b)),
        unusable: Some(message.to_owned()),
    }
}

/// The sessions that one selector means and another does not.
#[must_use]
pub(crate) fn beyond(wanted: Selector, covered: Selector) -> Selector {
    let text = format!("{wanted:?} beyond {covered:?}");
    Selector {
        condition: Some(Condition(Arc::new(Beyond {
            text,
            wanted,
            covered,
        }))),
        ..Selector::default()
    }
}

#[derive(Debug)]
struct Beyond {
    text: String,
    wanted: Selector,
    covered: Selector,
}

impl Test for Beyond {
    fn text(&self) -> &str {
        &self.text
    }

    fn passes(&self, session: &SessionFacts) -> bool {
        self.wanted.matches(session) && !self.covered.matches(session)
    }
}

/// Loads the components of entries, each only once.
#[derive(Debug)]
pub struct Loader {
    host: Host,
    store: TrustedStore,
    /// Where the components of entries are kept for replays, where they are.
    archive: Option<ContentStore>,
    modules: BTreeMap<(String, Digest, Wasi), Module>,
}

impl Loader {
    /// A loader that has loaded nothing.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self {
            host,
            store: TrustedStore::empty(),
            archive: None,
            modules: BTreeMap::new(),
        }
    }

    /// From now on entries are held to what this says.
    pub fn hold_to(&mut self, store: TrustedStore) {
        self.store = store;
    }

    /// From now on components are kept there too.
    pub(crate) fn archive(&mut self, archive: Option<ContentStore>) {
        self.archive = archive;
    }

    /// Prepares an entry with a component that is in hand, whatever it is held to. For a look at what it would
    /// do.
    ///
    /// # Errors
    /// As [`Loader::prepare`].
    pub fn prepare_with(
        &self,
        config: &Path,
        settings: &PolicySettings,
        module: &Module,
    ) -> Result<Prepared, EntryProblem> {
        prepared(settings, module).map_err(|told| EntryProblem::new(config, settings, told))
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
        let module = self.module_of(settings);
        let module = module.map_err(|told| EntryProblem::new(config, settings, told))?;
        self.prepare_with(config, settings, &module)
    }

    /// Hands its configuration to the component of an entry, whatever the entry is granted.
    ///
    /// # Errors
    /// The component cannot be read or loaded, or does not take its configuration.
    pub fn configure(
        &mut self,
        config: &Path,
        settings: &PolicySettings,
    ) -> Result<Policy, EntryProblem> {
        let module = self.module_of(settings);
        let module = module.map_err(|told| EntryProblem::new(config, settings, told))?;
        let text = settings.config.to_string();
        let policy = Policy::configure(&module, &text, settings.limits.limits());
        policy.map_err(|e| EntryProblem::new(config, settings, configure_problem(&e, settings)))
    }

    /// Forgets components that no entry of these uses.
    pub fn keep(&mut self, used: &[Prepared]) {
        self.modules
            .retain(|(_, digest, _), _| used.iter().any(|p| p.policy.module().digest() == *digest));
    }

    /// Loads the component of an entry, where it is what the entry is held to.
    fn module_of(&mut self, settings: &PolicySettings) -> Result<Module, Unusable> {
        let source = &settings.module;
        let name = source.to_string();
        // No rule is to be got around by an older form of it.
        if settings.is_guard_rail() && !matches!(source, ModuleSource::Builtin(_)) {
            self.store.newest(&settings.name)?;
        }
        let bytes = match source {
            ModuleSource::Builtin(builtin) => return Ok(self.builtin(builtin)?),
            ModuleSource::Path(path) => {
                // What it is held to is known by its content, whoever may write there.
                let held = self.store.lock();
                let held = held.is_some_and(|lock| lock.module(&settings.name).is_some());
                let bytes = read(path, if held { bounded::read } else { trusted::read })?;
                self.store.file(&settings.name, path, &bytes)?;
                bytes
            }
            ModuleSource::Remote(_) => self.store.remote(&settings.name, &name)?,
        };
        Ok(self.load(name, &bytes, settings.wasi())?)
    }

    /// Loads a component that no entry stands for.
    ///
    /// # Errors
    /// What is wrong, and what to do next.
    pub fn module(&mut self, source: &ModuleSource) -> Result<Module, (String, Option<String>)> {
        match source {
            ModuleSource::Builtin(builtin) => self.builtin(builtin),
            ModuleSource::Path(path) => {
                let bytes = read(path, bounded::read)?;
                self.load(source.to_string(), &bytes, Wasi::Refused)
            }
            ModuleSource::Remote(_) => Err((
                format!("{source} is not on this machine"),
                Some("fetch and review it with `dayfly policy add`".into()),
            )),
        }
    }

    /// Loads a component that is in hand. Errors call it `name`.
    ///
    /// # Errors
    /// What is wrong, and what to do next.
    pub fn load(
        &mut self,
        name: String,
        bytes: &[u8],
        wasi: Wasi,
    ) -> Result<Module, (String, Option<String>)> {
        let key = (name, Digest::of(bytes), wasi);
        if let Some(archive) = &self.archive {
            let digest = key.1.0.into();
            // A replay says which one it misses.
            if !archive.path(&digest).exists() {
                let _ = archive.put(bytes);
            }
        }
        if let Some(module) = self.modules.get(&key) {
            return Ok(module.clone());
        }
        let module =
            Module::load_with(&self.host, &key.0, bytes, wasi).map_err(|e| load_problem(&e))?;
        self.modules.insert(key, module.clone());
        Ok(module)
    }

    fn builtin(&mut self, name: &str) -> Result<Module, (String, Option<String>)> {
        let bytes = builtin::component(name).ok_or_else(|| {
            let known: Vec<_> = builtin::BUILTIN.iter().map(|(name, _)| *name).collect();
            let hint = format!("the choices are {}", known.join(", "));
            (
                format!("there is no built-in policy \"{name}\""),
                Some(hint),
            )
        })?;
        self.load(format!("builtin:{name}"), bytes, Wasi::Refused)
    }
}

/// An entry of a component that is in hand.
fn prepared(
    settings: &PolicySettings,
    module: &Module,
) -> Result<Prepared, (String, Option<String>)> {
    if let Some(problem) = &settings.grant_problem {
        return Err((problem.clone(), None));
    }
    let text = settings.config.to_string();
    let policy = Policy::configure(module, &text, settings.limits.limits())
        .map_err(|e| configure_problem(&e, settings))?;
    let grant = granted(settings, module, policy.subscriptions())?;
    let descriptor = module.descriptor();
    let entry = Entry {
        name: EntryName::new(&settings.name),
        rank: settings.rank,
        shadow: settings.shadow,
        grant,
        actions: descriptor.actions.iter().copied().collect(),
        may_hold: descriptor.may_hold,
        subscriptions: policy.subscriptions().to_vec(),
        schedules: policy.schedules().to_vec(),
        generation: generation(settings, module.digest()),
        unusable: None,
    };
    Ok(Prepared {
        entry,
        policy,
        source: settings.module.clone(),
    })
}

/// Reads a file up to a bound.
type Reads = fn(&Path, u64) -> Result<Option<Vec<u8>>, PrivateFileError>;

/// The bytes of a component, where they are not more than a host loads.
fn read(path: &Path, reads: Reads) -> Result<Vec<u8>, (String, Option<String>)> {
    let name = path.display();
    let bound = dayfly_policy::HostConfig::default().module_bytes as u64;
    match reads(path, bound) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => {
            let missing = std::io::Error::from(rustix::io::Errno::NOENT);
            Err((format!("Dayfly cannot read {name}: {missing}"), None))
        }
        Err(PrivateFileError::TooBig { .. }) => {
            let message = format!("{name} is longer than the {bound} bytes of a module");
            Err((message, None))
        }
        Err(e) => Err((
            format!("Dayfly cannot read {name}: {}", e.with_cause()),
            None,
        )),
    }
}

fn load_problem(error: &LoadError) -> (String, Option<String>) {
    let hint = error.wants_only_wasi().then(|| {
        "or set wasi = true in its grant: the policy can then call these functions, but they tell \
         it nothing about this machine"
            .to_owned()
    });
    (error.to_string(), hint)
}

fn configure_problem(
    error: &ConfigureError,
    settings: &PolicySettings,
) -> (String, Option<String>) {
    let hint = match error {
        ConfigureError::Refused { .. } => Some(format!(
            "see `dayfly policy inspect {}` for what it takes",
            shell_word(&settings.module.to_string())
        )),
        ConfigureError::State { needs, .. } => {
            Some(format!("give it limits = {{ state-bytes = {needs} }}"))
        }
        _ => None,
    };
    (error.to_string(), hint)
}

/// What the entry is granted: what is written, or for a policy that this program carries, the
/// actions that it asks for under its configuration.
#[must_use]
pub fn grant(settings: &PolicySettings, module: &Module) -> Grant {
    let builtin = matches!(settings.module, ModuleSource::Builtin(_));
    match &settings.grant {
        Some(grant) => Grant {
            sessions: grant.sessions.clone(),
            actions: grant.actions,
            may_hold: grant.may_hold,
            paths: grant.paths.clone(),
            rate: grant.rate,
        },
        None if builtin => {
            let asks = dayfly_policy::asks(module.descriptor(), &settings.config);
            Grant {
                actions: asks.actions,
                may_hold: asks.hold,
                ..Grant::default()
            }
        }
        None => Grant::default(),
    }
}

/// What the entry is granted, where that is all that the policy asks for under its configuration. No
/// policy hears of files or repositories without being told to, since which ones a module of this
/// program asks for follows from its configuration.
fn granted(
    settings: &PolicySettings,
    module: &Module,
    subscriptions: &[Subscription],
) -> Result<Grant, (String, Option<String>)> {
    let asks = dayfly_policy::asks(module.descriptor(), &settings.config);
    let granted = grant(settings, module);
    let missing = asks.actions.without(granted.actions);
    let hold_missing = asks.hold && !granted.may_hold;
    let files = files_missing(settings, &granted.paths, subscriptions)?;
    if missing.is_empty() && !hold_missing && files.is_empty() {
        return Ok(granted);
    }
    let mut wants: Vec<String> = missing.iter().map(|a| format!("to {a} sessions")).collect();
    wants.extend(hold_missing.then(|| "to hold".to_owned()));
    if !files.is_empty() {
        let files = files.join(", ");
        wants.push(format!("to be told about files or repositories ({files})"));
    }
    // What replaces the entry's grant, so that nothing of it has to be thought of.
    let mut whole = settings
        .grant
        .clone()
        .unwrap_or_else(|| GrantSettings::of(granted.actions, granted.may_hold));
    whole.actions = whole.actions.union(asks.actions);
    whole.may_hold |= asks.hold;
    whole.paths.extend(files);
    let place = match &settings.grant {
        Some(_) => "in place of its current grant",
        None => "into the entry, and use `sessions` to limit it to some sessions",
    };
    let hint = format!("to grant it that, write {} {place}", whole.line());
    let message = format!(
        "policy {} wants {}, which its grant does not allow",
        module.name(),
        wants.join(" and ")
    );
    Err((message, Some(hint)))
}

/// The files and repositories that it asks to hear of and that these patterns do not cover.
fn files_missing(
    settings: &PolicySettings,
    granted: &[String],
    subscriptions: &[Subscription],
) -> Result<Vec<String>, (String, Option<String>)> {
    let paths = Paths::new(granted, std::env::home_dir().as_deref())
        .map_err(|error| (error.to_string(), None))?;
    let mut missing: Vec<String> = Vec::new();
    for subscription in subscriptions {
        let (Subscription::Files(pattern) | Subscription::Branch(pattern)) = subscription else {
            continue;
        };
        let covered = paths.cover(pattern).map_err(|error| {
            let message = format!(
                "policy {} subscribes to something invalid: {error}",
                settings.module
            );
            (message, None)
        })?;
        if !covered && !missing.contains(pattern) {
            missing.push(pattern.clone());
        }
    }
    Ok(missing)
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
