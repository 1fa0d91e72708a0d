//! Roles assumed with the token of a workload, as Kubernetes and GitHub Actions give it, against an
//! STS that holds the token's claims against the trust policy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::Duration;

use dayfly_tests::entra::{APPLICATION, SECRET, TENANT};
use dayfly_tests::{Daemon, Entra, Home, Ministack, aws, until, within};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);
const ISSUER: &str = "https://token.actions.example.com";
const SUBJECT: &str = "repo:me/it:ref:refs/heads/main";

/// A token with these claims, by Python.
fn token(sts: &Ministack, audience: &str, subject: &str) -> String {
    sts.python(
        r#"
import base64, hashlib, hmac, json, os, time
def part(value): return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
claims = {"iss": os.environ["ISS"], "aud": os.environ["AUD"], "sub": os.environ["SUB"],
          "iat": int(time.time()), "exp": int(time.time()) + 600}
text = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
sum = hmac.new(b"key", text, hashlib.sha256).digest()
print((text + b"." + base64.urlsafe_b64encode(sum).rstrip(b"=")).decode())
"#,
        &[("ISS", ISSUER), ("AUD", audience), ("SUB", subject)],
    )
}

/// A role for tokens of this issuer with this subject.
fn role(sts: &Ministack, issuer: &str, audience: &str, subject: &str) -> String {
    sts.python(
        r#"
import boto3, json, os
iam = boto3.client("iam")
host = os.environ["ISS"].removeprefix("https://")
provider = iam.create_open_id_connect_provider(Url=os.environ["ISS"], ClientIDList=[os.environ["AUD"]],
    ThumbprintList=["0" * 40])["OpenIDConnectProviderArn"]
print(iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {host + ":aud": os.environ["AUD"],
                                       host + ":sub": os.environ["SUB"]}}}]}))["Role"]["Arn"])
"#,
        &[("ISS", issuer), ("AUD", audience), ("SUB", subject)],
    )
}

fn session(name: &str, role: &str, source: (&str, Value)) -> Value {
    let mut session = json!({
        "sessionId": format!("id-{name}"), "sessionName": name, "type": "awsIamRoleWebIdentity",
        "region": "eu-west-1", "profileName": name, "roleArn": role,
    });
    session[source.0] = source.1;
    session
}

#[test]
fn tokens_come_from_a_file_or_a_command_and_are_read_anew() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let arn = role(&sts, ISSUER, "sts.amazonaws.com", SUBJECT);
    let good = token(&sts, "sts.amazonaws.com", SUBJECT);
    let other = token(&sts, "somebody-else", SUBJECT);
    let stranger = token(&sts, "sts.amazonaws.com", "repo:them/it");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
    write(&file, &format!("{good}\n"));
    // What GitHub answers at ACTIONS_ID_TOKEN_REQUEST_URL.
    let answer = folder.path().join("answer");
    write(
        &answer,
        &json!({ "count": 1437, "value": good }).to_string(),
    );
    let command = json!(["cat", answer]);

    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        session("pod", &arn, ("tokenFile", json!(file))),
        session("job", &arn, ("tokenCommand", command)),
    ] }));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    let daemon = Daemon::start(&home);
    for name in ["pod", "job"] {
        home.run(["session", "start", name]).ok();
        let caller = aws::boto3_caller(&home, name, &sts.endpoint()).unwrap();
        assert!(caller.contains(":assumed-role/ci/"), "{caller}");
    }

    // A token that the trust policy does not let in: denied, and the good credentials stay.
    for wrong in [&other, &stranger] {
        write(&file, wrong);
        let refused = home.run(["session", "rotate", "pod"]);
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(
            refused.err.contains("AssumeRoleWithWebIdentity"),
            "{}",
            refused.err
        );
        assert!(!refused.err.contains(wrong.as_str()), "{}", refused.err);
        let pod = home.session("pod").unwrap();
        assert_eq!(pod["status"], "active");
        assert_eq!(pod["error"]["kind"], "denied", "{pod:#}");
        assert!(
            pod["error"]["hint"]
                .as_str()
                .unwrap()
                .contains("trust policy"),
            "{pod:#}"
        );
    }
    // Read anew: what Kubernetes writes into the same file is used at the next rotation.
    write(&file, &good);
    home.run(["session", "rotate", "pod"]).ok();
    std::fs::remove_file(&file).unwrap();
    let refused = home.run(["session", "rotate", "pod"]);
    assert!(refused.err.contains("does not exist"), "{}", refused.err);
    assert_eq!(
        home.session("pod").unwrap()["error"]["kind"],
        "misconfigured"
    );
    write(&answer, "{\"canary\": 1}");
    let refused = home.run(["session", "rotate", "job"]);
    assert!(refused.err.contains("token"), "{}", refused.err);
    assert!(!refused.err.contains("canary"), "{}", refused.err);
    until(MINUTE, "both go on", || {
        home.status("pod") == "active" && home.status("job") == "active"
    });
    drop(daemon);
    home.nowhere(&[good, other, stranger], &[]);
}

/// Prints a token of an application for this audience: `token.py ADDRESS AUDIENCE`, with the client's
/// id and secret on two lines of a file beside it.
const TOKEN: &str = r#"
import json, os, sys, urllib.parse, urllib.request
client, secret = open(os.path.join(os.path.dirname(sys.argv[0]), "client")).read().split()
form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret,
        "scope": sys.argv[2] + "/.default"}
request = urllib.request.Request(sys.argv[1], urllib.parse.urlencode(form).encode())
with urllib.request.urlopen(request, timeout=20) as answer:
    print(json.load(answer)["access_token"])
"#;

#[test]
fn a_real_issuers_tokens_open_a_role_and_are_renewed_with_it() {
    const AUDIENCE: &str = "https://sts.amazonaws.com";
    let (Some(sts), Some(entra)) = (Ministack::start(), Entra::start(600)) else {
        return;
    };
    let issuer = format!("{}/{TENANT}/v2.0", entra.origin());
    let arn = role(&sts, &issuer, AUDIENCE, APPLICATION);
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("token.py"), TOKEN).unwrap();
    std::fs::write(place("client"), format!("{APPLICATION}\n{SECRET}\n")).unwrap();
    let python = std::env::var("DAYFLY_TEST_AZURE_PYTHON").expect("set by tests/tools");
    let address = format!("{}/{TENANT}/oauth2/v2.0/token", entra.origin());
    let command = |audience: &str| json!([python, place("token.py"), address, audience]);
    // As a sidecar does that keeps a file fresh.
    let file = place("token");
    let issued = |audience: &str| {
        let words = command(audience);
        let words = words.as_array().unwrap().iter().filter_map(Value::as_str);
        let mut words = words.map(str::to_owned);
        let mut command = std::process::Command::new(words.next().unwrap());
        entra.trusted(command.args(words));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let part = file.with_extension("part");
        std::fs::write(&part, &output.stdout).unwrap();
        std::fs::rename(part, &file).unwrap();
    };
    issued(AUDIENCE);

    let mut home = Home::new();
    entra.trusted_by(&mut home);
    let mut job = session("job", &arn, ("tokenCommand", command(AUDIENCE)));
    job["durationSeconds"] = json!(6);
    home.save_workspace(&json!({ "sessions": [
        session("pod", &arn, ("tokenFile", json!(file))), job,
    ] }));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n",
        sts.endpoint()
    ));
    let daemon = Daemon::start(&home);
    until(MINUTE, "both are active", || {
        home.status("pod") == "active" && home.status("job") == "active"
    });
    let key = |name: &str| {
        let caller = aws::boto3_caller(&home, name, &sts.endpoint()).unwrap();
        assert!(caller.contains(":assumed-role/ci/"), "{caller}");
        let text = home.credentials_text();
        let profile = &dayfly_tests::ini::profiles(&text)[name];
        profile["aws_access_key_id"].clone()
    };

    // The file is replaced by the issuer's next token: that is used at the next rotation. One for
    // somebody else is refused by the role, and what is there stays.
    let first = key("pod");
    issued("https://vault.azure.net");
    let refused = home.run(["session", "rotate", "pod"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert_eq!(home.session("pod").unwrap()["error"]["kind"], "denied");
    assert_eq!(key("pod"), first);
    issued(AUDIENCE);
    home.run(["session", "rotate", "pod"]).ok();
    assert_ne!(key("pod"), first);

    // The command is asked at each rotation, whose rule needs nobody.
    let before = entra.calls("client_credentials");
    let first = key("job");
    until(MINUTE, "it was asked again and again", || {
        entra.calls("client_credentials") >= before + 3
    });
    assert_ne!(key("job"), first);
    // Without an issuer there is no token, and that is said; it goes on by itself.
    entra.fault(Some(json!({ "where": "entra", "drop": true })));
    until(MINUTE, "the failure is shown", || {
        home.session("job").unwrap()["error"]["kind"].is_string()
    });
    entra.fault(None);
    within(MINUTE, "it goes on", || {
        let job = home.session("job").unwrap();
        match job["error"].is_null() && job["status"] == "active" {
            true => Ok(()),
            false => Err((job, home.run(["events"]).ok().out)),
        }
    });
    key("job");
    assert_eq!(daemon.terminate(), 0);
    let mut secrets = entra.secrets();
    secrets.push(SECRET.to_owned());
    home.nowhere(&secrets, &[]);
}

/// GitHub's endpoint for tokens of a job, as its documentation has it: answers who has the job's bearer,
/// with the token in a file.
fn github(
    token: &Path,
    bearer: &'static str,
) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::io::{Read as _, Write as _};
    use std::sync::atomic::{AtomicUsize, Ordering};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let (count, token) = (std::sync::Arc::clone(&asked), token.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 1_024];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let may = request.contains(&format!("Bearer {bearer}"))
                && request.starts_with("GET /token?api-version=2.0&audience=sts.amazonaws.com ");
            count.fetch_add(usize::from(may), Ordering::SeqCst);
            let body = json!({ "count": 1437, "value": std::fs::read_to_string(&token).unwrap() });
            let (status, body) = match may {
                true => ("200 OK", body.to_string()),
                false => ("401 Unauthorized", request),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    (format!("{origin}/token?api-version=2.0"), asked)
}

#[test]
fn a_job_asks_its_ci_system_for_a_new_token_each_time() {
    use std::sync::atomic::Ordering;
    const BEARER: &str = "the-bearer-of-the-job";
    let Some(sts) = Ministack::start() else {
        return;
    };
    let arn = role(&sts, ISSUER, "sts.amazonaws.com", SUBJECT);
    let good = token(&sts, "sts.amazonaws.com", SUBJECT);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, &good).unwrap();
    let (address, asked) = github(&file, BEARER);

    let mut home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        session("job", &arn, ("tokenService", json!("gitHubActions"))),
        session("lab", &arn, ("tokenVariable", json!("AWS_ID_TOKEN"))),
    ] }));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    // Outside of a job nobody gives tokens.
    for (name, words) in [
        ("job", "ACTIONS_ID_TOKEN_REQUEST_URL is not set"),
        ("lab", "the variable AWS_ID_TOKEN is not set"),
    ] {
        let refused = home.run(["session", "start", name]);
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    home.set("ACTIONS_ID_TOKEN_REQUEST_URL", &address);
    home.set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER);
    home.set("AWS_ID_TOKEN", &good);
    let daemon = Daemon::start(&home);
    for name in ["job", "lab"] {
        home.run(["session", "start", name]).ok();
        let caller = aws::boto3_caller(&home, name, &sts.endpoint()).unwrap();
        assert!(caller.contains(":assumed-role/ci/"), "{caller}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    home.run(["session", "rotate", "job"]).ok();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    drop(daemon);

    // A job without the permission, and an address that a secret is not sent to.
    home.set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another-bearer");
    let refused = home.run(["session", "rotate", "job"]);
    assert!(refused.err.contains("status 401"), "{}", refused.err);
    assert!(!refused.err.contains("another-bearer"), "{}", refused.err);
    home.set("ACTIONS_ID_TOKEN_REQUEST_URL", "http://192.0.2.1/token");
    let refused = home.run(["session", "rotate", "job"]);
    assert!(refused.err.contains("not encrypted"), "{}", refused.err);
}
