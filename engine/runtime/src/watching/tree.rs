//! What was found: folders on the way of patterns, files that match, repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dayfly_core::input::{ObservedPath, PathObservation};
use dayfly_core::policy::{BranchChange, FileChange, FileChangeKind};
use dayfly_policy::PathPattern;
use dayfly_policy::pattern::Progress;

use super::content::{self, Found, Reading};
use super::notices::Notices;
use super::secrets::Secrets;
use super::work::{Fresh, Terms, Wanted};

/// Folders that are looked into, all patterns together.
const FOLDERS: usize = 16_384;
/// Files that are kept track of.
const FILES: usize = 65_536;

/// Names something that is looked for.
pub(super) type Id = u32;

/// Something that is looked for.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) pattern: PathPattern,
    pub(super) what: What,
    /// Whether anybody may be told the content.
    pub(super) content: bool,
    /// The folder below which no link is followed.
    pub(super) below: PathBuf,
    /// Whether it is looked for since just now, so that what is found is no news.
    pub(super) fresh: bool,
}

/// What a file that matches is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A file that policies hear of.
    File,
    /// `.git/HEAD` of a repository.
    Head,
    /// `.git` of a linked working tree, where it is a file.
    GitFile,
    /// The `HEAD` that such a file leads to, of this working tree.
    Linked(PathBuf),
}

/// A folder that files that match can be in or below.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) progress: BTreeMap<Id, Progress>,
    pub(super) identity: (u64, u64),
    pub(super) children: BTreeSet<OsString>,
    pub(super) files: BTreeMap<OsString, Tracked>,
    /// Whether what happens in it matters, and not only in folders below.
    pub(super) own: bool,
}

/// A file that matches.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) found: Found,
    pub(super) specs: Vec<Id>,
}

/// A repository that matches.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) patterns: Vec<Arc<str>>,
    pub(super) branch: Option<String>,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) specs: BTreeMap<Id, Spec>,
    next: Id,
    pub(super) nodes: BTreeMap<PathBuf, Node>,
    pub(super) files: usize,
    pub(super) repositories: BTreeMap<PathBuf, Repository>,
    /// Where a bound kept something from being looked at.
    pub(super) beyond: Option<PathBuf>,
    /// Files that nobody is told of.
    pub(super) secrets: Secrets,
    /// One of them that a pattern matches.
    pub(super) secret: Option<PathBuf>,
}

impl Tree {
    /// From now on this is looked for; what has changed about what was looked for already.
    pub(super) fn want(&mut self, wanted: &Wanted, notices: &mut Notices) -> Vec<ObservedPath> {
        let mut all: BTreeMap<(String, bool), Terms> = BTreeMap::new();
        for (pattern, terms) in &wanted.files {
            all.insert((pattern.clone(), false), terms.clone());
        }
        for (pattern, below) in &wanted.branches {
            let terms = Terms {
                content: false,
                below: below.clone(),
            };
            all.insert((pattern.clone(), true), terms);
        }
        self.specs.retain(|_, spec| {
            let branch = match spec.what {
                What::File => false,
                What::Head | What::GitFile => true,
                // It goes with the file that leads to it.
                What::Linked(_) => return true,
            };
            let key = (spec.pattern.text().to_string(), branch);
            // With another folder it is looked for again, as other links count.
            let terms = all.get(&key).filter(|terms| terms.below == spec.below);
            spec.content = terms.is_some_and(|terms| terms.content);
            terms.is_some()
        });
        let known: BTreeSet<(String, bool)> = self
            .specs
            .values()
            .filter(|spec| !matches!(spec.what, What::Linked(_)))
            .map(|spec| (spec.pattern.text().to_string(), spec.what != What::File))
            .collect();
        for ((text, branch), terms) in all {
            if known.contains(&(text.clone(), branch)) {
                continue;
            }
            // It was found to be one when the policy was configured.
            let Ok(pattern) = PathPattern::parse(&text) else {
                continue;
            };
            if branch {
                self.add(pattern.join(".git/HEAD"), What::Head, terms.clone());
                self.add(pattern.join(".git"), What::GitFile, terms);
            } else {
                self.add(pattern, What::File, terms);
            }
        }
        self.secret = None;
        self.beyond = None;
        let mut news = Vec::new();
        self.begin(notices, &mut news);
        for spec in self.specs.values_mut() {
            spec.fresh = false;
        }
        news
    }

    pub(super) fn add(&mut self, pattern: PathPattern, what: What, terms: Terms) -> Id {
        self.next += 1;
        let spec = Spec {
            pattern,
            what,
            content: terms.content,
            below: terms.below,
            fresh: true,
        };
        self.specs.insert(self.next, spec);
        self.next
    }

    /// Whether there is room for one more folder, or file.
    pub(super) fn has_room(&mut self, at: &Path) -> bool {
        let room = self.nodes.len() < FOLDERS && self.files < FILES;
        if !room && self.beyond.is_none() {
            self.beyond = Some(at.to_owned());
        }
        room
    }

    /// Nothing is found yet.
    pub(super) fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            ..Self::default()
        }
    }

    /// What the person should know.
    pub(super) fn trouble(&self) -> Option<String> {
        if let Some(secret) = &self.secret {
            return Some(format!(
                "{} has secrets, so Dayfly tells no policy about it; remove it from the paths in \
                 grants",
                secret.display()
            ));
        }
        let beyond = self.beyond.as_ref()?;
        Some(format!(
            "Dayfly does not watch {}: the patterns of the policies cover more than {FOLDERS} \
             folders or {FILES} files; narrow them",
            beyond.display()
        ))
    }

    /// All that is there and matches one of these, for who begins to watch.
    pub(super) fn present(&self, patterns: &Fresh) -> Vec<ObservedPath> {
        let mut seen = Vec::new();
        for (folder, node) in &self.nodes {
            for (name, tracked) in &node.files {
                let texts = self.texts(&tracked.specs, |spec| {
                    spec.what == What::File && patterns.files.contains(&**spec.pattern.text())
                });
                if texts.is_empty() {
                    continue;
                }
                let path = folder.join(name);
                let mut digest = tracked.found.digest;
                let mut content = None;
                if self.tells_content(&tracked.specs) {
                    // The two go together; a change meanwhile is noticed by itself.
                    let below = self.below(&tracked.specs);
                    match content::read(&below, &path, &self.secrets) {
                        Reading::Read(found, read) => (digest, content) = (found.digest, read),
                        Reading::Absent | Reading::Secret => continue,
                    }
                }
                seen.extend(file(texts, &path, FileChangeKind::Present, digest, content));
            }
        }
        for (repository, known) in &self.repositories {
            let texts: Vec<Arc<str>> = known
                .patterns
                .iter()
                .filter(|text| patterns.branches.contains(&***text))
                .cloned()
                .collect();
            if !texts.is_empty() {
                let branch = known.branch.clone();
                let kind = FileChangeKind::Present;
                seen.extend(branch_seen(texts, repository, kind, branch, None));
            }
        }
        seen
    }

    /// The patterns of these specs that pass, as policies wrote them, each once.
    pub(super) fn texts(&self, specs: &[Id], passes: impl Fn(&Spec) -> bool) -> Vec<Arc<str>> {
        let specs = specs.iter().filter_map(|id| self.specs.get(id));
        let mut texts: Vec<Arc<str>> = specs
            .filter(|spec| passes(spec))
            .map(|spec| Arc::clone(spec.pattern.text()))
            .collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    /// Whether the content of a file may be told to anybody.
    pub(super) fn tells_content(&self, specs: &[Id]) -> bool {
        let mut specs = specs.iter().filter_map(|id| self.specs.get(id));
        specs.any(|spec| spec.content && spec.what == What::File)
    }

    /// The folder below which no link is followed for any of these: the uppermost.
    pub(super) fn below(&self, specs: &[Id]) -> PathBuf {
        let specs = specs.iter().filter_map(|id| self.specs.get(id));
        let below = specs.map(|spec| &spec.below);
        let uppermost = below.min_by_key(|below| below.components().count());
        uppermost.cloned().unwrap_or_else(|| PathBuf::from("/"))
    }
}

/// News of a file; none where its path is no text.
pub(super) fn file(
    patterns: Vec<Arc<str>>,
    path: &Path,
    kind: FileChangeKind,
    digest: Option<[u8; 32]>,
    content: Option<Arc<[u8]>>,
) -> Option<ObservedPath> {
    let what = PathObservation::File(FileChange {
        path: path.to_str()?.into(),
        kind,
        digest,
        content,
    });
    Some(ObservedPath { patterns, what })
}

/// News of a repository.
pub(super) fn branch_seen(
    patterns: Vec<Arc<str>>,
    repository: &Path,
    kind: FileChangeKind,
    branch: Option<String>,
    previous: Option<String>,
) -> Option<ObservedPath> {
    let what = PathObservation::Branch(BranchChange {
        repository: repository.to_str()?.into(),
        kind,
        branch,
        previous,
    });
    Some(ObservedPath { patterns, what })
}
