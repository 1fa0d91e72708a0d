//! The files and repositories of a virtual world, as policies see them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dayfly_core::input::{ObservedPath, PathObservation};
use dayfly_core::policy::{BranchChange, EntryName, FileChange, FileChangeKind, Subscription};
use dayfly_policy::PathPattern;
use dayfly_policy::module::Digest;

use crate::rule::Rule;
use crate::scenario::Scenario;

/// The longest content that a policy gets, as in the running engine.
const CONTENT: usize = 64 << 10;

/// What an entry subscribed to.
#[derive(Debug, Default)]
struct Wanted {
    files: Vec<PathPattern>,
    branches: Vec<PathPattern>,
}

/// Files and repositories.
#[derive(Debug)]
pub(crate) struct Disk {
    wanted: BTreeMap<EntryName, Wanted>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    repositories: BTreeMap<PathBuf, Option<String>>,
}

impl Disk {
    pub(crate) fn new(scenario: &Scenario, rules: &[Rule]) -> Self {
        let mut wanted: BTreeMap<EntryName, Wanted> = BTreeMap::new();
        for rule in rules {
            let own = wanted.entry(rule.entry.name.clone()).or_default();
            for subscription in &rule.entry.subscriptions {
                // Whether they are patterns was found when the policy was configured.
                match subscription {
                    Subscription::Files(text) => own.files.extend(PathPattern::parse(text)),
                    Subscription::Branch(text) => own.branches.extend(PathPattern::parse(text)),
                    _ => {}
                }
            }
        }
        Self {
            wanted,
            files: scenario.files.iter().cloned().collect(),
            repositories: scenario.repositories.iter().cloned().collect(),
        }
    }

    /// What each entry gets when it begins to watch.
    pub(crate) fn present(&self) -> Vec<(EntryName, Vec<ObservedPath>)> {
        let mut all = Vec::new();
        for (name, wanted) in &self.wanted {
            let mut seen = Vec::new();
            for (path, content) in &self.files {
                let patterns = matching(&wanted.files, path);
                let kind = FileChangeKind::Present;
                seen.extend(file(patterns, path, kind, Some(content)));
            }
            for (path, branch) in &self.repositories {
                let patterns = matching(&wanted.branches, path);
                let kind = FileChangeKind::Present;
                seen.extend(repository(patterns, path, kind, branch.clone(), None));
            }
            if !seen.is_empty() {
                all.push((name.clone(), seen));
            }
        }
        all
    }

    /// A file is written, or removed.
    pub(crate) fn write(&mut self, path: PathBuf, content: Option<Vec<u8>>) -> Vec<ObservedPath> {
        let before = self.files.remove(&path);
        let kind = match (&before, &content) {
            (None, Some(_)) => FileChangeKind::Created,
            (Some(before), Some(after)) if before != after => FileChangeKind::Changed,
            (Some(_), None) => FileChangeKind::Removed,
            _ => {
                self.files.extend(content.map(|content| (path, content)));
                return Vec::new();
            }
        };
        let patterns = self.matching(&path, |wanted| &wanted.files);
        let seen = file(patterns, &path, kind, content.as_deref());
        self.files.extend(content.map(|content| (path, content)));
        seen.into_iter().collect()
    }

    /// A branch is checked out.
    pub(crate) fn switch(&mut self, path: PathBuf, branch: Option<String>) -> Vec<ObservedPath> {
        let patterns = self.matching(&path, |wanted| &wanted.branches);
        let before = self.repositories.insert(path.clone(), branch.clone());
        let (kind, previous) = match before {
            None => (FileChangeKind::Created, None),
            Some(before) if before != branch => (FileChangeKind::Changed, before),
            Some(_) => return Vec::new(),
        };
        let seen = repository(patterns, &path, kind, branch, previous);
        seen.into_iter().collect()
    }

    fn matching(&self, path: &Path, of: impl Fn(&Wanted) -> &Vec<PathPattern>) -> Vec<Arc<str>> {
        let wanted = self.wanted.values();
        let mut patterns: Vec<Arc<str>> = wanted
            .flat_map(|wanted| matching(of(wanted), path))
            .collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns
    }
}

fn matching(patterns: &[PathPattern], path: &Path) -> Vec<Arc<str>> {
    let patterns = patterns.iter().filter(|pattern| pattern.matches(path));
    patterns.map(|pattern| Arc::clone(pattern.text())).collect()
}

fn file(
    patterns: Vec<Arc<str>>,
    path: &Path,
    kind: FileChangeKind,
    content: Option<&[u8]>,
) -> Option<ObservedPath> {
    let content = content.filter(|content| content.len() <= CONTENT);
    let what = PathObservation::File(FileChange {
        path: path.to_str()?.into(),
        kind,
        digest: content.map(|content| Digest::of(content).0),
        content: content.map(Arc::from),
    });
    (!patterns.is_empty()).then_some(ObservedPath { patterns, what })
}

fn repository(
    patterns: Vec<Arc<str>>,
    path: &Path,
    kind: FileChangeKind,
    branch: Option<String>,
    previous: Option<String>,
) -> Option<ObservedPath> {
    let what = PathObservation::Branch(BranchChange {
        repository: path.to_str()?.into(),
        kind,
        branch,
        previous,
    });
    (!patterns.is_empty()).then_some(ObservedPath { patterns, what })
}
