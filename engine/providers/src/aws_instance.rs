//! `awsInstance`: what this machine has of itself, in the environment, from the container's endpoint
//! (ECS, EKS Pod Identity) or from the metadata service of EC2 (IMDSv2).
//!
//! The SDK asks both services, with their tokens and its rules for where a container's endpoint may be.
//! What the metadata service gives is read here: the SDK would go on with credentials that have ended.
//!
//! Sources: AWS SDKs and Tools Reference Guide, "Container credential provider", "IMDS credential
//! provider"; AWS CLI user guide, `credential_source`.

use std::sync::Arc;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use dayfly_core::session::{Access, InstanceSource, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::{SecretString, TemporaryCredentials};
use tokio::time::Instant;

use crate::answer::{clean, sources};
use crate::aws_sts::Sts;
use crate::errors::ProviderError;
use crate::errors_handed::{Giver, HandedProblem};
use crate::handed::{self, Handed};
use crate::http;
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::settings::Timeouts;

/// How long one attempt at a service of this machine may take: it is near, or not there.
const NEAR: Duration = Duration::from_secs(2);
/// Where the metadata service has the role's name, and its credentials below it.
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// The variables that say where a container's endpoint is.
const CONTAINER: [&str; 2] = [
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// The provider for `awsInstance`.
pub(crate) struct AwsInstance {
    sts: Arc<Sts>,
    http: SharedHttpClient,
    whole: Duration,
}

impl AwsInstance {
    pub(crate) fn new(sts: Arc<Sts>, timeouts: &Timeouts) -> Self {
        Self {
            sts,
            http: http::client_without_proxy(timeouts),
            whole: timeouts.whole,
        }
    }

    async fn ask(&self, giver: Giver) -> Result<Handed, HandedProblem> {
        let config = ProviderConfig::without_region().with_http_client(self.http.clone());
        let answer = async {
            match giver {
                Giver::Container => container(&config).await,
                Giver::Metadata => metadata(&config).await,
                Giver::Environment | Giver::Command => environment(),
            }
        };
        let late = |_| HandedProblem::NoAnswer {
            giver,
            problem: format!("it had {} s", self.whole.as_secs()),
        };
        tokio::time::timeout(self.whole, answer)
            .await
            .map_err(late)?
    }
}

/// Who is asked.
fn giver(source: Option<InstanceSource>) -> Giver {
    match source {
        Some(InstanceSource::Environment) => Giver::Environment,
        Some(InstanceSource::Container) => Giver::Container,
        Some(InstanceSource::Metadata) => Giver::Metadata,
        None if CONTAINER.iter().any(|name| variable(name).is_some()) => Giver::Container,
        None => Giver::Metadata,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn environment() -> Result<Handed, HandedProblem> {
    let needed = |name: &str| {
        variable(name).ok_or_else(|| HandedProblem::NotHere {
            giver: Giver::Environment,
            problem: format!("{name} is not set"),
        })
    };
    Ok(Handed {
        access_key_id: needed("AWS_ACCESS_KEY_ID")?,
        secret_access_key: SecretString::from(needed("AWS_SECRET_ACCESS_KEY")?),
        session_token: variable("AWS_SESSION_TOKEN").map(SecretString::from),
        // What `aws configure export-credentials` and tools like it set.
        expires_at: variable("AWS_CREDENTIAL_EXPIRATION").and_then(|text| handed::moment(&text)),
    })
}

async fn container(config: &ProviderConfig) -> Result<Handed, HandedProblem> {
    if CONTAINER.iter().all(|name| variable(name).is_none()) {
        return Err(HandedProblem::NotHere {
            giver: Giver::Container,
            problem: format!("neither {} nor {} is set", CONTAINER[0], CONTAINER[1]),
        });
    }
    let provider = EcsCredentialsProvider::builder()
        .configure(config)
        .connect_timeout(NEAR)
        .read_timeout(NEAR)
        .build();
    let found = provider.provide_credentials().await;
    let found = found.map_err(|error| HandedProblem::NoAnswer {
        giver: Giver::Container,
        problem: last(&error),
    })?;
    let expires_at = found.expiry().and_then(|at| {
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Timestamp::from_millis(
            u64::try_from(since.as_millis()).ok()?,
        ))
    });
    Ok(Handed {
        access_key_id: found.access_key_id().to_owned(),
        secret_access_key: SecretString::copy_of(found.secret_access_key()),
        session_token: found.session_token().map(SecretString::copy_of),
        expires_at,
    })
}

async fn metadata(config: &ProviderConfig) -> Result<Handed, HandedProblem> {
    let not_here = |problem: &str| HandedProblem::NotHere {
        giver: Giver::Metadata,
        problem: problem.to_owned(),
    };
    if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        return Err(not_here("AWS_EC2_METADATA_DISABLED is set"));
    }
    // Named here, so that the SDK does not look for it in files.
    let endpoint = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| {
        let mode = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        match mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6")) {
            true => "http://[fd00:ec2::254]".to_owned(),
            false => "http://169.254.169.254".to_owned(),
        }
    });
    let client = imds::Client::builder()
        .configure(config)
        .endpoint(endpoint)
        .map_err(|error| not_here(&format!("its address cannot be used: {error}")))?
        .connect_timeout(NEAR)
        .read_timeout(NEAR)
        .max_attempts(2)
        .build();
    let failed = |error: &ImdsError| match error {
        ImdsError::ErrorResponse(answer) if answer.response().status().as_u16() == 404 => {
            not_here("no role is attached to the instance")
        }
        other => HandedProblem::NoAnswer {
            giver: Giver::Metadata,
            problem: last(other),
        },
    };
    let roles = client.get(ROLES).await.map_err(|e| failed(&e))?;
    let role = roles.as_ref().lines().next().unwrap_or_default().trim();
    let usable = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if role.is_empty() || !role.chars().all(usable) {
        return Err(not_here("no role is attached to the instance"));
    }
    let answer = client.get(format!("{ROLES}{role}")).await;
    let answer = String::from(answer.map_err(|e| failed(&e))?);
    let answer = SecretString::from(answer);
    let read = Handed::of_service(answer.expose().as_bytes());
    read.map_err(|problem| HandedProblem::Unusable {
        giver: Giver::Metadata,
        problem,
        said: None,
    })
}

/// The innermost cause.
fn last(error: &(dyn std::error::Error + 'static)) -> String {
    let last = sources(error).last().map(ToString::to_string);
    clean(&last.unwrap_or_default(), &[])
}

impl Provider for AwsInstance {
    fn session_type(&self) -> SessionType {
        SessionType::AwsInstance
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::AwsInstance { source } = session.access else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let begin = Instant::now();
            let giver = giver(source);
            let handed = self.ask(giver).await;
            let handed = handed.map_err(|problem| ProviderError::Handed {
                session: session.name.clone(),
                problem,
            })?;
            let now = request.now.plus(begin.elapsed());
            handed.into_temporary(&self.sts, session, giver, now).await
        })
    }
}
