//! `[[policy]]`: one entry for each policy.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_policy::Wasi;
use dayfly_store::Remote;
use serde::Deserialize;
use toml::Spanned;

use super::error::ConfigError;
use super::grant::{GrantSettings, GrantTable};
use super::limits::LimitSettings;

/// `[[policy]]`
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySettings {
    /// Its name.
    pub name: String,
    /// Where its component comes from.
    pub module: ModuleSource,
    /// Its configuration, handed to the module as it is.
    pub config: serde_json::Value,
    /// How much it counts.
    pub rank: Rank,
    /// Whether its decisions are only recorded.
    pub shadow: bool,
    /// What it may see and do; none: nothing was written.
    pub grant: Option<GrantSettings>,
    /// What is wrong with what was written as its grant: then the entry is not used, and all others are.
    pub grant_problem: Option<String>,
    /// Bounds on its calls that are not the usual ones.
    pub limits: LimitSettings,
    /// The line that it begins on, from 1.
    pub line: usize,
}

impl PolicySettings {
    /// Whether it is a guard rail that is not only recorded.
    #[must_use]
    pub(crate) fn is_guard_rail(&self) -> bool {
        self.rank.tier == Tier::GuardRail && !self.shadow
    }

    /// Whether its component may import WASI.
    #[must_use]
    pub fn wasi(&self) -> Wasi {
        self.grant
            .as_ref()
            .map_or(Wasi::Refused, |grant| grant.wasi)
    }
}

/// Where the component of an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    /// Inside this program.
    Builtin(String),
    /// A file.
    Path(PathBuf),
    /// A registry or a git checkout; what runs is what was taken from there when somebody looked at it.
    Remote(Remote),
}

impl fmt::Display for ModuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Path(path) => path.display().fmt(f),
            Self::Remote(remote) => remote.fmt(f),
        }
    }
}

impl ModuleSource {
    /// Reads what `module` of an entry says; a relative path begins at `folder`.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse(folder: &Path, text: &str) -> Result<Self, (String, String)> {
        source(folder, text)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EntryTable {
    name: Spanned<String>,
    module: Spanned<String>,
    #[serde(default)]
    config: toml::Table,
    #[serde(default)]
    tier: TierWord,
    #[serde(default)]
    priority: i32,
    #[serde(default)]
    mode: Mode,
    #[serde(default = "yes")]
    enabled: bool,
    grant: Option<Spanned<GrantTable>>,
    #[serde(default)]
    limits: LimitSettings,
}

fn yes() -> bool {
    true
}

/// What becomes of an entry's decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// They are carried out.
    #[default]
    Live,
    /// They are only recorded.
    Shadow,
}

/// The tiers that a policy can be given.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TierWord {
    #[default]
    Personal,
    Team,
    GuardRail,
}

impl TierWord {
    const fn tier(self) -> Tier {
        match self {
            Self::Personal => Tier::Personal,
            Self::Team => Tier::Team,
            Self::GuardRail => Tier::GuardRail,
        }
    }
}

/// Whether an entry can have this name: it becomes the name of a file.
pub(super) fn is_entry_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Where the component of an entry is; `folder` is that of the configuration.
fn source(folder: &Path, text: &str) -> Result<ModuleSource, (String, String)> {
    let forms =
        "use the path of a component, builtin:NAME, oci://HOST/REPOSITORY:TAG or git:FOLDER//FILE";
    if let Some(name) = text.strip_prefix("builtin:") {
        return Ok(ModuleSource::Builtin(name.to_owned()));
    }
    match Remote::parse(text, folder) {
        Ok(Some(remote)) => return Ok(ModuleSource::Remote(remote)),
        Ok(None) => {}
        Err(error) => return Err((error.to_string(), forms.into())),
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err((
            format!("Dayfly cannot load modules from \"{scheme}://\""),
            forms.into(),
        ));
    }
    if text.is_empty() {
        return Err(("the module is empty".into(), forms.into()));
    }
    Ok(ModuleSource::Path(resolve(folder, Path::new(text))))
}

/// A path as the configuration means it: `~` is the person's own folder, and what is not
/// absolute begins at the configuration's folder.
pub(super) fn resolve(folder: &Path, path: &Path) -> PathBuf {
    if let Ok(rest) = path.strip_prefix("~")
        && let Some(own) = std::env::home_dir()
    {
        return own.join(rest);
    }
    folder.join(path)
}

/// TOML as JSON; moments become texts.
#[must_use]
pub fn json_of(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(list) => list.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => json(table),
    }
}

fn json(table: toml::Table) -> serde_json::Value {
    table.into_iter().map(|(k, v)| (k, json_of(v))).collect()
}

/// The entries of a configuration.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) policies: Vec<PolicySettings>,
    /// Entries that are disabled, and what they name as their module.
    pub(super) disabled: Vec<(String, String)>,
    names: BTreeSet<String>,
}

/// Makes an error about a part of the text, with a hint.
pub(super) type At<'a> = &'a dyn Fn(Option<Range<usize>>, String, Option<String>) -> ConfigError;

impl Entries {
    /// Adds one entry; `folder` is that of the configuration.
    pub(super) fn add(
        &mut self,
        entry: Spanned<EntryTable>,
        folder: &Path,
        at: At<'_>,
    ) -> Result<(), ConfigError> {
        let line = at(Some(entry.span()), String::new(), None).line;
        let entry = entry.into_inner();
        let name = entry.name.get_ref().clone();
        if !is_entry_name(&name) {
            let message = format!("\"{name}\" is not a valid name for a policy entry");
            let hint = "use 1 to 64 letters, digits, \"-\", \"_\" and \".\"".to_owned();
            return Err(at(Some(entry.name.span()), message, Some(hint)));
        }
        if !self.names.insert(name.clone()) {
            let message = format!("there are two policy entries \"{name}\"");
            let hint = "give one of them another name".to_owned();
            return Err(at(Some(entry.name.span()), message, Some(hint)));
        }
        if !entry.enabled {
            self.disabled.push((name, entry.module.into_inner()));
            return Ok(());
        }
        let module = source(folder, entry.module.get_ref()).map_err(|(message, hint)| {
            at(
                Some(entry.module.span()),
                format!("policy entry \"{name}\": {message}"),
                Some(hint),
            )
        })?;
        let tier = entry.tier.tier();
        let (grant, grant_problem) = granted(entry.grant, tier == Tier::GuardRail, at);
        self.policies.push(PolicySettings {
            name,
            module,
            config: json(entry.config),
            rank: Rank {
                tier,
                priority: entry.priority,
            },
            shadow: entry.mode == Mode::Shadow,
            grant,
            grant_problem,
            limits: entry.limits,
            line,
        });
        Ok(())
    }
}

/// What is granted, or nothing and why what is written as the grant cannot be used.
fn granted(
    grant: Option<Spanned<GrantTable>>,
    guards: bool,
    at: At<'_>,
) -> (Option<GrantSettings>, Option<String>) {
    let Some(grant) = grant else {
        return (None, None);
    };
    let position = at(Some(grant.span()), String::new(), None);
    match grant.into_inner().settings(guards) {
        Ok(grant) => (Some(grant), None),
        Err(message) => (
            Some(GrantSettings::of(dayfly_core::policy::Actions::NONE, false)),
            Some(format!(
                "its grant (line {}, column {}): {message}",
                position.line, position.column
            )),
        ),
    }
}
