//! Bytes that nobody meant, made of bytes that somebody did.
//!
//! A target takes seeds (the examples of the repository, and `corpus/TARGET/`: inputs that once went
//! wrong, and inputs by which an engine reached new code). `cargo test` tries it on each as it is,
//! and on as many damaged ones as fit into `DAYFLY_FUZZ_SECONDS` (3), with damage by chance.
//!
//! `tests/fuzz/run TARGET SECONDS` tries it under libFuzzer instead, which goes by what code an input
//! reaches: there an input is the bytes themselves, seeds and words are a corpus and a dictionary,
//! and what reached new code is kept.

#![allow(unexpected_cfgs, reason = "`fuzzing` is what engines set")]

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bolero::{Driver, ValueGenerator};

/// The longest input.
const LONGEST: usize = 1 << 20;
/// The longest seed that an engine starts from: it tries many that are short.
const SHORT: usize = 64 << 10;

/// Makes damaged seeds. `words` are what the language is made of.
#[derive(Debug)]
pub struct Damaged<'a> {
    seeds: &'a [Vec<u8>],
    words: &'a [&'a str],
}

impl ValueGenerator for Damaged<'_> {
    type Output = Vec<u8>;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Vec<u8>> {
        let mut bytes = pick(driver, self.seeds)?.clone();
        for _ in 0..=below(driver, 7)? {
            self.damage(driver, &mut bytes)?;
            bytes.truncate(LONGEST);
        }
        Some(bytes)
    }
}

impl<'a> Damaged<'a> {
    /// Of these.
    #[must_use]
    pub const fn new(seeds: &'a [Vec<u8>], words: &'a [&'a str]) -> Self {
        Self { seeds, words }
    }

    /// One change at a place by chance; behind the last byte is a place too.
    fn damage<D: Driver>(&self, driver: &mut D, bytes: &mut Vec<u8>) -> Option<()> {
        let at = below(driver, bytes.len() + 1)?;
        let end = (at + below(driver, 64)?).min(bytes.len());
        match below(driver, 10)? {
            0 => bytes.insert(at, byte(driver)?),
            1 | 2 if at < bytes.len() => bytes[at] = byte(driver)?,
            3 if at < bytes.len() => bytes[at] ^= 1 << below(driver, 8)?,
            4 => drop(bytes.drain(at..end)),
            5 => bytes.truncate(at),
            6 => {
                let part = bytes[at..end].repeat(1 + below(driver, 40)?);
                drop(bytes.splice(at..at, part));
            }
            7 => {
                let other = pick(driver, self.seeds)?;
                let from = below(driver, other.len() + 1)?;
                let to = (from + below(driver, 200)?).min(other.len());
                drop(bytes.splice(at..at, other[from..to].iter().copied()));
            }
            _ if self.words.is_empty() => bytes.insert(at, byte(driver)?),
            _ => {
                let word = pick(driver, self.words)?;
                drop(bytes.splice(at..at, word.bytes()));
            }
        }
        Some(())
    }
}

/// A number below a bound that is not 0.
fn below<D: Driver>(driver: &mut D, bound: usize) -> Option<usize> {
    driver.gen_usize(Bound::Included(&0), Bound::Excluded(&bound))
}

fn byte<D: Driver>(driver: &mut D) -> Option<u8> {
    driver.gen_u8(Bound::Unbounded, Bound::Unbounded)
}

fn pick<'a, D: Driver, T>(driver: &mut D, list: &'a [T]) -> Option<&'a T> {
    list.get(below(driver, list.len())?)
}

/// Tries a target on its seeds, and on damaged ones or on what an engine makes of them. Where it goes
/// wrong, bolero prints the smallest input that it finds and how to have it again.
///
/// A macro, since bolero goes by the place that it is called from.
#[cfg(not(fuzzing))]
#[macro_export]
macro_rules! fuzz {
    ($seeds:expr, $words:expr, $check:expr $(,)?) => {{
        let (seeds, words): (&[Vec<u8>], &[&str]) = ($seeds, $words);
        let check = $crate::check($check);
        for seed in seeds {
            check(seed);
        }
        $crate::bolero::check!()
            .with_test_time($crate::time())
            .with_generator($crate::Damaged::new(seeds, words))
            .for_each(move |bytes: &Vec<u8>| check(bytes));
    }};
}

/// Lets an engine try a target: what it makes are the bytes themselves.
#[cfg(fuzzing)]
#[macro_export]
macro_rules! fuzz {
    ($seeds:expr, $words:expr, $check:expr $(,)?) => {{
        let check = $crate::check($check);
        $crate::hand_over($seeds, $words);
        $crate::bolero::check!().for_each(move |bytes: &[u8]| check(bytes));
    }};
}

/// Writes what an engine starts from: a file for each short seed into the folder `DAYFLY_FUZZ_SEEDS`, and
/// the words into `DAYFLY_FUZZ_WORDS`, each where the variable is set.
///
/// # Panics
/// One cannot be written.
pub fn hand_over(seeds: &[Vec<u8>], words: &[&str]) {
    if let Some(folder) = std::env::var_os("DAYFLY_FUZZ_SEEDS") {
        let short = seeds.iter().filter(|seed| seed.len() <= SHORT);
        for (number, seed) in short.enumerate() {
            let path = Path::new(&folder).join(format!("seed-{number:04}"));
            std::fs::write(path, seed).expect("a seed is written");
        }
    }
    if let Some(path) = std::env::var_os("DAYFLY_FUZZ_WORDS") {
        let lines: String = words.iter().map(|word| dictionary_line(word)).collect();
        std::fs::write(path, lines).expect("the words are written");
    }
}

/// A word as libFuzzer's dictionaries have it: every byte by its number.
fn dictionary_line(word: &str) -> String {
    let bytes: String = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{bytes}\"\n")
}

/// Takes a target for what it is: something that is given bytes.
pub fn check<F: Fn(&[u8])>(target: F) -> impl Fn(&[u8]) + RefUnwindSafe + UnwindSafe {
    let target = AssertUnwindSafe(target);
    move |bytes: &[u8]| {
        // All of it, so that what is asserted holds.
        let target = &target;
        target.0(bytes);
    }
}

pub use bolero;

/// How long each target is tried.
#[must_use]
pub fn time() -> Duration {
    let seconds = std::env::var("DAYFLY_FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|s| s.parse().ok()).unwrap_or(3);
    Duration::from_secs(seconds)
}

/// The top folder of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files with this ending in these folders of the repository, and those of `corpus/TARGET`.
///
/// # Panics
/// One cannot be read, or there are none.
#[must_use]
pub fn seeds(target: &str, folders: &[&str], ending: &str) -> Vec<Vec<u8>> {
    let mut seeds = examples(folders, ending);
    seeds.extend(kept(target));
    assert!(!seeds.is_empty(), "no seeds for {target}");
    seeds
}

/// The files with this ending in these folders of the repository.
///
/// # Panics
/// One cannot be read.
#[must_use]
pub fn examples(folders: &[&str], ending: &str) -> Vec<Vec<u8>> {
    let folders = folders.iter().map(|folder| repository().join(folder));
    read(folders.collect(), ending)
}

/// The files of `corpus/TARGET`.
///
/// # Panics
/// One cannot be read.
#[must_use]
pub fn kept(target: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    read(vec![corpus.join(target)], "")
}

/// In the same order everywhere, so that a failure can be told again.
fn read(folders: Vec<PathBuf>, ending: &str) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&folder, ending, &mut paths);
    }
    paths.sort();
    let bytes = |path: &PathBuf| std::fs::read(path).expect("a seed is read");
    paths.iter().map(bytes).collect()
}

fn collect(folder: &Path, ending: &str, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a folder is read").path();
        if path.is_dir() {
            collect(&path, ending, paths);
        } else if path.to_string_lossy().ends_with(ending) {
            paths.push(path);
        }
    }
}
