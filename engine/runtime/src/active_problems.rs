//! Troubles that workers tell the engine: a level for each thing that can be in trouble.
//!
//! Nobody waits to tell one, since the engine may be waiting for the one who tells it; and none is
//! lost where much waits for the engine, so that what is well again is never shown as broken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What waits for the engine. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActiveProblems(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// By what they are about, which is a fixed set; none: it is well again.
    told: Mutex<BTreeMap<&'static str, Option<String>>>,
    news: Notify,
}

impl ActiveProblems {
    /// What tells of one thing.
    pub(crate) fn about(&self, about: &'static str) -> impl Fn(Option<String>) + Send + use<> {
        let troubles = self.clone();
        move |problem| troubles.tell(about, problem)
    }

    /// How it stands with something.
    pub(crate) fn tell(&self, about: &'static str, problem: Option<String>) {
        self.told().insert(about, problem);
        self.0.news.notify_one();
    }

    /// Waits until something was told.
    pub(crate) async fn changed(&self) {
        self.0.news.notified().await;
    }

    /// The latest of each thing.
    pub(crate) fn take(&self) -> BTreeMap<&'static str, Option<String>> {
        std::mem::take(&mut *self.told())
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<String>>> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_latest_of_each_thing_is_told_however_late_it_is_asked_for() {
        let troubles = ActiveProblems::default();
        let journal = troubles.about("journal");
        for n in 0..5_000 {
            journal(Some(n.to_string()));
        }
        troubles.tell("state", Some("full".to_owned()));
        journal(None);
        troubles.changed().await;
        let told: Vec<_> = troubles.take().into_iter().collect();
        assert_eq!(
            told,
            [("journal", None), ("state", Some("full".to_owned()))]
        );
        assert!(troubles.take().is_empty());
    }
}
