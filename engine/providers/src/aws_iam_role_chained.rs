//! `awsIamRoleChained`: a role assumed by STS `AssumeRole` with another session's credentials.
//!
//! Source: AWS STS API reference, `AssumeRole`: 900 s at least, one hour at most where the
//! call is made with temporary credentials ("role chaining"), as it always is here.

use std::sync::Arc;

use aws_sdk_sts::types::Tag;
use dayfly_core::session::{Access, Session, SessionId, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials};

use crate::aws_sts::{Call, Identity, Sts};
use crate::errors::ProviderError;
use crate::mfa::{MfaCodes, MfaRequest};
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::role_session_name::role_session_name;

/// The longest lifetime of a chained role, seconds, and the one where the session names none.
const LIFETIME_MAX_SECONDS: u32 = 3_600;

/// The provider for `awsIamRoleChained`.
pub(crate) struct AwsIamRoleChained {
    pub(crate) sts: Arc<Sts>,
    pub(crate) codes: Arc<dyn MfaCodes>,
}

/// What the parent's credentials sign with, where they can.
fn identity<'a>(
    session: &Session,
    parent: &SessionId,
    credentials: Option<&'a TemporaryCredentials>,
    now: Timestamp,
) -> Result<Identity<'a>, ProviderError> {
    let refuse = |problem| ProviderError::Parent {
        session: session.name.clone(),
        parent: parent.to_string(),
        problem,
    };
    let credentials = credentials.ok_or_else(|| refuse("which has none"))?;
    if credentials.lease.expired(now) {
        return Err(refuse("which have expired"));
    }
    match &credentials.material {
        Material::Aws {
            access_key_id,
            secret_access_key,
            session_token,
            ..
        } => Ok(Identity {
            access_key_id,
            secret_access_key,
            session_token: session_token.as_ref(),
        }),
        #[allow(unreachable_patterns, reason = "one kind of material so far")]
        _ => Err(refuse("which are not for AWS")),
    }
}

/// The lifetime to ask for: a longer one than a chained role can have would be refused.
fn lifetime(session: &Session, wished: Option<u32>) -> i32 {
    let wished = wished.unwrap_or(LIFETIME_MAX_SECONDS);
    if wished > LIFETIME_MAX_SECONDS {
        tracing::debug!(
            session = %session.id,
            wished,
            "a chained role lives one hour at most, so one hour is asked for"
        );
    }
    i32::try_from(wished.min(LIFETIME_MAX_SECONDS)).unwrap_or(i32::MAX)
}

impl Provider for AwsIamRoleChained {
    fn session_type(&self) -> SessionType {
        SessionType::AwsIamRoleChained
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::AwsIamRoleChained {
                role_arn,
                parent,
                assume,
            } = &session.access
            else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let identity = identity(session, parent, request.parent.as_deref(), request.now)?;
            let name = role_session_name(session, assume.role_session_name.as_deref())?;
            let code = match &assume.mfa_device {
                Some(device) => Some(
                    self.codes
                        .code(MfaRequest { session, device })
                        .await
                        .ok_or_else(|| ProviderError::NeedsMfa {
                            session: session.name.clone(),
                            device: device.clone(),
                        })?,
                ),
                None => None,
            };
            let tags = assume
                .tags
                .iter()
                .map(|(key, value)| {
                    Tag::builder()
                        .key(key)
                        .value(value)
                        .build()
                        .map_err(|error| ProviderError::Field {
                            session: session.name.clone(),
                            field: "tags",
                            problem: error.to_string(),
                        })
                })
                .collect::<Result<Vec<_>, _>>()?;
            let keys = &assume.transitive_tag_keys;

            let mut call: Call<'_> = self.sts.call(session, "AssumeRole", request.now).await?;
            let settings = call.with(identity, code.is_none());
            call.secrets
                .extend(code.as_ref().map(|code| code.0.clone()));
            let answer = call
                .client
                .assume_role()
                .role_arn(role_arn)
                .role_session_name(name)
                .duration_seconds(lifetime(session, assume.duration_seconds))
                .set_external_id(assume.external_id.clone())
                .set_source_identity(assume.source_identity.clone())
                .set_policy(assume.session_policy.clone())
                .set_tags((!tags.is_empty()).then_some(tags))
                .set_transitive_tag_keys((!keys.is_empty()).then(|| keys.clone()))
                .set_serial_number(assume.mfa_device.clone())
                .set_token_code(code.map(|code| code.0.expose().to_owned()))
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
        })
    }
}
