//! States of sessions as the file can say them.

use dayfly_core::input::PersistedStatus;
use dayfly_core::time::Timestamp;

use crate::timestamp;

/// The projection that reads back once this one is written: a moment past the year 9999, as one
/// that never comes, is written as none.
pub(crate) fn as_written(state: &PersistedStatus) -> PersistedStatus {
    let said = |moment: &Timestamp| timestamp::write(*moment).is_some();
    PersistedStatus {
        status: state.status,
        start: state.start.filter(said),
        expiration: state.expiration.filter(said),
    }
}
