//! One profile of both files together.

use std::collections::BTreeSet;

use dayfly_awsfiles::{Both, Key, Kind};

use super::files::AwsProfiles;

/// Keys for which another profile may stand in, where a tool has it so. What says where credentials come from
/// is not among them.
const STOOD_IN: [&str; 9] = [
    "duration_seconds",
    "external_id",
    "mfa_serial",
    "region",
    "role_session_name",
    "session_tags",
    "source_identity",
    "sts_regional_endpoints",
    "transitive_session_tags",
];

/// A profile, whichever of the files its keys are in.
pub(crate) struct Profile<'a> {
    files: &'a AwsProfiles,
    pub(super) both: &'a Both,
    pub(crate) name: &'a str,
    /// The profiles that stand in for this one, the nearest first.
    stand_in: Vec<&'a str>,
    /// Whether a tool keeps a key of it.
    pub(super) is_kept: bool,
    /// Where it begins.
    pub(super) place: String,
}

impl<'a> Profile<'a> {
    /// The profile of this name, by itself.
    pub(super) fn new(files: &'a AwsProfiles, both: &'a Both, name: &'a str) -> Option<Self> {
        let config = both.config.profile(name);
        let found = config.or_else(|| both.credentials.profile(name))?;
        let kind = if config.is_some() {
            Kind::Config
        } else {
            Kind::Credentials
        };
        Some(Self {
            files,
            both,
            name,
            stand_in: Vec::new(),
            is_kept: false,
            place: files.place(kind, found.line),
        })
    }

    /// The same, where others stand in for it.
    pub(super) fn with(mut self, stand_in: Vec<&'a str>, is_kept: bool) -> Self {
        self.stand_in = stand_in;
        self.is_kept = is_kept;
        self
    }

    fn key(&self, key: &str) -> Option<(Kind, &'a Key)> {
        self.both.key(self.name, key)
    }

    /// The value of a key; none where it is empty or has keys of its own.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        match self.key(key) {
            Some((_, found)) => found.text().filter(|text| !text.is_empty()),
            None if STOOD_IN.contains(&key) => self.stand_in(key),
            None => None,
        }
    }

    /// The value of a key of another profile.
    pub(crate) fn text_of(&self, profile: &str, key: &str) -> Option<&'a str> {
        let (_, found) = self.both.key(profile, key)?;
        found.text().filter(|text| !text.is_empty())
    }

    /// The value of a key in the profiles that stand in for this one.
    fn stand_in(&self, key: &str) -> Option<&'a str> {
        let mut found = self
            .stand_in
            .iter()
            .filter_map(|name| self.both.key(name, key));
        let (_, found) = found.next()?;
        found.text().filter(|text| !text.is_empty())
    }

    /// Whether the key is there, with whatever value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.key(key).is_some()
    }

    /// Whether a key stands in the profile itself in one of the files.
    pub(super) fn has_in(&self, kind: Kind, key: &str) -> bool {
        let file = match kind {
            Kind::Config => &self.both.config,
            Kind::Credentials => &self.both.credentials,
        };
        let found = file
            .profile(self.name)
            .and_then(|section| section.keys.get(key));
        found.is_some_and(|key| !key.inherited)
    }

    /// The file that a key stands in.
    pub(super) fn file_of(&self, key: &str) -> Option<Kind> {
        Some(self.key(key)?.0)
    }

    /// Where a key stands, else where the profile does.
    pub(super) fn place_of(&self, key: &str) -> String {
        self.key(key).map_or_else(
            || self.place.clone(),
            |(kind, key)| self.files.place(kind, key.line),
        )
    }

    /// Whether a key comes from `[DEFAULT]`, which all profiles share.
    pub(super) fn inherits(&self, key: &str) -> bool {
        self.key(key).is_some_and(|(_, key)| key.inherited)
    }

    /// The names of all keys, each once.
    pub(super) fn keys(&self) -> BTreeSet<&'a str> {
        let sections = [
            self.both.config.profile(self.name),
            self.both.credentials.profile(self.name),
        ];
        let keys = sections
            .into_iter()
            .flatten()
            .flat_map(|section| section.keys.keys());
        keys.map(String::as_str).collect()
    }

    /// Whether it has both halves of a key of its own.
    pub(super) fn has_key(&self) -> bool {
        self.has("aws_access_key_id") && self.has("aws_secret_access_key")
    }

    /// Whether it assumes a role by another's credentials.
    ///
    /// Source: botocore, `AssumeRoleProvider._has_assume_role_config_vars`.
    pub(super) fn assumes_role(&self) -> bool {
        self.has("role_arn") && !self.has("web_identity_token_file")
    }
}
