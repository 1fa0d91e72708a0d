//! What an edit changed about a session, and which changes matter for what.

use crate::model::policy::Fields;
use crate::model::session::Session;

/// Changes after which the credentials in the chain are those of another session definition.
pub(super) const MATERIAL: Fields = Fields::TARGET
    .union(Fields::NAMED_PROFILE)
    .union(Fields::REGION);

/// Changes of what the person wrote.
pub(super) const WRITTEN: Fields = MATERIAL
    .union(Fields::ADDED)
    .union(Fields::REMOVED)
    .union(Fields::NAME)
    .union(Fields::LABELS);

pub(super) fn difference(old: &Session, new: &Session) -> Fields {
    let mut fields = Fields::NONE;
    let mut mark = |differs: bool, field| {
        if differs {
            fields = fields.union(field);
        }
    };
    mark(old.name != new.name, Fields::NAME);
    mark(old.region != new.region, Fields::REGION);
    mark(
        old.named_profile != new.named_profile,
        Fields::NAMED_PROFILE,
    );
    mark(old.labels != new.labels, Fields::LABELS);
    mark(
        old.access != new.access || old.account != new.account || old.fault != new.fault,
        Fields::TARGET,
    );
    fields
}
