//! The control socket and the engine's life: whoever asks much, or nothing, keeps nobody from looking and
//! stopping, and whoever listens in the engine's place gets nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dayfly_tests::federation::free_port;
use dayfly_tests::home::program;
use dayfly_tests::{Daemon, Home, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);
const KEY: &str = "AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00\n";

fn socket(home: &Home) -> UnixStream {
    UnixStream::connect(home.path().join("state/engine.sock")).expect("it listens")
}

fn in_time<T>(limit: Duration, what: &str, done: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let outcome = done();
    assert!(begun.elapsed() < limit, "{what} took {:?}", begun.elapsed());
    outcome
}

#[test]
fn programs_that_wait_for_a_cloud_keep_nobody_from_looking_and_stopping() {
    // A cloud that takes requests and never answers.
    let cloud = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = cloud.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in cloud.incoming() {
            held.push(stream);
        }
    });
    let home = Home::new();
    home.save_config(&format!("[aws]\nsts-endpoint-url = \"http://{address}\"\n"));
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "hangs", "sessionName": "hangs", "type": "awsIamUser", "profileName": "hangs", "region": "eu-west-1" },
        { "sessionId": "well", "sessionName": "well", "type": "localstack", "profileName": "well" },
    ]}));
    home.run_with(["secret", "set", "hangs"], KEY).ok();
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "well"]).ok();
    let waiting: Vec<UnixStream> = (0..600)
        .map(|_| {
            let mut stream = socket(&home);
            let asked = stream.write_all(b"{\"do\":\"credentials\",\"session\":\"hangs\"}\n");
            asked.expect("it is taken");
            stream
        })
        .collect();
    // More than may wait are told so at once.
    let last = waiting.last().expect("some wait");
    last.set_read_timeout(Some(60 * SECOND)).expect("a timeout");
    let mut refused = String::new();
    BufReader::new(last)
        .read_line(&mut refused)
        .expect("it is answered");
    assert!(refused.contains("requests wait for a cloud"), "{refused}");
    // And 200 more that say nothing.
    let silent: Vec<UnixStream> = (0..200).map(|_| socket(&home)).collect();
    let status = in_time(8 * SECOND, "status", || home.run(["status", "--json"]));
    assert!(status.json()["engine"].is_object(), "{}", status.err);
    in_time(8 * SECOND, "stop", || home.run(["session", "stop", "well"])).ok();
    assert_eq!(home.status("well"), "inactive");
    drop((waiting, silent));
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn deep_and_wide_requests_are_answered_with_an_error_and_cost_little() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [] }));
    let daemon = Daemon::start(&home);
    let deep = "[".repeat(900_000);
    let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let wide: String = (0..70_000).map(|n| format!("\"k{n}\":0,")).collect();
    let objects = "{\"a\":".repeat(150_000);
    for data in [deep, closed, objects] {
        let answer = home.socket(&format!("{{\"do\":\"emit\",\"name\":\"x\",\"data\":{data}"));
        assert_eq!(answer["error"]["code"], "usage", "{answer}");
    }
    let answer = home.socket(&format!("{{\"do\":\"report\",{wide}\"z\":0}}"));
    assert_eq!(answer["error"]["code"], "usage", "{answer}");
    // Beyond the bound nothing is read: a billion keys cost no more.
    let mut stream = socket(&home);
    let part = b"\"key\":0,".repeat(8_192);
    let begun = stream.write_all(b"{\"do\":\"emit\",\"name\":\"x\",\"data\":{");
    begun.expect("it is taken");
    let mut sent = 0usize;
    while sent < 256 << 20 && stream.write_all(&part).is_ok() {
        sent += part.len();
    }
    assert!(sent < 8 << 20, "{sent} bytes were taken");
    let answer = home.socket(r#"{"do":"report"}"#);
    assert!(answer["ok"]["engine"].is_object(), "{answer}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_ends_nothing() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "one", "sessionName": "one", "type": "localstack", "profileName": "one" },
    ]}));
    let log = home.path().join("run.log");
    let mut daemon = Daemon::spawn_under(&home, &["nohup"], &log).answering(&home);
    let signal = |pid: u32, signal| {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("an id"), signal).expect("it runs");
    };
    signal(daemon.pid(), Signal::HUP);
    // Signals are handled in the order of their numbers or not at all; a request comes behind it.
    home.run(["session", "start", "one"]).ok();
    assert!(daemon.is_alive(), "{}", daemon.output());
    // And a command that is run outlives it as well.
    let mut command = Command::new("nohup");
    let exec = home.command([
        "exec",
        "one",
        "--",
        "sh",
        "-c",
        "kill -HUP $PPID; kill -HUP $$; echo alive",
    ]);
    command
        .arg(exec.get_program())
        .args(exec.get_args())
        .env_clear();
    command.envs(
        exec.get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let ended = command.stdin(Stdio::null()).output().expect("nohup runs");
    let out = String::from_utf8_lossy(&ended.stdout);
    assert!(
        out.contains("alive"),
        "{out}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(daemon.terminate(), 0);
    // Without it, a terminal that goes ends the engine.
    let mut daemon = Daemon::start(&home);
    signal(daemon.pid(), Signal::HUP);
    until(15 * SECOND, "it ends", || !daemon.is_alive());
}

#[test]
fn a_prompt_for_a_passphrase_ends_with_ctrl_c_and_leaves_the_terminal_as_it_was() {
    let Some(python) = dayfly_tests::portal::python() else {
        return;
    };
    let home = Home::new();
    home.save_config("[vault]\nkey = \"passphrase\"\n");
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "one", "sessionName": "one", "type": "awsIamUser", "profileName": "one", "region": "eu-west-1" },
    ]}));
    let phrase = home.path().join("phrase");
    std::fs::write(&phrase, "correct horse\n").expect("a file is written");
    let mut set = home.command(["secret", "set", "one"]);
    set.env("DAYFLY_PASSPHRASE_FILE", &phrase)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut set = set.spawn().expect("the program runs");
    set.stdin
        .take()
        .expect("an input")
        .write_all(KEY.as_bytes())
        .expect("it is taken");
    assert!(set.wait().expect("it ends").success());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fakes/interrupt.py");
    for args in [&["run"][..], &["session", "start", "one"]] {
        let command = home.command(args);
        let mut on_terminal = Command::new(&python);
        on_terminal
            .arg(&script)
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        on_terminal.envs(
            command
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        let ended = on_terminal
            .stdin(Stdio::null())
            .output()
            .expect("Python runs");
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(said.trim(), "signal 2, echo on", "{args:?}: {wrong}");
    }
}

/// What a plain HTTP server on loopback answers.
fn get(address: &str, path: &str, headers: &str, method: &str) -> Option<String> {
    use std::io::Read as _;
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

#[test]
fn the_metadata_endpoint_follows_the_workspace() {
    let home = Home::new();
    let port = free_port();
    home.save_config(&format!("[imds]\nsession = \"late\"\nport = {port}\n"));
    let session = |region: &str| {
        json!({ "sessions": [
            { "sessionId": "late", "sessionName": "late", "type": "localstack", "profileName": "late", "region": region },
        ]})
    };
    home.save_workspace(&json!({ "sessions": [] }));
    let daemon = Daemon::start(&home);
    let address = format!("127.0.0.1:{port}");
    let told = |path: &str| {
        let pass = get(
            &address,
            "/latest/api/token",
            "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n",
            "PUT",
        )?;
        get(
            &address,
            path,
            &format!("X-aws-ec2-metadata-token: {pass}\r\n"),
            "GET",
        )
    };
    let region = || told("/latest/meta-data/placement/region").unwrap_or_default();
    assert_eq!(region(), "");
    home.save_workspace(&session("eu-west-1"));
    until(10 * SECOND, "it opens", || region() == "eu-west-1");
    home.save_workspace(&session("eu-central-1"));
    until(10 * SECOND, "the region is the new one", || {
        region() == "eu-central-1"
    });
    // One that cannot be read changes nothing.
    home.save(&home.workspace(), "{ nonsense");
    let role = told("/latest/meta-data/iam/security-credentials/");
    assert_eq!(
        (region().as_str(), role.as_deref()),
        ("eu-central-1", Some("late"))
    );
    home.save_workspace(&json!({ "sessions": [] }));
    until(10 * SECOND, "it closes", || {
        TcpStream::connect(&address).is_err()
    });
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn whoever_has_the_port_of_before_learns_no_token_that_opens_anything() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "one", "sessionName": "one", "type": "localstack", "profileName": "one" },
    ]}));
    let ask = || {
        let access = home.socket(r#"{"do":"endpoint","session":"one"}"#);
        let text = |field: &str| access["ok"][field].as_str().expect("a text").to_owned();
        let url = text("url");
        let (address, path) = url
            .strip_prefix("http://")
            .and_then(|u| u.split_once('/'))
            .expect("a URL");
        (address.to_owned(), format!("/{path}"), text("token"))
    };
    let daemon = Daemon::start(&home);
    let (before, path, token) = ask();
    let opens = |address: &str, token: &str| {
        get(
            address,
            &path,
            &format!("Authorization: {token}\r\n"),
            "GET",
        )
        .is_some()
    };
    assert!(opens(&before, &token));
    assert_eq!(daemon.terminate(), 0);
    // Somebody takes the port while no engine runs. Programs show their tokens there.
    let squatter = TcpListener::bind(&before).expect("the port is free");
    let daemon = Daemon::start(&home);
    let (now, _, fresh) = ask();
    assert_ne!(now, before);
    assert!(opens(&now, &fresh));
    assert!(
        !opens(&now, &token),
        "the token of before opens the new port"
    );
    assert!(
        daemon.output().contains("another program uses port"),
        "{}",
        daemon.output()
    );
    drop(squatter);
    assert_eq!(daemon.terminate(), 0);
    // A fixed port that is taken is told, and nothing else is harmed.
    let squatter = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = squatter.local_addr().expect("an address").port();
    home.save_config(&format!("[imds]\nsession = \"one\"\nport = {port}\n"));
    let daemon = Daemon::start(&home);
    until(10 * SECOND, "it is told", || {
        daemon
            .output()
            .contains(&format!("cannot listen on port {port}"))
    });
    home.run(["session", "start", "one"]).ok();
    let refused = home.run(["env", "one", "--imds"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains(&port.to_string()), "{}", refused.err);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn an_engine_of_another_user_is_told_by_its_name_and_gets_no_secret() {
    if !rustix::process::geteuid().is_root() {
        assert!(
            std::env::var_os("DAYFLY_TEST_ALL").is_none(),
            "needs to be root"
        );
        return;
    }
    const OTHER: u32 = 65_534;
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "one", "sessionName": "one", "type": "localstack", "profileName": "one" },
    ]}));
    let path = home.path().join("state/engine.sock");
    for path in [home.path(), &home.workspace()] {
        std::os::unix::fs::chown(path, Some(OTHER), Some(OTHER)).expect("root may");
    }
    // Where the other user can run it.
    let bin = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(bin.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let copy = bin.path().join("dayfly");
    std::fs::copy(program(), &copy).expect("a copy");
    let run = home.command(["run"]);
    let mut engine = Command::new(&copy);
    engine.arg("run").env_clear().envs(
        run.get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let mut engine = engine
        .uid(OTHER)
        .gid(OTHER)
        .current_dir("/")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    until(15 * SECOND, "it listens", || {
        UnixStream::connect(&path).is_ok()
    });
    for command in [
        &["status"][..],
        &["session", "start", "one"],
        &["credential-process", "one"],
    ] {
        let ended = home.run(command);
        assert_eq!(ended.code, 1, "{command:?}: {}", ended.out);
        assert!(
            ended.err.contains("belongs to nobody"),
            "{command:?}: {}",
            ended.err
        );
        assert!(
            ended.err.contains("DAYFLY_HOME"),
            "{command:?}: {}",
            ended.err
        );
    }
    engine.kill().expect("it is ours");
    engine.wait().expect("it is ours");
    // The other way round: one who may not even reach the socket.
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [] }));
    let daemon = Daemon::start(&home);
    let status = home.command(["status"]);
    let mut other = Command::new(&copy);
    other.arg("status").env_clear().envs(
        status
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let ended = other
        .uid(OTHER)
        .gid(OTHER)
        .current_dir("/")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("belongs to root"), "{said}");
    assert_eq!(daemon.terminate(), 0);
}
