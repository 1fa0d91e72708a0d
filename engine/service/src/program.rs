//! Runs the program that speaks with a service manager.

use std::io;
use std::process::{Command, Output, Stdio};

use dayfly_dialog::CliError;

/// What it printed; an error where it is not there, or does not do it.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<String, CliError> {
    let output = output(program, args).map_err(|e| missing(program, &e))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = match said.trim() {
        "" => output.status.to_string(),
        said => said.lines().next().unwrap_or_default().to_owned(),
    };
    Err(CliError::failed(format!(
        "{program} {}: {said}",
        args.join(" ")
    )))
}

pub(crate) fn output(program: &str, args: &[&str]) -> io::Result<Output> {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
}

pub(crate) fn missing(program: &str, error: &io::Error) -> CliError {
    CliError::failed(format!("Dayfly cannot run {program}: {error}"))
}
