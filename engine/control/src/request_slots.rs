//! How many may be served at once at the control socket: by what they ask for, so that many who wait for
//! a cloud keep nobody from looking at what runs, or from stopping it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use dayfly_dialog::CliError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::protocol::Request;

/// Connections that have not said yet what they want. Where there is one more, the one that has
/// been silent for the longest gives way.
const SILENT: usize = 128;
/// How long a connection may be silent where others wait: as many as come at once are heard.
const FAIR: Duration = Duration::from_secs(1);
/// Questions that the engine answers from memory, at once.
const QUESTIONS: usize = 64;
/// Stops and releases at once, which wait for nobody but the disk.
const STOPS: usize = 64;
/// Requests at once that may wait for a cloud or a person.
const CLOUD: usize = 512;

/// What a request may have to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing.
    Question,
    /// The disk.
    Stop,
    /// A cloud.
    Cloud,
}

impl Class {
    pub(crate) const fn of(request: &Request) -> Self {
        use dayfly_core::policy::Action;
        match request {
            Request::Order(order) => match order.action {
                Some(Action::Stop) | None => Self::Stop,
                Some(Action::Start | Action::Rotate) => Self::Cloud,
            },
            Request::Credentials { .. } | Request::Token { .. } | Request::Respond(_) => {
                Self::Cloud
            }
            Request::Report {}
            | Request::Session { .. }
            | Request::Endpoint { .. }
            | Request::Standing { .. }
            | Request::Enable { .. }
            | Request::SignedIn { .. }
            | Request::Attended { .. }
            | Request::Emit { .. } => Self::Question,
        }
    }

    const fn said(self) -> (usize, &'static str) {
        match self {
            Self::Question => (QUESTIONS, "questions are being answered"),
            Self::Stop => (STOPS, "stops are being carried out"),
            Self::Cloud => (CLOUD, "requests wait for a cloud"),
        }
    }
}

/// The places.
#[derive(Debug)]
pub(crate) struct RequestSlots {
    questions: Arc<Semaphore>,
    stops: Arc<Semaphore>,
    cloud: Arc<Semaphore>,
    hearing: Arc<Semaphore>,
    silent: Mutex<VecDeque<Weak<Silent>>>,
}

/// A connection that has not said yet what it wants.
#[derive(Debug)]
pub(crate) struct Silent {
    since: Instant,
    cut: Notify,
    _place: OwnedSemaphorePermit,
}

impl Silent {
    /// The request gives up its place to another.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }
}

impl RequestSlots {
    pub(crate) fn new() -> Self {
        Self {
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            stops: Arc::new(Semaphore::new(STOPS)),
            cloud: Arc::new(Semaphore::new(CLOUD)),
            hearing: Arc::new(Semaphore::new(SILENT)),
            silent: Mutex::default(),
        }
    }

    /// A connection came. It says what it wants by dropping this.
    pub(crate) async fn accept(&self) -> Arc<Silent> {
        loop {
            let hearing = Arc::clone(&self.hearing).acquire_owned();
            match timeout_at(self.patience(), hearing).await {
                Ok(Ok(place)) => {
                    let came = Arc::new(Silent {
                        since: Instant::now(),
                        cut: Notify::new(),
                        _place: place,
                    });
                    let mut silent = self.lock();
                    silent.retain(|one| one.strong_count() > 0);
                    silent.push_back(Arc::downgrade(&came));
                    return came;
                }
                // It gives its place back when it is told.
                _ => {
                    if let Some(longest) = self.longest() {
                        longest.cut.notify_one();
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Until when the one that is silent for the longest may be so.
    fn patience(&self) -> Instant {
        let longest = self.longest();
        longest.map_or_else(Instant::now, |one| one.since) + FAIR
    }

    fn longest(&self) -> Option<Arc<Silent>> {
        let mut silent = self.lock();
        silent.retain(|one| one.strong_count() > 0);
        silent.front().and_then(Weak::upgrade)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Weak<Silent>>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a request, or why there is none. Nobody waits for one.
    pub(crate) fn take(&self, class: Class) -> Result<OwnedSemaphorePermit, CliError> {
        let places = match class {
            Class::Question => &self.questions,
            Class::Stop => &self.stops,
            Class::Cloud => &self.cloud,
        };
        Arc::clone(places).try_acquire_owned().map_err(|_| {
            let (count, what) = class.said();
            CliError::failed(format!("already {count} {what}"))
                .hint("run the command again; `dayfly status` shows what the engine is doing")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_cloud_keeps_nobody_from_looking_and_stopping() {
        let places = RequestSlots::new();
        let taken: Vec<_> = (0..CLOUD)
            .map(|_| places.take(Class::Cloud).unwrap())
            .collect();
        let refused = places.take(Class::Cloud).unwrap_err();
        assert!(refused.message.contains("512 requests"), "{refused}");
        let question = places.take(Class::Question).unwrap();
        let stop = places.take(Class::Stop).unwrap();
        drop((taken, question, stop));
        assert!(places.take(Class::Cloud).is_ok());
    }

    #[tokio::test]
    async fn the_one_that_is_silent_for_the_longest_gives_way() {
        let places = Arc::new(RequestSlots::new());
        let first = places.accept().await;
        let mut rest = Vec::new();
        for _ in 1..SILENT {
            rest.push(places.accept().await);
        }
        let cut = async {
            first.cut().await;
            assert!(first.since.elapsed() >= FAIR);
            drop(first);
        };
        let (_one_more, ()) = tokio::join!(places.accept(), cut);
        // Whoever has spoken has no place here.
        drop(rest);
        let spoken = tokio::time::timeout(FAIR / 2, places.accept()).await;
        assert!(spoken.is_ok());
    }

    #[test]
    fn stops_and_reports_wait_for_no_cloud() {
        let class = |text: &str| Class::of(&serde_json::from_str(text).unwrap());
        let order = |action: &str| {
            class(&format!(
                r#"{{"do":"order","session":"a","action":{action}}}"#
            ))
        };
        assert_eq!(order("\"stop\""), Class::Stop);
        assert_eq!(order("null"), Class::Stop);
        assert_eq!(order("\"start\""), Class::Cloud);
        assert_eq!(class(r#"{"do":"report"}"#), Class::Question);
        assert_eq!(class(r#"{"do":"credentials","session":"a"}"#), Class::Cloud);
    }
}
