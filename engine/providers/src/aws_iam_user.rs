//! `awsIamUser`: the long-lived key of an IAM user, exchanged by STS `GetSessionToken`.
//!
//! Source: AWS STS API reference, `GetSessionToken`: 900 to 129,600 s, 12 h where nothing is
//! asked for; a code of the user's MFA device goes into the call.

use std::sync::Arc;

use dayfly_core::session::{Access, Session, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::{AccessKey, TemporaryCredentials};
use tokio::time::Instant;

use crate::aws_sts::{Identity, Sts};
use crate::errors::ProviderError;
use crate::keys::{self, LongLivedKeys};
use crate::mfa::{self, MfaCode, MfaCodes};
use crate::provider::{BoxFuture, IssueRequest, Provider};

/// The lifetime where the session names none, seconds: short, because a renewal needs nobody,
/// and long enough that SDKs which refresh 15 minutes ahead do not ask at every use.
pub(crate) const LIFETIME_SECONDS: u32 = 3_600;
/// The same where a person has to enter a code for every renewal: a working day.
const LIFETIME_WITH_MFA_SECONDS: u32 = 36_000;

/// The provider for `awsIamUser`.
pub(crate) struct AwsIamUser {
    pub(crate) sts: Arc<Sts>,
    pub(crate) keys: Arc<dyn LongLivedKeys>,
    pub(crate) codes: Arc<dyn MfaCodes>,
}

/// Exchanges a long-lived key, with the code of the session's MFA device where there is one.
pub(crate) async fn session_token(
    sts: &Sts,
    session: &Session,
    key: &AccessKey,
    code: Option<&MfaCode>,
    seconds: u32,
    now: Timestamp,
) -> Result<TemporaryCredentials, ProviderError> {
    let mut call = sts.call(session, "GetSessionToken", now).await?;
    let identity = Identity {
        access_key_id: &key.access_key_id,
        secret_access_key: &key.secret_access_key,
        session_token: None,
    };
    let settings = call.with(identity, code.is_none());
    call.carry(code);
    let answer = call
        .client
        .get_session_token()
        .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX))
        .set_serial_number(code.and(session.mfa_device()).map(str::to_owned))
        .set_token_code(code.map(|code| code.code.expose().to_owned()))
        .customize()
        .config_override(settings)
        .send()
        .await;
    match answer {
        Ok(mut answer) => {
            let credentials = answer.credentials.take();
            call.accept(credentials, &answer)
        }
        Err(error) => Err(call.refused(error)),
    }
}

impl Provider for AwsIamUser {
    fn session_type(&self) -> SessionType {
        SessionType::AwsIamUser
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::AwsIamUser {
                mfa_device,
                duration_seconds,
            } = &session.access
            else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let key = keys::of(&self.keys, session, &session.id).await?;
            let usual = if mfa_device.is_some() {
                LIFETIME_WITH_MFA_SECONDS
            } else {
                LIFETIME_SECONDS
            };
            let seconds = duration_seconds.unwrap_or(usual);
            let begin = Instant::now();
            let now = || request.now.plus(begin.elapsed());
            let device = mfa_device.as_deref();
            let code = mfa::code(&*self.codes, session, device, now()).await?;
            match session_token(&self.sts, session, &key, code.as_ref(), seconds, now()).await {
                Err(error) if error.is_unknown_key() => {
                    let key =
                        keys::other_than(&self.keys, session, &session.id, &key, error).await?;
                    session_token(&self.sts, session, &key, code.as_ref(), seconds, now()).await
                }
                Err(error) if mfa::try_another(code.as_ref(), &error) => {
                    let code = mfa::code(&*self.codes, session, device, now()).await?;
                    session_token(&self.sts, session, &key, code.as_ref(), seconds, now()).await
                }
                answer => answer,
            }
        })
    }
}
