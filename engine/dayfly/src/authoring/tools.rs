//! Programs of the author's machine: found, and run where the author sees what they say.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use crate::error::CliError;

/// The first of these programs that is in the folders given or on the path.
pub(crate) fn find(names: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| {
        let places = folders.iter().chain(&on_path);
        places.map(|folder| folder.join(name)).find(|p| runs(p))
    })
}

fn runs(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Runs a program to its end; what it says goes to the standard error, so that the standard output stays
/// that of the command.
pub(crate) fn run(command: &mut Command) -> Result<(), CliError> {
    let name = name(command);
    let failed = |e: std::io::Error| CliError::failed(format!("{name} cannot be run: {e}"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let relays = [out.map(relayed), err.map(relayed)];
    let status = child.wait().map_err(failed)?;
    for relay in relays.into_iter().flatten() {
        // What it still had to say comes before what is said about it.
        let _ = relay.join();
    }
    if status.success() {
        return Ok(());
    }
    Err(CliError::failed(format!("{name} failed ({status})")).hint("what it says stands above"))
}

/// Shows what a program says for as long as it says something: names and lines of files that others
/// wrote are in it.
pub(crate) fn relayed(from: impl Read + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || crate::terminal::relay(from))
}

/// What a program prints, without the blanks around it; none where it fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// What a command is called in messages.
pub(crate) fn name(command: &Command) -> String {
    let path = Path::new(command.get_program());
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
