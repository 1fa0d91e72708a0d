//! Commands on the shell.

pub(crate) mod init;
