//! Federated sessions with a real SAML identity provider, a real browser that signs in there, and an
//! STS that reads the assertion.

use std::process::{Child, Stdio};
use std::time::Duration;

use dayfly_tests::federation::free_port;
use dayfly_tests::idp::{Idp, Moto, browser};
use dayfly_tests::watch;
use dayfly_tests::{Daemon, Home, aws, until};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/team/saml";
const NOT_MINE: &str = "arn:aws:iam::123456789012:role/not-mine";
const PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/idp";
const MINUTE: Duration = Duration::from_secs(60);

fn session(name: &str, role: &str) -> Value {
    json!({
        "sessionId": format!("id-{name}"), "sessionName": name, "type": "awsIamRoleFederated",
        "region": "eu-west-1", "profileName": name, "roleArn": role, "idpArn": PROVIDER,
        "idpUrlId": "corp",
    })
}

struct Stage {
    home: Home,
    sts: Moto,
    idp: Idp,
    place: tempfile::TempDir,
}

impl Stage {
    fn new() -> Option<Self> {
        let port = free_port();
        Self::at(port, &format!("http://127.0.0.1:{port}/saml"))
    }

    fn bringing_to(acs: &str) -> Option<Self> {
        Self::at(free_port(), acs)
    }

    fn at(port: u16, acs: &str) -> Option<Self> {
        // One, and in this order: more, or the other order, the emulator cannot read.
        let roles = [format!("{ROLE},{PROVIDER}")];
        let idp = Idp::start(acs, &roles)?;
        let sts = Moto::start()?;
        let home = Home::new();
        home.save_workspace(&json!({
            "idpUrls": [{ "id": "corp", "url": idp.url() }],
            "sessions": [session("prod", ROLE), session("second", ROLE), session("wrong", NOT_MINE)],
        }));
        home.save_config(&format!(
            "[aws]\nsts-endpoint-url = \"{}\"\n[saml]\nport = {port}\n",
            sts.endpoint()
        ));
        let place = tempfile::tempdir().expect("a folder");
        Some(Self {
            home,
            sts,
            idp,
            place,
        })
    }

    /// The program with a browser in which this person signs in.
    fn with_browser(&self, args: &[&str], who: &str, password: &str) -> Option<Child> {
        let (program, environment) = browser(self.place.path(), who, password)?;
        let mut command = self.home.command(args);
        command
            .env("BROWSER", program)
            .envs(environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Some(command.spawn().expect("the program runs"))
    }

    fn nowhere(&self, secrets: &[&str]) {
        for (path, content) in self.home.files() {
            let text = String::from_utf8_lossy(&content);
            for secret in secrets {
                assert!(!text.contains(secret), "a secret is in {}", path.display());
            }
        }
    }
}

#[test]
fn a_person_signs_in_with_a_browser_and_all_sessions_of_the_idp_go_on() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let home = &stage.home;
    let daemon = Daemon::start(home);
    let refused = home.run(["session", "start", "second"]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert!(
        refused.err.contains("dayfly session login second"),
        "{}",
        refused.err
    );
    let listed = home.run(["respond"]).ok().out;
    assert!(
        listed.contains("a sign-in") && listed.contains("corp"),
        "{listed}"
    );

    let Some(child) = stage.with_browser(&["session", "login", "prod"], "alice", "wonder") else {
        return;
    };
    let ended = child.wait_with_output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert!(ended.status.success(), "{out}{err}");
    assert!(out.contains("prod started; profile prod"), "{out}");
    // What the identity provider wishes is longer than the usual hour.
    let until_end = home.session("prod").unwrap()["expiresAt"].clone();
    let began = home.session("prod").unwrap()["startedAt"].clone();
    assert_ne!(until_end, began);
    let shown = stage.place.path().join("shown");
    until(MINUTE, "the browser shows how it ended", || {
        std::fs::read_to_string(&shown).is_ok_and(|shown| shown.contains("You are signed in"))
    });
    let caller = aws::boto3_caller(home, "prod", &stage.sts.endpoint()).unwrap();
    assert!(caller.contains("assumed-role/"), "{caller}");
    // The same sign-in serves the others, in this process's memory.
    home.run(["session", "start", "second"]).ok();
    let refused = home.run(["session", "start", "wrong"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused.err.contains("does not offer") && refused.err.contains(NOT_MINE),
        "{}",
        refused.err
    );
    assert!(refused.err.contains(ROLE), "{}", refused.err);
    assert_eq!(home.session("wrong").unwrap()["error"]["kind"], "denied");
    // A restart forgets it.
    assert_eq!(daemon.terminate(), 0);
    let daemon = Daemon::start(home);
    assert_eq!(home.status("prod"), "active");
    let refused = home.run(["session", "rotate", "prod"]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert_eq!(home.status("prod"), "active");
    drop(daemon);
    // As base64 has them, whatever the offset: the ends of what any assertion begins with.
    stage.nowhere(&["PHNhbWxwOlJlc3BvbnNl", "SAMLResponse", "wonder"]);
    assert!(!watch::shown("PHNhbWxwOlJlc3BvbnNl"));
}

#[test]
fn an_idp_that_brings_assertions_to_aws_alone_is_served_by_a_browser_of_its_own() {
    let Some(stage) = Stage::bringing_to("https://signin.aws.amazon.com/saml") else {
        return;
    };
    let home = &stage.home;
    let place = stage.place.path();
    let Some((person, environment)) = browser(place, "alice", "wonder") else {
        return;
    };
    let port = free_port();
    let chromium = std::env::var("DAYFLY_TEST_CHROMIUM").unwrap();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n[saml]\nbrowser = [\"{chromium}\", \"--headless=new\", \
         \"--no-sandbox\", \"--remote-debugging-port={port}\"]\n",
        stage.sts.endpoint()
    ));
    let login = home
        .command(["session", "login", "prod"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until(MINUTE, "the browser is there", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let signed_in = std::process::Command::new(person)
        .envs(environment)
        .env("SIGN_IN_DEVTOOLS", format!("http://127.0.0.1:{port}"))
        .output()
        .unwrap();
    let ended = login.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&signed_in.stderr);
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{err}{told}");
    let shown = std::fs::read_to_string(place.join("shown")).unwrap();
    assert!(shown.contains("You are signed in"), "{shown}");
    let caller = aws::boto3_caller(home, "prod", &stage.sts.endpoint()).unwrap();
    assert!(caller.contains("assumed-role/"), "{caller}");
    stage.nowhere(&["PHNhbWxwOlJlc3BvbnNl", "wonder"]);
    assert!(!watch::shown("PHNhbWxwOlJlc3BvbnNl"));
}

#[test]
fn who_has_no_role_is_told_by_the_idp_of_it() {
    let Some(stage) = Stage::new() else {
        return;
    };
    // Without a running engine, this process does it all.
    let login = ["session", "login", "prod"];
    let Some(child) = stage.with_browser(&login, "bob", "builder") else {
        return;
    };
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{err}");
    assert!(err.contains("set the application up for AWS"), "{err}");
    assert_eq!(stage.home.status("prod"), "inactive");
    let Some(child) = stage.with_browser(&login, "alice", "wonder") else {
        return;
    };
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{err}");
    let caller = aws::boto3_caller(&stage.home, "prod", &stage.sts.endpoint()).unwrap();
    assert!(caller.contains("assumed-role/"), "{caller}");
    let usage = stage
        .home
        .run_with(["session", "login", "prod", "--assertion"], "canary");
    assert_eq!(usage.code, 1, "{}", usage.err);
    assert!(!usage.err.contains("canary"), "{}", usage.err);
}

#[test]
fn a_sign_in_command_serves_where_nobody_sits() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let home = &stage.home;
    // The identity provider itself, asked by a program in the place of a browser.
    let script = stage.place.path().join("saml.py");
    std::fs::write(
        &script,
        r#"
import html, http.cookiejar, os, re, sys, urllib.parse, urllib.request
jar = http.cookiejar.CookieJar()
web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
page = web.open(os.environ["DAYFLY_IDP_URL"])
text, url = page.read().decode(), page.geturl()
state = html.unescape(re.search(r'name="AuthState" value="([^"]+)"', text).group(1))
form = {"username": "alice", "password": "wonder", "AuthState": state}
text = web.open(url, urllib.parse.urlencode(form).encode()).read().decode()
answer = html.unescape(re.search(r'name="SAMLResponse" value="([^"]+)"', text).group(1))
open(sys.argv[1], "w").write(answer)
print(answer)
print("canary-noise", file=sys.stderr)
"#,
    )
    .unwrap();
    let copy = stage.place.path().join("assertion");
    let python = std::env::var("DAYFLY_TEST_FEDERATION").unwrap();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n[saml]\ncommand = [\"{python}\", \"{}\", \"{}\"]\nwait-seconds = 30\n",
        stage.sts.endpoint(),
        script.display(),
        copy.display()
    ));
    let daemon = Daemon::start(home);
    // A burst of sessions makes one sign-in.
    let children = ["prod", "second"].map(|name| home.command(["session", "start", name]).spawn());
    for child in children {
        assert!(child.unwrap().wait().unwrap().success());
    }
    let caller = aws::boto3_caller(home, "prod", &stage.sts.endpoint()).unwrap();
    assert!(caller.contains("assumed-role/"), "{caller}");
    let assertion = std::fs::read_to_string(&copy).unwrap();
    let parts = [&assertion[..60], &assertion[200..260], "canary-noise"];
    stage.home.nowhere(&parts, &[]);

    // The same assertion by hand, in the lines that some tools print.
    home.run(["session", "stop", "prod"]).ok();
    let lines: Vec<&str> = assertion
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let given = home.run_with(
        ["session", "login", "prod", "--assertion"],
        &lines.join("\n"),
    );
    assert_eq!(given.code, 0, "{}{}", given.out, given.err);
    // A command that fails is named, and its words are not repeated.
    drop(daemon);
    std::fs::write(
        &script,
        "import sys\nprint('canary-noise', file=sys.stderr)\nsys.exit(7)\n",
    )
    .unwrap();
    home.run(["session", "stop", "prod"]).ok();
    let refused = home.run(["session", "start", "prod"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused.err.contains("ended with status 7"),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains("canary"), "{}", refused.err);
    drop(stage.idp);
}

/// A form as a page of this origin sends it, by another user of this machine, who does not stay to hear
/// the answer; what they were told.
fn attack(port: u16, user: u32, origin: Option<&str>, stays: bool) -> String {
    use std::os::unix::process::CommandExt as _;
    let script = "import base64, os, socket, sys, urllib.parse\n\
        xml = '<Response xmlns=\"urn:oasis:names:tc:SAML:2.0:protocol\"><Status><StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></Status><EncryptedAssertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/></Response>'\n\
        body = urllib.parse.urlencode({'SAMLResponse': base64.b64encode(xml.encode()).decode()})\n\
        port, origin, stays = sys.argv[1:]\n\
        head = f'POST /saml HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nContent-Type: application/x-www-form-urlencoded\\r\\nContent-Length: {len(body)}\\r\\n'\n\
        head += f'Origin: {origin}\\r\\n' if origin else ''\n\
        s = socket.create_connection(('127.0.0.1', int(port)))\n\
        s.sendall((head + '\\r\\n' + body).encode())\n\
        print(s.recv(1000).decode() if stays == 'stays' else '')";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", script, &port.to_string(), origin.unwrap_or_default()]);
    command.arg(if stays { "stays" } else { "goes" });
    command.uid(user).gid(user).current_dir("/");
    let output = command.output().expect("Python runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_assertion_of_somebody_else_is_refused_and_the_sign_in_goes_on() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let home = &stage.home;
    let config = std::fs::read_to_string(home.path().join("dayfly.toml")).expect("a file");
    let port = config.rsplit_once("port = ").expect("a port").1;
    let port: u16 = port.trim().parse().expect("a port");
    let idp = stage.idp.url();
    let idp = idp.split('/').take(3).collect::<Vec<_>>().join("/");
    // The person's browser is not there yet; somebody else is.
    let mut command = home.command(["session", "login", "prod", "--no-browser"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    until(MINUTE, "it listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    if rustix::process::geteuid().is_root() {
        // With the right origin, even: any program can write that.
        for stays in [true, false] {
            let told = attack(port, 65_534, Some(&idp), stays);
            assert!(!told.contains("200 OK"), "{told}");
        }
    }
    let user = rustix::process::geteuid().as_raw();
    for origin in [Some("https://evil.example"), Some("null"), None] {
        let told = attack(port, user, origin, true);
        assert!(told.starts_with("HTTP/1.1 403"), "{origin:?}: {told}");
    }
    assert!(child.try_wait().expect("it runs").is_none(), "it goes on");
    let _ = child.kill();
    let ended = child.wait_with_output().expect("it ended");
    let err = format!(
        "{}{}",
        String::from_utf8_lossy(&ended.stderr),
        String::from_utf8_lossy(&ended.stdout)
    );
    for part in [
        "Dayfly refused an assertion",
        "https://evil.example",
        "`origins` of [saml]",
    ] {
        assert!(err.contains(part), "{err}");
    }
    assert_ne!(home.status("prod"), "active");
}
