//! Sessions in the words of 0.2, which has cloud and access method as text.

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
    session_record!(SessionParam, view, convert::identity, labels, { cloud: view.facts.session_type.cloud(), method: view.facts.session_type.as_str() })
}

/// A session as the answer of an import, which cannot borrow.
pub(super) fn owned(view: &SessionView) -> types::SessionResult {
    let labels = words::owned_labels(view);
    session_record!(SessionResult, view, str::to_owned, labels, { cloud: view.facts.session_type.cloud().to_owned(), method: view.facts.session_type.as_str().to_owned() })
}

/// The methods that a filter of a subscription means; empty: any. A word that nobody knows is refused:
/// a policy that guards what was mistyped would guard nothing.
pub(super) fn subscribed_types(
    filter: &exported::SessionFilter,
) -> Result<Vec<SessionType>, String> {
    if filter.clouds.is_empty() && filter.methods.is_empty() {
        return Ok(Vec::new());
    }
    known("cloud", &filter.clouds, SessionType::cloud)?;
    known("access method", &filter.methods, SessionType::as_str)?;
    let meant: Vec<SessionType> = SessionType::ALL
        .into_iter()
        .filter(|method| {
            let among = |words: &[String], word: &str| {
                words.is_empty() || words.iter().any(|one| one == word)
            };
            among(&filter.clouds, method.cloud()) && among(&filter.methods, method.as_str())
        })
        .collect();
    if meant.is_empty() {
        return Err(format!(
            "no access method of cloud {} is {}",
            filter.clouds.join(" or "),
            filter.methods.join(" or ")
        ));
    }
    Ok(meant)
}

fn known(
    what: &str,
    words: &[String],
    word_of: impl Fn(SessionType) -> &'static str,
) -> Result<(), String> {
    let mut there: Vec<&str> = SessionType::ALL.into_iter().map(word_of).collect();
    there.dedup();
    match words.iter().find(|word| !there.contains(&word.as_str())) {
        None => Ok(()),
        Some(word) => Err(format!(
            "this version of Dayfly has no {what} `{word}`; it has {}",
            there.join(", ")
        )),
    }
}

/// The methods that a question means; none: any. What nobody knows has no sessions.
pub(super) fn asked_types(filter: &workspace::Filter) -> Option<Vec<SessionType>> {
    let (cloud, method) = (filter.cloud.as_deref(), filter.method.as_deref());
    if cloud.is_none() && method.is_none() {
        return None;
    }
    let meant = SessionType::ALL.into_iter().filter(|session_type| {
        cloud.is_none_or(|cloud| cloud == session_type.cloud())
            && method.is_none_or(|method| method == session_type.as_str())
    });
    Some(meant.collect())
}
