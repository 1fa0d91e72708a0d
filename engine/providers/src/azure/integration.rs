//! What an integration says about how tokens are obtained.

use std::path::PathBuf;

use super::cloud::AzureCloud;

/// The Azure CLI's own application id, a public client that every tenant knows.
///
/// Source: Microsoft, "Verify first-party Microsoft applications in sign-in reports".
pub(crate) const AZURE_CLI_CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// An Azure integration of the Workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureIntegration {
    /// Its id.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// The tenant that is signed in to.
    pub tenant_id: String,
    /// Who asks for tokens.
    pub credential: AzureCredential,
    /// The application's id; none: the usual one of the credential.
    pub client_id: Option<String>,
    /// A PEM file with the application's certificate and key, where the vault has none.
    pub certificate_file: Option<PathBuf>,
    /// The file with the token of a workload.
    pub token_file: Option<PathBuf>,
    /// Which cloud.
    pub cloud: AzureCloud,
}

/// Who asks for tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AzureCredential {
    /// A person who signed in.
    #[default]
    SignIn,
    /// An application with a secret, which the vault keeps.
    ClientSecret,
    /// An application with a certificate.
    ClientCertificate,
    /// An application that trusts the issuer of a workload's token.
    WorkloadIdentity,
    /// The identity of the machine that this runs on.
    ManagedIdentity,
    /// Whoever signed in with the Azure CLI.
    AzureCli,
}

/// Knows the integrations of the Workspace.
pub trait AzureIntegrations: Send + Sync {
    /// The integration with this id, as the Workspace has it now. An error is what is wrong with
    /// it, a sentence without a full stop.
    ///
    /// # Errors
    /// It is there but cannot be used.
    fn integration(&self, id: &str) -> Result<Option<AzureIntegration>, String>;

    /// The cloud of sessions without an integration.
    ///
    /// # Errors
    /// What is wrong with the settings.
    fn usual_cloud(&self) -> Result<AzureCloud, String> {
        Ok(AzureCloud::public())
    }
}

/// A Workspace without integrations.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIntegrations;

impl AzureIntegrations for NoIntegrations {
    fn integration(&self, _id: &str) -> Result<Option<AzureIntegration>, String> {
        Ok(None)
    }
}

impl AzureIntegration {
    /// What a session without an integration goes by: whoever signed in with the Azure CLI.
    pub(crate) fn of_azure_cli(tenant: &str, cloud: AzureCloud) -> Self {
        Self {
            id: String::new(),
            name: "the Azure CLI's sign-in".to_owned(),
            tenant_id: tenant.to_owned(),
            credential: AzureCredential::AzureCli,
            client_id: None,
            certificate_file: None,
            token_file: None,
            cloud,
        }
    }

    /// The application that a person signs in to.
    pub(crate) fn sign_in_client(&self) -> &str {
        self.client_id.as_deref().unwrap_or(AZURE_CLI_CLIENT)
    }
}
