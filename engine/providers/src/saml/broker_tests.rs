use std::collections::BTreeMap as Map;
use std::sync::atomic::{AtomicUsize, Ordering};

use data_encoding::BASE64;
use dayfly_core::session::{Access, Session, SessionId};
use dayfly_vault::SecretString;

use super::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/r";
const IDP: &str = "arn:aws:iam::123456789012:saml-provider/idp";

fn text(until: &str) -> String {
    let xml = format!(
        r#"<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol"><Status><StatusCode
         Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></Status>
         <Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><Conditions NotOnOrAfter="{until}"/>
         <AttributeStatement><Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">
         <AttributeValue>{ROLE},{IDP}</AttributeValue></Attribute></AttributeStatement>
         </Assertion></Response>"#
    );
    BASE64.encode(xml.as_bytes())
}

fn assertion(until: &str) -> Assertion {
    Assertion::parse(&SecretString::from(text(until))).unwrap()
}

fn session(id: &str) -> Session {
    Session {
        id: SessionId::new(id),
        name: format!("the {id}"),
        region: None,
        access: Access::AwsIamRoleFederated {
            role_arn: ROLE.to_owned(),
            idp_arn: IDP.to_owned(),
            idp_url_id: "corp".to_owned(),
            duration_seconds: None,
        },
        named_profile: None,
        account: None,
        labels: Map::new(),
        fault: None,
    }
}

fn broker() -> (AssertionBroker, Arc<AtomicUsize>) {
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let broker = AssertionBroker::new(Box::new(move |id| {
        assert_eq!(id, "corp");
        count.fetch_add(1, Ordering::SeqCst);
    }));
    (broker, told)
}

async fn ask(broker: &AssertionBroker, id: &str) -> Result<Arc<Assertion>, NoAssertion> {
    let session = session(id);
    let request = AssertionRequest {
        session: &session,
        idp_url_id: "corp",
        // 2026-03-01T10:00:00Z
        now: Timestamp::from_millis(1_772_359_200_000),
    };
    broker.assertion(request).await
}

fn helper(script: &str, wait: Duration) -> Option<Helper> {
    Some(Helper {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        wait,
        deadline: Duration::from_secs(60),
    })
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn one_sign_in_serves_all_sessions_of_the_idp_until_it_ends() {
    let (broker, _) = broker();
    assert!(matches!(ask(&broker, "a").await, Err(NoAssertion::Nobody)));
    broker.hand("corp", assertion("2026-03-01T10:05:00Z"));
    broker.hand("other", assertion("2026-03-01T10:05:00Z"));
    assert!(ask(&broker, "a").await.is_ok());
    assert!(ask(&broker, "b").await.is_ok());
    broker.forget("corp");
    assert!(matches!(ask(&broker, "a").await, Err(NoAssertion::Nobody)));
    broker.hand("corp", assertion("2026-03-01T10:00:00Z"));
    assert!(matches!(ask(&broker, "a").await, Err(NoAssertion::Nobody)));
}

#[tokio::test(start_paused = true)]
async fn it_is_not_kept_for_long_whatever_it_says() {
    let (broker, _) = broker();
    broker.hand("corp", assertion("2099-01-01T00:00:00Z"));
    tokio::time::advance(KEPT).await;
    assert!(matches!(ask(&broker, "a").await, Err(NoAssertion::Nobody)));
}

#[tokio::test]
async fn a_burst_of_sessions_makes_one_sign_in() {
    let (broker, told) = broker();
    let folder = tempfile::tempdir().unwrap();
    let (runs, printed) = (folder.path().join("runs"), folder.path().join("saml"));
    std::fs::write(&printed, text("2026-03-01T10:05:00Z")).unwrap();
    let script = format!(
        r#"test "$DAYFLY_IDP_URL" = https://idp.example/app && test "$DAYFLY_ROLE_ARN" = {ROLE} &&
           echo x >>{} && sleep 0.3 && cat {}"#,
        runs.display(),
        printed.display()
    );
    broker.set_command(helper(&script, MINUTE));
    let address = ("corp".to_owned(), "https://idp.example/app".to_owned());
    broker.set_addresses(BTreeMap::from([address]));
    let all = (0..20).map(|n| {
        let broker = broker.clone();
        tokio::spawn(async move { ask(&broker, &format!("s{n}")).await.is_ok() })
    });
    for one in all.collect::<Vec<_>>() {
        assert!(one.await.unwrap());
    }
    assert_eq!(std::fs::read_to_string(runs).unwrap().lines().count(), 1);
    assert_eq!(told.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn one_that_waits_for_a_person_is_not_waited_for_and_its_answer_is_used() {
    let (broker, told) = broker();
    let folder = tempfile::tempdir().unwrap();
    let (go, printed) = (folder.path().join("go"), folder.path().join("saml"));
    std::fs::write(&printed, text("2026-03-01T10:05:00Z")).unwrap();
    let script = format!(
        "until [ -e {} ]; do sleep 0.05; done; cat {}",
        go.display(),
        printed.display()
    );
    broker.set_command(helper(&script, Duration::ZERO));
    assert!(matches!(ask(&broker, "a").await, Err(NoAssertion::Asking)));
    assert!(matches!(ask(&broker, "b").await, Err(NoAssertion::Asking)));
    assert!(broker.is_asking("corp"));
    std::fs::write(go, "").unwrap();
    while told.load(Ordering::SeqCst) == 0 {
        // Sleeps between two looks at whether the answer has come.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(ask(&broker, "a").await.is_ok());
}

#[tokio::test]
async fn what_brings_none_is_told_apart() {
    let (broker, _) = broker();
    broker.set_command(helper("exit 4", MINUTE));
    let Err(NoAssertion::Command(error)) = ask(&broker, "a").await else {
        panic!("it ends with an error");
    };
    assert_eq!(error.to_string(), "sh ended with status 4");
    broker.set_command(helper("echo canary", MINUTE));
    let Err(NoAssertion::Unusable(error)) = ask(&broker, "a").await else {
        panic!("it prints something else");
    };
    assert!(!error.to_string().contains("canary"), "{error}");
}
