//! Sessions in the words of 0.1, which has an enum of the access methods that there were.
//!
//! A session of a later method is shown as one of another: of the same cloud, with the same fields
//! absent, and the one that guards trust least. It is never left out, since a guard rail that does not
//! see a session lets it pass.

use std::convert;

use dayfly_core::policy::SessionView;
use dayfly_core::session::SessionType;

use super::wit::dayfly::policy::workspace;
use super::wit::{exported, types};
use super::words;

pub(super) fn borrowed<'a>(
    view: &'a SessionView,
    labels: &'a [types::AttributeParam<'a>],
) -> types::SessionParam<'a> {
    session_record!(SessionParam, view, convert::identity, labels, { type_: shown(view.facts.session_type) })
}

/// A session as the answer of an import, which cannot borrow.
pub(super) fn owned(view: &SessionView) -> types::SessionResult {
    let labels = words::owned_labels(view);
    session_record!(SessionResult, view, str::to_owned, labels, { type_: shown(view.facts.session_type) })
}

/// The methods that a filter of a subscription means.
#[expect(
    clippy::unnecessary_wraps,
    reason = "later versions have words that can be wrong"
)]
pub(super) fn subscribed_types(
    filter: &exported::SessionFilter,
) -> Result<Vec<SessionType>, String> {
    Ok(filter.types.iter().flat_map(|word| meant(*word)).collect())
}

/// The methods that a question means; none: any.
pub(super) fn asked_types(filter: &workspace::Filter) -> Option<Vec<SessionType>> {
    filter.type_.map(|word| meant(word).collect())
}

/// The access methods that 0.1 shows as this one.
fn meant(word: types::SessionType) -> impl Iterator<Item = SessionType> {
    SessionType::ALL
        .into_iter()
        .filter(move |method| shown(*method) == word)
}

/// The method as which 0.1 shows this one.
const fn shown(session_type: SessionType) -> types::SessionType {
    match shown_as(session_type) {
        SessionType::AwsIamRoleChained => types::SessionType::AwsIamRoleChained,
        SessionType::AwsIamRoleFederated => types::SessionType::AwsIamRoleFederated,
        SessionType::AwsIamRoleWebIdentity => types::SessionType::AwsIamRoleWebIdentity,
        SessionType::AwsSsoRole => types::SessionType::AwsSsoRole,
        SessionType::Azure => types::SessionType::Azure,
        SessionType::Localstack => types::SessionType::Localstack,
        _ => types::SessionType::AwsIamUser,
    }
}

/// The method whose word 0.1 uses for this one: its own, where it has one.
pub(crate) const fn shown_as(session_type: SessionType) -> SessionType {
    match session_type {
        // No role, no parent, and nobody known who signed in.
        SessionType::Process | SessionType::AwsInstance => SessionType::AwsIamUser,
        // A long-lived key on a disk or in a token is what it rests on.
        SessionType::AwsRolesAnywhere => SessionType::AwsIamUser,
        // A person signs in, and it is renewed for hours.
        SessionType::AwsLogin => SessionType::AwsIamUser,
        SessionType::AwsIamUser
        | SessionType::AwsIamRoleChained
        | SessionType::AwsIamRoleFederated
        | SessionType::AwsIamRoleWebIdentity
        | SessionType::AwsSsoRole
        | SessionType::Azure
        | SessionType::Localstack => session_type,
    }
}
