//! Looks where there may be news, and finds what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use dayfly_core::input::ObservedPath;
use dayfly_core::policy::FileChangeKind;
use dayfly_policy::PathPattern;
use dayfly_policy::pattern::Progress;

use super::content::{self, Reading, Stamp};
use super::identity::identity;
use super::notices::Notices;
use super::tree::{Id, Node, Tracked, Tree, What, file};
use super::work::Dirty;

/// Folders within each other that are gone into.
const DEPTH: usize = 128;

/// What a look is for.
pub(super) struct Looking<'a> {
    pub(super) notices: &'a mut Notices,
    pub(super) news: &'a mut Vec<ObservedPath>,
}

impl Tree {
    /// Looks again from the uppermost folder on, with the specs that are now there.
    pub(super) fn begin(&mut self, notices: &mut Notices, news: &mut Vec<ObservedPath>) {
        let mut looking = Looking { notices, news };
        let root = PathBuf::from("/");
        let specs = self.specs.iter();
        let progress = specs
            .map(|(id, spec)| (*id, spec.pattern.begin()))
            .collect();
        let identity = fs::metadata(&root).map_or((0, 0), |m| identity(&m));
        let node = self.nodes.entry(root.clone()).or_default();
        node.identity = identity;
        node.progress = progress;
        self.folder(&root, None, &mut looking);
    }

    /// Looks where this says.
    pub(super) fn look(&mut self, dirty: Dirty, notices: &mut Notices) -> Vec<ObservedPath> {
        let mut news = Vec::new();
        let mut looking = Looking {
            notices,
            news: &mut news,
        };
        let mut folders = dirty.folders;
        if dirty.all {
            folders = self.nodes.keys().map(|path| (path.clone(), None)).collect();
        }
        for (folder, names) in &folders {
            for alias in looking.notices.aliases(folder) {
                self.folder(&alias, names.as_ref(), &mut looking);
            }
            self.folder(folder, names.as_ref(), &mut looking);
        }
        news
    }

    /// Looks into a folder: at these names, or at all.
    fn folder(
        &mut self,
        path: &Path,
        names: Option<&BTreeSet<OsString>>,
        looking: &mut Looking<'_>,
    ) {
        let Some(node) = self.nodes.get(path) else {
            return;
        };
        let progress = node.progress.clone();
        let noticed = names.is_some();
        let names: BTreeSet<OsString> = match (names, self.only_names(&progress)) {
            (Some(names), _) => names.clone(),
            (None, only) => {
                let known = node.files.keys().chain(&node.children).cloned();
                let mut names: BTreeSet<OsString> = known.collect();
                match only {
                    Some(only) => names.extend(only),
                    None => names.extend(listed(path)),
                }
                names
            }
        };
        for name in names {
            self.name(path, &progress, &name, noticed, looking);
        }
        if self.settle(path, looking) {
            // What happened before the watch began has to be found by looking.
            self.folder(path, None, looking);
        }
    }

    /// The names that matter in a folder; none where any may.
    fn only_names(&self, progress: &BTreeMap<Id, Progress>) -> Option<BTreeSet<OsString>> {
        let mut names = BTreeSet::new();
        for (id, at) in progress {
            let spec = self.specs.get(id);
            let next = spec.map_or(Some(Vec::new()), |spec| spec.pattern.next_names(*at))?;
            names.extend(next.into_iter().map(OsString::from));
        }
        Some(names)
    }

    /// Looks at one name in a folder.
    fn name(
        &mut self,
        folder: &Path,
        progress: &BTreeMap<Id, Progress>,
        name: &OsStr,
        noticed: bool,
        looking: &mut Looking<'_>,
    ) {
        let path = folder.join(name);
        let itself = fs::symlink_metadata(&path).ok();
        let link = itself.as_ref().is_some_and(Metadata::is_symlink);
        let metadata = if link {
            fs::metadata(&path).ok()
        } else {
            itself
        };
        match metadata {
            Some(metadata) if metadata.is_dir() => {
                let goes_on = |pattern: &PathPattern, at| pattern.goes_on(at);
                let below: BTreeMap<Id, Progress> =
                    self.steps(progress, &path, link, goes_on).collect();
                self.lose_file(folder, name, true, looking);
                if link && below.is_empty() {
                    // A link took the place of a folder that was told.
                    return self.lose_folder(&path, true, looking);
                }
                let identity = identity(&metadata);
                self.child(folder, name, below, identity, looking);
            }
            Some(metadata) if metadata.is_file() => {
                self.lose_folder(&path, true, looking);
                let is_there = |pattern: &PathPattern, at| pattern.is_there(at);
                let specs = self.steps(progress, &path, link, is_there);
                let specs: Vec<Id> = specs.map(|(id, _)| id).collect();
                if specs.is_empty() {
                    // Nobody asks for it any more, or a link took the place of what was told.
                    self.lose_file(folder, name, link, looking);
                } else {
                    self.file(folder, name, specs, &metadata, noticed, looking);
                }
            }
            _ => {
                self.lose_file(folder, name, true, looking);
                self.lose_folder(&path, true, looking);
            }
        }
    }

    /// Where the patterns come with one more name, of those of which it is asked for. A link ends
    /// all patterns but those whose grant names what is behind it.
    fn steps<'a>(
        &'a self,
        progress: &'a BTreeMap<Id, Progress>,
        path: &'a Path,
        link: bool,
        asked: impl Fn(&PathPattern, Progress) -> bool + 'a,
    ) -> impl Iterator<Item = (Id, Progress)> + 'a {
        progress.iter().filter_map(move |(id, at)| {
            let spec = self.specs.get(id)?;
            if link && !spec.below.starts_with(path) {
                return None;
            }
            let (pattern, name) = (&spec.pattern, path.file_name()?);
            let to = pattern.step(*at, name, link);
            asked(pattern, to).then_some((*id, to))
        })
    }

    /// A folder is there.
    fn child(
        &mut self,
        folder: &Path,
        name: &OsStr,
        progress: BTreeMap<Id, Progress>,
        identity: (u64, u64),
        looking: &mut Looking<'_>,
    ) {
        let path = folder.join(name);
        if progress.is_empty() {
            return self.lose_folder(&path, false, looking);
        }
        match self.nodes.get_mut(&path) {
            Some(node) if node.identity == identity && node.progress == progress => return,
            Some(node) => {
                if node.identity != identity {
                    node.identity = identity;
                    looking.notices.unwatch(&path);
                    looking.notices.watch(&path, identity);
                }
                node.progress = progress;
            }
            None => {
                if path.components().count() > DEPTH || !self.has_room(&path) {
                    return;
                }
                looking.notices.watch(&path, identity);
                let node = Node {
                    progress,
                    identity,
                    ..Node::default()
                };
                self.nodes.insert(path.clone(), node);
                if let Some(above) = self.nodes.get_mut(folder) {
                    above.children.insert(name.to_owned());
                }
            }
        }
        self.folder(&path, None, looking);
    }

    /// A file that matches is there.
    fn file(
        &mut self,
        folder: &Path,
        name: &OsStr,
        specs: Vec<Id>,
        metadata: &Metadata,
        noticed: bool,
        looking: &mut Looking<'_>,
    ) {
        let path = folder.join(name);
        let Some(node) = self.nodes.get(folder) else {
            return;
        };
        let known = node.files.get(name);
        let same = known.is_some_and(|known| {
            known.specs == specs && known.found.settled && known.found.stamp == Stamp::of(metadata)
        });
        if same && !noticed {
            return;
        }
        if known.is_none() && !self.has_room(&path) {
            return;
        }
        let below = self.below(&specs);
        let (found, content) = match content::read(&below, &path, &self.secrets) {
            Reading::Read(found, content) => (found, content),
            Reading::Absent => return self.lose_file(folder, name, true, looking),
            Reading::Secret => {
                self.secret.get_or_insert(path);
                return self.lose_file(folder, name, true, looking);
            }
        };
        let known = self.nodes.get(folder).and_then(|node| node.files.get(name));
        let kind = match known {
            None => Some(FileChangeKind::Created),
            Some(known) => {
                let changed = match (known.found.digest, found.digest) {
                    (None, None) => known.found.stamp != found.stamp,
                    (before, after) => before != after,
                };
                changed.then_some(FileChangeKind::Changed)
            }
        };
        self.files += usize::from(known.is_none());
        let (digest, tracked) = (
            found.digest,
            Tracked {
                found,
                specs: specs.clone(),
            },
        );
        if let Some(node) = self.nodes.get_mut(folder) {
            node.files.insert(name.to_owned(), tracked);
        }
        if let Some(kind) = kind {
            let texts = self.texts(&specs, |spec| spec.what == What::File && !spec.fresh);
            if !texts.is_empty() {
                let content = content.clone().filter(|_| self.tells_content(&specs));
                looking
                    .news
                    .extend(file(texts, &path, kind, digest, content));
            }
        }
        self.repository_files(&path, &specs, content.as_deref(), looking);
    }

    /// A file is no longer there, or, where that is not told, is no longer asked for.
    fn lose_file(&mut self, folder: &Path, name: &OsStr, tells: bool, looking: &mut Looking<'_>) {
        let node = self.nodes.get_mut(folder);
        let Some(lost) = node.and_then(|node| node.files.remove(name)) else {
            return;
        };
        self.files -= 1;
        let path = folder.join(name);
        let texts = self.texts(&lost.specs, |spec| spec.what == What::File);
        if tells && !texts.is_empty() {
            let kind = FileChangeKind::Removed;
            looking.news.extend(file(texts, &path, kind, None, None));
        }
        for id in lost.specs {
            match self.specs.get(&id).map(|spec| spec.what.clone()) {
                Some(What::Linked(tree)) => self.no_repository(&tree, tells, looking),
                Some(What::File) => {}
                // A spec that is gone was one of these, or a file, of which nothing is kept.
                Some(What::Head) | None if name == "HEAD" => {
                    if let Some(tree) = path.parent().and_then(Path::parent) {
                        self.no_repository(tree, tells, looking);
                    }
                }
                Some(What::GitFile) | None if name == ".git" => {
                    let what = What::Linked(folder.to_owned());
                    self.specs.retain(|_, spec| spec.what != what);
                    self.no_repository(folder, tells, looking);
                }
                _ => {}
            }
        }
    }

    /// The same for a folder with all that is in it.
    fn lose_folder(&mut self, path: &Path, tells: bool, looking: &mut Looking<'_>) {
        if !self.nodes.contains_key(path) {
            return;
        }
        let from = (Bound::Included(path), Bound::Unbounded);
        let below = self.nodes.range::<Path, _>(from);
        let below: Vec<PathBuf> = below
            .map(|(at, _)| at)
            .take_while(|at| at.starts_with(path))
            .cloned()
            .collect();
        for folder in below.into_iter().rev() {
            let files = self.nodes.get(&folder).map(|node| node.files.keys());
            let files: Vec<OsString> = files.map(|f| f.cloned().collect()).unwrap_or_default();
            for name in files {
                self.lose_file(&folder, &name, tells, looking);
            }
            self.nodes.remove(&folder);
            looking.notices.unwatch(&folder);
        }
        if let (Some(above), Some(name)) = (path.parent(), path.file_name())
            && let Some(node) = self.nodes.get_mut(above)
        {
            node.children.remove(name);
        }
    }

    /// Watches a folder, or stops to, as what is in it asks for; whether a watch is new. A folder
    /// matters where any name, a file, or a folder that is not there is looked for in it, and the
    /// folder above such a one, so that it may go and come back.
    fn settle(&mut self, path: &Path, looking: &mut Looking<'_>) -> bool {
        let Some(node) = self.nodes.get(path) else {
            return false;
        };
        let own = match self.only_names(&node.progress) {
            None => true,
            Some(only) => only.iter().any(|name| !node.children.contains(name)),
        };
        if let Some(node) = self.nodes.get_mut(path)
            && std::mem::replace(&mut node.own, own) != own
            && let Some(above) = path.parent()
            && self.watch_as_needed(above, looking)
        {
            // Whoever was between may have gone or come meanwhile.
            let name = path.file_name().unwrap_or_default().to_owned();
            self.folder(above, Some(&[name].into()), looking);
        }
        self.watch_as_needed(path, looking)
    }

    fn watch_as_needed(&mut self, path: &Path, looking: &mut Looking<'_>) -> bool {
        let Some(node) = self.nodes.get(path) else {
            return false;
        };
        let below = || {
            let children = node.children.iter().map(|name| path.join(name));
            children
                .filter_map(|child| self.nodes.get(&child))
                .any(|child| child.own)
        };
        let needed = node.own || below();
        let has = looking.notices.has(path, node.identity);
        if needed && !has {
            looking.notices.watch(path, node.identity);
            return looking.notices.has(path, node.identity);
        }
        if !needed && has {
            looking.notices.unwatch(path);
        }
        false
    }
}

fn listed(path: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .collect()
}
