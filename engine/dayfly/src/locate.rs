//! Where this person's Dayfly lies.

use std::path::PathBuf;

use dayfly_runtime::Home;
use etcetera::BaseStrategy as _;

use crate::trouble::Trouble;

/// `$DAYFLY_HOME`, all in one; else `dayfly` in the platform's folders for configuration and state.
pub(crate) fn home() -> Result<Home, Trouble> {
    if let Some(folder) = set("DAYFLY_HOME") {
        let folder = std::path::absolute(&folder)
            .map_err(|e| Trouble::failed(format!("DAYFLY_HOME is no path: {e}")))?;
        return Ok(Home::in_one(folder));
    }
    let strategy = etcetera::choose_base_strategy().map_err(|_| {
        Trouble::failed("this user has no home folder").hint("set DAYFLY_HOME to a folder")
    })?;
    let folder = strategy.config_dir().join("dayfly");
    let state = strategy
        .state_dir()
        .unwrap_or_else(|| strategy.data_dir())
        .join("dayfly");
    Ok(Home::new(folder, state))
}

/// The credentials file where the configuration names none, as the SDKs look for it.
///
/// Source: AWS SDKs and Tools Reference Guide, "Location of the shared config and credentials
/// files".
pub(crate) fn credentials_file() -> Result<PathBuf, Trouble> {
    if let Some(file) = set("AWS_SHARED_CREDENTIALS_FILE") {
        return std::path::absolute(&file)
            .map_err(|e| Trouble::failed(format!("AWS_SHARED_CREDENTIALS_FILE is no path: {e}")));
    }
    let own = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let own = own.ok_or_else(|| {
        Trouble::failed("this user has no home folder")
            .hint("set AWS_SHARED_CREDENTIALS_FILE, or `credentials-file` in dayfly.toml")
    })?;
    Ok(own.join(".aws").join("credentials"))
}

fn set(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(PathBuf::from(value))
}
