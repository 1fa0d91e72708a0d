//! Whoever asks is told an end that is a little early, never gets credentials that have ended or
//! none at all as if they were some, and is never kept waiting for a person.

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use dayfly_tests::door::exported;
use dayfly_tests::{Daemon, Door, Exec, Home, Ministack, until};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// What a client was told: credentials, or how it was refused.
type Told = Result<Value, String>;

/// A way to ask, by its name.
struct Way<'h> {
    name: &'static str,
    ask: Box<dyn Fn() -> Told + 'h>,
}

fn process(home: &Home) -> Way<'_> {
    let ask = || {
        let ended = home.run(["credential-process", "app"]);
        match ended.code {
            0 => Ok(ended.json()),
            code => Err(format!("{code}: {}", ended.err)),
        }
    };
    Way {
        name: "credential_process",
        ask: Box::new(ask),
    }
}

fn door<'h>(name: &'static str, door: Door) -> Way<'h> {
    let ask = move || match door.ask() {
        (200, answer) => Ok(answer),
        (status, answer) => Err(format!("{status}: {answer}")),
    };
    Way {
        name,
        ask: Box::new(ask),
    }
}

/// Every endpoint of a running engine.
fn doors<'h>(home: &Home) -> Vec<Way<'h>> {
    let at = |more: &[&str]| Door::of(&exported(home, "app", more));
    vec![
        door("container, token", at(&[])),
        door("container, token file", at(&["--token-file"])),
        door("IMDS", at(&["--imds"])),
    ]
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("a port").port()
}

/// A user whose credentials live so many seconds, and stand in no file.
fn home(sts: &Ministack, endpoint: &str, seconds: u32) -> Home {
    // One for each home.
    let name = format!("alice-{}", free_port());
    let (id, secret) = sts.user(&name);
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{endpoint}\"\n[imds]\nsession = \"app\"\nport = {}\n",
        free_port()
    ));
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "app", "sessionName": "app", "type": "awsIamUser",
          "region": "eu-west-1", "durationSeconds": seconds },
    ]}));
    home.run_with(["secret", "set", "app"], &format!("{id}\n{secret}\n"))
        .ok();
    home
}

/// Seconds of the epoch of an RFC 3339 moment, by somebody else's code.
fn seconds(sts: &Ministack, moment: &Value) -> f64 {
    let script = "import os, datetime as d\n\
        print(d.datetime.fromisoformat(os.environ['MOMENT'].replace('Z', '+00:00')).timestamp())";
    let moment = moment.as_str().expect("a moment");
    sts.python(script, &[("MOMENT", moment)])
        .parse()
        .expect("a number")
}

#[test]
fn every_target_tells_an_end_a_little_early() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = home(&sts, &sts.endpoint(), 900);
    for with_engine in [false, true] {
        let daemon = with_engine.then(|| Daemon::start(&home));
        home.run(["session", "start", "app"]).ok();
        let mut ways = vec![process(&home)];
        let exec = [&["app"][..], &["app", "--imds"]].map(|args| Exec::start(&home, args));
        let [container, imds] = &exec;
        ways.push(door("exec", Door::of(&container.environment)));
        ways.push(door("exec --imds", Door::of(&imds.environment)));
        if with_engine {
            ways.extend(doors(&home));
        }
        let real = home.run(["session", "show", "app", "--json"]).ok().json();
        let real = seconds(&sts, &real["expiresAt"]);
        for way in &ways {
            let told = (way.ask)().unwrap_or_else(|why| panic!("{}: {why}", way.name));
            let early = real - seconds(&sts, &told["Expiration"]);
            assert!((40.0..50.0).contains(&early), "{}: {early}", way.name);
        }
        drop(ways);
        drop(exec);
        if let Some(daemon) = daemon {
            assert_eq!(daemon.terminate(), 0);
        }
    }
}

#[test]
fn nothing_that_has_ended_is_told_as_good_and_the_file_is_emptied() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let gate = sts.gate();
    for with_engine in [false, true] {
        let home = home(&sts, &gate.endpoint(), 6);
        let mut workspace: Value =
            serde_json::from_slice(&std::fs::read(home.workspace()).unwrap()).unwrap();
        workspace["sessions"][0]["profileName"] = json!("app");
        home.save_workspace(&workspace);
        let daemon = with_engine.then(|| Daemon::start(&home));
        home.run(["session", "start", "app"]).ok();
        let exec = [&["app"][..], &["app", "--imds"]].map(|args| Exec::start(&home, args));
        let [container, imds] = &exec;
        let mut ways = vec![
            process(&home),
            door("exec", Door::of(&container.environment)),
            door("exec --imds", Door::of(&imds.environment)),
        ];
        if with_engine {
            ways.extend(doors(&home));
        }
        assert!(home.credentials_text().contains("[app]"));
        // The cloud is gone, so they are asked for until they end, and after that.
        gate.shut(true);
        let (mut good, mut refused) = (0, 0);
        let begun = Instant::now();
        while begun.elapsed() < 9 * SECOND {
            for way in &ways {
                match (way.ask)() {
                    Ok(told) => {
                        good += 1;
                        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                        let now = now.unwrap().as_secs_f64();
                        let end = seconds(&sts, &told["Expiration"]);
                        // What was good when it was asked for may end on the way here.
                        assert!(end > now - 2.0, "{}: {told}", way.name);
                        for field in ["AccessKeyId", "SecretAccessKey"] {
                            let value = told[field].as_str().unwrap_or_default();
                            assert!(!value.is_empty(), "{}: {told}", way.name);
                        }
                    }
                    Err(why) => {
                        refused += 1;
                        assert!(!why.starts_with("0: "), "{}: {why}", way.name);
                    }
                }
            }
        }
        assert!(
            good >= ways.len() && refused >= ways.len(),
            "{good} {refused}"
        );
        for way in &ways {
            assert!((way.ask)().is_err(), "{}", way.name);
        }
        drop(ways);
        drop(exec);
        if let Some(daemon) = daemon {
            until(20 * SECOND, "the file is emptied", || {
                !home.credentials_text().contains("[app]")
            });
            assert_eq!(daemon.terminate(), 0);
        }
        gate.shut(false);
    }
}

#[test]
fn what_needs_a_person_is_refused_at_once_and_says_so() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = home(&sts, &sts.endpoint(), 900);
    let mut workspace: Value =
        serde_json::from_slice(&std::fs::read(home.workspace()).unwrap()).unwrap();
    workspace["sessions"][0]["mfaDevice"] = json!("arn:aws:iam::000000000000:mfa/alice");
    home.save_workspace(&workspace);
    let exec = home.run(["exec", "app", "--", "true"]);
    assert_eq!(exec.code, 5, "{exec:?}");
    let told = (process(&home).ask)().unwrap_err();
    assert!(told.starts_with("5: ") && told.contains("MFA"), "{told}");
    let daemon = Daemon::start(&home);
    let socket = |by: &str| {
        let request = format!(r#"{{"do":"endpoint","session":"app","by":"{by}"}}"#);
        home.socket(&request)["ok"].clone()
    };
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let container = socket("token");
    let environment = [
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(),
            text(&container["url"]),
        ),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(),
            text(&container["token"]),
        ),
    ];
    let metadata = [(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT".to_owned(),
        text(&socket("imds")["url"]),
    )];
    let ways = [
        process(&home),
        door("container", Door::of(&environment.into())),
        door("IMDS", Door::of(&metadata.into())),
    ];
    for way in ways {
        let begun = Instant::now();
        let told = (way.ask)().unwrap_err();
        // A person would take longer than that.
        assert!(
            begun.elapsed() < 10 * SECOND,
            "{}: {:?}",
            way.name,
            begun.elapsed()
        );
        let code = told.split(':').next().unwrap_or_default().to_owned();
        assert!(
            ["5", "400"].contains(&code.as_str()),
            "{}: {told}",
            way.name
        );
        assert!(told.contains("MFA"), "{}: {told}", way.name);
    }
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn what_was_stopped_is_served_nowhere_any_more() {
    let home = Home::new();
    home.save_config(&format!(
        "[imds]\nsession = \"app\"\nport = {}\n",
        free_port()
    ));
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "app", "sessionName": "app", "type": "localstack", "profileName": "app",
          "region": "eu-west-1", "delivery": ["credentials-file", "credential-process"] },
    ]}));
    for with_engine in [false, true] {
        let daemon = with_engine.then(|| Daemon::start(&home));
        home.run(["session", "start", "app"]).ok();
        let exec = [&["app"][..], &["app", "--token-file"], &["app", "--imds"]]
            .map(|args| Exec::start(&home, args));
        let mut ways = vec![process(&home)];
        let at = exec.iter().map(|exec| Door::of(&exec.environment));
        ways.extend(at.map(|at| door("exec", at)));
        if with_engine {
            ways.extend(doors(&home));
        }
        for way in &ways {
            (way.ask)().unwrap_or_else(|why| panic!("{}: {why}", way.name));
        }
        home.run(["session", "stop", "app"]).ok();
        assert_eq!(home.credentials_text(), "");
        let config = std::fs::read_to_string(home.path().join(".aws/config"));
        assert_eq!(config.unwrap_or_default(), "");
        for way in &ways {
            // What was just answered is good for further questions for a second.
            until(10 * SECOND, way.name, || {
                (way.ask)().is_err_and(|why| why.contains("you stopped the session"))
            });
        }
        home.run(["session", "release", "app"]).ok();
        drop(ways);
        drop(exec);
        if let Some(daemon) = daemon {
            assert_eq!(daemon.terminate(), 0);
        }
    }
}

#[test]
fn another_metadata_endpoint_is_opened_while_the_engine_runs() {
    let home = Home::new();
    let session = |id: &str| json!({ "sessionId": id, "sessionName": id, "type": "localstack" });
    home.save_workspace(&json!({ "sessions": [session("one"), session("two")] }));
    let (first, second) = (free_port(), free_port());
    let configure = |session: &str, port: u16| {
        home.save_config(&format!("[imds]\nsession = \"{session}\"\nport = {port}\n"));
    };
    configure("one", first);
    let daemon = Daemon::start(&home);
    let is_open = |port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    let serves = |session: &str, port: u16| {
        let told = || Door::of(&exported(&home, session, &["--imds"]));
        until(20 * SECOND, "it is the one that is configured", || {
            home.run(["env", session, "--imds", "--shell", "bash"]).code == 0
                && told().address == format!("127.0.0.1:{port}")
        });
        let door = told();
        assert_eq!(door.ask().0, 200);
        let pass = door.pass(60);
        let roles = "GET /latest/meta-data/iam/security-credentials/";
        assert_eq!(door.send(roles, &pass).1, session);
    };
    serves("one", first);
    // Another session at the same port, another port, none, and what cannot be opened.
    configure("two", first);
    serves("two", first);
    let other = home.run(["env", "one", "--imds"]);
    assert_eq!(other.code, 3, "{}", other.err);
    configure("two", second);
    serves("two", second);
    assert!(!is_open(first));
    home.save_config("");
    until(20 * SECOND, "it is closed", || !is_open(second));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    configure("one", taken.local_addr().expect("a port").port());
    until(20 * SECOND, "it is told", || {
        daemon.output().contains("cannot listen on port")
    });
    configure("nobody", first);
    until(20 * SECOND, "it is told", || {
        daemon.output().contains("no metadata endpoint: ")
    });
    configure("one", first);
    serves("one", first);
    assert_eq!(daemon.terminate(), 0);
}
