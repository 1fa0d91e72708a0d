//! The tools that can be imported from, where they are on this machine.

use std::path::PathBuf;
use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_host::person;
use dayfly_import::{AwsProfiles, Leapp, Source};
use dayfly_vault::SecretString;

/// How long a person may take to unlock a keyring.
const UNLOCK: Duration = Duration::from_secs(60);

/// All of them. What comes from an earlier one stands in the way of the same from a later one.
pub(super) fn all(files: &AwsProfiles) -> Result<Vec<Box<dyn Source>>, CliError> {
    let home = home()?;
    let machine_id = || {
        let id = std::env::var_os("DAYFLY_MACHINE_ID")?;
        Some(SecretString::from(id.into_string().ok()?))
    };
    let unlock_within = person::somebody().then_some(UNLOCK);
    let mut hopkey = Leapp::hopkey(home.clone(), files.clone());
    let mut leapp = Leapp::new(home, files.clone());
    for tool in [&mut hopkey, &mut leapp] {
        tool.machine_id = machine_id();
        tool.unlock_within = unlock_within;
    }
    Ok(vec![
        Box::new(files.clone()),
        Box::new(hopkey),
        Box::new(leapp),
    ])
}

fn home() -> Result<PathBuf, CliError> {
    std::env::home_dir()
        .filter(|home| !home.as_os_str().is_empty())
        .ok_or_else(|| {
            CliError::failed("this person has no home, where the tools keep what they have")
        })
}
