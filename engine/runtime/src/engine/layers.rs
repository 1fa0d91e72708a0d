//! The layers of the Workspace were looked at.

use std::collections::BTreeMap;

use dayfly_core::effect::{JournalEvent, LayerChange, LayerSession};
use dayfly_workspace::layers::SessionChanges;

use super::engine_loop::EngineLoop;
use crate::layers_seen::{LayerNews, LayersSeen, Standing};
use crate::report::ProblemReport;

/// Names of sessions that one line of the journal has.
const NAMED: usize = 20;

impl EngineLoop {
    /// Tells what changed. Nothing is done about it: what a layer says counts once a person merges it.
    pub(super) fn layers_seen(&mut self, seen: LayersSeen) {
        for news in seen.merged {
            self.note(layer_changed(news, true));
        }
        for news in seen.differ {
            self.note(layer_changed(news, false));
        }
        let before = std::mem::replace(&mut self.layers, seen.standing);
        let unreadable = |layers: &BTreeMap<String, Standing>| {
            let all = layers.iter();
            let all = all.filter(|(_, standing)| standing.is_trouble());
            all.map(|(name, standing)| (name.clone(), standing.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        let (before, now) = (unreadable(&before), unreadable(&self.layers));
        for name in before.keys().filter(|name| !now.contains_key(*name)) {
            self.trouble(&about(name), None);
        }
        for (name, standing) in now {
            let problem = (standing.message().to_owned(), Some(standing.hint(&name)));
            self.trouble(&about(&name), Some(problem));
        }
    }

    /// What a report says of layers, beside those that cannot be read.
    pub(super) fn layer_notices(&self) -> Vec<ProblemReport> {
        let notice = |(name, standing): (&String, &Standing)| ProblemReport {
            about: about(name),
            message: standing.message().to_owned(),
            hint: Some(standing.hint(name)),
            warning: true,
        };
        // Those that cannot be read are among the troubles.
        let others = self.layers.iter();
        let others = others.filter(|(_, standing)| !standing.is_trouble());
        others.map(notice).collect()
    }
}

/// What problems of a layer are about.
pub(super) const LAYER: &str = "layer ";

fn about(name: &str) -> String {
    format!("{LAYER}{name}")
}

fn layer_changed(news: LayerNews, merged: bool) -> JournalEvent {
    let SessionChanges {
        added,
        changed,
        removed,
    } = news.sessions;
    let of = |change: LayerChange| move |name: String| LayerSession { name, change };
    let count = added.len() + changed.len() + removed.len();
    let all = added.into_iter().map(of(LayerChange::Added));
    let all = all.chain(changed.into_iter().map(of(LayerChange::Changed)));
    let all = all.chain(removed.into_iter().map(of(LayerChange::Removed)));
    JournalEvent::LayerChanged {
        layer: news.name,
        source: news.source,
        version: news.version,
        merged,
        count,
        sessions: all.take(NAMED).collect(),
    }
}
