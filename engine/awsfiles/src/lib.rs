//! The shared files of the AWS CLI and the SDKs, `~/.aws/config` and `~/.aws/credentials`.
//!
//! [`ini`] cuts a text into lines, of which some can be replaced without touching any other byte.
//! [`AwsFile`] reads it: which profiles and `[sso-session]`s there are, with which keys and values.
//! Both follow botocore, which the AWS CLI and boto3 use, to the letter: what they refuse is
//! refused here, with line and byte ([`Fault`]). Where other readers differ is told in
//! `DIFFERENCES.md`; tests run botocore and the AWS SDK for Rust on thousands of generated files.
//!
//! Pure, but for [`load`]: bytes in, bytes out. Values may be secrets; none is shown by `Debug` or in a
//! fault.
//!
//! ```
//! use dayfly_awsfiles::ini::Document;
//! use dayfly_awsfiles::{AwsFile, Kind};
//!
//! let text = b"# mine\n[profile dev]\nregion = eu-west-1\n";
//! let file = AwsFile::read(text, Kind::Config).expect("botocore reads it");
//! let profile = file.profile("dev").expect("it is there");
//! assert_eq!(profile.text("region"), Some("eu-west-1"));
//!
//! // Taken apart and put together again, the bytes are the same.
//! assert_eq!(*Document::parse(text).render(), text);
//! ```

mod aside;
mod fault;
mod file;
pub mod ini;
mod load;
pub mod name;
mod parse;
mod place;
mod shell;
mod white;
mod without;

pub use aside::{
    Aside, AsideError, NotAside, Owner, Wanted, give_back, hand_over, set_aside, set_asides,
};
pub use fault::{Fault, Faults, What};
pub use file::{AwsFile, Both, Kind, profile_of};
pub use load::{Unreadable, Why, load, load_with_text};
pub use parse::{Key, Section, Value, raw};
pub use place::NOWHERE;
pub use shell::split as split_words;
pub use without::without;
