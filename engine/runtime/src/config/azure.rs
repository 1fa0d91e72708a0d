//! `[azure]`

use serde::Deserialize;

/// `[azure]`: the cloud of integrations that name none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Azure {
    /// The address of Entra ID, before `AZURE_AUTHORITY_HOST`.
    pub authority_host: Option<String>,
    /// The address of the resource manager.
    pub resource_manager_url: Option<String>,
    /// The Azure CLI's list of subscriptions, before `AZURE_CONFIG_DIR` and
    /// `~/.azure/azureProfile.json`.
    pub profile_file: Option<std::path::PathBuf>,
}
