//! Faults of the network and of the service.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dayfly_core::session::{AssumeRole, ErrorKind, Lease};
use dayfly_core::time::Timestamp;
use dayfly_providers::{AwsSettings, Providers, ProvidersConfig, Timeouts};
use dayfly_vault::{AccessKey, Material, SecretString, TemporaryCredentials};

use crate::support::stub::{Reply, Request, Stub, sts_answer, sts_credentials, sts_error};
use crate::support::{
    OneKey, assert_no_secret, chained, issue, issue_at, key, now, parts, providers, user,
};

const SECRET: &str = "canary-secret/canary+secret0123456789abc";
const TOKEN: &str = "canary-token//////////canary-token";
const FAR: &str = "2999-01-01T00:00:00Z";

fn long_lived() -> AccessKey {
    key("AKIDEXAMPLE", SECRET)
}

fn parent() -> Arc<TemporaryCredentials> {
    Arc::new(TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::ZERO,
            expires_at: None,
        },
        material: Material::Aws {
            access_key_id: "ASIAPARENT".to_owned(),
            secret_access_key: SecretString::from(SECRET.to_owned()),
            session_token: Some(SecretString::from(TOKEN.to_owned())),
            region: Some("eu-west-1".to_owned()),
        },
    })
}

fn impatient(endpoint: &str) -> Providers {
    let config = ProvidersConfig {
        aws: AwsSettings {
            sts_endpoint_url: Some(endpoint.to_owned()),
            timeouts: Timeouts {
                connect: Duration::from_millis(400),
                attempt: Duration::from_millis(400),
                whole: Duration::from_millis(900),
            },
            ..AwsSettings::default()
        },
        ..ProvidersConfig::default()
    };
    Providers::new(config, Arc::new(OneKey(long_lived())))
}

#[tokio::test]
async fn nobody_listening_is_a_network_failure() {
    // Bound and closed again: nobody is there.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let providers = providers(
        Some(&format!("http://user:canary-password@127.0.0.1:{port}")),
        long_lived(),
    );
    let begin = Instant::now();
    let error = issue(&providers, &user(None), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "STS (http://127.0.0.1:{port}) refused the connection, so session \"dev box\" got no new \
             credentials"
        )
    );
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert_no_secret(&error, &[SECRET, "canary-password"]);
}

#[tokio::test]
async fn a_silent_peer_ends_with_the_timeout() {
    // The kernel accepts the connection, nobody ever reads from it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let providers = impatient(&format!("http://{}", listener.local_addr().unwrap()));
    let begin = Instant::now();
    let error = issue(&providers, &user(None), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    assert!(
        error.to_string().contains("did not answer in time"),
        "{error}"
    );
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
    assert_no_secret(&error, &[SECRET]);
}

#[tokio::test]
async fn an_unknown_host_is_a_network_failure() {
    // RFC 6761: "invalid" never resolves.
    let providers = impatient("https://sts.dayfly.invalid");
    let error = issue(&providers, &user(None), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    assert_no_secret(&error, &[SECRET]);
}

#[tokio::test]
async fn a_peer_without_tls_is_not_trusted() {
    let stub = Stub::start(|_, _| sts_credentials(FAR));
    let providers = impatient(&stub.endpoint.replace("http:", "https:"));
    let error = issue(&providers, &user(None), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    assert!(
        error.to_string().contains("could not be trusted")
            || error.to_string().contains("could not be reached"),
        "{error}"
    );
    assert_eq!(stub.count(), 0);
}

#[tokio::test]
async fn throttling_comes_back_at_once_with_the_moment_to_try_again() {
    // As documented, STS throttles with status 400, so only the code tells.
    let stub = Stub::start(|_, _| match sts_error(400, "Throttling", "Rate exceeded") {
        Reply::Answer(status, mut headers, body) => {
            headers.push("retry-after: 7".to_owned());
            Reply::Answer(status, headers, body)
        }
        other => other,
    });
    let providers = providers(Some(&stub.endpoint), long_lived());
    let asked = now();
    let error = issue_at(&providers, &user(None), None, asked)
        .await
        .unwrap_err();
    let failure = error.failure();
    assert_eq!(failure.kind, ErrorKind::Throttled, "{error}");
    let wait = failure.retry_at.unwrap().since(asked);
    assert!(
        (Duration::from_secs(7)..Duration::from_secs(9)).contains(&wait),
        "{wait:?}"
    );
    assert_eq!(
        failure.request_id.as_deref(),
        Some("01234567-89ab-cdef-0123-456789abcdef")
    );
    // The engine backs off, not the SDK.
    assert_eq!(stub.count(), 1);
    // The next call is not held back by what the last one met.
    issue(&providers, &user(None), None).await.unwrap_err();
    assert_eq!(stub.count(), 2);
}

#[tokio::test]
async fn each_code_has_its_kind() {
    let table = [
        (400, "Throttling", ErrorKind::Throttled),
        (400, "RequestLimitExceeded", ErrorKind::Throttled),
        (429, "TooManyRequestsException", ErrorKind::Throttled),
        (429, "Whatever", ErrorKind::Throttled),
        (403, "AccessDenied", ErrorKind::Denied),
        (403, "AccessDeniedException", ErrorKind::Denied),
        (403, "SomethingNew", ErrorKind::Denied),
        (403, "InvalidClientTokenId", ErrorKind::Misconfigured),
        (403, "SignatureDoesNotMatch", ErrorKind::Misconfigured),
        (403, "RegionDisabledException", ErrorKind::Misconfigured),
        (400, "ValidationError", ErrorKind::Misconfigured),
        (400, "MalformedPolicyDocument", ErrorKind::Misconfigured),
        (400, "PackedPolicyTooLarge", ErrorKind::Misconfigured),
        (400, "InvalidAction", ErrorKind::Misconfigured),
        (403, "MissingAuthenticationToken", ErrorKind::Misconfigured),
        (400, "RequestExpired", ErrorKind::ClockSkew),
        (400, "SomethingNew", ErrorKind::Other),
        (500, "InternalFailure", ErrorKind::Unavailable),
        (503, "ServiceUnavailable", ErrorKind::Unavailable),
        (408, "RequestTimeout", ErrorKind::Network),
    ];
    let stub = Stub::start(move |n, _| sts_error(table[n].0, table[n].1, "some words"));
    let providers = providers(Some(&stub.endpoint), long_lived());
    for (n, (status, code, kind)) in table.into_iter().enumerate() {
        let error = issue(&providers, &user(None), None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {code}: {error}");
        assert!(error.to_string().contains(code), "{error}");
        assert!(error.to_string().contains("dev box"), "{error}");
        assert!(!error.to_string().ends_with('.'), "{error}");
        assert_eq!(stub.count(), n + 1, "{code} was tried again");
    }
}

#[tokio::test]
async fn the_parents_faults_are_told_from_the_sessions_own() {
    let table = [
        ("ExpiredToken", ErrorKind::Parent),
        ("ExpiredTokenException", ErrorKind::Parent),
        ("InvalidClientTokenId", ErrorKind::Parent),
        ("SignatureDoesNotMatch", ErrorKind::Parent),
        ("AccessDenied", ErrorKind::Denied),
        ("ValidationError", ErrorKind::Misconfigured),
    ];
    let stub = Stub::start(move |n, _| sts_error(403, table[n].0, "some words"));
    let providers = providers(Some(&stub.endpoint), long_lived());
    let session = chained("arn:aws:iam::123456789012:role/a", AssumeRole::default());
    for (code, kind) in table {
        let error = issue(&providers, &session, Some(&parent()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{code}: {error}");
        assert_no_secret(&error, &[SECRET, TOKEN]);
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_request_reveals_nothing() {
    // The worst that a service can do: every word of the request, and what the client must
    // never have sent, in each place that an error may take words from.
    for code in [
        "AccessDenied",
        "ValidationError",
        "SignatureDoesNotMatch",
        "Odd",
        TOKEN,
    ] {
        let stub = Stub::start(move |_, request: &Request| {
            let words = format!("{} {} {SECRET} {TOKEN}", request.head, request.body);
            sts_error(403, code, &words)
        });
        let providers = providers(Some(&stub.endpoint), long_lived());
        let session = chained("arn:aws:iam::123456789012:role/a", AssumeRole::default());
        let error = issue(&providers, &session, Some(&parent()))
            .await
            .unwrap_err();
        assert_no_secret(&error, &[SECRET, TOKEN]);
        assert!(error.to_string().len() < 1_000, "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        // The secret key itself never leaves this machine, the token does.
        let sent = format!("{:?}", stub.requests.lock().unwrap());
        assert!(sent.contains(TOKEN) && !sent.contains(SECRET));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_sts_is_not_taken() {
    let page = "<html><body>Please sign in to the hotel's network</body></html>";
    let stub = Stub::start(move |n, _| match n {
        0 => Reply::Answer(200, vec!["content-type: text/html".into()], page.into()),
        1 => Reply::Answer(404, vec![], page.into()),
        2 => Reply::Answer(502, vec![], "bad gateway".into()),
        3 => Reply::Answer(407, vec![], String::new()),
        4 => sts_answer(""),
        5 => sts_answer(
            "<Credentials><AccessKeyId></AccessKeyId><SecretAccessKey>x</SecretAccessKey>\
             <SessionToken>y</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>\
             </Credentials>",
        ),
        _ => sts_credentials("2001-01-01T00:00:00Z"),
    });
    let providers = providers(Some(&stub.endpoint), long_lived());
    for (n, kind) in [
        ErrorKind::Unavailable,
        ErrorKind::Misconfigured,
        ErrorKind::Unavailable,
        ErrorKind::Misconfigured,
        ErrorKind::Unavailable,
        ErrorKind::Unavailable,
        ErrorKind::ClockSkew,
    ]
    .into_iter()
    .enumerate()
    {
        let error = issue(&providers, &user(None), None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "answer {n}: {error}");
        assert!(!error.to_string().contains("hotel"), "{error}");
    }
    // Nothing that is over is ever success; the clock is named as a reason.
    let error = issue(&providers, &user(None), None).await.unwrap_err();
    assert!(
        error.to_string().contains("by this machine's clock"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("clock"), "{error}");
}

#[tokio::test]
async fn a_wrong_clock_mends_itself_in_one_more_attempt() {
    // The server's clock is one hour ahead, and it takes signatures within 15 minutes only.
    let server_date = || {
        let ahead = aws_smithy_types::DateTime::from_secs(
            i64::try_from(now().as_millis() / 1_000).unwrap() + 3_600,
        );
        (
            ahead
                .fmt(aws_smithy_types::date_time::Format::HttpDate)
                .unwrap(),
            ahead
                .fmt(aws_smithy_types::date_time::Format::DateTime)
                .unwrap(),
        )
    };
    let stub = Stub::start(move |_, request| {
        let (http_date, iso) = server_date();
        let hour = iso.replace(['-', ':'], "")[..11].to_owned();
        let signed = request.header("x-amz-date").unwrap();
        let reply = if signed.starts_with(&hour) {
            sts_credentials(FAR)
        } else {
            sts_error(403, "SignatureDoesNotMatch", "Signature expired: ...")
        };
        match reply {
            Reply::Answer(status, mut headers, body) => {
                headers.push(format!("date: {http_date}"));
                Reply::Answer(status, headers, body)
            }
            other => other,
        }
    });
    let providers = providers(Some(&stub.endpoint), long_lived());
    issue(&providers, &user(None), None).await.unwrap();
    assert_eq!(stub.count(), 2);
    // What was learned is kept for the next call.
    issue(&providers, &user(None), None).await.unwrap();
    assert_eq!(stub.count(), 3);
}

#[tokio::test]
async fn a_clock_that_cannot_be_corrected_is_named() {
    let stub = Stub::start(|_, _| {
        sts_error(
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20200101T000000Z is now earlier than 20260101T000000Z",
        )
    });
    let providers = providers(Some(&stub.endpoint), long_lived());
    let error = issue(&providers, &user(None), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClockSkew, "{error}");
    assert!(error.to_string().contains("clock is wrong"), "{error}");
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_costs_no_failure() {
    let answered = AtomicUsize::new(0);
    let stub = Stub::start(move |_, _| {
        // Every second request on the wire is cut off after it was read.
        if answered.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            Reply::HangUp
        } else {
            sts_credentials(FAR)
        }
    });
    let providers = providers(Some(&stub.endpoint), long_lived());
    for _ in 0..4 {
        let credentials = issue(&providers, &user(None), None).await.unwrap();
        assert_eq!(parts(&credentials).0, "ASIASTUB");
    }
    assert_eq!(stub.count(), 7);
}

#[tokio::test]
async fn fields_that_sts_would_refuse_are_refused_here_by_name() {
    let stub = Stub::start(|_, _| sts_credentials(FAR));
    let providers = providers(Some(&stub.endpoint), long_lived());

    let mut session = user(None);
    session.region = Some("eu-west-1.attacker.example/?".to_owned());
    let error = issue(&providers, &session, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("region"), "{error}");

    let wrong = AssumeRole {
        role_session_name: Some("has spaces".to_owned()),
        tags: BTreeMap::new(),
        ..AssumeRole::default()
    };
    let session = chained("arn:aws:iam::123456789012:role/a", wrong);
    let error = issue(&providers, &session, Some(&parent()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("roleSessionName"), "{error}");
    assert_eq!(stub.count(), 0);
}
