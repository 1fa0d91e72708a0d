//! Where this person's Dayfly lies.

use std::path::{Path, PathBuf};

use dayfly_awsfiles::Kind;
use dayfly_chain::Process;
use dayfly_dialog::CliError;
use dayfly_runtime::Home;
use etcetera::BaseStrategy as _;

/// `$DAYFLY_HOME`, all in one; else `dayfly` in the platform's folders for configuration and state.
pub fn home() -> Result<Home, CliError> {
    match set("DAYFLY_HOME") {
        Some(folder) => home_at(&folder),
        None => usual_home(),
    }
}

/// The home that is all in this folder.
pub fn home_at(folder: &Path) -> Result<Home, CliError> {
    let folder = std::path::absolute(folder)
        .map_err(|e| CliError::failed(format!("DAYFLY_HOME is not a usable path: {e}")))?;
    Ok(Home::in_one(folder))
}

/// Whether this is the home of who sets no `DAYFLY_HOME`.
pub fn is_usual(home: &Home) -> bool {
    usual_home().is_ok_and(|usual| usual == *home)
}

fn usual_home() -> Result<Home, CliError> {
    let strategy = etcetera::choose_base_strategy().map_err(|_| {
        CliError::failed("this user has no home directory").hint("set DAYFLY_HOME to a folder")
    })?;
    let folder = strategy.config_dir().join("dayfly");
    let state = strategy
        .state_dir()
        .unwrap_or_else(|| strategy.data_dir())
        .join("dayfly");
    Ok(Home::new(folder, state))
}

/// How clients are to run this program for credentials of this home.
pub fn process(home: &Home) -> Result<Process, CliError> {
    let program = program()?;
    Ok(Process {
        program,
        home: (!is_usual(home)).then(|| home.folder().to_owned()),
    })
}

/// Where this program lies.
pub fn program() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(|e| {
        CliError::failed(format!(
            "Dayfly cannot determine the path of its own program: {e}"
        ))
    })
}

/// The credentials file where the configuration names none, as the SDKs look for it.
///
/// Source: AWS SDKs and Tools Reference Guide, "Location of the shared config and credentials
/// files".
pub fn credentials_file() -> Result<PathBuf, CliError> {
    shared_file(Kind::Credentials)
}

/// The same for the config file.
pub fn config_file() -> Result<PathBuf, CliError> {
    shared_file(Kind::Config)
}

fn shared_file(kind: Kind) -> Result<PathBuf, CliError> {
    let variable = kind.variable();
    if let Some(file) = kind.named() {
        return std::path::absolute(&file)
            .map_err(|e| CliError::failed(format!("{variable} is not a path: {e}")));
    }
    let own = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let own = own.ok_or_else(|| {
        let setting = match kind {
            Kind::Config => "config-file",
            Kind::Credentials => "credentials-file",
        };
        CliError::failed("this user has no home directory")
            .hint(format!("set {variable}, or `{setting}` in dayfly.toml"))
    })?;
    Ok(kind.place(&own))
}

/// The Azure CLI's list of subscriptions where the configuration names none.
///
/// Source: azure-cli, "Azure CLI configuration", `AZURE_CONFIG_DIR`.
pub fn azure_profile() -> Result<PathBuf, CliError> {
    let folder = match set("AZURE_CONFIG_DIR") {
        Some(folder) => std::path::absolute(&folder)
            .map_err(|e| CliError::failed(format!("AZURE_CONFIG_DIR is not a path: {e}")))?,
        None => {
            let own = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
            let own = own.ok_or_else(|| {
                CliError::failed("this user has no home directory")
                    .hint("set AZURE_CONFIG_DIR, or `profile-file` of [azure] in dayfly.toml")
            })?;
            own.join(".azure")
        }
    };
    Ok(folder.join("azureProfile.json"))
}

fn set(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(PathBuf::from(value))
}
