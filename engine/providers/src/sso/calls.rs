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
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use tokio::time::Instant;

use super::error::SsoError;
use super::integration::SsoIntegration;
use crate::answer::{Answer, Reply, clean};

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
        match Reply::of(error, &self.secrets) {
            Reply::NotTheServices(raw) => {
                self.odd("with something that is not the service's answer", raw)
            }
            Reply::Answer(answer) => self.judge(&answer, now),
            Reply::Unreachable(how) => SsoError::Unreachable {
                service: self.service.clone(),
                how,
            },
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
        let service = &self.service;
        let signing_in = self.operation == "CreateToken";
        match answer.code.as_str() {
            "UnauthorizedException"
            | "InvalidGrantException"
            | "InvalidClientException"
            | "UnauthorizedClientException" => self.not_accepted(answer),
            "ExpiredTokenException" if signing_in => {
                self.not_completed("you did not confirm the code in time")
            }
            "ExpiredTokenException" => self.not_accepted(answer),
            "AccessDeniedException" if signing_in => {
                self.not_completed("you refused it in the browser")
            }
            "ForbiddenException" | "AccessDeniedException" | "ResourceNotFoundException" => {
                let hint = format!(
                    "ask for the assignment, or remove sessions of roles that you lost with \
                     `dayfly integration sync {}`",
                    shell_word(&self.integration.name)
                );
                self.their_words(answer, now, ErrorKind::Denied, Some(hint))
            }
            "TooManyRequestsException" | "SlowDownException" | "ThrottlingException" => {
                let sentence = format!("{service} asks for fewer calls ({})", answer.code);
                Self::our_words(answer, now, ErrorKind::Throttled, sentence, None)
            }
            "InvalidRequestException"
            | "InvalidScopeException"
            | "InvalidClientMetadataException"
            | "InvalidRedirectUriException"
            | "UnsupportedGrantTypeException"
            | "InvalidRequestRegionException" => {
                let hint = format!(
                    "check portalUrl and region of integration \"{}\", and the session's role",
                    self.integration.name
                );
                self.their_words(answer, now, ErrorKind::Misconfigured, Some(hint))
            }
            _ => self.by_status(answer, now),
        }
    }

    /// For codes that the table does not have, and for answers without a code.
    fn by_status(&self, answer: &Answer, now: Timestamp) -> SsoError {
        let service = &self.service;
        match answer.status {
            429 => self.their_words(answer, now, ErrorKind::Throttled, None),
            500.. => {
                let sentence = format!("{service} has an outage ({})", answer.code);
                Self::our_words(answer, now, ErrorKind::Unavailable, sentence, None)
            }
            401 if answer.coded => self.not_accepted(answer),
            403 if answer.coded => self.their_words(answer, now, ErrorKind::Denied, None),
            _ if answer.coded => self.their_words(answer, now, ErrorKind::Other, None),
            status => {
                let sentence = format!(
                    "{service} answered {} with status {status}, which the real service does not \
                     send",
                    self.operation
                );
                let hint = "check that the endpoint is the service's and not a proxy's \
                            (AWS_ENDPOINT_URL_SSO, AWS_ENDPOINT_URL_SSO_OIDC, dayfly.toml)";
                let hint = Some(hint.to_owned());
                Self::our_words(answer, now, ErrorKind::Misconfigured, sentence, hint)
            }
        }
    }

    fn not_accepted(&self, answer: &Answer) -> SsoError {
        SsoError::NotAccepted {
            integration: self.integration.name.clone(),
            service: self.service.clone(),
            code: answer.code.clone(),
            request_id: answer.request_id.clone(),
        }
    }

    fn not_completed(&self, why: &'static str) -> SsoError {
        SsoError::NotCompleted {
            integration: self.integration.name.clone(),
            why,
        }
    }

    /// A refusal in the words of the service.
    fn their_words(
        &self,
        answer: &Answer,
        now: Timestamp,
        kind: ErrorKind,
        hint: Option<String>,
    ) -> SsoError {
        let (service, code) = (&self.service, &answer.code);
        let words = clean(&answer.message, &self.secrets);
        let sentence = if words.is_empty() {
            format!("{service} refused {} ({code})", self.operation)
        } else {
            format!("{service} refused {}: {words} ({code})", self.operation)
        };
        Self::our_words(answer, now, kind, sentence, hint)
    }

    /// A refusal in words of our own.
    fn our_words(
        answer: &Answer,
        now: Timestamp,
        kind: ErrorKind,
        sentence: String,
        hint: Option<String>,
    ) -> SsoError {
        SsoError::Refused {
            kind,
            code: answer.code.clone(),
            sentence,
            hint,
            retry_at: answer.retry_at(now),
            request_id: answer.request_id.clone(),
        }
    }
}
