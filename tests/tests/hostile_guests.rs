//! Policies that loop, grow, trap and flood, beside a good one: it goes on being asked in time, and the
//! engine takes no more for it.
//!
//! `DAYFLY_SOAK_SECONDS` says for how long, 45 without it; 3600 is a good length before a release.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../engine/policy/tests/guest/mod.rs"]
mod guest;

use std::time::{Duration, Instant};

use dayfly_tests::{Daemon, Home, until, within};
use guest::{ANSWER, Bytes, CONFIGURED, EFFECTS, Guest, LOG, STATE_SET};
use serde_json::{Value, json};

/// The good policy may wait for evaluations that others are in the middle of, a second each at most.
const IN_TIME: Duration = Duration::from_secs(20);
const LOOP: &str = "(loop (br 0)) unreachable";

/// Called for the event `tick`, each of them.
fn called(guest: Guest) -> Guest {
    let tick = Bytes::default().u8(3).pad(4).u32(6_100).u32(4).fill(32);
    guest
        .with(CONFIGURED, Bytes::answer(6_000, 1).0)
        .with(6_000, tick.0)
        .with(6_100, *b"tick")
}

/// Guests that mean harm, each in its own way.
fn guests() -> Vec<(&'static str, Guest)> {
    let code = |code: &str| Guest {
        evaluate: code.into(),
        ..Guest::default()
    };
    let many = |effect: Bytes, count: u32| {
        Guest {
            memory: r#"(memory (export "memory") 200)"#.into(),
            ..Guest::default()
        }
        .answering(&vec![effect; usize::try_from(count).unwrap()])
    };
    let mut states = Guest::stateful();
    states.imports = STATE_SET.into();
    // Keys that differ in their first letter, each with a long value.
    states.evaluate = format!(
        "(local $n i32)
         (loop
           (i32.store8 (i32.const 4096) (i32.add (i32.const 97) (i32.rem_u (local.get $n) (i32.const 26))))
           (call $state_set (i32.const 0) (i32.const 0) (i32.const 4096) (i32.const 8)
               (i32.const 8192) (i32.const 40000) (i32.const 256))
           (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100000))))
         (i32.const {ANSWER})"
    );
    let mut logs = code(
        "(loop (call $log (i32.const 1) (i32.const 4096) (i32.const 60000)) (br 0)) unreachable",
    );
    logs.imports = LOG.into();
    vec![
        ("loops", code(LOOP)),
        (
            "grows",
            code("(loop (drop (memory.grow (i32.const 16))) (br 0)) unreachable"),
        ),
        ("traps", code("unreachable")),
        (
            "recurses",
            Guest {
                extra: "(func $deep (call $deep))".into(),
                ..code("(call $deep) unreachable")
            },
        ),
        ("logs", logs),
        ("remembers", states.with(4_096, *b"key-key-")),
        ("decides", many(Bytes::act(1, 1), 30_000)),
        (
            "tells",
            many(Bytes::notify(2, Bytes::text(), Bytes::text()), 20_000),
        ),
        // Each time that it is called it wants to be called again, at once.
        ("wakes", many(Bytes::wake(Bytes::text(), 1), 1)),
        (
            "lies",
            Guest::default().with(ANSWER, Bytes::answer(EFFECTS, u32::MAX).0),
        ),
    ]
}

fn config(names: &[&str], round: usize) -> String {
    let mut text = "[engine]\njournal-megabytes = 2\nfaults-max = 1000000\n\
        [damping]\ndwell-seconds = 0\ncooldown-seconds = 0\nflaps-max = 1000000\nrounds-max = 1000000\n"
        .to_owned();
    for (event, action) in [("go", "start"), ("halt", "stop")] {
        text += &format!(
            "[[policy]]\nname = \"good-{event}\"\nmodule = \"builtin:on-event\"\n\
             config = {{ events = [\"{event}\"], then = \"{action}\", match = {{ labels = [\"own\"] }} }}\n"
        );
    }
    for name in names {
        text += &format!(
            "[[policy]]\nname = \"{name}\"\nmodule = \"{name}.wasm\"\nconfig = {{ round = {round} }}\n\
             [policy.grant]\nsessions = \"has(labels.theirs)\"\nactions = [\"start\", \"stop\", \"rotate\"]\nhold = true\n"
        );
    }
    text
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).unwrap()
}

#[test]
fn a_good_policy_beside_hostile_ones_is_asked_in_time_and_the_engine_does_not_grow() {
    let seconds = std::env::var("DAYFLY_SOAK_SECONDS");
    let seconds = seconds.ok().and_then(|s| s.parse().ok()).unwrap_or(45);
    let home = Home::new();
    let guests: Vec<_> = guests()
        .into_iter()
        .map(|(name, guest)| (name, called(guest)))
        .collect();
    for (name, guest) in &guests {
        let file = home.path().join(format!("{name}.wasm"));
        std::fs::write(file, guest.component()).unwrap();
    }
    let names: Vec<&str> = guests.iter().map(|(name, _)| *name).collect();
    let session = |name: &str, label: &str| {
        json!({ "sessionId": name, "sessionName": name, "type": "localstack", "profileName": name,
                "labels": { label: "" } })
    };
    home.save_workspace(
        &json!({ "sessions": [session("own", "own"), session("theirs", "theirs")] }),
    );
    home.save_config(&config(&names, 0));
    let mut daemon = Daemon::start(&home);
    within(
        Duration::from_secs(120),
        "the policies are in force",
        || {
            let report = home.report();
            let count = report["policies"].as_array().map_or(0, Vec::len);
            match count == names.len() + 2 {
                true => Ok(()),
                false => Err(report["problems"].clone()),
            }
        },
    );
    let emit = |name: &str| {
        let answer = home.socket(&json!({ "do": "emit", "name": name, "data": {} }).to_string());
        assert!(answer.get("error").is_none(), "{answer}");
    };
    let is = |status: &str| {
        let report = home.socket(r#"{"do":"report"}"#);
        let sessions = report["ok"]["sessions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let own = sessions
            .iter()
            .find(|s| s["id"] == "own")
            .map(|s| s["status"].clone());
        own == Some(Value::from(status))
    };
    let begun = Instant::now();
    let (mut taken, mut waits) = (Vec::new(), Vec::new());
    let mut rounds = 0_usize;
    while begun.elapsed() < Duration::from_secs(seconds) {
        rounds += 1;
        emit("tick");
        for (event, status) in [("go", "active"), ("halt", "inactive")] {
            let asked = Instant::now();
            emit(event);
            until(IN_TIME, event, || is(status));
            waits.push(asked.elapsed());
        }
        if rounds.is_multiple_of(20) {
            home.save_config(&config(&names, rounds));
        }
        assert!(daemon.is_alive(), "{}", daemon.output());
        taken.push(resident_kib(daemon.pid()));
    }
    let quarter = taken.len() / 4;
    assert!(quarter > 0, "{rounds} rounds are too few to tell");
    let most = |part: &[u64]| part.iter().copied().max().unwrap();
    let (early, late) = (
        most(&taken[quarter..2 * quarter]),
        most(&taken[3 * quarter..]),
    );
    waits.sort();
    println!(
        "{rounds} rounds in {:?}; resident {} KiB at first, {early} KiB in the second quarter, {late} KiB in the last; \
         the good policy waited {:?} at half of the times and {:?} at most",
        begun.elapsed(),
        taken[0],
        waits[waits.len() / 2],
        waits[waits.len() - 1]
    );
    // What each may take while it runs is bounded, and nothing of it stays.
    assert!(
        late * 4 <= early * 5 + (64 << 12),
        "{early} KiB, then {late} KiB"
    );
    // Each of them was asked, and stopped; nobody is harmed by their words.
    let status = home.run(["status"]);
    assert!(!(status.out + &status.err).contains("panicked"));
    let journal: u64 = std::fs::read_dir(home.path().join("state/journal"))
        .unwrap()
        .map(|file| file.and_then(|f| f.metadata()).map_or(0, |m| m.len()))
        .sum();
    assert!(journal <= 3 << 20, "the journal takes {journal} bytes");
    let events = home.run(["events", "--json"]).ok().out;
    for name in ["loops", "grows", "traps", "recurses", "lies"] {
        assert!(events.contains(name), "{name} was never asked");
    }
    assert_eq!(daemon.terminate(), 0);
}
