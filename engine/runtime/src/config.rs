//! `dayfly.toml`: what the person configures.

mod azure;
mod grant;
mod helper;
mod imds;
mod last_good;
mod providers;
mod rates;
mod saml;
mod trust;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::delivery::Delivery;
use dayfly_core::settings::Settings;
use dayfly_fs::private_file::PrivateFileError;
use dayfly_fs::trusted;
use dayfly_policy::Wasi;
use dayfly_store::{Remote, TrustRoot};
use serde::Deserialize;
use toml::Spanned;

pub use self::azure::Azure;
pub use self::grant::GrantSettings;
use self::grant::GrantTable;
pub use self::helper::HelperSettings;
pub use self::imds::Imds;
pub use self::last_good::AtStart;
pub(crate) use self::last_good::record;
pub use self::providers::{CloudSettings, ProvidersSettings};
pub use self::rates::{DampingSettings, RateSettings};
pub use self::saml::SamlSettings;

/// The longest file that is read.
pub const LIMIT: u64 = 4 << 20;
/// What is said of a file that was there.
const GONE: &str = "the file is gone";
/// Policy entries in one configuration.
const ENTRIES: usize = 1_000;

/// The configuration. [`Config::default`] is that of an empty file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Settings for the access methods of AWS.
    pub aws: Aws,
    /// Settings for Azure.
    pub azure: Azure,
    /// Where the key to the vault is.
    pub vault: VaultSettings,
    /// Who is asked for MFA codes.
    pub mfa: HelperSettings,
    /// How people sign in at identity providers.
    pub saml: SamlSettings,
    /// How the engine works.
    pub engine: EngineSettings,
    /// Whether evaluations are kept, to be replayed.
    pub recording: RecordingSettings,
    /// How much each cloud is called.
    pub providers: ProvidersSettings,
    /// How many calls providers take.
    pub rates: RateSettings,
    /// What decisions of policies may have to wait for.
    pub damping: DampingSettings,
    /// Where credentials go, where the Workspace does not say it.
    pub delivery: Option<Delivery>,
    /// The metadata endpoint; none: there is none.
    pub imds: Option<Imds>,
    /// Whose signature modules need.
    pub trust: Vec<TrustRoot>,
    /// The policy entries, in file order.
    pub policies: Vec<PolicySettings>,
    /// Entries that are disabled, and what they name as their module.
    pub disabled: Vec<(String, String)>,
}

/// `[aws]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Aws {
    /// The region of sessions that name none, where the Workspace names none either.
    pub default_region: Option<String>,
    /// Where STS is, before what the environment and the AWS config file say.
    pub sts_endpoint_url: Option<String>,
    /// Where the API of the SSO portal is, likewise.
    pub sso_endpoint_url: Option<String>,
    /// Where the sign-in service of the SSO portal (SSO OIDC) is, likewise.
    pub sso_oidc_endpoint_url: Option<String>,
    /// The federation endpoint of `dayfly console`, before the one of the session's partition.
    pub signin_endpoint_url: Option<String>,
    /// The credentials file, before `AWS_SHARED_CREDENTIALS_FILE` and `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// The config file, before `AWS_CONFIG_FILE` and `~/.aws/config`.
    pub config_file: Option<PathBuf>,
}

/// `[delivery]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct DeliveryTable {
    targets: Option<Delivery>,
}

/// `[vault]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultSettings {
    /// Where its key is.
    pub key: VaultKey,
}

/// Where the key to the vault is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaultKey {
    /// Where it is already: in the key file, behind the passphrase, in the keyring. With nothing
    /// there yet, in the keyring where one takes it, else in a key file.
    #[default]
    Auto,
    /// In a file that only this user can read.
    File,
    /// In the keyring of the operating system.
    Keyring,
    /// In a file that a passphrase opens.
    Passphrase,
}

/// `[engine]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EngineSettings {
    /// Calls of providers at the same time.
    pub calls_in_flight: usize,
    /// Evaluations of policies at the same time; 0: as many as there are processors.
    pub evaluations_in_flight: usize,
    /// Faults in a row after which a policy entry is suspended.
    pub faults_max: u32,
    /// Megabytes of the journal.
    pub journal_megabytes: u64,
    /// Days after which the journal's lines are removed, an eighth of that at a time.
    pub journal_days: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            calls_in_flight: 8,
            evaluations_in_flight: 0,
            faults_max: 10,
            journal_megabytes: 64,
            journal_days: 90,
        }
    }
}

/// `[recording]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RecordingSettings {
    /// Whether what policies are asked and answer is kept.
    pub enabled: bool,
    /// Megabytes of it.
    pub megabytes: u64,
    /// Days after which it is removed, an eighth of that at a time.
    pub days: u64,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            megabytes: 256,
            days: 30,
        }
    }
}

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

/// `[policy.limits]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitSettings {
    /// Megabytes of memory.
    pub memory_megabytes: Option<usize>,
    /// Milliseconds of a call.
    pub deadline_ms: Option<u64>,
    /// Instructions of a call.
    pub fuel: Option<u64>,
    /// Bytes of state.
    pub state_bytes: Option<usize>,
    /// Elements of all tables together.
    pub table_elements: Option<usize>,
    /// Core instances.
    pub instances: Option<usize>,
    /// Handles of component resources.
    pub handles: Option<usize>,
    /// Bytes that one crossing from guest to host may carry; bounds the answer.
    pub crossing_bytes: Option<usize>,
    /// Calls of `workspace` and `state`.
    pub host_calls: Option<u32>,
    /// Proposals, wake-ups and messages of an answer together.
    pub effects: Option<usize>,
    /// Wake-ups of an answer.
    pub wakes: Option<usize>,
    /// Messages of an answer.
    pub notices: Option<usize>,
    /// Bytes of an id, a key or a code.
    pub short_text: Option<usize>,
    /// Bytes of a reason or a message.
    pub long_text: Option<usize>,
    /// Log lines of a call.
    pub log_lines: Option<usize>,
    /// Bytes of them.
    pub log_bytes: Option<usize>,
    /// Values in the state.
    pub state_values: Option<usize>,
    /// Bytes of a key of the state.
    pub state_key_bytes: Option<usize>,
    /// Bytes of a value of the state.
    pub state_value_bytes: Option<usize>,
}

impl LimitSettings {
    /// The limits that these make of the usual ones.
    #[must_use]
    pub fn limits(&self) -> dayfly_policy::Limits {
        let usual = dayfly_policy::Limits::default();
        dayfly_policy::Limits {
            memory: self
                .memory_megabytes
                .map_or(usual.memory, |m| m.saturating_mul(1 << 20)),
            deadline: self
                .deadline_ms
                .map_or(usual.deadline, Duration::from_millis),
            fuel: self.fuel.unwrap_or(usual.fuel),
            state_bytes: self.state_bytes.unwrap_or(usual.state_bytes),
            table_elements: self.table_elements.unwrap_or(usual.table_elements),
            instances: self.instances.unwrap_or(usual.instances),
            handles: self.handles.unwrap_or(usual.handles),
            crossing_bytes: self.crossing_bytes.unwrap_or(usual.crossing_bytes),
            host_calls: self.host_calls.unwrap_or(usual.host_calls),
            effects: self.effects.unwrap_or(usual.effects),
            wakes: self.wakes.unwrap_or(usual.wakes),
            notices: self.notices.unwrap_or(usual.notices),
            short_text: self.short_text.unwrap_or(usual.short_text),
            long_text: self.long_text.unwrap_or(usual.long_text),
            log_lines: self.log_lines.unwrap_or(usual.log_lines),
            log_bytes: self.log_bytes.unwrap_or(usual.log_bytes),
            state_values: self.state_values.unwrap_or(usual.state_values),
            state_key_bytes: self.state_key_bytes.unwrap_or(usual.state_key_bytes),
            state_value_bytes: self.state_value_bytes.unwrap_or(usual.state_value_bytes),
            ..usual
        }
    }
}

/// Why a configuration cannot be used. The one in force stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 where it is about the file.
    pub line: usize,
    /// The column, from 1; 0 where it is about the file.
    pub column: usize,
    /// What is wrong, a sentence without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// A file that cannot be read.
    fn file(path: &Path, error: &PrivateFileError) -> Self {
        let (line, column, message) = match error {
            PrivateFileError::NotText { line, column, .. } => (
                *line,
                *column,
                "is not UTF-8 text; save it as UTF-8".to_owned(),
            ),
            error => (0, 0, format!("cannot be read: {}", error.with_cause())),
        };
        Self {
            path: path.to_owned(),
            line,
            column,
            message,
            hint: None,
        }
    }

    /// A file that was there and is not any more.
    pub(crate) fn gone(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            line: 0,
            column: 0,
            message: GONE.into(),
            hint: Some(
                "its last good version stays in force; an empty file is the configuration of somebody who \
                 wants none"
                    .into(),
            ),
        }
    }

    fn is_gone(&self) -> bool {
        self.message == GONE
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

impl Config {
    /// What the core goes by.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            issuing_max: self.engine.calls_in_flight.clamp(1, 1_000),
            faults_max: self.engine.faults_max.max(1),
            calls: self.rates.calls(),
            damping: self.damping.damping(),
            ..Settings::default()
        }
    }

    /// Reads the configuration; that of an empty file where there is none. Nobody else may be able
    /// to write it, as it can make Dayfly run, reach and publish things.
    ///
    /// # Errors
    /// The file cannot be read, could have been written by others, is no TOML, or says something
    /// that has no meaning. Nobody may go on with the defaults then.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Ok(Self::load_present(path)?.unwrap_or_default())
    }

    /// The same; none where there is no file.
    ///
    /// # Errors
    /// As for [`Config::load`].
    pub fn load_present(path: &Path) -> Result<Option<Self>, ConfigError> {
        match Self::text(path)? {
            Some(text) => Self::parse(path, &text).map(Some),
            None => Ok(None),
        }
    }

    /// The text of the configuration; none where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or could have been written by others.
    pub fn text(path: &Path) -> Result<Option<String>, ConfigError> {
        trusted::read_text(path, LIMIT).map_err(|e| ConfigError::file(path, &e))
    }

    /// Takes the text of a configuration apart; paths in it are relative to its folder.
    ///
    /// # Errors
    /// It is no TOML, or says something that has no meaning.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let at = |span: Option<Range<usize>>, message: String, hint: Option<String>| {
            let (line, column) = span.map_or((0, 0), |s| position(text, s.start));
            ConfigError {
                path: path.to_owned(),
                line,
                column,
                message,
                hint,
            }
        };
        let file: File = toml::from_str(text)
            .map_err(|e| at(e.span(), e.message().trim_end().replace('\n', ", "), None))?;
        if file.policy.len() > ENTRIES {
            let message = format!("there are more than {ENTRIES} policy entries");
            return Err(at(None, message, None));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut names = BTreeSet::new();
        let mut policies = Vec::new();
        let mut disabled = Vec::new();
        for entry in file.policy {
            let line = position(text, entry.span().start).0;
            let entry = entry.into_inner();
            let name = entry.name.get_ref().clone();
            if !is_entry_name(&name) {
                let message = format!("\"{name}\" is no name for a policy entry");
                let hint = "use 1 to 64 letters, digits, \"-\", \"_\" and \".\"".to_owned();
                return Err(at(Some(entry.name.span()), message, Some(hint)));
            }
            if !names.insert(name.clone()) {
                let message = format!("a second policy entry is named \"{name}\"");
                let hint = "each needs a name of its own".to_owned();
                return Err(at(Some(entry.name.span()), message, Some(hint)));
            }
            if !entry.enabled {
                disabled.push((name, entry.module.into_inner()));
                continue;
            }
            let module = source(folder, entry.module.get_ref()).map_err(|(message, hint)| {
                at(
                    Some(entry.module.span()),
                    format!("policy entry \"{name}\": {message}"),
                    Some(hint),
                )
            })?;
            let guards = entry.tier.tier() == Tier::GuardRail;
            let grant = entry.grant.map(|grant| {
                let position = at(Some(grant.span()), String::new(), None);
                let read = grant.into_inner().settings(guards);
                read.map_err(|message| (position.line, position.column, message))
            });
            let (grant, grant_problem) = match grant.transpose() {
                Ok(grant) => (grant, None),
                Err((line, column, message)) => (
                    Some(GrantSettings::of(dayfly_core::policy::Actions::NONE, false)),
                    Some(format!(
                        "its grant (line {line}, column {column}): {message}"
                    )),
                ),
            };
            policies.push(PolicySettings {
                name,
                module,
                config: json(entry.config),
                rank: Rank {
                    tier: entry.tier.tier(),
                    priority: entry.priority,
                },
                shadow: entry.mode == Mode::Shadow,
                grant,
                grant_problem,
                limits: entry.limits,
                line,
            });
        }
        let mut trust = Vec::new();
        for table in file.trust {
            let span = table.span();
            let root = table.into_inner().root();
            trust.push(root.map_err(|message| at(Some(span), message, None))?);
        }
        let mut aws = file.aws;
        aws.credentials_file = aws.credentials_file.map(|file| resolve(folder, &file));
        aws.config_file = aws.config_file.map(|file| resolve(folder, &file));
        let mut azure = file.azure;
        azure.profile_file = azure.profile_file.map(|file| resolve(folder, &file));
        Ok(Self {
            aws,
            azure,
            vault: file.vault,
            mfa: file.mfa,
            saml: file.saml,
            engine: file.engine,
            recording: file.recording,
            providers: file.providers,
            rates: file.rates,
            damping: file.damping,
            delivery: file.delivery.targets,
            imds: file.imds,
            trust,
            policies,
            disabled,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    aws: Aws,
    azure: Azure,
    vault: VaultSettings,
    mfa: HelperSettings,
    saml: SamlSettings,
    engine: EngineSettings,
    recording: RecordingSettings,
    providers: ProvidersSettings,
    rates: RateSettings,
    damping: DampingSettings,
    delivery: DeliveryTable,
    imds: Option<Imds>,
    trust: Vec<Spanned<trust::TrustTable>>,
    policy: Vec<Spanned<EntryTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EntryTable {
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
fn is_entry_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Where the component of an entry is; `folder` is that of the configuration.
fn source(folder: &Path, text: &str) -> Result<ModuleSource, (String, String)> {
    let forms =
        "give the path of a component, builtin:NAME, oci://HOST/REPOSITORY:TAG or git:FOLDER//FILE";
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
            format!("modules cannot be had from \"{scheme}://\""),
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
fn resolve(folder: &Path, path: &Path) -> PathBuf {
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

/// Line and column, both from 1, of a byte.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[begin..].chars().count() + 1)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
