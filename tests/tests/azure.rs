//! Azure end to end: a person and applications get tokens of a real OpenID provider in the shape of
//! Entra ID, and programs with the Azure SDKs use them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dayfly_tests::entra::{APPLICATION, CERTIFIED, Entra, SECRET, TENANT, claims};
use dayfly_tests::home::program;
use dayfly_tests::{Home, within};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const LONG: Duration = Duration::from_secs(90);

/// A home with one integration and one session of it.
fn home(entra: &Entra, credential: &str, more: &Value) -> Home {
    let home = Home::new();
    let mut integration = entra.integration("work", credential);
    for (field, value) in more.as_object().into_iter().flatten() {
        integration[field] = value.clone();
    }
    home.save_workspace(&json!({
        "sessions": [
            { "sessionId": "az", "sessionName": "az", "type": "azure", "tenantId": TENANT,
              "subscriptionId": SUBSCRIPTION, "azureIntegrationId": "work" },
        ],
        "azureIntegrations": [integration],
    }));
    home
}

/// How a command ended, and what it said.
fn ended(command: &mut Command) -> (i32, String) {
    let output = command.output().expect("the command runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.code().unwrap_or(-1), text)
}

fn run(entra: &Entra, home: &Home, args: &[&str]) -> (i32, String) {
    ended(&mut entra.command(home, args))
}

/// A command that has to go well, with something on its standard input.
fn give(entra: &Entra, home: &Home, args: &[&str], input: &str) -> (i32, String) {
    use std::io::Write as _;
    let mut command = entra.command(home, args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("an input");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.code().unwrap_or(-1), text)
}

/// A running engine that trusts the provider; ended when dropped.
struct Running(Child);

impl Running {
    fn start(entra: &Entra, home: &Home) -> Self {
        let log = std::fs::File::create(home.path().join("run.log")).expect("a log");
        let mut command = entra.command(home, &["run", "--verbose"]);
        let errors = log.try_clone().expect("a log");
        command.stdout(log).stderr(errors);
        let this = Self(command.spawn().expect("the program runs"));
        within(LONG, "the engine answers", || {
            let report = home.run(["status", "--json"]).json();
            report["engine"].is_object().then_some(()).ok_or(report)
        });
        this
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A person signs in by a code, in a browser.
fn login(entra: &Entra, home: &Home) {
    let mut command = entra.command(home, &["integration", "login", "work", "--no-browser"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut out = BufReader::new(child.stdout.take().expect("an output")).lines();
    let mut line = || out.next().expect("a line").expect("text");
    let address = line();
    let address = address.split_whitespace().nth(1).expect("an address");
    let code = line();
    let code = code.split_whitespace().nth(4).expect("a code").to_owned();
    entra.sign_in(address, &code);
    let said = line();
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{said}");
    assert_eq!(said, "signed in to work as alice@example.com");
}

/// A client that asks for tokens again and again in one process, under `dayfly exec`.
fn holding(entra: &Entra, home: &Home, client: &[&str], times: u32) -> Child {
    let mut command = entra.command(home, &["exec", "az", "--"]);
    let address = format!("{}/subscriptions?api-version=2022-12-01", entra.origin());
    command
        .args(client)
        .args([&entra.origin(), &address, &times.to_string(), "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the program runs")
}

fn seen(child: Child) -> Value {
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"))
}

#[test]
fn a_person_signs_in_and_programs_keep_working_across_rotations() {
    let Some(entra) = Entra::start(15) else {
        return;
    };
    let home = home(&entra, "signIn", &json!({}));
    let (code, said) = run(&entra, &home, &["session", "start", "az"]);
    assert_eq!(code, 5, "{said}");
    assert!(
        said.contains("you are not signed in to integration \"work\""),
        "{said}"
    );
    assert!(said.contains("dayfly integration login work"), "{said}");

    let running = Running::start(&entra, &home);
    login(&entra, &home);

    // Each subscription becomes a session; a second time nothing changes.
    let (code, said) = run(&entra, &home, &["integration", "sync", "work"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("+ Development"), "{said}");
    assert!(
        said.contains("2 subscriptions; 1 added, 0 removed, 1 unchanged"),
        "{said}"
    );
    let text = std::fs::read(home.workspace()).unwrap();
    let (_, said) = run(&entra, &home, &["integration", "sync", "work"]);
    assert!(said.contains("0 added, 0 removed, 2 unchanged"), "{said}");
    let before: Value = serde_json::from_slice(&text).unwrap();
    let after: Value = serde_json::from_slice(&std::fs::read(home.workspace()).unwrap()).unwrap();
    let names = |workspace: &Value| -> Vec<Value> {
        let sessions = workspace["sessions"].as_array().unwrap().iter();
        sessions.map(|s| s["sessionName"].clone()).collect()
    };
    assert_eq!(names(&before), names(&after));

    // Programs in three languages, at the same time, each in one process through rotations.
    let python = std::env::var("DAYFLY_TEST_AZURE_PYTHON").expect("set by tests/tools");
    let node = std::env::var("DAYFLY_TEST_NODE").expect("set by tests/tools");
    let (py, js) = (entra.file("hold.py"), entra.file("hold.mjs"));
    let (py, js) = (py.to_string_lossy(), js.to_string_lossy());
    let clients = [
        vec![&*python, &*py, "ManagedIdentityCredential"],
        vec![&*python, &*py, "DefaultAzureCredential"],
        vec![&*node, &*js, "ManagedIdentityCredential"],
        vec![&*node, &*js, "DefaultAzureCredential"],
    ];
    let children: Vec<Child> = clients
        .iter()
        .map(|client| holding(&entra, &home, client, 16))
        .collect();
    for (client, child) in clients.iter().zip(children) {
        let seen = seen(child);
        println!("{client:?}: {seen}");
        assert_eq!(seen["failures"], json!([]), "{client:?}");
        assert!(seen["tokens"].as_u64() >= Some(2), "{client:?}: {seen}");
    }

    // Another resource has a token of its own, obtained once.
    let before = entra.calls("refresh_token");
    let other = json!(["https://vault.azure.net", "https://vault.azure.net"]);
    for resource in other.as_array().unwrap() {
        let request = json!({ "do": "token", "session": "az", "resource": resource });
        let answer = asked(&home, &request);
        assert_eq!(
            audience(&answer),
            json!("https://vault.azure.net"),
            "{answer}"
        );
    }
    // The session's own may have been renewed in between.
    assert!(entra.calls("refresh_token") <= before + 2);

    // A stopped session gives nothing.
    home.run(["session", "stop", "az"]).ok();
    let request = json!({ "do": "token", "session": "az", "resource": "https://vault.azure.net" });
    let answer = asked(&home, &request);
    assert_eq!(answer["error"]["code"], "refused", "{answer}");

    // A sign-in that was taken back needs the person, once; then all goes on.
    entra.ask("revoke", "");
    home.save_config("[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n");
    home.run(["session", "release", "az"]).ok();
    let (code, said) = run(&entra, &home, &["session", "start", "az"]);
    assert_eq!(code, 5, "{said}");
    assert!(
        said.contains("the sign-in has expired (AADSTS700082)"),
        "{said}"
    );
    assert!(
        said.contains("aaaaaaaa-trace, correlation bbbbbbbb-correlation"),
        "{said}"
    );
    let asked_before = entra.calls("refresh_token");
    login(&entra, &home);
    within(LONG, "the session is active by itself", || {
        let status = home.status("az");
        (status == "active").then_some(()).ok_or(status)
    });
    assert!(entra.calls("refresh_token") > asked_before);
    drop(running);

    home.nowhere(&entra.secrets(), &[]);
}

/// Asks the control socket.
fn asked(home: &Home, request: &Value) -> Value {
    use std::io::{Read as _, Write as _};
    let socket = home.path().join("state/engine.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(socket).expect("it listens");
    writeln!(stream, "{request}").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

/// What a token is for, by its claims.
fn audience(answer: &Value) -> Value {
    claims(answer["ok"]["accessToken"].as_str().unwrap_or_default())["aud"].clone()
}

#[test]
fn two_processes_and_a_thousand_sessions_are_one_refresh() {
    let Some(entra) = Entra::start(360) else {
        return;
    };
    let home = home(&entra, "signIn", &json!({}));
    login(&entra, &home);
    let sessions = |number: usize| -> Vec<Value> {
        let session = |n| {
            json!({ "sessionId": format!("s{n}"), "sessionName": format!("s{n}"), "type": "azure",
                "tenantId": TENANT, "subscriptionId": format!("{n:08}-0000-0000-0000-000000000001"),
                "azureIntegrationId": "work" })
        };
        (0..number).map(session).collect()
    };
    let mut workspace: Value =
        serde_json::from_slice(&std::fs::read(home.workspace()).unwrap()).unwrap();
    workspace["sessions"] = sessions(1_000).into();
    home.save_workspace(&workspace);
    // Slow enough to last longer than sessions that are due at the same time, and not for ever.
    home.save_config(
        "[rates]\nazure = \"30/s\"\n[providers.azure]\nrate = 30\n[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n",
    );
    let refreshes = || entra.calls("refresh_token");
    let at_once = |names: [&str; 4]| {
        let children = names.map(|name| {
            let mut command = entra.command(&home, &["exec", name, "--", "true"]);
            command.spawn().expect("the program runs")
        });
        for mut child in children {
            assert!(child.wait().expect("it ends").success());
        }
    };
    // Processes without an engine take turns: a refresh token is good once, and none is lost.
    let before = refreshes();
    at_once(["s1", "s2", "s3", "s4"]);
    assert!((1..=4).contains(&(refreshes() - before)));
    // With one, theirs and a thousand sessions' are one call.
    let before = refreshes();
    let begun = std::time::Instant::now();
    let running = Running::start(&entra, &home);
    at_once(["s600", "s700", "s800", "s900"]);
    let active = || {
        let report = home.report();
        let sessions = report["sessions"].as_array().cloned().unwrap_or_default();
        sessions.iter().filter(|s| s["status"] == "active").count()
    };
    within(LONG, "all are active", || match active() {
        1_000 => Ok(()),
        number => Err(number),
    });
    println!("1,000 sessions: {:?}", begun.elapsed());
    assert_eq!(refreshes() - before, 1);
    // A renewal brings a new one, and those who are renewed after it share that.
    for session in ["s11", "s12", "s13"] {
        let (code, said) = run(&entra, &home, &["session", "rotate", session]);
        assert_eq!(code, 0, "{said}");
    }
    assert_eq!(refreshes() - before, 2);
    let (code, said) = run(&entra, &home, &["session", "rotate", "s11"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(refreshes() - before, 3);
    drop(running);
    home.nowhere(&entra.secrets(), &[]);
}

#[test]
fn applications_get_tokens_by_secret_certificate_workload_and_machine() {
    let Some(entra) = Entra::start(600) else {
        return;
    };
    let python = std::env::var("DAYFLY_TEST_AZURE_PYTHON").expect("set by tests/tools");
    let audience = format!("{}/{TENANT}/oauth2/v2.0/token", entra.origin());
    let made = Command::new(&python)
        .arg(entra.file("certificates.py"))
        .arg(entra.file(""))
        .arg(&audience)
        .status();
    assert!(made.unwrap().success());
    let secret = home(&entra, "clientSecret", &json!({ "clientId": APPLICATION }));
    let (code, said) = run(&entra, &secret, &["session", "start", "az"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("the vault does not have the client secret of integration \"work\""),
        "{said}"
    );
    let login = ["integration", "login", "work"];
    let (code, said) = give(&entra, &secret, &login, &format!("{SECRET}\n"));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("work gets tokens"), "{said}");

    let certified = json!({ "clientId": CERTIFIED });
    let certificate = home(&entra, "clientCertificate", &certified);
    let pem = std::fs::read_to_string(entra.file("app.pem")).unwrap();
    let (code, said) = give(&entra, &certificate, &login, &pem);
    assert_eq!(code, 0, "{said}");
    let in_file = json!({ "clientId": CERTIFIED, "certificateFile": entra.file("app.pem") });
    let in_file = home(&entra, "clientCertificate", &in_file);
    let workload = json!({ "clientId": CERTIFIED, "tokenFile": entra.file("workload.jwt") });
    let workload = home(&entra, "workloadIdentity", &workload);
    for (home, how) in [
        (&secret, "secret"),
        (&certificate, "certificate"),
        (&in_file, "certificate in a file"),
        (&workload, "workload"),
    ] {
        let (code, said) = run(&entra, home, &["session", "start", "az"]);
        assert_eq!(code, 0, "{how}: {said}");
    }

    // The SDK for Rust finds the managed identity endpoint: this very program on another home.
    let machine = home(&entra, "managedIdentity", &json!({}));
    let mut command = entra.command(&secret, &["exec", "az", "--", "env"]);
    command
        .arg(format!("DAYFLY_HOME={}", machine.path().display()))
        .arg(program())
        .args(["session", "start", "az"]);
    let (code, said) = ended(&mut command);
    assert_eq!(code, 0, "{said}");
    assert_eq!(machine.status("az"), "active");

    // There is nothing for AWS in it, and nothing to print.
    let (code, said) = run(&entra, &secret, &["credential-process", "az"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("Azure session, which has no AWS credentials"),
        "{said}"
    );
    let (code, said) = run(&entra, &secret, &["exec", "az", "--static", "--", "true"]);
    assert_eq!(code, 2, "{said}");
    let (code, said) = run(&entra, &secret, &["env", "az"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("dayfly run"), "{said}");
    assert!(!secret.path().join(".aws").exists());
    let running = Running::start(&entra, &secret);
    let (code, said) = run(&entra, &secret, &["env", "az", "--shell", "bash"]);
    assert_eq!(code, 0, "{said}");
    for part in [
        "unset AZURE_CLIENT_SECRET\n",
        "export IDENTITY_ENDPOINT='http://127.0.0.1:",
        &format!("export AZURE_SUBSCRIPTION_ID='{SUBSCRIPTION}'\n"),
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    drop(running);
    let mut secrets = entra.secrets();
    secrets.push(SECRET.to_owned());
    secret.nowhere(&secrets, &[]);
}

#[test]
fn each_failure_has_its_own_message_and_end() {
    let Some(entra) = Entra::start(600) else {
        return;
    };
    let home = home(&entra, "clientSecret", &json!({ "clientId": APPLICATION }));
    let login = ["integration", "login", "work"];
    let (code, said) = give(&entra, &home, &login, "canary-of-a-wrong-secret");
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("the client secret is wrong (AADSTS7000215)"),
        "{said}"
    );
    assert!(said.contains("correlation bbbbbbbb-correlation"), "{said}");
    assert!(!said.contains("canary"), "{said}");
    let (code, said) = give(&entra, &home, &login, SECRET);
    assert_eq!(code, 0, "{said}");

    let start = ["session", "start", "az"];
    for (fault, kind, part) in [
        (
            json!({ "where": "entra", "status": 429, "error": "temporarily_unavailable", "number": 90055 }),
            "throttled",
            "it asks for fewer calls",
        ),
        (
            json!({ "where": "entra", "drop": true }),
            "network",
            "could not be reached",
        ),
        (
            json!({ "where": "entra", "status": 502 }),
            "unavailable",
            "it has an outage",
        ),
        (
            json!({ "where": "entra", "status": 400, "error": "unauthorized_client", "number": 700016 }),
            "misconfigured",
            "the application is not in the tenant",
        ),
        (
            json!({ "where": "entra", "status": 400, "error": "invalid_grant", "number": 53003 }),
            "denied",
            "Conditional Access forbids it",
        ),
        (
            json!({ "where": "entra", "status": 404 }),
            "misconfigured",
            "its answer is not one that Entra ID gives",
        ),
    ] {
        entra.fault(Some(fault));
        let (code, said) = run(&entra, &home, &start);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(part), "{kind}: {said}");
        assert_eq!(home.status("az"), "inactive");
        let events = home.run(["events", "--json"]);
        assert!(events.out.contains(kind), "{kind}: {}", events.out);
    }
    entra.fault(None);
    let (code, said) = run(&entra, &home, &start);
    assert_eq!(code, 0, "{said}");

    // Credentials that are there outlive an outage, and the session says so.
    entra.fault(Some(json!({ "where": "entra", "drop": true })));
    let (code, said) = run(&entra, &home, &["session", "rotate", "az"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(home.status("az"), "active");
    entra.fault(None);

    // A tenant that is not there, and an address that is not Entra's.
    for (field, value, part) in [
        (
            "tenantId",
            json!("99999999-9999-9999-9999-999999999999"),
            "there is no such tenant",
        ),
        (
            "authorityHost",
            json!("https://127.0.0.1:9"),
            "refused the connection",
        ),
    ] {
        let mut workspace: Value =
            serde_json::from_slice(&std::fs::read(home.workspace()).unwrap()).unwrap();
        workspace["azureIntegrations"][0][field] = value.clone();
        workspace["sessions"][0]["tenantId"] =
            workspace["azureIntegrations"][0]["tenantId"].clone();
        home.save_workspace(&workspace);
        let (code, said) = run(&entra, &home, &["session", "rotate", "az"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(part), "{said}");
    }
    let mut secrets = entra.secrets();
    secrets.extend([SECRET.to_owned(), "canary-of-a-wrong-secret".to_owned()]);
    home.nowhere(&secrets, &[]);
}
