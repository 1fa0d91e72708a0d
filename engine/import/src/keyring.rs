//! What a source says of a keyring that does not serve.

use std::path::Path;

use dayfly_vault::KeyringError;

use crate::source::SourceError;

/// Why the keys of a tool cannot be had.
pub(crate) fn refused(tool: &str, file: &Path, error: &KeyringError) -> SourceError {
    let (what, hint) = match error {
        KeyringError::Unreachable(why) => (
            format!("Dayfly cannot reach the keyring ({why})"),
            "start it, or import with --without-keys and store each key with `dayfly secret set`",
        ),
        KeyringError::Locked | KeyringError::NoDefault => (
            "the keyring is locked".to_owned(),
            "unlock it (by logging in, or with a password manager), and import again",
        ),
        KeyringError::Silent { seconds } => (
            format!("the keyring has not answered for {seconds} s"),
            "check if it is waiting to be unlocked, and import again",
        ),
        KeyringError::Several => (
            "the keyring has several items of one name".to_owned(),
            "remove the wrong ones with a password manager, and import again",
        ),
        KeyringError::Refused(why) => (
            format!("the keyring refused ({why})"),
            "try again, or import with --without-keys and store each key with `dayfly secret set`",
        ),
    };
    SourceError {
        file: file.to_owned(),
        message: format!("{what}, and it has the keys of {tool}"),
        hint: hint.to_owned(),
    }
}
