//! Lifetimes that one way gives and another does not.

use std::sync::Arc;

use data_encoding::BASE64;
use dayfly_core::session::{Access, AssumeRole, ErrorKind, Lease, Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_providers::{
    Assertion, AssertionBroker, AwsSettings, IssueRequest, Providers, ProvidersConfig,
};
use dayfly_vault::{Material, SecretString, TemporaryCredentials};

use crate::support::stub::{Reply, Request, Stub, sts_error};
use crate::support::{OneKey, chained, issue, key, now, providers, user};

const ROLE: &str = "arn:aws:iam::123456789012:role/r";
const IDP: &str = "arn:aws:iam::123456789012:saml-provider/idp";

fn parents_credentials() -> Arc<TemporaryCredentials> {
    Arc::new(TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::ZERO,
            expires_at: None,
        },
        material: Material::Aws {
            access_key_id: "ASIAPARENT".to_owned(),
            secret_access_key: SecretString::from("temporary".to_owned()),
            session_token: Some(SecretString::from("token".to_owned())),
            region: None,
        },
    })
}

fn credentials(operation: &str) -> Reply {
    let body = format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>\
         <Credentials><AccessKeyId>ASIASTUB</AccessKeyId><SecretAccessKey>stub-secret</SecretAccessKey>\
         <SessionToken>stub-token</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>\
         </{operation}Result><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></{operation}Response>"
    );
    let kind = "content-type: text/xml".to_owned();
    Reply::Answer(200, vec![kind], body)
}

fn field(request: &Request, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(request.body.as_bytes());
    let found = pairs.into_iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_role_for_more_than_an_hour_is_assumed_with_the_key_of_the_user() {
    let stub = Stub::start(|_, _| credentials("AssumeRole"));
    let providers = providers(Some(&stub.endpoint), key("AKIDUSER", "long-lived"));
    let parent = user(None);
    let ask = async |seconds: Option<u32>| {
        let assume = AssumeRole {
            duration_seconds: seconds,
            ..AssumeRole::default()
        };
        let session = chained(ROLE, assume);
        let request = IssueRequest {
            session: &session,
            parent: Some(parents_credentials()),
            parent_session: Some(&parent),
            now: now(),
        };
        providers.issue(request).await.unwrap();
        let requests = stub.requests.lock().unwrap();
        requests.last().unwrap().clone()
    };
    for (seconds, signer, token, asked) in [
        (None, "Credential=ASIAPARENT/", Some("token"), "3600"),
        (Some(3_600), "Credential=ASIAPARENT/", Some("token"), "3600"),
        (Some(3_601), "Credential=AKIDUSER/", None, "3601"),
        (Some(43_200), "Credential=AKIDUSER/", None, "43200"),
    ] {
        let request = ask(seconds).await;
        let signed = request.header("authorization").unwrap();
        assert!(signed.contains(signer), "{seconds:?}: {signed}");
        assert_eq!(request.header("x-amz-security-token"), token, "{seconds:?}");
        assert_eq!(field(&request, "DurationSeconds").as_deref(), Some(asked));
    }
}

#[tokio::test]
async fn a_role_of_a_role_for_more_than_an_hour_is_refused_before_anybody_is_asked() {
    let stub = Stub::start(|_, _| credentials("AssumeRole"));
    let providers = providers(Some(&stub.endpoint), key("AKIDUSER", "long-lived"));
    let parent = chained(ROLE, AssumeRole::default());
    let session = chained(
        ROLE,
        AssumeRole {
            duration_seconds: Some(7_200),
            ..AssumeRole::default()
        },
    );
    let request = IssueRequest {
        session: &session,
        parent: Some(parents_credentials()),
        parent_session: Some(&parent),
        now: now(),
    };
    let error = providers.issue(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    let told = error.to_string();
    assert!(
        told.contains("durationSeconds") && told.contains("at most 3600"),
        "{told}"
    );
    assert_eq!(stub.count(), 0);
}

fn assertion(seconds: u32) -> Assertion {
    let xml = format!(
        r#"<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol"><Status><StatusCode
         Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></Status>
         <Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion">
         <Conditions NotOnOrAfter="2999-01-01T00:00:00Z"/>
         <AttributeStatement><Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">
         <AttributeValue>{ROLE},{IDP}</AttributeValue></Attribute>
         <Attribute Name="https://aws.amazon.com/SAML/Attributes/SessionDuration">
         <AttributeValue>{seconds}</AttributeValue></Attribute></AttributeStatement>
         </Assertion></Response>"#
    );
    Assertion::parse(&SecretString::from(BASE64.encode(xml.as_bytes()))).unwrap()
}

fn federated(seconds: Option<u32>) -> Session {
    Session {
        access: Access::AwsIamRoleFederated {
            role_arn: ROLE.to_owned(),
            idp_arn: IDP.to_owned(),
            idp_url_id: "corp".to_owned(),
            duration_seconds: seconds,
        },
        id: SessionId::new("saml"),
        ..user(None)
    }
}

/// An STS whose role gives an hour.
fn an_hour(_: usize, request: &Request) -> Reply {
    let wished = field(request, "DurationSeconds");
    if wished.is_some_and(|seconds| seconds != "3600") {
        let words =
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return sts_error(400, "ValidationError", words);
    }
    credentials("AssumeRoleWithSAML")
}

#[tokio::test]
async fn what_only_the_identity_provider_wished_is_not_insisted_on() {
    let stub = Stub::start(an_hour);
    let desk = AssertionBroker::new(Box::new(|_| {}));
    let config = ProvidersConfig {
        aws: AwsSettings {
            sts_endpoint_url: Some(stub.endpoint.clone()),
            ..AwsSettings::default()
        },
        assertions: Arc::new(desk.clone()),
        ..ProvidersConfig::default()
    };
    let providers = Providers::new(config, Arc::new(OneKey(key("AKID", "none"))));
    desk.hand("corp", assertion(43_200));
    issue(&providers, &federated(None), None).await.unwrap();
    let asked = |stub: &Stub| {
        let requests = stub.requests.lock().unwrap();
        let asked = requests.iter().map(|r| field(r, "DurationSeconds"));
        asked.collect::<Vec<_>>()
    };
    assert_eq!(asked(&stub), [Some("43200".to_owned()), None]);
    // What the person wished is, and the sign-in stays good for the next try.
    let error = issue(&providers, &federated(Some(7_200)), None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.hint().unwrap().contains("MaxSessionDuration"));
    issue(&providers, &federated(Some(3_600)), None)
        .await
        .unwrap();
    assert_eq!(asked(&stub).len(), 4);
}
