//! The profiles of `~/.aws/config` and `~/.aws/credentials`, resolved as botocore resolves them.

mod access;
mod chain;
mod dialect;
mod files;
mod profile;

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
use profile::Profiles;

/// Both files, and their texts.
pub(crate) fn read(files: &AwsProfiles) -> Result<(Both, [Zeroizing<Vec<u8>>; 2]), SourceError> {
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
    list_by(files, dialect, |profiles| chain::list_own(profiles))
}

fn list_by(
    files: &AwsProfiles,
    dialect: &dyn Dialect,
    list: impl Fn(&Profiles<'_>) -> Listing,
) -> Result<Listing, SourceError> {
    let (both, [config, credentials]) = read(files)?;
    let mut aside = set_asides(&config, Kind::Config);
    aside.extend(set_asides(&credentials, Kind::Credentials));
    let mut listing = list(&Profiles::new(files, &both, &aside, dialect));
    listing.files = vec![files.config.clone(), files.credentials.clone()];
    Ok(listing)
}

impl Source for AwsProfiles {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        list_by(self, &Plain, |profiles| chain::list(profiles))
    }
}

#[cfg(test)]
mod tests;
