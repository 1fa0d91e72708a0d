//! Did you mean?

/// The candidate that is likely meant by a word that is none of them: at most a third of its
/// letters, and at least one, differ.
#[must_use]
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed: Vec<char> = word.to_ascii_lowercase().chars().collect();
    let limit = (typed.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&typed, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance: letters inserted, removed, replaced, or swapped with their neighbour.
fn distance(typed: &[char], candidate: &str) -> usize {
    let columns = candidate.chars().count() + 1;
    let meant: Vec<char> = candidate.chars().collect();
    let mut before: Vec<usize> = vec![0; columns];
    let mut last: Vec<usize> = (0..columns).collect();
    for (i, a) in typed.iter().enumerate() {
        let mut row = vec![i + 1; columns];
        for (j, b) in meant.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == meant[j - 1] && typed[i - 1] == *b {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = last;
        last = row;
    }
    last[columns - 1]
}
