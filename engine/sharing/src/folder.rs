//! Puts a component or a bundle into a folder that others read: a share, a checkout.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use dayfly_dialog::CliError;
use dayfly_registry::{Artifact, Kind};
use dayfly_store::bundle;

/// Where the first of the files is now, which is what others name as source.
///
/// Each file is written beside its place and renamed into it. A reader that comes in between finds a
/// digest or a signature that does not fit, and refuses; the signature comes last.
pub fn put(target: &Path, artifact: &Artifact, signatures: &[String]) -> Result<PathBuf, CliError> {
    let one_file = target.extension().is_some_and(|e| e == "wasm");
    let bundle = artifact.kind == Kind::Bundle;
    if bundle && one_file {
        let message = format!(
            "{} is not a folder; a bundle is pushed into a folder",
            target.display()
        );
        return Err(CliError::usage(message));
    }
    let folder = match one_file {
        true => target.parent().unwrap_or(Path::new("/")),
        false => target,
    };
    fs::create_dir_all(folder).map_err(|e| unwritten(folder, &e))?;
    let place = |name: &str| match one_file {
        true => target.to_owned(),
        false => folder.join(name),
    };
    // What names the others comes behind them.
    for layer in artifact.layers.iter().rev() {
        let path = place(&layer.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| unwritten(parent, &e))?;
        }
        write(&path, &layer.bytes)?;
    }
    let first = match (bundle, artifact.layers.first()) {
        (true, _) => folder.join(bundle::FILE),
        (false, Some(layer)) => place(&layer.name),
        (false, None) => return Err(CliError::failed("there is nothing to push")),
    };
    let mut beside = first.clone().into_os_string();
    beside.push(".minisig");
    let beside = PathBuf::from(beside);
    match signatures.first() {
        Some(signature) => write(&beside, signature.as_bytes())?,
        // One of an earlier version would fit no more.
        None => match fs::remove_file(&beside) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(unwritten(&beside, &e)),
            _ => {}
        },
    }
    Ok(match bundle {
        true => folder.to_owned(),
        false => first,
    })
}

/// Others have to be able to read it, so it has the mode that this user's files have.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", uuid::Uuid::new_v4().simple()));
    let part = PathBuf::from(part);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    written.map_err(|e| {
        let _ = fs::remove_file(&part);
        unwritten(path, &e)
    })
}

fn unwritten(path: &Path, error: &io::Error) -> CliError {
    CliError::failed(format!("Dayfly cannot write {}: {error}", path.display())).hint(
        "the earlier files are unchanged or partly replaced: push again when the folder is writable",
    )
}
