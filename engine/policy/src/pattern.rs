//! Patterns of paths, as policies subscribe to files and repositories by them.
//!
//! A pattern is read name by name, so that a watcher can ask of each folder on the way whether
//! anything below it can match, and watches nothing else. What stands for a part of a name is read
//! by the `globset` crate, which by itself cannot say whether anything below a folder may match.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use thiserror::Error;

/// Names in a pattern, so that a [`Progress`] fits into a number.
const NAMES: usize = 60;

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It begins neither with `/` nor with `~/`.
    #[error("`{0}` is not a path pattern: it must begin with `/` or `~/`")]
    Relative(String),
    /// It begins with `~/`, and nobody knows where that is.
    #[error("`{0}` cannot be used: this user has no home directory")]
    Homeless(String),
    /// It names no file, or holds `.` or `..`.
    #[error("`{0}` is not a path pattern: it must not contain `.`, `..` or empty names")]
    Names(String),
    /// Braces or brackets hold more than a part of one name.
    #[error("`{0}` is not a path pattern: braces and brackets must be inside one name")]
    Slash(String),
    /// It is too long.
    #[error("`{0}` is not a path pattern: it has more than {NAMES} names")]
    Long(String),
    /// It would have all of the machine watched.
    #[error(
        "`{0}` would watch the whole machine: write at least one folder before the first `*`, `?`, \
         `[` or `{{`"
    )]
    Wide(String),
    /// A name in it is no glob.
    #[error("`{pattern}` is not a path pattern: {problem}")]
    Glob {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        problem: String,
    },
}

/// A pattern of paths. Cheap to clone.
#[derive(Clone)]
pub struct PathPattern(Arc<Read>);

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PathPattern").field(&self.0.text).finish()
    }
}

struct Read {
    text: Arc<str>,
    names: Vec<Name>,
}

enum Name {
    /// This one.
    Literal(String),
    /// One that matches.
    Glob(Box<GlobMatcher>),
    /// Any number of folders.
    Any,
}

/// How far into a pattern the names of a path have come: a set of places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress(u64);

impl PathPattern {
    /// Reads a pattern; `~/` is the folder of the user whom this process runs as.
    ///
    /// # Errors
    /// [`PatternError`], a sentence for the author of the policy or of its configuration.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Self::parse_at(text, std::env::home_dir().as_deref())
    }

    /// Reads a pattern for somebody with this home folder.
    ///
    /// # Errors
    /// Those of [`PathPattern::parse`].
    pub fn parse_at(text: &str, home: Option<&Path>) -> Result<Self, PatternError> {
        let own = || text.to_owned();
        let (mut names, rest) = if let Some(rest) = text.strip_prefix("~/") {
            let home = home.filter(|home| home.is_absolute());
            let home = home.ok_or_else(|| PatternError::Homeless(own()))?;
            (literals(home), rest)
        } else if let Some(rest) = text.strip_prefix('/') {
            (Vec::new(), rest)
        } else {
            return Err(PatternError::Relative(own()));
        };
        for name in split(rest) {
            match name {
                "" | "." | ".." => return Err(PatternError::Names(own())),
                // Two of them say no more than one.
                "**" if matches!(names.last(), Some(Name::Any)) => {}
                "**" => names.push(Name::Any),
                literal if !literal.contains(['*', '?', '[', ']', '{', '}', '\\']) => {
                    names.push(Name::Literal(literal.to_owned()));
                }
                glob if glob.contains('/') => return Err(PatternError::Slash(own())),
                glob => {
                    let built = GlobBuilder::new(glob).literal_separator(true).build();
                    let built = built.map_err(|error| PatternError::Glob {
                        pattern: own(),
                        problem: error.to_string(),
                    })?;
                    names.push(Name::Glob(Box::new(built.compile_matcher())));
                }
            }
        }
        if names.len() > NAMES {
            return Err(PatternError::Long(own()));
        }
        // `/x` alone is a name in the uppermost folder, which is fine.
        if matches!(names.first(), None | Some(Name::Glob(_) | Name::Any)) {
            return Err(PatternError::Wide(own()));
        }
        Ok(Self(Arc::new(Read {
            text: text.into(),
            names,
        })))
    }

    /// This pattern with these names behind it, which are taken literally.
    #[must_use]
    pub fn join(&self, rest: &str) -> Self {
        let names = self.0.names.iter().map(|name| match name {
            Name::Literal(name) => Name::Literal(name.clone()),
            Name::Glob(glob) => Name::Glob(glob.clone()),
            Name::Any => Name::Any,
        });
        Self(Arc::new(Read {
            text: Arc::clone(&self.0.text),
            names: names.chain(literals(Path::new(rest))).collect(),
        }))
    }

    /// A pattern that only this path matches.
    #[must_use]
    pub fn literal(path: &Path) -> Self {
        Self(Arc::new(Read {
            text: path.to_string_lossy().into(),
            names: literals(path),
        }))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.0.text
    }

    /// Where the uppermost folder stands.
    #[must_use]
    pub fn begin(&self) -> Progress {
        self.also(Progress(1))
    }

    /// Where a name leads to from a folder. `link` says whether it is a link to a folder, `folder`
    /// whether it is one at all.
    #[must_use]
    pub fn step(&self, from: Progress, name: &OsStr, link: bool) -> Progress {
        let Some(text) = name.to_str() else {
            // What is no text can be told to nobody.
            return Progress::default();
        };
        let mut to = 0;
        for (place, wanted) in self.0.names.iter().enumerate() {
            if from.0 & (1 << place) == 0 {
                continue;
            }
            match wanted {
                Name::Literal(wanted) if wanted == text => to |= 1 << (place + 1),
                Name::Glob(glob) if glob.is_match(text) => to |= 1 << (place + 1),
                Name::Any if !link && !text.starts_with('.') && text != "node_modules" => {
                    to |= 1 << place;
                }
                _ => {}
            }
        }
        self.also(Progress(to))
    }

    /// Any number of folders may be none.
    fn also(&self, mut at: Progress) -> Progress {
        for (place, name) in self.0.names.iter().enumerate() {
            if at.0 & (1 << place) != 0 && matches!(name, Name::Any) {
                at.0 |= 1 << (place + 1);
            }
        }
        at
    }

    /// Whether a path that has come here matches.
    #[must_use]
    pub fn is_there(&self, at: Progress) -> bool {
        at.0 & (1 << self.0.names.len()) != 0
    }

    /// Whether something below a folder that has come here can match.
    #[must_use]
    pub fn goes_on(&self, at: Progress) -> bool {
        at.0 & ((1 << self.0.names.len()) - 1) != 0
    }

    /// The only names that can follow; none where any can.
    #[must_use]
    pub fn next_names(&self, at: Progress) -> Option<Vec<&str>> {
        let places = self.0.names.iter().enumerate();
        let ahead = places.filter(|(place, _)| at.0 & (1 << place) != 0);
        ahead
            .map(|(_, name)| match name {
                Name::Literal(name) => Some(name.as_str()),
                Name::Glob(_) | Name::Any => None,
            })
            .collect()
    }

    /// Whether a path matches, links aside.
    #[must_use]
    pub fn matches(&self, path: &Path) -> bool {
        let mut at = self.begin();
        for part in path.components() {
            match part {
                Component::RootDir => {}
                Component::Normal(name) => at = self.step(at, name, false),
                _ => return false,
            }
        }
        self.is_there(at)
    }

    /// The folder before the first name that is not written out.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        let mut root = PathBuf::from("/");
        let last = self.0.names.len().saturating_sub(1);
        for name in self.0.names.iter().take(last) {
            match name {
                Name::Literal(name) => root.push(name),
                Name::Glob(_) | Name::Any => break,
            }
        }
        root
    }
}

fn literals(path: &Path) -> Vec<Name> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(Name::Literal(name.to_string_lossy().into_owned())),
        _ => None,
    });
    names.collect()
}

/// Splits at slashes, but not within braces or brackets, where `globset` says what is wrong.
fn split(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut begin, mut depth, mut escaped) = (0, 0_u32, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                names.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    names.push(&text[begin..]);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse_at(text, Some(Path::new("/srv/me"))).unwrap()
    }

    fn said(text: &str) -> String {
        let error = PathPattern::parse_at(text, Some(Path::new("/srv/me"))).unwrap_err();
        error.to_string()
    }

    #[test]
    fn paths_that_match() {
        for (text, path, expected) in [
            ("~/src/*/.dayfly", "/srv/me/src/a/.dayfly", true),
            ("~/src/*/.dayfly", "/srv/me/src/a/b/.dayfly", false),
            ("~/src/*/.dayfly", "/srv/me/src/.dayfly", false),
            ("~/src/**/.dayfly", "/srv/me/src/.dayfly", true),
            ("~/src/**/.dayfly", "/srv/me/src/a/b/.dayfly", true),
            ("~/src/**/.dayfly", "/srv/me/src/.git/.dayfly", false),
            (
                "~/src/**/.dayfly",
                "/srv/me/src/a/node_modules/.dayfly",
                false,
            ),
            ("~/src/**/**/x", "/srv/me/src/x", true),
            ("/etc/{a,b}.d/*.conf", "/etc/b.d/x.conf", true),
            ("/etc/{a,b}.d/*.conf", "/etc/c.d/x.conf", false),
            ("/etc/a?c", "/etc/abc", true),
            ("/etc/[ab]c", "/etc/cc", false),
            ("/srv/**", "/srv/a/b", true),
            ("/plain", "/plain", true),
            ("/plain", "/plain/more", false),
        ] {
            assert_eq!(
                pattern(text).matches(Path::new(path)),
                expected,
                "{text} on {path}"
            );
        }
    }

    #[test]
    fn folders_that_nothing_below_can_match_in_are_not_gone_into() {
        let pattern = pattern("/srv/*/conf/**/x");
        let at = |path: &str| {
            let names = Path::new(path).components().skip(1);
            names.fold(pattern.begin(), |at, name| {
                pattern.step(at, name.as_os_str(), false)
            })
        };
        assert!(pattern.goes_on(at("/srv/a")));
        assert!(!pattern.goes_on(at("/srv/a/other")));
        assert!(pattern.goes_on(at("/srv/a/conf/deep/er")));
        assert_eq!(pattern.next_names(at("/srv/a")), Some(vec!["conf"]));
        assert_eq!(pattern.next_names(at("/srv")), None);
        assert_eq!(pattern.root(), Path::new("/srv"));
        let linked = pattern.step(at("/srv/a/conf"), OsStr::new("loop"), true);
        assert!(!pattern.goes_on(linked));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(said("src/*").contains("must begin with `/` or `~/`"));
        assert!(said("/a/../b").contains("`..`"));
        assert!(said("/a//b").contains("empty names"));
        assert!(said("/**/x").contains("whole machine"));
        assert!(said("/*").contains("whole machine"));
        assert!(said("/a/{b").contains("`/a/{b` is not a path pattern"));
        assert!(said("/a/{b/c,d}").contains("must be inside one name"));
        assert!(said(&"/a".repeat(70)).contains("more than 60"));
        let homeless = PathPattern::parse_at("~/x", None).unwrap_err();
        assert!(homeless.to_string().contains("no home directory"));
    }
}
