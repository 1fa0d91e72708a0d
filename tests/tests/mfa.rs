//! MFA codes, by every way in which they reach a session, against an STS whose codes are checked by
//! another implementation (pyotp) and are good once.

use std::time::Duration;

use dayfly_tests::federation::{Front, at_terminal, code, python};
use dayfly_tests::{Daemon, Home, Ministack, aws, clock, until, within};
use serde_json::{Value, json};

const DEVICE: &str = "arn:aws:iam::000000000000:mfa/alice";
const SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const MINUTE: Duration = Duration::from_secs(60);

struct Stage {
    home: Home,
    sts: Ministack,
    front: Front,
    /// What must be in no file: the secret of the user's key.
    secret: String,
}

fn user(name: &str) -> Value {
    json!({
        "sessionId": format!("id-{name}"), "sessionName": name, "type": "awsIamUser",
        "region": "eu-west-1", "profileName": name, "mfaDevice": DEVICE,
    })
}

fn role(name: &str, arn: &str) -> Value {
    json!({
        "sessionId": format!("id-{name}"), "sessionName": name, "type": "awsIamRoleChained",
        "region": "eu-west-1", "profileName": name, "roleArn": arn, "parentSessionId": "id-main",
        "mfaDevice": DEVICE,
    })
}

impl Stage {
    /// A home with these sessions, of which those of users have a key.
    fn new(sessions: &[Value], config: &str) -> Option<Self> {
        python()?;
        let sts = Ministack::start()?;
        let front = Front::start(&sts, &[(DEVICE, SEED)]);
        let home = Home::new();
        home.save_workspace(&json!({ "sessions": sessions }));
        home.save_config(&format!(
            "[aws]\nsts-endpoint-url = \"{}\"\n\n{config}",
            front.endpoint()
        ));
        let (id, secret) = sts.user("alice");
        for session in sessions.iter().filter(|s| s["type"] == "awsIamUser") {
            let name = session["sessionName"].as_str().expect("a name");
            home.run_with(["secret", "set", name], &format!("{id}\n{secret}\n"))
                .ok();
        }
        Some(Self {
            home,
            sts,
            front,
            secret,
        })
    }

    fn caller(&self, profile: &str) -> String {
        aws::boto3_caller(&self.home, profile, &self.sts.endpoint()).expect("a caller")
    }

    /// How often a code was asked of the service.
    fn codes(&self) -> usize {
        let log = self.front.log();
        log.iter().filter(|l| l["serial"] == DEVICE).count()
    }

    fn needs(&self, name: &str) -> Value {
        self.home.session(name).expect("a session")["needs"].clone()
    }

    /// None of these is in any file of the home, nor in the list of processes.
    fn nowhere(&self, secrets: &[&str]) {
        let secrets = [secrets, &[&self.secret]].concat();
        self.home.nowhere(&secrets, &[]);
    }
}

#[test]
fn a_person_answers_and_a_wrong_code_is_told_as_such() {
    let Some(stage) = Stage::new(&[user("main")], "") else {
        return;
    };
    let arn = stage.sts.role("deploy");
    stage
        .home
        .save_workspace(&json!({ "sessions": [user("main"), role("deploy", &arn)] }));
    let home = &stage.home;
    let daemon = Daemon::start(home);

    let refused = home.run(["session", "start", "deploy"]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert!(refused.err.contains(DEVICE), "{}", refused.err);
    assert!(
        refused.err.contains("dayfly respond main"),
        "{}",
        refused.err
    );
    assert_eq!(stage.codes(), 0);
    assert_eq!(stage.needs("main")["kind"], "needs-mfa");
    assert_eq!(stage.needs("main")["device"], DEVICE);
    let waiting = home.run(["respond", "--json"]).ok().json();
    let names: Vec<_> = waiting
        .as_array()
        .unwrap()
        .iter()
        .map(|w| &w["sessionName"])
        .collect();
    assert_eq!(names, ["deploy", "main"]);
    let status = home.run(["status"]).ok().out;
    assert!(status.contains("needs your input: "), "{status}");
    assert!(
        status.contains("2 waiting for your input (`dayfly respond`)"),
        "{status}"
    );

    let wrong = home.run_with(["respond", "main"], "000000\n");
    assert_eq!(wrong.code, 5, "{}{}", wrong.out, wrong.err);
    assert!(
        wrong.err.contains("invalid MFA one time pass code"),
        "{}",
        wrong.err
    );
    assert!(wrong.err.contains("0d1e2f3a-front"), "{}", wrong.err);
    assert_eq!(home.run_with(["respond", "main"], "12345\n").code, 2);
    assert_eq!(home.run_with(["respond", "main"], "").code, 2);

    // What was chained to it is what was wanted; its device is its parent's, so one code serves.
    let right = code(SEED);
    let started = home
        .run_with(["respond", "deploy"], &format!("{right}\n"))
        .ok();
    assert!(started.out.contains("main started"), "{}", started.out);
    assert!(started.out.contains("deploy started"), "{}", started.out);
    assert!(stage.caller("deploy").contains(":assumed-role/deploy/"));
    assert!(stage.caller("main").ends_with(":user/alice"));
    assert_eq!(
        home.run(["respond"]).ok().out,
        "no session is waiting for input\n"
    );
    let log = stage.front.log();
    let roles: Vec<_> = log.iter().filter(|l| l["action"] == "AssumeRole").collect();
    assert!(roles.iter().all(|l| l["serial"].is_null()), "{log:#?}");

    let output = daemon.output();
    let told = output.matches("main needs you").count();
    assert!(told >= 2, "{output}");
    stage.nowhere(&[&right, SEED]);
    // A second answer for one that has what it needs is no silent renewal.
    assert_eq!(home.run_with(["respond", "main"], "123456\n").code, 1);
    drop(daemon);
}

#[test]
fn a_command_at_a_terminal_asks() {
    let Some(stage) = Stage::new(&[user("main"), user("second")], "") else {
        return;
    };
    // Without a running engine.
    let start = ["session", "start", "main"];
    let shown = at_terminal(&stage.home, SEED, &start, &["000000", "code"]);
    assert_eq!(shown.code, 0, "{}{}", shown.out, shown.err);
    let asked = format!("Code of MFA device {DEVICE} for main: ");
    assert_eq!(shown.out.matches(&asked).count(), 2, "{}", shown.out);
    assert!(
        shown.out.contains("invalid MFA one time pass code"),
        "{}",
        shown.out
    );
    assert!(shown.out.contains("main started"), "{}", shown.out);
    assert!(stage.caller("main").ends_with(":user/alice"));
    // With one that carries it out; who enters nothing gives up.
    let daemon = Daemon::start(&stage.home);
    let start = ["session", "start", "second"];
    let shown = at_terminal(&stage.home, SEED, &start, &[""]);
    assert_eq!(shown.code, 5, "{}{}", shown.out, shown.err);
    let exec = ["exec", "second", "--", "sh", "-c", "echo got $AWS_REGION"];
    let shown = within(MINUTE * 2, "a code that was not used yet", || {
        let shown = at_terminal(&stage.home, SEED, &exec, &["code", "code", "code"]);
        if shown.code == 0 {
            Ok(shown)
        } else {
            Err(shown)
        }
    });
    assert!(shown.out.contains("got eu-west-1"), "{}", shown.out);
    assert_eq!(stage.home.status("second"), "active");
    drop(daemon);
    stage.nowhere(&[SEED]);
}

#[test]
fn a_prompt_command_is_asked_in_the_persons_place() {
    let Some(stage) = Stage::new(&[user("main"), user("second")], "") else {
        return;
    };
    let home = &stage.home;
    let helper = home.path().join("helper");
    let go = home.path().join("go");
    let write = |wait: bool| {
        let wait = if wait {
            format!("until [ -e {} ]; do sleep 0.1; done; ", go.display())
        } else {
            String::new()
        };
        // What a person's own program says goes nowhere.
        let text = format!(
            "#!/bin/sh\n{wait}echo canary-noise >&2\necho \"$DAYFLY_SESSION_NAME $DAYFLY_MFA_DEVICE\" >>{}\n\
             exec {} -c 'import pyotp; print(pyotp.TOTP(open(\"{}\").read()).now())'\n",
            home.path().join("asked").display(),
            python().unwrap().display(),
            home.path().join("seed").display(),
        );
        home.save(&helper, &text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&helper, mode).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed");
    std::fs::write(&seed, SEED).unwrap();
    std::os::unix::fs::symlink(&seed, home.path().join("seed")).unwrap();
    let config = |wait: u32| {
        home.save_config(&format!(
            "[aws]\nsts-endpoint-url = \"{}\"\n[mfa]\ncommand = [\"{}\"]\nwait-seconds = {wait}\n",
            stage.front.endpoint(),
            helper.display()
        ));
    };
    write(false);
    config(30);
    let daemon = Daemon::start(home);
    home.run(["session", "start", "main"]).ok();
    assert!(stage.caller("main").ends_with(":user/alice"));
    let asked = std::fs::read_to_string(home.path().join("asked")).unwrap();
    assert_eq!(asked, format!("main {DEVICE}\n"));

    // One that asks a person: nobody is waited for, and the session goes on by itself.
    write(true);
    home.run(["session", "stop", "main"]).ok();
    config(0);
    within(MINUTE, "the configuration is in force", || {
        let refused = home.run(["session", "start", "second"]);
        match refused.code {
            5 if refused.err.contains("has not answered yet") => Ok(()),
            _ => Err(refused),
        }
    });
    assert_eq!(stage.needs("second")["asking"], true);
    let listed = home.run(["respond"]).ok().out;
    assert!(listed.contains("the prompt command is asking"), "{listed}");
    // Its code has to be one that was not used yet.
    let before = code(SEED);
    until(MINUTE, "a new code", || code(SEED) != before);
    std::fs::write(&go, "").unwrap();
    let shown = within(MINUTE, "the session is obtained", || {
        let start = home.run(["session", "start", "second"]);
        if start.code == 0 {
            Ok(start)
        } else {
            Err(start)
        }
    });
    assert!(shown.out.contains("second"), "{}", shown.out);
    assert!(stage.caller("second").ends_with(":user/alice"));
    drop(daemon);
    stage.nowhere(&[SEED]);
    let log = std::fs::read_to_string(home.path().join("run.log")).unwrap();
    assert!(!log.contains("canary-noise"), "{log}");
}

#[test]
fn codes_are_made_from_a_seed_in_the_vault_and_each_is_used_once() {
    let Some(stage) = Stage::new(&[user("main"), user("second")], "") else {
        return;
    };
    let home = &stage.home;
    let refused = home.run_with(["secret", "set", "main", "--totp"], "canary!\n");
    assert_eq!(refused.code, 2);
    assert!(!refused.err.contains("canary"), "{}", refused.err);
    let spaced = SEED.to_lowercase().chars().collect::<Vec<_>>();
    let spaced: Vec<String> = spaced.chunks(4).map(|c| c.iter().collect()).collect();
    let kept = home
        .run_with(["secret", "set", "main", "--totp"], &spaced.join(" "))
        .ok();
    assert!(kept.out.contains("for main, second"), "{}", kept.out);
    let listed = home.run(["secret", "list"]).ok().out;
    assert!(
        listed.contains("MFA seed") && listed.contains(DEVICE),
        "{listed}"
    );
    assert!(!listed.contains(SEED));
    let daemon = Daemon::start(home);
    // Both at once: one of them waits for the next code.
    let mut both: Vec<_> = ["main", "second"]
        .map(|name| home.command(["session", "start", name]).spawn().unwrap())
        .into();
    for child in &mut both {
        assert!(child.wait().unwrap().success());
    }
    assert!(stage.caller("main").ends_with(":user/alice"));
    assert!(stage.caller("second").ends_with(":user/alice"));
    let log = stage.front.log();
    let refused = log.iter().filter(|l| l["refused"] == true).count();
    assert_eq!((stage.codes(), refused), (2, 0), "{log:#?}");
    assert_eq!(
        home.run(["secret", "remove", "main", "--totp"]).ok().code,
        0
    );
    assert_eq!(home.run(["secret", "remove", "main", "--totp"]).code, 3);
    drop(daemon);
    stage.nowhere(&[SEED, &spaced.join(" ")]);
}

#[test]
fn a_rotation_that_needs_a_person_says_so_once_and_waits() {
    let policies = "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
                    [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n";
    let mut main = user("main");
    main["durationSeconds"] = 24.into();
    let Some(stage) = Stage::new(&[main], policies) else {
        return;
    };
    let home = &stage.home;
    let daemon = Daemon::start(home);
    until(MINUTE, "it needs a code to be started", || {
        !stage.needs("main").is_null()
    });
    let first = code(SEED);
    home.run_with(["respond", "main"], &format!("{first}\n"))
        .ok();
    assert!(stage.needs("main").is_null());
    // The rule rotates well ahead of the end; the good credentials stay.
    until(MINUTE, "the rotation needs a code", || {
        !stage.needs("main").is_null()
    });
    assert_eq!(home.status("main"), "active");
    assert!(stage.caller("main").ends_with(":user/alice"));
    assert_eq!(stage.codes(), 1);
    until(MINUTE, "the credentials end", || {
        home.status("main") == "inactive"
    });
    let told = daemon.output().matches("main needs you").count();
    // Once for the start, once for the rotation.
    assert_eq!(told, 2, "{}", daemon.output());
    assert_eq!(stage.codes(), 1, "nobody hammers");
    assert!(!home.credentials_text().contains("aws_session_token"));
    let next = within(MINUTE, "another code", || {
        let next = code(SEED);
        if next == first { Err(()) } else { Ok(next) }
    });
    home.run_with(["respond", "main"], &format!("{next}\n"))
        .ok();
    assert_eq!(home.status("main"), "active");
    drop(daemon);
    stage.nowhere(&[SEED]);
}

#[test]
fn faults_are_told_apart_and_end_in_the_right_state() {
    let Some(stage) = Stage::new(&[user("main")], "") else {
        return;
    };
    let home = &stage.home;
    let daemon = Daemon::start(home);
    let answer = |code: &str| home.run_with(["respond", "main"], &format!("{code}\n"));
    for (fault, exit, told, kind) in [
        ("throttle", 1, "asks for fewer calls", "throttled"),
        ("deny", 1, "is not authorized to perform", "denied"),
        ("drop", 1, "could not be reached", "network"),
    ] {
        stage.front.fault(fault);
        let ended = answer("123456");
        assert_eq!(ended.code, exit, "{fault}: {}", ended.err);
        assert!(ended.err.contains(told), "{fault}: {}", ended.err);
        assert_eq!(home.status("main"), "inactive", "{fault}");
        let session = home.session("main").unwrap();
        assert_eq!(session["error"]["kind"], kind, "{fault}");
        assert!(session["needs"].is_null(), "{fault}: {session:#}");
    }
    stage.front.fault("");
    // One that was spoilt by a fault was sent once; the next is good.
    let good = within(MINUTE, "a good code", || {
        let ended = answer(&code(SEED));
        if ended.code == 0 {
            Ok(ended)
        } else {
            Err(ended)
        }
    });
    assert!(good.out.contains("main started"), "{}", good.out);
    drop(daemon);
}

#[test]
fn a_lifetime_that_the_service_does_not_give_is_told_with_what_to_do() {
    let mut main = user("main");
    main.as_object_mut().unwrap().remove("mfaDevice");
    let Some(stage) = Stage::new(&[main.clone()], "") else {
        return;
    };
    let (home, sts) = (&stage.home, &stage.sts);
    let arn = sts.role("deploy");
    // What IAM says of the role is what counts.
    let limit = sts.python(
        "import boto3\niam = boto3.client('iam')\n\
         iam.update_role(RoleName='deploy', MaxSessionDuration=7200)\n\
         print(iam.get_role(RoleName='deploy')['Role']['MaxSessionDuration'])",
        &[],
    );
    let limit: u64 = limit.parse().expect("a number");
    stage.front.limits(&json!({ arn.as_str(): limit }));
    let mut deploy = role("deploy", &arn);
    deploy.as_object_mut().unwrap().remove("mfaDevice");
    deploy["durationSeconds"] = limit.into();
    home.save_workspace(&json!({ "sessions": [main, deploy] }));
    home.run(["workspace", "validate"]).ok();
    let daemon = Daemon::start(home);
    // How many calls there were after the last refusal: nobody hammers until something is edited.
    let calls = std::cell::Cell::new(stage.front.log().len());
    let wish = |name: &str, seconds: &str| {
        assert_eq!(stage.front.log().len(), calls.get());
        home.run(["session", "edit", name, "--duration", seconds])
            .ok();
    };
    let wrong = |command: &str, name: &str, words: &str, status: &str| {
        let ended = home.run(["session", command, name]);
        calls.set(stage.front.log().len());
        assert_eq!(ended.code, 1, "{command} {name}: {ended:?}");
        for part in [words, "--duration", "MaxSessionDuration", "0d1e2f3a-front"] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
        let session = home.session(name).unwrap();
        assert_eq!(session["status"], status, "{session:#}");
        assert_eq!(session["error"]["kind"], "misconfigured", "{session:#}");
        assert!(session["needs"].is_null(), "{session:#}");
        // Nobody hammers.
        let later = clock("+10 seconds");
        let again = session["retryAt"].as_str().expect("it has a moment");
        assert!(again > later.as_str(), "{again} is before {later}");
    };
    let (long, short) = (
        "exceeds the MaxSessionDuration",
        "greater than or equal to 900",
    );
    wish("main", "600");
    wrong("start", "main", short, "inactive");
    wish("main", "900");
    home.run(["session", "start", "deploy"]).ok();
    calls.set(stage.front.log().len());
    let key = || {
        let profiles = dayfly_tests::ini::profiles(&home.credentials_text());
        profiles["deploy"]["aws_access_key_id"].clone()
    };
    let good = key();
    // A renewal with a wish that cannot be fulfilled leaves what is there.
    for (seconds, words) in [("7201", long), ("12h", long), ("899", short)] {
        wish("deploy", seconds);
        wrong("rotate", "deploy", words, "active");
        assert_eq!(key(), good);
        assert!(stage.caller("deploy").contains(":assumed-role/deploy/"));
    }
    home.run(["session", "stop", "deploy"]).ok();
    wish("deploy", "7201");
    wrong("start", "deploy", long, "inactive");
    wish("deploy", "7200");
    home.run(["session", "start", "deploy"]).ok();
    assert_ne!(key(), good);
    assert!(home.session("deploy").unwrap()["error"].is_null());
    drop(daemon);
    stage.nowhere(&[]);
}

#[test]
fn with_a_clock_that_is_off_the_clock_is_blamed() {
    let faketime = std::path::Path::new("/usr/bin/faketime");
    let Some(stage) = Stage::new(&[user("main")], "") else {
        return;
    };
    assert!(
        faketime.exists() || std::env::var_os("DAYFLY_TEST_ALL").is_none(),
        "the package faketime is missing"
    );
    if !faketime.exists() {
        return;
    }
    let home = &stage.home;
    home.run_with(["secret", "set", "main", "--totp"], SEED)
        .ok();
    let late = |args: &[&str]| {
        let like = home.command(args);
        let mut command = std::process::Command::new(faketime);
        command
            .args(["-f", "+600"])
            .arg(dayfly_tests::home::program());
        command.args(args).env_clear();
        for (name, value) in like.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.output().unwrap()
    };
    let ended = late(&["session", "start", "main"]);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success());
    assert!(told.contains("clock"), "{told}");
    assert!(!told.contains(SEED));
    assert_eq!(home.status("main"), "inactive");
}
