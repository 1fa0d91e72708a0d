//! The one way to the network: every call that Dayfly makes itself goes over a [`Connector`].
//!
//! It trusts the system's root certificates and, beside them, those of the bundle that the AWS CLI
//! would trust ([`roots`]); it goes through the proxies that the environment names ([`proxies`]);
//! it ends every answer at a bound ([`connector`]), and can be told which addresses are out of reach
//! ([`address`]). What of this cannot be read is an error of the call, never a reason to go on
//! without it. Beside that, [`peer`] tells whose program is at the other end of a connection on loopback.
//!
//! ```
//! use dayfly_net::is_public;
//!
//! assert!(is_public([1, 1, 1, 1].into()));
//! // The metadata service of a cloud, and a private network.
//! assert!(!is_public([169, 254, 169, 254].into()));
//! assert!(!is_public([10, 0, 0, 1].into()));
//! ```

pub mod address;
pub mod connector;
pub mod peer;
pub mod proxies;
pub mod roots;

pub use address::{OutOfReach, Reach, is_public};
pub use connector::{BrokenOff, Connector, Limits, read};
pub use proxies::{Proxies, ProxyError};
pub use roots::{Bundle, BundleError};

use std::error::Error;

use thiserror::Error as ThisError;

/// Why no connection is tried at all: a setting of this machine cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Unusable {
    /// The bundle of root certificates.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The AWS config file.
    #[error(transparent)]
    Config(#[from] ConfigFileError),
}

/// Why the AWS config file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("Dayfly cannot use the AWS config file: {0}")]
pub struct ConfigFileError(pub String);

impl Unusable {
    /// The setting that an error came from, where it came from one.
    #[must_use]
    pub fn of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Bundle(error) => format!(
                "set it to a file with certificates in PEM format, or unset {}; a running engine \
                 keeps the environment it was started with",
                error.origin
            ),
            Self::Proxy(error) => format!(
                "write {} as http://HOST:PORT, or unset it; a running engine keeps the environment \
                 it was started with",
                error.variable
            ),
            Self::Config(_) => "make the AWS config file readable, or remove it".to_owned(),
        }
    }
}
