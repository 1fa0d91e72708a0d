//! Words that mean the same in the contract and in the core.

use dayfly_core::policy::{Action, EngineMoments, Fields, FileChangeKind, SessionView, Severity};
use dayfly_core::session::{ErrorKind, Status};

use super::wit::{exported, types};

pub(super) const fn file_change_kind(kind: FileChangeKind) -> types::FileChangeKind {
    match kind {
        FileChangeKind::Created => types::FileChangeKind::Created,
        FileChangeKind::Changed => types::FileChangeKind::Changed,
        FileChangeKind::Removed => types::FileChangeKind::Removed,
        FileChangeKind::Present => types::FileChangeKind::Present,
    }
}

pub(super) const fn status(status: Status) -> types::Status {
    match status {
        Status::Inactive => types::Status::Inactive,
        Status::Pending => types::Status::Pending,
        Status::Active => types::Status::Active,
    }
}

pub(super) const fn lifted_status(status: types::Status) -> Status {
    match status {
        types::Status::Inactive => Status::Inactive,
        types::Status::Pending => Status::Pending,
        types::Status::Active => Status::Active,
    }
}

pub(super) const fn error_kind(kind: ErrorKind) -> types::ErrorKind {
    match kind {
        ErrorKind::NeedsSignIn => types::ErrorKind::NeedsSignIn,
        ErrorKind::NeedsMfa => types::ErrorKind::NeedsMfa,
        ErrorKind::Denied => types::ErrorKind::Denied,
        ErrorKind::Throttled => types::ErrorKind::Throttled,
        ErrorKind::Network => types::ErrorKind::Network,
        ErrorKind::Unavailable => types::ErrorKind::Unavailable,
        ErrorKind::Misconfigured => types::ErrorKind::Misconfigured,
        ErrorKind::Parent => types::ErrorKind::Parent,
        ErrorKind::Delivery => types::ErrorKind::Delivery,
        // The contract has no word for it.
        ErrorKind::ClockSkew | ErrorKind::Other => types::ErrorKind::Other,
    }
}

pub(super) const fn severity(severity: types::Severity) -> Severity {
    match severity {
        types::Severity::Debug => Severity::Debug,
        types::Severity::Info => Severity::Info,
        types::Severity::Warning => Severity::Warning,
        types::Severity::Error => Severity::Error,
    }
}

pub(super) const fn action(action: types::Action) -> Action {
    match action {
        types::Action::Start => Action::Start,
        types::Action::Stop => Action::Stop,
        types::Action::Rotate => Action::Rotate,
    }
}

/// The flags of the contract and the fields that they stand for.
const FIELDS: [(Fields, types::ChangedFields); 13] = [
    (Fields::ADDED, types::ChangedFields::ADDED),
    (Fields::REMOVED, types::ChangedFields::REMOVED),
    (Fields::STATUS, types::ChangedFields::STATUS),
    (Fields::CREDENTIALS, types::ChangedFields::CREDENTIALS),
    (Fields::NAME, types::ChangedFields::NAME),
    (Fields::REGION, types::ChangedFields::REGION),
    (Fields::NAMED_PROFILE, types::ChangedFields::NAMED_PROFILE),
    (Fields::TARGET, types::ChangedFields::TARGET),
    (Fields::LABELS, types::ChangedFields::LABELS),
    (Fields::FAILURE, types::ChangedFields::FAILURE),
    (Fields::LAST_USE, types::ChangedFields::LAST_USE),
    (Fields::REASON, types::ChangedFields::REASON),
    (Fields::EXPIRING, types::ChangedFields::EXPIRING),
];

pub(super) fn fields(fields: Fields) -> types::ChangedFields {
    let mut flags = types::ChangedFields::empty();
    for (field, flag) in FIELDS {
        if fields.contains(field) {
            flags |= flag;
        }
    }
    flags
}

/// The way back, for subscriptions.
pub(super) fn fields_of(flags: types::ChangedFields) -> Fields {
    FIELDS
        .into_iter()
        .filter(|(_, flag)| flags.contains(*flag))
        .fold(Fields::NONE, |fields, (field, _)| fields.union(field))
}

/// The same for what happens to the engine.
pub(super) fn moments_of(flags: exported::EngineMoments) -> EngineMoments {
    use exported::EngineMoments as Flags;
    [
        (EngineMoments::STARTED, Flags::STARTED),
        (EngineMoments::STOPPING, Flags::STOPPING),
        (EngineMoments::RESUMED, Flags::RESUMED),
        (EngineMoments::CLOCK_SET, Flags::CLOCK_SET),
    ]
    .into_iter()
    .filter(|(_, flag)| flags.contains(*flag))
    .fold(EngineMoments::NONE, |all, (moment, _)| all.union(moment))
}

/// The labels of a session.
pub(super) fn owned_labels(view: &SessionView) -> Vec<types::AttributeResult> {
    let labels = view.facts.labels.iter();
    labels
        .map(|(key, value)| types::AttributeResult {
            key: key.clone(),
            value: value.clone(),
        })
        .collect()
}
