//! From the core's types to those of the contract. Nothing is copied but numbers and references.

use dayfly_core::policy::{
    Context, EngineEvent, Event, Outcome, ResyncReason, SessionChange, SessionView,
};

use super::session;
use super::wit::types;
use super::words;

pub(super) fn context(context: &Context) -> types::Context {
    types::Context {
        now: context.now.as_millis(),
        sequence: context.sequence,
        seed: context.seed,
        dry_run: context.dry_run,
        workspace_revision: context.workspace_revision,
    }
}

/// Lowers events for as long as `call` runs.
///
/// A session borrows its labels as a slice and an event its sessions, so these are laid out first:
/// all labels of the call in one list, then all sessions, then the events.
pub(super) fn events<R>(events: &[Event], call: impl FnOnce(&[types::Event<'_>]) -> R) -> R {
    let labels: Vec<types::AttributeParam<'_>> = sessions(events)
        .flat_map(|session| &session.facts.labels)
        .map(|(key, value)| types::AttributeParam { key, value })
        .collect();
    let mut labels = labels.as_slice();

    let (mut changed, mut paged) = (0, 0);
    for event in events {
        match event {
            Event::Sessions(changes) => changed += changes.len(),
            Event::Resync { sessions, .. } => paged += sessions.len(),
            _ => {}
        }
    }
    let mut changes = Vec::with_capacity(changed);
    let mut pages = Vec::with_capacity(paged);
    for event in events {
        match event {
            Event::Sessions(all) => {
                changes.extend(all.iter().map(|one| change(one, &mut labels)));
            }
            Event::Resync { sessions, .. } => {
                pages.extend(sessions.iter().map(|one| with_labels(one, &mut labels)));
            }
            _ => {}
        }
    }

    let (mut changes, mut pages) = (changes.as_slice(), pages.as_slice());
    let lowered: Vec<types::Event<'_>> = events
        .iter()
        .map(|event| match event {
            Event::Sessions(all) => types::Event::Sessions(take(&mut changes, all.len())),
            Event::Resync {
                reason,
                sessions,
                last,
            } => types::Event::Resync(types::Resync {
                reason: resync_reason(*reason),
                sessions: take(&mut pages, sessions.len()),
                last: *last,
            }),
            other => without_sessions(other),
        })
        .collect();
    call(&lowered)
}

fn resync_reason(reason: ResyncReason) -> types::ResyncReason {
    match reason {
        ResyncReason::ColdStart => types::ResyncReason::ColdStart,
        ResyncReason::Reconfigured => types::ResyncReason::Reconfigured,
        ResyncReason::Resumed => types::ResyncReason::Resumed,
        ResyncReason::Overflow => types::ResyncReason::Overflow,
    }
}

/// Lowers an event that brings no sessions.
fn without_sessions(event: &Event) -> types::Event<'_> {
    match event {
        Event::Sessions(_) | Event::Resync { .. } => types::Event::Sessions(&[]),
        Event::Wake { id, due } => types::Event::Wake(types::WakeUp {
            id,
            due: due.as_millis(),
        }),
        Event::Schedule {
            expression,
            due,
            missed,
        } => types::Event::Schedule(types::ScheduleTick {
            expression,
            due: due.as_millis(),
            missed: *missed,
        }),
        Event::File(file) => types::Event::File(types::FileChange {
            path: &file.path,
            kind: words::file_change_kind(file.kind),
            digest: file.digest.as_ref().map_or(&[], |digest| digest.as_slice()),
            content: file.content.as_deref(),
        }),
        Event::Branch(change) => types::Event::Branch(types::BranchChange {
            repository: &change.repository,
            kind: words::file_change_kind(change.kind),
            branch: change.branch.as_deref(),
            previous: change.previous.as_deref(),
        }),
        Event::Engine(event) => types::Event::Engine(match event {
            EngineEvent::Started => types::EngineEvent::Started,
            EngineEvent::Stopping(deadline) => types::EngineEvent::Stopping(types::Stopping {
                deadline: deadline.as_millis(),
            }),
            EngineEvent::Resumed(slept) => types::EngineEvent::Resumed(*slept),
            EngineEvent::ClockSet(by) => types::EngineEvent::ClockSet(*by),
        }),
        Event::Custom { name, data } => types::Event::Custom(types::CustomEvent { name, data }),
    }
}

/// All sessions of the events, in the order in which they come.
fn sessions(events: &[Event]) -> impl Iterator<Item = &SessionView> {
    events.iter().flat_map(|event| {
        let (changes, page): (&[SessionChange], &[SessionView]) = match event {
            Event::Sessions(changes) => (changes, &[]),
            Event::Resync { sessions, .. } => (&[], sessions),
            _ => (&[], &[]),
        };
        let changed = changes.iter().map(|change| &change.after);
        changed.chain(page)
    })
}

/// The next so many of a list that was laid out in the same order.
fn take<'a, T>(rest: &mut &'a [T], count: usize) -> &'a [T] {
    let (next, left) = rest.split_at(count);
    *rest = left;
    next
}

fn change<'a>(
    change: &'a SessionChange,
    labels: &mut &'a [types::AttributeParam<'a>],
) -> types::SessionChange<'a> {
    types::SessionChange {
        after: with_labels(&change.after, labels),
        previous_status: change.previous_status.map(words::status),
        fields: words::fields(change.fields),
        outcome: change.outcome.map(|outcome| match outcome {
            Outcome::Started => types::Outcome::Started,
            Outcome::Stopped => types::Outcome::Stopped,
            Outcome::Rotated => types::Outcome::Rotated,
            Outcome::Expired => types::Outcome::Expired,
            Outcome::Failed => types::Outcome::Failed,
            Outcome::NeedsPerson => types::Outcome::NeedsPerson,
            Outcome::Expiring => types::Outcome::Expiring,
        }),
    }
}

/// A session, with the next of the labels, which lie in its order.
fn with_labels<'a>(
    view: &'a SessionView,
    labels: &mut &'a [types::AttributeParam<'a>],
) -> types::SessionParam<'a> {
    session::borrowed(view, take(labels, view.facts.labels.len()))
}
