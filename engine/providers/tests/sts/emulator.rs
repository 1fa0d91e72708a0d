//! Against ministack, which checks signatures, trust policies and expiry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::{AssumeRole, ErrorKind};

use crate::support::ministack::Ministack;
use crate::support::{
    assert_no_secret, chained, issue, issue_at, key, now, parts, providers, user,
};

#[tokio::test]
async fn a_session_token_works_for_a_real_client() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (id, secret) = ministack.user();
    let providers = providers(Some(&ministack.endpoint), key(&id, &secret));

    let before = now();
    let credentials = issue(&providers, &user(None), None).await.unwrap();
    let lifetime = credentials.lease.expires_at.unwrap().since(before);
    assert!(credentials.lease.issued_at >= before);
    // One hour, give or take the second that STS rounds to.
    assert!(
        lifetime.abs_diff(Duration::from_secs(3_600)) < Duration::from_secs(30),
        "{lifetime:?}"
    );
    assert_ne!(parts(&credentials).0, id);
    let caller = ministack.caller(parts(&credentials));
    assert!(caller.ends_with(":user/alice"), "{caller}");

    let asked = issue(&providers, &user(Some(900)), None).await.unwrap();
    let lifetime = asked.lease.expires_at.unwrap().since(before);
    assert!(lifetime < Duration::from_secs(1_000), "{lifetime:?}");
}

#[tokio::test]
async fn a_chain_of_two_roles_carries_what_their_trust_policies_ask_for() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (id, secret) = ministack.user();
    let first = ministack.role(
        "first",
        "arn:aws:iam::000000000000:user/alice",
        r#"{"StringEquals": {"sts:ExternalId": "ext-1", "aws:RequestTag/team": "red",
            "sts:RoleSessionName": "dayfly-dev-box"}}"#,
    );
    let second = ministack.role("second", &first, "{}");
    let providers = providers(Some(&ministack.endpoint), key(&id, &secret));
    let parent = Arc::new(issue(&providers, &user(None), None).await.unwrap());

    let assume = AssumeRole {
        external_id: Some("ext-1".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
        transitive_tag_keys: vec!["team".to_owned()],
        source_identity: Some("alice".to_owned()),
        session_policy: Some(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
                .to_owned(),
        ),
        // A role that a user assumes may have more than an hour.
        duration_seconds: Some(43_200),
        ..AssumeRole::default()
    };
    let before = now();
    let one = issue(&providers, &chained(&first, assume.clone()), Some(&parent))
        .await
        .unwrap();
    let lifetime = one.lease.expires_at.unwrap().since(before);
    assert!(
        lifetime.abs_diff(Duration::from_secs(43_200)) < Duration::from_secs(30),
        "{lifetime:?}"
    );
    let caller = ministack.caller(parts(&one));
    assert!(
        caller.ends_with("assumed-role/first/dayfly-dev-box"),
        "{caller}"
    );

    let named = AssumeRole {
        role_session_name: Some("alice@example.com".to_owned()),
        ..AssumeRole::default()
    };
    let two = issue(&providers, &chained(&second, named), Some(&Arc::new(one)))
        .await
        .unwrap();
    let caller = ministack.caller(parts(&two));
    assert!(
        caller.ends_with("assumed-role/second/alice@example.com"),
        "{caller}"
    );

    // Each thing that the trust policy asks for is really sent: without it, it says no.
    for wrong in [
        AssumeRole {
            external_id: Some("ext-2".to_owned()),
            ..assume.clone()
        },
        AssumeRole {
            external_id: None,
            ..assume.clone()
        },
        AssumeRole {
            tags: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
            ..assume.clone()
        },
        AssumeRole {
            role_session_name: Some("someone-else".to_owned()),
            ..assume.clone()
        },
    ] {
        let error = issue(&providers, &chained(&first, wrong.clone()), Some(&parent))
            .await
            .expect_err(&format!("{wrong:?}"));
        let failure = error.failure();
        assert_eq!(failure.kind, ErrorKind::Denied, "{error}");
        assert!(failure.message.contains("AccessDenied"), "{error}");
        assert!(failure.hint.unwrap().contains("external id"));
        assert!(failure.request_id.is_some());
        let (_, parent_secret, token) = parts(&parent);
        assert_no_secret(&error, &[&secret, parent_secret, token]);
    }
}

#[tokio::test]
async fn wrong_keys_are_told_apart() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (id, secret) = ministack.user();

    let unknown = providers(
        Some(&ministack.endpoint),
        key("AKIAUNKNOWNUNKNOWN00", &secret),
    );
    let error = issue(&unknown, &user(None), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(
        error.to_string().contains("does not know the access key"),
        "{error}"
    );
    assert!(
        error.to_string().contains("InvalidClientTokenId"),
        "{error}"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("`dayfly secret set 'dev box'`")
    );
    assert_no_secret(&error, &[&secret]);

    let canary = "canary/canary+canary/canary+canary/canar";
    let wrong = providers(Some(&ministack.endpoint), key(&id, canary));
    let error = issue(&wrong, &user(None), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("secret access key"), "{error}");
    assert!(
        error.to_string().contains("SignatureDoesNotMatch"),
        "{error}"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("`dayfly secret set 'dev box'`")
    );
    assert_no_secret(&error, &[canary]);
}

#[tokio::test]
async fn expired_parents_are_the_parents_failure() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (id, secret) = ministack.user();
    let role = ministack.role("first", "arn:aws:iam::000000000000:user/alice", "{}");
    let providers = providers(Some(&ministack.endpoint), key(&id, &secret));
    // Real STS wants 900 s at least; this one does as it is told.
    let parent = Arc::new(issue(&providers, &user(Some(2)), None).await.unwrap());
    let child = chained(&role, AssumeRole::default());
    issue(&providers, &child, Some(&parent)).await.unwrap();

    // Known here: no call is made.
    let give_up = now().plus(Duration::from_secs(20));
    let error = loop {
        assert!(now() < give_up, "they are good for too long");
        if let Err(error) = issue(&providers, &child, Some(&parent)).await {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Parent);
    assert!(error.to_string().contains("have expired"), "{error}");
    // With a clock that is behind, only STS knows.
    let earlier = now().minus(Duration::from_secs(60));
    let error = loop {
        assert!(now() < give_up, "STS takes them for too long");
        if let Err(error) = issue_at(&providers, &child, Some(&parent), earlier).await {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Parent);
    assert!(error.to_string().contains("(ExpiredToken)"), "{error}");
    assert_eq!(
        error.hint().as_deref(),
        Some("get new ones with `dayfly session rotate parent`")
    );
    let (_, parent_secret, token) = parts(&parent);
    assert_no_secret(&error, &[&secret, parent_secret, token]);
}

#[tokio::test]
async fn many_calls_at_once_share_connections_and_all_succeed() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (id, secret) = ministack.user();
    let providers = Arc::new(providers(Some(&ministack.endpoint), key(&id, &secret)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let providers = Arc::clone(&providers);
        tasks.spawn(async move { issue(&providers, &user(None), None).await });
    }
    let mut ids: Vec<_> = tasks
        .join_all()
        .await
        .into_iter()
        .map(|answer| parts(&answer.unwrap()).0.to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 40);
}
