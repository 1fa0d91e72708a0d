//! Writes the recording, on a thread of its own. Nobody waits for it: what comes faster than the
//! disk takes it is left out, and that is told.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

use dayfly_core::policy::{EntryName, Views};
use dayfly_core::time::Timestamp;
use dayfly_policy::StateSnapshot;
use imbl::ordmap::DiffItem;

use super::{Answer, MadeOf, Record, modules};
use crate::question::Question;
use crate::rolling_files::{self, Keep, Line as _, Writer};

/// How much later than another an evaluation can be recorded that began before it: several are
/// made at once.
const OUT_OF_ORDER_MS: u64 = 60_000;
/// Evaluations that wait for the disk.
const WAITING: usize = 256;
/// How long the end waits for those that wait for the disk.
const FAREWELL: Duration = Duration::from_secs(2);

/// An evaluation.
struct Heard {
    question: Question,
    answer: Answer,
}

/// Where evaluations are handed over. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    heard: SyncSender<Box<Heard>>,
    missed: Arc<AtomicU64>,
}

impl Recorder {
    /// Hands an evaluation over. Those of one entry have to come in their order.
    pub(crate) fn take(&self, question: Question, answer: Answer) {
        let heard = Box::new(Heard { question, answer });
        if self.heard.try_send(heard).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The thread that writes the recording.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Option<Recorder>,
    /// Nothing new comes; what is left is written for a while.
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Recording {
    /// Records into this folder. `trouble` hears of failures, and none once it works again.
    pub(crate) fn start(
        folder: PathBuf,
        run: &str,
        keep: Keep,
        trouble: impl Fn(Option<String>) + Send + 'static,
    ) -> io::Result<Self> {
        let (heard, incoming) = sync_channel(WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        let ending = Arc::new(AtomicBool::new(false));
        let mut clerk = RecordingThread {
            writer: Writer::new(folder.clone(), keep),
            folder,
            run: run.into(),
            said: BTreeMap::new(),
            missed: Arc::clone(&missed),
            ending: Arc::clone(&ending),
            last: None,
        };
        let thread = thread::Builder::new()
            .name("dayfly-recorder".into())
            .spawn(move || clerk.serve(&incoming, &trouble))?;
        Ok(Self {
            recorder: Some(Recorder { heard, missed }),
            ending,
            thread: Some(thread),
        })
    }

    /// Where evaluations are handed over.
    pub(crate) fn recorder(&self) -> Option<Recorder> {
        self.recorder.clone()
    }
}

impl Drop for Recording {
    /// Waits until what was handed over is written, but not long.
    fn drop(&mut self) {
        self.recorder = None;
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct RecordingThread {
    folder: PathBuf,
    run: Arc<str>,
    writer: Writer<Record>,
    /// What the file that is written says of each entry.
    said: BTreeMap<EntryName, Said>,
    missed: Arc<AtomicU64>,
    ending: Arc<AtomicBool>,
    /// When the last evaluation was.
    last: Option<Timestamp>,
}

/// What was wrong when an evaluation was to be recorded.
enum Problem {
    /// It is not recorded.
    Unwritten(io::Error),
    /// It is, but something earlier could not be removed.
    Untidy(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

struct Said {
    made_of: MadeOf,
    sees: Views,
    state: StateSnapshot,
}

impl RecordingThread {
    fn serve(&mut self, incoming: &Receiver<Box<Heard>>, trouble: &dyn Fn(Option<String>)) {
        let mut told = None;
        let mut end = None;
        while let Ok(heard) = incoming.recv() {
            if self.ending.load(Ordering::Relaxed) {
                let end = *end.get_or_insert_with(|| Instant::now() + FAREWELL);
                if Instant::now() > end {
                    return;
                }
            }
            let missed = self.missed.swap(0, Ordering::Relaxed);
            let problem = match self.write(*heard) {
                Ok(()) if missed > 0 => Some(
                    "Dayfly did not record some evaluations, because the disk is too slow"
                        .to_owned(),
                ),
                Ok(()) => None,
                Err(Problem::Untidy(untidy)) => Some(format!(
                    "Dayfly records evaluations, but cannot remove old recordings: {untidy}"
                )),
                Err(Problem::Unwritten(error)) => {
                    // The next file, or what is left of this one, starts again.
                    self.said.clear();
                    Some(format!("Dayfly cannot record evaluations: {error}"))
                }
            };
            if problem != told {
                trouble(problem.clone());
                told = problem;
            }
        }
    }

    fn write(&mut self, heard: Heard) -> Result<(), Problem> {
        let mut tidied = Ok(());
        let now = heard.question.context.now;
        let back = |last: Timestamp| now.as_millis() + OUT_OF_ORDER_MS < last.as_millis();
        if self.last.is_some_and(back) {
            // The clock was set back: within a file time goes forward but for that much, so that
            // how long components are kept can be told by the beginnings of files.
            if !self.writer.begins() {
                self.writer.close(crate::clock::now())?;
            }
            self.last = None;
        }
        self.last = self.last.max(Some(now));
        if self.writer.begins() {
            self.said.clear();
            tidied = self.tidy();
        }
        let entry = heard.question.entry.clone();
        let record = self.record(heard);
        let mut text = serde_json::to_vec(&record).map_err(io::Error::other)?;
        text.push(b'\n');
        if text.len() as u64 > Record::LONGEST {
            self.said.remove(&entry);
            return Err(io::Error::other("an evaluation is too large").into());
        }
        match self.writer.append(&text)? {
            Some(untidy) => Err(Problem::Untidy(untidy)),
            None => tidied.map_err(|e| Problem::Untidy(e.to_string())),
        }
    }

    /// The line for an evaluation, after those that were written.
    fn record(&mut self, heard: Heard) -> Record {
        let Heard {
            question: asked,
            answer,
        } = heard;
        let known = self.said.remove(&asked.entry);
        let known = known.filter(|said| said.made_of.is(&asked.policy));
        let fresh = known.is_none();
        let said = known.unwrap_or_else(|| {
            let made_of = MadeOf::of(&asked.policy);
            // So that it stays for as long as this file.
            let _ = modules(&self.folder).touch(&made_of.digest);
            Said {
                made_of,
                sees: Views::new(),
                state: StateSnapshot::default(),
            }
        });
        let (mut shown, mut hidden) = (Vec::new(), Vec::new());
        for item in said.sees.diff(&asked.sees) {
            match item {
                DiffItem::Add(_, view) | DiffItem::Update { new: (_, view), .. } => {
                    shown.push(view.clone());
                }
                DiffItem::Remove(key, _) => hidden.push(*key),
            }
        }
        let record = Record {
            run: Arc::clone(&self.run),
            entry: asked.entry.clone(),
            evaluation: asked.evaluation,
            made_of: fresh.then(|| said.made_of.clone()),
            shown,
            hidden,
            remembered: asked.state.since(&said.state),
            context: asked.context,
            events: asked.events,
            answer,
        };
        let said = Said {
            made_of: said.made_of,
            sees: asked.sees,
            state: asked.state,
        };
        self.said.insert(asked.entry, said);
        record
    }

    /// Removes components that no file names any more: those that were wanted last before the oldest
    /// line.
    fn tidy(&self) -> io::Result<()> {
        let oldest = match rolling_files::begin::<Record>(&self.folder) {
            Ok(Some(oldest)) => {
                let oldest = oldest.as_millis().saturating_sub(OUT_OF_ORDER_MS);
                UNIX_EPOCH + Duration::from_millis(oldest)
            }
            Ok(None) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        modules(&self.folder)
            .forget_before(oldest)
            .map_err(io::Error::other)
    }
}
