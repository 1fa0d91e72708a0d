//! The clock of running guests: one thread that advances the engine's epoch while calls run,
//! and sleeps without a timer while none do.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::EngineWeak;

/// Advances an engine's epoch every `tick` while something runs.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    tick: Duration,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Calls that run now.
    running: AtomicUsize,
    /// Calls that ever began. A burst of short ones must not park and wake the thread each time.
    begun: AtomicU64,
    /// Ticks so far.
    ticks: AtomicU64,
    /// Whether the thread sleeps until it is woken.
    parked: AtomicBool,
    /// Guards the sleep. True: the host is gone.
    closed: Mutex<bool>,
    wake: Condvar,
}

/// A call that runs. The epoch advances as long as it lives.
pub(crate) struct Running<'a>(&'a Shared);

impl Ticker {
    /// Starts the thread, asleep.
    pub(crate) fn start(engine: EngineWeak, tick: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            running: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            parked: AtomicBool::new(false),
            closed: Mutex::new(false),
            wake: Condvar::new(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("policy-ticker".into())
            .stack_size(64 << 10)
            .spawn(move || of_thread.run(&engine, tick))?;
        Ok(Self {
            shared,
            tick,
            thread: Some(thread),
        })
    }

    /// Keeps the epoch advancing until the answer is dropped.
    pub(crate) fn enter(&self) -> Running<'_> {
        let shared = &*self.shared;
        // The thread sets `parked` first and then reads `running`: one of the two sees the other.
        shared.running.fetch_add(1, SeqCst);
        shared.begun.fetch_add(1, SeqCst);
        if shared.parked.load(SeqCst) {
            let _guard = shared.closed.lock().unwrap_or_else(PoisonError::into_inner);
            shared.parked.store(false, SeqCst);
            shared.wake.notify_one();
        }
        Running(shared)
    }

    /// How many epochs make up a deadline. One more than fit, since the first tick may come at once.
    pub(crate) fn epochs(&self, deadline: Duration) -> u64 {
        let ticks = deadline.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        u64::try_from(ticks)
            .unwrap_or(u64::MAX / 2)
            .saturating_add(1)
    }

    /// Ticks so far.
    #[cfg(test)]
    pub(crate) fn ticks(&self) -> u64 {
        self.shared.ticks.load(SeqCst)
    }

    /// Whether the thread sleeps without a timer.
    #[cfg(test)]
    pub(crate) fn parked(&self) -> bool {
        self.shared.parked.load(SeqCst)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self
            .shared
            .closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // It holds no resource that its panic could leave broken.
            let _ = thread.join();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl Shared {
    fn run(&self, engine: &EngineWeak, tick: Duration) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = self.begun.load(SeqCst);
        while !*closed {
            let begun = self.begun.load(SeqCst);
            self.parked.store(true, SeqCst);
            let idle = self.running.load(SeqCst) == 0 && begun == seen;
            seen = begun;
            if idle {
                while self.parked.load(SeqCst) && !*closed {
                    closed = self
                        .wake
                        .wait(closed)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                continue;
            }
            self.parked.store(false, SeqCst);
            (closed, _) = self
                .wake
                .wait_timeout_while(closed, tick, |closed| !*closed)
                .unwrap_or_else(PoisonError::into_inner);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
            self.ticks.fetch_add(1, SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const TICK: Duration = Duration::from_millis(2);

    fn until(what: impl Fn() -> bool) {
        let begin = Instant::now();
        while !what() {
            assert!(begin.elapsed() < Duration::from_secs(20), "never came");
            // Sleeps between two looks, until the deadline.
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn ticks_while_something_runs_and_never_while_nothing_does() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::start(engine.weak(), TICK).unwrap();
        until(|| ticker.parked());
        for _ in 0..3 {
            let before = ticker.ticks();
            let running = ticker.enter();
            until(|| ticker.ticks() > before + 5);
            drop(running);
            until(|| ticker.parked());
            let idle = ticker.ticks();
            // Sleeps since the time in which it may not tick is what is measured.
            thread::sleep(TICK * 20);
            assert_eq!(ticker.ticks(), idle);
        }
    }

    #[test]
    fn a_call_that_begins_while_another_runs_does_not_stop_the_ticks_of_the_first() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::start(engine.weak(), TICK).unwrap();
        let first = ticker.enter();
        drop(ticker.enter());
        let before = ticker.ticks();
        until(|| ticker.ticks() > before + 5);
        drop(first);
    }

    #[test]
    fn a_deadline_is_never_cut_short_by_the_phase_of_the_ticks() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::start(engine.weak(), TICK).unwrap();
        assert_eq!(ticker.epochs(Duration::from_millis(10)), 6);
        assert_eq!(ticker.epochs(Duration::from_millis(11)), 7);
        assert!(ticker.epochs(Duration::MAX) > 1 << 40);
    }
}
