//! Access keys of IAM users are replaced by rule, against a real IAM and STS: the engine is killed at each step,
//! policies forbid it, and nobody loses what is in force.

mod proxy;

use std::time::Duration;

use dayfly_tests::{Daemon, Home, Ministack, aws, within};
use proxy::{Proxy, Withheld};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

struct Stage {
    sts: Ministack,
    proxy: Proxy,
    home: Home,
}

impl Stage {
    /// A session whose key looks a year old, with these fields, in an engine's home with this configuration.
    fn new(fields: &Value, config: &str) -> Option<Self> {
        let sts = Ministack::start()?;
        let proxy = Proxy::start(&sts.endpoint());
        let mut home = Home::new();
        home.set("AWS_ENDPOINT_URL_IAM", proxy.endpoint());
        let mut session = json!({ "sessionId": "main", "sessionName": "main user", "type": "awsIamUser",
            "profileName": "main", "region": "us-east-1" });
        for (key, value) in fields.as_object().expect("it is there") {
            session[key] = value.clone();
        }
        home.save_workspace(&json!({ "sessions": [session] }));
        let endpoint = proxy.endpoint();
        let aws = format!("[aws]\nsts-endpoint-url = \"{endpoint}\"\n");
        home.save_config(&format!("{aws}{config}"));
        let stage = Self { sts, proxy, home };
        stage.user("me");
        Some(stage)
    }

    /// A new user, whose key is in the vault.
    fn user(&self, name: &str) -> String {
        let printed = self.sts.python(
            r#"
import boto3, json, os
iam = boto3.client("iam")
name = os.environ["NAME"]
iam.create_user(UserName=name)
iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Resource": "*", "Action": ["iam:ListAccessKeys", "iam:CreateAccessKey",
        "iam:UpdateAccessKey", "iam:DeleteAccessKey", "sts:*"]}]}))
key = iam.create_access_key(UserName=name)["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"#,
            &[("NAME", name)],
        );
        let (id, secret) = printed.split_once(' ').expect("it is there");
        let input = format!("{id}\n{secret}\n");
        self.home
            .run_with(["secret", "set", "main user"], &input)
            .ok();
        self.proxy.age(id);
        id.to_owned()
    }

    /// The ids of a user's keys at IAM.
    fn keys(&self, name: &str) -> Vec<String> {
        let script = r#"
import boto3, os
keys = boto3.client("iam").list_access_keys(UserName=os.environ["NAME"])["AccessKeyMetadata"]
print(" ".join(key["AccessKeyId"] for key in keys))
"#;
        let printed = self.sts.python(script, &[("NAME", name)]);
        printed.split_whitespace().map(str::to_owned).collect()
    }

    /// The id of the key in the vault.
    fn stored(&self) -> String {
        let listed = self.home.run(["secret", "list", "--json"]).ok().json();
        let all = listed.as_array().cloned().unwrap_or_default();
        let mut ids = all.iter().filter_map(|row| row["accessKeyId"].as_str());
        ids.next().expect("a key is stored").to_owned()
    }

    fn key(&self) -> Value {
        self.home
            .session("main user")
            .map(|session| session["key"].clone())
            .unwrap_or_default()
    }

    /// Waits until the only key of the user is one that the vault has, and not this one.
    fn replaced(&self, name: &str, old: &str) -> String {
        within(LIMIT, "the key is replaced", || {
            let keys = self.keys(name);
            match keys.as_slice() {
                [new] if new != old && *new == self.stored() => Ok(new.clone()),
                _ => Err((keys, self.key())),
            }
        })
    }

    fn doctor(&self) -> String {
        self.home.run(["doctor", "--offline"]).out
    }
}

#[test]
fn an_old_key_is_replaced_and_what_was_delivered_goes_on_working() {
    let config = "[delivery]\ntargets = [\"credentials-file\"]\n";
    let Some(stage) = Stage::new(&json!({}), config) else {
        return;
    };
    let old = stage.stored();
    let daemon = Daemon::start(&stage.home);
    stage.home.run(["session", "start", "main user"]).ok();
    let endpoint = stage.sts.endpoint();
    let before = aws::boto3_caller(&stage.home, "main", &endpoint).unwrap();
    assert!(before.contains(":user/me"), "{before}");
    let delivered = stage.home.credentials_text();
    assert_eq!(stage.key(), Value::Null, "it has no rule");

    // The rule comes by an edit, while the engine runs.
    let edit = ["session", "edit", "main user", "--rotate-key-days", "30"];
    stage.home.run(edit).ok();
    let new = stage.replaced("me", &old);
    let key = within(LIMIT, "the engine knows", || {
        let key = stage.key();
        let due = key["dueAt"].as_str().map(str::to_owned);
        due.filter(|_| key["rotating"].is_null()).ok_or(key)
    });
    assert!(key > dayfly_tests::clock("+29 days"), "{key}");
    assert_eq!(stage.home.credentials_text(), delivered);
    assert_eq!(
        aws::boto3_caller(&stage.home, "main", &endpoint).unwrap(),
        before
    );
    stage.home.run(["session", "rotate", "main user"]).ok();
    assert_ne!(stage.home.credentials_text(), delivered);
    assert_eq!(
        aws::boto3_caller(&stage.home, "main", &endpoint).unwrap(),
        before
    );

    let told = stage.home.run(["explain", "main user"]).ok().out;
    assert!(told.contains("replaced after 30 days, next at"), "{told}");
    assert!(
        told.contains(&format!(
            "main user has access key {new} now; {old} is deleted"
        )),
        "{told}"
    );
    let doctor = stage.doctor();
    assert!(doctor.contains("✓ access key: main user: "), "{doctor}");
    assert_eq!(daemon.terminate(), 0);

    // The next engine only looks.
    stage.proxy.let_pass();
    let daemon = Daemon::start(&stage.home);
    within(
        LIMIT,
        "the engine looks",
        || match stage.key()["createdAt"].is_string() {
            true => Ok(()),
            false => Err(stage.key()),
        },
    );
    assert_eq!(stage.proxy.count("CreateAccessKey"), 0);
    assert_eq!(daemon.terminate(), 0);
    assert_eq!(stage.keys("me"), [new]);
}

#[test]
fn the_rule_of_the_configuration_holds_for_sessions_that_say_nothing() {
    let config = "rotate-key-days = 30\n";
    let Some(stage) = Stage::new(&json!({ "rotateKeyDays": 0 }), config) else {
        return;
    };
    let old = stage.stored();
    stage.home.run(["run", "--once"]).ok();
    assert_eq!(
        stage.keys("me"),
        std::slice::from_ref(&old),
        "it said never"
    );
    let text = std::fs::read_to_string(stage.home.workspace()).unwrap();
    let text = text.replace("\"rotateKeyDays\": 0", "\"labels\": {}");
    stage.home.save(&stage.home.workspace(), &text);
    // A single command is not the place for it.
    stage.home.run(["session", "start", "main user"]).ok();
    assert_eq!(stage.keys("me"), std::slice::from_ref(&old));
    stage.home.run(["run", "--once"]).ok();
    assert_eq!(stage.keys("me"), [stage.stored()]);
    assert_ne!(stage.stored(), old);
}

/// The steps at which the engine is killed: the call, how many of it pass before, and what is withheld.
const STEPS: [(&str, usize, Withheld); 7] = [
    // Nothing is made yet.
    ("CreateAccessKey", 0, Withheld::Call),
    // The key is put aside; whether AWS accepts it is not known yet. Two looks and the rotation itself pass.
    ("ListAccessKeys", 2, Withheld::Call),
    ("GetCallerIdentity", 2, Withheld::Answer),
    // The new key is in force.
    ("UpdateAccessKey", 0, Withheld::Call),
    ("UpdateAccessKey", 0, Withheld::Answer),
    // The old one is deactivated.
    ("DeleteAccessKey", 0, Withheld::Call),
    ("DeleteAccessKey", 0, Withheld::Answer),
];

#[test]
fn an_engine_that_is_killed_at_any_step_is_followed_by_one_that_goes_on() {
    let Some(stage) = Stage::new(&json!({ "rotateKeyDays": 30 }), "") else {
        return;
    };
    for (n, (action, after, what)) in STEPS.into_iter().enumerate() {
        let name = format!("user-{n}");
        let old = stage.user(&name);
        stage.proxy.withhold(action, after, what);
        let daemon = Daemon::spawn(&stage.home);
        stage.proxy.wait();
        daemon.kill();
        stage.proxy.let_pass();
        // The key in the vault is one that AWS accepts.
        assert!(
            stage.keys(&name).contains(&stage.stored()),
            "{action} {what:?}"
        );
        let doctor = stage.doctor();
        let told =
            doctor.contains("the rotation of the access key of \"main user\" was interrupted");
        assert!(told, "{action} {what:?}: {doctor}");
        let daemon = Daemon::spawn(&stage.home);
        stage.replaced(&name, &old);
        within(LIMIT, "nothing is put aside any more", || {
            let listed = stage.home.run(["secret", "list", "--json"]).out;
            match listed.contains("access-key-rotation/") {
                true => Err(listed),
                false => Ok(()),
            }
        });
        assert_eq!(daemon.answering(&stage.home).terminate(), 0);
    }
}

#[test]
fn a_key_whose_secret_a_crash_lost_is_named_until_a_person_has_it_deleted() {
    let Some(stage) = Stage::new(&json!({ "rotateKeyDays": 30 }), "") else {
        return;
    };
    let old = stage.stored();
    stage.proxy.withhold("CreateAccessKey", 0, Withheld::Answer);
    let daemon = Daemon::spawn(&stage.home);
    stage.proxy.wait();
    daemon.kill();
    stage.proxy.let_pass();
    let lost = stage
        .keys("me")
        .into_iter()
        .find(|id| *id != old)
        .expect("AWS made it");

    let daemon = Daemon::start(&stage.home);
    let said = within(LIMIT, "the engine names it", || {
        let status = stage.home.run(["status"]).out;
        match status.contains(&format!("has a second access key, {lost}")) {
            true => Ok(status),
            false => Err(status),
        }
    });
    let command = format!("dayfly secret rotate 'main user' --discard {lost}");
    assert!(said.contains(&command), "{said}");
    let doctor = stage.doctor();
    assert!(
        doctor.contains("✗ access key") && doctor.contains(&command),
        "{doctor}"
    );
    assert_eq!(
        stage.proxy.count("DeleteAccessKey"),
        0,
        "only a person may say so"
    );
    stage
        .home
        .run(["secret", "rotate", "main user", "--discard", &lost])
        .ok();
    let new = stage.replaced("me", &old);
    // The engine heard of it at once.
    within(LIMIT, "the engine is content", || {
        let key = stage.key();
        match key["error"].is_null() && key["createdAt"].is_string() {
            true => Ok(()),
            false => Err(key),
        }
    });
    assert_eq!(daemon.terminate(), 0);
    assert_eq!(stage.keys("me"), [new]);
}

#[test]
fn a_guard_rail_forbids_it_and_says_why() {
    let config = r#"
[[policy]]
name = "rail"
module = "builtin:rules"
tier = "guard-rail"
config.match = { labels = ["env=prod"] }
[[policy.config.rule]]
name = "by-hand"
then = "hold rotate"
because = "keys of production are replaced by hand"
"#;
    let fields = json!({ "rotateKeyDays": 30, "labels": { "env": "prod" } });
    let Some(stage) = Stage::new(&fields, config) else {
        return;
    };
    let old = stage.stored();
    let daemon = Daemon::start(&stage.home);
    let held = within(LIMIT, "it is held", || {
        let key = stage.key();
        key["held"].as_str().map(str::to_owned).ok_or(key)
    });
    assert!(held.contains("replaced by hand"), "{held}");
    let told = stage.home.run(["explain", "main user"]).ok().out;
    assert!(
        told.contains("overdue for rotation") && told.contains("replaced by hand"),
        "{told}"
    );
    let doctor = stage.doctor();
    assert!(doctor.contains("· access key: \"main user\""), "{doctor}");
    assert_eq!(stage.proxy.count("CreateAccessKey"), 0);
    assert_eq!(stage.keys("me"), std::slice::from_ref(&old));
    // Without the label nobody forbids it.
    stage
        .home
        .run(["session", "edit", "main user", "--label", "env=dev"])
        .ok();
    stage.replaced("me", &old);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn without_a_vault_to_write_or_a_cloud_to_ask_nothing_is_made() {
    let Some(stage) = Stage::new(&json!({ "rotateKeyDays": 30 }), "") else {
        return;
    };
    let old = stage.stored();
    let failed = |what: &str| {
        within(LIMIT, what, || {
            let key = stage.key();
            let error = key["error"]["message"].as_str().map(str::to_owned);
            error.filter(|error| error.contains(what)).ok_or(key)
        })
    };
    let lock = stage.home.path().join("vault.lock");
    let file = std::fs::File::options().write(true).open(&lock).unwrap();
    file.lock().unwrap();
    let daemon = Daemon::start(&stage.home);
    let error = failed("vault.lock");
    assert!(error.contains("nothing was changed"), "{error}");
    assert_eq!(stage.keys("me"), std::slice::from_ref(&old));
    assert_eq!(stage.proxy.count("CreateAccessKey"), 0);
    drop(file);
    // Whoever mended it says so, or waits until it is tried again.
    let secret = std::fs::read(stage.home.path().join("vault.age")).unwrap();
    assert!(!secret.is_empty());
    assert_eq!(daemon.terminate(), 0);

    stage.sts.freeze();
    let daemon = Daemon::start(&stage.home);
    let error = failed("did not answer");
    assert!(error.contains("nothing was changed"), "{error}");
    stage.sts.thaw();
    stage.replaced("me", &old);
    assert_eq!(daemon.terminate(), 0);
}
