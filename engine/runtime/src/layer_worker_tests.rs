use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use dayfly_store::TrustedStore;
use dayfly_workspace::layers::SessionChanges;

use super::*;

struct Scene {
    folder: tempfile::TempDir,
    follower: Follower,
    pauses: Arc<AtomicUsize>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pauses = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&pauses);
        let pause = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let mut follower = Follower::new(folder.path().to_owned(), pause);
        let source = ModuleSource::Path(folder.path().join("team.json"));
        let name = "team".to_owned();
        follower.includes = vec![IncludeSettings { name, source }];
        Self {
            folder,
            follower,
            pauses,
        }
    }

    fn says(&self, ids: &[&str], region: &str) -> Layer {
        let sessions: Vec<_> = { ids.iter() }
            .map(
                |id| serde_json::json!({ "sessionId": id, "type": "localstack", "region": region }),
            )
            .collect();
        let text = serde_json::json!({ "sessions": sessions }).to_string();
        fs::write(self.folder.path().join("team.json"), &text).unwrap();
        Layer::of_file("team", &text).unwrap()
    }

    fn merge(&self, layer: &Layer) {
        let text = layer.text();
        let store = TrustedStore::store(self.folder.path());
        store.put(text.as_bytes()).unwrap();
        let file = TrustedStore::lock_file(self.folder.path());
        let mut lock = Lock::load(&file).unwrap();
        lock.set_layer(LockedLayer {
            name: "team".into(),
            source: "team.json".into(),
            digest: ContentDigest::of(text.as_bytes()),
            version: None,
            resolved: None,
            signer: None,
            aside: std::collections::BTreeSet::new(),
        });
        lock.save(&file).unwrap();
    }

    fn standing(seen: &LayersSeen) -> Option<&Standing> {
        seen.standing.get("team")
    }
}

fn changes(added: &[&str], changed: &[&str], removed: &[&str]) -> SessionChanges {
    let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    SessionChanges {
        added: owned(added),
        changed: owned(changed),
        removed: owned(removed),
    }
}

#[test]
fn what_a_source_says_is_told_once_and_what_was_merged_is_told_then() {
    let mut scene = Scene::new();
    let first = scene.says(&["dev", "gone"], "eu-west-1");
    let seen = scene.follower.look();
    assert_eq!(Scene::standing(&seen), Some(&Standing::Unmerged));
    scene.merge(&first);
    let seen = scene.follower.look();
    assert_eq!(Scene::standing(&seen), None);
    assert_eq!(seen.merged[0].sessions, changes(&["dev", "gone"], &[], &[]));

    let second = scene.says(&["dev", "new"], "us-east-1");
    let seen = scene.follower.look();
    assert_eq!(Scene::standing(&seen), Some(&Standing::Differs));
    let expected = changes(&["new"], &["dev"], &["gone"]);
    assert_eq!(seen.differ[0].sessions, expected);
    let again = scene.follower.look();
    assert_eq!(Scene::standing(&again), Some(&Standing::Differs));
    assert!(again.differ.is_empty() && again.merged.is_empty());

    scene.merge(&second);
    let seen = scene.follower.look();
    assert_eq!(Scene::standing(&seen), None);
    assert_eq!(seen.merged[0].sessions, expected);
}

#[test]
fn what_cannot_be_read_is_said_and_counts_as_no_change() {
    let mut scene = Scene::new();
    let first = scene.says(&["dev"], "eu-west-1");
    scene.merge(&first);
    assert_eq!(Scene::standing(&scene.follower.look()), None);
    let file = scene.folder.path().join("team.json");
    for (text, told) in [
        (Some("{ \"sessions\": ["), "is not a Workspace"),
        (Some("{}"), "`sessions` is missing"),
        (None, "does not exist"),
    ] {
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let seen = scene.follower.look();
        let Some(Standing::Unreadable(problem)) = Scene::standing(&seen) else {
            panic!("{text:?}: {seen:?}");
        };
        assert!(problem.contains(told), "{problem}");
        assert!(seen.differ.is_empty() && seen.merged.is_empty());
    }
    assert_eq!(
        scene.pauses.load(Ordering::Relaxed),
        3,
        "each was read twice"
    );
    // Neither does a lock file that cannot be read.
    scene.says(&["dev"], "eu-west-1");
    let lock = TrustedStore::lock_file(scene.folder.path());
    let good = fs::read(&lock).unwrap();
    fs::write(&lock, "version = \"").unwrap();
    let seen = scene.follower.look();
    assert_eq!(Scene::standing(&seen), None);
    assert!(seen.merged.is_empty());
    fs::write(&lock, good).unwrap();
    assert!(scene.follower.look().merged.is_empty());
}

#[test]
fn a_layer_that_is_taken_out_is_told() {
    let mut scene = Scene::new();
    let first = scene.says(&["dev"], "eu-west-1");
    scene.merge(&first);
    scene.follower.look();
    let file = TrustedStore::lock_file(scene.folder.path());
    let mut lock = Lock::load(&file).unwrap();
    lock.remove_layer("team");
    lock.save(&file).unwrap();
    scene.follower.includes.clear();
    let seen = scene.follower.look();
    assert_eq!(seen.merged[0].sessions, changes(&[], &[], &["dev"]));
    assert!(seen.standing.is_empty());
}

#[test]
fn where_it_is_not_known_what_was_merged_that_is_said_and_nothing_else() {
    let scene = Scene::new();
    scene.says(&["dev"], "eu-west-1");
    let lock = TrustedStore::lock_file(scene.folder.path());
    fs::write(&lock, "version = \"").unwrap();
    let mut follower = Follower::new(scene.folder.path().to_owned(), Box::new(|| {}));
    follower.includes = scene.follower.includes.clone();
    let seen = follower.look();
    let Some(standing @ Standing::Unknown(problem)) = Scene::standing(&seen) else {
        panic!("{seen:?}");
    };
    assert!(problem.contains("is not a lock file"), "{problem}");
    assert!(standing.is_trouble() && standing.hint("team").contains("last good dayfly.lock"));
    fs::remove_file(&lock).unwrap();
    let seen = follower.look();
    assert_eq!(Scene::standing(&seen), Some(&Standing::Unmerged));
    assert!(seen.merged.is_empty());
}
