//! Where MFA codes come from.

use dayfly_core::session::Session;
use dayfly_vault::SecretString;

use crate::provider::BoxFuture;

/// Which code is asked for.
#[derive(Clone, Copy, Debug)]
pub struct MfaRequest<'a> {
    /// The session that needs it.
    pub session: &'a Session,
    /// Serial number or ARN of the device that shows it.
    pub device: &'a str,
}

/// A code as the device shows it. Good for one call.
#[derive(Clone, Debug)]
pub struct MfaCode(pub SecretString);

/// Gets MFA codes, from a person or from a device that this machine can read.
///
/// Nobody is waited for inside a request: an implementation answers
/// at once with a code that it already holds, or with none, and asks the person through a
/// channel of its own.
pub trait MfaCodes: Send + Sync {
    /// An unused code of the device, if one is at hand.
    fn code<'a>(&'a self, request: MfaRequest<'a>) -> BoxFuture<'a, Option<MfaCode>>;
}

/// No codes: nobody is there to enter one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPerson;

impl MfaCodes for NoPerson {
    fn code<'a>(&'a self, _request: MfaRequest<'a>) -> BoxFuture<'a, Option<MfaCode>> {
        Box::pin(std::future::ready(None))
    }
}
