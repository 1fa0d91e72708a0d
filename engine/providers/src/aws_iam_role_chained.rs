//! `awsIamRoleChained`: a role assumed by STS `AssumeRole` with another session's credentials.
//!
//! A role for more than an hour is assumed with its parent's long-lived key instead, where that is an
//! IAM user: [`dayfly_core::role_lifetime`] has the rule.
//!
//! Source: AWS STS API reference, `AssumeRole`. IAM User Guide, "Secure API access with MFA":
//! credentials that GetSessionToken gave for a code carry that with them, so a role whose device is its
//! parent's needs no code of its own; a long-lived key carries nothing, so it does.

use std::sync::Arc;

use aws_sdk_sts::types::Tag;
use dayfly_core::role_lifetime::{AssumedWith, CHAINED_SECONDS_MAX, assumed_with};
use dayfly_core::session::{Access, AssumeRole, Session, SessionId, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::{AccessKey, Material, TemporaryCredentials};
use tokio::time::Instant;

use crate::aws_sts::{Call, Identity, Sts};
use crate::errors::ProviderError;
use crate::keys::{self, LongLivedKeys};
use crate::mfa::{self, MfaCode, MfaCodes};
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::role_session_name::role_session_name;

/// The provider for `awsIamRoleChained`.
pub(crate) struct AwsIamRoleChained {
    pub(crate) sts: Arc<Sts>,
    pub(crate) keys: Arc<dyn LongLivedKeys>,
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
    let credentials = credentials.ok_or_else(|| refuse("which has no credentials"))?;
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

/// What the call is signed with.
enum Signer {
    /// The parent's temporary credentials, which are in the request.
    Credentials,
    /// The parent's long-lived key.
    Key(AccessKey),
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
        let identity = match &role.signer {
            Signer::Credentials => identity(session, role.parent, request.parent.as_deref(), now)?,
            Signer::Key(key) => Identity {
                access_key_id: &key.access_key_id,
                secret_access_key: &key.secret_access_key,
                session_token: None,
            },
        };
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
            .duration_seconds(i32::try_from(role.seconds).unwrap_or(i32::MAX))
            .set_external_id(assume.external_id.clone())
            .set_source_identity(assume.source_identity.clone())
            .set_policy(assume.session_policy.clone())
            .set_tags((!role.tags.is_empty()).then(|| role.tags.clone()))
            .set_transitive_tag_keys((!keys.is_empty()).then(|| keys.clone()))
            .set_serial_number(code.and(role.device).map(str::to_owned))
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

impl AwsIamRoleChained {
    /// The parent's key that took the place of the one that the cloud does not know any more.
    async fn newer(
        &self,
        session: &Session,
        role: &Role<'_>,
        refused: ProviderError,
    ) -> Result<Signer, ProviderError> {
        let Signer::Key(key) = &role.signer else {
            return Err(refused);
        };
        let key = keys::other_than(&self.keys, session, role.parent, key, refused);
        key.await.map(Signer::Key)
    }
}

/// What is assumed, checked.
struct Role<'a> {
    arn: &'a str,
    parent: &'a SessionId,
    assume: &'a AssumeRole,
    name: String,
    tags: Vec<Tag>,
    seconds: u32,
    signer: Signer,
    /// The device whose code goes into the call.
    device: Option<&'a str>,
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
            let above = request.parent_session;
            let way = match above.map(Session::session_type) {
                Some(kind) => {
                    assumed_with(session, kind).map_err(|seconds| too_long(session, seconds))?
                }
                None => AssumedWith::ParentsCredentials,
            };
            let own = assume.mfa_device.as_deref();
            let parents = above.and_then(Session::mfa_device);
            let (signer, device) = match way {
                // Credentials that were obtained with a code of the device say so themselves.
                AssumedWith::ParentsCredentials => (
                    Signer::Credentials,
                    own.filter(|device| parents != Some(*device)),
                ),
                AssumedWith::ParentsKey => {
                    let key = keys::of(&self.keys, session, parent).await?;
                    (Signer::Key(key), own.or(parents))
                }
            };
            let mut role = Role {
                arn: role_arn,
                parent,
                assume,
                name: role_session_name(session, assume.role_session_name.as_deref())?,
                tags: tags(session, assume)?,
                seconds: assume.duration_seconds.unwrap_or(CHAINED_SECONDS_MAX),
                signer,
                device,
            };
            let begin = Instant::now();
            let now = || request.now.plus(begin.elapsed());
            let code = mfa::code(&*self.codes, session, device, now()).await?;
            match self.call(&request, &role, code.as_ref(), now()).await {
                Err(error) if error.is_unknown_key() => {
                    role.signer = self.newer(session, &role, error).await?;
                    self.call(&request, &role, code.as_ref(), now()).await
                }
                Err(error) if mfa::try_another(code.as_ref(), &error) => {
                    let code = mfa::code(&*self.codes, session, device, now()).await?;
                    self.call(&request, &role, code.as_ref(), now()).await
                }
                answer => answer,
            }
        })
    }
}

fn too_long(session: &Session, seconds: u32) -> ProviderError {
    ProviderError::Field {
        session: session.name.clone(),
        field: "durationSeconds",
        problem: format!(
            "is {seconds}, but a role that is assumed with temporary credentials has at most \
             {CHAINED_SECONDS_MAX}; give the session an IAM user as its parent, or omit it"
        ),
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
