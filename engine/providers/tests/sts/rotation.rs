//! Long-lived keys are rotated, against an IAM that checks signatures and has two keys a user.

use std::sync::Arc;

use std::sync::Mutex;
use std::time::Duration;

use dayfly_core::session::{ErrorKind, Session, SessionId};
use dayfly_providers::{
    AwsSettings, Iam, Kept, KeyRotation, LongLivedKeys, Providers, ProvidersConfig, Rotated,
    RotationError, RotationStep, RotationWish, interrupted_rotations,
};
use dayfly_vault::{AccessKey, SecretString, Vault, VaultError, private_file};
use tokio::sync::Notify;

use crate::support::ministack::Ministack;
use crate::support::{issue, now, parts, user};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

const STEPS: [RotationStep; 6] = [
    RotationStep::Made,
    RotationStep::PutAside,
    RotationStep::Accepted,
    RotationStep::InForce,
    RotationStep::Deactivated,
    RotationStep::Deleted,
];

struct Stage {
    ministack: Ministack,
    settings: AwsSettings,
    iam: Iam,
    vault: Vault,
    session: Session,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Option<Self> {
        let ministack = Ministack::start()?;
        let settings = AwsSettings {
            sts_endpoint_url: Some(ministack.endpoint.clone()),
            ..AwsSettings::default()
        };
        let iam = Iam::of(&settings, Some(&ministack.endpoint), "us-east-1")
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(
            folder.path().join("vault.age"),
            folder.path().join("vault.key"),
        );
        Some(Self {
            ministack,
            settings,
            iam,
            vault,
            session: user(None),
            _folder: folder,
        })
    }

    /// A new user whose key is in the vault.
    fn user(&self, name: &str) -> AccessKey {
        let printed = self.ministack.python(
            r#"
import boto3, json, os
iam = boto3.client("iam")
name = os.environ["NAME"]
iam.create_user(UserName=name)
iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Resource": "*", "Action": ["iam:ListAccessKeys", "iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:DeleteAccessKey", "sts:*"]}]}))
key = iam.create_access_key(UserName=name)["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"#,
            &[("NAME", name)],
        );
        let (id, secret) = printed.split_once(' ').unwrap();
        let key = AccessKey {
            access_key_id: id.to_owned(),
            secret_access_key: SecretString::from(secret.to_owned()),
        };
        self.vault.set_access_key(&self.session.id, &key).unwrap();
        key
    }

    /// The ids of a user's keys.
    fn keys(&self, name: &str) -> Vec<String> {
        let printed = self.ministack.python(
            r#"
import boto3, os
keys = boto3.client("iam").list_access_keys(UserName=os.environ["NAME"])["AccessKeyMetadata"]
print(" ".join(key["AccessKeyId"] for key in keys))
"#,
            &[("NAME", name)],
        );
        printed.split_whitespace().map(str::to_owned).collect()
    }

    fn rotation(&self) -> KeyRotation<'_> {
        KeyRotation {
            aws: &self.settings,
            iam: &self.iam,
            vault: &self.vault,
            session: &self.session,
            now: now(),
        }
    }

    /// Rotates, and is gone after this step.
    async fn crash_after(&self, last: RotationStep) {
        let reached = Arc::new(Notify::new());
        let told = |step| {
            let reached = Arc::clone(&reached);
            async move {
                if step == last {
                    reached.notify_one();
                    std::future::pending::<()>().await;
                }
            }
        };
        let rotation = self.rotation();
        tokio::select! {
            ended = rotation.run(RotationWish::default(), told) => panic!("{ended:?}"),
            () = reached.notified() => {}
        }
    }

    /// That the key in the vault is one that AWS accepts.
    fn is_in_force(&self) -> String {
        let key = self.vault.access_key(&self.session.id).unwrap().unwrap();
        let caller = self.ministack.python(
            r#"
import boto3
print(boto3.client("sts").get_caller_identity()["Arn"])
"#,
            &[
                ("AWS_ACCESS_KEY_ID", &key.access_key_id),
                ("AWS_SECRET_ACCESS_KEY", key.secret_access_key.expose()),
            ],
        );
        assert!(caller.contains(":user/"), "{caller}");
        key.access_key_id
    }
}

fn quiet(_: RotationStep) -> std::future::Ready<()> {
    std::future::ready(())
}

#[tokio::test]
async fn a_key_is_replaced_and_the_old_one_is_gone() {
    let Some(stage) = Stage::new().await else {
        return;
    };
    let old = stage.user("me");
    let mut steps = Vec::new();
    let told = |step| {
        steps.push(step);
        std::future::ready(())
    };
    let done = stage
        .rotation()
        .run(RotationWish::default(), told)
        .await
        .unwrap();
    let new = stage.is_in_force();
    let wanted = Rotated::Done {
        old: old.access_key_id.clone(),
        new: new.clone(),
    };
    assert_eq!(done, wanted);
    assert_eq!(steps, STEPS);
    assert_eq!(stage.keys("me"), std::slice::from_ref(&new));
    assert_eq!(stage.vault.list().unwrap().len(), 1);

    // One that is young enough stays.
    let wish = RotationWish {
        older_than: Some(std::time::Duration::from_secs(86_400)),
        discard: None,
    };
    let young = stage.rotation().run(wish, quiet).await.unwrap();
    assert!(matches!(young, Rotated::Young { .. }), "{young:?}");
    assert_eq!(stage.keys("me"), [new]);
}

#[tokio::test]
async fn a_crash_at_any_step_locks_nobody_out_and_the_next_call_ends_it() {
    let Some(stage) = Stage::new().await else {
        return;
    };
    for (n, step) in STEPS.into_iter().enumerate() {
        let name = format!("user-{n}");
        stage.user(&name);
        stage.crash_after(step).await;
        stage.is_in_force();
        let begun = interrupted_rotations(&stage.vault).unwrap();
        assert_eq!(begun, std::slice::from_ref(&stage.session.id), "{step:?}");
        match (step, stage.rotation().look().await) {
            // Nobody can end it but a person, who hears of it.
            (RotationStep::Made, Err(RotationError::TwoKeys { .. })) => {}
            (RotationStep::Made, other) => panic!("{other:?}"),
            (_, facts) => assert!(facts.unwrap().interrupted, "{step:?}"),
        }
        let mut ended = stage.rotation().run(RotationWish::default(), quiet).await;
        if step == RotationStep::Made {
            // Its secret is lost: a person says that it may go.
            let Err(RotationError::TwoKeys { other, .. }) = ended else {
                panic!("{ended:?}");
            };
            stage.is_in_force();
            let wish = RotationWish {
                older_than: None,
                discard: Some(&other),
            };
            ended = stage.rotation().run(wish, quiet).await;
        }
        assert_eq!(interrupted_rotations(&stage.vault).unwrap(), []);
        assert!(!stage.rotation().look().await.unwrap().interrupted);
        assert!(
            matches!(ended, Ok(Rotated::Done { .. })),
            "{step:?}: {ended:?}"
        );
        assert_eq!(stage.keys(&name), [stage.is_in_force()], "{step:?}");
        assert_eq!(stage.vault.list().unwrap().len(), 1, "{step:?}");
    }
}

#[tokio::test]
async fn a_second_key_is_nobodys_to_delete_but_the_persons() {
    let Some(stage) = Stage::new().await else {
        return;
    };
    let own = stage.user("me");
    let other = stage.ministack.python(
        r#"
import boto3
print(boto3.client("iam").create_access_key(UserName="me")["AccessKey"]["AccessKeyId"])
"#,
        &[],
    );
    let refused = stage
        .rotation()
        .run(RotationWish::default(), quiet)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains(&other), "{refused}");
    assert!(refused.hint().contains("--discard"), "{}", refused.hint());
    assert_eq!(stage.keys("me").len(), 2);
    assert_eq!(stage.is_in_force(), own.access_key_id);
    let wrong = RotationWish {
        older_than: None,
        discard: Some("AKIAIOSFODNN7EXAMPLE"),
    };
    stage.rotation().run(wrong, quiet).await.unwrap_err();
    assert_eq!(stage.keys("me").len(), 2);
}

#[tokio::test]
async fn what_was_begun_is_ended_also_where_the_key_is_young() {
    let Some(stage) = Stage::new().await else {
        return;
    };
    for step in [RotationStep::PutAside, RotationStep::InForce] {
        let name = format!("{step:?}");
        stage.user(&name);
        stage.crash_after(step).await;
        let wish = RotationWish {
            older_than: Some(YEAR),
            discard: None,
        };
        let ended = stage.rotation().run(wish, quiet).await.unwrap();
        assert!(matches!(ended, Rotated::Done { .. }), "{step:?}: {ended:?}");
        assert_eq!(stage.keys(&name), [stage.is_in_force()]);
    }
}

#[tokio::test]
async fn no_key_is_made_that_the_vault_cannot_take() {
    let Some(stage) = Stage::new().await else {
        return;
    };
    let old = stage.user("me");
    let lock = stage.vault.path().with_extension("lock");
    let locked = private_file::lock(&lock, Duration::from_secs(5)).unwrap();
    let mut steps = Vec::new();
    let told = |step| {
        steps.push(step);
        std::future::ready(())
    };
    let refused = stage.rotation().run(RotationWish::default(), told).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(
            &refused,
            RotationError::Vault {
                kept: Kept::Unchanged,
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(refused.failure().kind, ErrorKind::Misconfigured);
    assert_eq!(steps, []);
    assert_eq!(stage.keys("me"), std::slice::from_ref(&old.access_key_id));

    // It can be written again, but no more once the key is made: the key does not stay at AWS.
    drop(locked);
    let locked = Mutex::new(None);
    let told = |step| {
        if step == RotationStep::Made {
            let lock = private_file::lock(&lock, Duration::from_secs(5));
            *locked.lock().unwrap() = Some(lock.unwrap());
        }
        std::future::ready(())
    };
    let refused = stage.rotation().run(RotationWish::default(), told).await;
    let refused = refused.unwrap_err();
    assert!(
        refused.to_string().contains("nothing was changed"),
        "{refused}"
    );
    assert_eq!(stage.keys("me"), std::slice::from_ref(&old.access_key_id));
    drop(locked);
    assert_eq!(stage.is_in_force(), old.access_key_id);
    assert!(!stage.rotation().look().await.unwrap().interrupted);
}

#[tokio::test]
async fn an_unreachable_service_is_named_with_what_was_kept_and_what_to_do() {
    let Some(mut stage) = Stage::new().await else {
        return;
    };
    stage.user("me");
    let endpoint = stage.ministack.endpoint.clone();
    let nowhere = "http://127.0.0.1:1";
    // STS is asked first.
    stage.settings.sts_endpoint_url = Some(nowhere.to_owned());
    let refused = stage.rotation().run(RotationWish::default(), quiet).await;
    let refused = refused.unwrap_err();
    let (text, hint) = (refused.to_string(), refused.hint());
    assert!(text.starts_with("Dayfly did not rotate the access key of session \"dev box\""));
    assert!(text.contains("127.0.0.1:1"), "{text}");
    assert!(
        text.ends_with("nothing was changed, and the key stays in force"),
        "{text}"
    );
    assert!(
        hint.contains("to try again, run `dayfly secret rotate 'dev box'`"),
        "{hint}"
    );
    assert_eq!(refused.failure().kind, ErrorKind::Network);

    // Then IAM, here once the new key is put aside.
    stage.settings.sts_endpoint_url = Some(endpoint.clone());
    stage.crash_after(RotationStep::PutAside).await;
    stage.iam = Iam::of(&stage.settings, Some(nowhere), "us-east-1")
        .await
        .unwrap();
    let refused = stage.rotation().run(RotationWish::default(), quiet).await;
    let refused = refused.unwrap_err();
    let (text, hint) = (refused.to_string(), refused.hint());
    assert!(text.contains("did not answer ListAccessKeys"), "{text}");
    assert!(
        text.contains("the old key stays in force, and the vault keeps the new one"),
        "{text}"
    );
    assert!(
        hint.contains("to go on where it ended, run `dayfly secret rotate 'dev box'`"),
        "{hint}"
    );
    assert_eq!(refused.failure().kind, ErrorKind::Network);

    // And once the new key is in force.
    stage.iam = Iam::of(&stage.settings, Some(&endpoint), "us-east-1")
        .await
        .unwrap();
    stage.crash_after(RotationStep::InForce).await;
    stage.iam = Iam::of(&stage.settings, Some(nowhere), "us-east-1")
        .await
        .unwrap();
    let refused = stage.rotation().run(RotationWish::default(), quiet).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("is in force; the old one"), "{text}");
}

/// A vault in which the key was replaced after a call had read it.
struct Replaced {
    keys: Mutex<Vec<AccessKey>>,
}

impl LongLivedKeys for Replaced {
    fn access_key(&self, _: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        let mut keys = self.keys.lock().unwrap();
        let last = keys.len() == 1;
        Ok(Some(if last {
            keys[0].clone()
        } else {
            keys.remove(0)
        }))
    }
}

#[tokio::test]
async fn a_call_with_the_key_of_before_is_made_again_with_the_new_one() {
    let Some(stage) = Stage::new().await else {
        return;
    };
    let old = stage.user("me");
    stage
        .rotation()
        .run(RotationWish::default(), quiet)
        .await
        .unwrap();
    let new = stage.vault.access_key(&stage.session.id).unwrap().unwrap();
    let asked = async |keys: Vec<AccessKey>| {
        let config = ProvidersConfig {
            aws: stage.settings.clone(),
            ..ProvidersConfig::default()
        };
        let keys = Mutex::new(keys);
        let providers = Providers::new(config, Arc::new(Replaced { keys }));
        issue(&providers, &stage.session, None).await
    };
    let credentials = asked(vec![old.clone(), new]).await.unwrap();
    assert!(
        stage
            .ministack
            .caller(parts(&credentials))
            .contains(":user/me")
    );
    // The same key again is no reason to try again.
    asked(vec![old]).await.unwrap_err();
}

#[tokio::test]
async fn every_session_that_has_the_key_gets_the_new_one() {
    let Some(stage) = Stage::new().await else {
        return;
    };
    let old = stage.user("me");
    let other = SessionId::new("other");
    stage.vault.set_access_key(&other, &old).unwrap();
    let third = SessionId::new("third");
    let own = crate::support::key("AKIAIOSFODNN7EXAMPLE", "of-another-user");
    stage.vault.set_access_key(&third, &own).unwrap();
    // One is given the old key while it is on its way out.
    let late = SessionId::new("late");
    let told = |step| {
        if step == RotationStep::InForce {
            stage.vault.set_access_key(&late, &old).unwrap();
        }
        std::future::ready(())
    };
    let rotation = stage.rotation();
    rotation.run(RotationWish::default(), told).await.unwrap();
    let new = stage.is_in_force();
    assert_ne!(new, old.access_key_id);
    let id = |session| {
        stage
            .vault
            .access_key(session)
            .unwrap()
            .unwrap()
            .access_key_id
    };
    assert_eq!([id(&other), id(&late)], [new.clone(), new]);
    assert_eq!(id(&third), own.access_key_id);
}

#[tokio::test]
async fn a_key_that_is_stored_meanwhile_is_not_written_over() {
    let Some(stage) = Stage::new().await else {
        return;
    };
    let old = stage.user("me");
    let stored = crate::support::key("AKIAIOSFODNN7EXAMPLE", "of-another-user");
    let told = |step| {
        if step == RotationStep::Accepted {
            stage
                .vault
                .set_access_key(&stage.session.id, &stored)
                .unwrap();
        }
        std::future::ready(())
    };
    let refused = stage.rotation().run(RotationWish::default(), told).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, RotationError::Changed(_)), "{refused}");
    let there = stage.vault.access_key(&stage.session.id).unwrap().unwrap();
    assert_eq!(there.access_key_id, stored.access_key_id);
    assert_eq!(stage.keys("me"), [old.access_key_id]);
    assert_eq!(interrupted_rotations(&stage.vault).unwrap(), []);
}
