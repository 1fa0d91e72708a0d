//! Which events a rule answers to.

use std::collections::BTreeMap;

use dayfly_policy_sdk::{ChangedFields, Event, Outcome, SessionKey};
use serde_json::Value as Json;

use crate::rule::Rule;
use crate::scene::Heard;
use crate::when::{Happening, When};

/// What the id of a wake-up of a rule begins with; its name follows.
pub(crate) const NAMED: &str = "named/";

/// An event that is about no session, as rules see it.
pub(crate) fn hear(event: &Event) -> Option<Heard<'_>> {
    Some(match event {
        Event::Custom(event) => {
            let data = serde_json::from_str(&event.data).unwrap_or(Json::Null);
            Heard::Custom(event, data)
        }
        Event::Wake(wake) => Heard::Wake(wake, wake.id.strip_prefix(NAMED)?),
        Event::Schedule(tick) => Heard::Schedule(tick),
        Event::File(file) => Heard::File(file),
        Event::Branch(change) => Heard::Branch(change),
        Event::Engine(event) => Heard::Named(event.word()),
        Event::Sessions(_) | Event::Resync(_) => return None,
    })
}

/// Whether a rule answers to an event that is about no session.
pub(crate) fn answers(rule: &Rule, event: &Event) -> bool {
    match (&rule.when, event) {
        (When::Custom(name), Event::Custom(event)) => *name == event.name,
        (When::Wake(name), Event::Wake(wake)) => wake.id.strip_prefix(NAMED) == Some(name.as_str()),
        (When::Schedule(cron), Event::Schedule(tick)) => *cron == tick.expression,
        (When::File(glob), Event::File(file)) => may_match(glob, &file.path),
        (When::Branch(glob), Event::Branch(change)) => may_match(glob, &change.repository),
        (When::Engine(word), Event::Engine(event)) => *word == event.word(),
        _ => false,
    }
}

/// Whether this pattern may have found the path. The engine, which reads patterns with `globset`, does
/// not tell which one it was, and a guest does not know the home folder: so a second reader of whole
/// patterns would not help here, and every wildcard counts as any text.
fn may_match(glob: &str, path: &str) -> bool {
    let mut pattern = String::new();
    let mut inside = None;
    for c in glob.chars() {
        match (inside, c) {
            (Some(close), c) if c == close => inside = None,
            (Some(_), _) => {}
            (None, '[') => inside = Some(']'),
            (None, '{') => inside = Some('}'),
            (None, '*' | '?' | '~') => {}
            (None, c) => {
                pattern.push(c);
                continue;
            }
        }
        if !pattern.ends_with('*') {
            pattern.push('*');
        }
    }
    // Two stars and the slash between them stand for no folder, too.
    dayfly_policy_sdk::wildcard(&pattern.replace("/*/", "/*"), path)
}

/// What happened to sessions.
pub(crate) fn happenings(events: &[Event]) -> BTreeMap<SessionKey, Vec<Happening>> {
    const EDITS: ChangedFields = ChangedFields::NAME
        .union(ChangedFields::REGION)
        .union(ChangedFields::NAMED_PROFILE)
        .union(ChangedFields::TARGET)
        .union(ChangedFields::LABELS);
    let mut all: BTreeMap<SessionKey, Vec<Happening>> = BTreeMap::new();
    for event in events {
        let Event::Sessions(changes) = event else {
            continue;
        };
        for change in changes {
            let ended = change.outcome.map(|outcome| match outcome {
                Outcome::Started => Happening::Started,
                Outcome::Stopped => Happening::Stopped,
                Outcome::Rotated => Happening::Rotated,
                Outcome::Expired => Happening::Expired,
                Outcome::Failed => Happening::Failed,
                Outcome::NeedsPerson => Happening::NeedsPerson,
                Outcome::Expiring => Happening::Expiring,
            });
            let added = change.fields.contains(ChangedFields::ADDED);
            let edited = !added && change.fields.intersects(EDITS);
            let more = [
                added.then_some(Happening::Added),
                edited.then_some(Happening::Edited),
                ended,
            ];
            let all = all.entry(change.after.key).or_default();
            all.extend(more.into_iter().flatten());
        }
    }
    all
}
