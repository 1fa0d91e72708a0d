//! From the contract's types to those of the core. Texts are moved, not copied.

use dayfly_core::policy::{
    Act, Descriptor, Hold, Notice, PolicyEffect, Reason, Revision, SessionFilter, SessionKey,
    Subscription, Verdict,
};
use dayfly_core::time::Timestamp;

use super::session;
use super::wit::{exported, types};
use super::words;
use crate::bindings::policy_error::PolicyError;

pub(super) fn descriptor(described: exported::Descriptor) -> Descriptor {
    Descriptor {
        name: described.name,
        version: described.version,
        summary: described.summary,
        config_schema: described.config_schema,
        actions: described.actions.into_iter().map(words::action).collect(),
        may_hold: described.may_hold,
        state_bytes: described.state_bytes,
    }
}

/// What a policy subscribes to; or the words with which it cannot be taken.
pub(super) fn subscriptions(
    subscriptions: Vec<exported::Subscription>,
) -> Result<Vec<Subscription>, PolicyError> {
    let lifted = subscriptions.into_iter().map(subscription);
    lifted
        .collect::<Result<_, _>>()
        .map_err(PolicyError::NoSuchSubscription)
}

fn subscription(subscription: exported::Subscription) -> Result<Subscription, String> {
    Ok(match subscription {
        exported::Subscription::Sessions(filter) => Subscription::Sessions(SessionFilter {
            types: session::subscribed_types(&filter)?,
            statuses: filter
                .statuses
                .into_iter()
                .map(words::lifted_status)
                .collect(),
            labels: filter.labels,
            fields: words::fields_of(filter.fields),
        }),
        exported::Subscription::Files(glob) => Subscription::Files(glob),
        exported::Subscription::Schedule(expression) => Subscription::Schedule(expression),
        exported::Subscription::Custom(name) => Subscription::Custom(name),
        exported::Subscription::Branch(glob) => Subscription::Branch(glob),
        exported::Subscription::Engine(moments) => Subscription::Engine(words::moments_of(moments)),
    })
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
            action: words::action(act.action),
            revision: Revision(act.revision),
            not_after: act.not_after.map(Timestamp::from_millis),
            why: reason(act.why),
        }),
        types::Effect::Hold(hold) => PolicyEffect::Hold(Hold {
            session: SessionKey(hold.session),
            actions: hold.actions.into_iter().map(words::action).collect(),
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
            severity: words::severity(notice.severity),
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
