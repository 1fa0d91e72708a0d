//! Compiling a policy that was made to be costly: refused in bounded time and memory, and not in the
//! engine.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use dayfly_tests::{Daemon, Home, within};
use serde_json::json;

/// Loops within each other that share many variables: each of them is one more value in each loop,
/// so what the compiler keeps grows with their product, and the component with their sum.
fn costly(loops: usize, variables: usize) -> Vec<u8> {
    let locals = "i64 ".repeat(variables);
    let begin = "loop ".repeat(loops);
    let touch: String = (1..=variables)
        .map(|n| format!("local.get {n} i64.const 1 i64.add local.set {n} "))
        .collect();
    let end = "local.get 0 br_if 0 end ".repeat(loops);
    let text = format!(
        "(component (core module (func (param i32) (local {locals}) {begin} {touch} {end})))"
    );
    wat::parse_str(text).expect("a component")
}

/// Bytes of memory that a process has.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.expect("a size") << 10
}

#[test]
fn a_component_that_was_made_to_be_costly_is_refused_and_costs_the_engine_nothing() {
    let home = Home::new();
    let component = costly(20_000, 2_000);
    assert!(component.len() < 400 << 10, "{} bytes", component.len());
    let path = home.path().join("costly.wasm");
    std::fs::write(&path, &component).expect("a file");
    let begun = Instant::now();
    let checked = home.run(["policy", "check", path.to_str().expect("a path")]);
    assert_ne!(checked.code, 0, "{checked:?}");
    assert!(
        checked
            .err
            .contains("takes more than is allowed for a component of its size"),
        "{checked:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(120),
        "{:?}",
        begun.elapsed()
    );

    home.save_workspace(&json!({ "sessions": [] }));
    home.save_config("");
    let engine = Daemon::start(&home);
    let before = resident(engine.pid());
    home.save_config("[[policy]]\nname = \"costly\"\nmodule = \"costly.wasm\"\n");
    within(Duration::from_secs(120), "the component is refused", || {
        let status = home.run(["status"]);
        let told = status.out + &status.err;
        match told.contains("takes more than is allowed for a component of its size") {
            true => Ok(()),
            false => Err(told),
        }
    });
    let after = resident(engine.pid());
    assert!(
        after < before + (32 << 20),
        "{before} bytes grew to {after}"
    );
}

#[test]
fn the_process_that_compiles_can_reach_nothing() {
    let home = Home::new();
    let mut command = home.command(["compile-component", "1000000"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program runs");
    let pid = child.id();
    let of = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}"));
    within(
        Duration::from_secs(20),
        "it gives up what it does not need",
        || {
            let status = of("status").unwrap_or_default();
            let has = |line: &str| {
                status
                    .lines()
                    .any(|l| l.split_whitespace().eq(line.split(' ')))
            };
            match has("Seccomp: 2") && has("NoNewPrivs: 1") {
                true => Ok(()),
                false => Err(status.clone()),
            }
        },
    );
    let limits = of("limits").expect("its limits");
    let most = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{limits}"));
        let hard = line[name.len()..].split_whitespace().nth(1);
        hard.and_then(|hard| hard.parse::<u64>().ok())
    };
    for (name, least) in [
        ("Max cpu time", 18),
        ("Max address space", 512 << 20),
        ("Max file size", 0),
        ("Max processes", 0),
        ("Max core file size", 0),
    ] {
        let most = most(name);
        assert!(most.is_some_and(|most| most <= least), "{name}: {most:?}");
    }
    // What comes is too short, so that it ends without an answer.
    let mut input = child.stdin.take().expect("an input");
    input.write_all(b"short").expect("it reads");
    drop(input);
    assert!(!child.wait().expect("it ends").success());
}
