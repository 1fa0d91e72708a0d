//! MFA codes and durations against an STS that checks both by itself: codes by RFC 6238, trust policies
//! that want a code, the bounds of a duration, and the role's own.

use std::time::Duration;

use dayfly_tests::federation::{code, python};
use dayfly_tests::{Daemon, Fakecloud, Home, aws, ini};
use serde_json::{Value, json};

/// A role that wants a code and gives two hours, and the user who may have it.
struct Stage {
    home: Home,
    sts: Fakecloud,
    secret: String,
    device: String,
    seed: String,
    role: String,
}

impl Stage {
    fn new() -> Option<Self> {
        python()?;
        let sts = Fakecloud::start()?;
        let home = Home::new();
        home.save_config(&format!(
            "[aws]\nsts-endpoint-url = \"{}\"\n",
            sts.endpoint()
        ));
        let [id, secret, device, seed] = sts.user_with_device("alice");
        let role = sts.role_with_code("deploy", 7200);
        let stage = Self {
            home,
            sts,
            secret,
            device,
            seed,
            role,
        };
        stage.sessions(true, false);
        let key = format!("{id}\n{}\n", stage.secret);
        stage.home.run_with(["secret", "set", "main"], &key).ok();
        Some(stage)
    }

    /// The Workspace: the user `main` and the role `deploy`, each with the device or without.
    fn sessions(&self, main: bool, deploy: bool) {
        let device = |has: bool| has.then_some(&self.device);
        self.home.save_workspace(&json!({ "sessions": [
            { "sessionId": "id-main", "sessionName": "main", "type": "awsIamUser",
              "region": "us-east-1", "profileName": "main", "mfaDevice": device(main) },
            { "sessionId": "id-deploy", "sessionName": "deploy", "type": "awsIamRoleChained",
              "region": "us-east-1", "profileName": "deploy", "roleArn": self.role,
              "parentSessionId": "id-main", "mfaDevice": device(deploy) },
        ]}));
        self.home.run(["workspace", "validate"]).ok();
    }

    /// Who boto3 and the AWS CLI are under a profile.
    fn caller(&self, profile: &str) -> String {
        let endpoint = self.sts.endpoint();
        let caller = aws::boto3_caller(&self.home, profile, &endpoint).expect("a caller");
        let other = aws::caller(&self.home, profile, &endpoint).expect("a caller");
        assert_eq!(caller, other);
        caller
    }

    fn session(&self, name: &str) -> Value {
        self.home.session(name).expect("a session")
    }

    /// A code that is none of the device's now.
    fn wrong(&self) -> String {
        let right: u32 = code(&self.seed).parse().expect("a number");
        format!("{:06}", (right + 500_000) % 1_000_000)
    }

    fn nowhere(&self, more: &[&str]) {
        let secrets = [more, &[&self.secret, &self.seed]].concat();
        self.home.nowhere(&secrets, &[]);
    }
}

#[test]
fn a_wrong_code_is_refused_and_the_right_one_lets_in() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let home = &stage.home;
    let daemon = Daemon::start(home);
    let waits = home.run(["session", "start", "main"]);
    assert_eq!(waits.code, 5, "{}", waits.err);
    assert!(waits.err.contains("dayfly respond main"), "{}", waits.err);
    assert_eq!(stage.session("main")["needs"]["kind"], "needs-mfa");

    let wrong = stage.wrong();
    let refused = home.run_with(["respond", "main"], &format!("{wrong}\n"));
    assert_eq!(refused.code, 5, "{}{}", refused.out, refused.err);
    let said = "invalid MFA one time pass code";
    assert!(refused.err.contains(said), "{}", refused.err);
    let main = stage.session("main");
    assert_eq!(main["status"], "inactive", "{main:#}");
    assert_eq!(main["needs"]["kind"], "needs-mfa", "{main:#}");
    assert!(!home.credentials_text().contains("aws_session_token"));

    let right = code(&stage.seed);
    let started = home
        .run_with(["respond", "main"], &format!("{right}\n"))
        .ok();
    assert!(started.out.contains("main started"), "{}", started.out);
    assert!(stage.caller("main").ends_with(":user/alice"));
    assert!(stage.session("main")["needs"].is_null());
    drop(daemon);
    stage.nowhere(&[&right]);
}

#[test]
fn codes_from_a_seed_in_the_vault_are_taken() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let home = &stage.home;
    home.run_with(["secret", "set", "main", "--totp"], &stage.seed)
        .ok();
    // Without an engine, and with one, where the code goes with AssumeRole.
    home.run(["session", "start", "main"]).ok();
    assert!(stage.caller("main").ends_with(":user/alice"));
    home.run(["session", "stop", "main"]).ok();
    stage.sessions(false, true);
    let daemon = Daemon::start(home);
    let stopped = home.run(["session", "start", "deploy"]);
    assert_eq!(stopped.code, 1, "{}", stopped.out);
    let said = "the parent session main cannot start: you stopped it; start or release it";
    assert!(stopped.err.contains(said), "{}", stopped.err);
    home.run(["session", "release", "main"]).ok();
    home.run(["session", "start", "deploy"]).ok();
    assert!(stage.caller("deploy").contains(":assumed-role/deploy/"));
    drop(daemon);
    stage.nowhere(&[]);
}

#[test]
fn a_role_that_wants_a_code_is_denied_without_one_and_given_with_one() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let home = &stage.home;
    stage.sessions(false, false);
    let daemon = Daemon::start(home);
    let denied = home.run(["session", "start", "deploy"]);
    assert_eq!(denied.code, 1, "{}{}", denied.out, denied.err);
    let said = "not authorized to perform: sts:AssumeRole";
    assert!(denied.err.contains(said), "{}", denied.err);
    let deploy = stage.session("deploy");
    assert_eq!(deploy["status"], "inactive", "{deploy:#}");
    assert_eq!(deploy["error"]["kind"], "denied", "{deploy:#}");

    // The emulator, other than AWS, looks for the code in AssumeRole only, not in the credentials that ask.
    stage.sessions(false, true);
    let waits = dayfly_tests::within(Duration::from_secs(30), "the device is asked for", || {
        let waits = home.run(["session", "start", "deploy"]);
        if waits.code == 5 {
            Ok(waits)
        } else {
            Err(waits)
        }
    });
    assert!(waits.err.contains("dayfly respond deploy"), "{}", waits.err);
    let wrong = home.run_with(["respond", "deploy"], &format!("{}\n", stage.wrong()));
    assert_eq!(wrong.code, 5, "{}{}", wrong.out, wrong.err);
    home.run_with(["respond", "deploy"], &format!("{}\n", code(&stage.seed)))
        .ok();
    assert!(stage.caller("deploy").contains(":assumed-role/deploy/"));
    drop(daemon);
    stage.nowhere(&[]);
}

#[test]
fn durations_that_the_service_does_not_give_are_told_with_what_to_do() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let home = &stage.home;
    stage.sessions(false, true);
    home.run_with(["secret", "set", "deploy", "--totp"], &stage.seed)
        .ok();
    let daemon = Daemon::start(home);
    let key = || {
        let profiles = ini::profiles(&home.credentials_text());
        profiles["deploy"]["aws_access_key_id"].clone()
    };
    home.run(["session", "start", "deploy"]).ok();
    let good = key();
    let wish = |seconds: &str| {
        home.run(["session", "edit", "deploy", "--duration", seconds])
            .ok();
    };
    for seconds in ["7201", "899"] {
        wish(seconds);
        let refused = home.run(["session", "rotate", "deploy"]);
        assert_eq!(refused.code, 1, "{seconds}: {refused:?}");
        for part in ["--duration", "MaxSessionDuration"] {
            assert!(refused.err.contains(part), "{seconds}: {}", refused.err);
        }
        let deploy = stage.session("deploy");
        assert_eq!(deploy["error"]["kind"], "misconfigured", "{deploy:#}");
        // What is there stays.
        assert_eq!(deploy["status"], "active", "{deploy:#}");
        assert_eq!(key(), good);
        assert!(stage.caller("deploy").contains(":assumed-role/deploy/"));
    }
    wish("7200");
    home.run(["session", "rotate", "deploy"]).ok();
    assert_ne!(key(), good);
    assert!(stage.caller("deploy").contains(":assumed-role/deploy/"));
    drop(daemon);
    stage.nowhere(&[]);
}

#[test]
fn a_role_for_two_hours_is_had_with_the_key_of_the_user_and_a_code() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let home = &stage.home;
    stage.sessions(false, true);
    home.run(["session", "edit", "deploy", "--duration", "2h"])
        .ok();
    let daemon = Daemon::start(home);
    let waits = home.run(["session", "start", "deploy"]);
    assert_eq!(waits.code, 5, "{}", waits.err);
    home.run_with(["respond", "deploy"], &format!("{}\n", code(&stage.seed)))
        .ok();
    assert!(stage.caller("deploy").contains(":assumed-role/deploy/"));
    let deploy = stage.session("deploy");
    let script = "import os, datetime as d\n\
        at = lambda name: d.datetime.fromisoformat(os.environ[name].replace('Z', '+00:00'))\n\
        print(round((at('END') - at('BEGIN')).total_seconds()))";
    let moment = |field: &str| deploy[field].as_str().expect("a moment").to_owned();
    let (begin, end) = (moment("startedAt"), moment("expiresAt"));
    let lasts = aws::boto3(
        &stage.sts.endpoint(),
        script,
        &[("BEGIN", &begin), ("END", &end)],
    );
    let lasts: i64 = lasts.parse().expect("seconds");
    assert!((7_190..=7_200).contains(&lasts), "{lasts} {deploy:#}");
    drop(daemon);
    // A role of that role for as long is refused where it is written.
    let mut workspace: Value =
        serde_json::from_str(&std::fs::read_to_string(home.workspace()).expect("a Workspace"))
            .expect("JSON");
    workspace["sessions"]
        .as_array_mut()
        .expect("sessions")
        .push(json!({
        "sessionId": "id-inner", "sessionName": "inner", "type": "awsIamRoleChained",
        "region": "us-east-1", "profileName": "inner", "roleArn": stage.role,
        "parentSessionId": "id-deploy", "durationSeconds": 7200 }));
    home.save_workspace(&workspace);
    for args in [&["workspace", "validate"][..], &["doctor", "--offline"]] {
        let told = home.run(args);
        assert_ne!(told.code, 0, "{args:?}");
        let text = format!("{}{}", told.out, told.err);
        assert!(
            text.contains("AWS allows at most 3600 for a role that is assumed with them"),
            "{args:?}: {text}"
        );
    }
    let edited = home.run(["session", "edit", "inner", "--duration", "3h"]);
    assert_ne!(edited.code, 0, "{}", edited.out);
    stage.nowhere(&[]);
}
