use std::path::Path;

use dayfly_workspace::Workspace;

use super::*;
use crate::Plan;

/// As `az login` writes it (azure-cli 2.91), but for ids and names.
const FILE: &str = "\u{feff}{\"installationId\": \"08cf196c-ebe1-11f1-9a06-000000000001\", \"subscriptions\": [
  {\"id\": \"66666666-7777-4888-8999-000000000001\", \"name\": \"Production\", \"state\": \"Enabled\",
   \"user\": {\"name\": \"me@example.com\", \"type\": \"user\"}, \"isDefault\": true,
   \"tenantId\": \"11111111-2222-4333-8444-555555555555\", \"environmentName\": \"AzureCloud\",
   \"homeTenantId\": \"11111111-2222-4333-8444-555555555555\", \"tenantDisplayName\": \"Corp\",
   \"tenantDefaultDomain\": \"corp.onmicrosoft.com\", \"managedByTenants\": []},
  {\"id\": \"66666666-7777-4888-8999-000000000002\", \"name\": \"Test\", \"state\": \"Enabled\",
   \"user\": {\"name\": \"me@example.com\", \"type\": \"user\"}, \"isDefault\": false,
   \"tenantId\": \"11111111-2222-4333-8444-555555555555\", \"environmentName\": \"AzureCloud\"},
  {\"id\": \"66666666-7777-4888-8999-000000000003\", \"name\": \"China\", \"state\": \"Warned\",
   \"tenantId\": \"99999999-2222-4333-8444-555555555555\", \"environmentName\": \"AzureChinaCloud\"},
  {\"id\": \"66666666-7777-4888-8999-000000000004\", \"name\": \"Off\", \"state\": \"Disabled\",
   \"tenantId\": \"11111111-2222-4333-8444-555555555555\", \"environmentName\": \"AzureCloud\"},
  {\"id\": \"11111111-2222-4333-8444-555555555555\", \"name\": \"N/A(tenant level account)\", \"state\": \"Enabled\",
   \"tenantId\": \"11111111-2222-4333-8444-555555555555\", \"environmentName\": \"AzureCloud\"},
  {\"id\": \"66666666-7777-4888-8999-000000000005\", \"name\": \"Stack\", \"state\": \"Enabled\",
   \"tenantId\": \"11111111-2222-4333-8444-555555555555\", \"environmentName\": \"MyStack\"},
  {\"id\": \"66666666-7777-4888-8999-000000000006\", \"name\": \"Ours\", \"state\": \"Enabled\", \"dayfly\": \"x\",
   \"tenantId\": \"11111111-2222-4333-8444-555555555555\", \"environmentName\": \"AzureCloud\"}]}";

fn source(text: &str) -> (tempfile::TempDir, AzureCli) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("azureProfile.json");
    std::fs::write(&file, text).unwrap();
    (folder, AzureCli { file })
}

#[test]
fn subscriptions_come_with_who_signed_in() {
    let (_folder, azure) = source(FILE);
    let listing = azure.list().unwrap();
    let refused: Vec<String> = listing
        .refused
        .iter()
        .map(|one| format!("{}: {}", one.name, one.why))
        .collect();
    assert_eq!(
        refused,
        [
            "Off: its state is Disabled",
            "N/A(tenant level account): it stands for a tenant without any subscription",
            "Stack: it is in the cloud \"MyStack\", which Dayfly does not know",
        ]
    );
    let empty = "{\n  \"sessions\": []\n}\n";
    let known = Workspace::parse(empty, Path::new("w"), None).unwrap();
    let plan = Plan::new(&known, &[("azure", listing.clone())]);
    let text = plan.apply(empty).unwrap();
    let after = Workspace::parse(&text, Path::new("w"), None).unwrap();
    assert_eq!(after.problems(), [], "{text}");
    let names: Vec<&str> = after
        .sessions()
        .iter()
        .map(|entry| entry.session.name.as_str())
        .collect();
    assert_eq!(names, ["Production", "Test", "China"]);
    let tenants: Vec<_> = after
        .azure_integrations()
        .iter()
        .map(|one| (one.alias.as_deref(), one.cloud.is_some()))
        .collect();
    assert_eq!(
        tenants,
        [
            (Some("Corp"), false),
            (Some("99999999-2222-4333-8444-555555555555"), true)
        ]
    );
    let again = Plan::new(&after, &[("azure", listing)]);
    assert_eq!(again.added().count(), 0);
}

#[test]
fn a_file_that_is_cut_is_told() {
    let (_folder, azure) = source(&FILE[..FILE.len() / 2]);
    let error = azure.list().unwrap_err();
    assert!(
        error.message.contains("no list of the Azure CLI"),
        "{}",
        error.message
    );
    let (_folder, azure) = source("\u{feff}{\"installationId\": \"x\"}");
    assert_eq!(azure.list().unwrap().candidates, []);
}
