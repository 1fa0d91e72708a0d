//! Real components and small stand-ins for the tests of this crate.

pub(crate) mod ministack;
pub(crate) mod stub;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dayfly_core::session::{Access, AssumeRole, Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_providers::{
    AwsSettings, IssueRequest, LongLivedKeys, ProviderError, Providers, ProvidersConfig, Timeouts,
};
use dayfly_vault::{AccessKey, Material, SecretString, TemporaryCredentials, VaultError};

/// Hands out one key for every session.
pub(crate) struct OneKey(pub(crate) AccessKey);

impl LongLivedKeys for OneKey {
    fn access_key(&self, _session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Ok(Some(self.0.clone()))
    }
}

/// A long-lived key.
pub(crate) fn key(id: &str, secret: &str) -> AccessKey {
    AccessKey {
        access_key_id: id.to_owned(),
        secret_access_key: SecretString::from(secret.to_owned()),
    }
}

/// The providers with one key, against one endpoint, with timeouts that suit a test.
pub(crate) fn providers(endpoint: Option<&str>, key: AccessKey) -> Providers {
    let config = ProvidersConfig {
        aws: AwsSettings {
            default_region: "us-east-1".to_owned(),
            sts_endpoint_url: endpoint.map(str::to_owned),
            timeouts: Timeouts {
                connect: Duration::from_secs(2),
                attempt: Duration::from_secs(8),
                whole: Duration::from_secs(10),
            },
        },
        ..ProvidersConfig::default()
    };
    Providers::new(config, Arc::new(OneKey(key)))
}

/// A session named `dev box` for the user's key.
pub(crate) fn user(duration_seconds: Option<u32>) -> Session {
    session(Access::AwsIamUser {
        mfa_device: None,
        duration_seconds,
    })
}

/// A session for a role, whose parent is `parent`.
pub(crate) fn chained(role_arn: &str, assume: AssumeRole) -> Session {
    session(Access::AwsIamRoleChained {
        role_arn: role_arn.to_owned(),
        parent: SessionId::new("parent"),
        assume,
    })
}

fn session(access: Access) -> Session {
    Session {
        id: SessionId::new("s1"),
        name: "dev box".to_owned(),
        region: Some("eu-west-1".to_owned()),
        access,
        named_profile: None,
        account: None,
        labels: BTreeMap::new(),
        fault: None,
    }
}

/// This machine's time.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

/// Asks for credentials now.
pub(crate) async fn issue(
    providers: &Providers,
    session: &Session,
    parent: Option<&Arc<TemporaryCredentials>>,
) -> Result<TemporaryCredentials, ProviderError> {
    issue_at(providers, session, parent, now()).await
}

/// Asks for credentials at a moment.
pub(crate) async fn issue_at(
    providers: &Providers,
    session: &Session,
    parent: Option<&Arc<TemporaryCredentials>>,
    now: Timestamp,
) -> Result<TemporaryCredentials, ProviderError> {
    providers
        .issue(IssueRequest {
            session,
            parent: parent.cloned(),
            parent_session: None,
            now,
        })
        .await
}

/// The parts of the credentials: id, secret, token.
pub(crate) fn parts(credentials: &TemporaryCredentials) -> (&str, &str, &str) {
    let Material::Aws {
        access_key_id,
        secret_access_key,
        session_token,
        ..
    } = &credentials.material
    else {
        panic!("not for AWS");
    };
    let token = session_token.as_ref().map_or("", |t| t.expose());
    (access_key_id, secret_access_key.expose(), token)
}

/// Fails where any text that the error can become holds one of the secrets.
pub(crate) fn assert_no_secret(error: &ProviderError, secrets: &[&str]) {
    let failure = error.failure();
    let mut texts = vec![
        format!("{error}"),
        format!("{error:?}"),
        format!("{error:#?}"),
        format!("{failure:?}"),
        serde_json::to_string(&failure).unwrap(),
    ];
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        texts.push(format!("{inner} {inner:?}"));
        source = inner.source();
    }
    for text in &texts {
        for secret in secrets {
            assert!(!secret.is_empty());
            assert!(!text.contains(secret), "a secret is in: {text}");
        }
    }
}
