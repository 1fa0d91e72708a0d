//! What answers of the two services mean.
//!
//! Sources: the service models of SSO and SSO OIDC (2019-06-10); RFC 6749, 5.2, and RFC 8628, 3.5,
//! for the words of OAuth. The portal answers 403 `ForbiddenException`, which its model has not,
//! where a role is not assigned to the person.

use std::error::Error;

use aws_sdk_ssooidc::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_types::request_id::RequestId;
use dayfly_core::session::ErrorKind;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use tokio::time::Instant;

use super::SsoIntegration;
use super::error::SsoError;
use crate::errors::{Unreachable, quoted};
use crate::sts_errors::{Answer, clean, connection, sources};

/// A call, for what its errors say.
pub(crate) struct Asked<'a> {
    pub(crate) integration: &'a SsoIntegration,
    /// `the SSO portal in eu-west-1`.
    pub(crate) service: String,
    pub(crate) operation: &'static str,
    pub(crate) started: Instant,
    /// What the call carries and no message may show.
    pub(crate) secrets: Vec<SecretString>,
}

impl Asked<'_> {
    /// What the SDK's error means; `now` is when the call ended.
    pub(crate) fn refused<E>(&self, error: &SdkError<E, HttpResponse>, now: Timestamp) -> SsoError
    where
        E: ProvideErrorMetadata + RequestId + Error + Send + Sync + 'static,
    {
        let how = match error {
            SdkError::ServiceError(context) => {
                let raw = context.raw();
                if raw.status().is_success() {
                    return self.odd("with something that is not the service's answer", raw);
                }
                return self.judge(&Answer::of(context.err(), raw), now);
            }
            SdkError::ResponseError(context) => {
                let raw = context.raw();
                if raw.status().is_success() {
                    return self.odd("with something that is not the service's answer", raw);
                }
                return self.judge(&Answer::without_code(raw), now);
            }
            SdkError::TimeoutError(_) => Unreachable::Timeout,
            SdkError::DispatchFailure(context) => match context.as_connector_error() {
                Some(error) => connection(error, &self.secrets),
                None => Unreachable::Connection {
                    detail: "the connection failed".to_owned(),
                },
            },
            _ => Unreachable::Request {
                detail: clean(
                    &sources(error)
                        .last()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                    &self.secrets,
                ),
            },
        };
        SsoError::Unreachable {
            service: self.service.clone(),
            how,
        }
    }

    fn odd(&self, problem: &str, raw: &HttpResponse) -> SsoError {
        self.answered(problem.to_owned(), false, raw.request_id())
    }

    /// An answer that cannot be used.
    pub(crate) fn answered(
        &self,
        problem: String,
        clock: bool,
        request_id: Option<&str>,
    ) -> SsoError {
        SsoError::Answer {
            service: self.service.clone(),
            operation: self.operation,
            problem,
            clock,
            request_id: request_id.map(str::to_owned),
        }
    }

    /// The classification table.
    fn judge(&self, answer: &Answer, now: Timestamp) -> SsoError {
        let integration = &self.integration.name;
        let service = &self.service;
        let code = &answer.code;
        let not_accepted = || SsoError::NotAccepted {
            integration: integration.clone(),
            service: service.clone(),
            code: code.clone(),
            request_id: answer.request_id.clone(),
        };
        let not_completed = |why| SsoError::NotCompleted {
            integration: integration.clone(),
            why,
        };
        let words = clean(&answer.message, &self.secrets);
        let theirs = |kind, hint: Option<String>| SsoError::Refused {
            kind,
            code: code.clone(),
            sentence: if words.is_empty() {
                format!("{service} refused {} ({code})", self.operation)
            } else {
                format!("{service} refused {}: {words} ({code})", self.operation)
            },
            hint,
            retry_at: answer.retry_at(now),
            request_id: answer.request_id.clone(),
        };
        match code.as_str() {
            "UnauthorizedException"
            | "InvalidGrantException"
            | "InvalidClientException"
            | "UnauthorizedClientException" => not_accepted(),
            "ExpiredTokenException" if self.operation == "CreateToken" => {
                not_completed("the code was not confirmed in time")
            }
            "ExpiredTokenException" => not_accepted(),
            "AccessDeniedException" if self.operation == "CreateToken" => {
                not_completed("it was refused in the browser")
            }
            "ForbiddenException" | "AccessDeniedException" | "ResourceNotFoundException" => theirs(
                ErrorKind::Denied,
                Some(format!(
                    "ask for the assignment, or have sessions that you lost removed with \
                     `dayfly integration sync {}`",
                    quoted(integration)
                )),
            ),
            "TooManyRequestsException" | "SlowDownException" | "ThrottlingException" => {
                SsoError::Refused {
                    kind: ErrorKind::Throttled,
                    code: code.clone(),
                    sentence: format!("{service} asks for fewer calls ({code})"),
                    hint: None,
                    retry_at: answer.retry_at(now),
                    request_id: answer.request_id.clone(),
                }
            }
            "InvalidRequestException"
            | "InvalidScopeException"
            | "InvalidClientMetadataException"
            | "InvalidRedirectUriException"
            | "UnsupportedGrantTypeException"
            | "InvalidRequestRegionException" => theirs(
                ErrorKind::Misconfigured,
                Some(format!(
                    "check portalUrl and region of integration \"{integration}\", and the \
                     session's role"
                )),
            ),
            _ => match answer.status {
                429 => theirs(ErrorKind::Throttled, None),
                500.. => SsoError::Refused {
                    kind: ErrorKind::Unavailable,
                    code: code.clone(),
                    sentence: format!("{service} is broken at the moment ({code})"),
                    hint: None,
                    retry_at: answer.retry_at(now),
                    request_id: answer.request_id.clone(),
                },
                401 if answer.coded => not_accepted(),
                403 if answer.coded => theirs(ErrorKind::Denied, None),
                _ if answer.coded => theirs(ErrorKind::Other, None),
                status => SsoError::Refused {
                    kind: ErrorKind::Misconfigured,
                    code: code.clone(),
                    sentence: format!(
                        "{service} answered {} with status {status}, as the service does not",
                        self.operation
                    ),
                    hint: Some(
                        "check that the endpoint is the service's and not a proxy's \
                         (AWS_ENDPOINT_URL_SSO, AWS_ENDPOINT_URL_SSO_OIDC, dayfly.toml)"
                            .to_owned(),
                    ),
                    retry_at: answer.retry_at(now),
                    request_id: answer.request_id.clone(),
                },
            },
        }
    }
}
