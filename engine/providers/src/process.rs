//! `process`: any program that prints credentials, as it does for `credential_process` of the AWS SDKs.
//!
//! It is run without a shell, for as long as any other call may take, and its output has a bound. What
//! it says on its standard error when it fails is told, without anything that could be a secret.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Process credential provider".

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::{Access, Session, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::helper::{self, Ended};
use dayfly_vault::{SecretString, TemporaryCredentials};
use tokio::time::Instant;

use crate::aws_sts::Sts;
use crate::errors::ProviderError;
use crate::errors_handed::{Giver, HandedProblem};
use crate::handed::Handed;
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::said::said;

/// The longest output, in bytes.
const LENGTH: usize = 64 << 10;
/// How much of what it says on its standard error is kept, in bytes.
const ERRORS: usize = 4 << 10;
/// How long it may take: a person may have to touch a key meanwhile.
const DEADLINE: Duration = Duration::from_secs(60);

/// The provider for `process`.
pub(crate) struct Process {
    pub(crate) sts: Arc<Sts>,
}

async fn run(session: &Session, command: &[String]) -> Result<Handed, HandedProblem> {
    let environment = [
        ("DAYFLY_SESSION", session.id.as_str()),
        ("DAYFLY_SESSION_NAME", session.name.as_str()),
    ];
    let ended = helper::hear(command, &environment, None, LENGTH, DEADLINE, ERRORS).await;
    let Ended {
        output,
        failure,
        errors,
    } = ended.map_err(|error| HandedProblem::Command { error, said: None })?;
    if let Some(error) = failure {
        // It may have printed them all the same.
        let printed = Handed::of_program(&output).map(|h| h.secrets());
        let said = Some(said(&errors, &printed.unwrap_or_default()));
        return Err(HandedProblem::Command { error, said });
    }
    Handed::of_program(&output).map_err(|problem| HandedProblem::Unusable {
        giver: Giver::Command,
        problem,
        said: Some(said(&errors, &whole(&output))),
    })
}

/// An output that nobody understands, to be kept out of messages.
fn whole(output: &[u8]) -> Vec<SecretString> {
    let text = std::str::from_utf8(output).unwrap_or_default().trim();
    vec![SecretString::copy_of(text)]
}

impl Provider for Process {
    fn session_type(&self) -> SessionType {
        SessionType::Process
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::Process { command } = &session.access else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let begin = Instant::now();
            let handed = run(session, command).await;
            let handed = handed.map_err(|problem| ProviderError::Handed {
                session: session.name.clone(),
                problem,
            })?;
            let now: Timestamp = request.now.plus(begin.elapsed());
            handed
                .into_temporary(&self.sts, session, Giver::Command, now)
                .await
        })
    }
}
