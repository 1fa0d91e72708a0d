//! `kill -9` at any moment: what is there afterwards is whole, and the next start sets it right.

use std::time::{Duration, SystemTime};

use dayfly_tests::{Daemon, Home, Ministack, ini, within};
use serde_json::{Value, json};

const FOREIGN: &str = "# not ours\n[mine]\naws_access_key_id = AKIAMINE\n";
const ROUNDS: u32 = 100;

/// Random enough to hit different moments, and printed so that a failure can be told again.
struct Moments(u64);

impl Moments {
    fn next(&mut self, most: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(self.0 % most)
    }
}

fn check(home: &Home, round: u32) {
    let text = std::fs::read_to_string(home.workspace()).expect("the Workspace is there");
    let workspace: Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("round {round}: the Workspace is no JSON: {e}\n{text}"));
    assert_eq!(workspace["note"], "kept", "round {round}");
    assert_eq!(
        workspace["sessions"].as_array().map(Vec::len),
        Some(4),
        "round {round}"
    );
    let text = home.credentials_text();
    assert!(
        text.starts_with(FOREIGN),
        "round {round}: foreign lines are lost:\n{text}"
    );
    for (name, profile) in ini::profiles(&text) {
        if name == "mine" {
            continue;
        }
        let keys = [
            "aws_access_key_id",
            "aws_secret_access_key",
            "dayfly_session",
        ];
        for key in keys {
            assert!(
                profile.contains_key(key),
                "round {round}: {name} is not whole:\n{text}"
            );
        }
        if name != "local" {
            let token = profile.contains_key("aws_session_token");
            assert!(token, "round {round}: {name} is not whole:\n{text}");
        }
    }
}

#[test]
fn a_hundred_kills_leave_nothing_half_done() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (id, secret) = sts.user("alice");
    let (dev, ops) = (sts.role("dev"), sts.role("ops"));
    let home = Home::new();
    std::fs::create_dir_all(home.credentials().parent().unwrap()).unwrap();
    std::fs::write(home.credentials(), FOREIGN).unwrap();
    let chained = |name: &str, role: &str| {
        json!({
            "sessionId": name, "sessionName": name, "type": "awsIamRoleChained",
            "profileName": name, "roleArn": role, "parentSessionId": "user", "durationSeconds": 3,
        })
    };
    // Lifetimes of seconds, so that something is always under way.
    home.save_workspace(&json!({ "note": "kept", "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser",
          "profileName": "user", "durationSeconds": 4 },
        chained("dev", &dev), chained("ops", &ops),
        { "sessionId": "local", "sessionName": "local", "type": "localstack",
          "profileName": "local" },
    ]}));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n",
        sts.endpoint()
    ));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();

    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let seed = u64::from(now.subsec_nanos()) | 1;
    println!("seed {seed}");
    let mut moments = Moments(seed);
    for round in 0..ROUNDS {
        let daemon = Daemon::spawn(&home);
        // Sleeps since the engine is to be killed at a random moment.
        std::thread::sleep(moments.next(700));
        daemon.kill();
        check(&home, round);
    }

    // The next start sets everything right: nothing stays pending, and all are active again.
    let daemon = Daemon::start(&home);
    within(Duration::from_secs(10), "all are active again", || {
        let missing: Vec<_> = ["user", "dev", "ops", "local"]
            .into_iter()
            .filter(|name| home.status(name) != "active")
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing)
        }
    });
    assert_eq!(daemon.terminate(), 0);
    check(&home, ROUNDS);
    let text = std::fs::read_to_string(home.workspace()).unwrap();
    assert!(!text.contains("pending"), "{text}");
    // Whatever the killed ones had begun to write is gone, but for what is meant to stay.
    let left: Vec<String> = home
        .files()
        .into_iter()
        .map(|(path, _)| path.display().to_string())
        .filter(|path| path.contains(".tmp") || path.contains(".dayfly-"))
        .collect();
    println!("left over: {left:?}");
    assert!(left.len() <= 5, "{left:?}");
    // The journal can be read through, torn lines and all.
    let events = home.run(["events", "--json"]).ok();
    assert!(events.out.lines().count() > 500);
}
