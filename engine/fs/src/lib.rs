//! Files: the one place that opens files which others may have put there, and that replaces,
//! locks and judges files.
//!
//! [`bounded`] reads a file of anybody with a bound on its kind, size and time. [`trusted`] says
//! whether somebody else could have written a file that decides what Dayfly runs, reaches or
//! publishes. [`private_file`] holds what is for its owner alone; [`shared_file`] edits files that
//! a person and other programs edit too; [`edited`] changes text that a person writes.

pub mod bounded;
pub mod edited;
mod error;
pub mod private_file;
pub mod shared_file;
mod staged;
pub mod trusted;
