//! The person at the terminal of this process, whom the command that runs introduces: only it prints and
//! reads. Without one nobody is told or asked anything.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use dayfly_vault::SecretString;

/// How a person is told and asked.
pub trait Person: Send + Sync {
    /// Whether somebody sits there, sees what is said and can answer.
    fn is_there(&self) -> bool;

    /// Whether somebody can type an answer.
    fn can_type(&self) -> bool;

    /// Says something, on lines of its own.
    fn say(&self, text: &str);

    /// Warns of something.
    fn warn(&self, text: &str);

    /// Asks for a line, which is seen while it is typed.
    fn ask(&self, question: &str) -> io::Result<SecretString>;

    /// Asks for a secret, which is not seen.
    fn ask_secret(&self, question: &str) -> io::Result<SecretString>;
}

static PERSON: OnceLock<&'static dyn Person> = OnceLock::new();

/// Whether a person may be asked. Not while an engine answers requests: nobody is waited for then.
static MAY_ASK: AtomicBool = AtomicBool::new(true);

/// From now on this is the person; the first one who is introduced stays.
pub fn introduce(person: &'static dyn Person) {
    let _ = PERSON.set(person);
}

/// From now on nobody is asked for what opens the vault.
pub fn ask_nobody() {
    MAY_ASK.store(false, Ordering::Relaxed);
}

/// Whether somebody may be asked for what opens the vault.
pub(crate) fn may_be_asked() -> bool {
    MAY_ASK.load(Ordering::Relaxed) && PERSON.get().is_some_and(|person| person.can_type())
}

/// Whether a person sits at this terminal.
pub fn somebody() -> bool {
    PERSON.get().is_some_and(|person| person.is_there())
}

/// Says something to the person, on lines of its own.
pub fn say(text: &str) {
    if let Some(person) = PERSON.get() {
        person.say(text);
    }
}

/// Warns the person.
pub fn warn(text: &str) {
    if let Some(person) = PERSON.get() {
        person.warn(text);
    }
}

/// Asks the person for a line.
pub fn ask(question: &str) -> io::Result<SecretString> {
    PERSON.get().ok_or_else(nobody)?.ask(question)
}

/// Asks the person for a secret, which is not seen.
pub fn ask_secret(question: &str) -> io::Result<SecretString> {
    PERSON.get().ok_or_else(nobody)?.ask_secret(question)
}

fn nobody() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "nobody can be asked here")
}
