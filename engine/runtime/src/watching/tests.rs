//! On the real file system, with the system's own notices.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use dayfly_core::input::PathObservation;
use dayfly_core::policy::FileChangeKind;
use dayfly_core::policy::FileChangeKind::{Changed, Created, Present, Removed};

use super::*;

/// Longer than any of this takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

struct Stage {
    folder: tempfile::TempDir,
    watching: Option<Watching>,
    messages: mpsc::Receiver<Message>,
    wanted: Wanted,
    /// What is known of each path by what was told.
    known: BTreeMap<String, Option<[u8; 32]>>,
    kinds: Vec<(String, FileChangeKind)>,
    branches: Vec<(String, FileChangeKind, Option<String>, Option<String>)>,
    contents: BTreeMap<String, Option<String>>,
    troubles: Vec<Option<String>>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("dayfly-w-").tempdir();
        Self::with(folder.unwrap(), Secrets::default())
    }

    fn with(folder: tempfile::TempDir, secrets: Secrets) -> Self {
        let (answers, messages) = mpsc::channel(1_024);
        Self {
            folder,
            watching: Some(Watching::start(answers, secrets).unwrap()),
            messages,
            wanted: Wanted::default(),
            known: BTreeMap::new(),
            kinds: Vec::new(),
            branches: Vec::new(),
            contents: BTreeMap::new(),
            troubles: Vec::new(),
        }
    }

    /// A path in the folder of the test, with links resolved.
    fn at(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// As an editor saves: a new file in the place of the old.
    fn save(&self, path: &str, text: &str) {
        let part = self.at(&format!("{path}.part"));
        fs::write(&part, text).unwrap();
        fs::rename(part, self.at(path)).unwrap();
    }

    /// Has an entry begin to watch, and waits until it was told what is there.
    fn want(&mut self, entry: &str, files: &[&str], branches: &[&str]) {
        let text = |pattern: &&str| self.at(pattern).to_str().unwrap().to_owned();
        let fresh = Fresh {
            files: files.iter().map(text).collect(),
            branches: branches.iter().map(text).collect(),
        };
        // As by a grant of all that is in the folder of the test, without a link.
        let below = self.at("");
        for pattern in &fresh.files {
            let terms = Terms {
                content: true,
                below: below.clone(),
            };
            self.wanted.files.insert(pattern.clone(), terms);
        }
        for pattern in &fresh.branches {
            self.wanted.branches.insert(pattern.clone(), below.clone());
        }
        self.wanted.fresh = [(EntryName::new(entry), fresh)].into();
        self.watching.as_ref().unwrap().want(self.wanted.clone());
        self.settle();
    }

    /// Waits until nothing is left to look at, and takes in what was told.
    fn settle(&mut self) {
        let give_up = Instant::now() + TIMEOUT;
        loop {
            self.take();
            if self.watching.as_ref().unwrap().is_idle() {
                return self.take();
            }
            assert!(Instant::now() < give_up, "the watcher comes to no end");
            // Sleeps between two looks, until the deadline.
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn take(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Watched { seen, .. } => seen.into_iter().for_each(|s| self.seen(s)),
                Message::Trouble { message, .. } => self.troubles.push(message),
                #[allow(unreachable_patterns, reason = "of all messages these are its own")]
                other => panic!("{other:?}"),
            }
        }
    }

    fn seen(&mut self, seen: ObservedPath) {
        assert!(!seen.patterns.is_empty());
        match seen.what {
            PathObservation::File(change) => {
                let root = self.at("");
                let path = Path::new(&*change.path).strip_prefix(root).unwrap();
                let path = path.to_str().unwrap().to_owned();
                self.kinds.push((path.clone(), change.kind));
                let content = change
                    .content
                    .map(|c| String::from_utf8(c.to_vec()).unwrap());
                self.contents.insert(path.clone(), content);
                if change.kind == Removed {
                    self.known.remove(&path);
                } else {
                    self.known.insert(path, change.digest);
                }
            }
            PathObservation::Branch(change) => {
                let root = self.at("");
                let path = Path::new(&*change.repository).strip_prefix(root).unwrap();
                let path = path.to_str().unwrap().to_owned();
                self.branches
                    .push((path, change.kind, change.branch, change.previous));
            }
        }
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let give_up = Instant::now() + TIMEOUT;
        loop {
            self.take();
            if is_so(self) {
                return;
            }
            assert!(
                Instant::now() < give_up,
                "{what}: {:?} {:?} {:?}",
                self.kinds,
                self.branches,
                self.troubles
            );
            // Sleeps between two looks, until the deadline.
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the last word on a file.
    fn until_kind(&mut self, path: &str, kind: FileChangeKind) {
        self.until(&format!("{path} is {}", kind.as_str()), |stage| {
            let last = stage.kinds.iter().rev().find(|(p, _)| p == path);
            last.is_some_and(|(_, k)| *k == kind)
        });
    }

    fn forget(&mut self) {
        self.kinds.clear();
        self.branches.clear();
    }
}

#[test]
fn files_come_change_and_go() {
    let mut stage = Stage::new();
    stage.write("src/a/.dayfly", "one");
    stage.write("src/a/other", "not asked for");
    stage.want("e", &["src/*/.dayfly"], &[]);
    assert_eq!(stage.kinds, [("src/a/.dayfly".into(), Present)]);
    assert_eq!(stage.contents["src/a/.dayfly"].as_deref(), Some("one"));
    stage.forget();
    stage.write("src/a/.dayfly", "two");
    stage.until_kind("src/a/.dayfly", Changed);
    assert_eq!(stage.contents["src/a/.dayfly"].as_deref(), Some("two"));
    stage.save("src/a/.dayfly", "three");
    stage.until("the new content", |s| {
        s.contents["src/a/.dayfly"].as_deref() == Some("three")
    });
    assert!(
        stage.kinds.iter().all(|(_, kind)| *kind == Changed),
        "{:?}",
        stage.kinds
    );
    stage.forget();
    // The same content by way of a rename is no change.
    stage.save("src/a/.dayfly", "three");
    stage.write("src/b/.dayfly", "a folder that is new");
    stage.until_kind("src/b/.dayfly", Created);
    assert_eq!(stage.kinds, [("src/b/.dayfly".into(), Created)]);
    fs::remove_file(stage.at("src/a/.dayfly")).unwrap();
    stage.until_kind("src/a/.dayfly", Removed);
    fs::remove_dir_all(stage.at("src/b")).unwrap();
    stage.until_kind("src/b/.dayfly", Removed);
    assert!(stage.known.is_empty());
    assert_eq!(stage.troubles, []);
}

#[test]
fn a_folder_may_come_later_and_a_root_may_go_and_come_back() {
    let mut stage = Stage::new();
    stage.want("e", &["deep/er/root/*.conf"], &[]);
    assert!(stage.kinds.is_empty());
    for _ in 0..3 {
        stage.write("deep/er/root/x.conf", "x");
        stage.until_kind("deep/er/root/x.conf", Created);
        fs::remove_dir_all(stage.at("deep")).unwrap();
        stage.until_kind("deep/er/root/x.conf", Removed);
    }
    // Another folder takes the place of the root: what is the same is no news.
    stage.write("deep/er/root/same.conf", "same");
    stage.until_kind("deep/er/root/same.conf", Created);
    stage.write("deep/er/new/same.conf", "same");
    stage.write("deep/er/new/more.conf", "more");
    fs::rename(stage.at("deep/er/root"), stage.at("deep/er/old")).unwrap();
    fs::rename(stage.at("deep/er/new"), stage.at("deep/er/root")).unwrap();
    stage.until_kind("deep/er/root/more.conf", Created);
    stage.write("deep/er/root/same.conf", "changed");
    stage.until("the change in the new root", |s| {
        s.contents["deep/er/root/same.conf"].as_deref() == Some("changed")
    });
}

#[test]
fn a_burst_ends_in_what_is_there() {
    let mut stage = Stage::new();
    stage.write("d/seed.x", "");
    stage.want("e", &["d/*.x"], &[]);
    for n in 0..4_000 {
        fs::write(stage.at(&format!("d/{}.x", n % 2_000)), format!("{n}")).unwrap();
    }
    for n in 0..500 {
        fs::remove_file(stage.at(&format!("d/{n}.x"))).unwrap();
    }
    let digest = |text: String| -> [u8; 32] {
        use sha2::{Digest as _, Sha256};
        Sha256::digest(text.as_bytes()).into()
    };
    let mut wanted: BTreeMap<String, Option<[u8; 32]>> = (500..2_000)
        .map(|n| (format!("d/{n}.x"), Some(digest(format!("{}", 2_000 + n)))))
        .collect();
    wanted.insert("d/seed.x".into(), Some(digest(String::new())));
    stage.until("what is known is what is there", |s| s.known == wanted);
}

#[test]
fn nothing_is_told_of_what_a_link_leads_to() {
    let mut stage = Stage::new();
    stage.write("tree/a/x", "x");
    stage.write("secret", "secret");
    stage.write("outside/x", "secret");
    symlink(stage.at("tree"), stage.at("tree/a/loop")).unwrap();
    symlink(stage.at("secret"), stage.at("tree/a/link")).unwrap();
    symlink(stage.at("outside"), stage.at("tree/b")).unwrap();
    // A policy that writes the link out gets no more than one that leaves it open.
    let patterns = [
        "tree/**/x",
        "tree/*/link",
        "tree/*/x",
        "tree/b/x",
        "tree/b/*",
    ];
    stage.want("e", &patterns, &[]);
    assert_eq!(stage.kinds, [("tree/a/x".into(), Present)]);
    assert_eq!(stage.contents["tree/a/x"].as_deref(), Some("x"));
    stage.forget();
    stage.write("outside/x", "another secret");
    stage.write("secret", "another secret");
    stage.write("tree/a/x", "y");
    stage.until_kind("tree/a/x", Changed);
    stage.settle();
    assert!(stage.kinds.iter().all(|(path, _)| path == "tree/a/x"));
    // What takes the place of a link is a file like others, and what a link takes the place of is
    // gone.
    fs::remove_file(stage.at("tree/a/link")).unwrap();
    stage.write("tree/a/link", "own");
    stage.until_kind("tree/a/link", Created);
    fs::remove_file(stage.at("tree/a/x")).unwrap();
    symlink(stage.at("secret"), stage.at("tree/a/x")).unwrap();
    stage.until_kind("tree/a/x", Removed);
}

#[test]
fn a_link_on_the_way_to_what_a_grant_names_is_followed() {
    let mut stage = Stage::new();
    stage.write("real/x", "1");
    symlink(stage.at("real"), stage.at("named")).unwrap();
    let pattern = stage.at("named/*").to_str().unwrap().to_owned();
    let terms = Terms {
        content: true,
        below: stage.at("named"),
    };
    stage.wanted.files.insert(pattern, terms);
    stage.want("e", &[], &[]);
    stage.write("real/y", "2");
    stage.until_kind("named/y", Created);
    assert_eq!(stage.contents["named/y"].as_deref(), Some("2"));
}

#[test]
fn a_file_that_holds_secrets_is_told_to_nobody_under_whatever_name() {
    let folder = tempfile::tempdir().unwrap();
    let real = fs::canonicalize(folder.path()).unwrap();
    let secrets = Secrets::of_user([real.join("tree/aws/credentials"), real.join("tree/keys")]);
    let mut stage = Stage::with(folder, secrets);
    stage.write("tree/aws/credentials", "secret");
    stage.write("tree/aws/config", "public");
    stage.write("tree/keys/deep/id", "secret");
    fs::hard_link(stage.at("tree/aws/credentials"), stage.at("tree/aws/one")).unwrap();
    fs::hard_link(stage.at("tree/keys/deep/id"), stage.at("tree/aws/two")).unwrap();
    fs::hard_link(stage.at("tree/aws/config"), stage.at("tree/aws/three")).unwrap();
    let patterns = [
        "tree/**",
        "tree/aws/credentials",
        "tree/keys/deep/id",
        "tree/*/*",
    ];
    stage.want("e", &patterns, &[]);
    let mut told: Vec<&str> = stage.kinds.iter().map(|(path, _)| path.as_str()).collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, ["tree/aws/config", "tree/aws/three"]);
    let trouble = stage.troubles.iter().flatten().next_back();
    assert!(
        trouble.is_some_and(|why| why.contains("has secrets")),
        "{trouble:?}"
    );
}

#[test]
fn who_begins_later_is_told_what_is_there_and_nobody_else() {
    let mut stage = Stage::new();
    stage.write("d/x", "1");
    stage.want("one", &["d/x"], &[]);
    stage.forget();
    stage.want("two", &["d/*"], &[]);
    assert_eq!(stage.kinds, [("d/x".into(), Present)]);
    stage.forget();
    stage.write("d/x", "2");
    stage.until_kind("d/x", Changed);
    stage.settle();
    assert_eq!(
        stage.kinds.len(),
        1,
        "one change is told once: {:?}",
        stage.kinds
    );
    // What nobody asks for any more is forgotten without a word.
    stage.forget();
    stage.wanted = Wanted::default();
    stage.want("three", &["d/z"], &[]);
    stage.write("d/x", "3");
    stage.write("d/z", "z");
    stage.until_kind("d/z", Created);
    assert_eq!(stage.kinds, [("d/z".into(), Created)]);
}

fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is there");
    assert!(output.status.success(), "git {args:?}: {output:?}");
}

#[test]
fn branches_of_repositories_and_of_linked_working_trees() {
    let mut stage = Stage::new();
    let repository = stage.at("src/a");
    fs::create_dir_all(&repository).unwrap();
    git(&repository, &["init", "-q"]);
    git(&repository, &["commit", "-q", "--allow-empty", "-m", "x"]);
    fs::create_dir_all(stage.at("src/none")).unwrap();
    stage.want("e", &[], &["src/*"]);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        stage.branches,
        [("src/a".into(), Present, some("main"), None)]
    );
    let last = |stage: &mut Stage, path: &str, kind, branch: Option<&str>, before: Option<&str>| {
        let wanted = (
            path.to_owned(),
            kind,
            branch.map(str::to_owned),
            before.map(str::to_owned),
        );
        stage.until(&format!("{wanted:?}"), |s| {
            s.branches.iter().rev().find(|b| b.0 == wanted.0) == Some(&wanted)
        });
    };
    git(&repository, &["switch", "-q", "-c", "feature/x"]);
    last(
        &mut stage,
        "src/a",
        Changed,
        Some("feature/x"),
        Some("main"),
    );
    git(&repository, &["switch", "-q", "--detach"]);
    last(&mut stage, "src/a", Changed, None, Some("feature/x"));
    git(&repository, &["switch", "-q", "main"]);
    last(&mut stage, "src/a", Changed, Some("main"), None);
    // A linked working tree, whose HEAD is somewhere else.
    git(
        &repository,
        &["worktree", "add", "-q", "../tree", "-b", "side"],
    );
    last(&mut stage, "src/tree", Created, Some("side"), None);
    git(&stage.at("src/tree"), &["switch", "-q", "-c", "other"]);
    last(&mut stage, "src/tree", Changed, Some("other"), Some("side"));
    git(&repository, &["worktree", "remove", "../tree"]);
    last(&mut stage, "src/tree", Removed, None, Some("other"));
    // A folder that becomes a repository.
    git(&stage.at("src/none"), &["init", "-q", "-b", "trunk"]);
    last(&mut stage, "src/none", Created, Some("trunk"), None);
    fs::remove_dir_all(stage.at("src/none/.git")).unwrap();
    last(&mut stage, "src/none", Removed, None, Some("trunk"));
    // Whoever begins now is told how things are.
    stage.forget();
    stage.want("f", &[], &["src/a"]);
    assert_eq!(
        stage.branches,
        [("src/a".into(), Present, some("main"), None)]
    );
}

#[test]
fn it_ends_while_it_watches() {
    let mut stage = Stage::new();
    stage.write("d/x", "1");
    stage.want("e", &["d/*"], &[]);
    for n in 0..100 {
        stage.write(&format!("d/{n}"), "x");
    }
    stage.messages.close();
    drop(stage.watching.take());
}

#[test]
fn an_entry_that_begins_to_watch_is_told_what_is_there_whatever_comes_after_it() {
    let fresh = |name: &str| {
        let what = Fresh {
            files: [format!("/{name}")].into(),
            branches: BTreeSet::new(),
        };
        let wanted = Wanted {
            fresh: [(EntryName::new(name), what)].into(),
            ..Wanted::default()
        };
        Work {
            wanted: Some(wanted),
            ..Work::default()
        }
    };
    let mut work = fresh("first");
    work.append(fresh("second"));
    work.append(Work::default());
    let wanted = work.wanted.expect("what is wanted");
    let names: Vec<String> = wanted.fresh.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["first", "second"]);
}

/// Swaps two paths without a pause, until it is told to stop.
fn swaps(one: PathBuf, other: PathBuf) -> impl FnOnce() -> u64 {
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let ends = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let mut swaps = 0;
        while !ends.load(std::sync::atomic::Ordering::Relaxed) {
            renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            swaps += 1;
        }
        swaps
    });
    move || {
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        thread.join().unwrap()
    }
}

/// What is told of a secret outside of what is watched, while something is swapped all the time.
fn leaks(stage: &mut Stage, secret: &str, one: &str, other: &str) -> Vec<String> {
    let stop = swaps(stage.at(one), stage.at(other));
    let end = Instant::now() + Duration::from_millis(1_500);
    let mut leaks = Vec::new();
    while Instant::now() < end {
        stage.forget();
        stage.take();
        let contents = stage.contents.values().flatten();
        leaks.extend(contents.filter(|text| text.contains(secret)).cloned());
        let digests = stage.known.values().flatten();
        use sha2::Digest as _;
        let is_it = |found: &&[u8; 32]| found[..] == sha2::Sha256::digest(secret)[..];
        leaks.extend(digests.filter(is_it).map(|_| "its digest".to_owned()));
        stage.known.clear();
        thread::yield_now();
    }
    assert!(stop() > 100, "nothing was tried");
    leaks
}

#[test]
fn a_file_that_is_swapped_with_a_link_tells_nothing_of_where_the_link_leads() {
    let mut stage = Stage::new();
    stage.write("secret", "aws_secret_access_key=x");
    stage.write("tree/file", "public");
    symlink(stage.at("secret"), stage.at("tree/link")).unwrap();
    stage.want("e", &["tree/*"], &[]);
    let leaks = leaks(
        &mut stage,
        "aws_secret_access_key=x",
        "tree/file",
        "tree/link",
    );
    assert_eq!(leaks, [""; 0]);
}

#[test]
fn a_folder_that_is_swapped_with_a_link_tells_nothing_of_where_the_link_leads() {
    let mut stage = Stage::new();
    stage.write("secrets/file", "aws_secret_access_key=x");
    stage.write("tree/folder/file", "public");
    symlink(stage.at("secrets"), stage.at("tree/link")).unwrap();
    stage.want("e", &["tree/*/*"], &[]);
    let leaks = leaks(
        &mut stage,
        "aws_secret_access_key=x",
        "tree/folder",
        "tree/link",
    );
    assert_eq!(leaks, [""; 0]);
}
