use std::sync::atomic::{AtomicUsize, Ordering};

use dayfly_core::session::{Access, Session};
use dayfly_vault::{AccessKey, VaultError};

use super::*;

const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const DEVICE: &str = "arn:aws:iam::123456789012:mfa/alice";

/// A vault with a seed, or with none.
struct Seeds(Option<&'static str>);

impl LongLivedKeys for Seeds {
    fn access_key(&self, _session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Ok(None)
    }

    fn totp_seed(&self, device: &str) -> Result<Option<SecretString>, VaultError> {
        assert_eq!(device, DEVICE);
        Ok(self.0.map(|seed| SecretString::from(seed.to_owned())))
    }
}

fn session(id: &str) -> Session {
    Session {
        id: SessionId::new(id),
        name: format!("the {id}"),
        region: None,
        access: Access::AwsIamUser {
            mfa_device: Some(DEVICE.to_owned()),
            duration_seconds: None,
        },
        named_profile: None,
        account: None,
        labels: BTreeMap::new(),
        fault: None,
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn broker(seed: Option<&'static str>) -> (MfaBroker, Arc<AtomicUsize>) {
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let answered = Box::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    (MfaBroker::new(Arc::new(Seeds(seed)), answered), told)
}

async fn ask(broker: &MfaBroker, id: &str, now: Timestamp) -> Result<(String, Origin), NoCode> {
    let session = session(id);
    let request = MfaRequest {
        session: &session,
        device: DEVICE,
        now,
    };
    let code = broker.code(request).await?;
    Ok((code.code.expose().to_owned(), code.origin))
}

fn helper(script: &str, wait: Duration) -> Option<Helper> {
    Some(Helper {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        wait,
        deadline: Duration::from_secs(60),
    })
}

fn code(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

#[tokio::test]
async fn what_was_handed_over_is_for_one_session_and_one_call() {
    let (broker, _) = broker(None);
    broker.hand(&SessionId::new("a"), code("123456"));
    assert!(matches!(
        ask(&broker, "b", at(0)).await,
        Err(NoCode::Nobody)
    ));
    let handed = ask(&broker, "a", at(0)).await.unwrap();
    assert_eq!(handed, ("123456".to_owned(), Origin::Person));
    assert!(matches!(
        ask(&broker, "a", at(0)).await,
        Err(NoCode::Nobody)
    ));
    broker.hand(&SessionId::new("a"), code("123456"));
    broker.take_back(&SessionId::new("a"));
    assert!(matches!(
        ask(&broker, "a", at(0)).await,
        Err(NoCode::Nobody)
    ));
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_over_does_not_lie_about_for_long() {
    let (broker, _) = broker(None);
    broker.hand(&SessionId::new("a"), code("123456"));
    tokio::time::advance(KEPT).await;
    assert!(matches!(
        ask(&broker, "a", at(0)).await,
        Err(NoCode::Nobody)
    ));
}

#[tokio::test(start_paused = true)]
async fn each_code_of_a_seed_is_used_once() {
    let (broker, _) = broker(Some(SEED));
    let made = ask(&broker, "a", at(59)).await.unwrap();
    assert_eq!(made, ("287082".to_owned(), Origin::Seed));
    // The next one waits for the next window, for as long as a request may.
    let begin = Instant::now();
    let next = ask(&broker, "b", at(59)).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::from_secs(1) + WINDOW_SLACK);
    assert_ne!(next.0, made.0);
    let begin = Instant::now();
    let third = ask(&broker, "c", at(59)).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::from_secs(31) + WINDOW_SLACK);
    assert!(third.0 != next.0 && third.0 != made.0);
    let begin = Instant::now();
    let spent = ask(&broker, "d", at(59)).await;
    assert!(matches!(spent, Err(NoCode::Spent { wait }) if wait > Duration::from_secs(61)));
    assert_eq!(begin.elapsed(), Duration::ZERO);
    // That window is nobody's until somebody comes for it.
    let fourth = ask(&broker, "d", at(121)).await.unwrap();
    assert!(![made.0, next.0, third.0].contains(&fourth.0));
    // A person's own code needs no window.
    broker.hand(&SessionId::new("e"), code("123456"));
    assert_eq!(ask(&broker, "e", at(121)).await.unwrap().1, Origin::Person);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_does_not_stop_the_device() {
    let (broker, _) = broker(Some(SEED));
    ask(&broker, "a", at(100_000)).await.unwrap();
    ask(&broker, "a", at(59)).await.unwrap();
    let begin = Instant::now();
    ask(&broker, "a", at(59)).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_and_right_again_brings_no_code_twice() {
    let (broker, _) = broker(Some(SEED));
    let mut seen = std::collections::BTreeSet::new();
    // Back and forth, by seconds and by days.
    for seconds in [100_000, 59, 100_000, 100_020, 30, 500_000, 59, 200_000] {
        let made = ask(&broker, "a", at(seconds)).await.unwrap();
        assert!(seen.insert(made.0), "{seconds}: {seen:?}");
    }
}

#[tokio::test]
async fn what_is_kept_and_is_no_seed_is_told() {
    let (broker, _) = broker(Some("canary!"));
    assert!(matches!(ask(&broker, "a", at(0)).await, Err(NoCode::Seed)));
}

#[tokio::test]
async fn a_prompt_command_that_answers_soon_is_waited_for() {
    let (broker, told) = broker(None);
    let script = r#"test "$DAYFLY_SESSION:$DAYFLY_SESSION_NAME" = "a:the a" && echo 654321"#;
    broker.set_command(helper(script, Duration::from_secs(60)));
    let asked = ask(&broker, "a", at(0)).await.unwrap();
    assert_eq!(asked, ("654321".to_owned(), Origin::Command));
    assert_eq!(told.load(Ordering::SeqCst), 0);
    assert!(!broker.is_asking(&SessionId::new("a")));
}

#[tokio::test]
async fn one_that_asks_a_person_is_not_waited_for_and_its_answer_is_used() {
    let (broker, told) = broker(None);
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let script = format!(
        "until [ -e {} ]; do sleep 0.05; done; echo 654321",
        go.display()
    );
    broker.set_command(helper(&script, Duration::ZERO));
    assert!(matches!(
        ask(&broker, "a", at(0)).await,
        Err(NoCode::Asking)
    ));
    // It runs once, however often it is asked.
    assert!(matches!(
        ask(&broker, "a", at(0)).await,
        Err(NoCode::Asking)
    ));
    assert!(broker.is_asking(&SessionId::new("a")));
    std::fs::write(go, "").unwrap();
    while told.load(Ordering::SeqCst) == 0 {
        // Sleeps between two looks at whether the answer has come.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answer = ask(&broker, "a", at(0)).await.unwrap();
    assert_eq!(answer, ("654321".to_owned(), Origin::Command));
}

#[tokio::test]
async fn one_that_brings_nothing_is_not_run_again_until_a_person_wants_it() {
    let (broker, _) = broker(None);
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let script = format!("echo x >>{}; echo canary; exit 1", runs.display());
    broker.set_command(helper(&script, Duration::from_secs(60)));
    let count = || {
        std::fs::read_to_string(&runs)
            .unwrap_or_default()
            .lines()
            .count()
    };
    for _ in 0..3 {
        let Err(NoCode::Command(error)) = ask(&broker, "a", at(0)).await else {
            panic!("it brings nothing");
        };
        assert_eq!(error.to_string(), "sh ended with status 1");
    }
    assert_eq!(count(), 1);
    broker.wanted(&SessionId::new("a"));
    let _ = ask(&broker, "a", at(0)).await;
    assert_eq!(count(), 2);
    broker.set_command(helper("echo no code", Duration::from_secs(60)));
    let Err(NoCode::Command(error)) = ask(&broker, "a", at(0)).await else {
        panic!("it brings no code");
    };
    assert!(error.to_string().contains("not a code"), "{error}");
}
