//! `dayfly.toml`: what the person configures.

mod azure;
mod engine;
mod error;
mod grant;
mod helper;
mod imds;
mod include;
mod last_good;
mod limits;
mod policy;
mod providers;
mod rates;
mod saml;
mod trust;

use std::ops::Range;
use std::path::{Path, PathBuf};

use dayfly_core::delivery::Delivery;
use dayfly_core::settings::Settings;
use dayfly_fs::trusted;
use dayfly_store::TrustRoot;
use serde::Deserialize;
use toml::Spanned;

pub use self::azure::Azure;
pub use self::engine::{EngineSettings, RecordingSettings, VaultKey, VaultSettings};
pub use self::error::ConfigError;
use self::error::position;
pub use self::grant::GrantSettings;
pub use self::helper::HelperSettings;
pub use self::imds::Imds;
pub use self::include::IncludeSettings;
pub use self::last_good::AtStart;
pub(crate) use self::last_good::record;
pub use self::limits::LimitSettings;
use self::policy::{Entries, EntryTable, resolve};
pub use self::policy::{ModuleSource, PolicySettings, json_of};
pub use self::providers::{CloudSettings, ProvidersSettings};
pub use self::rates::{DampingSettings, RateSettings};
pub use self::saml::SamlSettings;

/// The longest file that is read.
pub const LIMIT: u64 = 4 << 20;

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
    /// How many calls each cloud has under way at once.
    pub providers: ProvidersSettings,
    /// How often each cloud is called.
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
    /// The layers of the Workspace, in file order.
    pub includes: Vec<IncludeSettings>,
}

/// `[aws]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Aws {
    /// The region of sessions that name none, where the Workspace names none either.
    pub default_region: Option<String>,
    /// Access keys of IAM users are replaced once they are older than so many days, where the session says nothing
    /// of it (`rotateKeyDays`); none or 0: never by themselves.
    pub rotate_key_days: Option<u32>,
    /// Where STS is, before what the environment and the AWS config file say.
    pub sts_endpoint_url: Option<String>,
    /// Where the API of the SSO portal is, likewise.
    pub sso_endpoint_url: Option<String>,
    /// Where the sign-in service of the SSO portal (SSO OIDC) is, likewise.
    pub sso_oidc_endpoint_url: Option<String>,
    /// The federation endpoint of `dayfly console`, before the one of the session's partition.
    pub signin_endpoint_url: Option<String>,
    /// Where `dayfly console` opens the console.
    pub console_browser: ConsoleBrowser,
    /// The credentials file, before `AWS_SHARED_CREDENTIALS_FILE` and `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// The config file, before `AWS_CONFIG_FILE` and `~/.aws/config`.
    pub config_file: Option<PathBuf>,
}

/// Where `dayfly console` opens the console. In one browser, a console signs the one before out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConsoleBrowser {
    /// Wherever the browser opens addresses.
    #[default]
    Default,
    /// A container of Firefox for each session, by the add-on "Open external links in a container".
    FirefoxContainer,
    /// The same by the add-on "Granted".
    GrantedContainer,
    /// A profile of Chromium, or one of its kin, for each session.
    ChromiumProfile,
}

/// `[delivery]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct DeliveryTable {
    targets: Option<Delivery>,
}

impl Config {
    /// How much providers call each cloud.
    #[must_use]
    pub fn limits(&self) -> dayfly_providers::Limits {
        self.providers.limits(&self.rates.calls(&self.providers))
    }

    /// What the core goes by.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            issuing_max: self.engine.calls_in_flight.clamp(1, 1_000),
            faults_max: self.engine.faults_max.max(1),
            calls: self.rates.calls(&self.providers),
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
        let mut entries = Entries::default();
        for entry in file.policy {
            entries.add(entry, folder, &at)?;
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
            policies: entries.policies,
            disabled: entries.disabled,
            includes: include::includes(file.include, folder, &at)?,
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
    include: Vec<include::IncludeTable>,
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
