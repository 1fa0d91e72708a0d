//! Reads and writes the lock file of a home.

use dayfly_dialog::{CliError, Code};
use dayfly_runtime::seen::{self, Look};
use dayfly_runtime::{Home, Witness};
use dayfly_store::trusted_store::ACCEPT;
use dayfly_store::{Lock, TrustedStore};
use dayfly_vault::{Ask, VaultError};

use crate::{person, settings, vault};

/// What was seen of the lock file and of the vault of a home.
pub fn witness(home: &Home) -> Result<Witness, CliError> {
    let config = settings::in_force(home)?;
    Ok(Witness::new(home, vault::of(home, &config)))
}

/// The lock file of a home.
pub fn load(home: &Home) -> Result<Lock, CliError> {
    Lock::load(&TrustedStore::lock_file(home.folder())).map_err(|e| {
        CliError::failed(e.to_string()).hint("restore the last good one; nothing was changed")
    })
}

/// Something that is older than what was seen, or cannot be known.
pub struct Suspicion {
    /// What it is about.
    pub about: &'static str,
    /// What is older.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

/// What is older than what was seen of the lock file and of the vault.
pub fn suspicions(home: &Home, witness: &Witness, look: &Look) -> Vec<Suspicion> {
    let doubts = look.doubts.iter().map(|doubt| Suspicion {
        about: "vault",
        message: witness.say(doubt),
        hint: seen::DOUBT,
    });
    let mut all: Vec<Suspicion> = doubts.collect();
    // One that cannot be read is told elsewhere.
    let lock = Lock::load(&TrustedStore::lock_file(home.folder()));
    let of_lock = |message| Suspicion {
        about: "dayfly.lock",
        message,
        hint: ACCEPT,
    };
    match lock {
        Ok(_) if look.lost => all.push(of_lock(format!(
            "Dayfly cannot read {}, which records the dayfly.lock last seen on this machine; guard \
             rails that are not built in refuse everything",
            home.seen().display()
        ))),
        Ok(lock) => {
            let older = look.all_older(&lock).into_iter();
            all.extend(older.map(|(about, problem)| of_lock(format!("{about}: {problem}"))));
        }
        Err(_) => {}
    }
    all
}

/// The same, to be written anew. One that is older than one that was seen is not built upon, as it
/// would count as the newest then.
pub fn load_to_write(home: &Home) -> Result<Lock, CliError> {
    let lock = load(home)?;
    let look = witness(home)?.look();
    let refused = |message: String| CliError::new(Code::Refused, message).hint(ACCEPT);
    if look.lost {
        let message = format!(
            "Dayfly cannot read {}, which records the dayfly.lock last seen on this machine; \
             nothing was changed",
            home.seen().display()
        );
        return Err(refused(message));
    }
    match look.all_older(&lock).into_iter().next() {
        None => Ok(lock),
        Some((about, problem)) => Err(refused(format!("{about}: {problem}; nothing was changed"))),
    }
}

/// Writes it, and has it remembered that it was.
pub fn save(home: &Home, lock: &mut Lock) -> Result<(), CliError> {
    let witness = witness(home)?;
    lock.count_from(witness.look().lock.counter());
    lock.save(&TrustedStore::lock_file(home.folder()))
        .map_err(|e| CliError::failed(e.to_string()))?;
    remember(&witness, lock);
    Ok(())
}

/// Has a lock file remembered that is there already. That it cannot be is no reason to undo
/// what was done.
fn remember(witness: &Witness, lock: &Lock) {
    let problem = match witness.written(lock, Ask::Nobody) {
        Ok(()) => return,
        // A running engine does it, which was unlocked.
        Err(VaultError::NotAtHand(_)) => {
            "Dayfly cannot open the vault here; a running engine records this dayfly.lock if \
             nothing in it is older, otherwise run `dayfly policy accept`"
                .to_owned()
        }
        Err(error) => error.to_string(),
    };
    person::warn(&format!(
        "Dayfly wrote dayfly.lock, but could not record that it did: {problem}\n"
    ));
}
