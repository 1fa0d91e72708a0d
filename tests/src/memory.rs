//! The memory of a process, as root sees it and as a core of it would have it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use memchr::memmem::Finder;

/// Which part of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that can be read.
    All,
    /// What a core has where nobody set a filter, and what a forked process gets: without the pages
    /// that are kept out of cores.
    Core,
}

/// A copy of the memory of a process.
#[derive(Debug)]
pub struct Memory(Vec<(String, Vec<u8>)>);

impl Memory {
    /// Reads it; none where this user may not, or the process has ended.
    #[must_use]
    pub fn of(pid: u32, part: Part) -> Option<Self> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).ok()?;
        let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
        let mut found = Vec::new();
        let mut mapping: Option<(u64, u64, String)> = None;
        let mut resident = false;
        for line in maps.lines() {
            let first = line.split_whitespace().next().unwrap_or_default();
            if let Some((from, to)) = range(first) {
                resident = false;
                let rights = line.split_whitespace().nth(1).unwrap_or_default();
                // Programs and libraries are in their files.
                let written = rights.starts_with("rw");
                mapping = written.then(|| (from, to, line.to_owned()));
            } else if matches!(first, "Rss:" | "Swap:") {
                resident |= line.split_whitespace().nth(1) != Some("0");
            } else if let Some(flags) = line.strip_prefix("VmFlags:") {
                let out = part == Part::Core && flags.split_whitespace().any(|flag| flag == "dd");
                let Some((from, to, name)) = mapping.take().filter(|_| resident && !out) else {
                    continue;
                };
                let mut bytes = vec![0; usize::try_from(to - from).ok()?];
                let read = read(&memory, from, &mut bytes);
                bytes.truncate(read);
                found.push((name, bytes));
            }
        }
        Some(Self(found)).filter(|memory| !memory.0.is_empty())
    }

    /// Whether it is somewhere.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        let finder = Finder::new(text);
        self.0.iter().any(|(_, bytes)| finder.find(bytes).is_some())
    }

    /// Where it is, with what stands around it.
    #[must_use]
    pub fn places(&self, text: &str) -> Vec<String> {
        let finder = Finder::new(text);
        let mut places = Vec::new();
        for (name, bytes) in &self.0 {
            for at in finder.find_iter(bytes) {
                let around = at.saturating_sub(80)..(at + text.len() + 40).min(bytes.len());
                let around = bytes[around].escape_ascii();
                places.push(format!("{name} + {at:#x}: {around}"));
            }
        }
        places
    }
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(from)?, number(to)?))
}

/// Reads as much as there is: a mapping can have pages that cannot be read.
fn read(memory: &File, from: u64, bytes: &mut [u8]) -> usize {
    let mut done = 0;
    while done < bytes.len() {
        match memory.read_at(&mut bytes[done..], from + done as u64) {
            Ok(0) | Err(_) => break,
            Ok(n) => done += n,
        }
    }
    done
}

/// A core of a process, as root or a debugger takes it; none where there is no `gcore`.
///
/// # Panics
/// There is a `gcore` that takes none, or there has to be one.
#[must_use]
#[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
pub fn core(pid: u32, folder: &Path) -> Option<Core> {
    let name = folder.join("core");
    let taken = Command::new("gcore")
        .args(["-o".as_ref(), name.as_os_str(), pid.to_string().as_ref()])
        .output();
    let Ok(taken) = taken else {
        let wanted = std::env::var_os("DAYFLY_TEST_ALL").is_some();
        assert!(!wanted, "there is no gcore: tests/tools installs gdb");
        eprintln!("not run: there is no gcore");
        return None;
    };
    let path = folder.join(format!("core.{pid}"));
    let core = std::fs::read(&path);
    let _ = std::fs::remove_file(path);
    let core = core.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&taken.stderr)));
    Some(Core(core))
}

/// A core file.
#[derive(Debug)]
pub struct Core(Vec<u8>);

impl Core {
    /// Whether the memory in it has a text. What the processor's registers held, which is in every
    /// core, is not looked at.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        let finder = Finder::new(text);
        let mut segments = self.segments();
        segments.any(|bytes| finder.find(bytes).is_some())
    }

    /// Source: elf(5), 64 bits, the least byte first.
    fn segments(&self) -> impl Iterator<Item = &[u8]> {
        const MEMORY: usize = 1;
        let number = |at: usize, bytes: usize| {
            let bytes = self.0.get(at..at + bytes).unwrap_or_default();
            bytes
                .iter()
                .rev()
                .fold(0, |all, b| all << 8 | usize::from(*b))
        };
        let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
        let entries = (0..count).map(move |n| table + n * size);
        let memory = entries.filter(move |at| number(*at, 4) == MEMORY);
        memory.map(move |at| {
            let (from, length) = (number(at + 8, 8), number(at + 32, 8));
            self.0.get(from..from + length).unwrap_or_default()
        })
    }
}
