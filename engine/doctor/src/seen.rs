//! Whether the lock file and the vault are the newest that were seen here.

use dayfly_host::locking;
use dayfly_runtime::{Home, seen};

use crate::findings::{Finding, Findings};

/// Whether the lock file and the vault are the newest that were seen here.
pub fn newest(home: &Home, findings: &mut Findings) {
    // Where the configuration or the lock file cannot be read, that is told already.
    let Ok(witness) = locking::witness(home) else {
        return;
    };
    let look = witness.look();
    let suspicions = locking::suspicions(home, &witness, &look);
    let well = suspicions.is_empty();
    for suspicion in suspicions {
        // A guard rail that is closed for it is told with the policies.
        let told = |told: &Finding| told.message.contains(&suspicion.message);
        if !findings.0.iter().any(told) {
            findings.wrong(suspicion.about, suspicion.message, suspicion.hint);
        }
    }
    if seen::nothing(&look) {
        return;
    }
    if !look.checked && home.vault().exists() {
        findings.notice(
            "vault",
            "Dayfly cannot open the vault without a prompt, so it did not check the record in it \
             of what this machine last saw",
            "open it with `dayfly secret list`",
        );
    }
    if well {
        let message = format!(
            "dayfly.lock (counter {}) and the vault (counter {}) are the newest ones seen on this \
             machine",
            look.lock.counter(),
            look.vault
        );
        findings.good("counters", message);
    }
}
