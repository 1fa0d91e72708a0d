//! The profiles of `~/.aws/config` and `~/.aws/credentials`, resolved as botocore resolves them.

mod access;
mod chain;
mod dialect;
mod files;
mod profile;
mod profiles;
mod signing_helper;

use std::path::Path;

use dayfly_awsfiles::{Both, Kind, load_with_text, set_asides};

use zeroize::Zeroizing;

use crate::candidate::Listing;
use crate::source::{Source, SourceError};
pub(crate) use access::{Access, No, kept_key, no, sso_by};
pub(crate) use dialect::Dialect;
use dialect::Plain;
pub use files::AwsProfiles;
pub(crate) use profile::Profile;
use profiles::Profiles;

/// The texts of the config file and of the credentials file.
type Texts = [Zeroizing<Vec<u8>>; 2];

/// Both files, and their texts.
pub(crate) fn read(files: &AwsProfiles) -> Result<(Both, Texts), SourceError> {
    let read = |path: &Path, kind| {
        load_with_text(path, kind).map_err(|unreadable| SourceError {
            file: path.to_owned(),
            message: unreadable.to_string(),
            hint: unreadable.hint().to_owned(),
        })
    };
    let (config, config_text) = read(&files.config, Kind::Config)?;
    let (credentials, credentials_text) = read(&files.credentials, Kind::Credentials)?;
    let both = Both {
        config,
        credentials,
    };
    Ok((both, [config_text, credentials_text]))
}

/// What of the profiles is a tool's own, with all that is chained to it.
pub(crate) fn list_own(files: &AwsProfiles, dialect: &dyn Dialect) -> Result<Listing, SourceError> {
    list_by(files, dialect, true)
}

fn list_by(
    files: &AwsProfiles,
    dialect: &dyn Dialect,
    only_own: bool,
) -> Result<Listing, SourceError> {
    let (both, [config, credentials]) = read(files)?;
    let mut aside = set_asides(&config, Kind::Config);
    aside.extend(set_asides(&credentials, Kind::Credentials));
    let profiles = Profiles::new(files, &both, &aside, dialect);
    let mut listing = match only_own {
        true => chain::list_own(&profiles),
        false => chain::list(&profiles),
    };
    listing.files = vec![files.config.clone(), files.credentials.clone()];
    Ok(listing)
}

impl Source for AwsProfiles {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        list_by(self, &Plain, false)
    }
}

#[cfg(test)]
mod tests;
