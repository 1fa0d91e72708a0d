//! Consoles side by side: each session's has a container or a profile of its own, and no command line tells the
//! address that signs in.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use dayfly_tests::{Home, Ministack, portal, wait};
use serde_json::json;

/// A federation endpoint that gives everybody a token.
fn federation() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let body = r#"{"SigninToken":"canary-token"}"#;
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/federation")
}

fn home(sts: &Ministack, config: &str) -> Home {
    let (id, secret) = sts.user("alice");
    let home = Home::new();
    let role = |session: &str, name: &str, role: &str| {
        json!({ "sessionId": session, "sessionName": name, "type": "awsIamRoleChained",
            "region": "eu-west-1", "roleArn": sts.role(role), "parentSessionId": "user" })
    };
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "region": "eu-west-1" },
        role("one", "Acme Prod/Admin", "one"), role("two", "dev & more", "two"),
    ]}));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\nsignin-endpoint-url = \"{}\"\n{config}\n",
        sts.endpoint(),
        federation()
    ));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
    home
}

/// A browser that notes how it was called and goes where it is sent, as its add-on would.
fn browser(home: &Home, name: &str) {
    let python = portal::python().expect("Python, since there is a Ministack");
    let script = "import http.client, sys, urllib.parse as p\n\
        last = sys.argv[-1]\n\
        address = dict(p.parse_qsl(last.split(\":\", 1)[1]))[\"url\"] if last.startswith(\"ext+\") else last\n\
        u = p.urlsplit(address)\n\
        c = http.client.HTTPConnection(u.netloc)\n\
        c.request(\"GET\", u.path)\n\
        open(\"sent\", \"a\").write(c.getresponse().getheader(\"Location\") + \"\\n\")\n";
    let folder = home.path().join("bin");
    std::fs::create_dir_all(&folder).expect("it is made");
    std::fs::write(folder.join("browse.py"), script).expect("it is written");
    let text = format!(
        "#!/bin/sh\nfor word; do echo \"$word\" >> argv; done\nexec '{}' '{}' \"$@\"\n",
        python.display(),
        folder.join("browse.py").display()
    );
    let path = folder.join(name);
    std::fs::write(&path, text).expect("it is written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("it is set");
}

/// Opens a console, and how the browser was called.
fn opened(home: &Home, args: &[&str]) -> (String, String) {
    let argv = home.path().join("argv");
    let _ = std::fs::remove_file(&argv);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(home.path().join("bin")).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("a path");
    let mut command = home.command([&["console", "--open"], args].concat());
    command.env("PATH", path).current_dir(home.path());
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    (text, std::fs::read_to_string(argv).unwrap_or_default())
}

/// Where the browsers were sent, once as many wrote it down: Dayfly waits until a browser came, not until it ends.
fn sent_on(home: &Home, browsers: usize) -> String {
    let read = || std::fs::read_to_string(home.path().join("sent")).unwrap_or_default();
    let what = format!("{browsers} browsers were sent on");
    wait::until(Duration::from_secs(60), &what, || {
        read().lines().count() >= browsers
    });
    read()
}

#[test]
fn each_session_has_a_container_or_a_profile_of_its_own() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = home(&sts, "console-browser = \"firefox-container\"");
    browser(&home, "firefox");
    browser(&home, "chromium");
    let (said, argv) = opened(&home, &["one"]);
    assert!(said.contains("opened in its container"), "{said}");
    let begins = "--new-tab\next+container:name=Acme%20Prod%2FAdmin&url=http%3A%2F%2F127.0.0.1%3A";
    assert!(argv.starts_with(begins), "{argv}");
    let (_, argv) = opened(&home, &["two"]);
    assert!(
        argv.contains("ext+container:name=dev%20%26%20more&url="),
        "{argv}"
    );
    let (said, argv) = opened(&home, &["one", "--browser", "granted-container"]);
    assert!(
        argv.contains("ext+granted-containers:name=Acme%20Prod%2FAdmin&url="),
        "{said}{argv}"
    );
    let mut profiles = Vec::new();
    for session in ["one", "two", "one"] {
        let (said, argv) = opened(
            &home,
            &[session, "--browser", "chromium-profile", "--service", "ddb"],
        );
        assert!(said.contains("opened in its profile"), "{said}");
        assert!(!argv.contains("canary"), "{argv}");
        profiles.push(
            argv.lines()
                .find(|line| line.starts_with("--profile-directory="))
                .expect("a profile")
                .to_owned(),
        );
    }
    assert!(
        profiles[0] == profiles[2] && profiles[0] != profiles[1],
        "{profiles:?}"
    );
    assert!(
        profiles[0].starts_with("--profile-directory=Acme-Prod-Admin-"),
        "{profiles:?}"
    );
    let folder = std::fs::metadata(home.path().join("state/browsers")).expect("it is there");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let sent = sent_on(&home, 6);
    assert!(sent.contains("dynamodbv2%2Fhome"), "{sent}");
    // A page of the console, and no other.
    let page = "https://eu-west-1.console.aws.amazon.com/lambda/home#/functions";
    opened(
        &home,
        &["one", "--page", page, "--browser", "firefox-container"],
    );
    let sent = sent_on(&home, 7);
    assert!(
        sent.contains("eu-west-1.console.aws.amazon.com%2Flambda%2Fhome%23%2Ffunctions"),
        "{sent}"
    );
    let (said, argv) = opened(&home, &["one", "--page", "https://evil.example/"]);
    assert!(said.contains("not the address of a page"), "{said}");
    assert_eq!(argv, "");
}

#[test]
fn a_browser_that_is_not_there_is_named() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = home(&sts, "");
    let mut command = home.command(["console", "one", "--open", "--browser", "granted-container"]);
    let output = command.env("PATH", home.path()).output().expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("there is no Firefox here"), "{err}");
    assert!(err.contains("set BROWSER"), "{err}");
}
