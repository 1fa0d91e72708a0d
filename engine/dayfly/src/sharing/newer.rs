//! What a newer version of a policy may be without being asked about.

use dayfly_dialog::{CliError, Code};
use dayfly_store::LockedModule;
use dayfly_store::seen::is_older;

/// What is allowed.
#[derive(Clone, Copy)]
pub(crate) struct May {
    pub(crate) check: bool,
    pub(crate) grant: bool,
    pub(crate) downgrade: bool,
    pub(crate) replay: bool,
    pub(crate) quiet: bool,
}

/// Another policy, or an older version, is no update.
pub(crate) fn refuse_others(
    old: &LockedModule,
    new: &LockedModule,
    may: May,
) -> Result<(), CliError> {
    if old.name != new.name {
        let message = format!(
            "{} is another policy now: {} instead of {}",
            new.source, new.name, old.name
        );
        return Err(CliError::new(Code::Refused, message)
            .hint("nothing was changed; if that is meant, remove the entry and add it anew"));
    }
    if is_older(&new.version, &old.version) && !may.downgrade {
        let message = format!(
            "{} has version {} now, which is older than {}, the one in force",
            new.source, new.version, old.version
        );
        return Err(CliError::new(Code::Refused, message)
            .hint("nothing was changed; an old version may have faults that were mended; --downgrade takes it"));
    }
    Ok(())
}
