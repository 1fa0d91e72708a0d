//! Takes what was looked at and agreed to.

use dayfly_dialog::CliError;
use dayfly_host::locking;
use dayfly_runtime::Home;
use dayfly_store::Lock;

use crate::acquire::{self, Acquired};
use crate::config_edit::Edit;

/// Keeps what was acquired, holds the entries to it, and then has the configuration name it; nothing of it
/// where the configuration was changed meanwhile.
pub fn put_in_force(
    home: &Home,
    edit: &mut Edit,
    lock: &mut Lock,
    acquired: &Acquired,
) -> Result<(), CliError> {
    edit.unchanged()?;
    acquire::keep(home, acquired)?;
    locking::save(home, lock)?;
    edit.save()
}
