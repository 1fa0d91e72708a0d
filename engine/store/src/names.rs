//! The names of a source. One source has several, and a trust root that means one of them means it
//! under all: otherwise a detour (`..`, a link, a digest in the place of a tag) would lead around it.

use std::path::{Component, Path, PathBuf};

use crate::source;

const OCI: &str = "oci://";
const GIT: &str = "git:";

/// The names of a source, as `module` has it.
pub(crate) fn of_source(text: &str) -> Vec<String> {
    if let Some(name) = oci(text) {
        let file = before(&name, '#');
        let digest = before(file, '@');
        let repository = repository(digest).0;
        return unique([name.as_str(), file, digest, repository]);
    }
    let (scheme, path, inner) = parts(text);
    let mut names = Vec::new();
    for folder in folders(Path::new(path)) {
        let whole = format!("{scheme}{folder}{inner}");
        let bare = before(before(&whole, '#'), '?');
        // What lies in a folder is meant by the folder.
        let within = format!("{}/", bare.trim_end_matches('/'));
        names.push(format!("{scheme}{folder}"));
        names.extend([bare.to_owned(), within, whole]);
    }
    names
}

/// The forms of a pattern of a trust root, for this source.
pub(crate) fn of_pattern(text: &str, source: &str) -> Vec<String> {
    if let Some(name) = oci(text) {
        // Which tags a digest has cannot be known, so it may be any.
        let by_digest = oci(source).is_some_and(|source| {
            let (_, rest) = repository(before(&source, '#'));
            rest.starts_with('@')
        });
        return match by_digest {
            true => unique([name.as_str(), repository(&name).0]),
            false => vec![name],
        };
    }
    let (scheme, path, inner) = parts(text);
    // Of a pattern, the folder before the first star is one of this machine.
    let star = path.find('*').unwrap_or(path.len());
    let end = match path.get(..star).and_then(|fixed| fixed.rfind('/')) {
        Some(end) if star < path.len() => end,
        _ => star,
    };
    let (fixed, rest) = path.split_at(end);
    let mut forms = vec![text.to_owned()];
    if fixed.starts_with('/') {
        for folder in folders(Path::new(fixed)) {
            let folder = folder.trim_end_matches('/');
            forms.push(format!("{scheme}{folder}{rest}{inner}"));
        }
    }
    forms
}

/// The name with the one name of its registry; none of what is in no registry.
fn oci(text: &str) -> Option<String> {
    let scheme = text
        .get(..OCI.len())
        .filter(|s| s.eq_ignore_ascii_case(OCI))?;
    let (host, rest) = text.get(scheme.len()..)?.split_once('/')?;
    Some(format!("{OCI}{}/{rest}", source::registry(host)))
}

/// The repository, and the tag or digest behind it.
fn repository(name: &str) -> (&str, &str) {
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let tail = name.get(last..).unwrap_or_default();
    let end = tail
        .find([':', '@', '#'])
        .map_or(name.len(), |at| last + at);
    name.split_at(end)
}

fn before(text: &str, mark: char) -> &str {
    text.split(mark).next().unwrap_or(text)
}

/// Scheme, folder of this machine, and what is named in it.
fn parts(text: &str) -> (&str, &str, &str) {
    let Some(rest) = text.strip_prefix(GIT) else {
        return ("", text, "");
    };
    let end = rest.find("//").unwrap_or(rest.len());
    let (folder, inner) = rest.split_at(end);
    (GIT, folder, inner)
}

/// A path without detours, and the same without links.
fn folders(path: &Path) -> Vec<String> {
    let mut straight = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                straight.pop();
            }
            Component::CurDir => {}
            other => straight.push(other),
        }
    }
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let written = text(path);
    let straight = text(&straight);
    match std::fs::canonicalize(path) {
        Ok(place) => unique([&*written, &*straight, &*text(&place)]),
        Err(_) => unique([&*written, &*straight]),
    }
}

fn unique<const N: usize>(names: [&str; N]) -> Vec<String> {
    let mut found: Vec<String> = Vec::with_capacity(N);
    for name in names {
        if !found.iter().any(|one| one == name) {
            found.push(name.to_owned());
        }
    }
    found
}
