//! A credentials file, as a simple reader sees it.

use std::collections::BTreeMap;

/// The keys of each profile.
#[must_use]
pub fn profiles(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut profiles: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut present = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            present = Some(name.to_owned());
            profiles.entry(name.to_owned()).or_default();
        } else if let (Some(name), Some((key, value))) = (&present, line.split_once('=')) {
            let keys = profiles.entry(name.clone()).or_default();
            keys.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    profiles
}
