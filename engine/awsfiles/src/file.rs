//! Profiles and `[sso-session]`s, as botocore's `build_profile_map` has them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::fault::Faults;
use crate::parse::{self, Key, Section};
use crate::shell;

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `~/.aws/config`: profiles are sections `[default]` and `[profile NAME]`.
    Config,
    /// `~/.aws/credentials`: each section is a profile, under its name as it stands.
    Credentials,
}

/// A shared file.
#[derive(Clone, Debug)]
pub struct AwsFile {
    sections: Vec<Section>,
    profiles: Places,
    sso_sessions: Places,
}

/// Names in the order of the file, and which section each is.
#[derive(Clone, Debug, Default)]
struct Places {
    names: Vec<(String, usize)>,
    /// Where a name stands in that order; a file may have very many.
    known: HashMap<String, usize>,
}

impl Places {
    /// A section that comes later takes the place of an earlier one of the same name, wholly.
    fn put(&mut self, name: String, section: usize) {
        match self.known.get(&name).and_then(|at| self.names.get_mut(*at)) {
            Some(place) => place.1 = section,
            None => {
                self.known.insert(name.clone(), self.names.len());
                self.names.push((name, section));
            }
        }
    }

    fn get(&self, name: &str) -> Option<usize> {
        let at = self.known.get(name)?;
        self.names.get(*at).map(|(_, section)| *section)
    }
}

impl AwsFile {
    /// Reads the text of a file; an empty one is a file without profiles.
    ///
    /// # Errors
    /// The AWS CLI could not read it either, or there is a NUL in it.
    pub fn read(source: &[u8], kind: Kind) -> Result<Self, Faults> {
        let sections = parse::raw(source)?;
        let mut file = Self {
            profiles: Places::default(),
            sso_sessions: Places::default(),
            sections: Vec::new(),
        };
        for (at, section) in sections.iter().enumerate() {
            if let Some(name) = profile_of(&section.name, kind) {
                file.profiles.put(name.into_owned(), at);
            } else if kind == Kind::Config
                && !section.name.starts_with("profile")
                && section.name.starts_with("sso-session")
                && let Some(name) = second_of_two(&section.name)
            {
                file.sso_sessions.put(name, at);
            }
        }
        file.sections = sections;
        Ok(file)
    }

    /// All sections in the order of the file.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The profiles by their names, in the order of the file.
    pub fn profiles(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.named(&self.profiles.names)
    }

    /// The `[sso-session]`s by their names, in the order of the file.
    pub fn sso_sessions(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.named(&self.sso_sessions.names)
    }

    /// A profile.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&Section> {
        self.sections.get(self.profiles.get(name)?)
    }

    /// An `[sso-session]`.
    #[must_use]
    pub fn sso_session(&self, name: &str) -> Option<&Section> {
        self.sections.get(self.sso_sessions.get(name)?)
    }

    fn named<'a>(
        &'a self,
        places: &'a [(String, usize)],
    ) -> impl Iterator<Item = (&'a str, &'a Section)> {
        let place =
            |(name, at): &'a (String, usize)| Some((name.as_str(), self.sections.get(*at)?));
        places.iter().filter_map(place)
    }
}

/// The profile that a section is, by what stands between its brackets; none where it is none.
#[must_use]
pub fn profile_of(section: &str, kind: Kind) -> Option<Cow<'_, str>> {
    if kind == Kind::Credentials || section == "default" {
        return Some(Cow::Borrowed(section));
    }
    // Not only `profile NAME`: botocore asks for no more than the beginning and two words.
    let named = section.starts_with("profile");
    named.then(|| second_of_two(section))?.map(Cow::Owned)
}

fn second_of_two(section: &str) -> Option<String> {
    let words: [String; 2] = shell::split(section)?.try_into().ok()?;
    let [_, name] = words;
    Some(name)
}

/// Both files together: what botocore's `full_config` says of a profile.
#[derive(Clone, Debug)]
pub struct Both {
    /// The config file.
    pub config: AwsFile,
    /// The credentials file, whose keys stand over those of the config file.
    pub credentials: AwsFile,
}

impl Both {
    /// A key of a profile, and which file it stands in.
    #[must_use]
    pub fn key(&self, profile: &str, key: &str) -> Option<(Kind, &Key)> {
        let credentials = self.credentials.profile(profile);
        if let Some(found) = credentials.and_then(|section| section.keys.get(key)) {
            return Some((Kind::Credentials, found));
        }
        let config = self.config.profile(profile);
        let found = config.and_then(|section| section.keys.get(key))?;
        Some((Kind::Config, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, kind: Kind) -> AwsFile {
        AwsFile::read(text.as_bytes(), kind).unwrap()
    }

    #[test]
    fn names_are_those_that_the_aws_cli_has() {
        let text = "[default]\n[profile \"my acct\"]\nregion = x\n[sso-session \"corp\"]\n\
                    [profile bare name]\n[other]\n[ default ]\n[sso-session  plain ]\n";
        let names = |found: Vec<(&str, &Section)>| -> Vec<String> {
            found.into_iter().map(|(name, _)| name.to_owned()).collect()
        };
        let config = read(text, Kind::Config);
        assert_eq!(names(config.profiles().collect()), ["default", "my acct"]);
        assert_eq!(names(config.sso_sessions().collect()), ["corp", "plain"]);
        let credentials = read("[my acct]\n[\"q\"]\n[profile a]\n", Kind::Credentials);
        let all = names(credentials.profiles().collect());
        assert_eq!(all, ["my acct", "\"q\"", "profile a"]);
    }

    #[test]
    fn the_later_of_two_spellings_counts_wholly() {
        let config = read(
            "[profile a]\nx = 1\ny = 2\n[profile \"a\"]\nx = 3\n",
            Kind::Config,
        );
        let profile = config.profile("a").unwrap();
        assert_eq!((profile.text("x"), profile.text("y")), (Some("3"), None));
    }

    #[test]
    fn keys_of_the_credentials_file_come_first() {
        let both = Both {
            config: read("[profile a]\nregion = c\noutput = json\n", Kind::Config),
            credentials: read("[a]\nregion = k\n", Kind::Credentials),
        };
        let said = |key| {
            let (kind, key) = both.key("a", key)?;
            Some((kind, key.text()?.to_owned()))
        };
        assert_eq!(said("region"), Some((Kind::Credentials, "k".to_owned())));
        assert_eq!(said("output"), Some((Kind::Config, "json".to_owned())));
        assert_eq!(said("mfa_serial"), None);
    }
}
