//! Files: the one place that opens files which others may have put there, and that replaces,
//! locks and judges files.
//!
//! [`bounded`] reads a file of anybody with a bound on its kind, size and time. [`trusted`] says
//! whether somebody else could have written a file that decides what Dayfly runs, reaches or
//! publishes. [`private_file`] holds what is for its owner alone; [`shared_file`] edits files that
//! a person and other programs edit too; [`edited`] changes text that a person writes.
//!
//! ```
//! use std::fs::Permissions;
//! use std::os::unix::fs::PermissionsExt as _;
//!
//! use dayfly_fs::private_file;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("token");
//! private_file::write(&path, b"mine alone")?;
//! assert_eq!(private_file::read(&path)?.as_deref(), Some(&b"mine alone"[..]));
//!
//! // What others may read is not private any more, and is refused.
//! std::fs::set_permissions(&path, Permissions::from_mode(0o644))?;
//! assert!(private_file::read(&path).is_err());
//! # Ok(())
//! # }
//! ```

pub mod bounded;
pub mod edited;
mod error;
pub mod private_file;
pub mod shared_file;
mod staged;
pub mod trusted;
pub mod users;
