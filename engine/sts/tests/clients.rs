//! The demo's STS, with the clients that it has to satisfy: the engine's own providers, boto3
//! and the AWS CLI.

#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::print_stdout, reason = "a test says what it did not do")]
#![allow(
    irrefutable_let_patterns,
    reason = "other clouds will have other material"
)]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use dayfly_core::session::{Access, AssumeRole, ErrorKind, Failure, Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_providers::{
    AwsSettings, IssueRequest, LongLivedKeys, ProviderError, Providers, ProvidersConfig,
};
use dayfly_sts::{EmulatedRole, EmulatorOptions, Fault, StsEmulator};
use dayfly_vault::{AccessKey, Material, SecretString, TemporaryCredentials, VaultError};

const USER: &str = "arn:aws:iam::123456789012:user/demo";
const ROLE: &str = "arn:aws:iam::123456789012:role/team/admin";
const GUARDED: &str = "arn:aws:iam::123456789012:role/guarded";

fn key() -> AccessKey {
    AccessKey {
        access_key_id: "AKIADEMODEMODEMODEMO".to_owned(),
        secret_access_key: SecretString::from("demo/secret+key".to_owned()),
    }
}

async fn emulator(max_lifetime: Option<Duration>) -> StsEmulator {
    let role = |arn: &str, external_id: Option<&str>| EmulatedRole {
        arn: arn.to_owned(),
        external_id: external_id.map(str::to_owned),
    };
    StsEmulator::start(EmulatorOptions {
        users: vec![(key(), USER.to_owned())],
        roles: vec![role(ROLE, None), role(GUARDED, Some("ext & <1>"))],
        max_lifetime,
    })
    .await
    .unwrap()
}

struct OneKey(AccessKey);

impl LongLivedKeys for OneKey {
    fn access_key(&self, _session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Ok(Some(self.0.clone()))
    }
}

fn providers(emulator: &StsEmulator, key: AccessKey) -> Providers {
    let config = ProvidersConfig {
        aws: AwsSettings {
            sts_endpoint_url: Some(emulator.endpoint_url()),
            ..AwsSettings::default()
        },
        ..ProvidersConfig::default()
    };
    Providers::new(config, Arc::new(OneKey(key)))
}

fn session(access: Access) -> Session {
    Session {
        id: SessionId::new("s1"),
        name: "demo".to_owned(),
        region: Some("eu-central-1".to_owned()),
        access,
        named_profile: None,
        account: None,
        labels: BTreeMap::new(),
        fault: None,
    }
}

fn user(seconds: Option<u32>) -> Session {
    session(Access::AwsIamUser {
        mfa_device: None,
        duration_seconds: seconds,
    })
}

fn role(arn: &str, assume: AssumeRole) -> Session {
    session(Access::AwsIamRoleChained {
        role_arn: arn.to_owned(),
        parent: SessionId::new("p1"),
        assume,
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

async fn issue(
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

fn environment(credentials: &TemporaryCredentials) -> Vec<(&'static str, String)> {
    let Material::Aws {
        access_key_id,
        secret_access_key,
        session_token,
        ..
    } = &credentials.material
    else {
        panic!("not for AWS");
    };
    let token = session_token.as_ref().unwrap();
    vec![
        ("AWS_ACCESS_KEY_ID", access_key_id.clone()),
        (
            "AWS_SECRET_ACCESS_KEY",
            secret_access_key.expose().to_owned(),
        ),
        ("AWS_SESSION_TOKEN", token.expose().to_owned()),
    ]
}

/// Runs the program that a variable names against the emulator; none where it is not set.
fn client(
    variable: &str,
    emulator: &StsEmulator,
    args: &[&str],
    env: &[(&'static str, String)],
) -> Option<Result<String, String>> {
    let Some(program) = std::env::var_os(variable) else {
        println!("not run: needs {variable}, which tests/tools prints");
        return None;
    };
    let output = Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", emulator.endpoint_url())
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("AWS_MAX_ATTEMPTS", "1")
        .envs(env.iter().cloned())
        .output()
        .unwrap();
    Some(if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    })
}

const WHO: &str = r#"import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_engines_providers_walk_a_chain() {
    let emulator = emulator(None).await;
    let providers = providers(&emulator, key());
    let begin = now();
    let parent = Arc::new(issue(&providers, &user(None), None, begin).await.unwrap());
    let lifetime = parent.lease.expires_at.unwrap().since(begin);
    assert!(lifetime.abs_diff(Duration::from_secs(3_600)) < Duration::from_secs(30));

    let session = role(ROLE, AssumeRole::default());
    let first = issue(&providers, &session, Some(&parent), now()).await;
    let first = Arc::new(first.unwrap());
    let guarded = AssumeRole {
        external_id: Some("ext & <1>".to_owned()),
        source_identity: Some("ann".to_owned()),
        tags: BTreeMap::from([("a b".to_owned(), "c+d".to_owned())]),
        ..AssumeRole::default()
    };
    let second = issue(&providers, &role(GUARDED, guarded), Some(&first), now()).await;
    let second = second.unwrap();

    let calls = emulator.calls();
    assert_eq!((calls.get_session_token, calls.assume_role), (1, 2));
    assert_eq!((calls.refused, calls.faulted), (0, 0));

    for (credentials, arn) in [
        (&*parent, USER.to_owned()),
        (
            &*first,
            "arn:aws:sts::123456789012:assumed-role/admin/dayfly-demo".to_owned(),
        ),
        (
            &second,
            "arn:aws:sts::123456789012:assumed-role/guarded/dayfly-demo".to_owned(),
        ),
    ] {
        let env = environment(credentials);
        if let Some(caller) = client("DAYFLY_TEST_PYTHON", &emulator, &["-c", WHO], &env) {
            assert_eq!(caller.unwrap(), arn);
        }
        let args = [
            "sts",
            "get-caller-identity",
            "--query",
            "Arn",
            "--output",
            "text",
        ];
        if let Some(caller) = client("DAYFLY_TEST_AWS", &emulator, &args, &env) {
            assert_eq!(caller.unwrap(), arn);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_gets_a_chain_of_its_own() {
    let emulator = emulator(None).await;
    let script = r#"
import boto3
one = boto3.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
def sts(c):
    return boto3.client("sts", aws_access_key_id=c["AccessKeyId"],
        aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
two = sts(one).assume_role(RoleArn="arn:aws:iam::123456789012:role/guarded",
    RoleSessionName="boto+3@x", ExternalId="ext & <1>", SourceIdentity="ann")
assert two["SourceIdentity"] == "ann", two
assert (two["Credentials"]["Expiration"] - one["Expiration"]).total_seconds() > 2000
print(sts(two["Credentials"]).get_caller_identity()["Arn"], two["AssumedRoleUser"]["Arn"])
"#;
    let env = [
        ("AWS_ACCESS_KEY_ID", key().access_key_id),
        (
            "AWS_SECRET_ACCESS_KEY",
            key().secret_access_key.expose().to_owned(),
        ),
    ];
    if let Some(printed) = client("DAYFLY_TEST_PYTHON", &emulator, &["-c", script], &env) {
        let arn = "arn:aws:sts::123456789012:assumed-role/guarded/boto+3@x";
        assert_eq!(printed.unwrap(), format!("{arn} {arn}"));
    }
}

async fn refused(
    providers: &Providers,
    session: &Session,
    parent: Option<&Arc<TemporaryCredentials>>,
    at: Timestamp,
) -> Failure {
    issue(providers, session, parent, at)
        .await
        .unwrap_err()
        .failure()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_refuses_what_the_real_one_refuses() {
    let emulator = emulator(None).await;
    let right = providers(&emulator, key());

    let mut wrong = key();
    wrong.secret_access_key = SecretString::from("another".to_owned());
    let failure = refused(&providers(&emulator, wrong), &user(None), None, now()).await;
    assert!(
        failure.message.contains("SignatureDoesNotMatch"),
        "{failure:?}"
    );

    let mut unknown = key();
    unknown.access_key_id = "AKIANOBODY".to_owned();
    let failure = refused(&providers(&emulator, unknown), &user(None), None, now()).await;
    assert!(
        failure.message.contains("InvalidClientTokenId"),
        "{failure:?}"
    );

    let failure = refused(&right, &user(Some(60)), None, now()).await;
    assert!(failure.message.contains("ValidationError"), "{failure:?}");

    let parent = Arc::new(issue(&right, &user(None), None, now()).await.unwrap());
    let failure = refused(
        &right,
        &role(GUARDED, AssumeRole::default()),
        Some(&parent),
        now(),
    )
    .await;
    assert_eq!(failure.kind, ErrorKind::Denied, "{failure:?}");
    let nowhere = role(
        "arn:aws:iam::123456789012:role/nowhere",
        AssumeRole::default(),
    );
    let failure = refused(&right, &nowhere, Some(&parent), now()).await;
    assert_eq!(failure.kind, ErrorKind::Denied, "{failure:?}");

    // The id of one and the token of another do not go together.
    let other = issue(&right, &user(None), None, now()).await.unwrap();
    let Material::Aws {
        access_key_id,
        secret_access_key,
        region,
        ..
    } = &parent.material
    else {
        panic!("not for AWS");
    };
    let Material::Aws { session_token, .. } = &other.material else {
        panic!("not for AWS");
    };
    let mixed = Arc::new(TemporaryCredentials {
        lease: parent.lease,
        material: Material::Aws {
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
            session_token: session_token.clone(),
            region: region.clone(),
        },
    });
    let failure = refused(
        &right,
        &role(ROLE, AssumeRole::default()),
        Some(&mixed),
        now(),
    )
    .await;
    assert!(
        failure.message.contains("InvalidClientTokenId"),
        "{failure:?}"
    );
    assert_eq!(emulator.calls().refused, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn lifetimes_of_two_seconds_really_end() {
    let emulator = emulator(Some(Duration::from_secs(2))).await;
    let providers = providers(&emulator, key());
    let begin = now();
    let parent = Arc::new(issue(&providers, &user(None), None, begin).await.unwrap());
    let lifetime = parent.lease.expires_at.unwrap().since(begin);
    assert!(
        (Duration::from_millis(1_900)..Duration::from_millis(2_500)).contains(&lifetime),
        "{lifetime:?}"
    );
    let child = role(ROLE, AssumeRole::default());
    issue(&providers, &child, Some(&parent), now())
        .await
        .unwrap();
    // With a clock that is behind, so that only the emulator knows.
    let give_up = Instant::now() + Duration::from_secs(20);
    let failure = loop {
        assert!(Instant::now() < give_up, "they are good for too long");
        let Err(error) = issue(&providers, &child, Some(&parent), begin).await else {
            continue;
        };
        break error.failure();
    };
    assert!(now() >= parent.lease.expires_at.unwrap(), "too early");
    assert_eq!(failure.kind, ErrorKind::Parent, "{failure:?}");
    assert!(failure.message.contains("ExpiredToken"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fails_as_told_and_recovers() {
    let emulator = emulator(None).await;
    let providers = providers(&emulator, key());

    emulator.set_outage(true);
    let failure = refused(&providers, &user(None), None, now()).await;
    assert_eq!(failure.kind, ErrorKind::Unavailable, "{failure:?}");
    emulator.set_outage(false);
    issue(&providers, &user(None), None, now()).await.unwrap();

    emulator.set_fault(Some(Fault::Throttling { retry_after: 3 }));
    let asked = now();
    let failure = refused(&providers, &user(None), None, asked).await;
    assert_eq!(failure.kind, ErrorKind::Throttled, "{failure:?}");
    assert!(failure.retry_at.unwrap() >= asked.plus(Duration::from_secs(3)));

    // Whoever was throttled waits; another process knows nothing of it.
    let providers = crate::providers(&emulator, key());
    emulator.fail_for(Fault::HangUp, Duration::from_millis(600));
    let failure = refused(&providers, &user(None), None, now()).await;
    assert_eq!(failure.kind, ErrorKind::Network, "{failure:?}");
    // The cut connection is tried once more.
    assert_eq!(emulator.calls().faulted, 4);
    let give_up = Instant::now() + Duration::from_secs(20);
    while issue(&providers, &user(None), None, now()).await.is_err() {
        assert!(Instant::now() < give_up, "it fails for too long");
    }

    let calls = emulator.calls();
    assert_eq!(calls.get_session_token, 2);
    assert_eq!(calls.refused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_listens_once_it_is_dropped() {
    let emulator = emulator(None).await;
    let providers = providers(&emulator, key());
    issue(&providers, &user(None), None, now()).await.unwrap();
    let endpoint = emulator.endpoint_url();
    let address = endpoint.strip_prefix("http://").unwrap();
    drop(emulator);
    let give_up = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < give_up, "it listens for too long");
    }
    let failure = refused(&providers, &user(None), None, now()).await;
    assert_eq!(failure.kind, ErrorKind::Network, "{failure:?}");
}
