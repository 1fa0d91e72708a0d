use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use dayfly_core::session::{Access, ErrorKind, Lease, Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_vault::{AccessKey, Material, SecretString, VaultError};

use super::*;
use crate::limiter::CallSlots;
use crate::limits::{Limit, Limits};
use crate::pace::Rate;
use crate::provider::BoxFuture;

struct NoKeys;

impl LongLivedKeys for NoKeys {
    fn access_key(&self, _session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Ok(None)
    }
}

fn session(access: Access) -> Session {
    Session {
        id: SessionId::new("s1"),
        name: "dev box".to_owned(),
        region: None,
        access,
        named_profile: None,
        account: None,
        labels: BTreeMap::new(),
        fault: None,
    }
}

fn request(session: &Session) -> IssueRequest<'_> {
    IssueRequest {
        session,
        parent: None,
        parent_session: None,
        now: Timestamp::from_millis(1_000),
    }
}

fn user(mfa_device: Option<&str>) -> Session {
    session(Access::AwsIamUser {
        mfa_device: mfa_device.map(str::to_owned),
        duration_seconds: None,
    })
}

/// Counts how many of its calls run at once.
struct Slow {
    running: AtomicUsize,
    most: Arc<AtomicUsize>,
}

impl Provider for Slow {
    fn session_type(&self) -> SessionType {
        SessionType::Localstack
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            // Sleeps so that calls overlap where they may.
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.running.fetch_sub(1, Ordering::SeqCst);
            Ok(TemporaryCredentials {
                lease: Lease {
                    issued_at: request.now,
                    expires_at: None,
                },
                material: Material::Aws {
                    access_key_id: String::new(),
                    secret_access_key: SecretString::from(String::new()),
                    session_token: None,
                    region: None,
                },
            })
        })
    }
}

fn limited(limit: usize, turn: Duration) -> (Arc<Limited>, Arc<AtomicUsize>) {
    let most = Arc::new(AtomicUsize::new(0));
    let inner = Slow {
        running: AtomicUsize::new(0),
        most: Arc::clone(&most),
    };
    let limited = Arc::new(Limited::new(
        Box::new(inner),
        Arc::new(CallSlots::new(limit)),
        turn,
        None,
    ));
    (limited, most)
}

async fn issue_many(
    provider: &Arc<Limited>,
    calls: usize,
) -> Vec<Result<TemporaryCredentials, ProviderError>> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..calls {
        let provider = Arc::clone(provider);
        tasks.spawn(async move {
            let session = session(Access::Localstack { endpoint_url: None });
            provider.issue(request(&session)).await
        });
    }
    tasks.join_all().await
}

#[tokio::test]
async fn calls_in_flight_are_bounded_and_all_get_their_turn() {
    let (provider, most) = limited(3, Duration::from_secs(60));
    let answers = issue_many(&provider, 12).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn waiting_for_a_turn_has_an_end_and_a_reason() {
    let (provider, _) = limited(1, Duration::from_millis(5));
    let answers = issue_many(&provider, 3).await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 2);
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error.to_string().contains("1 other calls for localstack"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_time_spent_waiting_counts() {
    let (provider, _) = limited(1, Duration::from_secs(60));
    let answers = issue_many(&provider, 3).await;
    let mut issued: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().lease.issued_at.as_millis())
        .collect();
    issued.sort_unstable();
    assert!(issued[2] >= 1_000 + 40, "{issued:?}");
}

#[test]
fn an_access_method_without_a_provider_is_said() {
    let providers = Providers::new(ProvidersConfig::default(), Arc::new(NoKeys));
    let error = providers.get(SessionType::Azure).err().unwrap();
    assert_eq!(
        error.to_string(),
        "this version of Dayfly does not support azure"
    );
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
}

#[tokio::test]
async fn localstack_gets_the_test_key_that_never_ends() {
    let providers = Providers::new(ProvidersConfig::default(), Arc::new(NoKeys));
    let session = session(Access::Localstack { endpoint_url: None });
    let answer = providers.issue(request(&session)).await.unwrap();
    assert_eq!(answer.lease.issued_at, Timestamp::from_millis(1_000));
    assert_eq!(answer.lease.expires_at, None);
    let Material::Aws {
        access_key_id,
        secret_access_key,
        session_token,
        region,
    } = &answer.material
    else {
        panic!("not for AWS");
    };
    assert_eq!(access_key_id, "test");
    assert_eq!(secret_access_key.expose(), "test");
    assert!(session_token.is_none());
    assert_eq!(region.as_deref(), Some("us-east-1"));
}

#[tokio::test]
async fn a_missing_key_says_what_to_type() {
    let providers = Providers::new(ProvidersConfig::default(), Arc::new(NoKeys));
    let failure = providers
        .issue(request(&user(None)))
        .await
        .unwrap_err()
        .failure();
    assert_eq!(failure.kind, ErrorKind::Misconfigured);
    assert_eq!(
        failure.message,
        "the vault has no access key for session \"dev box\""
    );
    assert_eq!(
        failure.hint.as_deref(),
        Some("store it with `dayfly secret set 'dev box'`")
    );
}

#[tokio::test]
async fn a_device_without_a_code_needs_a_person() {
    struct OneKey;
    impl LongLivedKeys for OneKey {
        fn access_key(&self, _session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
            Ok(Some(AccessKey {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: SecretString::from("secret".to_owned()),
            }))
        }
    }
    let providers = Providers::new(ProvidersConfig::default(), Arc::new(OneKey));
    let session = user(Some("arn:aws:iam::123456789012:mfa/alice"));
    let failure = providers
        .issue(request(&session))
        .await
        .unwrap_err()
        .failure();
    assert_eq!(failure.kind, ErrorKind::NeedsMfa);
    assert!(failure.message.contains("mfa/alice"), "{failure:?}");
    assert!(failure.hint.is_some());
}

#[tokio::test]
async fn a_chained_session_without_its_parent_makes_no_call() {
    let providers = Providers::new(ProvidersConfig::default(), Arc::new(NoKeys));
    let session = session(Access::AwsIamRoleChained {
        role_arn: "arn:aws:iam::123456789012:role/admin".to_owned(),
        parent: SessionId::new("p1"),
        assume: dayfly_core::session::AssumeRole::default(),
    });
    let error = providers.issue(request(&session)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Parent);
    assert_eq!(
        error.hint().as_deref(),
        Some("start it with `dayfly session start p1`")
    );
}

#[tokio::test]
async fn providers_that_are_made_anew_go_on_where_the_earlier_ones_were() {
    let limits = Limits {
        sts: Limit {
            rate: Rate {
                per_second: 0.001,
                burst: 2,
            },
            calls_in_flight: None,
        },
        ..Limits::default()
    };
    let limiter = Limiter::new(limits, 8);
    let session = user(None);
    let mut paced = 0;
    for _ in 0..3 {
        let config = ProvidersConfig {
            limiter: limiter.clone(),
            turn: Duration::from_millis(20),
            ..ProvidersConfig::default()
        };
        let providers = Providers::new(config, Arc::new(NoKeys));
        limiter.set(limits, 8);
        for _ in 0..2 {
            let error = providers.issue(request(&session)).await.unwrap_err();
            paced += usize::from(matches!(error, ProviderError::Paced { .. }));
        }
    }
    assert_eq!(paced, 4, "two turns in all, not two for each");
}
