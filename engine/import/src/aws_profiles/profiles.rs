//! The profiles of both files, as one tool reads them.

use std::collections::BTreeSet;

use dayfly_awsfiles::{Aside, Both};

use super::dialect::Dialect;
use super::files::AwsProfiles;
use super::profile::Profile;

/// The profiles of both files.
pub(super) struct Profiles<'a> {
    files: &'a AwsProfiles,
    both: &'a Both,
    aside: &'a [Aside],
    pub(super) dialect: &'a dyn Dialect,
}

impl<'a> Profiles<'a> {
    pub(super) const fn new(
        files: &'a AwsProfiles,
        both: &'a Both,
        aside: &'a [Aside],
        dialect: &'a dyn Dialect,
    ) -> Self {
        Self {
            files,
            both,
            aside,
            dialect,
        }
    }

    /// The session that took a profile's place, by the line of this key, else by any.
    pub(super) fn taken_over(&self, profile: &str, key: Option<&str>) -> Option<&'a str> {
        let mut lines = self.aside.iter().filter(|aside| aside.profile == profile);
        let found = lines.find(|aside| key.is_none_or(|key| aside.key == key));
        found.map(|aside| aside.owner.as_str())
    }

    /// Every profile once, in the order of the config file and then of the credentials file.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let (config, credentials) = (
            self.both.config.profiles(),
            self.both.credentials.profiles(),
        );
        let mut seen = BTreeSet::new();
        let names = config.chain(credentials).map(|(name, _)| name);
        names.filter(|name| seen.insert(*name)).collect()
    }

    /// The profile of this name, as the tool reads it.
    pub(super) fn get(&self, name: &'a str) -> Option<Profile<'a>> {
        let alone = |name| Profile::new(self.files, self.both, name);
        let profile = alone(name)?;
        let mut stand_in: Vec<&'a str> = Vec::new();
        let mut next = self.dialect.stands_in(&profile);
        while let Some(other) = next.filter(|other| *other != name && !stand_in.contains(other)) {
            stand_in.push(other);
            next = alone(other).and_then(|other| self.dialect.stands_in(&other));
        }
        Some(profile.with(stand_in, self.dialect.has_key(name)))
    }
}
