//! Threads that take jobs off one queue. Where all of them are busy and somebody has waited a moment,
//! another one helps out, so that jobs which use up their time keep nobody waiting.
//!
//! Not the pools of `rayon` or `tokio`: the one has a fixed number of threads, so that a few policies
//! which use up their time would keep all others waiting; the other starts
//! one more thread at once for every job that finds none idle.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a job waits before a thread is started for it: longer than a usual one takes, so that
/// a burst of them starts none.
const TIMEOUT: Duration = Duration::from_millis(2);
const STACK_OF_KEEPER: usize = 128 << 10;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. Waits for the jobs that run when dropped; those that wait are not begun.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// The stack of a thread, in bytes.
    stack: usize,
    /// Threads that there are always, and at most.
    number: usize,
    most: usize,
    queue: Mutex<Queue>,
    /// There is a job, or the end.
    come: Condvar,
    /// Somebody may have to wait, or a thread has ended.
    crowded: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Instant, Job)>,
    threads: usize,
    idle: usize,
    /// Threads that were started and have not come to the queue yet.
    coming: usize,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("waiting", &self.waiting.len())
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl WorkerPool {
    /// Starts so many threads, and more where they are needed, up to `most`.
    pub(crate) fn start(number: usize, most: usize, stack: usize) -> std::io::Result<Self> {
        let number = number.max(1);
        let shared = Arc::new(Shared {
            stack,
            number,
            most: most.max(number),
            queue: Mutex::default(),
            come: Condvar::new(),
            crowded: Condvar::new(),
        });
        let mut pool = Self {
            shared: Arc::clone(&shared),
            keeper: None,
        };
        for _ in 0..number {
            shared.spawn_worker(&mut shared.queue())?;
        }
        let keeper = thread::Builder::new()
            .name("dayfly-pool".into())
            .stack_size(STACK_OF_KEEPER)
            .spawn(move || shared.keep())?;
        pool.keeper = Some(keeper);
        Ok(pool)
    }

    /// Has this done. It must not panic.
    pub(crate) fn take(&self, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.queue();
        queue.waiting.push_back((Instant::now(), Box::new(job)));
        if queue.is_crowded() {
            self.shared.crowded.notify_one();
        }
        drop(queue);
        self.shared.come.notify_one();
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        queue.waiting.clear();
        drop(queue);
        self.shared.come.notify_all();
        self.shared.crowded.notify_all();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
        let queue = self.shared.queue();
        // Each job has its deadline.
        let over = self.shared.crowded.wait_while(queue, |q| q.threads > 0);
        drop(over);
    }
}

impl Queue {
    /// Whether more wait than there are threads with nothing to do.
    fn is_crowded(&self) -> bool {
        self.first_left().is_some()
    }

    /// Since when the first waits for whom there is no thread.
    fn first_left(&self) -> Option<Instant> {
        let left = self.waiting.get(self.idle + self.coming);
        left.map(|(since, _)| *since)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn_worker(self: &Arc<Self>, queue: &mut Queue) -> std::io::Result<()> {
        let shared = Arc::clone(self);
        thread::Builder::new()
            .name("dayfly-policy".into())
            .stack_size(self.stack)
            .spawn(move || shared.work())?;
        queue.threads += 1;
        queue.coming += 1;
        Ok(())
    }

    fn work(&self) {
        let mut queue = self.queue();
        queue.coming -= 1;
        while !queue.closed {
            if let Some((_, job)) = queue.waiting.pop_front() {
                drop(queue);
                job();
                queue = self.queue();
            } else if queue.threads > self.number {
                // It only helped out.
                break;
            } else {
                queue.idle += 1;
                queue = self
                    .come
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            }
        }
        queue.threads -= 1;
        drop(queue);
        self.crowded.notify_all();
    }

    /// Starts threads for those who have waited; asleep without a timer while nobody does.
    fn keep(self: &Arc<Self>) {
        let mut queue = self.queue();
        while !queue.closed {
            let left = queue.first_left().filter(|_| queue.threads < self.most);
            let rest = left.map(|since| TIMEOUT.saturating_sub(since.elapsed()));
            match rest {
                Some(rest) if !rest.is_zero() => {
                    (queue, _) = self
                        .crowded
                        .wait_timeout(queue, rest)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                // Where none can be started, whoever waits is served by those that there are.
                Some(_) if self.spawn_worker(&mut queue).is_ok() => {}
                _ => {
                    queue = self
                        .crowded
                        .wait(queue)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{channel, sync_channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const STACK: usize = 128 << 10;

    #[test]
    fn jobs_that_use_up_their_time_keep_nobody_waiting() {
        let pool = WorkerPool::start(1, 8, STACK).unwrap();
        let (release, held) = sync_channel::<()>(0);
        let held = Arc::new(Mutex::new(held));
        for _ in 0..4 {
            let held = Arc::clone(&held);
            pool.take(move || {
                let _ = held.lock().unwrap().recv();
            });
        }
        let (done, ends) = channel();
        pool.take(move || done.send(()).unwrap());
        ends.recv_timeout(LONG).expect("it is not kept waiting");
        drop(release);
    }

    #[test]
    fn there_are_never_more_than_the_most_and_in_the_end_as_many_as_usual() {
        let pool = WorkerPool::start(2, 4, STACK).unwrap();
        let (done, ends) = channel();
        for _ in 0..12 {
            let done = done.clone();
            pool.take(move || {
                // Sleeps for longer than the pool is patient.
                thread::sleep(TIMEOUT * 4);
                done.send(()).unwrap();
            });
        }
        let mut most = 0;
        for _ in 0..12 {
            ends.recv_timeout(LONG).unwrap();
            most = most.max(pool.shared.queue().threads);
        }
        assert!((3..=4).contains(&most), "{most}");
        let begun = Instant::now();
        while pool.shared.queue().threads > 2 {
            assert!(begun.elapsed() < LONG);
            // Sleeps between two looks, until the deadline.
            thread::sleep(TIMEOUT);
        }
    }

    #[test]
    fn the_end_waits_for_what_runs_and_begins_nothing() {
        let pool = WorkerPool::start(1, 1, STACK).unwrap();
        let (begun, begins) = channel();
        let (done, ends) = channel();
        for n in 0..2 {
            let (begun, done) = (begun.clone(), done.clone());
            pool.take(move || {
                begun.send(()).unwrap();
                // Sleeps so that the pool is dropped while the job runs.
                thread::sleep(TIMEOUT * 10);
                done.send(n).unwrap();
            });
        }
        begins.recv_timeout(LONG).unwrap();
        drop(pool);
        drop(done);
        assert_eq!(ends.iter().collect::<Vec<_>>(), [0]);
    }
}
