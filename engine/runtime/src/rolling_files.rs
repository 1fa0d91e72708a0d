//! Records that grow at their end, one JSON object a line, in files that are closed when they are
//! full and removed when they are old.
//!
//! A folder holds the file that is written, `STEM.jsonl`, and earlier ones, `STEM-NUMBER-MOMENT.jsonl`,
//! which are numbered in their order and say when they were closed. The order is the number's and
//! never the clock's, which may have been wrong. A line that a crash cut short is passed over when
//! read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_core::time::Timestamp;
use dayfly_fs::bounded::{self, Links};
use dayfly_vault::private_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What such a record is made of.
pub trait Line: Serialize + DeserializeOwned {
    /// What its files are called.
    const STEM: &'static str;
    /// Bytes of the longest line that is read back.
    const LONGEST: u64;

    /// When it was written.
    fn at(&self) -> Timestamp;
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

/// Writes such a record.
#[derive(Debug)]
pub(crate) struct Writer<L> {
    folder: PathBuf,
    keep: Keep,
    file: Option<Open>,
    lines: PhantomData<fn(L)>,
}

/// The file that is written.
#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    /// When its first line was written.
    began: Timestamp,
}

impl<L: Line> Writer<L> {
    pub(crate) const fn new(folder: PathBuf, keep: Keep) -> Self {
        Self {
            folder,
            keep,
            file: None,
            lines: PhantomData,
        }
    }

    /// Appends whole lines. Where they are written, and earlier files could not be closed or removed
    /// as they should be, this says why.
    pub(crate) fn append(&mut self, text: &[u8]) -> io::Result<Option<String>> {
        let written = self.try_append(text);
        if written.is_err() {
            self.file = None;
        }
        written
    }

    fn try_append(&mut self, text: &[u8]) -> io::Result<Option<String>> {
        let now = crate::clock::now();
        let mut untidy = Ok(());
        let open = match &mut self.file {
            Some(open) => open,
            None => {
                let opened = open::<L>(&self.folder)?;
                untidy = forget::<L>(&self.folder, self.keep, now);
                self.file.insert(opened)
            }
        };
        if open.length == 0 {
            open.began = now;
        }
        open.file.write_all(text)?;
        open.length += text.len() as u64;
        if self.keep.is_full(open.length, open.began, now) {
            untidy = self.close(now);
        }
        Ok(untidy.err().map(|error| error.to_string()))
    }

    /// Whether the next line begins a file.
    pub(crate) fn begins(&self) -> bool {
        self.file.as_ref().is_none_or(|open| open.length == 0)
    }

    /// Closes the file that is written, so that the next line begins another.
    pub(crate) fn close(&mut self, now: Timestamp) -> io::Result<()> {
        self.file = None;
        close::<L>(&self.folder, now)?;
        forget::<L>(&self.folder, self.keep, now)
    }
}

/// Opens the current file at its end, behind a whole line.
fn open<L: Line>(folder: &Path) -> io::Result<Open> {
    private_file::create_folder(folder).map_err(io::Error::other)?;
    // A pipe that stands there is not waited for.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let path = current::<L>(folder);
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(&path)
        .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
    let meta = file.metadata()?;
    bounded::require_file(&path, &meta).map_err(io::Error::other)?;
    let mut length = meta.len();
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            length += 1;
        }
    }
    let first = Reader::<L>::of(&path)?.read_one()?;
    let began = first.map_or_else(crate::clock::now, |line| line.at());
    Ok(Open {
        file,
        length,
        began,
    })
}

/// A file of lines; none where there is none. What is no file of this engine's is not waited for.
fn regular(path: &Path) -> io::Result<Option<File>> {
    let opened =
        bounded::open(path, Links::Refuse).map_err(|e| io::Error::other(e.with_cause()))?;
    Ok(opened.map(|(file, _)| file))
}

/// Closes the file that is written.
fn close<L: Line>(folder: &Path, now: Timestamp) -> io::Result<()> {
    let last = earlier::<L>(folder)?.into_iter().map(|closed| closed.order);
    let number = last.max().map_or(1, |order| order.number() + 1);
    let moment = now.as_millis();
    let closed = folder.join(format!("{}-{number:010}-{moment:016}.jsonl", L::STEM));
    let named = |e: io::Error| io::Error::other(format!("cannot name {}: {e}", closed.display()));
    fs::rename(current::<L>(folder), &closed).map_err(named)
}

/// Removes closed files that are too many or too old. For its age no more than one goes at a time:
/// a clock that is wrong must not cost the whole record.
fn forget<L: Line>(folder: &Path, keep: Keep, now: Timestamp) -> io::Result<()> {
    let earlier = earlier::<L>(folder)?;
    let surplus = earlier.len().saturating_sub(keep.files);
    let old = earlier.first().filter(|f| f.at.plus(keep.age) <= now);
    let mut result = Ok(());
    for file in &earlier[..surplus.max(usize::from(old.is_some()))] {
        match fs::remove_file(&file.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                let path = file.path.display();
                result = Err(io::Error::other(format!("cannot remove {path}: {e}")));
            }
            _ => {}
        }
    }
    result
}

/// A file that is no longer written.
#[derive(Debug)]
struct Closed {
    order: Order,
    /// When it was closed, as the clock was then.
    at: Timestamp,
    path: PathBuf,
}

/// Where a file stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// Before there were numbers: by the moment, and a number among those of one moment.
    ByMoment(u64, u64),
    /// By its number.
    Numbered(u64),
}

impl Order {
    const fn number(self) -> u64 {
        match self {
            Self::ByMoment(..) => 0,
            Self::Numbered(number) => number,
        }
    }
}

impl Closed {
    /// What the name of a file says; none for what is no closed file.
    fn of<L: Line>(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_prefix(L::STEM)?.strip_prefix('-')?;
        let (first, second) = name.strip_suffix(".jsonl")?.split_once('-')?;
        let (one, two): (u64, u64) = (first.parse().ok()?, second.parse().ok()?);
        // A moment was always written with sixteen digits.
        let (order, at) = if first.len() == 16 {
            (Order::ByMoment(one, two), one)
        } else {
            (Order::Numbered(one), two)
        };
        let at = Timestamp::from_millis(at);
        Some(Self { order, at, path })
    }
}

/// Files that are no longer written, the oldest first.
fn earlier<L: Line>(folder: &Path) -> io::Result<Vec<Closed>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.extend(Closed::of::<L>(entry?.path()));
    }
    found.sort_by_key(|closed| closed.order);
    Ok(found)
}

/// The earliest moment at which a file begins: the clock may have been set back between files.
pub(crate) fn begin<L: Line>(folder: &Path) -> io::Result<Option<Timestamp>> {
    let mut begin: Option<Timestamp> = None;
    let files = earlier::<L>(folder)?.into_iter().map(|closed| closed.path);
    for path in files.chain([current::<L>(folder)]) {
        let first = match Reader::<L>::of(&path) {
            Ok(mut reader) => reader.read_one()?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let at = first.map(|line| line.at());
        begin = begin.into_iter().chain(at).min();
    }
    Ok(begin)
}

/// The file that is written now, for those who want to follow it.
#[must_use]
pub fn current<L: Line>(folder: &Path) -> PathBuf {
    folder.join(format!("{}.jsonl", L::STEM))
}

/// Reads such a record from its beginning, and on.
#[derive(Debug)]
pub struct Reader<L> {
    folder: PathBuf,
    reading: Option<BufReader<File>>,
    part: Vec<u8>,
    /// Lines that could not be read.
    pub unreadable: u64,
    lines: PhantomData<fn() -> L>,
}

impl<L: Line> Reader<L> {
    /// Begins with the oldest line. No lines where there is no such folder.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            reading: None,
            part: Vec::new(),
            unreadable: 0,
            lines: PhantomData,
        }
    }

    /// Reads one file only.
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            reading: regular(path)?.map(BufReader::new),
            ..Self::open(path)
        })
    }

    /// The next line; none where there is none yet. May be asked again later.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<L>> {
        loop {
            if let Some(line) = self.read_one()? {
                return Ok(Some(line));
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    fn read_one(&mut self) -> io::Result<Option<L>> {
        while let Some(reading) = &mut self.reading {
            let bound = L::LONGEST.saturating_sub(self.part.len() as u64);
            let read = reading.take(bound).read_until(b'\n', &mut self.part)?;
            if self.part.last() != Some(&b'\n') {
                if read > 0 && self.part.len() as u64 >= L::LONGEST {
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
        let mut files: Vec<PathBuf> = match earlier::<L>(&self.folder) {
            Ok(files) => files.into_iter().map(|closed| closed.path).collect(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        files.push(current::<L>(&self.folder));
        let identity = |meta: &fs::Metadata| (meta.dev(), meta.ino());
        let present = match &self.reading {
            Some(reading) => Some(identity(&reading.get_ref().metadata()?)),
            None => None,
        };
        let mut next = None;
        for path in files {
            let Some(file) = regular(&path)? else {
                continue;
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
#[path = "rolling_files_tests.rs"]
mod tests;
