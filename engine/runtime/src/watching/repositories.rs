//! What files under `.git` say of repositories and their branches.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dayfly_core::policy::FileChangeKind;
use dayfly_policy::PathPattern;

use super::content::{self, Reading};
use super::git;
use super::look::Looking;
use super::tree::{Id, Repository, Tree, What, branch_seen};
use super::work::Terms;

impl Tree {
    /// What a file means for the repositories that it belongs to.
    pub(super) fn repository_files(
        &mut self,
        path: &Path,
        specs: &[Id],
        content: Option<&[u8]>,
        looking: &mut Looking<'_>,
    ) {
        let of = |tree: &Self, wanted: &dyn Fn(&What) -> bool| {
            let all = tree.texts(specs, |spec| wanted(&spec.what));
            let told = tree.texts(specs, |spec| wanted(&spec.what) && !spec.fresh);
            (all, told)
        };
        let content = content.unwrap_or_default();
        let (all, told) = of(self, &|what| *what == What::Head);
        if let Some(tree) = path
            .parent()
            .and_then(Path::parent)
            .filter(|_| !all.is_empty())
        {
            self.head(tree, all, told, git::branch(content), looking);
        }
        for id in specs {
            if let Some(What::Linked(tree)) = self.specs.get(id).map(|spec| spec.what.clone()) {
                let node = self.nodes.get(&tree);
                let link = node.and_then(|node| node.files.get(OsStr::new(".git")));
                let specs = link.map(|link| link.specs.clone()).unwrap_or_default();
                let all = self.texts(&specs, |spec| spec.what == What::GitFile);
                self.head(&tree, all.clone(), all, git::branch(content), looking);
            }
        }
        let (all, told) = of(self, &|what| *what == What::GitFile);
        if let Some(tree) = path.parent().filter(|_| !all.is_empty()) {
            self.link(tree, content, all, told, looking);
        }
    }

    /// `.git` of a working tree is a file: its `HEAD` is somewhere else, and is looked for there.
    fn link(
        &mut self,
        tree: &Path,
        content: &[u8],
        all: Vec<Arc<str>>,
        told: Vec<Arc<str>>,
        looking: &mut Looking<'_>,
    ) {
        let head = git::linked_head(tree, content);
        let what = What::Linked(tree.to_owned());
        let known = self.specs.iter().find(|(_, spec)| spec.what == what);
        let known = known.map(|(id, spec)| (*id, spec.pattern.text().to_string()));
        let wanted = head
            .as_ref()
            .map(|head| head.to_string_lossy().into_owned());
        let moved = known.as_ref().map(|(_, text)| text) != wanted.as_ref();
        if moved {
            if let Some((id, _)) = known {
                self.specs.remove(&id);
            }
            if let Some(head) = &head {
                let terms = Terms {
                    content: false,
                    below: git_folder(head),
                };
                self.add(PathPattern::literal(head), what, terms);
            }
        }
        let read = head.map(|head| content::read(&git_folder(&head), &head, &self.secrets));
        match read {
            Some(Reading::Read(_, Some(content))) => {
                self.head(tree, all, told, git::branch(&content), looking)
            }
            _ => self.no_repository(tree, true, looking),
        }
        if moved {
            self.begin(looking.notices, looking.news);
        }
    }

    /// A repository's `HEAD` says this.
    fn head(
        &mut self,
        tree: &Path,
        all: Vec<Arc<str>>,
        told: Vec<Arc<str>>,
        branch: Option<String>,
        looking: &mut Looking<'_>,
    ) {
        let Some(known) = self.repositories.get_mut(tree) else {
            let repository = Repository {
                patterns: all,
                branch: branch.clone(),
            };
            self.repositories.insert(tree.to_owned(), repository);
            if !told.is_empty() {
                let kind = FileChangeKind::Created;
                looking
                    .news
                    .extend(branch_seen(told, tree, kind, branch, None));
            }
            return;
        };
        known.patterns = all;
        if known.branch != branch {
            let previous = std::mem::replace(&mut known.branch, branch.clone());
            if !told.is_empty() {
                let kind = FileChangeKind::Changed;
                looking
                    .news
                    .extend(branch_seen(told, tree, kind, branch, previous));
            }
        }
    }

    pub(super) fn no_repository(&mut self, tree: &Path, tells: bool, looking: &mut Looking<'_>) {
        let Some(gone) = self.repositories.remove(tree) else {
            return;
        };
        if tells {
            let kind = FileChangeKind::Removed;
            looking
                .news
                .extend(branch_seen(gone.patterns, tree, kind, None, gone.branch));
        }
    }
}

/// The folder in which a working tree has its `HEAD`, which git made.
fn git_folder(head: &Path) -> PathBuf {
    head.parent().unwrap_or(head).to_owned()
}
