//! Tokens that need no person, through the `azure_identity` crate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use dayfly_core::time::Timestamp;
use dayfly_fs::bounded;
use dayfly_fs::private_file::PrivateFileError;
use dayfly_vault::SecretString;

use super::assertion::{Assertion, CertificateKey};
use super::cloud::AzureCloud;
use super::entra;
use super::errors::AzureError;
use super::http::{Http, one_line};
use super::integration::{AzureCredential, AzureIntegration};
use super::secrets::{AZURE_CERTIFICATE, AZURE_CLIENT_SECRET, AzureSecrets};
use super::token::AzureToken;
use super::transport::{Carrier, Ended};
use crate::unreachable::Unreachable;

/// How long the Azure CLI, or the identity of a machine, may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest file with a certificate or a token, in bytes.
const FILE: u64 = 256 << 10;

/// Obtains a token again.
pub(crate) async fn obtain(
    http: &Arc<Http>,
    secrets: &Arc<dyn AzureSecrets>,
    integration: &AzureIntegration,
    tenant: &str,
    resource: &str,
    now: Timestamp,
) -> Result<AzureToken, AzureError> {
    let carrier = Carrier::new(Arc::clone(http));
    let mut custom = CustomConfiguration::default();
    custom
        .authority_host
        .clone_from(&integration.cloud.authority);
    let client_options = ClientOptions {
        // The engine has the backoff.
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::clone(&carrier) as Arc<_>)),
        cloud: Some(Arc::new(CloudConfiguration::Custom(custom))),
        ..ClientOptions::default()
    };
    let asks = Asks {
        secrets,
        integration,
        tenant,
        client_options,
        now,
    };
    let (credential, carried) = match integration.credential {
        // A person's sign-in has a file of its own.
        AzureCredential::SignIn => {
            return Err(AzureError::NotSignedIn(integration.name.clone()));
        }
        AzureCredential::ClientSecret => asks.client_secret().await?,
        AzureCredential::ClientCertificate => (asks.certificate().await?, None),
        AzureCredential::WorkloadIdentity => asks.workload().await?,
        AzureCredential::ManagedIdentity => (asks.managed()?, None),
        AzureCredential::AzureCli => (asks.azure_cli()?, None),
    };
    let scope = AzureCloud::scope(resource);
    let scopes = [scope.as_str()];
    let asked = tokio::time::timeout(TIMEOUT, credential.get_token(&scopes, None));
    let token = match asked.await {
        Ok(Ok(token)) => token,
        Ok(Err(error)) => {
            let secrets: Vec<&SecretString> = carried.iter().collect();
            return Err(match carrier.ended() {
                Some(Ended::Refused(answer)) => match integration.credential {
                    AzureCredential::ManagedIdentity => {
                        no_managed_identity(integration, answer.status, &answer, now)
                    }
                    _ => entra::refused(integration, &answer, now, &secrets),
                },
                Some(Ended::Unreachable(how)) => unreachable(integration, how),
                None => asks.otherwise(&error),
            });
        }
        Err(_) => return Err(unreachable(integration, Unreachable::Timeout)),
    };
    accept(&token, integration, tenant, resource, now)
}

fn unreachable(integration: &AzureIntegration, how: Unreachable) -> AzureError {
    let service = match integration.credential {
        AzureCredential::ManagedIdentity => "the managed identity of this machine".to_owned(),
        AzureCredential::AzureCli => "the Azure CLI".to_owned(),
        _ => integration.cloud.shown(),
    };
    AzureError::Unreachable { service, how }
}

fn no_managed_identity(
    integration: &AzureIntegration,
    status: u16,
    answer: &super::http::Answer,
    now: Timestamp,
) -> AzureError {
    use dayfly_core::session::ErrorKind;
    let (kind, words, hint) = match status {
        400 | 404 => (
            ErrorKind::Misconfigured,
            "this machine has no such identity",
            Some(
                "assign it in Azure, or correct clientId; on a machine outside Azure use another \
                 credential",
            ),
        ),
        401 | 403 => (ErrorKind::Denied, "it refused", None),
        429 => (ErrorKind::Throttled, "it asks for fewer calls", None),
        _ => (ErrorKind::Unavailable, "it has an outage", None),
    };
    AzureError::Refused {
        kind,
        code: format!("HTTP {status}"),
        sentence: format!(
            "the managed identity endpoint refused a token to integration \"{}\": {words} (HTTP \
             {status})",
            integration.name
        ),
        hint: hint.map(str::to_owned),
        retry_at: answer.retry_at(now),
        request_id: answer.request_id.clone(),
    }
}

fn accept(
    token: &AccessToken,
    integration: &AzureIntegration,
    tenant: &str,
    resource: &str,
    now: Timestamp,
) -> Result<AzureToken, AzureError> {
    let odd = |problem| AzureError::Odd {
        service: integration.cloud.shown(),
        problem,
        request_id: None,
    };
    let end = token.expires_on.unix_timestamp();
    let end = u64::try_from(end).map_err(|_| odd("with a token whose expiry is not valid"))?;
    let text = token.token.secret();
    if text.is_empty() {
        return Err(odd("without a token"));
    }
    let token = AzureToken {
        access_token: SecretString::from(text.to_owned()),
        resource: resource.to_owned(),
        tenant_id: tenant.to_owned(),
        issued_at: now,
        expires_at: Timestamp::from_millis(end.saturating_mul(1_000)),
    };
    match token.expires_at > now {
        true => Ok(token),
        false => Err(odd("with a token that has expired by this machine's clock")),
    }
}

/// What a credential is made of.
struct Asks<'a> {
    secrets: &'a Arc<dyn AzureSecrets>,
    integration: &'a AzureIntegration,
    tenant: &'a str,
    client_options: ClientOptions,
    now: Timestamp,
}

type Made = Arc<dyn TokenCredential>;

impl Asks<'_> {
    async fn client_secret(&self) -> Result<(Made, Option<SecretString>), AzureError> {
        let secret = self.secret(AZURE_CLIENT_SECRET).await?;
        let secret = secret.ok_or_else(|| self.no_secret("the client secret"))?;
        let options = ClientSecretCredentialOptions {
            client_options: self.client_options.clone(),
        };
        let made = ClientSecretCredential::new(
            self.tenant,
            self.client_id()?,
            Secret::new(secret.expose().to_owned()),
            Some(options),
        );
        Ok((made.map_err(|e| self.otherwise(&e))?, Some(secret)))
    }

    async fn certificate(&self) -> Result<Made, AzureError> {
        let pem = match self.secret(AZURE_CERTIFICATE).await? {
            Some(pem) => pem,
            None => match &self.integration.certificate_file {
                Some(path) => self.file("certificateFile", path).await?,
                None => return Err(self.no_secret("the certificate")),
            },
        };
        let key = CertificateKey::parse(&pem).map_err(|e| {
            let hint = "use PEM text with the certificate and its key; `openssl pkcs12 -in FILE \
                        -nodes` converts a PKCS#12 file";
            self.misconfigured(e.to_string(), Some(hint))
        })?;
        let assertion = Assertion {
            key,
            audience: self.integration.cloud.endpoint(self.tenant, "token"),
            client_id: self.client_id()?,
            now: self.now,
        };
        let options = ClientAssertionCredentialOptions {
            client_options: self.client_options.clone(),
        };
        let made = ClientAssertionCredential::new(
            self.tenant.to_owned(),
            self.client_id()?,
            assertion,
            Some(options),
        );
        Ok(made.map_err(|e| self.otherwise(&e))?)
    }

    async fn workload(&self) -> Result<(Made, Option<SecretString>), AzureError> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = self.integration.token_file.clone();
        let path = path.or_else(|| set("AZURE_FEDERATED_TOKEN_FILE").map(Into::into));
        let path = path.ok_or_else(|| {
            let hint = "set it to the path of the workload's token file";
            self.misconfigured("it has no tokenFile".to_owned(), Some(hint))
        })?;
        // Read here as well, so that what is wrong with it is told, and kept out of messages.
        let carried = self.file("tokenFile", &path).await?;
        let client_id = match &self.integration.client_id {
            Some(id) => id.clone(),
            None => match set("AZURE_CLIENT_ID") {
                Some(id) => id,
                None => self.client_id()?,
            },
        };
        let options = WorkloadIdentityCredentialOptions {
            credential_options: ClientAssertionCredentialOptions {
                client_options: self.client_options.clone(),
            },
            client_id: Some(client_id),
            tenant_id: Some(self.tenant.to_owned()),
            token_file_path: Some(path),
        };
        let made = WorkloadIdentityCredential::new(Some(options));
        Ok((made.map_err(|e| self.otherwise(&e))?, Some(carried)))
    }

    fn managed(&self) -> Result<Made, AzureError> {
        let client_id = self.integration.client_id.clone();
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: client_id.map(UserAssignedId::ClientId),
            client_options: self.client_options.clone(),
        };
        let made = ManagedIdentityCredential::new(Some(options));
        Ok(made.map_err(|e| self.otherwise(&e))?)
    }

    fn azure_cli(&self) -> Result<Made, AzureError> {
        let options = AzureCliCredentialOptions {
            tenant_id: Some(self.tenant.to_owned()),
            ..AzureCliCredentialOptions::default()
        };
        let made = AzureCliCredential::new(Some(options));
        Ok(made.map_err(|e| self.otherwise(&e))?)
    }

    fn client_id(&self) -> Result<String, AzureError> {
        self.integration.client_id.clone().ok_or_else(|| {
            let hint = "set it to the application's client id";
            self.misconfigured("it has no clientId".to_owned(), Some(hint))
        })
    }

    fn misconfigured(&self, problem: String, hint: Option<&str>) -> AzureError {
        AzureError::Misconfigured {
            integration: self.integration.name.clone(),
            problem,
            hint: hint.map(str::to_owned),
        }
    }

    fn no_secret(&self, what: &'static str) -> AzureError {
        AzureError::NoSecret {
            integration: self.integration.name.clone(),
            what,
        }
    }

    /// A failure without a call: of the settings, or of the Azure CLI.
    fn otherwise(&self, error: &azure_core::Error) -> AzureError {
        let text = error.to_string();
        if self.integration.credential == AzureCredential::AzureCli {
            let says = |part: &str| text.contains(part);
            let needs_sign_in = says("az login") || says("AADSTS700082") || says("AADSTS50076");
            let words = text.trim_start_matches("AzureCliCredential authentication failed.");
            let words = words.split("\nTo troubleshoot").next().unwrap_or_default();
            return AzureError::AzureCli {
                problem: one_line(words),
                needs_sign_in,
            };
        }
        self.misconfigured(one_line(&text), None)
    }

    async fn secret(&self, kind: &str) -> Result<Option<SecretString>, AzureError> {
        let name = format!("{kind}{}", self.integration.id);
        secret(self.secrets, self.integration, name).await
    }

    async fn file(&self, field: &'static str, path: &Path) -> Result<SecretString, AzureError> {
        let place = path.to_owned();
        let read = tokio::task::spawn_blocking(move || bounded::read_secret(&place, FILE)).await;
        let read = read.map_err(|_| AzureError::Interrupted(self.integration.name.clone()))?;
        let why = match read {
            Ok(Some(bytes)) => match std::str::from_utf8(&bytes) {
                Ok(text) => return Ok(SecretString::from(text.to_owned())),
                Err(_) => "it is not text".to_owned(),
            },
            Ok(None) => "it does not exist".to_owned(),
            Err(PrivateFileError::Io { source, .. }) => source.to_string(),
            Err(other) => other.to_string(),
        };
        let problem = format!("Dayfly cannot read its {field} {}: {why}", path.display());
        Err(self.misconfigured(problem, None))
    }
}

/// A secret of the vault, read on a thread that may wait.
pub(crate) async fn secret(
    secrets: &Arc<dyn AzureSecrets>,
    integration: &AzureIntegration,
    name: String,
) -> Result<Option<SecretString>, AzureError> {
    let secrets = Arc::clone(secrets);
    let read = tokio::task::spawn_blocking(move || secrets.get(&name)).await;
    let read = read.map_err(|_| AzureError::Interrupted(integration.name.clone()))?;
    read.map_err(|source| AzureError::Secrets {
        integration: integration.name.clone(),
        source: Arc::new(source),
    })
}
