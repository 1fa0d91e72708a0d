//! Tokens of Azure sessions on their way to a program.

use dayfly_core::session::Access;
use dayfly_core::time::Timestamp;
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::Handle;
use dayfly_runtime::azure::{IssuedToken, NoToken};
use dayfly_vault::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::protocol;

/// A token as a running engine, or one in this process, gave it.
#[derive(Clone, Debug)]
pub struct GivenToken {
    /// The token.
    pub access_token: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The subscription of the session; empty where that is not known.
    pub subscription_id: String,
    /// The tenant of the session.
    pub tenant_id: String,
}

/// The same on the control socket.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Printed {
    access_token: String,
    expires_at: Timestamp,
    subscription_id: String,
    tenant_id: String,
}

impl Printed {
    /// As it goes over the socket.
    pub(crate) fn json(&self) -> Result<Zeroizing<Vec<u8>>, CliError> {
        // Room enough, so that the buffer is not moved and a copy left behind.
        let mut text = Zeroizing::new(Vec::with_capacity(16_384));
        let written = serde_json::to_writer(&mut *text, self);
        written.map_err(|e| CliError::failed(e.to_string()))?;
        Ok(text)
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.access_token);
    }
}

impl From<&GivenToken> for Printed {
    fn from(given: &GivenToken) -> Self {
        Self {
            access_token: given.access_token.expose().to_owned(),
            expires_at: given.expires_at,
            subscription_id: given.subscription_id.clone(),
            tenant_id: given.tenant_id.clone(),
        }
    }
}

impl From<Printed> for GivenToken {
    fn from(mut printed: Printed) -> Self {
        Self {
            access_token: std::mem::take(&mut printed.access_token).into(),
            expires_at: printed.expires_at,
            subscription_id: std::mem::take(&mut printed.subscription_id),
            tenant_id: std::mem::take(&mut printed.tenant_id),
        }
    }
}

impl From<IssuedToken> for GivenToken {
    fn from(issued: IssuedToken) -> Self {
        let subscription = match issued.definition.as_deref().map(|s| &s.access) {
            Some(Access::Azure {
                subscription_id, ..
            }) => subscription_id.clone(),
            _ => String::new(),
        };
        Self {
            access_token: issued.token.access_token.clone(),
            expires_at: issued.token.expires_at,
            subscription_id: subscription,
            tenant_id: issued.token.tenant_id.clone(),
        }
    }
}

/// A token from an engine in this process.
pub async fn of_engine(
    handle: &Handle,
    session: &str,
    resource: &str,
) -> Result<GivenToken, CliError> {
    let issued = handle.token(session, resource).await;
    issued.map(GivenToken::from).map_err(|why| match why {
        NoToken::Unobtained(why) => protocol::unobtained(session, why),
        NoToken::NotAzure(_) => CliError::usage(why.to_string()),
        NoToken::Failed(failure) => {
            let code = match failure.kind.needs_person() {
                true => Code::NeedsPerson,
                false => Code::Failed,
            };
            let id = failure.request_id.map(|id| format!(" (request {id})"));
            let message = failure.message + &id.unwrap_or_default();
            CliError::new(code, message).maybe_hint(failure.hint)
        }
    })
}
