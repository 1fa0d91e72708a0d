//! The check of what is built in finds what it is there for, and claims nothing that it did not look at.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// cargo-deny; none where it is not installed.
fn deny() -> Option<OsString> {
    let program = std::env::var_os("DAYFLY_TEST_CARGO_DENY");
    assert!(
        program.is_some() || std::env::var_os("DAYFLY_TEST_ALL").is_none(),
        "cargo-deny is not installed"
    );
    program
}

/// A database of one advisory, and the state of it that the check is to judge by.
struct Database {
    folder: tempfile::TempDir,
}

impl Database {
    /// Against every version of a crate, as of a day.
    fn against(krate: &str, day: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { folder };
        let crates = this.source().join("crates").join(krate);
        std::fs::create_dir_all(&crates).unwrap();
        let text = format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2000-0001\"\npackage = \"{krate}\"\n\
             date = \"2000-01-01\"\n\n[versions]\npatched = []\n```\n\n# It does harm\n\nTo nobody.\n"
        );
        std::fs::write(crates.join("RUSTSEC-2000-0001.md"), text).unwrap();
        this.git(day, &["init", "--quiet", "--initial-branch=main"]);
        this.git(day, &["add", "."]);
        this.git(day, &["commit", "--quiet", "--message=One advisory"]);
        let revision = this.git(day, &["rev-parse", "HEAD"]);
        let pin = format!(
            "url=https://github.com/RustSec/advisory-db\nrevision={}\ndate={day}\n",
            revision.trim()
        );
        std::fs::write(this.folder.path().join("pin"), pin).unwrap();
        this
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn git(&self, day: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.source())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_COMMITTER_DATE", format!("{day}T00:00:00Z"))
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", words(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the check with what is to be had from `from`.
    fn check(&self, deny: &OsString, from: &Path, arguments: &[&str]) -> Output {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Command::new(root.join("tests/supply/check"))
            .args(arguments)
            .env("DAYFLY_TEST_CARGO_DENY", deny)
            .env("DAYFLY_ADVISORY_PIN", self.folder.path().join("pin"))
            .env("DAYFLY_ADVISORY_HOME", self.folder.path().join("kept"))
            .env("DAYFLY_ADVISORY_DB", from)
            .output()
            .unwrap()
    }
}

/// Everything that was said.
fn words(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    texts.concat()
}

fn today() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_crate_with_a_known_fault_fails_the_check_and_others_do_not() {
    let Some(deny) = deny() else { return };
    let ours = Database::against("semver", &today());
    let output = ours.check(&deny, &ours.source(), &["--advisories"]);
    let said = words(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("RUSTSEC-2000-0001"), "{said}");
    assert!(said.contains("semver"), "{said}");

    let foreign = Database::against("nobody-builds-this-in", &today());
    let output = foreign.check(&deny, &foreign.source(), &["--advisories"]);
    let said = words(&output);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("NOT looked at"), "{said}");
}

#[test]
fn what_was_not_looked_at_is_said_and_fails_where_it_was_asked_for() {
    let Some(deny) = deny() else { return };
    let database = Database::against("semver", &today());
    let nowhere = database.folder.path().join("nowhere");
    let output = database.check(&deny, &nowhere, &["--advisories"]);
    let said = words(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("advisories were NOT looked at"), "{said}");

    // The rest is judged all the same.
    let output = database.check(&deny, &nowhere, &[]);
    let said = words(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("advisories were NOT looked at"), "{said}");
    assert!(!said.contains("advisories ok"), "{said}");
    assert!(said.contains("licenses ok"), "{said}");
}

#[test]
fn a_database_that_is_not_the_pinned_one_is_not_used() {
    let Some(deny) = deny() else { return };
    let database = Database::against("nobody-builds-this-in", &today());
    let other = Database::against("nobody-builds-this-in-either", &today());
    let output = database.check(&deny, &other.source(), &["--advisories"]);
    let said = words(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("advisories were NOT looked at"), "{said}");
}

#[test]
fn an_old_state_of_the_database_is_no_answer() {
    let Some(deny) = deny() else { return };
    let database = Database::against("nobody-builds-this-in", "2020-01-01");
    let output = database.check(&deny, &database.source(), &["--advisories"]);
    let said = words(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("days old"), "{said}");
}

#[test]
fn a_license_that_nobody_allowed_is_refused() {
    let Some(deny) = deny() else { return };
    let judged = |license: &str| {
        let folder = tempfile::tempdir().unwrap();
        let crates = [
            (
                "user",
                "MIT",
                "used = { path = \"../used\", version = \"1\" }",
            ),
            ("used", license, ""),
        ];
        for (name, license, dependencies) in crates {
            let source = folder.path().join(name).join("src");
            std::fs::create_dir_all(&source).unwrap();
            std::fs::write(source.join("lib.rs"), "").unwrap();
            let manifest = format!(
                "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
                 license = \"{license}\"\n[dependencies]\n{dependencies}\n"
            );
            std::fs::write(folder.path().join(name).join("Cargo.toml"), manifest).unwrap();
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let output = Command::new(&deny)
            .arg("--config")
            .arg(root.join("deny.toml"))
            .arg("--manifest-path")
            .arg(folder.path().join("user/Cargo.toml"))
            .args(["--offline", "check", "licenses"])
            .output()
            .unwrap();
        (output.status.success(), words(&output))
    };
    let (allowed, said) = judged("MIT OR GPL-3.0-only");
    assert!(allowed, "{said}");
    let (allowed, said) = judged("GPL-3.0-only");
    assert!(!allowed, "{said}");
    assert!(said.contains("rejected"), "{said}");
}
