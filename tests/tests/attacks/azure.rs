//! Entra ID and the resource manager of Azure, as somebody who is neither would answer.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use dayfly_tests::Home;
use dayfly_tests::entra::{APPLICATION, Entra, SECRET, TENANT};
use dayfly_tests::home::Ended;
use serde_json::{Value, json};

use crate::terminal::{HOSTILE, assert_safe};

const SUBSCRIPTION: &str = "aaaaaaaa-0000-0000-0000-000000000001";
/// More than any command here may take: a call has a deadline of its own.
const LIMIT: Duration = Duration::from_secs(100);

fn run(entra: &Entra, home: &Home, args: &[&str]) -> Ended {
    let begun = Instant::now();
    let mut command = entra.command(home, args);
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert!(
        begun.elapsed() < LIMIT,
        "{args:?} took {:?}",
        begun.elapsed()
    );
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let ended = Ended {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert_safe(&format!("{args:?}"), &ended);
    assert!(
        ended.err.len() < 10_000,
        "{args:?}: {} bytes",
        ended.err.len()
    );
    assert!(!ended.err.contains(SECRET), "{args:?}: {}", ended.err);
    ended
}

/// A home whose integration has a secret at this provider.
fn home(entra: &Entra) -> Home {
    let home = Home::new();
    let mut integration = entra.integration("work", "clientSecret");
    integration["clientId"] = json!(APPLICATION);
    home.save_workspace(&json!({
        "sessions": [{ "sessionId": "az", "sessionName": "az", "type": "azure", "tenantId": TENANT,
            "subscriptionId": SUBSCRIPTION, "azureIntegrationId": "work" }],
        "azureIntegrations": [integration],
    }));
    let mut command = entra.command(&home, &["integration", "login", "work"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("it runs");
    let mut input = child.stdin.take().expect("an input");
    std::io::Write::write_all(&mut input, SECRET.as_bytes()).expect("it is taken");
    drop(input);
    assert!(child.wait().expect("it ends").success());
    home
}

/// Answers that are none, or that would steer, fill or stop whoever reads them.
fn answers(words: &str) -> Vec<Value> {
    let deep = "[".repeat(100_000);
    let wide: String = (0..70_000).map(|n| format!("\"k{n}\":0,")).collect();
    let token = |token: &Value, seconds: Value| {
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds, "refresh_token": words }).to_string()
    };
    let error = json!({ "error": words, "error_description": words, "error_codes": [-1, 7_000_215],
        "trace_id": words, "correlation_id": words, "suberror": words, "claims": words });
    let coded = json!({ "error": "invalid_grant", "error_codes": [50_076],
        "error_description": format!("AADSTS50076: {words}"), "trace_id": words });
    vec![
        json!({ "status": 400, "raw": error.to_string() }),
        json!({ "status": 400, "raw": coded.to_string() }),
        json!({ "status": 500, "raw": words, "headers": { "retry-after": "99999999999999999999" } }),
        json!({ "status": 401, "raw": format!("{{\"error\":{deep}") }),
        json!({ "status": 400, "raw": format!("{{{wide}\"error\":\"x\"}}") }),
        json!({ "status": 200, "raw": deep }),
        json!({ "status": 200, "raw": format!("{{\"a\":{}0{}", "{\"a\":".repeat(50_000), "}".repeat(50_001)) }),
        json!({ "status": 200, "raw": token(&json!(words), json!(3_600)) }),
        json!({ "status": 200, "raw": token(&json!("a\r\nX: y"), json!(3_600)) }),
        json!({ "status": 200, "raw": token(&json!("a.b.c"), json!(-1)) }),
        json!({ "status": 200, "raw": token(&json!("a.b.c"), json!(words)) }),
        json!({ "status": 200, "raw": token(&json!(["a"]), json!(3_600)) }),
        json!({ "status": 200, "raw": "null" }),
        json!({ "status": 302, "raw": "x", "headers": { "location": "http://169.254.169.254/" } }),
        json!({ "status": 200, "raw": "{\"access_token\":\"", "endless": "a" }),
        json!({ "status": 400, "raw": "{\"error\":\"", "endless": "[" }),
    ]
}

#[test]
fn answers_of_a_hostile_entra_id_steer_nothing_and_end() {
    let Some(entra) = Entra::start(3_600) else {
        return;
    };
    let home = home(&entra);
    let words = HOSTILE.concat();
    for mut fault in answers(&words) {
        fault["where"] = json!("entra");
        let what = fault["raw"]
            .as_str()
            .map(|raw| raw.chars().take(80).collect::<String>());
        entra.fault(Some(fault.clone()));
        let started = run(&entra, &home, &["session", "start", "az"]);
        // Whatever is taken for a token is one line that fits into a header.
        if started.code == 0 {
            let given = run(&entra, &home, &["exec", "az", "--", "true"]);
            assert_eq!(given.code, 0, "{what:?}: {}", given.err);
        }
        run(&entra, &home, &["integration", "sync", "work"]);
        run(
            &entra,
            &home,
            &["integration", "login", "work", "--no-browser"],
        );
        run(&entra, &home, &["session", "stop", "az"]);
        entra.fault(None);
    }
    for args in [
        &["status"][..],
        &["events"],
        &["explain", "az"],
        &["integration", "list"],
    ] {
        run(&entra, &home, args);
    }
    // And with the true one again all is well.
    let started = run(&entra, &home, &["session", "start", "az"]);
    assert_eq!(started.code, 0, "{}", started.err);
}

#[test]
fn answers_of_a_hostile_resource_manager_steer_nothing_and_lead_nowhere() {
    let Some(entra) = Entra::start(3_600) else {
        return;
    };
    let home = home(&entra);
    let words = HOSTILE.concat();
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("loopback");
    elsewhere.set_nonblocking(true).expect("it need not wait");
    let port = elsewhere.local_addr().expect("an address").port();
    let listed = |name: &str, next: &str| {
        json!({ "status": 200, "raw": json!({
            "value": [{ "subscriptionId": SUBSCRIPTION, "displayName": name, "state": "Enabled", "tenantId": TENANT },
                { "subscriptionId": name, "displayName": name, "state": name, "tenantId": name }],
            "nextLink": next,
        }).to_string() })
    };
    let mut all = answers(&words);
    all.push(listed(&words, ""));
    for next in [
        format!("https://127.0.0.1:{port}/subscriptions"),
        format!("http://127.0.0.1:{port}/subscriptions"),
        format!("{}@127.0.0.1:{port}/subscriptions", entra.origin()),
        "file:///etc/passwd".to_owned(),
        words.clone(),
    ] {
        all.push(listed("plain", &next));
    }
    // One that goes round without an end.
    all.push(listed(
        "plain",
        &format!("{}/subscriptions?page=0", entra.origin()),
    ));
    for mut fault in all {
        fault["where"] = json!("manager");
        entra.fault(Some(fault.clone()));
        run(&entra, &home, &["integration", "sync", "work"]);
        for args in [
            &["session", "list"][..],
            &["status"],
            &["workspace", "validate"],
            &["integration", "list"],
        ] {
            run(&entra, &home, args);
        }
        assert!(
            elsewhere.accept().is_err(),
            "a token went elsewhere: {fault}"
        );
        entra.fault(None);
    }
}

/// What holds the token of a workload is a file of the platform, and may be anything.
#[test]
fn what_stands_in_the_place_of_a_token_file_holds_nobody_up() {
    let Some(entra) = Entra::start(3_600) else {
        return;
    };
    let home = Home::new();
    let file = home.path().join("token");
    let mut integration = entra.integration("work", "workloadIdentity");
    integration["clientId"] = json!(APPLICATION);
    integration["tokenFile"] = json!(file);
    home.save_workspace(&json!({
        "sessions": [{ "sessionId": "az", "sessionName": "az", "type": "azure", "tenantId": TENANT,
            "subscriptionId": SUBSCRIPTION, "azureIntegrationId": "work" }],
        "azureIntegrations": [integration],
    }));
    let put: [(&str, &dyn Fn()); 5] = [
        ("does not exist", &|| {}),
        ("not a regular file", &|| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mkfifoat(rustix::fs::CWD, &file, mode).expect("a pipe");
        }),
        ("not a regular file", &|| {
            std::os::unix::fs::symlink("/dev/zero", &file).expect("a link");
        }),
        ("more than", &|| {
            let sparse = std::fs::File::create(&file).expect("a file");
            sparse.set_len(10 << 30).expect("it is sparse");
        }),
        ("not text", &|| {
            std::fs::write(&file, [0xff; 64]).expect("a file")
        }),
    ];
    for (says, make) in put {
        let _ = std::fs::remove_file(&file);
        make();
        let begun = Instant::now();
        let started = run(&entra, &home, &["session", "start", "az"]);
        assert_ne!(started.code, 0, "{says}: {}", started.out);
        assert!(started.err.contains(says), "{says}: {}", started.err);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{says}: {:?}",
            begun.elapsed()
        );
    }
}
