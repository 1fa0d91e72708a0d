//! Programs of the author's machine: found, and run where the author sees what they say.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use dayfly_dialog::{CliError, Code};

use crate::foreign;

/// The longest module that a tool of a language may leave, in bytes: it may hold what the component
/// that is made of it will not.
const CORE_MAX: u64 = 1 << 30;

/// Shows the author what a program says, for as long as it says something: names and lines of files that
/// others wrote are in it.
pub type Show = fn(Box<dyn Read + Send>);

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

/// Runs a program to its end; what it says is shown.
pub(crate) fn run(command: &mut Command, show: Show) -> Result<(), CliError> {
    let name = name(command);
    let failed = |e: std::io::Error| CliError::failed(format!("Dayfly cannot run {name}: {e}"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let relays = [
        out.map(|out| relayed(out, show)),
        err.map(|err| relayed(err, show)),
    ];
    let status = child.wait().map_err(failed)?;
    for relay in relays.into_iter().flatten() {
        // What it still had to say comes before what is said about it.
        let _ = relay.join();
    }
    if status.success() {
        return Ok(());
    }
    Err(CliError::failed(format!("{name} failed ({status})")).hint("its output is above"))
}

/// Shows what a program says, beside whatever else is done.
pub(crate) fn relayed(from: impl Read + Send + 'static, show: Show) -> JoinHandle<()> {
    std::thread::spawn(move || show(Box::new(from)))
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

/// What a tool of a language left in a file of the build folder.
pub fn read_built(path: &Path) -> Result<Vec<u8>, CliError> {
    // That it is not there is a failure of the tool, not of who asked.
    foreign::read(path, CORE_MAX).map_err(|trouble| CliError {
        code: Code::Failed,
        ..trouble
    })
}
