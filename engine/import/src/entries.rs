//! The lists of a Workspace that sessions refer to by an id: sign-in addresses and tenants.

use std::collections::BTreeMap;

use dayfly_workspace::Workspace;
use dayfly_workspace::splice::List;
use serde_json::{Map, Value};

use crate::candidate::Entry;

/// The lists.
pub(crate) const LISTS: [List; 2] = [List::IdpUrls, List::AzureIntegrations];

/// The field by which sessions refer to entries of a list.
pub(crate) const fn reference(list: List) -> Option<&'static str> {
    match list {
        List::IdpUrls => Some("idpUrlId"),
        List::AzureIntegrations => Some("azureIntegrationId"),
        List::AwsSsoIntegrations => Some("awsSsoConfigurationId"),
        List::Sessions | List::Profiles => None,
    }
}

/// The id of an entry.
pub(crate) fn id(object: &Map<String, Value>) -> &str {
    text(object, "id")
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> &'a str {
    object
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The ids by which the Workspace has entries of a source, or gets them.
pub(crate) fn known(
    workspace: &Workspace,
    planned: &mut Vec<Entry>,
    entries: &[Entry],
) -> BTreeMap<(&'static str, String), String> {
    let mut ids = BTreeMap::new();
    for entry in entries {
        let Some(field) = reference(entry.list) else {
            continue;
        };
        let own = id(&entry.object);
        let there = there(workspace, entry).or_else(|| {
            let mut same = planned
                .iter()
                .filter(|other| other.list == entry.list)
                .filter(|other| means(other) == means(entry));
            same.next().map(|other| id(&other.object).to_owned())
        });
        let there = there.unwrap_or_else(|| {
            planned.push(entry.clone());
            own.to_owned()
        });
        ids.insert((field, own.to_owned()), there);
    }
    ids
}

/// What an entry stands for, whatever its id is: an address, a tenant.
fn means(entry: &Entry) -> &str {
    match entry.list {
        List::IdpUrls => text(&entry.object, "url").trim_end_matches('/'),
        _ => text(&entry.object, "tenantId"),
    }
}

/// The id of an entry of the Workspace that is the same already.
fn there(workspace: &Workspace, entry: &Entry) -> Option<String> {
    match entry.list {
        List::IdpUrls => {
            let mut all = workspace.idp_urls().iter();
            all.find(|one| one.url.trim_end_matches('/') == means(entry))
                .map(|one| one.id.clone())
        }
        List::AzureIntegrations => {
            let mut all = workspace.azure_integrations().iter();
            all.find(|one| one.tenant_id.eq_ignore_ascii_case(means(entry)))
                .map(|one| one.id.clone())
        }
        _ => None,
    }
}

/// Lets a session refer to entries by the ids that the Workspace has them under.
pub(crate) fn refer(
    object: &mut Map<String, Value>,
    known: &BTreeMap<(&'static str, String), String>,
) {
    for ((field, own), there) in known {
        if text(object, field) == own {
            object.insert((*field).to_owned(), Value::from(there.as_str()));
        }
    }
}
