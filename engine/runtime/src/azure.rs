//! What the Workspace and the configuration say of Azure, as the providers ask it; and tokens for
//! other resources than the one that a session is for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use dayfly_core::session::{Access, Failure, Session};
use dayfly_providers::Timeouts;
use dayfly_providers::azure::{
    AzureCloud, AzureCredential, AzureIntegration, AzureIntegrations, AzureSecrets, AzureToken,
    AzureTokens, Want,
};
use dayfly_vault::Material;
use dayfly_workspace::{AzureCloudWord, AzureCredentialWord, Workspace};
use thiserror::Error;

use crate::clock;
use crate::config::Azure;
use crate::credential_cache::CredentialCache;
use crate::handle::Handle;
use crate::message::Unobtained;

/// The integrations of the Workspace in force, by the settings in force.
pub(crate) struct AzureInForce {
    held: Arc<CredentialCache>,
    settings: RwLock<Azure>,
    folder: PathBuf,
}

/// What obtains tokens for one engine, as long as it runs.
pub(crate) fn tokens(
    held: &Arc<CredentialCache>,
    folder: &Path,
    secrets: Arc<dyn AzureSecrets>,
) -> (Arc<AzureTokens>, Arc<AzureInForce>) {
    let in_force = Arc::new(AzureInForce {
        held: Arc::clone(held),
        settings: RwLock::default(),
        folder: folder.to_owned(),
    });
    let integrations = Arc::clone(&in_force) as Arc<dyn AzureIntegrations>;
    let tokens = AzureTokens::new(Timeouts::default(), integrations, secrets);
    (Arc::new(tokens), in_force)
}

impl AzureInForce {
    /// Other settings are in force from now on.
    pub(crate) fn set(&self, settings: Azure) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = settings;
    }

    fn settings(&self) -> Azure {
        let settings = self.settings.read();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AzureIntegrations for AzureInForce {
    fn integration(&self, id: &str) -> Result<Option<AzureIntegration>, String> {
        let Some(workspace) = self.held.workspace() else {
            return Ok(None);
        };
        azure_integration(&workspace, &self.settings(), &self.folder, id)
    }

    fn usual_cloud(&self) -> Result<AzureCloud, String> {
        usual_cloud(&self.settings())
    }
}

/// The cloud where the Workspace names none.
fn usual_cloud(settings: &Azure) -> Result<AzureCloud, String> {
    let set = std::env::var("AZURE_AUTHORITY_HOST").ok();
    let authority = settings.authority_host.clone().or(set);
    let authority = authority.filter(|address| !address.is_empty());
    let mut cloud = AzureCloud::public();
    let known = [AzureCloud::china(), AzureCloud::us_government()];
    let bare = |address: &str| {
        let address = address.trim_end_matches('/');
        address.trim_start_matches("https://").to_owned()
    };
    // The authority of a cloud means the whole cloud.
    for one in known {
        if authority.as_deref().map(bare) == Some(bare(&one.authority)) {
            cloud = one;
        }
    }
    let manager = settings.resource_manager_url.as_deref();
    cloud
        .with(authority.as_deref(), manager)
        .map_err(|e| e.to_string())
}

/// The cloud of a session that names this integration, or none.
///
/// # Errors
/// What is wrong with the Workspace or the settings.
pub fn cloud_of(
    workspace: &Workspace,
    settings: &Azure,
    integration: Option<&str>,
) -> Result<AzureCloud, String> {
    match integration {
        Some(id) => {
            let found = azure_integration(workspace, settings, Path::new(""), id)?;
            let missing = || format!("the Workspace has no Azure integration \"{id}\"");
            found.map(|one| one.cloud).ok_or_else(missing)
        }
        None => usual_cloud(settings),
    }
}

/// An integration of this Workspace as the providers take it; paths in it begin at this folder.
///
/// # Errors
/// What is wrong with it.
pub fn azure_integration(
    workspace: &Workspace,
    settings: &Azure,
    folder: &Path,
    id: &str,
) -> Result<Option<AzureIntegration>, String> {
    let Some(written) = workspace.azure_integration(id) else {
        return Ok(None);
    };
    let cloud = match written.cloud {
        Some(AzureCloudWord::Public) => AzureCloud::public(),
        Some(AzureCloudWord::China) => AzureCloud::china(),
        Some(AzureCloudWord::UsGovernment) => AzureCloud::us_government(),
        None => usual_cloud(settings)?,
    };
    let cloud = cloud.with(
        written.authority_host.as_deref(),
        written.resource_manager_url.as_deref(),
    );
    let path = |path: &Option<String>| path.as_deref().map(|path| resolve(folder, path));
    Ok(Some(AzureIntegration {
        id: written.id.clone(),
        name: written.alias.clone().unwrap_or_else(|| written.id.clone()),
        tenant_id: written.tenant_id.clone(),
        credential: match written.credential {
            None | Some(AzureCredentialWord::SignIn) => AzureCredential::SignIn,
            Some(AzureCredentialWord::ClientSecret) => AzureCredential::ClientSecret,
            Some(AzureCredentialWord::ClientCertificate) => AzureCredential::ClientCertificate,
            Some(AzureCredentialWord::WorkloadIdentity) => AzureCredential::WorkloadIdentity,
            Some(AzureCredentialWord::ManagedIdentity) => AzureCredential::ManagedIdentity,
            Some(AzureCredentialWord::AzureCli) => AzureCredential::AzureCli,
        },
        client_id: written.client_id.clone().filter(|id| !id.is_empty()),
        certificate_file: path(&written.certificate_file),
        token_file: path(&written.token_file),
        cloud: cloud.map_err(|e| e.to_string())?,
    }))
}

fn resolve(folder: &Path, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(own)) => own.join(rest),
        _ => folder.join(path),
    }
}

/// Why a program gets no token.
#[derive(Clone, Debug, Error)]
pub enum NoToken {
    /// The session has no credentials.
    #[error("the session has no credentials")]
    Unobtained(Unobtained),
    /// The session is not one of Azure.
    #[error("session \"{0}\" is not one of Azure, so there are no tokens for it")]
    NotAzure(String),
    /// The token for this resource cannot be had.
    #[error("{}", .0.message)]
    Failed(Failure),
}

/// A token for a program, and for which session.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The session, as the Workspace has it.
    pub definition: Option<Arc<Session>>,
    /// The token.
    pub token: Arc<AzureToken>,
}

impl Handle {
    /// A token of the Azure session that `asked` means, for this resource, for a program that
    /// needs it now. The session's own is answered with from memory; others are obtained as long
    /// as the session has its own, and held in memory until they end.
    ///
    /// # Errors
    /// [`NoToken`].
    pub async fn token(&self, asked: &str, resource: &str) -> Result<IssuedToken, NoToken> {
        let issued = self.credentials(asked).await.map_err(NoToken::Unobtained)?;
        let definition = issued.definition;
        let Material::Azure {
            access_token,
            resource: own,
            tenant_id,
            ..
        } = &issued.credentials.material
        else {
            let name = definition.map_or_else(|| asked.to_owned(), |d| d.name.clone());
            return Err(NoToken::NotAzure(name));
        };
        let lease = issued.credentials.lease;
        if let Some(expires_at) = lease.expires_at
            && resource.trim_end_matches('/') == own
        {
            let token = AzureToken {
                access_token: access_token.clone(),
                resource: resource.to_owned(),
                tenant_id: tenant_id.clone(),
                issued_at: lease.issued_at,
                expires_at,
            };
            let token = Arc::new(token);
            return Ok(IssuedToken { definition, token });
        }
        let integration_id = match definition.as_deref().map(|session| &session.access) {
            Some(Access::Azure { integration_id, .. }) => integration_id.as_deref(),
            _ => None,
        };
        let tokens = &self.azure;
        let obtained = async {
            let integration = tokens.integration(integration_id, tenant_id)?;
            let now = clock::now();
            tokens
                .token(&integration, tenant_id, resource, Want::Good, now)
                .await
        };
        let token = obtained.await.map_err(|error| {
            let name = definition.as_ref().map_or(asked, |d| d.name.as_str());
            let message = format!("session \"{name}\" got no token for {resource}: {error}");
            NoToken::Failed(error.failure(message))
        })?;
        Ok(IssuedToken { definition, token })
    }
}
