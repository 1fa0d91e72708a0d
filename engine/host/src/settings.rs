//! The configuration of a home, and the files of others that it names.

use std::path::PathBuf;

use dayfly_dialog::CliError;
use dayfly_runtime::{Config, ConfigError, Home};

use crate::paths;

/// The configuration that this home goes by: what the file says, or the last one that an engine
/// had in force where the file cannot be read. Never the defaults in the place of a broken file.
pub fn in_force(home: &Home) -> Result<Config, CliError> {
    let known = Config::at_start(home).map_err(|e| unreadable(&e))?;
    Ok(known.config)
}

/// The configuration as the file has it, for what nobody should do on an older one.
pub fn load(home: &Home) -> Result<Config, CliError> {
    Config::load(&home.config()).map_err(|e| unreadable(&e))
}

fn unreadable(error: &ConfigError) -> CliError {
    CliError::failed(error.to_string()).hint("nothing was changed; fix the file, then try again")
}

/// The credentials file that the configuration, or else the environment, names.
pub fn credentials_file(config: &Config) -> Result<PathBuf, CliError> {
    match &config.aws.credentials_file {
        Some(file) => Ok(file.clone()),
        None => paths::credentials_file(),
    }
}

/// The same for the config file.
pub fn config_file(config: &Config) -> Result<PathBuf, CliError> {
    match &config.aws.config_file {
        Some(file) => Ok(file.clone()),
        None => paths::config_file(),
    }
}

/// The same for the Azure CLI's list of subscriptions.
pub(crate) fn azure_profile(config: &Config) -> Result<PathBuf, CliError> {
    match &config.azure.profile_file {
        Some(file) => Ok(file.clone()),
        None => paths::azure_profile(),
    }
}
