//! What all lines are made of.

use std::collections::HashMap;

use dayfly_core::session::SessionId;
use dayfly_dialog::sanitize;

/// Mark and text.
pub(super) type Line = (char, String);

/// Names of sessions, as far as they are known.
pub type Names = HashMap<SessionId, String>;

/// What a session is called, as far as that is known.
pub(super) fn called(names: &Names, id: &SessionId) -> String {
    let name = names.get(id).map_or_else(|| id.as_str(), String::as_str);
    sanitize(name)
}

pub(super) fn sessions(number: usize) -> String {
    count(number, "session", "sessions")
}

pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}
