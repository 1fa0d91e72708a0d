//! The tools that can be imported from, where they are on this machine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use dayfly_dialog::{CliError, sanitize};
use dayfly_fs::bounded;
use dayfly_host::{paths, person};
use dayfly_import::{
    AskPassphrase, AwsProfiles, AwsSsoCli, AwsVault, Awsume, AzureCli, GoKeyring, Granted, Leapp,
    Listing, Saml2aws, Source, SourceError,
};
use dayfly_vault::SecretString;

/// How long a person may take to unlock a keyring.
const UNLOCK: Duration = Duration::from_secs(60);
/// The longest configuration of a tool, in bytes.
const LIMIT: u64 = 4 << 20;

/// All of them. What comes from an earlier one stands in the way of the same from a later one.
pub(super) fn all(files: &AwsProfiles) -> Result<Vec<Box<dyn Source>>, CliError> {
    let home = home()?;
    let mut hopkey = Leapp::hopkey(home.clone(), files.clone());
    let mut leapp = Leapp::new(home.clone(), files.clone());
    for tool in [&mut hopkey, &mut leapp] {
        tool.machine_id = secret("DAYFLY_MACHINE_ID");
        tool.unlock_within = unlock();
    }
    let aws = || files.clone();
    let saml2aws = Saml2aws {
        config: variable("SAML2AWS_CONFIGFILE")
            .map_or_else(|| home.join(".saml2aws"), |text| path(&home, &text)),
        aws: aws(),
    };
    Ok(vec![
        // What it adds to roles, the profiles alone do not have.
        Box::new(Awsume {
            config: config_of(&home, "awsume", &home.join(".awsume")).join("config.yaml"),
            aws: aws(),
        }),
        Box::new(aws()),
        Box::new(aws_vault(&home, files)),
        match granted(&home, files) {
            Ok(granted) => Box::new(granted),
            Err(error) => Box::new(Unreadable("granted", error)),
        },
        Box::new(AwsSsoCli {
            config: aws_sso_cli(&home),
            cache: aws_sso_cli_folder(&home).join("cache.json"),
            aws: aws(),
        }),
        Box::new(saml2aws),
        Box::new(hopkey),
        Box::new(leapp),
        Box::new(AzureCli {
            file: paths::azure_profile()?,
        }),
    ])
}

fn home() -> Result<PathBuf, CliError> {
    std::env::home_dir()
        .filter(|home| !home.as_os_str().is_empty())
        .ok_or_else(|| {
            CliError::failed("this person has no home, where the tools keep what they have")
        })
}

/// The folder of a tool below `XDG_CONFIG_HOME`, where that is set; else its own.
fn config_of(home: &Path, name: &str, own: &Path) -> PathBuf {
    let xdg = variable("XDG_CONFIG_HOME");
    xdg.map_or_else(|| own.to_owned(), |folder| path(home, &folder).join(name))
}

/// Source: aws-sso-cli, `internal/config/config.go`.
fn aws_sso_cli_folder(home: &Path) -> PathBuf {
    let old = home.join(".aws-sso");
    if old.is_dir() {
        return old;
    }
    config_of(home, "aws-sso", &home.join(".config/aws-sso"))
}

fn aws_sso_cli(home: &Path) -> PathBuf {
    let usual = || aws_sso_cli_folder(home).join("config.yaml");
    variable("AWS_SSO_CONFIG").map_or_else(usual, |text| path(home, &text))
}

fn unlock() -> Option<Duration> {
    person::somebody().then_some(UNLOCK)
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.into_string().ok()?;
    (!value.is_empty()).then_some(value)
}

fn secret(name: &str) -> Option<SecretString> {
    variable(name).map(SecretString::from)
}

/// A path, with the person's own folder for `~`.
fn path(home: &Path, text: &str) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(text),
    }
}

/// The passphrase that a tool takes from a variable, else from the person.
fn ask(name: &'static str, tool: &'static str) -> AskPassphrase {
    Box::new(move |folder| {
        secret(name).or_else(|| {
            let folder = sanitize(&folder.display().to_string());
            let asked = format!("Passphrase of the keys of {tool} in {folder}: ");
            let there = person::somebody();
            there.then(|| person::ask_secret(&asked).ok()).flatten()
        })
    })
}

/// Source: aws-vault 7, `cli/global.go`.
fn aws_vault(home: &Path, files: &AwsProfiles) -> AwsVault {
    let or = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
    let store = or("PASSWORD_STORE_DIR", "~/.password-store");
    let store = or("AWS_VAULT_PASS_PASSWORD_STORE_DIR", &store);
    AwsVault {
        aws: files.clone(),
        ring: GoKeyring {
            tool: "aws-vault",
            collection: or("AWS_VAULT_SECRET_SERVICE_COLLECTION_NAME", "awsvault"),
            pass: (path(home, &store), or("AWS_VAULT_PASS_PREFIX", "")),
            pass_program: or("AWS_VAULT_PASS_CMD", "pass"),
            files: path(home, &or("AWS_VAULT_FILE_DIR", "~/.awsvault/keys")),
            only: variable("AWS_VAULT_BACKEND"),
            variable: "AWS_VAULT_FILE_PASSPHRASE",
            ask: ask("AWS_VAULT_FILE_PASSPHRASE", "aws-vault"),
            unlock_within: unlock(),
            given: OnceLock::new(),
        },
    }
}

/// A tool whose configuration does not say where it keeps things. It is in nobody's way who does not ask for it.
struct Unreadable(&'static str, SourceError);

impl Source for Unreadable {
    fn name(&self) -> &'static str {
        self.0
    }

    fn list(&self) -> Result<Listing, SourceError> {
        Err(self.1.clone())
    }
}

/// Source: Granted, `pkg/config/config.go` and `pkg/securestorage/securestorage.go`.
fn granted(home: &Path, files: &AwsProfiles) -> Result<Granted, SourceError> {
    const NAME: &str = "granted-aws-iam-credentials";
    let own = home.join(".granted");
    let xdg = variable("XDG_CONFIG_HOME").map(|folder| PathBuf::from(folder).join("granted"));
    let folder = xdg.filter(|_| !own.exists()).unwrap_or(own);
    let config = folder.join("config");
    let unread = |error: String| SourceError {
        file: config.clone(),
        message: format!("Dayfly cannot read {}: {error}", config.display()),
        hint: "correct it, or name the sources that you want".to_owned(),
    };
    let text = bounded::read_text(&config, LIMIT).map_err(|error| unread(error.to_string()))?;
    let told: toml::Table = toml::from_str(&text.unwrap_or_default())
        .map_err(|error| unread(error.message().to_owned()))?;
    let keyring = told.get("Keyring").and_then(toml::Value::as_table);
    let told = |key: &str| {
        let value = keyring.and_then(|keyring| keyring.get(key));
        value.and_then(toml::Value::as_str).map(str::to_owned)
    };
    let store = variable("PASSWORD_STORE_DIR").unwrap_or_else(|| "~/.password-store".to_owned());
    let store = told("PassDir").unwrap_or(store);
    let kept = folder.join("secure-storage-aws-iam-credentials");
    Ok(Granted {
        aws: files.clone(),
        ring: GoKeyring {
            tool: "Granted",
            collection: told("LibSecretCollectionName").unwrap_or_else(|| NAME.to_owned()),
            pass: (path(home, &store), NAME.to_owned()),
            pass_program: "pass".to_owned(),
            files: told("FileDir").map_or(kept, |folder| path(home, &folder)),
            only: told("Backend"),
            variable: "CF_KEYRING_FILE_PASSWORD",
            ask: ask("CF_KEYRING_FILE_PASSWORD", "Granted"),
            unlock_within: unlock(),
            given: OnceLock::new(),
        },
    })
}
