//! How a sign-in stands, as `dayfly integration list` shows it.

use dayfly_core::time::Timestamp;
use serde::Serialize;

/// Whether somebody is signed in.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInRow {
    /// Whether credentials can be had without a person; none where this version cannot tell.
    pub signed_in: Option<bool>,
    /// When a person is needed again, in milliseconds since 1970; none where it is renewed by
    /// itself, or not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When a person is needed again at the latest, in milliseconds since 1970, also where it is
    /// renewed by itself until then; none where that is not known. The other side may end it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
}
