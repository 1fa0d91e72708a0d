//! Where MFA codes come from.
//!
//! In this order: a code that a person handed over for the session, one made from the seed of the
//! device that the vault keeps, one that the configured prompt command prints. See [`broker`].

pub(crate) mod broker;
pub(crate) mod totp;

use std::time::Duration;

use dayfly_core::session::Session;
use dayfly_core::time::Timestamp;
use dayfly_vault::{SecretString, VaultError};

use crate::errors::ProviderError;
use crate::provider::BoxFuture;
use dayfly_vault::helper::HelperError;

/// Which code is asked for.
#[derive(Clone, Copy, Debug)]
pub struct MfaRequest<'a> {
    /// The session that needs it.
    pub session: &'a Session,
    /// Serial number or ARN of the device that shows it.
    pub device: &'a str,
    /// The time, by the clock that the engine goes by.
    pub now: Timestamp,
}

/// A code as the device shows it. Good for one call.
#[derive(Clone, Debug)]
pub struct MfaCode {
    /// The digits.
    pub code: SecretString,
    /// Who says so.
    pub origin: Origin,
}

/// Where a code is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A person handed it over.
    Person,
    /// The prompt command printed it.
    Command,
    /// It was made from the device's seed.
    Seed,
}

/// Why there is no code.
#[derive(Debug)]
pub enum NoCode {
    /// Nobody was asked, or nobody answered yet.
    Nobody,
    /// The prompt command was asked and is still at it.
    Asking,
    /// The prompt command brought none.
    Command(HelperError),
    /// The seed cannot be read.
    Vault(VaultError),
    /// What is kept as the seed is none.
    Seed,
    /// Other sessions use the codes of the device for the next while: each code is good once.
    Spent {
        /// How long until there is one to spare.
        wait: Duration,
    },
}

/// Gets MFA codes, from a person or from a device that this machine can read.
///
/// Nobody is waited for inside a request: an implementation answers
/// soon with a code that it already holds or can make, or with none, and asks the person through a
/// channel of its own.
pub trait MfaCodes: Send + Sync {
    /// An unused code of the device, if one is at hand.
    ///
    /// # Errors
    /// [`NoCode`].
    fn code<'a>(&'a self, request: MfaRequest<'a>) -> BoxFuture<'a, Result<MfaCode, NoCode>>;
}

/// No codes: nobody is there to enter one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPerson;

impl MfaCodes for NoPerson {
    fn code<'a>(&'a self, _request: MfaRequest<'a>) -> BoxFuture<'a, Result<MfaCode, NoCode>> {
        Box::pin(std::future::ready(Err(NoCode::Nobody)))
    }
}

/// The code for a call, where the session names a device.
pub(crate) async fn code(
    codes: &dyn MfaCodes,
    session: &Session,
    device: Option<&str>,
    now: Timestamp,
) -> Result<Option<MfaCode>, ProviderError> {
    let Some(device) = device else {
        return Ok(None);
    };
    let request = MfaRequest {
        session,
        device,
        now,
    };
    let why = match codes.code(request).await {
        Ok(code) => return Ok(Some(code)),
        Err(why) => why,
    };
    let name = session.name.clone();
    let device = device.to_owned();
    Err(match why {
        NoCode::Vault(source) => ProviderError::Seed {
            session: name,
            device,
            source: Some(Box::new(source)),
        },
        NoCode::Seed => ProviderError::Seed {
            session: name,
            device,
            source: None,
        },
        NoCode::Spent { wait } => ProviderError::CodeSpent {
            session: name,
            device,
            retry_at: now.plus(wait),
        },
        NoCode::Nobody => ProviderError::NeedsMfa {
            session: name,
            device,
            asked: None,
        },
        NoCode::Asking => ProviderError::NeedsMfa {
            session: name,
            device,
            asked: Some("the prompt command has not answered yet".to_owned()),
        },
        NoCode::Command(error) => ProviderError::NeedsMfa {
            session: name,
            device,
            asked: Some(format!("the prompt command gave no code: {error}")),
        },
    })
}

/// Whether a refused call is worth another one: a code that was made here may have been used up
/// by another program within the same half-minute.
pub(crate) fn try_another(code: Option<&MfaCode>, error: &ProviderError) -> bool {
    code.is_some_and(|code| code.origin == Origin::Seed)
        && matches!(error, ProviderError::Refused(refusal)
            if refusal.kind == dayfly_core::session::ErrorKind::NeedsMfa)
}
