//! An hour of work in short: many sessions, edits, faults and restarts of everything around, and at the
//! end no more memory, descriptors, threads or disk than at the beginning.
//!
//! `DAYFLY_SOAK_SECONDS` says for how long, 120 without it; 3600 is a good length before a release.

use std::time::{Duration, Instant};

use dayfly_core::random::Random;
use dayfly_tests::{Daemon, Home, within};
use serde_json::{Value, json};

const SESSIONS: u64 = 1_000;

/// What a process takes.
#[derive(Clone, Copy, Debug)]
struct Taken {
    resident_kib: u64,
    descriptors: usize,
    threads: u64,
    journal_kib: u64,
}

impl Taken {
    fn by(home: &Home, pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let number = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number.and_then(|n| n.parse().ok()).expect("a number")
        };
        let journal = std::fs::read_dir(home.path().join("state/journal")).expect("a folder");
        let journal = journal.map(|file| file.and_then(|f| f.metadata()).map_or(0, |m| m.len()));
        Self {
            resident_kib: number("VmRSS:"),
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd"))
                .expect("it runs")
                .count(),
            threads: number("Threads:"),
            journal_kib: journal.sum::<u64>() / 1_024,
        }
    }
}

fn session(n: u64, generation: u64) -> Value {
    let group = ["a", "b", "c", "d"][usize::try_from(n % 4).expect("small")];
    json!({ "sessionId": format!("s{n}"), "sessionName": format!("s{n}-{generation}"),
            "type": "localstack", "profileName": format!("p{n}"), "region": "eu-west-1",
            "labels": { "group": group } })
}

/// Ten entries; `n` makes one of them another each time.
fn config(n: u64) -> String {
    let mut text =
        "[engine]\njournal-megabytes = 2\n[recording]\nenabled = true\nmegabytes = 8\n".to_owned();
    text += "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
             config = { match = { labels = [\"group=a\"] } }\n";
    text += "[[policy]]\nname = \"most\"\nmodule = \"builtin:max-active\"\n\
             config = { most = 20, match = { labels = [\"group=b\"] } }\n";
    text += "[[policy]]\nname = \"idle\"\nmodule = \"builtin:idle-stop\"\n\
             config = { after = \"10s\", match = { labels = [\"group=c\"] } }\n";
    text += "[[policy]]\nname = \"early\"\nmodule = \"builtin:rotate-before-expiry\"\n";
    for entry in 0..5 {
        text += &format!(
            "[[policy]]\nname = \"on-{entry}\"\nmodule = \"builtin:on-event\"\n\
             config = {{ events = [\"e{entry}\"], then = \"{}\", match = {{ labels = [\"group=d\"] }} }}\n",
            ["start", "stop", "rotate"][entry % 3]
        );
    }
    let word = ["start", "stop"][usize::try_from(n % 2).expect("small")];
    text += &format!(
        "[[policy]]\nname = \"rules\"\nmodule = \"builtin:rules\"\n\
         grant = {{ actions = [\"start\", \"stop\", \"rotate\"], hold = true }}\n\
         [[policy.config.rule]]\nname = \"one\"\nwhen = \"event rule\"\n\
         if = 'session.name.startsWith(\"s1\")'\nthen = \"{word}\"\n\
         remember = {{ n = '{n}' }}\n"
    );
    text
}

#[test]
fn long_work_takes_no_more_than_short_work() {
    let seconds = std::env::var("DAYFLY_SOAK_SECONDS");
    let seconds = seconds.ok().and_then(|s| s.parse().ok()).unwrap_or(120);
    let span = Duration::from_secs(seconds);
    let home = Home::new();
    let mut random = Random::new(seconds);
    let mut sessions: Vec<Value> = (0..SESSIONS).map(|n| session(n, 0)).collect();
    home.save_workspace(&json!({ "sessions": sessions }));
    home.save_config(&config(0));
    let mut daemon = Daemon::start(&home);
    within(Duration::from_secs(60), "the policies are in force", || {
        let status = home.report();
        let count = status["policies"].as_array().map_or(0, Vec::len);
        if count == 10 {
            Ok(())
        } else {
            Err(status["problems"].clone())
        }
    });

    let begun = Instant::now();
    let mut taken = Vec::new();
    let mut rounds = 0u64;
    while begun.elapsed() < span {
        rounds += 1;
        match random.up_to(9) {
            // Edits of the Workspace: names, and sessions that go and come.
            0..=3 => {
                for _ in 0..5 {
                    let n = random.up_to(SESSIONS - 1);
                    let at = usize::try_from(n).expect("small");
                    let known = home_sessions(&home);
                    if let Some(mut all) = known {
                        if at < all.len() {
                            all[at] = merged(&all[at], &session(n, rounds));
                        }
                        sessions = all;
                    }
                }
                if random.up_to(3) == 0 && sessions.len() > 900 {
                    let gone = usize::try_from(random.up_to(899)).expect("small");
                    sessions.remove(gone);
                } else {
                    let n = SESSIONS + rounds;
                    sessions.push(session(n, rounds));
                }
                sessions.truncate(1_050);
                home.save_workspace(&json!({ "sessions": sessions }));
            }
            // Half a Workspace, a wrong configuration: nothing comes of them.
            4 => home.save(&home.workspace(), "{\"sessions\": ["),
            5 => home.save_config("[[policy]]\nname = 7\n"),
            6 => home.save_config(&config(rounds)),
            7 => {
                daemon.freeze();
                // Sleeps since the machine is to sleep for a moment.
                std::thread::sleep(Duration::from_millis(50));
                daemon.thaw();
            }
            _ => {
                let event = ["e0", "e1", "e2", "e3", "e4", "rule"];
                let event = event[usize::try_from(random.up_to(5)).expect("small")];
                home.run(["emit", event]).ok();
                let n = random.up_to(SESSIONS - 1);
                let _ = home.run(["credential-process", &format!("s{n}")]);
            }
        }
        if random.up_to(5) == 0 {
            home.save_config(&config(rounds));
            home.save_workspace(&json!({ "sessions": sessions }));
        }
        assert!(daemon.is_alive());
        taken.push(Taken::by(&home, daemon.pid()));
        // Sleeps between two edits: a person is no faster.
        std::thread::sleep(Duration::from_millis(20));
    }

    // The first quarter fills what is filled once: caches, pools, the journal.
    let quarter = taken.len() / 4;
    assert!(quarter > 5, "{rounds} rounds are too few to tell");
    let most = |part: &[Taken], of: fn(&Taken) -> u64| part.iter().map(of).max().unwrap_or(0);
    let (first, last) = (&taken[quarter..2 * quarter], &taken[3 * quarter..]);
    let figures = [
        (
            "resident KiB",
            (|t| t.resident_kib) as fn(&Taken) -> u64,
            1.25,
        ),
        ("descriptors", |t| t.descriptors as u64, 1.25),
        ("threads", |t| t.threads, 1.1),
    ];
    for (what, of, growth) in figures {
        let (early, late) = (most(first, of), most(last, of));
        let bound = early as f64 * growth + 4.0;
        assert!(
            late as f64 <= bound,
            "{what}: {early} in the second quarter of {rounds} rounds, {late} in the last"
        );
    }
    let journal = most(&taken, |t| t.journal_kib);
    assert!(journal <= 3 * 1_024, "the journal takes {journal} KiB");
    {
        println!(
            "{rounds} rounds; at a quarter {:?}, at the end {:?}",
            taken[quarter],
            taken.last()
        );
    }

    // It still does what it is for.
    home.save_config(&config(0));
    home.save_workspace(&json!({ "sessions": [session(0, 0), session(4, 0)] }));
    within(Duration::from_secs(60), "what is to be active is", || {
        let status = (home.status("s0-0"), home.status("s4-0"));
        if status == ("active".into(), "active".into()) {
            Ok(())
        } else {
            Err(status)
        }
    });
    assert_eq!(daemon.terminate(), 0);
}

/// The sessions as the engine has written them.
fn home_sessions(home: &Home) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(home.workspace()).ok()?;
    let workspace: Value = serde_json::from_str(&text).ok()?;
    workspace["sessions"].as_array().cloned()
}

/// A session with another name.
fn merged(old: &Value, new: &Value) -> Value {
    let mut merged = old.clone();
    merged["sessionName"] = new["sessionName"].clone();
    merged
}
