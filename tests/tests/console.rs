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
    let told = home.run(["console", "user"]);
    assert_eq!(told.code, 2, "{told:?}");
    assert!(
        told.err
            .contains("does not accept temporary credentials of an IAM user"),
        "{told:?}"
    );
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
