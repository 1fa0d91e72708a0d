//! What a newer version of a policy may be without being asked about.

use dayfly_dialog::{CliError, Code};
use dayfly_store::LockedModule;
use dayfly_store::seen::is_older;

use crate::talk::Talk;

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub struct May {
    /// Only the differences are shown.
    pub check: bool,
    /// What it wants beside is granted.
    pub grant: bool,
    /// It may be older.
    pub downgrade: bool,
    /// It is asked what was recorded.
    pub replay: bool,
    /// A program reads, so nobody is told.
    pub quiet: bool,
}

impl May {
    /// Tells the person, unless a program reads.
    pub fn say(self, talk: &Talk<'_>, text: &str) {
        if !self.quiet {
            (talk.say)(text);
        }
    }

    /// Has the person agree to what wants more.
    pub fn agreed(self, talk: &Talk<'_>) -> Result<(), CliError> {
        let question = "It asks for more than the previous version (marked +). Accept it?";
        (talk.agree)(question, self.grant, "--grant")
    }
}

/// Another policy, or an older version, is no update.
pub(crate) fn refuse_others(
    old: &LockedModule,
    new: &LockedModule,
    may: May,
) -> Result<(), CliError> {
    if old.name != new.name {
        let message = format!(
            "{} now has another policy: {} instead of {}",
            new.source, new.name, old.name
        );
        return Err(CliError::new(Code::Refused, message)
            .hint("nothing was changed; if that is right, remove the entry and add it again"));
    }
    if is_older(&new.version, &old.version) && !may.downgrade {
        let message = format!(
            "{} now has version {}, which is older than {}, the version in force",
            new.source, new.version, old.version
        );
        return Err(CliError::new(Code::Refused, message).hint(
            "nothing was changed; an old version may have bugs that were fixed since; pass \
                   --downgrade to accept it",
        ));
    }
    Ok(())
}
