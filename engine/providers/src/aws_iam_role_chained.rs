//! `awsIamRoleChained`: a role assumed by STS `AssumeRole` with another session's credentials.
//!
//! Source: AWS STS API reference, `AssumeRole`: 900 s at least, one hour at most where the
//! call is made with temporary credentials ("role chaining"), as it always is here. IAM User Guide,
//! "Secure API access with MFA": credentials that GetSessionToken gave for a code carry that with
//! them, so a role whose device is its parent's needs no code of its own.

use std::sync::Arc;

use aws_sdk_sts::types::Tag;
use dayfly_core::session::{Access, AssumeRole, Session, SessionId, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials};
use tokio::time::Instant;

use crate::aws_sts::{Call, Identity, Sts};
use crate::errors::ProviderError;
use crate::mfa::{self, MfaCode, MfaCodes};
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::role_session_name::role_session_name;

/// The lifetime where the session names none, in seconds: what every role allows, also to a role.
const LIFETIME_SECONDS: u32 = 3_600;

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
        Material::Azure { .. } => Err(refuse("which are not for AWS")),
    }
}

/// The lifetime to ask for. What is longer than an hour is asked for as it is wished: a role that a
/// user assumes may have it, and for others STS says what is wrong.
fn lifetime(wished: Option<u32>) -> i32 {
    i32::try_from(wished.unwrap_or(LIFETIME_SECONDS)).unwrap_or(i32::MAX)
}

impl AwsIamRoleChained {
    async fn call(
        &self,
        request: &IssueRequest<'_>,
        role: &Role<'_>,
        code: Option<&MfaCode>,
        now: Timestamp,
    ) -> Result<TemporaryCredentials, ProviderError> {
        let session = request.session;
        let identity = identity(session, role.parent, request.parent.as_deref(), now)?;
        let assume = role.assume;
        let keys = &assume.transitive_tag_keys;
        let mut call: Call<'_> = self.sts.call(session, "AssumeRole", now).await?;
        let settings = call.with(identity, code.is_none());
        call.carry(code);
        let answer = call
            .client
            .assume_role()
            .role_arn(role.arn)
            .role_session_name(&role.name)
            .duration_seconds(lifetime(assume.duration_seconds))
            .set_external_id(assume.external_id.clone())
            .set_source_identity(assume.source_identity.clone())
            .set_policy(assume.session_policy.clone())
            .set_tags((!role.tags.is_empty()).then(|| role.tags.clone()))
            .set_transitive_tag_keys((!keys.is_empty()).then(|| keys.clone()))
            .set_serial_number(code.and(assume.mfa_device.clone()))
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
}

/// What is assumed, checked.
struct Role<'a> {
    arn: &'a str,
    parent: &'a SessionId,
    assume: &'a AssumeRole,
    name: String,
    tags: Vec<Tag>,
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
            // Nobody is asked for a code that would be of no use.
            identity(session, parent, request.parent.as_deref(), request.now)?;
            let role = Role {
                arn: role_arn,
                parent,
                assume,
                name: role_session_name(session, assume.role_session_name.as_deref())?,
                tags: tags(session, assume)?,
            };
            // Credentials that were obtained with a code of the device say so themselves.
            let device = assume.mfa_device.as_deref();
            let device = device.filter(|device| request.parent_mfa_device != Some(device));
            let begin = Instant::now();
            let now = || request.now.plus(begin.elapsed());
            let code = mfa::code(&*self.codes, session, device, now()).await?;
            match self.call(&request, &role, code.as_ref(), now()).await {
                Err(error) if mfa::try_another(code.as_ref(), &error) => {
                    let code = mfa::code(&*self.codes, session, device, now()).await?;
                    self.call(&request, &role, code.as_ref(), now()).await
                }
                answer => answer,
            }
        })
    }
}

fn tags(session: &Session, assume: &AssumeRole) -> Result<Vec<Tag>, ProviderError> {
    let tag = |(key, value): (&String, &String)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .map_err(|error| ProviderError::Field {
                session: session.name.clone(),
                field: "tags",
                problem: error.to_string(),
            })
    };
    assume.tags.iter().map(tag).collect()
}
