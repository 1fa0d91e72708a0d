//! The main job, with the real program, a real STS that checks and expires, and real clients: a
//! Workspace is edited, sandboxed policies decide, and AWS clients find temporary credentials.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dayfly_tests::{Daemon, Home, Ministack, aws, ini, until, within};
use serde_json::{Value, json};

const FOREIGN: &str = "# my own keys, do not touch\n[mine]\naws_access_key_id=AKIAMINE\n\
    aws_secret_access_key = mine   \n\n  ; odd\n[empty]\n";

fn chained(name: &str, role: &str, seconds: u32) -> Value {
    json!({
        "sessionId": format!("id-{name}"), "sessionName": name, "type": "awsIamRoleChained",
        "region": "eu-west-1", "profileName": name, "roleArn": role,
        "parentSessionId": "id-user", "durationSeconds": seconds,
    })
}

fn user(seconds: u32) -> Value {
    json!({
        "sessionId": "id-user", "sessionName": "user", "type": "awsIamUser",
        "region": "eu-west-1", "profileName": "user", "durationSeconds": seconds,
    })
}

fn local() -> Value {
    json!({
        "sessionId": "id-local", "sessionName": "local", "type": "localstack",
        "region": "us-east-1", "profileName": "local",
    })
}

fn config(endpoint: &str) -> String {
    format!(
        "[aws]\nsts-endpoint-url = \"{endpoint}\"\n\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\n\
         [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n"
    )
}

/// Reads the credentials file again and again, as programs do.
struct Poller {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    thread: JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// Access key ids of each profile, in the order in which they were seen.
    keys: BTreeMap<String, Vec<String>>,
    secrets: BTreeSet<String>,
    complaints: Vec<String>,
}

impl Poller {
    /// From now on each of these profiles has to be there, whole.
    fn start(path: PathBuf, profiles: &'static [&'static str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stopped, sees) = (Arc::clone(&stop), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                sees.lock()
                    .expect("nobody panics with it")
                    .look(&text, profiles);
                // Sleeps between two reads, as a program that has other work does.
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { stop, seen, thread }
    }

    /// What it has seen so far.
    fn seen(&self) -> Seen {
        self.seen.lock().expect("nobody panics with it").clone()
    }

    fn stop(self) -> Seen {
        let seen = Arc::clone(&self.seen);
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("the reader ends");
        seen.lock().expect("nobody panics with it").clone()
    }
}

impl Seen {
    fn look(&mut self, text: &str, profiles: &[&str]) {
        if !text.starts_with(FOREIGN) {
            self.complaints
                .push(format!("foreign lines changed:\n{text}"));
        }
        let found = ini::profiles(text);
        for name in profiles {
            let Some(profile) = found.get(*name) else {
                self.complaints.push(format!("{name} was absent:\n{text}"));
                continue;
            };
            let parts = [
                "aws_access_key_id",
                "aws_secret_access_key",
                "aws_session_token",
            ];
            let [Some(id), Some(secret), Some(token)] = parts.map(|key| profile.get(key)) else {
                self.complaints
                    .push(format!("{name} was not whole:\n{text}"));
                continue;
            };
            let ids = self.keys.entry((*name).to_owned()).or_default();
            if ids.last() != Some(id) {
                ids.push(id.clone());
            }
            self.secrets.extend([secret.clone(), token.clone()]);
        }
    }
}

#[test]
fn a_workspace_is_kept_alive_by_rules() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (id, secret) = sts.user("alice");
    let (dev, ops, late) = (sts.role("dev"), sts.role("ops"), sts.role("late"));
    let gate = sts.gate();
    let home = Home::new();
    std::fs::create_dir_all(home.credentials().parent().unwrap()).unwrap();
    std::fs::write(home.credentials(), FOREIGN).unwrap();
    let four = [
        user(18),
        chained("dev", &dev, 15),
        chained("ops", &ops, 15),
        local(),
    ];
    home.save_workspace(&json!({ "sessions": four, "note": "kept" }));
    home.save_config(&config(&gate.endpoint()));
    let input = format!("{id}\n{secret}\n");
    home.run_with(["secret", "set", "user"], &input).ok();

    let daemon = Daemon::start(&home);
    let second = Duration::from_secs(1);
    within(8 * second, "all four are active", || {
        let active = |name: &&str| home.status(name) != "active";
        let missing: Vec<_> = ["user", "dev", "ops", "local"]
            .into_iter()
            .filter(active)
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err((missing, daemon.output()))
        }
    });
    let mode = std::fs::metadata(home.credentials()).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
        0o600
    );
    let poller = Poller::start(home.credentials(), &["user", "dev", "ops"]);

    // A real client is who the session says.
    let who = aws::caller(&home, "dev", &sts.endpoint()).unwrap();
    assert!(who.contains(":assumed-role/dev/"), "{who}");
    let who = aws::boto3_caller(&home, "ops", &sts.endpoint()).unwrap();
    assert!(who.contains(":assumed-role/ops/"), "{who}");
    let who = aws::caller(&home, "user", &sts.endpoint()).unwrap();
    assert!(who.ends_with(":user/alice"), "{who}");

    // A session that is added with a text editor starts within a second.
    let mut workspace: Value =
        serde_json::from_str(&std::fs::read_to_string(home.workspace()).unwrap()).unwrap();
    assert_eq!(workspace["note"], "kept");
    let mut sessions = workspace["sessions"].as_array().unwrap().clone();
    sessions.push(chained("late", &late, 15));
    workspace["sessions"] = sessions.into();
    let saved = Instant::now();
    home.save_workspace(&workspace);
    until(second, "the added session has its profile", || {
        ini::profiles(&home.credentials_text()).contains_key("late")
    });
    println!("edit to published credentials: {:?}", saved.elapsed());
    let who = aws::caller(&home, "late", &sts.endpoint()).unwrap();
    assert!(who.contains(":assumed-role/late/"), "{who}");

    // The STS goes away while credentials are due: the old ones stay, and the error is shown.
    gate.shut(true);
    let failing = within(20 * second, "a failed rotation is shown", || {
        let session = home.session("dev").expect("it is in the Workspace");
        let shown = session["error"].is_object() && session["retryAt"].is_string();
        if shown { Ok(session) } else { Err(session) }
    });
    assert_ne!(failing["status"], "inactive", "{failing}");
    assert_eq!(failing["error"]["kind"], "network", "{failing}");
    let who = aws::caller(&home, "dev", &sts.endpoint());
    assert!(who.is_ok(), "the old credentials are good still: {who:?}");
    gate.shut(false);
    within(8 * second, "it recovers by itself", || {
        let session = home.session("dev").expect("it is in the Workspace");
        let well = session["status"] == "active" && session["error"].is_null();
        if well {
            Ok(())
        } else {
            Err((session, daemon.output()))
        }
    });

    // Rotations go on, and whoever reads the file never misses one of the profiles.
    let all = ["user", "dev", "ops"];
    within(60 * second, "each profile is rotated twice", || {
        let keys = poller.seen().keys;
        let seldom = all.iter().any(|profile| keys[*profile].len() < 3);
        if seldom { Err(keys) } else { Ok(()) }
    });
    let seen = poller.stop();
    assert_eq!(seen.complaints, Vec::<String>::new());
    for profile in all {
        let keys = &seen.keys[profile];
        let distinct: BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "an old key came back: {keys:?}");
    }
    let who = aws::caller(&home, "dev", &sts.endpoint()).unwrap();
    assert!(who.contains(":assumed-role/dev/"), "{who}");

    // Removed from the file, it is gone from the chain; STOP removes exactly one section.
    workspace = serde_json::from_str(&std::fs::read_to_string(home.workspace()).unwrap()).unwrap();
    workspace["sessions"]
        .as_array_mut()
        .unwrap()
        .retain(|s| s["sessionName"] != "late");
    home.save_workspace(&workspace);
    let names = || -> Vec<String> {
        ini::profiles(&home.credentials_text())
            .into_keys()
            .collect()
    };
    until(2 * second, "the removed session has no profile", || {
        !names().contains(&"late".to_owned())
    });
    let before = names();
    home.run(["session", "stop", "ops"]).ok();
    let after = names();
    let gone: Vec<_> = before.iter().filter(|n| !after.contains(n)).collect();
    assert_eq!(
        (gone, after.len()),
        (vec![&"ops".to_owned()], before.len() - 1)
    );
    assert!(home.credentials_text().starts_with(FOREIGN));
    assert_eq!(home.status("ops"), "inactive");

    // The person can be told why.
    let explained = home.run(["explain", "ops"]).ok();
    for part in [
        "ops is inactive",
        "you: stop ops",
        "policy keep: start",
        "you stopped it",
    ] {
        assert!(explained.out.contains(part), "{part}: {}", explained.out);
    }

    // Stopped by a person it stays stopped, whatever keep-active wants: it starts another one.
    home.run(["session", "stop", "local"]).ok();
    home.run(["session", "release", "local"]).ok();
    until(5 * second, "the policy starts the other one", || {
        home.status("local") == "active"
    });
    assert_eq!(home.status("ops"), "inactive");
    home.run(["session", "release", "ops"]).ok();
    until(5 * second, "released, it is started again", || {
        home.status("ops") == "active"
    });

    assert_eq!(daemon.terminate(), 0);
    let text = std::fs::read_to_string(home.workspace()).unwrap();
    let left: Value = serde_json::from_str(&text).unwrap();
    for session in left["sessions"].as_array().unwrap() {
        assert_ne!(session["status"], "pending", "{session}");
    }

    // No secret is anywhere but in the credentials file (and encrypted in the vault).
    let mut canaries = seen.secrets;
    canaries.insert(secret);
    assert!(canaries.len() > 10);
    let canaries: Vec<String> = canaries.into_iter().collect();
    home.nowhere(&canaries, &[home.credentials()]);
}
