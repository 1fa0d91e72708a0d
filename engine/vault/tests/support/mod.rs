//! A test that runs itself again as another process, because the environment of a process cannot
//! be changed safely while it runs, and because a crash ends one.

use std::path::Path;
use std::process::{Command, Output};

const INSIDE: &str = "DAYFLY_TEST_INSIDE";

/// Whether this process is the test that was run again.
pub(crate) fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test of this name again, with this environment besides.
pub(crate) fn again(test: &str, env: &[(&str, &Path)]) -> Output {
    let output = Command::new(std::env::current_exe().expect("the test has a path"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .envs(env.iter().copied())
        .output()
        .expect("the test runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test\n"), "no test {test}: {text}");
    output
}
