//! What machines do to programs: no room, no permission to write, no file descriptors, folders that
//! go, a system that gives no notices, and sleep. What is in force stays in force, nothing foreign
//! is lost, the person is told, and everything goes on by itself once the fault is gone.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use dayfly_tests::{Daemon, Disk, Home, Ministack, ini, processor, until, within};
use serde_json::{Value, json};

const FOREIGN: &str = "# mine, do not touch\n[mine]\naws_access_key_id = AKIAMINE\n";
/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);

fn local(name: &str) -> Value {
    json!({
        "sessionId": name, "sessionName": name, "type": "localstack",
        "region": "us-east-1", "profileName": name, "delivery": ["credentials-file"],
    })
}

fn prepare(home: &Home, sessions: &[&str]) {
    let sessions: Vec<Value> = sessions.iter().map(|name| local(name)).collect();
    home.save_workspace(&json!({ "note": "kept", "sessions": sessions }));
    home.save_config("");
    std::fs::create_dir_all(home.credentials().parent().unwrap()).unwrap();
    std::fs::write(home.credentials(), FOREIGN).unwrap();
}

/// What is not Dayfly's is there, and what is Dayfly's is whole.
fn check_files(home: &Home, published: &[&str]) {
    let text = home.credentials_text();
    assert!(text.starts_with(FOREIGN), "foreign lines are lost:\n{text}");
    let mut names: Vec<String> = ini::profiles(&text).into_keys().collect();
    names.retain(|name| name != "mine");
    assert_eq!(names, published, "{text}");
    let text = std::fs::read_to_string(home.workspace()).unwrap();
    let workspace: Value = serde_json::from_str(&text).expect("the Workspace is whole");
    assert_eq!(workspace["note"], "kept");
}

fn problems(home: &Home) -> Value {
    home.report()["problems"].take()
}

fn no_problems(home: &Home) {
    within(LONG, "all is well again", || {
        let problems = problems(home);
        match problems.as_array().is_some_and(Vec::is_empty) {
            true => Ok(()),
            false => Err(problems),
        }
    });
}

#[test]
fn a_full_disk_loses_nothing() {
    let Some(disk) = Disk::mount(16) else { return };
    let home = Home::new_in(disk.path());
    let log = tempfile::NamedTempFile::new().unwrap();
    prepare(&home, &["a", "b"]);
    let mut daemon = Daemon::spawn_under(&home, &[], log.path()).answering(&home);
    home.run(["session", "start", "a"]).ok();
    check_files(&home, &["a"]);

    disk.fill();
    let refused = home.run(["session", "start", "b"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("No space left"), "{refused:?}");
    assert!(refused.err.contains("credentials"), "{refused:?}");
    assert_eq!(home.status("b"), "inactive");
    let rotated = home.run(["session", "rotate", "a"]);
    assert_eq!(rotated.code, 1, "{rotated:?}");
    assert_eq!(home.status("a"), "active", "the old ones are still there");
    check_files(&home, &["a"]);
    let told = problems(&home).to_string();
    assert!(told.contains("No space left"), "{told}");
    let status = home.run(["status"]);
    assert_eq!(status.code, 1, "{status:?}");
    let doctor = home.run(["doctor", "--offline"]);
    assert_eq!(doctor.code, 1, "{doctor:?}");
    assert!(
        doctor.out.contains("✗ disk: only 0 KiB are left"),
        "{doctor:?}"
    );

    disk.free();
    home.run(["session", "start", "b"]).ok();
    home.run(["session", "rotate", "a"]).ok();
    check_files(&home, &["a", "b"]);
    no_problems(&home);
    assert!(daemon.is_alive());
    assert_eq!(daemon.terminate(), 0);
    let text = std::fs::read_to_string(home.workspace()).unwrap();
    assert_eq!(text.matches("\"active\"").count(), 2, "{text}");
    // Without an engine nobody has tried to write yet.
    disk.fill();
    let status = home.run(["status"]);
    assert_eq!(status.code, 1, "{status:?}");
    assert!(status.out.contains("are left on the disk"), "{status:?}");
}

#[test]
fn a_home_that_is_read_only_keeps_what_is_in_force() {
    let Some(disk) = Disk::mount(16) else { return };
    let home = Home::new_in(disk.path());
    prepare(&home, &["a", "b"]);
    home.run(["session", "start", "a"]).ok();

    disk.set_writable(false);
    for command in [
        &["run"][..],
        &["session", "start", "b"],
        &["session", "stop", "a"],
    ] {
        let refused = home.run(command);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains("Read-only file system"), "{refused:?}");
    }
    assert_eq!(
        home.status("a"),
        "active",
        "what is in the file is in force"
    );
    check_files(&home, &["a"]);

    disk.set_writable(true);
    home.run(["session", "stop", "a"]).ok();
    home.run(["session", "start", "b"]).ok();
    check_files(&home, &["b"]);
    no_problems(&home);
}

#[test]
fn running_out_of_file_descriptors_passes() {
    let home = Home::new();
    prepare(&home, &["a", "b"]);
    let mut daemon = Daemon::start(&home);
    home.run(["session", "start", "a"]).ok();
    let pid = daemon.pid();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count();
    let limit = |soft: usize| {
        let done = Command::new("prlimit")
            .args(["--pid", &pid.to_string(), &format!("--nofile={soft}:")])
            .status();
        assert!(done.expect("prlimit runs").success());
    };
    // Some for one request and its files, since how many were open just now varies.
    limit(open + 16);
    let socket = home.path().join("state").join("engine.sock");
    // They connect, since the kernel queues them, and say nothing.
    let idle: Vec<UnixStream> = (0..60)
        .map(|_| UnixStream::connect(&socket).expect("a connection is queued"))
        .collect();
    let before = processor::used(pid);
    // Sleeps since the processor time of one second is what is measured.
    std::thread::sleep(Duration::from_secs(1));
    let spent = processor::used(pid) - before;
    assert!(
        spent < Duration::from_millis(500),
        "{spent:?} of a second in which nothing can be done"
    );
    // Not even a file of credentials can be opened now; that is told, and nothing is lost.
    check_files(&home, &["a"]);
    drop(idle);
    within(LONG, "b is started once there is room", || {
        match home.run(["session", "start", "b"]) {
            ended if ended.code == 0 => Ok(()),
            ended => Err(ended),
        }
    });
    limit(1024);
    check_files(&home, &["a", "b"]);
    no_problems(&home);
    assert!(daemon.is_alive());
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_home_that_is_moved_away_and_back_is_still_served() {
    let outer = tempfile::tempdir().unwrap();
    let home = Home::new_in(outer.path());
    prepare(&home, &["a"]);
    let mut daemon = Daemon::start(&home);
    home.run(["session", "start", "a"]).ok();
    let away = outer.path().join("away");
    std::fs::rename(home.path(), &away).unwrap();
    // Another folder takes its place for a while, with a Workspace that nobody may take for ours.
    std::fs::create_dir(home.path()).unwrap();
    home.save_workspace(&json!({ "sessions": "nonsense" }));
    within(LONG, "the engine tells of the nonsense", || {
        let log = std::fs::read_to_string(away.join("run.log")).unwrap();
        let told = log.contains("! workspace:");
        told.then_some(()).ok_or(log)
    });
    assert!(daemon.is_alive());
    std::fs::remove_dir_all(home.path()).unwrap();
    std::fs::rename(&away, home.path()).unwrap();

    home.save_workspace(&json!({ "note": "kept", "sessions": [local("a"), local("c")] }));
    within(LONG, "the edit is noticed", || match home.session("c") {
        Some(_) => Ok(()),
        None => Err(problems(&home)),
    });
    home.run(["session", "start", "c"]).ok();
    check_files(&home, &["a", "c"]);
    no_problems(&home);
    assert_eq!(daemon.terminate(), 0);
}

/// A daemon to which the system gives no notices of files.
fn without_notices(home: &Home, log: &Path) -> Option<Daemon> {
    let script = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";
    let wrapper = [
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        script,
        "sh",
    ];
    let tried = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .status();
    if tried.is_ok_and(|status| status.success()) {
        return Some(Daemon::spawn_under(home, &wrapper, log).answering(home));
    }
    assert!(
        std::env::var_os("DAYFLY_TEST_ALL").is_none(),
        "no user namespaces"
    );
    #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
    {
        eprintln!("not run: there are no user namespaces here");
    }
    None
}

#[test]
fn where_the_system_gives_no_notices_files_are_looked_at() {
    let home = Home::new();
    prepare(&home, &["a"]);
    let Some(mut daemon) = without_notices(&home, &home.path().join("run.log")) else {
        return;
    };
    let told = problems(&home).to_string();
    assert!(told.contains("every two seconds"), "{told}");
    home.save_workspace(&json!({ "note": "kept", "sessions": [local("a"), local("c")] }));
    within(LONG, "the edit is found", || {
        home.session("c").map(drop).ok_or(())
    });
    home.save_config("[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n");
    until(LONG, "the new rule starts both", || {
        home.status("a") == "active" && home.status("c") == "active"
    });
    assert!(daemon.is_alive());
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_second_daemon_on_the_same_home_says_so() {
    let home = Home::new();
    prepare(&home, &["a"]);
    let daemon = Daemon::start(&home);
    let second = home.run(["run"]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(
        second.err.contains(&format!("process {}", daemon.pid())),
        "{second:?}"
    );
    home.run(["session", "start", "a"]).ok();
    check_files(&home, &["a"]);
    assert_eq!(daemon.terminate(), 0);
}

fn short_lived(sts: &Ministack, home: &Home) {
    let (id, secret) = sts.user("alice");
    let role = sts.role("dev");
    prepare(home, &[]);
    home.save_workspace(&json!({ "note": "kept", "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser",
          "profileName": "user", "durationSeconds": 6, "delivery": ["credentials-file"] },
        { "sessionId": "dev", "sessionName": "dev", "type": "awsIamRoleChained",
          "profileName": "dev", "roleArn": role, "parentSessionId": "user",
          "durationSeconds": 4, "delivery": ["credentials-file"] },
    ]}));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n",
        sts.endpoint()
    ));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
}

fn all_active(home: &Home) {
    within(LONG, "both are active", || {
        let statuses = [home.status("user"), home.status("dev")];
        let active = statuses.iter().all(|status| status == "active");
        active.then_some(()).ok_or(statuses)
    });
}

#[test]
fn a_daemon_that_is_told_to_end_parks_what_is_in_flight() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = Home::new();
    short_lived(&sts, &home);
    let daemon = Daemon::start(&home);
    all_active(&home);
    // The STS hangs, so that a call is in flight when the signal comes.
    sts.freeze();
    until(LONG, "a rotation is under way", || {
        ["user", "dev"]
            .iter()
            .any(|name| home.status(name) == "pending")
    });
    let begun = Instant::now();
    assert_eq!(daemon.terminate(), 0);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    sts.thaw();
    let text = std::fs::read_to_string(home.workspace()).unwrap();
    assert!(!text.contains("pending"), "{text}");
    let daemon = Daemon::start(&home);
    all_active(&home);
    assert_eq!(daemon.terminate(), 0);
}

/// Profiles in the credentials file whose credentials have ended for longer than so many seconds.
fn ended(home: &Home, grace: i64) -> Vec<String> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let profiles = ini::profiles(&home.credentials_text());
    let over = |keys: &std::collections::BTreeMap<String, String>| {
        let end = keys.get("x_security_token_expires")?;
        let done = Command::new("date").args(["-u", "-d", end, "+%s"]).output();
        let text = String::from_utf8(done.expect("date runs").stdout).ok()?;
        Some(text.trim().parse::<i64>().ok()? + grace < now)
    };
    let mut names = Vec::new();
    for (name, keys) in profiles {
        if over(&keys).unwrap_or(false) {
            names.push(name);
        }
    }
    names
}

#[test]
fn after_a_sleep_nothing_that_ended_is_served_for_long() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = Home::new();
    short_lived(&sts, &home);
    let daemon = Daemon::start(&home);
    all_active(&home);
    for _ in 0..3 {
        daemon.freeze();
        // Both lifetimes end meanwhile, and nobody can retract them.
        within(LONG, "both lifetimes end", || match ended(&home, 0) {
            both if both == ["dev", "user"] => Ok(()),
            other => Err(other),
        });
        daemon.thaw();
        within(LONG, "what ended is gone or renewed", || {
            let ended = ended(&home, 1);
            ended.is_empty().then_some(()).ok_or(ended)
        });
        all_active(&home);
    }
    assert_eq!(daemon.terminate(), 0);
}
