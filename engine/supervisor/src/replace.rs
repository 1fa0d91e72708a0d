//! One program in the place of another.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::Sockets;
use crate::sockets::OUTDATED;

/// Goes on as this program with these arguments, in the same process, with the sockets that are kept. Returns where
/// that is not possible.
///
/// # Errors
/// The system does not run the program.
pub fn replace(program: &Path, args: &[OsString], sockets: &Sockets) -> io::Error {
    match sockets.hand_over() {
        Ok((name, value)) => {
            let mut command = Command::new(program);
            for name in OUTDATED {
                command.env_remove(name);
            }
            command.args(args).env(name, value).exec()
        }
        Err(error) => error,
    }
}
