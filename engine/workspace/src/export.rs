//! A selection of sessions as a Workspace of its own, for others.

use std::collections::BTreeSet;

use dayfly_core::session::SessionId;
use serde_json::{Map, Value};

use crate::layers::{LAYER, STATE};
use crate::splice::List;
use crate::workspace::Workspace;

/// Fields of a session that refer to an entry of another list.
const REFERENCES: [(&str, List); 4] = [
    ("profileId", List::Profiles),
    ("idpUrlId", List::IdpUrls),
    ("awsSsoConfigurationId", List::AwsSsoIntegrations),
    ("azureIntegrationId", List::AzureIntegrations),
];

/// A Workspace of these sessions, of those that they are chained to, and of what they refer to; without
/// their states, and without the layer that they came from. What the whole file says of sessions that say
/// nothing goes along.
#[must_use]
pub fn export(workspace: &Workspace, sessions: &BTreeSet<SessionId>) -> Value {
    let wanted = with_parents(workspace, sessions);
    let whole: Map<String, Value> = serde_json::from_str(workspace.source()).unwrap_or_default();
    let of = |list: List| whole.get(list.field()).and_then(Value::as_array);
    let text =
        |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
    let chosen: Vec<Value> = of(List::Sessions)
        .into_iter()
        .flatten()
        .filter(|one| {
            text(one, "sessionId").is_some_and(|id| wanted.contains(&SessionId::new(&id)))
        })
        .cloned()
        .map(bare)
        .collect();
    let mut exported = Map::new();
    for field in ["defaultRegion", "delivery"] {
        if let Some(value) = whole.get(field) {
            exported.insert(field.to_owned(), value.clone());
        }
    }
    for (field, list) in REFERENCES {
        let ids: BTreeSet<String> = chosen.iter().filter_map(|one| text(one, field)).collect();
        let entries = of(list).into_iter().flatten();
        let entries = entries.filter(|entry| text(entry, "id").is_some_and(|id| ids.contains(&id)));
        let entries: Vec<Value> = entries.cloned().collect();
        if !entries.is_empty() {
            exported.insert(list.field().to_owned(), Value::Array(entries));
        }
    }
    exported.insert(List::Sessions.field().to_owned(), Value::Array(chosen));
    Value::Object(exported)
}

/// The sessions and all that they are chained to.
fn with_parents(workspace: &Workspace, sessions: &BTreeSet<SessionId>) -> BTreeSet<SessionId> {
    let mut wanted = BTreeSet::new();
    let mut next: Vec<SessionId> = sessions.iter().cloned().collect();
    while let Some(id) = next.pop() {
        let parent = workspace.get(&id).and_then(|entry| entry.session.parent());
        next.extend(parent.filter(|parent| !wanted.contains(*parent)).cloned());
        wanted.insert(id);
    }
    wanted
}

fn bare(mut session: Value) -> Value {
    if let Some(fields) = session.as_object_mut() {
        for field in STATE.into_iter().chain([LAYER]) {
            fields.remove(field);
        }
    }
    session
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_selection_brings_what_it_needs_and_nothing_else() {
        let text = r#"{
            "defaultRegion": "eu-west-1",
            "profiles": [{ "id": "p1", "name": "one" }, { "id": "p2", "name": "two" }],
            "sessions": [
                { "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "profileId": "p1",
                  "status": "active", "startDateTime": "2026-01-01T00:00:00Z" },
                { "sessionId": "role", "sessionName": "role", "type": "awsIamRoleChained",
                  "roleArn": "arn:aws:iam::123456789012:role/r", "parentSessionId": "user", "layer": "team",
                  "x": 1 },
                { "sessionId": "other", "sessionName": "other", "type": "localstack", "profileId": "p2" }
            ]
        }"#;
        let workspace = Workspace::parse(text, Path::new("w.json"), None).unwrap();
        let exported = export(&workspace, &BTreeSet::from([SessionId::new("role")]));
        let ids: Vec<&str> = { exported["sessions"].as_array().unwrap().iter() }
            .map(|one| one["sessionId"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["user", "role"]);
        assert_eq!(exported["profiles"].as_array().unwrap().len(), 1);
        assert_eq!(exported["sessions"][0].get("status"), None);
        assert_eq!(exported["sessions"][1].get("layer"), None);
        // What Dayfly does not know goes along.
        assert_eq!(exported["sessions"][1]["x"], 1);
        assert_eq!(exported["defaultRegion"], "eu-west-1");
        let again = exported.to_string();
        let again = Workspace::parse(&again, Path::new("w.json"), None).unwrap();
        assert_eq!(again.sessions().len(), 2);
        assert!(again.problems().is_empty(), "{:?}", again.problems());
    }
}
