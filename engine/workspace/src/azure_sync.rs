//! Brings the sessions of an Azure integration in line with the subscriptions that the resource
//! manager lists. Pure.
//!
//! A session that is there is the person's, byte for byte: its name too, as it may have been changed.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::session::{Access, SessionId};
use serde_json::{Map, Value};

use crate::derived_id::derived_id;
use crate::splice::{self, List, SpliceError};
use crate::workspace::Workspace;

/// A subscription that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSubscription {
    /// Its id.
    pub id: String,
    /// What its owners call it.
    pub name: String,
    /// The tenant that it belongs to; none: the integration's.
    pub tenant_id: Option<String>,
}

/// What is to be done to the sessions of an integration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AzureSyncPlan {
    /// New sessions, as the file gets them.
    pub added: Vec<Map<String, Value>>,
    /// Sessions whose subscription is not listed any more.
    pub removed: BTreeSet<SessionId>,
    /// How many sessions are as they should be.
    pub unchanged: usize,
}

impl AzureSyncPlan {
    /// What brings the Workspace in line with these subscriptions, which are all that there are.
    #[must_use]
    pub fn new(workspace: &Workspace, integration: &str, listed: &[ListedSubscription]) -> Self {
        let mut plan = Self::default();
        let Some(of) = workspace.azure_integration(integration) else {
            return plan;
        };
        let known: BTreeSet<String> = listed.iter().map(|one| fold(&one.id)).collect();
        let mut present = BTreeSet::new();
        let mut names = BTreeSet::new();
        let mut ids: BTreeSet<String> = BTreeSet::new();
        for element in &workspace.elements {
            ids.extend(element.id.as_ref().map(|id| id.as_str().to_owned()));
            let Some(draft) = &element.draft else {
                continue;
            };
            let session = &draft.session;
            match subscription_of(&session.access, integration) {
                Some(subscription) if known.contains(&subscription) => {
                    present.insert(subscription);
                    plan.unchanged += 1;
                }
                Some(_) => {
                    plan.removed.insert(session.id.clone());
                    continue;
                }
                None => {}
            }
            names.insert(session.name.clone());
        }
        for id in &plan.removed {
            ids.remove(id.as_str());
        }
        for one in listed.iter().filter(|one| present.insert(fold(&one.id))) {
            let name = free_name(one, &mut names);
            let mut id = derived_id(&["azure", integration, &fold(&one.id)]);
            while !ids.insert(id.clone()) {
                id = derived_id(&[&id]);
            }
            let tenant = one.tenant_id.as_ref().unwrap_or(&of.tenant_id);
            let mut fields = vec![
                ("sessionId", id),
                ("sessionName", name),
                ("status", "inactive".to_owned()),
                ("type", "azure".to_owned()),
                ("subscriptionId", one.id.clone()),
                ("tenantId", tenant.clone()),
                ("azureIntegrationId", integration.to_owned()),
            ];
            if let Some(region) = &of.region {
                fields.insert(3, ("region", region.clone()));
            }
            let fields = fields.into_iter();
            let fields = fields.map(|(field, value)| (field.to_owned(), Value::from(value)));
            plan.added.push(fields.collect());
        }
        plan
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// The text with all this done; the very same text where nothing is to be done.
    ///
    /// # Errors
    /// [`SpliceError`] where the text is not fit for it.
    pub fn apply(&self, text: &str) -> Result<String, SpliceError> {
        let removed = self.removed.iter().map(SessionId::as_str).collect();
        let text = splice::remove_all(text, List::Sessions, &removed)?;
        let text = splice::update_all(&text, List::Sessions, &BTreeMap::new())?;
        splice::add_all(&text, List::Sessions, &self.added)
    }
}

/// How the ids of subscriptions are compared: Azure writes them in any case.
fn fold(id: &str) -> String {
    id.to_ascii_lowercase()
}

/// The subscription of a session of this integration; none for every other session.
fn subscription_of(access: &Access, integration: &str) -> Option<String> {
    match access {
        Access::Azure {
            subscription_id,
            integration_id: Some(id),
            ..
        } if id == integration => Some(fold(subscription_id)),
        _ => None,
    }
}

/// A name for the session of a subscription that no other session has; it is taken from then on.
fn free_name(one: &ListedSubscription, names: &mut BTreeSet<String>) -> String {
    let short = one.id.get(..8).unwrap_or(&one.id);
    let plain = if one.name.is_empty() {
        short
    } else {
        &one.name
    };
    let name = [plain.to_owned(), format!("{plain} {short}")]
        .into_iter()
        .find(|name| !names.contains(name))
        .unwrap_or_else(|| format!("{plain} {}", one.id));
    names.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn workspace(text: &str) -> Workspace {
        let workspace = Workspace::parse(text, Path::new("w"), None).unwrap();
        assert_eq!(workspace.problems(), [], "{text}");
        workspace
    }

    const TENANT: &str = "11111111-1111-1111-1111-111111111111";

    fn empty() -> String {
        format!(
            "{{\n  \"sessions\": [],\n  \"azureIntegrations\": [{{\"id\": \"i\", \"tenantId\": \
             \"{TENANT}\", \"region\": \"westeurope\"}}]\n}}\n"
        )
    }

    fn listed(number: u32, name: &str) -> ListedSubscription {
        ListedSubscription {
            id: format!("{number:08}-0000-0000-0000-000000000000"),
            name: name.to_owned(),
            tenant_id: None,
        }
    }

    #[test]
    fn a_second_sync_changes_nothing() {
        let all = [listed(1, "Production"), listed(2, "Dev"), listed(3, "Dev")];
        let text = empty();
        let plan = AzureSyncPlan::new(&workspace(&text), "i", &all);
        let after = plan.apply(&text).unwrap();
        let names: Vec<_> = workspace(&after)
            .sessions()
            .iter()
            .map(|entry| entry.session.name.clone())
            .collect();
        assert_eq!(names, ["Production", "Dev", "Dev 00000003"]);
        let again = AzureSyncPlan::new(&workspace(&after), "i", &all);
        assert!(again.is_empty() && again.unchanged == 3, "{again:?}");
        assert_eq!(again.apply(&after).unwrap(), after);
    }

    #[test]
    fn what_the_person_changed_stays_and_what_is_gone_goes() {
        let text = empty();
        let plan = AzureSyncPlan::new(&workspace(&text), "i", &[listed(1, "A"), listed(2, "B")]);
        let text = plan.apply(&text).unwrap().replace("\"A\"", "\"mine\"");
        let plan = AzureSyncPlan::new(&workspace(&text), "i", &[listed(1, "New name")]);
        assert_eq!((plan.added.len(), plan.removed.len()), (0, 1));
        let after = plan.apply(&text).unwrap();
        assert!(
            after.contains("\"mine\"") && !after.contains("New name"),
            "{after}"
        );
        // The same session comes back.
        let plan = AzureSyncPlan::new(&workspace(&after), "i", &[listed(1, "A"), listed(2, "B")]);
        let before: Vec<_> = workspace(&text)
            .sessions()
            .iter()
            .map(|e| e.session.id.clone())
            .collect();
        assert_eq!(plan.added[0]["sessionId"], before[1].as_str());
        // Another integration's sessions are none of its business.
        assert!(AzureSyncPlan::new(&workspace(&text), "elsewhere", &[]).is_empty());
    }
}
