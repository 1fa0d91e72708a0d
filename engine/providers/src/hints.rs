//! What hints of several errors have in common.

use dayfly_core::text::shell_word;

/// What to do where the clock is to blame.
pub(crate) const CLOCK_HINT: &str =
    "set this machine's clock (it may be wrong for a while after a sleep)";

/// The command that stores the key of a session.
pub(crate) fn set_secret(session: &str) -> String {
    format!("store it with `dayfly secret set {}`", shell_word(session))
}
