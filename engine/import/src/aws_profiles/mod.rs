//! The profiles of `~/.aws/config` and `~/.aws/credentials`, resolved as botocore resolves them.

mod access;
mod chain;
mod files;
mod profile;

use std::path::Path;

use dayfly_awsfiles::{Both, Kind, load_with_text, set_asides};

use crate::candidate::Listing;
use crate::source::{Source, SourceError};
pub use files::AwsProfiles;
use profile::Profiles;

impl Source for AwsProfiles {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let read = |path: &Path, kind| {
            load_with_text(path, kind).map_err(|unreadable| SourceError {
                file: path.to_owned(),
                message: unreadable.to_string(),
                hint: unreadable.hint().to_owned(),
            })
        };
        let (config, config_text) = read(&self.config, Kind::Config)?;
        let (credentials, credentials_text) = read(&self.credentials, Kind::Credentials)?;
        let both = Both {
            config,
            credentials,
        };
        let mut aside = set_asides(&config_text, Kind::Config);
        aside.extend(set_asides(&credentials_text, Kind::Credentials));
        let mut listing = chain::list(&Profiles::new(self, &both, &aside));
        listing.files = vec![self.config.clone(), self.credentials.clone()];
        Ok(listing)
    }
}

#[cfg(test)]
mod tests;
