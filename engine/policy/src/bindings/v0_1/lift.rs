//! From the contract's types to those of the core. Texts are moved, not copied.

use dayfly_core::policy::{
    Act, Action, Descriptor, Hold, Notice, PolicyEffect, Reason, Revision, SessionFilter,
    SessionKey, Severity, Subscription, Verdict,
};
use dayfly_core::session::{SessionType, Status};
use dayfly_core::time::Timestamp;

use super::lower;
use super::wit::{exported, types};
use crate::bindings::policy_error::PolicyError;

pub(super) fn descriptor(described: exported::Descriptor) -> Descriptor {
    Descriptor {
        name: described.name,
        version: described.version,
        summary: described.summary,
        config_schema: described.config_schema,
        actions: described.actions.into_iter().map(action).collect(),
        may_hold: described.may_hold,
        state_bytes: described.state_bytes,
    }
}

pub(super) fn subscription(subscription: exported::Subscription) -> Subscription {
    match subscription {
        exported::Subscription::Sessions(filter) => Subscription::Sessions(SessionFilter {
            types: filter.types.into_iter().map(session_type).collect(),
            statuses: filter.statuses.into_iter().map(status).collect(),
            labels: filter.labels,
            fields: lower::fields_of(filter.fields),
        }),
        exported::Subscription::Files(glob) => Subscription::Files(glob),
        exported::Subscription::Schedule(expression) => Subscription::Schedule(expression),
        exported::Subscription::Custom(name) => Subscription::Custom(name),
        exported::Subscription::Branch(glob) => Subscription::Branch(glob),
        exported::Subscription::Engine(moments) => Subscription::Engine(lower::moments_of(moments)),
    }
}

pub(super) fn policy_error(error: types::PolicyError) -> PolicyError {
    match error {
        types::PolicyError::InvalidConfig(text) => PolicyError::InvalidConfig(text),
        types::PolicyError::Transient(text) => PolicyError::Transient(text),
        types::PolicyError::Permanent(text) => PolicyError::Permanent(text),
    }
}

pub(super) fn verdict(verdict: types::Verdict) -> Verdict {
    Verdict {
        effects: verdict.effects.into_iter().map(effect).collect(),
        stopped_after: verdict.stopped_after,
    }
}

fn effect(effect: types::Effect) -> PolicyEffect {
    match effect {
        types::Effect::Act(act) => PolicyEffect::Act(Act {
            session: SessionKey(act.session),
            action: action(act.action),
            revision: Revision(act.revision),
            not_after: act.not_after.map(Timestamp::from_millis),
            why: reason(act.why),
        }),
        types::Effect::Hold(hold) => PolicyEffect::Hold(Hold {
            session: SessionKey(hold.session),
            actions: hold.actions.into_iter().map(action).collect(),
            until: hold.until.map(Timestamp::from_millis),
            why: reason(hold.why),
        }),
        types::Effect::Withdraw(session) => PolicyEffect::Withdraw(SessionKey(session)),
        types::Effect::Wake(wake) => PolicyEffect::Wake {
            id: wake.id,
            at: Timestamp::from_millis(wake.at),
            slack_ms: wake.slack_ms,
        },
        types::Effect::CancelWake(id) => PolicyEffect::CancelWake(id),
        types::Effect::Notify(notice) => PolicyEffect::Notify(Notice {
            severity: severity(notice.severity),
            key: notice.key,
            text: notice.text,
        }),
    }
}

fn reason(reason: types::Reason) -> Reason {
    Reason {
        code: reason.code,
        message: reason.message,
        evidence: reason
            .evidence
            .into_iter()
            .map(|fact| (fact.key, fact.value))
            .collect(),
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

const fn action(action: types::Action) -> Action {
    match action {
        types::Action::Start => Action::Start,
        types::Action::Stop => Action::Stop,
        types::Action::Rotate => Action::Rotate,
    }
}

pub(super) const fn status(status: types::Status) -> Status {
    match status {
        types::Status::Inactive => Status::Inactive,
        types::Status::Pending => Status::Pending,
        types::Status::Active => Status::Active,
    }
}

pub(super) const fn session_type(session_type: types::SessionType) -> SessionType {
    match session_type {
        types::SessionType::AwsIamUser => SessionType::AwsIamUser,
        types::SessionType::AwsIamRoleChained => SessionType::AwsIamRoleChained,
        types::SessionType::AwsIamRoleFederated => SessionType::AwsIamRoleFederated,
        types::SessionType::AwsIamRoleWebIdentity => SessionType::AwsIamRoleWebIdentity,
        types::SessionType::AwsSsoRole => SessionType::AwsSsoRole,
        types::SessionType::Azure => SessionType::Azure,
        types::SessionType::Localstack => SessionType::Localstack,
    }
}
