//! Leapp's segments: filters that a person keeps.
//!
//! Source: Leapp, `command-bar.component.ts`, `applyFiltersToSessions`.

use serde_json::{Map, Value};

use super::model::{Model, text};

/// What a search looks at, beside the named profile.
const SEARCHED: [&str; 7] = [
    "sessionName",
    "type",
    "region",
    "email",
    "roleArn",
    "idpArn",
    "roleSessionName",
];

/// Whether a segment shows a session.
pub(super) fn shows(
    model: &Model,
    filters: &Map<String, Value>,
    session: &Map<String, Value>,
) -> bool {
    let of = |field: &str| text(session, field).unwrap_or_default();
    let profile = model.profiles.get(of("profileId"));
    if let Some(search) = text(filters, "searchFilter") {
        let search = search.to_lowercase();
        let mut texts = SEARCHED.iter().map(|field| of(field));
        let is_in = |text: &str| text.to_lowercase().contains(&search);
        if !texts.any(is_in) && !profile.is_some_and(|profile| is_in(profile)) {
            return false;
        }
    }
    if filters.get("pinnedFilter").and_then(Value::as_bool) == Some(true)
        && !model.pinned.iter().any(|id| id == of("sessionId"))
    {
        return false;
    }
    let integration = [of("awsSsoConfigurationId"), of("azureIntegrationId")].concat();
    chosen(filters, "providerFilter", "id", |id| {
        of("type").contains(id)
    }) && chosen(filters, "profileFilter", "id", |id| {
        of("profileId").contains(id)
    }) && chosen(filters, "regionFilter", "name", |name| {
        of("region").contains(name)
    }) && chosen(filters, "typeFilter", "id", |id| of("type").contains(id))
        && chosen(filters, "integrationFilter", "name", |name| {
            integration == name
        })
}

/// Whether one of the values that are chosen of a filter fits; where none is, all fit.
fn chosen(
    filters: &Map<String, Value>,
    filter: &str,
    field: &str,
    fits: impl Fn(&str) -> bool,
) -> bool {
    let values = filters.get(filter).and_then(Value::as_array);
    let mut chosen = values
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .filter(|value| value.get("value").and_then(Value::as_bool) == Some(true))
        .filter_map(|value| text(value, field))
        .peekable();
    chosen.peek().is_none() || chosen.any(fits)
}
