//! `GetFederationToken`: what the AWS console takes of an IAM user, who has no role for it.
//!
//! Source: AWS STS API reference, `GetFederationToken`: called with the long-lived key of an IAM user, never
//! with temporary credentials, and with no code of an MFA device; the rights are those that the user and the
//! policy passed here both have, so without a policy there are none; `Name` of 2 to 32 characters; 900 to
//! 129,600 s. IAM user guide, "Enable custom identity broker access to the AWS console".

use std::sync::Arc;

use aws_sdk_sts::types::PolicyDescriptorType;
use dayfly_core::session::{Access, Session, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::TemporaryCredentials;

use crate::aws_iam_user::LIFETIME_SECONDS;
use crate::aws_sts::{Identity, Sts};
use crate::errors::ProviderError;
use crate::keys::{self, LongLivedKeys};
use crate::role_session_name::derived;
use crate::settings::AwsSettings;

/// Whatever the user may do.
const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
/// The most characters of `Name`.
const NAME: usize = 32;

/// What of the user's own rights the credentials have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// All of them.
    #[default]
    All,
    /// What this policy allows too, JSON text.
    Policy(String),
    /// What this policy of IAM allows too, by its ARN.
    Managed(String),
}

/// Credentials of a federated user: an IAM user in the console.
///
/// # Errors
/// The session is of another type or has no key, or STS says no.
pub async fn federation_token(
    settings: &AwsSettings,
    keys: Arc<dyn LongLivedKeys>,
    session: &Session,
    rights: &Rights,
    now: Timestamp,
) -> Result<TemporaryCredentials, ProviderError> {
    let Access::AwsIamUser {
        duration_seconds, ..
    } = &session.access
    else {
        return Err(ProviderError::wrong_provider(
            session,
            SessionType::AwsIamUser,
        ));
    };
    let key = keys::of(&keys, session, &session.id).await?;
    let sts = Sts::new(settings.clone());
    let mut call = sts.call(session, "GetFederationToken", now).await?;
    let identity = Identity {
        access_key_id: &key.access_key_id,
        secret_access_key: &key.secret_access_key,
        session_token: None,
    };
    let config = call.with(identity, true);
    let seconds = duration_seconds.unwrap_or(LIFETIME_SECONDS);
    let asked = call
        .client
        .get_federation_token()
        .name(derived(&session.name, NAME))
        .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX));
    let asked = match rights {
        Rights::All => asked.policy(ALL),
        Rights::Policy(policy) => asked.policy(policy),
        Rights::Managed(arn) => asked.policy_arns(PolicyDescriptorType::builder().arn(arn).build()),
    };
    let answer = asked.customize().config_override(config).send().await;
    match answer {
        Ok(mut answer) => {
            let credentials = answer.credentials.take();
            call.accept(credentials, &answer)
        }
        Err(error) => Err(call.refused(error)),
    }
}
