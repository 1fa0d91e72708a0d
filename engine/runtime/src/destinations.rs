//! The files that credentials were put into. After another configuration they are taken away there,
//! and a STOP without an engine knows of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dayfly_core::delivery::Place;
use dayfly_fs::private_file;

/// Files that are remembered of one kind.
const MOST: usize = 64;

type Written = BTreeMap<Place, BTreeSet<PathBuf>>;

/// The files that credentials were put into, as the last engine recorded them.
///
/// # Errors
/// The record cannot be read, in a sentence.
pub fn recorded(path: &Path) -> Result<Vec<(Place, PathBuf)>, String> {
    let Some(bytes) = private_file::read(path).map_err(|e| e.with_cause())? else {
        return Ok(Vec::new());
    };
    let written: Written = serde_json::from_slice(&bytes).map_err(|e| {
        let why = dayfly_core::text::one_line(&e.to_string(), 200);
        format!("Dayfly cannot read {}: {why}", path.display())
    })?;
    let all = written.into_iter();
    Ok(all
        .flat_map(|(place, files)| files.into_iter().map(move |file| (place, file)))
        .collect())
}

/// Records them, before anything is put there.
///
/// # Errors
/// They cannot be written, in a sentence.
pub(crate) fn record(
    path: &Path,
    files: impl IntoIterator<Item = (Place, PathBuf)>,
) -> Result<(), String> {
    let mut written = Written::new();
    for (place, file) in files {
        let of_place = written.entry(place).or_default();
        if of_place.len() < MOST {
            of_place.insert(file);
        }
    }
    let text = serde_json::to_vec(&written).map_err(|e| e.to_string())?;
    if private_file::read(path).is_ok_and(|had| had.as_deref() == Some(&text[..])) {
        return Ok(());
    }
    private_file::write(path, &text).map_err(|e| e.with_cause())
}
