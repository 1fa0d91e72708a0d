//! How clients are told to run this program for credentials.
//!
//! Clients differ in how they take the line apart: some hand it to `sh -c`, botocore splits it as
//! a shell would. Single quotes mean the same to all of them.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Process credential provider"; botocore's
//! `ProcessProvider` and `compat_shell_split`.

use std::path::PathBuf;

use crate::values::text_problem;

/// A program that answers `credential-process SESSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its absolute path.
    pub program: PathBuf,
    /// The home that it is to work on, where that is not the usual one.
    pub home: Option<PathBuf>,
}

impl Process {
    /// The line for a session.
    ///
    /// # Errors
    /// What is wrong with the path of the program or the home, so that there can be no line.
    pub fn line(&self, session: &str) -> Result<String, &'static str> {
        let mut words = vec![text(&self.program)?, "credential-process"];
        if let Some(home) = &self.home {
            words.extend(["--home", text(home)?]);
        }
        // One that looks like a flag is still a session.
        words.extend(session.starts_with('-').then_some("--"));
        words.push(session);
        let quoted: Vec<String> = words.into_iter().map(quoted).collect();
        let line = quoted.join(" ");
        if let Some(problem) = text_problem(&line) {
            return Err(problem);
        }
        if [" #", " ;"].iter().any(|sign| line.contains(sign)) {
            return Err("has a comment sign after a space, where some clients end the line");
        }
        Ok(line)
    }
}

fn text(path: &std::path::Path) -> Result<&str, &'static str> {
    path.to_str()
        .ok_or("has bytes that are not text, which clients cannot read")
}

fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_quoted_and_impossible_ones_refused() {
        let line = |program: &str, home: Option<&str>, session: &str| {
            let process = Process {
                program: program.into(),
                home: home.map(PathBuf::from),
            };
            process.line(session)
        };
        assert_eq!(
            line("/usr/bin/dayfly", None, "a1-b").unwrap(),
            "/usr/bin/dayfly credential-process a1-b"
        );
        assert_eq!(
            line("/my bin/day'fly", Some("/h $x"), "größe").unwrap(),
            r"'/my bin/day'\''fly' credential-process --home '/h $x' 'größe'"
        );
        assert_eq!(
            line("/d", None, "-x").unwrap(),
            "/d credential-process -- -x"
        );
        assert!(line("/a #b/d", None, "x").is_err());
        assert!(line("/a\nb/d", None, "x").is_err());
    }
}
