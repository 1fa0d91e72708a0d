//! The engine as a service: a real systemd starts, watches, replaces and forgets it.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dayfly_tests::{Door, Ministack, Systemd, until};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);
const UNIT: &str = "dayfly.service";

/// The home of a person with a role that a real STS gives out.
fn person(systemd: &Systemd, sts: &Ministack) {
    systemd.dayfly(&["init"]).ok();
    let (id, secret) = sts.user("alice");
    let config = systemd.home().join(".config/dayfly");
    let workspace = json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "region": "eu-west-1" },
        { "sessionId": "role", "sessionName": "role", "type": "awsIamRoleChained", "region": "eu-west-1",
          "profileName": "role", "roleArn": sts.role("one"), "parentSessionId": "user" },
    ]});
    std::fs::write(config.join("workspace.json"), workspace.to_string()).expect("it is written");
    let toml = format!("[aws]\nsts-endpoint-url = \"{}\"\n", sts.endpoint());
    std::fs::write(config.join("dayfly.toml"), toml).expect("it is written");
    let mut command = systemd.command(systemd.program(), &["secret", "set", "user"]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("it runs");
    let input = format!("{id}\n{secret}\n");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), input.as_bytes())
        .expect("it reads");
    assert!(child.wait().expect("it ends").success());
}

fn active(systemd: &Systemd) -> u32 {
    until(MINUTE, "the engine runs", || {
        systemd.property(UNIT, "ActiveState") == "active"
    });
    systemd
        .property(UNIT, "MainPID")
        .parse()
        .expect("a process")
}

/// Where programs get the role's credentials.
fn door(systemd: &Systemd) -> Door {
    let printed = systemd.dayfly(&["env", "role", "--shell", "bash"]).ok().out;
    let set = printed.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    });
    Door::of(&set.collect::<BTreeMap<_, _>>())
}

/// A program that asks again and again, as long as this lives; what it was answered, and how often.
struct Asking {
    ends: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<BTreeMap<u16, usize>>>,
}

impl Asking {
    fn start(door: Door) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            let mut answers = BTreeMap::new();
            while !told.load(Ordering::SeqCst) {
                let (status, body) = door.ask();
                let whole = status == 200 && body["SecretAccessKey"].is_string();
                *answers.entry(if whole { 200 } else { status }).or_default() += 1;
            }
            answers
        });
        Self {
            ends,
            thread: Some(thread),
        }
    }

    fn end(mut self) -> BTreeMap<u16, usize> {
        self.ends.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("it ends")
    }
}

fn since(systemd: &Systemd) -> Value {
    let status = systemd.dayfly(&["status", "--json"]).json();
    status["engine"]["since"].clone()
}

#[test]
fn a_person_installs_it_and_whoever_asks_first_starts_it() {
    let (Some(systemd), Some(sts)) = (Systemd::start(), Ministack::start()) else {
        return;
    };
    person(&systemd, &sts);
    let ended = systemd.dayfly(&["service", "status"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.err.contains("run: dayfly service install"),
        "{ended:?}"
    );

    let ended = systemd.dayfly(&["service", "install"]).ok();
    assert!(ended.out.contains("it runs now"), "{ended:?}");
    active(&systemd);
    let status = systemd.dayfly(&["service", "status", "--json"]).ok().json();
    assert_eq!(status["state"], "active", "{status}");
    assert_eq!(status["enabled"], true, "{status}");
    until(MINUTE, "the engine tells how the sessions are", || {
        systemd.property(UNIT, "StatusText") == "sessions: 2 inactive"
    });
    systemd.dayfly(&["session", "start", "role"]).ok();
    until(MINUTE, "the engine tells that one is active", || {
        systemd.property(UNIT, "StatusText").contains("active")
    });
    // A second installation is the same.
    systemd.dayfly(&["service", "install"]).ok();
    active(&systemd);

    systemd.dayfly(&["service", "stop"]).ok();
    let ended = systemd.dayfly(&["service", "status"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    let socket = systemd.home().join(".local/state/dayfly/engine.sock");
    assert!(!socket.exists());

    // After a login only the socket is there; who asks first waits for the engine.
    systemd
        .run("systemctl", &["--user", "start", "dayfly.socket"])
        .ok();
    let mode = std::fs::metadata(&socket).expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(systemd.property(UNIT, "ActiveState"), "inactive");
    let given = systemd.dayfly(&["credential-process", "role"]).ok().json();
    assert!(given["SessionToken"].is_string());
    active(&systemd);
    assert!(socket.exists());

    let ended = systemd.dayfly(&["service", "uninstall"]).ok();
    assert!(ended.out.contains("removed"), "{ended:?}");
    let left = std::fs::read_dir(systemd.units()).expect("a folder");
    let left: Vec<_> = left.flatten().map(|entry| entry.path()).collect();
    // systemd leaves its empty folders of links.
    let files = left.iter().filter(|path| !path.is_dir());
    assert_eq!(files.count(), 0, "{left:?}");
    assert!(
        systemd
            .home()
            .join(".config/dayfly/workspace.json")
            .exists()
    );
    assert_eq!(systemd.property(UNIT, "LoadState"), "not-found");
    let ended = systemd.dayfly(&["service", "uninstall"]).ok();
    assert!(ended.out.contains("not installed"), "{ended:?}");
}

#[test]
fn a_new_program_takes_over_and_nobody_is_refused_meanwhile() {
    let (Some(systemd), Some(sts)) = (Systemd::start(), Ministack::start()) else {
        return;
    };
    person(&systemd, &sts);
    systemd.dayfly(&["service", "install"]).ok();
    let process = active(&systemd);
    systemd.dayfly(&["session", "start", "role"]).ok();
    let (door, before) = (door(&systemd), since(&systemd));
    let asking = Asking::start(door.clone());

    systemd.replace_program();
    systemd.dayfly(&["service", "reload"]).ok();
    until(MINUTE, "another engine runs", || since(&systemd) != before);
    // Again, and at once: what was handed over is handed over again.
    let second = since(&systemd);
    systemd.dayfly(&["service", "reload"]).ok();
    until(MINUTE, "a third engine runs", || since(&systemd) != second);
    until(MINUTE, "the service manager knows that it is ready", || {
        systemd.property(UNIT, "ActiveState") == "active"
    });

    let answers = asking.end();
    assert_eq!(answers.keys().collect::<Vec<_>>(), [&200], "{answers:?}");
    assert!(answers[&200] > 2, "{answers:?}");
    assert_eq!(active(&systemd), process);
    let runs = std::fs::metadata(format!("/proc/{process}/exe")).expect("it runs");
    let there = std::fs::metadata(systemd.program()).expect("it is there");
    assert_eq!(runs.ino(), there.ino());
    // Both sockets are those of before.
    let given = systemd.dayfly(&["credential-process", "role"]).ok().json();
    assert!(given["SessionToken"].is_string());
    assert_eq!(self::door(&systemd).address, door.address);

    // A program that does not run takes over nothing.
    let third = since(&systemd);
    let broken = systemd.home().join("bin/broken");
    std::fs::write(&broken, "#!/bin/sh\nexit 1\n").expect("it is written");
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    std::fs::rename(&broken, systemd.home().join("bin/dayfly")).expect("it is there");
    systemd.run("systemctl", &["--user", "reload", UNIT]).ok();
    // The engine asks the broken program, and answers as before.
    for _ in 0..20 {
        assert_eq!(door.ask().0, 200);
    }
    systemd.replace_program();
    assert_eq!(since(&systemd), third);
}

#[test]
fn an_engine_that_breaks_comes_back_where_it_was() {
    let (Some(systemd), Some(sts)) = (Systemd::start(), Ministack::start()) else {
        return;
    };
    person(&systemd, &sts);
    systemd.dayfly(&["service", "install"]).ok();
    let process = active(&systemd);
    systemd.dayfly(&["session", "start", "role"]).ok();
    let door = door(&systemd);
    systemd
        .run("systemctl", &["--user", "kill", "--signal=KILL", UNIT])
        .ok();
    // Asked while nobody runs: it waits for the next engine.
    assert_eq!(door.ask().0, 200);
    assert_ne!(active(&systemd), process);
    assert_eq!(self::door(&systemd).address, door.address);
    let status = systemd.dayfly(&["service", "status"]).ok();
    assert!(status.out.contains("started again 1 times"), "{status:?}");
}

#[test]
fn an_engine_that_is_stuck_is_started_again() {
    let (Some(systemd), Some(sts)) = (Systemd::start(), Ministack::start()) else {
        return;
    };
    person(&systemd, &sts);
    systemd.dayfly(&["service", "install", "--no-start"]).ok();
    let folder = systemd.units().join("dayfly.service.d");
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = "[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n";
    std::fs::write(folder.join("soon.conf"), text).expect("it is written");
    systemd.run("systemctl", &["--user", "daemon-reload"]).ok();
    systemd.dayfly(&["service", "start"]).ok();
    let process = active(&systemd);
    // It is alive for longer than the service manager waits.
    let began = std::time::Instant::now();
    until(MINUTE, "some time goes by", || {
        began.elapsed() > Duration::from_secs(5)
    });
    assert_eq!(active(&systemd), process);
    systemd
        .run("systemctl", &["--user", "kill", "--signal=STOP", UNIT])
        .ok();
    until(MINUTE, "another engine runs", || {
        let now = systemd.property(UNIT, "MainPID");
        now != "0" && now != process.to_string()
    });
    active(&systemd);
}

#[test]
fn each_home_has_a_service_of_its_own() {
    let Some(systemd) = Systemd::start() else {
        return;
    };
    let other = systemd.home().join("other");
    std::fs::create_dir_all(&other).expect("a folder");
    let of_other = |args: &[&str]| {
        let mut command = systemd.command(systemd.program(), args);
        let output = command.env("DAYFLY_HOME", &other).output();
        dayfly_tests::home::Ended::of(output.expect("it runs"))
    };
    systemd.dayfly(&["init"]).ok();
    of_other(&["init"]).ok();
    systemd.dayfly(&["service", "install"]).ok();
    of_other(&["service", "install"]).ok();
    let first = systemd.dayfly(&["service", "status", "--json"]).ok().json();
    let second = of_other(&["service", "status", "--json"]).ok().json();
    assert_ne!(first["pid"], second["pid"]);
    assert_ne!(first["unit"], second["unit"]);
    let engine = of_other(&["status", "--json"]).json();
    assert_eq!(engine["engine"]["pid"], second["pid"]);
    of_other(&["service", "uninstall"]).ok();
    systemd.dayfly(&["service", "status"]).ok();
}

#[test]
fn a_unit_whose_program_was_moved_is_told() {
    let Some(systemd) = Systemd::start() else {
        return;
    };
    systemd.dayfly(&["init"]).ok();
    systemd.dayfly(&["service", "install"]).ok();
    let moved = systemd.home().join("moved");
    std::fs::rename(systemd.program(), &moved).expect("it is moved");
    let ended = systemd.run(&moved, &["service", "status"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .out
            .contains("which is not there; run: dayfly service install"),
        "{ended:?}"
    );
    let ended = systemd.run(&moved, &["doctor"]);
    assert!(ended.out.contains("which is not there"), "{ended:?}");
    systemd.run(&moved, &["service", "install"]).ok();
    systemd.run(&moved, &["service", "status"]).ok();
}

#[test]
fn a_passphrase_is_read_from_its_file() {
    let Some(systemd) = Systemd::start() else {
        return;
    };
    systemd.dayfly(&["init"]).ok();
    let file = systemd.home().join("passphrase");
    std::fs::write(&file, "correct horse\n").expect("it is written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let toml = systemd.home().join(".config/dayfly/dayfly.toml");
    std::fs::write(toml, "[vault]\nkey = \"passphrase\"\n").expect("it is written");
    let ended = systemd.dayfly(&["service", "install"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("--passphrase-file"), "{ended:?}");
    systemd
        .dayfly(&[
            "session",
            "add",
            "user",
            "--type",
            "awsIamUser",
            "--region",
            "eu-west-1",
        ])
        .ok();
    let mut command = systemd.command(systemd.program(), &["secret", "set", "user"]);
    let keys = systemd.home().join("keys");
    std::fs::write(
        &keys,
        "AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
    )
    .expect("it is written");
    let keys = std::fs::File::open(keys).expect("it is there");
    let set = command
        .env("DAYFLY_PASSPHRASE_FILE", &file)
        .stdin(keys)
        .status();
    assert!(set.expect("it runs").success());
    let path = file.display().to_string();
    systemd
        .dayfly(&["service", "install", "--passphrase-file", &path])
        .ok();
    let process = active(&systemd);
    let environment = std::fs::read(format!("/proc/{process}/environ")).expect("it runs");
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("correct horse"));
    let read = environment
        .split('\0')
        .find_map(|line| line.strip_prefix("DAYFLY_PASSPHRASE_FILE="));
    assert_eq!(read, Some(path.as_str()));
}

#[test]
fn the_unit_of_a_machine_is_confined() {
    let Some(systemd) = Systemd::start() else {
        return;
    };
    let secret = systemd.home().join("passphrase").display().to_string();
    std::fs::write(&secret, "correct horse\n").expect("it is written");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&secret, mode).expect("a mode");
    let printed = systemd
        .dayfly(&[
            "service",
            "install",
            "--system",
            "--print",
            "--passphrase-file",
            &secret,
        ])
        .ok()
        .out;
    assert!(
        printed.contains(&format!("LoadCredential=passphrase:{secret}\n")),
        "{printed}"
    );
    let path = systemd.home().join(UNIT);
    std::fs::write(&path, &printed).expect("it is written");
    let path = path.display().to_string();
    let mut command = systemd.command("systemd-analyze", &["verify", "--man=no", &path]);
    let verified = command.env_remove("SYSTEMD_UNIT_PATH").output();
    let ended = dayfly_tests::home::Ended::of(verified.expect("it runs"));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    // The threshold is in tenths.
    let ended = systemd.run(
        "systemd-analyze",
        &["security", "--offline=true", "--threshold=20", &path],
    );
    assert_eq!(ended.code, 0, "{}", ended.out);
}
