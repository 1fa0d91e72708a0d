//! What the file says of a session's state.

use dayfly_core::session::Status;
use dayfly_core::time::Timestamp;

use crate::timestamp;

/// `status`, `startDateTime` and `sessionTokenExpiration` of a session: the engine's projection,
/// or a person's edit of it. In the file they are ISO 8601 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// `status`; inactive where the file has none.
    pub status: Status,
    /// `startDateTime`.
    pub start: Option<Timestamp>,
    /// `sessionTokenExpiration`; a moment past the year 9999 is written as none.
    pub expiration: Option<Timestamp>,
}

impl Projection {
    /// The projection that reads back once this one is written.
    pub(crate) fn as_written(&self) -> Self {
        let said = |moment: &Timestamp| timestamp::write(*moment).is_some();
        Self {
            status: self.status,
            start: self.start.filter(said),
            expiration: self.expiration.filter(said),
        }
    }
}
