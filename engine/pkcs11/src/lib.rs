//! Keys and certificates in tokens (smart cards, security keys, HSMs), reached through their PKCS#11 modules.
//!
//! A module is a foreign library. It is never loaded into a process that has secrets: [`ask`] starts a
//! process of this program for one answer, which loads the module, finds one certificate or makes one
//! signature, and ends ([`serve`]). Over its standard input it hears the PIN, which is in no argument,
//! variable or file; its environment has only what modules look for.
//!
//! Sources: OASIS PKCS #11 Base Specification 3.0; RFC 7512 (URIs of objects).

mod answer;
mod child;
mod module;
mod parent;
mod uri;

pub use answer::{Answer, Problem, Work};
pub use child::{COMMAND, serve};
pub use parent::{Trouble, ask, own_program};
pub use uri::{Uri, UriError, is_uri};
