//! `dayfly doctor` finds what keeps clients from credentials, and says how to mend each.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::SystemTime;

use dayfly_tests::{Daemon, Home};
use serde_json::{Value, json};

/// What was found, of this grade.
fn found(home: &Home, grade: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let mut command = home.command(["doctor", "--json"]);
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let findings: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = findings.as_array().cloned().expect("an array");
    let any_wrong = findings.iter().any(|f| f["grade"] == "wrong");
    assert_eq!(output.status.code(), Some(i32::from(any_wrong)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for finding in &findings {
        let mended = finding["grade"] == "good" || !text(&finding["hint"]).is_empty();
        assert!(mended, "{finding}");
    }
    let of_grade = findings.iter().filter(|f| f["grade"] == grade);
    of_grade
        .map(|f| format!("{}: {}", text(&f["about"]), text(&f["message"])))
        .collect()
}

fn has(found: &[String], part: &str) {
    assert!(found.iter().any(|f| f.contains(part)), "{part}: {found:#?}");
}

/// A server that answers every request with a time that is so many seconds off.
fn clock(off: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let at = i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or(0) + off;
            let form = ["-u", "-d", &format!("@{at}"), "+%a, %d %b %Y %H:%M:%S GMT"];
            let date = Command::new("date").env("LC_ALL", "C").args(form).output();
            let date = String::from_utf8(date.expect("date runs").stdout).expect("text");
            let _ = stream.write_all(
                format!(
                    "HTTP/1.1 403 Forbidden\r\nDate: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    date.trim()
                )
                .as_bytes(),
            );
        }
    });
    format!("http://{address}")
}

fn home(sts: &str) -> Home {
    let home = Home::new();
    home.save_config(&format!("[aws]\nsts-endpoint-url = \"{sts}\"\n"));
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "main", "sessionName": "main", "type": "awsIamUser", "profileName": "main",
          "region": "eu-west-1", "delivery": ["credential-process"] },
    ]}));
    home.run_with(
        ["secret", "set", "main"],
        "AKIAEXAMPLEEXAMPLE12\n0123456789012345678901234567890123456789\n",
    )
    .ok();
    home
}

#[test]
fn a_clock_that_is_off_and_a_cloud_that_does_not_answer_are_found() {
    has(&found(&home(&clock(0)), "good", &[]), "has the same time");
    let behind = found(&home(&clock(3_600)), "wrong", &[]);
    has(&behind, "clock: this machine's clock is 3");
    has(&behind, "behind, compared with http://127.0.0.1:");
    has(
        &found(&home(&clock(-3_600)), "wrong", &[]),
        "ahead, compared with http://127.0.0.1:",
    );
    has(&found(&home(&clock(120)), "notice", &[]), "s behind");
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("a port");
    drop(closed);
    let home = home(&format!("http://{address}"));
    let told = found(&home, "wrong", &[]);
    has(&told, &format!("cloud: http://{address} does not answer"));
    home.run(["doctor", "--offline"]).ok();
}

#[test]
fn what_hides_credentials_from_clients_is_found() {
    let home = home(&clock(0));
    let none = found(&home, "wrong", &[]);
    assert!(none.is_empty(), "{none:?}");
    // Where an engine was, and a session that no longer is.
    let dead = [
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "http://127.0.0.1:9/creds/x",
        ),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://localhost:9/"),
        ("AWS_PROFILE", ""),
        ("AWS_DEFAULT_PROFILE", "gone"),
    ];
    let told = found(&home, "wrong", &dead);
    for part in [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI names 127.0.0.1:9, where no endpoint answers",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT names 127.0.0.1:9",
        "/nowhere/token cannot be read",
        "AWS_DEFAULT_PROFILE names profile \"gone\"",
    ] {
        has(&told, part);
    }
    // Static keys come before a process, whoever wrote them.
    std::fs::create_dir_all(home.path().join(".aws")).unwrap();
    let own =
        "[other]\nx = y\n[main]\naws_access_key_id = AKIAOWN\naws_secret_access_key = canary\n";
    home.save(&home.credentials(), own);
    let told = found(&home, "wrong", &[]);
    has(&told, "credentials:4: profile \"main\" has static keys");
    assert!(!told.concat().contains("canary"), "{told:?}");
    std::fs::remove_file(home.credentials()).unwrap();
    let both = ["session", "edit", "main", "--delivery"];
    let both = both.iter().chain(&["credentials-file,credential-process"]);
    home.run(both).ok();
    has(
        &found(&home, "notice", &[]),
        "running programs do not see rotations",
    );
    let config = std::fs::read_to_string(home.path().join("dayfly.toml")).unwrap();
    home.save_config(&format!("{config}config-file = \"elsewhere\"\n"));
    has(
        &found(&home, "notice", &[]),
        "but programs in this shell read",
    );
}

#[test]
fn the_endpoint_of_a_running_engine_is_asked() {
    let home = home(&clock(0));
    let daemon = Daemon::start(&home);
    has(
        &found(&home, "good", &[]),
        "endpoint: listens at 127.0.0.1:",
    );
    assert_eq!(daemon.terminate(), 0);
}
