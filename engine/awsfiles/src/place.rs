//! Where the shared files lie, as the environment says.
//!
//! Dayfly puts a file out of the way of a command or a shell whose credentials come from an endpoint: its variable
//! then names `/dev/null`, and another one keeps which file that was. Whoever reads or writes the file for the person
//! goes by that one, so that Dayfly itself does not lose sight of the file in such a shell.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::file::Kind;

/// What the variable of a file says while the file is out of the way.
pub const NOWHERE: &str = "/dev/null";

impl Kind {
    /// The variable by which SDKs are told where the file is.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Config => "AWS_CONFIG_FILE",
            Self::Credentials => "AWS_SHARED_CREDENTIALS_FILE",
        }
    }

    /// The variable that keeps which file was put out of the way.
    #[must_use]
    pub const fn hidden_variable(self) -> &'static str {
        match self {
            Self::Config => "DAYFLY_HIDDEN_CONFIG_FILE",
            Self::Credentials => "DAYFLY_HIDDEN_CREDENTIALS_FILE",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Credentials => "credentials",
        }
    }

    /// The file that the environment names, where it names one.
    #[must_use]
    pub fn named(self) -> Option<PathBuf> {
        self.named_by(&variable)
    }

    /// The file that is out of the way in this process, where one is.
    #[must_use]
    pub fn hidden(self) -> Option<PathBuf> {
        self.hidden_by(&variable)
    }

    /// Where it is: as the environment says, or in this home folder.
    #[must_use]
    pub fn place(self, home: &Path) -> PathBuf {
        let usual = || home.join(".aws").join(self.name());
        self.named().unwrap_or_else(usual)
    }

    fn named_by(self, variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let hidden = self.hidden_by(variable);
        hidden.or_else(|| variable(self.variable()).map(PathBuf::from))
    }

    fn hidden_by(self, variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        variable(self.variable()).filter(|value| value == NOWHERE)?;
        variable(self.hidden_variable()).map(PathBuf::from)
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_out_of_the_way_is_still_the_persons_file() {
        let named = |set: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let kind = Kind::Config;
            (kind.named_by(&variable), kind.hidden_by(&variable))
        };
        let (file, hidden) = ("AWS_CONFIG_FILE", "DAYFLY_HIDDEN_CONFIG_FILE");
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(named(&[]), (None, None));
        assert_eq!(named(&[(file, "/c")]), (path("/c"), None));
        // A person may name no file on purpose.
        assert_eq!(named(&[(file, "/dev/null")]), (path("/dev/null"), None));
        let both = named(&[(file, "/dev/null"), (hidden, "/c")]);
        assert_eq!(both, (path("/c"), path("/c")));
        // What was said since then counts.
        assert_eq!(named(&[(file, "/d"), (hidden, "/c")]), (path("/d"), None));
    }
}
