//! The profiles of `~/.aws/config` and `~/.aws/credentials`, resolved as botocore resolves them.

mod access;
mod chain;
mod files;
mod profile;

use std::path::Path;

use dayfly_awsfiles::{Both, Kind, load_with_text, set_asides};

use zeroize::Zeroizing;

use crate::candidate::Listing;
use crate::source::{Source, SourceError};
pub use files::AwsProfiles;
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

impl Source for AwsProfiles {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let (both, [config, credentials]) = read(self)?;
        let mut aside = set_asides(&config, Kind::Config);
        aside.extend(set_asides(&credentials, Kind::Credentials));
        let mut listing = chain::list(&Profiles::new(self, &both, &aside));
        listing.files = vec![self.config.clone(), self.credentials.clone()];
        Ok(listing)
    }
}

#[cfg(test)]
mod tests;
