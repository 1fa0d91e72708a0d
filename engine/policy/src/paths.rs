//! Patterns of files that an entry is granted, or asks to hear of.
//!
//! A pattern is a glob: an absolute path, or one that begins with `~/`, in which `*` and `?` stand
//! for characters of one name, `[…]` and `{…,…}` for one of several, and `**` for any number of
//! folders.

use std::fmt;
use std::path::Path;

use dayfly_core::grant::wildcard;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns of one grant.
const PATTERNS: usize = 64;
/// Bytes of one pattern.
const LENGTH: usize = 1_024;
/// The folders in one pattern.
const PARTS: usize = 64;

/// Why a text is no pattern of files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PatternError {
    /// The text.
    pub pattern: String,
    /// What is wrong, without a full stop.
    pub problem: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file pattern \"{}\" {}", self.pattern, self.problem)
    }
}

/// The patterns of a grant, ready to be asked.
#[derive(Clone, Debug)]
pub struct Paths {
    home: Option<String>,
    granted: Vec<Vec<String>>,
    set: GlobSet,
}

impl Paths {
    /// Reads patterns; `home` is what `~` stands for.
    ///
    /// # Errors
    /// One of them is no pattern, or there are too many.
    pub fn new(patterns: &[String], home: Option<&Path>) -> Result<Self, PatternError> {
        let home = home.and_then(Path::to_str).map(globset::escape);
        if let Some(first) = patterns.get(PATTERNS) {
            let problem = format!("is one too many: a grant may have at most {PATTERNS}");
            return Err(PatternError {
                pattern: first.clone(),
                problem,
            });
        }
        let mut set = GlobSetBuilder::new();
        let mut granted = Vec::new();
        for pattern in patterns {
            let (parts, glob) = read(pattern, home.as_deref())?;
            set.add(glob);
            granted.push(parts);
        }
        let set = set.build().map_err(|error| PatternError {
            pattern: patterns.join(", "),
            problem: format!("is too large: {}", error.kind()),
        })?;
        Ok(Self { home, granted, set })
    }

    /// Whether this file is granted. The path is absolute, and has no links in it.
    #[must_use]
    pub fn match_file(&self, path: &Path) -> bool {
        self.set.is_match(path)
    }

    /// Whether every file that the pattern can mean is granted, by one pattern of the grant alone.
    /// On doubt it is not.
    ///
    /// # Errors
    /// It is no pattern.
    pub fn cover(&self, pattern: &str) -> Result<bool, PatternError> {
        let (asked, _) = read(pattern, self.home.as_deref())?;
        Ok(self.granted.iter().any(|granted| covers(granted, &asked)))
    }
}

/// The parts of a pattern between slashes, and the pattern as a whole.
fn read(pattern: &str, home: Option<&str>) -> Result<(Vec<String>, globset::Glob), PatternError> {
    let wrong = |problem: String| PatternError {
        pattern: pattern.chars().take(LENGTH).collect(),
        problem,
    };
    if pattern.len() > LENGTH {
        return Err(wrong(format!("is longer than {LENGTH} bytes")));
    }
    let absolute = match pattern.strip_prefix("~/") {
        Some(rest) => match home {
            Some(home) => format!("{}/{rest}", home.trim_end_matches('/')),
            None => {
                return Err(wrong(
                    "begins with ~/, but this user has no home directory".into(),
                ));
            }
        },
        None => pattern.to_owned(),
    };
    let Some(rest) = absolute.strip_prefix('/') else {
        return Err(wrong("does not begin with / or ~/".into()));
    };
    let parts: Vec<String> = rest.split('/').map(str::to_owned).collect();
    if parts.len() > PARTS {
        return Err(wrong(format!("has more than {PARTS} folders")));
    }
    for part in &parts {
        let problem = match part.as_str() {
            "" => "has an empty name between two slashes, or at its end",
            "." | ".." => "has . or .. in it",
            "**" => continue,
            part if part.contains("**") => {
                "has ** inside a name: it must be alone between two slashes"
            }
            part if part.matches('{').count() != part.matches('}').count() => {
                "has { without } in the same name"
            }
            part if part.matches('[').count() > part.matches(']').count() => {
                "has [ without ] in the same name"
            }
            _ => continue,
        };
        return Err(wrong(problem.to_owned()));
    }
    let glob = GlobBuilder::new(&absolute).literal_separator(true).build();
    let glob = glob.map_err(|error| wrong(format!("is invalid: {}", error.kind())))?;
    Ok((parts, glob))
}

/// Whether all that `asked` can mean is meant by `granted`, part by part.
fn covers(granted: &[String], asked: &[String]) -> bool {
    // `row[n]`: whether the granted parts from here on cover the asked parts from `n` on.
    let mut row = vec![false; asked.len() + 1];
    row[asked.len()] = true;
    for (index, part) in granted.iter().enumerate().rev() {
        let below = row;
        row = vec![false; asked.len() + 1];
        for at in (0..=asked.len()).rev() {
            let next = asked.get(at);
            row[at] = if part != "**" {
                next.is_some_and(|asked| covers_part(part, asked)) && below[at + 1]
            } else if index + 1 == granted.len() {
                // At the end it means what is in a folder, not the folder.
                next.is_some()
            } else {
                below[at] || (next.is_some() && row[at + 1])
            };
        }
    }
    row[0]
}

/// Whether all names that `asked` can mean are meant by `granted`.
fn covers_part(granted: &str, asked: &str) -> bool {
    let has = |text: &str, signs: &[char]| text.contains(signs);
    if asked == "**" {
        return false;
    }
    if granted == "*" || granted == asked {
        return true;
    }
    if has(granted, &['?', '[', '{', '\\']) {
        let literal = !has(asked, &['*', '?', '[', '{', '\\']);
        let glob = GlobBuilder::new(granted).literal_separator(true).build();
        return literal && glob.is_ok_and(|glob| glob.compile_matcher().is_match(asked));
    }
    // What stands for any text in `granted` may well stand for what stands for some in `asked`.
    !has(asked, &['[', '{', '\\']) && wildcard(granted, asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(patterns: &[&str]) -> Result<Paths, PatternError> {
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        Paths::new(&patterns, Some(Path::new("/srv/ada")))
    }

    #[test]
    fn what_is_granted_is_covered_and_nothing_else() {
        for (granted, asked, expected) in [
            ("~/src/**", "~/src/*/main.tf", true),
            ("~/src/**", "/srv/ada/src/a/b/**", true),
            ("/srv/ada/src/**", "~/src/x", true),
            ("~/src/**", "~/src", false),
            ("~/src/**", "~/srcs/x", false),
            ("~/src/**", "~/**", false),
            ("~/src/**", "~/*/x", false),
            ("~/src/*", "~/src/**", false),
            ("~/src/*", "~/src/a/b", false),
            ("~/**/x.json", "~/a/*/x.json", true),
            ("~/**/x.json", "~/x.json", true),
            ("~/**/x.json", "~/**/x.json", true),
            ("~/**/x.json", "~/a/**", false),
            ("~/a/**/b/**", "~/a/b/*", true),
            ("~/a/**/b/**", "~/a/c/b", false),
            ("/etc/*.json", "/etc/a*.json", true),
            ("/etc/a*.json", "/etc/*.json", false),
            ("/etc/?.json", "/etc/a.json", true),
            ("/etc/?.json", "/etc/*.json", false),
            ("/etc/*.json", "/etc/?.json", true),
            ("/etc/*,*", "/etc/{a,b}", false),
            ("/etc/*", "/etc/{a,b}", true),
            ("/etc/{a,b}", "/etc/a", true),
            ("/etc/{a,b}", "/etc/{a,b}", true),
            ("/**", "/etc/passwd", true),
        ] {
            let cover = paths(&[granted]).unwrap().cover(asked).unwrap();
            assert_eq!(cover, expected, "{granted} for {asked}");
        }
    }

    #[test]
    fn files_are_matched() {
        let paths = paths(&["~/src/**/*.{tf,json}", "/etc/a"]).unwrap();
        for (file, expected) in [
            ("/srv/ada/src/a.tf", true),
            ("/srv/ada/src/x/y/a.json", true),
            ("/srv/ada/src/x/y/a.rs", false),
            ("/srv/ada/a.tf", false),
            ("/etc/a", true),
            ("/etc/a/b", false),
        ] {
            assert_eq!(paths.match_file(Path::new(file)), expected, "{file}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (pattern, problem) in [
            ("src/*", "does not begin with"),
            ("~ada/x", "does not begin with"),
            ("~/../x", ".."),
            ("~/a//b", "empty name"),
            ("~/a/", "empty name"),
            ("~/a**/b", "must be alone"),
            ("~/{a/b,c}", "without }"),
            ("~/[a", "without ]"),
        ] {
            let error = paths(&[pattern]).unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
            assert!(error.to_string().contains(pattern), "{error}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("/{n}")).collect();
        let error = Paths::new(&many, None).unwrap_err();
        assert!(error.to_string().contains("at most 64"), "{error}");
        assert!(Paths::new(&["~/x".into()], None).is_err());
        assert!(!paths(&[]).unwrap().cover("/x").unwrap());
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        fn part() -> impl Strategy<Value = String> {
            prop_oneof![
                Just("**".to_owned()),
                proptest::string::string_regex("[ab*?]{1,3}")
                    .unwrap()
                    .prop_filter("** stands alone", |part| !part.contains("**")),
            ]
        }

        fn pattern() -> impl Strategy<Value = String> {
            proptest::collection::vec(part(), 1..4)
                .prop_map(|parts| format!("/{}", parts.join("/")))
        }

        proptest! {
            /// What is covered is granted file by file.
            #[test]
            fn cover_is_never_too_much(
                granted in pattern(),
                asked in pattern(),
                files in proptest::collection::vec("(/[ab]{1,3}){1,4}", 24),
            ) {
                let granted = paths(&[&granted]).unwrap();
                let wanted = paths(&[&asked]).unwrap();
                if granted.cover(&asked).unwrap() {
                    for file in files {
                        let file = Path::new(&file);
                        prop_assert!(!wanted.match_file(file) || granted.match_file(file), "{file:?}");
                    }
                }
            }
        }
    }
}
