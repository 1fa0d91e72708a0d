//! The journal: an append-only record, one JSON object a line.
//!
//! A folder holds the file that is written, `journal.jsonl`, and earlier ones, which are named by
//! the moment at which they were closed. A line that a crash cut short is passed over when read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dayfly_core::effect::Note;
use dayfly_core::time::Timestamp;
use dayfly_vault::private_file;
use serde::{Deserialize, Serialize};

const CURRENT: &str = "journal.jsonl";
/// Batches that wait for the disk.
const WAITING: usize = 1_024;
/// The longest line that is read back.
const LINE: u64 = 4 << 20;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Which run of the engine wrote it: causes and operations are counted anew in each.
    pub run: Arc<str>,
    /// What it says.
    #[serde(flatten)]
    pub note: Note,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Bytes of one file.
    pub file: u64,
    /// Files beside the one that is written.
    pub files: usize,
    /// How long ago the latest line of a file may be. A file holds an eighth of it.
    pub age: Duration,
}

impl Keep {
    /// So many megabytes in all, and so many days.
    #[must_use]
    pub fn new(megabytes: u64, days: u64) -> Self {
        Self {
            file: (megabytes.clamp(1, 1 << 20) << 20) / 8,
            files: 7,
            age: Duration::from_secs(days.clamp(1, 36_500) * 24 * 60 * 60),
        }
    }

    /// Whether a file of this length, with its first line from then, is to be closed.
    fn is_full(&self, length: u64, began: Timestamp, now: Timestamp) -> bool {
        length >= self.file || began.plus(self.age / 8) <= now
    }
}

/// Writes the journal on a thread of its own.
#[derive(Debug)]
pub(crate) struct Journal {
    lines: Option<SyncSender<Vec<Note>>>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal in this folder. `trouble` hears of the first failure to write, and none
    /// once it works again.
    pub(crate) fn open(
        folder: PathBuf,
        run: &str,
        keep: Keep,
        trouble: impl Fn(Option<String>) + Send + 'static,
    ) -> io::Result<Self> {
        let (lines, incoming) = sync_channel(WAITING);
        let mut writer = Writer {
            folder,
            run: run.into(),
            keep,
            file: None,
        };
        let thread = thread::Builder::new()
            .name("dayfly-journal".into())
            .spawn(move || writer.serve(&incoming, &trouble))?;
        Ok(Self {
            lines: Some(lines),
            thread: Some(thread),
        })
    }

    /// Hands lines over; waits where the disk is far behind.
    pub(crate) fn write(&self, notes: Vec<Note>) {
        if let Some(lines) = &self.lines {
            // The thread ends only after this sender.
            let _ = lines.send(notes);
        }
    }
}

impl Drop for Journal {
    /// Waits until everything is written.
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer {
    folder: PathBuf,
    run: Arc<str>,
    keep: Keep,
    file: Option<Open>,
}

/// The file that is written.
struct Open {
    file: File,
    length: u64,
    /// When its first line was written.
    began: Timestamp,
}

impl Writer {
    fn serve(&mut self, incoming: &Receiver<Vec<Note>>, trouble: &dyn Fn(Option<String>)) {
        let mut failing = false;
        while let Ok(first) = incoming.recv() {
            let mut text = Vec::new();
            let more = std::iter::from_fn(|| incoming.try_recv().ok());
            for note in std::iter::once(first).chain(more.take(WAITING)).flatten() {
                let line = Line {
                    run: Arc::clone(&self.run),
                    note,
                };
                // A note has nothing that JSON cannot say.
                if serde_json::to_writer(&mut text, &line).is_ok() {
                    text.push(b'\n');
                }
            }
            match self.append(&text) {
                Ok(()) if failing => {
                    failing = false;
                    trouble(None);
                }
                Ok(()) => {}
                Err(error) => {
                    self.file = None;
                    if !std::mem::replace(&mut failing, true) {
                        trouble(Some(error.to_string()));
                    }
                }
            }
        }
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let now = crate::clock::now();
        let open = match &mut self.file {
            Some(open) => open,
            None => {
                let opened = open(&self.folder)?;
                forget(&self.folder, self.keep, now)?;
                self.file.insert(opened)
            }
        };
        if open.length == 0 {
            open.began = now;
        }
        open.file.write_all(text)?;
        open.length += text.len() as u64;
        if self.keep.is_full(open.length, open.began, now) {
            self.file = None;
            close(&self.folder, now)?;
            forget(&self.folder, self.keep, now)?;
        }
        Ok(())
    }
}

/// Opens the current file at its end, behind a whole line.
fn open(folder: &Path) -> io::Result<Open> {
    private_file::create_folder(folder).map_err(io::Error::other)?;
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(no_follow)
        .open(folder.join(CURRENT))?;
    let mut length = file.metadata()?.len();
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            length += 1;
        }
    }
    let first = Reader::of(&folder.join(CURRENT))?.read_one()?;
    let began = first.map_or_else(crate::clock::now, |line| line.note.at);
    Ok(Open {
        file,
        length,
        began,
    })
}

/// Closes the file that is written.
fn close(folder: &Path, now: Timestamp) -> io::Result<()> {
    let moment = now.as_millis();
    let mut number = 0u32;
    let closed = loop {
        let name = folder.join(format!("journal-{moment:016}-{number:04}.jsonl"));
        if !name.exists() {
            break name;
        }
        number += 1;
    };
    fs::rename(folder.join(CURRENT), closed)
}

/// Removes closed files that are too many or too old.
fn forget(folder: &Path, keep: Keep, now: Timestamp) -> io::Result<()> {
    let earlier = earlier(folder)?;
    let surplus = earlier.len().saturating_sub(keep.files);
    for (index, path) in earlier.iter().enumerate() {
        let old = closed_at(path).is_some_and(|at| at.plus(keep.age) <= now);
        if index < surplus || old {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// When a file was closed, as its name says.
fn closed_at(path: &Path) -> Option<Timestamp> {
    let name = path.file_name()?.to_str()?;
    let moment = name.strip_prefix("journal-")?.split('-').next()?;
    Some(Timestamp::from_millis(moment.parse().ok()?))
}

/// Files that are no longer written, the oldest first.
fn earlier(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("journal-") && name.ends_with(".jsonl") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The file that is written now, for those who want to follow it.
#[must_use]
pub fn current(folder: &Path) -> PathBuf {
    folder.join(CURRENT)
}

/// Reads a journal from its beginning, and on.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    reading: Option<BufReader<File>>,
    part: Vec<u8>,
    /// Lines that could not be read.
    pub unreadable: u64,
}

impl Reader {
    /// Begins with the oldest line. No lines where there is no journal.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            reading: None,
            part: Vec::new(),
            unreadable: 0,
        }
    }

    /// Reads one file only.
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            reading: Some(BufReader::new(File::open(path)?)),
            ..Self::open(path)
        })
    }

    /// The next line; none where there is none yet. May be asked again later.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.read_one()? {
                return Ok(Some(line));
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    fn read_one(&mut self) -> io::Result<Option<Line>> {
        while let Some(reading) = &mut self.reading {
            let bound = LINE.saturating_sub(self.part.len() as u64);
            let read = reading.take(bound).read_until(b'\n', &mut self.part)?;
            if self.part.last() != Some(&b'\n') {
                if read > 0 && self.part.len() as u64 >= LINE {
                    // Whatever that is, it is no line of ours.
                    self.part.clear();
                    self.unreadable += 1;
                    continue;
                }
                return Ok(None);
            }
            let line = serde_json::from_slice(&self.part);
            self.part.clear();
            match line {
                Ok(line) => return Ok(Some(line)),
                Err(_) => self.unreadable += 1,
            }
        }
        Ok(None)
    }

    /// Goes on to the next file; false where the present one is the last.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(next) = self.following()? else {
            return Ok(false);
        };
        if !std::mem::take(&mut self.part).is_empty() {
            self.unreadable += 1;
        }
        self.reading = Some(BufReader::new(next));
        Ok(true)
    }

    /// The file after the one that is read; files are known by what they are, as their names
    /// change when they are closed.
    fn following(&self) -> io::Result<Option<File>> {
        let mut files = match earlier(&self.folder) {
            Ok(files) => files,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        files.push(current(&self.folder));
        let identity = |meta: &fs::Metadata| (meta.dev(), meta.ino());
        let present = match &self.reading {
            Some(reading) => Some(identity(&reading.get_ref().metadata()?)),
            None => None,
        };
        let mut next = None;
        for path in files {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            if Some(identity(&file.metadata()?)) == present {
                next = None;
            } else {
                next = next.or(Some(file));
            }
        }
        Ok(next)
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
