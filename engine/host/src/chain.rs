//! The provider chain of a home: the files where cloud SDKs look, and what is kept beside them.

use std::path::PathBuf;

use dayfly_chain::{AzureProfile, Chain, ConfigFile, CredentialsFile, EncryptedStore, Target};
use dayfly_core::delivery::Place;
use dayfly_dialog::CliError;
use dayfly_runtime::{Config, Home, destinations};
use dayfly_vault::Vault;

use crate::{paths, settings, vault};

/// The provider chain of this home; what is kept in it is encrypted with this vault's key. A place
/// that cannot be on this machine fails for those sessions that are to go there.
pub fn open(home: &Home, vault: &Vault) -> Result<Chain, CliError> {
    of(home, &settings::load(home)?, vault)
}

/// The same for a look at it, with the configuration that is in force.
pub fn in_force(home: &Home) -> Result<Chain, CliError> {
    let config = settings::in_force(home)?;
    of(home, &config, &vault::of(home, &config))
}

/// The chain of an engine that starts: without a configuration that was ever in force it takes
/// away, and publishes nothing.
pub(crate) fn at_start(home: &Home, vault: &Vault) -> Result<Chain, CliError> {
    match Config::at_start(home) {
        Ok(known) => of(home, &known.config, vault),
        Err(error) => {
            let chain = of(home, &Config::default(), vault)?;
            Ok(chain.refusing(error.to_string()))
        }
    }
}

pub(crate) fn of(home: &Home, config: &Config, vault: &Vault) -> Result<Chain, CliError> {
    let places = [
        (Place::CredentialsFile, settings::credentials_file(config)),
        (Place::CredentialProcess, settings::config_file(config)),
        (Place::AzureProfile, settings::azure_profile(config)),
    ];
    let (mut files, mut targets, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for (place, path) in places {
        let found = path.and_then(|path| Ok((target(home, (place, path.clone()))?, path)));
        match found {
            Ok((target, path)) => {
                targets.push(target);
                files.push((place, path));
            }
            Err(trouble) => absent.push((place, trouble.message)),
        }
    }
    let before = destinations::recorded(&home.destinations()).map_err(|e| {
        CliError::failed(e).hint(
            "the file records where Dayfly published credentials; check that no credentials are \
             left in files that dayfly.toml named before, then remove it",
        )
    })?;
    let former = before.into_iter().filter(|one| !files.contains(one));
    let former: Result<Vec<_>, _> = former.map(|one| target(home, one)).collect();
    let kept = EncryptedStore::new(vault.beside(home.kept()));
    let chain = Chain::new(targets, kept).leaving(former?);
    let absent = absent.iter();
    Ok(absent.fold(chain, |chain, (place, why)| chain.without(*place, why)))
}

fn target(home: &Home, (place, path): (Place, PathBuf)) -> Result<Box<dyn Target>, CliError> {
    let word = home.word();
    Ok(match place {
        Place::CredentialsFile => Box::new(CredentialsFile::new(path).of_home(&word)),
        Place::CredentialProcess => {
            Box::new(ConfigFile::new(path, paths::process(home)?).of_home(&word))
        }
        Place::AzureProfile => Box::new(AzureProfile::new(path).of_home(&word)),
    })
}
