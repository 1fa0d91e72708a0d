//! `dayfly.lock`: read or refused, and what was read is written and read again as the same.

use dayfly_fuzz::{fuzz, seeds};
use dayfly_store::{Lock, LockError};

const WORDS: [&str; 16] = [
    "version = 1\n",
    "[[module]]\n",
    "[[bundle]]\n",
    "entry = \"a\"\n",
    "name = \"a\"\n",
    "source = \"oci://h/r:1\"\n",
    "source = \"git+https://h/r?path=a#main\"\n",
    "digest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n",
    "bytes = 18446744073709551615\n",
    "bytes = -1\n",
    "signer = \"RWQ\"\n",
    "actions = [\"start\"]\n",
    "hold = true\n",
    "entries = []\n",
    "\u{0}",
    "1979-05-27",
];

#[test]
fn lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dayfly.lock");
    fuzz!(&seeds("lock", &[], ""), &WORDS, |bytes| {
        std::fs::write(&path, bytes).expect("it is written");
        let lock = match Lock::load(&path) {
            Ok(lock) => lock,
            Err(error) => {
                assert!(matches!(error, LockError::Malformed { .. }), "{error}");
                assert!(!error.to_string().contains('\n'), "{error}");
                return;
            }
        };
        lock.save(&path).expect("it is written again");
        let again = Lock::load(&path).expect("what was written is read");
        assert_eq!(sorted(&again), sorted(&lock));
    });
}

/// What it says, in an order of its own.
fn sorted(lock: &Lock) -> (Vec<String>, Vec<String>) {
    let mut modules: Vec<_> = lock.modules().iter().map(|m| format!("{m:?}")).collect();
    let mut bundles: Vec<_> = lock.bundles().iter().map(|b| format!("{b:?}")).collect();
    modules.sort();
    bundles.sort();
    (modules, bundles)
}
