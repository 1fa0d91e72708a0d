//! A whole machine in small, by chance and without a clock: the core, the real Workspace file and
//! the real credentials file on a real disk; providers that fail, answers that come late or never,
//! a person and other programs that edit both files meanwhile, clocks that jump, and crashes
//! between any two effects. The configuration is broken and mended at any moment, its guard rail
//! loses its component, it is read before the Workspace, after it, or late; others remove the files,
//! take single sessions out of them and bring copies back, places refuse to be written, the person
//! writes down other places, and an editor saves what it read long ago. After every step the audit and the files have to agree,
//! and nothing begins that no guard rail could be asked about.
//!
//! `DAYFLY_SIM_SEEDS` says how many walks are made (2,000), `DAYFLY_SIM_FIRST` with which seed they
//! begin (0); `DAYFLY_SIM_SEED` makes one, and prints it step by step.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use support::Machine;

/// Steps of one walk.
const STEPS: u32 = 120;

fn walk(seed: u64, told: bool) -> support::Met {
    walk_through(Machine::new(seed, told, true, true))
}

fn walk_with(seed: u64, told: bool, mishaps: bool) -> support::Met {
    walk_through(Machine::new(seed, told, mishaps, false))
}

fn walk_through(mut machine: Machine) -> support::Met {
    machine.walk(STEPS);
    machine.rest();
    machine.met
}

#[expect(clippy::print_stderr, reason = "how a failure is told again")]
fn walks(seeds: Range<u64>) -> Vec<support::Met> {
    let mut all = Vec::new();
    let mut failed = None;
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| walk(seed, false))) {
            Ok(met) => all.push(met),
            Err(why) => {
                let hint =
                    format!("DAYFLY_SIM_SEED={seed} cargo test -p dayfly-sim --test machine");
                eprintln!("to see it step by step: {hint}");
                failed.get_or_insert(why);
            }
        }
    }
    if let Some(why) = failed {
        std::panic::resume_unwind(why);
    }
    all
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_happens_files_and_core_agree() {
    if let Some(seed) = variable("DAYFLY_SIM_SEED") {
        walk(seed, true);
        return;
    }
    let seeds = variable("DAYFLY_SIM_SEEDS").unwrap_or(2_000);
    let begin = variable("DAYFLY_SIM_FIRST").unwrap_or(0);
    // Two at a time; each walk is one by itself.
    let (half, end) = (begin + seeds / 2, begin + seeds);
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| walks(begin..half));
        let second = scope.spawn(|| walks(half..end));
        (first.join(), second.join())
    });
    let mut all = first.unwrap_or_else(|why| std::panic::resume_unwind(why));
    all.extend(second.unwrap_or_else(|why| std::panic::resume_unwind(why)));
    // Walks that meet nothing prove nothing.
    if seeds >= 100 {
        let mut sum = support::Met::default();
        for met in &all {
            sum.add(met);
        }
        println!("{seeds} walks: {sum:?}");
        sum.assert_everything_was_met();
    }
}

/// Walks that went wrong once.
#[test]
fn what_went_wrong_once() {
    // A state that waited to be written came upon a session that had taken the place of its own.
    walk_with(1_283, false, false);
    // The clock was set back after a retraction had failed.
    walk_with(126, false, false);
    // Another session came under the named profile of one that nobody stood for.
    walk_with(2_335, false, true);
    // An editor brought back a session that was gone when its state was to be written.
    walk_with(8_502, false, true);
    // Programs waited for a policy that broke over another session.
    walk_with(3_336, false, true);
    walk_with(9_217, false, true);
    // Earlier credentials that could not be removed look newer, as the clock was set back.
    walk(690, false);
    // A session that nobody had stood for came back under another profile and was displaced.
    walk(1_814, false);
    // What others had taken out before it was retracted came back with a copy.
    walk(2_173, false);
    // The clock was set back after credentials had ended while those that followed were published.
    walk(4_483, false);
}
