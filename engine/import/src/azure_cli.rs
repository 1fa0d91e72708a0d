//! The Azure CLI: the subscriptions that a person signed in to.
//!
//! Source: azure-cli, `azure.cli.core._profile`; the file begins with a byte order mark.

use std::path::PathBuf;

use dayfly_core::session::SessionType;
use dayfly_fs::bounded;
use dayfly_workspace::derived_id;
use dayfly_workspace::splice::List;
use serde_json::{Map, Value};

use crate::candidate::{Candidate, Entry, Listing, Refused};
use crate::source::{Source, SourceError};

/// The longest file, in bytes.
const LIMIT: u64 = 16 << 20;

/// What the Azure CLI has on this machine.
#[derive(Debug)]
pub struct AzureCli {
    /// Its `azureProfile.json`.
    pub file: PathBuf,
}

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object
        .get(field)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// The word of a Workspace for what the Azure CLI calls a cloud; none where a Workspace has none.
fn cloud(environment: &str) -> Option<&'static str> {
    match environment {
        "AzureCloud" => Some("public"),
        "AzureChinaCloud" => Some("china"),
        "AzureUSGovernment" => Some("usGovernment"),
        _ => None,
    }
}

/// The id of the integration of a tenant, which is listed once.
fn tenant_of(listing: &mut Listing, subscription: &Value, tenant: &str, cloud: &str) -> String {
    let integration = derived_id(&["import", "azure", "tenant", tenant]);
    let known =
        |entry: &Entry| entry.object.get("id").and_then(Value::as_str) == Some(&integration);
    if !listing.entries.iter().any(known) {
        let mut fields = vec![
            ("id", integration.as_str()),
            (
                "alias",
                text(subscription, "tenantDisplayName").unwrap_or(tenant),
            ),
            ("tenantId", tenant),
            // Who signed in there goes on: nobody signs in anew.
            ("credential", "azureCli"),
        ];
        if cloud != "public" {
            fields.push(("cloud", cloud));
        }
        let object = fields
            .into_iter()
            .map(|(field, value)| (field.to_owned(), Value::from(value)));
        listing.entries.push(Entry {
            list: List::AzureIntegrations,
            object: object.collect(),
        });
    }
    integration
}

impl AzureCli {
    fn add(&self, listing: &mut Listing, subscription: &Value) -> Result<(), String> {
        let needed = |field: &str| {
            text(subscription, field)
                .map(str::to_owned)
                .ok_or_else(|| format!("it has no {field}"))
        };
        let (id, tenant, name) = (needed("id")?, needed("tenantId")?, needed("name")?);
        if id == tenant {
            return Err("it stands for a tenant without any subscription".to_owned());
        }
        if let Some(state) = text(subscription, "state").filter(|state| *state == "Disabled") {
            return Err(format!("its state is {state}"));
        }
        let environment = text(subscription, "environmentName").unwrap_or("AzureCloud");
        let cloud = cloud(environment).ok_or_else(|| {
            format!("it is in the cloud \"{environment}\", which Dayfly does not know")
        })?;
        let integration = tenant_of(listing, subscription, &tenant, cloud);
        let fields = [
            ("subscriptionId", Value::from(id.as_str())),
            ("tenantId", Value::from(tenant)),
            ("azureIntegrationId", Value::from(integration)),
            // The Azure CLI has the subscription in its own list.
            ("delivery", Value::Array(Vec::new())),
        ];
        listing.candidates.push(Candidate {
            key: id,
            id: None,
            name,
            profile: None,
            kind: SessionType::Azure,
            fields: Map::from_iter(fields.map(|(field, value)| (field.to_owned(), value))),
            parent: None,
            portal: None,
            secret: None,
            kept_as: None,
            requires: Vec::new(),
            not_taken: Vec::new(),
            lines: Vec::new(),
            place: self.file.display().to_string(),
        });
        Ok(())
    }
}

impl Source for AzureCli {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let failed = |message: String| SourceError {
            file: self.file.clone(),
            message,
            hint: "let `az account list` write it anew, or name the sources that you want"
                .to_owned(),
        };
        let read =
            bounded::read_text(&self.file, LIMIT).map_err(|error| failed(error.to_string()))?;
        let mut listing = Listing::default();
        let Some(read) = read else {
            return Ok(listing);
        };
        let json = read.trim_start_matches('\u{feff}');
        let file: Value = serde_json::from_str(json).map_err(|error| {
            failed(format!(
                "{} is no list of the Azure CLI: {error}",
                self.file.display()
            ))
        })?;
        for subscription in file["subscriptions"].as_array().into_iter().flatten() {
            // What Dayfly publishes is no source.
            if subscription.get("dayfly").is_some() {
                continue;
            }
            if let Err(why) = self.add(&mut listing, subscription) {
                let name = text(subscription, "name").or_else(|| text(subscription, "id"));
                listing.refused.push(Refused {
                    name: name.unwrap_or("a subscription").to_owned(),
                    place: self.file.display().to_string(),
                    why,
                    hint: None,
                });
            }
        }
        listing.files.push(self.file.clone());
        Ok(listing)
    }
}

#[cfg(test)]
mod tests;
