//! From the core's types to those of the contract. Nothing is copied but numbers and references.

use dayfly_core::policy::{
    Context, EngineEvent, EngineMoments, Event, Fields, FileChangeKind, Outcome, ResyncReason,
    SessionChange, SessionView,
};
use dayfly_core::session::{ErrorKind, SessionType, Status};

use super::wit::{exported, types};

pub(super) fn context(context: &Context) -> types::Context {
    types::Context {
        now: context.now.as_millis(),
        sequence: context.sequence,
        seed: context.seed,
        dry_run: context.dry_run,
        workspace_revision: context.workspace_revision,
    }
}

/// Lowers events for as long as `call` runs.
///
/// A session borrows its labels as a slice and an event its sessions, so these are laid out first:
/// all labels of the call in one list, then all sessions, then the events.
pub(super) fn events<R>(events: &[Event], call: impl FnOnce(&[types::Event<'_>]) -> R) -> R {
    let labels: Vec<types::AttributeParam<'_>> = sessions(events)
        .flat_map(|session| &session.facts.labels)
        .map(|(key, value)| types::AttributeParam { key, value })
        .collect();
    let mut labels = labels.as_slice();

    let (mut changed, mut paged) = (0, 0);
    for event in events {
        match event {
            Event::Sessions(changes) => changed += changes.len(),
            Event::Resync { sessions, .. } => paged += sessions.len(),
            _ => {}
        }
    }
    let mut changes = Vec::with_capacity(changed);
    let mut pages = Vec::with_capacity(paged);
    for event in events {
        match event {
            Event::Sessions(all) => {
                changes.extend(all.iter().map(|one| change(one, &mut labels)));
            }
            Event::Resync { sessions, .. } => {
                pages.extend(sessions.iter().map(|one| session(one, &mut labels)));
            }
            _ => {}
        }
    }

    let (mut changes, mut pages) = (changes.as_slice(), pages.as_slice());
    let lowered: Vec<types::Event<'_>> = events
        .iter()
        .map(|event| match event {
            Event::Sessions(all) => types::Event::Sessions(take(&mut changes, all.len())),
            Event::Resync {
                reason,
                sessions,
                last,
            } => types::Event::Resync(types::Resync {
                reason: resync_reason(*reason),
                sessions: take(&mut pages, sessions.len()),
                last: *last,
            }),
            other => without_sessions(other),
        })
        .collect();
    call(&lowered)
}

fn resync_reason(reason: ResyncReason) -> types::ResyncReason {
    match reason {
        ResyncReason::ColdStart => types::ResyncReason::ColdStart,
        ResyncReason::Reconfigured => types::ResyncReason::Reconfigured,
        ResyncReason::Resumed => types::ResyncReason::Resumed,
        ResyncReason::Overflow => types::ResyncReason::Overflow,
    }
}

/// Lowers an event that brings no sessions.
fn without_sessions(event: &Event) -> types::Event<'_> {
    match event {
        Event::Sessions(_) | Event::Resync { .. } => types::Event::Sessions(&[]),
        Event::Wake { id, due } => types::Event::Wake(types::WakeUp {
            id,
            due: due.as_millis(),
        }),
        Event::Schedule {
            expression,
            due,
            missed,
        } => types::Event::Schedule(types::ScheduleTick {
            expression,
            due: due.as_millis(),
            missed: *missed,
        }),
        Event::File(file) => types::Event::File(types::FileChange {
            path: &file.path,
            kind: file_change_kind(file.kind),
            digest: file.digest.as_ref().map_or(&[], |digest| digest.as_slice()),
            content: file.content.as_deref(),
        }),
        Event::Branch(change) => types::Event::Branch(types::BranchChange {
            repository: &change.repository,
            kind: file_change_kind(change.kind),
            branch: change.branch.as_deref(),
            previous: change.previous.as_deref(),
        }),
        Event::Engine(event) => types::Event::Engine(match event {
            EngineEvent::Started => types::EngineEvent::Started,
            EngineEvent::Stopping(deadline) => types::EngineEvent::Stopping(types::Stopping {
                deadline: deadline.as_millis(),
            }),
            EngineEvent::Resumed(slept) => types::EngineEvent::Resumed(*slept),
            EngineEvent::ClockSet(by) => types::EngineEvent::ClockSet(*by),
        }),
        Event::Custom { name, data } => types::Event::Custom(types::CustomEvent { name, data }),
    }
}

/// All sessions of the events, in the order in which they come.
fn sessions(events: &[Event]) -> impl Iterator<Item = &SessionView> {
    events.iter().flat_map(|event| {
        let (changes, page): (&[SessionChange], &[SessionView]) = match event {
            Event::Sessions(changes) => (changes, &[]),
            Event::Resync { sessions, .. } => (&[], sessions),
            _ => (&[], &[]),
        };
        let changed = changes.iter().map(|change| &change.after);
        changed.chain(page)
    })
}

/// The next so many of a list that was laid out in the same order.
fn take<'a, T>(rest: &mut &'a [T], count: usize) -> &'a [T] {
    let (next, left) = rest.split_at(count);
    *rest = left;
    next
}

fn change<'a>(
    change: &'a SessionChange,
    labels: &mut &'a [types::AttributeParam<'a>],
) -> types::SessionChange<'a> {
    types::SessionChange {
        after: session(&change.after, labels),
        previous_status: change.previous_status.map(status),
        fields: fields(change.fields),
        outcome: change.outcome.map(|outcome| match outcome {
            Outcome::Started => types::Outcome::Started,
            Outcome::Stopped => types::Outcome::Stopped,
            Outcome::Rotated => types::Outcome::Rotated,
            Outcome::Expired => types::Outcome::Expired,
            Outcome::Failed => types::Outcome::Failed,
            Outcome::NeedsPerson => types::Outcome::NeedsPerson,
            Outcome::Expiring => types::Outcome::Expiring,
        }),
    }
}

fn session<'a>(
    view: &'a SessionView,
    labels: &mut &'a [types::AttributeParam<'a>],
) -> types::SessionParam<'a> {
    let session = &*view.facts;
    types::SessionParam {
        key: view.key.0,
        id: session.id.as_str(),
        name: &session.name,
        type_: session_type(session.session_type),
        status: status(session.status),
        region: session.region.as_deref(),
        started_at: session.started_at.map(|at| at.as_millis()),
        expires_at: session.expires_at.map(|at| at.as_millis()),
        named_profile: session.named_profile.as_deref(),
        account: session.account.as_deref(),
        role: session.role.as_deref(),
        parent: view.parent.map(|key| key.0),
        labels: take(labels, session.labels.len()),
        last_error: session.last_error.map(error_kind),
        failures: session.failures,
        last_use: session.last_use.map(|at| at.as_millis()),
        reason: session.reason.as_deref(),
        revision: session.revision.0,
    }
}

/// A session as the answer of an import, which cannot borrow.
pub(super) fn owned_session(view: &SessionView) -> types::SessionResult {
    let session = &*view.facts;
    types::SessionResult {
        key: view.key.0,
        id: session.id.as_str().to_owned(),
        name: session.name.clone(),
        type_: session_type(session.session_type),
        status: status(session.status),
        region: session.region.clone(),
        started_at: session.started_at.map(|at| at.as_millis()),
        expires_at: session.expires_at.map(|at| at.as_millis()),
        named_profile: session.named_profile.clone(),
        account: session.account.clone(),
        role: session.role.clone(),
        parent: view.parent.map(|key| key.0),
        labels: session
            .labels
            .iter()
            .map(|(key, value)| types::AttributeResult {
                key: key.clone(),
                value: value.clone(),
            })
            .collect(),
        last_error: session.last_error.map(error_kind),
        failures: session.failures,
        last_use: session.last_use.map(|at| at.as_millis()),
        reason: session.reason.clone(),
        revision: session.revision.0,
    }
}

const fn file_change_kind(kind: FileChangeKind) -> types::FileChangeKind {
    match kind {
        FileChangeKind::Created => types::FileChangeKind::Created,
        FileChangeKind::Changed => types::FileChangeKind::Changed,
        FileChangeKind::Removed => types::FileChangeKind::Removed,
        FileChangeKind::Present => types::FileChangeKind::Present,
    }
}

const fn status(status: Status) -> types::Status {
    match status {
        Status::Inactive => types::Status::Inactive,
        Status::Pending => types::Status::Pending,
        Status::Active => types::Status::Active,
    }
}

const fn session_type(session_type: SessionType) -> types::SessionType {
    match session_type {
        SessionType::AwsIamUser => types::SessionType::AwsIamUser,
        SessionType::AwsIamRoleChained => types::SessionType::AwsIamRoleChained,
        SessionType::AwsIamRoleFederated => types::SessionType::AwsIamRoleFederated,
        SessionType::AwsIamRoleWebIdentity => types::SessionType::AwsIamRoleWebIdentity,
        SessionType::AwsSsoRole => types::SessionType::AwsSsoRole,
        SessionType::Azure => types::SessionType::Azure,
        SessionType::Localstack => types::SessionType::Localstack,
    }
}

const fn error_kind(kind: ErrorKind) -> types::ErrorKind {
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
        // 0.1 has no word for it.
        ErrorKind::ClockSkew | ErrorKind::Other => types::ErrorKind::Other,
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

fn fields(fields: Fields) -> types::ChangedFields {
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
