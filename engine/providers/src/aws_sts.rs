//! Calls to AWS STS, for every access method that needs it.
//!
//! The SDK's own settings say where STS is: `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`,
//! `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`, `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`
//! and their like in the shared config file (AWS SDKs and Tools Reference Guide,
//! "Service-specific endpoints"). They are read once, at the first call. Two things the SDK
//! would also look for are never taken from there: credentials, which every call brings, and
//! the region, which the session or the settings name.
//!
//! One client is kept for each region, so that connections and what the SDK learned about this
//! machine's clock serve the next call too.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::operation::RequestId;
use aws_sdk_sts::{Client, config};
use aws_types::service_config::ServiceConfigKey;
use dayfly_core::session::{Lease, Session};
use dayfly_core::time::Timestamp;
use dayfly_net::Unusable;
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::errors::ProviderError;
use crate::http::{self, Place};
use crate::mfa::{MfaCode, Origin};
use crate::retry::RetryTransient;
use crate::settings::{AwsSettings, Timeouts};
use crate::shared_config;
use crate::unreachable::Unreachable;

/// How many clients are kept; a Workspace that names more regions gets new ones.
const CLIENTS_MAX: usize = 64;
/// How long the SDK waits before the one attempt that mends itself.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Makes clients for STS.
pub(crate) struct Sts {
    settings: AwsSettings,
    loaded: OnceCell<Loaded>,
    clients: Mutex<BTreeMap<String, Client>>,
}

/// What the SDK's settings say.
pub(crate) struct Loaded {
    pub(crate) config: SdkConfig,
    pub(crate) endpoint: Option<String>,
}

/// A client for one call, and what the call's errors say.
pub(crate) struct Call<'a> {
    /// The session that the call is for.
    pub(crate) session: &'a Session,
    /// What the call is named in messages.
    pub(crate) operation: &'static str,
    /// The client for the session's region.
    pub(crate) client: Client,
    /// The region that signs.
    pub(crate) region: String,
    /// `STS (where it is)`.
    pub(crate) service: String,
    /// The engine's time when the call began.
    pub(crate) now: Timestamp,
    /// This machine's time when the call began.
    pub(crate) started: Instant,
    /// What the call carries and no message may show.
    pub(crate) secrets: Vec<SecretString>,
    /// Whether it carries a code that was made here.
    pub(crate) generated: bool,
}

impl Sts {
    pub(crate) fn new(settings: AwsSettings) -> Self {
        Self {
            settings,
            loaded: OnceCell::new(),
            clients: Mutex::new(BTreeMap::new()),
        }
    }

    /// The region of a session, or of those that name none.
    pub(crate) fn region(&self, session: &Session) -> String {
        let region = session.region.as_ref();
        region.unwrap_or(&self.settings.default_region).clone()
    }

    /// Prepares a call for a session.
    pub(crate) async fn call<'a>(
        &self,
        session: &'a Session,
        operation: &'static str,
        now: Timestamp,
    ) -> Result<Call<'a>, ProviderError> {
        let started = Instant::now();
        let region = self.region(session);
        // The region becomes part of a host name.
        if !is_plausible_region(&region) {
            return Err(ProviderError::Field {
                session: session.name.clone(),
                field: "region",
                problem: format!("is {region:?}, which is not an AWS region"),
            });
        }
        let loaded = self
            .loaded
            .get_or_try_init(|| {
                let endpoint = self.settings.sts_endpoint_url.as_deref();
                load("STS", endpoint, &self.settings.timeouts, &region)
            })
            .await
            .map_err(|unusable| ProviderError::Unreachable {
                session: session.name.clone(),
                service: "STS".to_owned(),
                how: Unreachable::Settings(unusable),
            })?;
        let service = match &loaded.endpoint {
            Some(url) => {
                let shown = Place::of(url).map_or_else(
                    || "an endpoint that is not a URL".to_owned(),
                    |place| place.shown,
                );
                format!("STS ({shown})")
            }
            None => format!("STS in {region}"),
        };
        Ok(Call {
            session,
            operation,
            client: self.client(loaded, &region),
            region,
            service,
            now,
            started,
            secrets: Vec::new(),
            generated: false,
        })
    }

    fn client(&self, loaded: &Loaded, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        let config = config::Builder::from(&loaded.config)
            .region(Region::new(region.to_owned()))
            .retry_classifier(RetryTransient)
            .build();
        let client = Client::from_conf(config);
        clients.insert(region.to_owned(), client.clone());
        client
    }
}

/// Where STS is called for sessions of a region: what the settings, the environment or the config
/// file name, else where AWS has it.
///
/// # Errors
/// The config file cannot be read.
pub async fn sts_place(settings: &AwsSettings, region: &str) -> Result<String, Unusable> {
    let loaded = load(
        "STS",
        settings.sts_endpoint_url.as_deref(),
        &settings.timeouts,
        region,
    )
    .await?;
    Ok(loaded.endpoint.unwrap_or_else(|| {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://sts.{region}.amazonaws.com{suffix}")
    }))
}

/// Whether a region can be part of a host name.
pub(crate) fn is_plausible_region(region: &str) -> bool {
    (1..=63).contains(&region.len())
        && region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Reads the SDK's settings for a service, named as they name it. An endpoint of ours comes before
/// what they say. The region only keeps the SDK from looking for one.
pub(crate) async fn load(
    service: &'static str,
    endpoint: Option<&str>,
    timeouts: &Timeouts,
    region: &str,
) -> Result<Loaded, Unusable> {
    let files = shared_config::files().await?;
    let retries = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(RETRY_AFTER);
    let timeout_config = TimeoutConfig::builder()
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.attempt)
        .operation_attempt_timeout(timeouts.attempt)
        .operation_timeout(timeouts.whole)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .no_credentials()
        .profile_files(files)
        .region(Region::new(region.to_owned()))
        .retry_config(retries)
        .timeout_config(timeout_config);
    if let Some(url) = endpoint {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let endpoint = endpoint
        .map(str::to_owned)
        .or_else(|| configured_endpoint(service, &config));
    let place = endpoint.as_deref().and_then(Place::of);
    if let Some(place) = &place
        && place.plain
        && !place.loopback
    {
        tracing::warn!(
            endpoint = place.shown,
            "Dayfly calls {service} without TLS: anyone who can read the network gets the \
             credentials"
        );
    }
    let app_name = config
        .app_name()
        .cloned()
        .or_else(|| AppName::new(concat!("dayfly-", env!("CARGO_PKG_VERSION"))).ok());
    let mut builder = config.into_builder();
    builder.set_app_name(app_name);
    builder.set_endpoint_url(endpoint.clone());
    builder.set_http_client(Some(http::client(timeouts)));
    Ok(Loaded {
        config: builder.build(),
        endpoint,
    })
}

/// The endpoint that the environment or the config file names for a service, by the SDK's own
/// order: the service's first, then the one for all services.
fn configured_endpoint(service: &'static str, config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config
        .service_config()
        .and_then(|service| service.load_config(key))
        .or_else(|| config.endpoint_url().map(str::to_owned))
}

impl Call<'_> {
    /// The settings of one call: the credentials that it is made with, and whether it may be
    /// repeated. One that carries an MFA code may not: a code is good for one call.
    pub(crate) fn with(&mut self, identity: Identity<'_>, repeatable: bool) -> config::Builder {
        self.secrets.push(identity.secret_access_key.clone());
        self.secrets.extend(identity.session_token.cloned());
        let credentials = Credentials::new(
            identity.access_key_id,
            identity.secret_access_key.expose(),
            identity.session_token.map(|t| t.expose().to_owned()),
            None,
            "dayfly",
        );
        let builder = config::Builder::new().credentials_provider(credentials);
        if repeatable {
            builder
        } else {
            builder.retry_config(RetryConfig::disabled())
        }
    }

    /// Keeps a code that the call carries out of its messages.
    pub(crate) fn carry(&mut self, code: Option<&MfaCode>) {
        self.generated = code.is_some_and(|code| code.origin == Origin::Seed);
        self.secrets.extend(code.map(|code| code.code.clone()));
    }

    /// What the call brought, checked.
    pub(crate) fn accept(
        &self,
        credentials: Option<aws_sdk_sts::types::Credentials>,
        answer: &impl RequestId,
    ) -> Result<TemporaryCredentials, ProviderError> {
        let refuse = |problem: String, clock: bool| ProviderError::Answer {
            session: self.session.name.clone(),
            service: self.service.clone(),
            operation: self.operation,
            problem,
            clock,
            request_id: answer.request_id().map(str::to_owned),
        };
        let Some(credentials) = credentials else {
            return Err(refuse("without credentials".to_owned(), false));
        };
        let complete = !credentials.access_key_id.is_empty()
            && !credentials.secret_access_key.is_empty()
            && !credentials.session_token.is_empty();
        let expires_at = credentials
            .expiration
            .to_millis()
            .ok()
            .and_then(|millis| u64::try_from(millis).ok())
            .map(Timestamp::from_millis);
        let (true, Some(expires_at)) = (complete, expires_at) else {
            return Err(refuse("with incomplete credentials".to_owned(), false));
        };
        let now = self.now.plus(self.started.elapsed());
        if expires_at <= now {
            let late = now.since(expires_at).as_secs();
            return Err(refuse(
                format!("with credentials that expired {late} s ago by this machine's clock"),
                true,
            ));
        }
        Ok(TemporaryCredentials {
            lease: Lease {
                issued_at: self.now,
                expires_at: Some(expires_at),
            },
            material: Material::Aws {
                access_key_id: credentials.access_key_id,
                secret_access_key: SecretString::from(credentials.secret_access_key),
                session_token: Some(SecretString::from(credentials.session_token)),
                region: Some(self.region.clone()),
            },
        })
    }
}

/// What a call is signed with.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) secret_access_key: &'a SecretString,
    pub(crate) session_token: Option<&'a SecretString>,
}
