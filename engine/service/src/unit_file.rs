//! Writes and removes the files of a service.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use dayfly_dialog::CliError;
use dayfly_fs::private_file;

use crate::service::UnitFile;

/// Writes a file with this mode, and its folder where there is none.
pub(crate) fn write(file: &UnitFile, mode: u32) -> Result<(), CliError> {
    let failed = |e: String| CliError::failed(e);
    let folder = private_file::folder_of(&file.path);
    std::fs::create_dir_all(folder)
        .map_err(|e| failed(format!("cannot make {}: {e}", folder.display())))?;
    private_file::write(&file.path, file.text.as_bytes()).map_err(|e| failed(e.to_string()))?;
    std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(mode))
        .map_err(|e| failed(format!("cannot write {}: {e}", file.path.display())))
}

/// Removes a file; one that is not there is no matter.
pub(crate) fn remove(path: &Path) -> Result<(), CliError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("cannot remove {}: {e}", path.display());
            Err(CliError::failed(message))
        }
        _ => Ok(()),
    }
}
