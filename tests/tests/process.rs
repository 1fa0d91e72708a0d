//! Sessions of programs that print credentials, as they do for `credential_process`, with an STS that
//! checks what is signed with them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_tests::{Daemon, Home, Ministack, aws, until};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// What a program prints: credentials of a role that this user may assume.
fn printed(sts: &Ministack, role: &str) -> String {
    sts.python(
        r#"
import boto3, json, os
got = boto3.client("sts").assume_role(RoleArn=os.environ["ROLE"], RoleSessionName="tool")["Credentials"]
print(json.dumps({"Version": 1, "AccessKeyId": got["AccessKeyId"], "SecretAccessKey": got["SecretAccessKey"],
    "SessionToken": got["SessionToken"], "Expiration": got["Expiration"].isoformat()}))
"#,
        &[("ROLE", role)],
    )
}

fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn session(name: &str, command: Value) -> Value {
    json!({
        "sessionId": format!("id-{name}"), "sessionName": name, "type": "process",
        "region": "eu-west-1", "profileName": name, "command": command,
    })
}

fn home(sts: &Ministack, sessions: &[Value]) -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": sessions }));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    home
}

#[test]
fn what_a_program_prints_is_published_and_assumes_roles() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (tool, next) = (sts.role("tool"), sts.role("next"));
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer");
    std::fs::write(&answer, printed(&sts, &tool)).unwrap();
    let role = json!({
        "sessionId": "id-role", "sessionName": "role", "type": "awsIamRoleChained",
        "region": "eu-west-1", "profileName": "role", "roleArn": next, "parentSessionId": "id-tool",
    });
    let home = home(&sts, &[session("tool", json!(["cat", answer])), role]);
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "role"]).ok();
    let caller = aws::boto3_caller(&home, "role", &sts.endpoint()).unwrap();
    assert!(caller.contains(":assumed-role/next/"), "{caller}");
    home.run(["session", "start", "tool"]).ok();
    let caller = aws::boto3_caller(&home, "tool", &sts.endpoint()).unwrap();
    assert!(caller.contains(":assumed-role/tool/"), "{caller}");
    // Its end is what the program said.
    let told: Value = serde_json::from_slice(&std::fs::read(&answer).unwrap()).unwrap();
    let end = home.session("tool").unwrap()["expiresAt"].clone();
    assert!(!end.is_null(), "{:#}", home.session("tool").unwrap());
    assert!(told["Expiration"].is_string());
    drop(daemon);
    let secrets: Vec<String> = ["SecretAccessKey", "SessionToken"]
        .iter()
        .map(|member| told[*member].as_str().unwrap().to_owned())
        .collect();
    home.nowhere(&secrets, &[home.credentials()]);
}

#[test]
fn a_long_lived_key_is_exchanged_and_never_published() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (id, secret) = sts.user("me");
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer");
    let printed = json!({ "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret });
    std::fs::write(&answer, printed.to_string()).unwrap();
    let home = home(&sts, &[session("key", json!(["cat", answer]))]);
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "key"]).ok();
    let caller = aws::boto3_caller(&home, "key", &sts.endpoint()).unwrap();
    assert!(caller.contains(":user/me"), "{caller}");
    assert!(!home.credentials_text().contains(&id));
    drop(daemon);
    home.nowhere(&[secret], &[]);
}

#[test]
fn one_run_serves_everybody_who_asks_meanwhile() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("answer"), printed(&sts, &sts.role("tool"))).unwrap();
    let gate = at("gate");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &gate,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    // It waits at the pipe until somebody opens it.
    let script = format!(
        "echo run >>'{}'; cat '{}' >/dev/null; cat '{}'",
        at("runs").display(),
        gate.display(),
        at("answer").display()
    );
    let tool = program(folder.path(), "tool", &script);
    let home = home(&sts, &[session("tool", json!([tool]))]);
    let daemon = Daemon::start(&home);
    let runs = || std::fs::read_to_string(at("runs")).unwrap_or_default();
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| home.run(["credential-process", "tool"]).ok()))
            .collect();
        until(MINUTE, "it runs", || runs().lines().count() == 1);
        drop(std::fs::OpenOptions::new().write(true).open(&gate).unwrap());
        for one in asked {
            let answer = one.join().unwrap().json();
            assert!(answer["SessionToken"].is_string(), "{answer}");
        }
    });
    assert_eq!(runs(), "run\n");
    drop(daemon);
}

#[test]
fn a_program_that_fails_is_told_with_its_own_words_and_without_secrets() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, script: &str| program(folder.path(), name, script);
    let fails = with(
        "fails",
        "echo 'trying wJalrXUtnFEMI/K7MDENG/canary0EXAMPLEKEY' >&2\n\
         echo 'your sign-in has ended; password=canary' >&2; exit 3",
    );
    let empty = with("empty", "echo 'no profile of that name' >&2");
    let odd = with(
        "odd",
        "echo '{\"Version\":1,\"SecretAccessKey\":\"canary\"}'",
    );
    let old = with(
        "old",
        "echo '{\"Version\":1,\"AccessKeyId\":\"ASIAX\",\"SecretAccessKey\":\"canary\",\
         \"SessionToken\":\"canary\",\"Expiration\":\"2020-01-01T00:00:00Z\"}'",
    );
    let names = [
        ("fails", json!([fails]), "ended with status 3"),
        ("empty", json!([empty]), "it said: no profile of that name"),
        ("odd", json!([odd]), "`AccessKeyId` is missing"),
        ("old", json!([old]), "expired"),
        ("none", json!(["/nowhere/tool"]), "there is no such program"),
    ];
    let sessions: Vec<Value> = names
        .iter()
        .map(|(name, command, _)| session(name, command.clone()))
        .collect();
    let home = home(&sts, &sessions);
    let daemon = Daemon::start(&home);
    for (name, _, words) in &names {
        let refused = home.run(["session", "start", name]);
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(refused.err.contains(words), "{name}: {}", refused.err);
        assert!(!refused.err.contains("canary"), "{name}: {}", refused.err);
        let told = home.session(name).unwrap();
        assert!(told["error"]["hint"].is_string(), "{told:#}");
    }
    let refused = home.run(["session", "start", "fails"]).err;
    assert!(refused.contains("your sign-in has ended"), "{refused}");
    drop(daemon);
    home.nowhere(&["canary".to_owned()], &[]);
}
