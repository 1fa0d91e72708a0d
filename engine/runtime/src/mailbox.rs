//! Work for a thread, as a level: what waits is merged, so that nothing queues up.
//!
//! Not `tokio::sync::watch`: the workers are plain threads, and it has no blocking wait; nor does it merge.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What waits for a thread.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    inner: Mutex<Inner<T>>,
    news: Condvar,
}

/// What a wait for work brought.
#[derive(Debug)]
pub(crate) enum Taken<T> {
    /// Work.
    Work(T),
    /// The time is over.
    Nothing,
    /// Nothing will come any more.
    Closed,
}

#[derive(Debug)]
struct Inner<T> {
    waiting: Option<T>,
    working: bool,
    closed: bool,
}

impl<T: Default> Mailbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                waiting: None,
                working: false,
                closed: false,
            }),
            news: Condvar::new(),
        }
    }

    /// Merges something into what waits.
    pub(crate) fn put(&self, merge: impl FnOnce(&mut T)) {
        merge(self.lock().waiting.get_or_insert_with(T::default));
        self.news.notify_one();
    }

    /// Nothing more will come; what waits is still taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_all();
    }

    /// Waits for something to do; none once it is closed and empty.
    pub(crate) fn take(&self) -> Option<T> {
        let mut inner = self.lock();
        loop {
            inner.working = inner.waiting.is_some();
            if let Some(work) = inner.waiting.take() {
                return Some(work);
            }
            if inner.closed {
                return None;
            }
            inner = self
                .news
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same, at most so long, where there is a bound.
    pub(crate) fn take_within(&self, wait: Option<Duration>) -> Taken<T> {
        let Some(wait) = wait else {
            return self.take().map_or(Taken::Closed, Taken::Work);
        };
        let mut inner = self.lock();
        inner.working = inner.waiting.is_some();
        let idle = |inner: &mut Inner<T>| inner.waiting.is_none() && !inner.closed;
        let waited = self.news.wait_timeout_while(inner, wait, idle);
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match inner.waiting.take() {
            Some(work) => {
                inner.working = true;
                Taken::Work(work)
            }
            None if inner.closed => Taken::Closed,
            None => {
                inner.working = true;
                Taken::Nothing
            }
        }
    }

    /// The same until a moment at which there is something to do in any case, where there is one:
    /// until then it is not idle.
    pub(crate) fn take_until(&self, moment: Option<Instant>) -> Taken<T> {
        let Some(moment) = moment else {
            return self.take_within(None);
        };
        let mut inner = self.lock();
        inner.working = true;
        loop {
            if let Some(work) = inner.waiting.take() {
                return Taken::Work(work);
            }
            let left = moment.saturating_duration_since(Instant::now());
            if inner.closed {
                return Taken::Closed;
            }
            if left.is_zero() {
                return Taken::Nothing;
            }
            let waited = self.news.wait_timeout(inner, left);
            (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes what has come meanwhile, without waiting.
    pub(crate) fn take_more(&self) -> Option<T> {
        self.lock().waiting.take()
    }

    /// Says that what was taken is done.
    pub(crate) fn done(&self) {
        self.lock().working = false;
    }

    /// Whether nothing waits and all that was taken is done.
    pub(crate) fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.waiting.is_none() && !inner.working
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
