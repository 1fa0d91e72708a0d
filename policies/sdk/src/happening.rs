//! What a call tells beside sessions: files, branches, schedules, custom events, the engine.
//!
//! Each function picks one kind of event out of a call, in the order in which they came.

use crate::{
    BranchChange, CustomEvent, EngineEvent, Event, FileChange, FileChangeKind, ScheduleTick,
    TimestampMs, WakeUp,
};

/// The files of a call.
pub fn files(events: &[Event]) -> impl Iterator<Item = &FileChange> {
    events.iter().filter_map(|event| match event {
        Event::File(change) => Some(change),
        _ => None,
    })
}

/// The repositories of a call.
pub fn branches(events: &[Event]) -> impl Iterator<Item = &BranchChange> {
    events.iter().filter_map(|event| match event {
        Event::Branch(change) => Some(change),
        _ => None,
    })
}

/// The moments of schedules.
pub fn ticks(events: &[Event]) -> impl Iterator<Item = &ScheduleTick> {
    events.iter().filter_map(|event| match event {
        Event::Schedule(tick) => Some(tick),
        _ => None,
    })
}

/// The wake-ups that are due.
pub fn wake_ups(events: &[Event]) -> impl Iterator<Item = &WakeUp> {
    events.iter().filter_map(|event| match event {
        Event::Wake(wake) => Some(wake),
        _ => None,
    })
}

/// The custom events with this name.
pub fn customs<'a>(events: &'a [Event], name: &'a str) -> impl Iterator<Item = &'a CustomEvent> {
    events.iter().filter_map(move |event| match event {
        Event::Custom(custom) if custom.name == name => Some(custom),
        _ => None,
    })
}

/// What happened to the engine or to the machine.
pub fn engine_events(events: &[Event]) -> impl Iterator<Item = EngineEvent> + '_ {
    events.iter().filter_map(|event| match event {
        Event::Engine(event) => Some(*event),
        _ => None,
    })
}

/// Until when the engine carries out stops before it stops itself, where it is about to.
#[must_use]
pub fn stopping(events: &[Event]) -> Option<TimestampMs> {
    engine_events(events).find_map(|event| match event {
        EngineEvent::Stopping(stopping) => Some(stopping.deadline),
        _ => None,
    })
}

impl FileChange {
    /// Whether the file is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.kind != FileChangeKind::Removed
    }

    /// The content as text; none where it was not told or is no UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        core::str::from_utf8(self.content.as_deref()?).ok()
    }

    /// The last part of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The folder that it lies in.
    #[must_use]
    pub fn folder(&self) -> &str {
        match self.path.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((folder, _)) => folder,
            None => "",
        }
    }
}

impl FileChangeKind {
    /// The word of the contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Present => "present",
        }
    }
}

impl EngineEvent {
    /// The word of the contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopping(_) => "stopping",
            Self::Resumed(_) => "resumed",
            Self::ClockSet(_) => "clock-set",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{branch, custom, file, stopping_at, tick, wake};

    #[test]
    fn each_kind_is_found_among_the_others() {
        let events = [
            file(
                "/srv/me/src/a/.dayfly",
                FileChangeKind::Present,
                Some("sessions = []"),
            ),
            wake("w", 1),
            branch("/srv/me/src/a", Some("main"), None),
            tick("UTC 0 9 * * *", 32_400_000),
            custom("entered", "{}"),
            custom("other", "{}"),
            stopping_at(9),
        ];
        assert_eq!(files(&events).count(), 1);
        assert_eq!(wake_ups(&events).count(), 1);
        assert_eq!(branches(&events).count(), 1);
        assert_eq!(ticks(&events).count(), 1);
        assert_eq!(customs(&events, "entered").count(), 1);
        assert_eq!(stopping(&events), Some(9));
        assert_eq!(stopping(&events[..6]), None);
    }

    #[test]
    fn a_file_tells_its_name_folder_and_text() {
        let events = [
            file("/srv/me/.dayfly", FileChangeKind::Changed, Some("x")),
            file("/top", FileChangeKind::Removed, None),
        ];
        let all: Vec<_> = files(&events).collect();
        assert_eq!((all[0].folder(), all[0].name()), ("/srv/me", ".dayfly"));
        assert_eq!((all[0].text(), all[0].exists()), (Some("x"), true));
        assert_eq!((all[1].folder(), all[1].name()), ("/", "top"));
        assert_eq!((all[1].text(), all[1].exists()), (None, false));
    }
}
