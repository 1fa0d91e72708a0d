//! The users of this system, as `/etc/passwd` lists them, and its groups.
//!
//! Source: passwd(5): name, password, user id, group id, comment, home directory, shell; group(5): name, password,
//! group id, members.

use std::path::{Path, PathBuf};

use crate::bounded;

/// The longest list that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// The name of the user with this id; none where the list has none, or cannot be read.
#[must_use]
pub fn name_of(user: u32) -> Option<String> {
    let line = user_with_id(user)?;
    line.into_iter().next()
}

/// The home directory of the user with this name, in the same way.
#[must_use]
pub fn home_of(name: &str) -> Option<PathBuf> {
    let line = found(&list("/etc/passwd")?, 0, name)?;
    line.into_iter().nth(5).map(PathBuf::from)
}

/// The fields of the user with this id.
pub(crate) fn user_with_id(id: u32) -> Option<Vec<String>> {
    found(&list("/etc/passwd")?, 2, &id.to_string())
}

/// The fields of the group with this id.
pub(crate) fn group_with_id(id: u32) -> Option<Vec<String>> {
    found(&list("/etc/group")?, 2, &id.to_string())
}

fn list(file: &str) -> Option<String> {
    bounded::read_text(Path::new(file), LIMIT).ok().flatten()
}

/// The fields of the first line that has this text in that field.
fn found(list: &str, at: usize, text: &str) -> Option<Vec<String>> {
    list.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let hit = fields.get(at) == Some(&text);
        hit.then(|| fields.into_iter().map(str::to_owned).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_id() {
        let list = "root:x:0:0:root:/root:/bin/sh\nci:x:1000:0::/srv/ci:/bin/sh\nodd\n";
        let field = |at, text, wanted: usize| found(list, at, text)?.into_iter().nth(wanted);
        assert_eq!(field(2, "1000", 0).as_deref(), Some("ci"));
        assert_eq!(field(0, "ci", 5).as_deref(), Some("/srv/ci"));
        assert_eq!(field(0, "odd", 5), None);
        assert_eq!(field(0, "x", 5), None);
    }
}
