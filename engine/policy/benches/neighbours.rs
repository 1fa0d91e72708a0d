//! Whether guests that mean harm delay a good one: the time of a good entry's evaluation alone, and
//! while others are called over and over on threads of their own, on the same host.
//!
//! `cargo bench -p dayfly-policy --bench neighbours`
//!
//! A question goes to a worker thread and its answer comes back, as in the engine. Whoever spins
//! takes a processor, in Wasm or not; therefore as many native threads that spin are the floor.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};

#[path = "../tests/guest/mod.rs"]
mod guest;
#[path = "../tests/guest/session.rs"]
mod session;

use guest::Guest;
use session::{call, sessions};

static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(HostConfig::default()).unwrap());

/// Never ends, takes all memory there is and uses it, fails at once.
const LOOP: &str = "(loop (br 0)) unreachable";
const BOMB: &str = "(loop (drop (memory.grow (i32.const 16)))
    (memory.fill (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1048576))
        (i32.const 1) (i32.const 1048576)) (br 0)) unreachable";
const TRAP: &str = "unreachable";

const ROUNDS: usize = 3_000;

fn main() {
    println!("{} processors", thread::available_parallelism().unwrap());
    let good = good();
    let alone = measure(&good, &[]);
    row("alone", alone, alone, alone);
    let hordes: [(&str, &[&str]); 3] = [
        ("an endless loop", &[LOOP]),
        ("a loop, a memory bomb and a trap", &[LOOP, BOMB, TRAP]),
        ("four endless loops", &[LOOP; 4]),
    ];
    for (name, horde) in hordes {
        let spinning: Vec<_> = horde.iter().map(|_| Neighbour::Native).collect();
        let floor = measure(&good, &spinning);
        row(
            &format!("{} native threads", horde.len()),
            floor,
            alone,
            floor,
        );
        let hostile: Vec<_> = horde
            .iter()
            .map(|code| Neighbour::Guest(bad(code)))
            .collect();
        row(name, measure(&good, &hostile), alone, floor);
    }
}

enum Neighbour {
    Native,
    Guest(Policy),
}

/// Median and 99th percentile.
type Times = (Duration, Duration);

fn row(name: &str, (median, p99): Times, alone: Times, floor: Times) {
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!(
        "beside {name:<34} median {median:>9.2?}, p99 {p99:>9.2?}; to alone {:.2} and {:.2}; to \
         the floor {:.2} and {:.2}",
        ratio(median, alone.0),
        ratio(p99, alone.1),
        ratio(median, floor.0),
        ratio(p99, floor.1),
    );
}

fn measure(good: &Policy, neighbours: &[Neighbour]) -> Times {
    let over = AtomicBool::new(false);
    let faults = AtomicUsize::new(0);
    let times = thread::scope(|scope| {
        for neighbour in neighbours {
            let (over, faults) = (&over, &faults);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    match neighbour {
                        Neighbour::Native => std::hint::spin_loop(),
                        Neighbour::Guest(bad) => {
                            bad.evaluate(call(&sessions([1]))).unwrap_err();
                            faults.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        let (ask, questions) = sync_channel::<Instant>(1);
        let (answer, answers) = sync_channel(1);
        scope.spawn(move || {
            for asked in questions {
                let events = sessions([4]);
                good.evaluate(call(&events)).unwrap();
                answer.send(asked.elapsed()).unwrap();
            }
        });
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            // Events come one by one, not back to back.
            thread::sleep(Duration::from_micros(500));
            ask.send(Instant::now()).unwrap();
            times.push(answers.recv().unwrap());
        }
        over.store(true, Ordering::Relaxed);
        times
    });
    let hostile = neighbours.iter().any(|n| matches!(n, Neighbour::Guest(_)));
    assert_eq!(hostile, faults.into_inner() > 0, "the neighbours did harm");
    let mut times = times;
    times.sort_unstable();
    (times[ROUNDS / 2], times[ROUNDS * 99 / 100])
}

fn good() -> Policy {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/prebuilt");
    let bytes = std::fs::read(folder.join("keep-active.wasm")).unwrap();
    let module = Module::load(&HOST, "keep-active", &bytes).unwrap();
    Policy::configure(&module, "{}", Limits::default()).unwrap()
}

fn bad(code: &str) -> Policy {
    let guest = Guest {
        evaluate: code.into(),
        ..Guest::default()
    };
    let module = Module::load(&HOST, "bad", &guest.component()).unwrap();
    Policy::configure(&module, "{}", Limits::default()).unwrap()
}
