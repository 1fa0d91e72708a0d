//! `dayfly console`: the address signs in as the role, and is told to nobody else.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, channel};

use dayfly_tests::{Daemon, Home, Ministack};
use serde_json::{Value, json};

/// A federation endpoint that answers each request so, and tells what was asked.
fn federation(status: &'static str, body: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!(
        "http://{}/federation",
        listener.local_addr().expect("a port")
    );
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
            let head = String::from_utf8_lossy(&head).into_owned();
            if tell
                .send(head.lines().next().unwrap_or_default().to_owned())
                .is_err()
            {
                return;
            }
        }
    });
    (address, told)
}

/// What a query says, decoded by somebody else's code.
fn query(sts: &Ministack, address: &str) -> Value {
    let script = "import json, os, urllib.parse as p\n\
        print(json.dumps(dict(p.parse_qsl(p.urlsplit(os.environ['ADDRESS']).query))))";
    let printed = sts.python(script, &[("ADDRESS", address)]);
    serde_json::from_str(&printed).expect("JSON")
}

fn home(sts: &Ministack, federation: &str) -> Home {
    let (id, secret) = sts.user("alice");
    let role = sts.role("app");
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "region": "eu-west-1" },
        { "sessionId": "app", "sessionName": "app", "type": "awsIamRoleChained",
          "region": "eu-west-1", "roleArn": role, "parentSessionId": "user" },
        { "sessionId": "login", "sessionName": "login", "type": "awsLogin",
          "loginSession": "arn:aws:iam::123456789012:user/me" },
    ]}));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\nsignin-endpoint-url = \"{federation}\"\n",
        sts.endpoint()
    ));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
    home
}

const TOKEN: &str = "sign+in/token-of-the-test";

#[test]
fn the_address_is_that_of_the_role_and_nobody_else_hears_of_it() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (federation, asked) =
        federation("200 OK", r#"{"SigninToken":"sign+in/token-of-the-test"}"#);
    let home = home(&sts, &federation);
    for with_engine in [false, true] {
        let daemon = with_engine.then(|| Daemon::start(&home));
        let keys = home.run(["credential-process", "app"]).ok().json();
        let printed = home.run(["console", "app", "--service", "s3"]).ok().out;
        let request = asked.recv().expect("the endpoint is asked");
        let asked_for = query(&sts, request.split(' ').nth(1).expect("a path"));
        assert_eq!(asked_for["Action"], "getSigninToken");
        let session: Value =
            serde_json::from_str(asked_for["Session"].as_str().expect("text")).expect("JSON");
        assert_eq!(
            session,
            json!({ "sessionId": keys["AccessKeyId"], "sessionKey": keys["SecretAccessKey"],
                "sessionToken": keys["SessionToken"] })
        );
        assert!(
            printed.starts_with(&format!("{federation}?Action=login")),
            "{printed}"
        );
        let login = query(&sts, printed.trim());
        assert_eq!(login["SigninToken"], TOKEN);
        assert_eq!(
            login["Destination"],
            "https://console.aws.amazon.com/s3/home?region=eu-west-1"
        );
        let json = home.run(["console", "app", "--json"]).ok().json();
        assert!(
            json["url"]
                .as_str()
                .is_some_and(|url| url.contains("Action=login")),
            "{json}"
        );
        let _ = asked.recv();
        // The browser is given an address on loopback, and is sent on from there.
        let browser = home.path().join("browser");
        let script = format!(
            "#!/bin/sh\necho \"$@\" > '{0}/argv'\nexec '{1}' -c '{2}' \"$1\" > '{0}/sent'\n",
            home.path().display(),
            std::env::var("DAYFLY_TEST_PYTHON").expect("Python"),
            "import http.client, sys, urllib.parse as p; u = p.urlsplit(sys.argv[1]); \
             c = http.client.HTTPConnection(u.netloc); c.request(\"GET\", u.path); \
             print(c.getresponse().getheader(\"Location\"))",
        );
        std::fs::write(&browser, script).unwrap();
        std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = home.command(["console", "app", "--open"]);
        let output = command.env("BROWSER", &browser).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains("opened in the browser") && !said.contains("http"),
            "{said}"
        );
        let argv = std::fs::read_to_string(home.path().join("argv")).unwrap();
        assert!(
            argv.starts_with("http://127.0.0.1:") && !argv.contains("Token"),
            "{argv}"
        );
        dayfly_tests::until(std::time::Duration::from_secs(10), "it is sent on", || {
            std::fs::read_to_string(home.path().join("sent"))
                .is_ok_and(|s| s.contains("SigninToken"))
        });
        let _ = asked.recv();
        std::fs::remove_file(home.path().join("sent")).unwrap();
        if let Some(daemon) = daemon {
            assert_eq!(daemon.terminate(), 0);
        }
    }
    for (path, content) in home.files() {
        let text = String::from_utf8_lossy(&content);
        assert!(
            !text.contains("sign+in") && !text.contains("sign%2Bin"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn what_has_no_console_and_what_is_refused_is_said() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (federation, _asked) = federation("400 Bad Request", "canary");
    let home = home(&sts, &federation);
    for (args, code, part) in [
        (
            &[
                "console",
                "app",
                "--policy",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
            ][..],
            2,
            "--policy is for sessions of type awsIamUser",
        ),
        (
            &["console", "user", "--policy", "nowhere"],
            2,
            "there is no file nowhere",
        ),
        (
            &["console", "login"],
            2,
            "its credentials come from a sign-in to the console",
        ),
    ] {
        let told = home.run(args);
        assert_eq!(told.code, code, "{told:?}");
        assert!(told.err.contains(part), "{told:?}");
    }
    let told = home.run(["console", "app"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(
        told.err
            .contains("does not accept these credentials (status 400)"),
        "{told:?}"
    );
    assert!(
        !told.err.contains("canary") && !told.err.contains("sessionKey"),
        "{told:?}"
    );
    assert_eq!(home.run(["console", "none"]).code, 3);
}

/// What the console was told to sign in with, and who that is by STS, with what it may do.
fn who(sts: &Ministack, request: &str) -> Value {
    let asked = query(sts, request.split(' ').nth(1).expect("a path"));
    assert_eq!(asked["Action"], "getSigninToken");
    assert_eq!(asked.get("SessionDuration"), None);
    let script = r#"
import boto3, json, os
keys = json.loads(os.environ["SESSION"])
with_keys = dict(aws_access_key_id=keys["sessionId"], aws_secret_access_key=keys["sessionKey"],
    aws_session_token=keys["sessionToken"])
def may(call):
    try:
        call()
        return True
    except Exception as error:
        assert "AccessDenied" in str(error), error
        return False
s3, sqs = boto3.client("s3", **with_keys), boto3.client("sqs", **with_keys)
print(json.dumps({"arn": boto3.client("sts", **with_keys).get_caller_identity()["Arn"],
    "s3": may(s3.list_buckets), "sqs": may(sqs.list_queues)}))
"#;
    let session = asked["Session"].as_str().expect("text");
    serde_json::from_str(&sts.python(script, &[("SESSION", session)])).expect("JSON")
}

#[test]
fn an_iam_user_without_a_role_has_a_console_with_the_rights_of_the_user_or_fewer() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (federation, asked) = federation("200 OK", r#"{"SigninToken":"token"}"#);
    let home = home(&sts, &federation);
    let allow = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{actions}],"Resource":"*"}}]}}"#
        )
    };
    let grant = "import boto3, os\nboto3.client('iam').put_user_policy(UserName='alice', \
                 PolicyName='own', PolicyDocument=os.environ['POLICY'])";
    let give = |actions: &str| sts.python(grant, &[("POLICY", &allow(actions))]);
    let _ = give(r#""sts:GetFederationToken", "s3:*", "sqs:*""#);
    let printed = home.run(["console", "user"]).ok().out;
    assert!(printed.contains("SigninToken=token"), "{printed}");
    let who_is = who(&sts, &asked.recv().expect("it is asked"));
    let arn = who_is["arn"].as_str().expect("an ARN");
    assert!(arn.ends_with(":federated-user/dayfly-user"), "{arn}");
    assert_eq!(
        (&who_is["s3"], &who_is["sqs"]),
        (&json!(true), &json!(true))
    );
    // Fewer with a policy of one's own, and never more than the user has.
    let policy = home.path().join("policy.json");
    std::fs::write(&policy, allow(r#""s3:*", "ec2:*""#)).expect("a file");
    let policy = policy.to_str().expect("text");
    home.run(["console", "user", "--policy", policy]).ok();
    let who_is = who(&sts, &asked.recv().expect("it is asked"));
    assert_eq!(
        (&who_is["s3"], &who_is["sqs"]),
        (&json!(true), &json!(false))
    );
    // It is the key that asks, also where the session itself has temporary credentials.
    home.run(["session", "start", "user"]).ok();
    home.run(["console", "user"]).ok();
    let _ = asked.recv();
    // A code of a device is not asked for, and that is said.
    home.run(["session", "edit", "user", "--mfa-device", "GAHT12345678"])
        .ok();
    let told = home.run(["console", "user"]).ok();
    assert!(
        told.err.contains("takes no code of an MFA device"),
        "{}",
        told.err
    );
    let _ = asked.recv();
}
