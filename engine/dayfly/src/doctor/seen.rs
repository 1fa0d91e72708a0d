//! Whether the lock file and the vault are the newest that were seen here.

use dayfly_runtime::{Home, seen};
use dayfly_store::{Lock, Shelf};

use super::Findings;
use crate::share::locking;

pub(crate) fn newest(home: &Home, findings: &mut Findings) {
    // Where the configuration or the lock file cannot be read, that is told already.
    let Ok(witness) = locking::witness(home) else {
        return;
    };
    let look = witness.look();
    for doubt in &look.doubts {
        findings.wrong("vault", witness.say(doubt), seen::DOUBT);
    }
    let Ok(lock) = Lock::load(&Shelf::lock_file(home.folder())) else {
        return;
    };
    if look.lost {
        let message = format!(
            "it is not known which one was seen here last, as {} cannot be read; guard rails that come \
             from elsewhere are closed",
            home.seen().display()
        );
        return findings.wrong("dayfly.lock", message, dayfly_store::shelf::ACCEPT);
    }
    let older = look.older(&lock);
    for (entry, problem) in &older {
        let message = format!("policy entry \"{entry}\": {problem}");
        findings.wrong("dayfly.lock", message, dayfly_store::shelf::ACCEPT);
    }
    if seen::nothing(&look) {
        return;
    }
    if !look.checked && home.vault().exists() {
        findings.notice(
            "vault",
            "its key is not at hand, so what it tells of what was seen here was not asked",
            "`dayfly secret list` opens it",
        );
    }
    if older.is_empty() && look.doubts.is_empty() {
        let message = format!(
            "dayfly.lock (counter {}) and the vault (counter {}) are the newest that were seen here",
            lock.counter(),
            look.vault
        );
        findings.good("counters", message);
    }
}
