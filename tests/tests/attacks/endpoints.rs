//! Attacks on what a running engine listens on: refused, bounded, and it goes on serving.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

use dayfly_tests::door::exported;
use dayfly_tests::entra::{APPLICATION, Entra, SECRET, TENANT};
use dayfly_tests::{Daemon, Door, Exec, Home, until};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

struct Target {
    home: Home,
    daemon: Daemon,
    address: String,
    path: String,
    token: String,
}

impl Target {
    fn new() -> Self {
        let home = Home::new();
        let session = |id: &str| json!({ "sessionId": id, "sessionName": id, "type": "localstack", "profileName": id });
        home.save_workspace(&json!({ "sessions": [session("one"), session("two")] }));
        let daemon = Daemon::start(&home);
        let access = home.socket(r#"{"do":"endpoint","session":"one"}"#);
        let url = access["ok"]["url"].as_str().expect("a URL").to_owned();
        let rest = url.strip_prefix("http://").expect("plain HTTP on loopback");
        let (address, path) = rest.split_once('/').expect("a path");
        Self {
            address: address.to_owned(),
            path: format!("/{path}"),
            token: access["ok"]["token"].as_str().expect("a token").to_owned(),
            home,
            daemon,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(15 * SECOND))
            .expect("a timeout");
        stream
    }

    /// The status and body of a request with these header lines.
    fn send(&self, line: &str, headers: &[String]) -> (u16, String) {
        let mut stream = self.connect();
        let head = headers.concat();
        let request = format!("{line} HTTP/1.1\r\n{head}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is answered");
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
        (status.unwrap_or(0), answer)
    }

    fn host(&self) -> String {
        format!("Host: {}\r\n", self.address)
    }

    fn auth(&self) -> String {
        format!("Authorization: {}\r\n", self.token)
    }

    fn serves(&self) {
        let (status, answer) =
            self.send(&format!("GET {}", self.path), &[self.host(), self.auth()]);
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("AccessKeyId"), "{answer}");
    }
}

#[test]
fn whoever_does_not_have_the_right_token_and_host_gets_nothing() {
    let target = Target::new();
    target.serves();
    let other = target.home.socket(r#"{"do":"endpoint","session":"two"}"#);
    let other = other["ok"]["token"].as_str().unwrap().to_owned();
    let (host, auth) = (target.host(), target.auth());
    let path = &target.path;
    let header = |name: &str, value: &str| format!("{name}: {value}\r\n");
    for (line, headers, wanted) in [
        (format!("GET {path}"), vec![host.clone()], 401),
        (
            format!("GET {path}"),
            vec![host.clone(), header("Authorization", &other)],
            401,
        ),
        (
            format!("GET {path}"),
            vec![
                host.clone(),
                header("Authorization", &format!("Bearer {}", target.token)),
            ],
            401,
        ),
        (
            format!("GET {path}"),
            vec![host.clone(), header("Authorization", "")],
            401,
        ),
        (
            "GET /creds/two".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        (
            "GET /creds/".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        (
            "GET /creds/../creds/one".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        (
            "GET /creds/%2e%2e/one".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        (
            "GET //creds/one".to_owned(),
            vec![host.clone(), auth.clone()],
            401,
        ),
        ("GET /".to_owned(), vec![host.clone(), auth.clone()], 401),
        (
            format!("GET {path}?x=1"),
            vec![host.clone(), auth.clone()],
            400,
        ),
        (
            format!("POST {path}"),
            vec![host.clone(), auth.clone()],
            405,
        ),
        (
            format!("GET {path}"),
            vec![header("Host", "attacker.example"), auth.clone()],
            403,
        ),
        (
            format!("GET {path}"),
            vec![header("Host", "127.0.0.1.attacker.example"), auth.clone()],
            403,
        ),
        (
            format!("GET {path}"),
            vec![
                host.clone(),
                auth.clone(),
                header("Origin", "https://attacker.example"),
            ],
            403,
        ),
    ] {
        let (status, answer) = target.send(&line, &headers);
        assert_eq!(status, wanted, "{line} {headers:?}: {answer}");
        assert!(!answer.contains("AccessKeyId"), "{answer}");
    }
    target.serves();
    // A request that is no request, and one whose head has no end.
    let mut stream = target.connect();
    stream
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        .unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let mut stream = target.connect();
    let _ =
        stream.write_all(format!("GET {path} HTTP/1.1\r\nX: {}", "x".repeat(1 << 20)).as_bytes());
    let _ = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("AccessKeyId"));
    target.serves();
    assert_eq!(target.daemon.terminate(), 0);
}

#[test]
fn many_and_slow_connections_do_not_keep_it_from_serving() {
    let target = Target::new();
    let descriptors = || {
        let folder = format!("/proc/{}/fd", target.daemon.pid());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    };
    let resident = || -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", target.daemon.pid()));
        let status = status.expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.and_then(|kib| kib.parse().ok()).expect("a number")
    };
    let served_in = |limit: Duration, how: &str| {
        let begun = Instant::now();
        target.serves();
        assert!(begun.elapsed() < limit, "{how}: {:?}", begun.elapsed());
    };
    let (before, resident_before) = (descriptors(), resident());
    // More than have places, each of which says a letter now and then and never ends.
    let mut slow: Vec<TcpStream> = (0..400).map(|_| target.connect()).collect();
    for letter in b"GET /creds/one HTTP/1.1" {
        for stream in &mut slow {
            // Some are cut off already.
            let _ = stream.write_all(&[*letter]);
        }
        served_in(2 * SECOND, "beside slow ones");
        // Sleeps since a slow client is the attack.
        std::thread::sleep(Duration::from_millis(300));
    }
    // Ten thousand at once that say nothing, as many as this process may hold.
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let most = usize::try_from(most.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let many = 10_000.min(most.saturating_sub(slow.len() + 200));
    let silent: Vec<TcpStream> = (0..many).map(|_| target.connect()).collect();
    served_in(2 * SECOND, "beside silent ones");
    assert!(descriptors() < before + 400, "{}", descriptors());
    // And ten thousand that come and go.
    for _ in 0..10_000 {
        drop(target.connect());
    }
    served_in(2 * SECOND, "after many");
    let grown = resident().saturating_sub(resident_before);
    println!("{many} at once; grown by {grown} KiB");
    assert!(grown < 48 << 10, "{grown} KiB");
    // Everything is given back, those that were held open too.
    until(15 * SECOND, "descriptors are given back", || {
        descriptors() <= before + 8
    });
    drop((slow, silent));
    target.serves();
    let log = target.daemon.output();
    assert!(!log.contains(&target.token));
    assert!(log.len() < 64 << 10, "{} bytes", log.len());
    assert_eq!(target.daemon.terminate(), 0);
}

#[test]
fn the_managed_identity_endpoint_opens_to_its_own_token_alone() {
    let Some(entra) = Entra::start(600) else {
        return;
    };
    let mut home = Home::new();
    entra.trusted_by(&mut home);
    let session = |id: &str| {
        json!({ "sessionId": id, "sessionName": id, "type": "azure", "tenantId": TENANT,
            "subscriptionId": id, "azureIntegrationId": "work" })
    };
    let mut integration = entra.integration("work", "clientSecret");
    integration["clientId"] = json!(APPLICATION);
    home.save_workspace(&json!({
        "sessions": [session("one"), session("two")], "azureIntegrations": [integration],
    }));
    home.run_with(["integration", "login", "work"], SECRET).ok();
    let daemon = Daemon::start(&home);
    let access = |session: &str| {
        let environment = exported(&home, session, &[]);
        let url = environment["IDENTITY_ENDPOINT"].clone();
        let rest = url.strip_prefix("http://").expect("plain HTTP on loopback");
        let (address, path) = rest.split_once('/').expect("a path");
        let header = environment["IDENTITY_HEADER"].clone();
        (address.to_owned(), format!("/{path}"), header)
    };
    let (address, path, token) = access("one");
    let (_, other_path, other) = access("two");
    let ask = |path: &str, host: &str, headers: &str| {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        let head = format!(
            "GET {path}?resource={}&api-version=2019-08-01 HTTP/1.1\r\n\
             Host: {host}\r\n{headers}Connection: close\r\n\r\n",
            entra.origin()
        );
        stream.write_all(head.as_bytes()).expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is answered");
        let status: u16 = answer[9..12].parse().expect("a status");
        (status, answer)
    };
    let with = |token: &str| format!("X-IDENTITY-HEADER: {token}\r\n");
    let own = with(&token);
    let serves = || {
        let (status, answer) = ask(&path, &address, &own);
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("access_token"), "{answer}");
    };
    serves();
    let up = path.replace("/one/", "/two/../one/");
    let twice = path.replace("/azure/", "//azure/");
    let encoded = path.replace("/one/", "/%2e%2e/one/");
    for (path, host, headers, wanted) in [
        (path.as_str(), address.as_str(), String::new(), 401),
        (&path, &address, with("wrong"), 401),
        (&path, &address, with(&other), 401),
        (&path, &address, format!("{own}{own}"), 401),
        (&path, &address, format!("Authorization: {token}\r\n"), 401),
        (&other_path, &address, own.clone(), 401),
        (&up, &address, own.clone(), 401),
        (&encoded, &address, own.clone(), 401),
        (&twice, &address, own.clone(), 401),
        (&path, "attacker.example", own.clone(), 403),
        (&path, &address, format!("{own}Origin: http://x\r\n"), 403),
    ] {
        let (status, answer) = ask(path, host, &headers);
        assert_eq!(status, wanted, "{path} {host}: {answer}");
        assert!(!answer.contains("access_token"), "{answer}");
    }
    serves();
    until(10 * SECOND, "it is recorded", || {
        turned_away(&home).contains("the token is missing or wrong")
    });
    let told = turned_away(&home) + &daemon.output();
    assert!(!told.contains(&token) && !told.contains(&other), "{told}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn the_control_socket_is_for_its_owner_and_takes_only_what_it_knows() {
    let target = Target::new();
    let state = target.home.path().join("state");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state.join("engine.sock")), 0o600);
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("endpoint.json")), 0o600);
    for request in [
        "",
        "{",
        "[]",
        r#"{"do":"shutdown"}"#,
        r#"{"do":"report","more":1}"#,
        r#"{"do":"order","session":"one","action":"explode"}"#,
        &format!(
            r#"{{"do":"order","session":"{}","action":"start"}}"#,
            "x".repeat(100_000)
        ),
    ] {
        let answer = target.home.socket(request);
        assert!(
            answer["error"]["message"].is_string(),
            "{request:.40}: {answer}"
        );
    }
    // One that never ends is cut off at the bound.
    let mut stream = UnixStream::connect(state.join("engine.sock")).unwrap();
    let _ = stream.write_all(&vec![b'x'; 2 << 20]);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.contains("error"),
        "{answer:.100}"
    );
    target.serves();
    // Nothing of a token is in what was written.
    let printed = target.daemon.output();
    assert!(!printed.contains(&target.token));
    assert_eq!(target.daemon.terminate(), 0);
}

/// What was turned away, as `dayfly events` has it.
fn turned_away(home: &Home) -> String {
    let lines = home.run(["events"]).ok().out;
    let lines = lines
        .lines()
        .filter(|line| line.contains("refused a request"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn another_user_of_this_machine_is_turned_away_and_that_is_recorded_without_a_secret() {
    let target = Target::new();
    let wrong = "canary-of-a-wrong-token";
    let header = format!("Authorization: {wrong}\r\n");
    let line = format!("GET {}", target.path);
    for _ in 0..50 {
        assert_eq!(target.send(&line, &[target.host(), header.clone()]).0, 401);
    }
    until(10 * SECOND, "it is recorded", || {
        turned_away(&target.home).contains("the token is missing or wrong")
    });
    if rustix::process::geteuid().is_root() {
        // With the right token.
        let (host, port) = target.address.split_once(':').expect("an address");
        let request = format!(
            "GET {} HTTP/1.1\\r\\n{}{}Connection: close\\r\\n\\r\\n",
            target.path,
            target.host().replace("\r\n", "\\r\\n"),
            target.auth().replace("\r\n", "\\r\\n"),
        );
        let script = format!("exec 3<>/dev/tcp/{host}/{port}; printf '{request}' >&3; cat <&3");
        let ask = |user: u32| {
            let mut command = std::process::Command::new("bash");
            command.uid(user).gid(user).args(["-c", &script]);
            let output = command.current_dir("/").output().expect("bash runs");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let own = ask(0);
        assert!(own.starts_with("HTTP/1.1 200"), "{own}");
        let other = ask(65_534);
        assert!(other.starts_with("HTTP/1.1 403"), "{other}");
        assert!(!other.contains("AccessKeyId"), "{other}");
        until(10 * SECOND, "it is recorded", || {
            turned_away(&target.home).contains("the request is from another user of this machine")
        });
    } else {
        assert!(
            std::env::var_os("DAYFLY_TEST_ALL").is_none(),
            "needs to be root"
        );
    }
    target.serves();
    // A flood is few lines.
    let told = turned_away(&target.home);
    assert!(told.lines().count() <= 5, "{told}");
    let log = target.daemon.output();
    let written = target.home.files();
    let texts = written
        .iter()
        .map(|(_, content)| String::from_utf8_lossy(content));
    for text in texts.chain([log.into(), told.into()]) {
        assert!(!text.contains(wrong));
    }
    let state = target.home.path().join("state");
    for (path, content) in written {
        let holds = String::from_utf8_lossy(&content).contains(&target.token);
        assert!(
            !holds || path == state.join("endpoint.json"),
            "{}",
            path.display()
        );
    }
    assert_eq!(target.daemon.terminate(), 0);
}

#[test]
fn the_metadata_endpoint_tells_only_what_it_is_for_and_only_to_who_may_ask() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "one", "sessionName": "one", "type": "localstack", "region": "eu-west-1" },
        { "sessionId": "two", "sessionName": "two", "type": "localstack" },
    ]}));
    let exec = Exec::start(&home, &["one", "--imds"]);
    let door = Door::of(&exec.environment);
    assert_eq!(door.ask().0, 200);
    let roles = "/latest/meta-data/iam/security-credentials";
    let ttl = |seconds: &str| format!("X-aws-ec2-metadata-token-ttl-seconds: {seconds}\r\n");
    let pass = door.pass(21_600);
    let get = |path: &str| door.send(&format!("GET {path}"), &pass);
    for path in [roles.to_owned(), format!("{roles}/")] {
        assert_eq!(get(&path), (200, "one".to_owned()));
    }
    assert_eq!(
        get("/latest/meta-data/placement/region"),
        (200, "eu-west-1".to_owned())
    );
    let document = get("/latest/dynamic/instance-identity/document");
    assert!(
        document.1.contains(r#""region":"eu-west-1""#),
        "{document:?}"
    );
    for path in [
        "/".to_owned(),
        "/latest/".to_owned(),
        "/latest/meta-data/".to_owned(),
        "/latest/user-data".to_owned(),
        "/latest/api/token/".to_owned(),
        format!("{roles}/two"),
        format!("{roles}one"),
        format!("{roles}/one/"),
        format!("{roles}/../security-credentials/one"),
        format!("{roles}/%6fne"),
        "/creds/one".to_owned(),
    ] {
        let (status, body) = get(&path);
        assert_eq!(status, 404, "{path}: {body}");
    }
    for (line, headers, wanted) in [
        // Version 1 is not answered.
        (format!("GET {roles}/one"), String::new(), 401),
        (
            format!("GET {roles}/one"),
            "X-aws-ec2-metadata-token: x\r\n".to_owned(),
            401,
        ),
        (format!("GET {roles}/one"), format!("{pass}{pass}"), 401),
        (format!("GET {roles}/one?x=1"), pass.clone(), 400),
        (format!("POST {roles}/one"), pass.clone(), 405),
        (
            format!("GET {roles}/one"),
            format!("{pass}X-Forwarded-For: 10.0.0.1\r\n"),
            403,
        ),
        (
            format!("GET {roles}/one"),
            format!("{pass}Origin: http://attacker\r\n"),
            403,
        ),
        ("PUT /latest/api/token".to_owned(), String::new(), 400),
        ("PUT /latest/api/token".to_owned(), ttl("0"), 400),
        ("PUT /latest/api/token".to_owned(), ttl("21601"), 400),
        ("PUT /latest/api/token".to_owned(), ttl("-1"), 400),
        (
            "PUT /latest/api/token".to_owned(),
            format!("{}X-Forwarded-For: 1\r\n", ttl("60")),
            403,
        ),
        ("GET /latest/api/token".to_owned(), ttl("60"), 405),
    ] {
        let (status, body) = door.send(&line, &headers);
        assert_eq!(status, wanted, "{line} {headers}: {body}");
        assert!(!body.contains("AccessKeyId"), "{body}");
    }
    // A page of another name cannot ask, even with the headers.
    let mut stream = TcpStream::connect(&door.address).unwrap();
    let head = "PUT /latest/api/token HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n";
    stream
        .write_all(format!("{head}{}\r\n", ttl("60")).as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    // A token ends when it said it would.
    let short = door.pass(1);
    until(20 * SECOND, "the token ends", || {
        door.send(&format!("GET {roles}/"), &short).0 == 401
    });
}
