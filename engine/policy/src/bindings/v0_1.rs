//! `dayfly:policy@0.1.0`. The files of `shared` are compiled for each version, with the types that
//! Wasmtime makes of its `wit`; what differs between versions stands in `session`.

#[path = "shared/guest.rs"]
mod guest;
#[path = "shared/imports.rs"]
mod imports;
#[path = "shared/lift.rs"]
mod lift;
#[path = "shared/lower.rs"]
mod lower;
mod session;
mod wit;
#[path = "shared/words.rs"]
mod words;

pub(crate) use guest::Guest;
pub(super) use guest::linker;
pub(super) use session::shown_as;
