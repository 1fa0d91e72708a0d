//! What the error codes of STS mean.
//!
//! Sources: AWS STS API reference, "Common errors" and each action's own; the AWS SDKs' lists
//! of throttling codes.

use dayfly_core::session::{Access, ErrorKind};

use crate::aws_sts::Call;
use crate::errors::{CLOCK_HINT, quoted, set_secret};
use crate::sts_errors::Answer;

impl Call<'_> {
    /// The classification table.
    pub(crate) fn verdict(&self, answer: &Answer) -> Verdict {
        let session = &self.session.name;
        let chained = self.session.parent();
        let lower = answer.message.to_ascii_lowercase();
        let service = &self.service;
        match answer.code.as_str() {
            "SignatureDoesNotMatch" | "InvalidSignatureException"
                if lower.contains("signature expired") || lower.contains("not yet current") =>
            {
                self.clock()
            }
            "RequestExpired" | "RequestTimeTooSkewed" => self.clock(),
            "SignatureDoesNotMatch" | "InvalidSignatureException" => match chained {
                None => Verdict::ours(
                    ErrorKind::Misconfigured,
                    format!(
                        "{service} says that the secret access key of session \"{session}\" does \
                         not belong to its access key id"
                    ),
                    Some(format!("{}; {CLOCK_HINT}", set_secret(session))),
                ),
                Some(parent) => Verdict::ours(
                    ErrorKind::Parent,
                    format!(
                        "{service} cannot verify the signature that the credentials of parent \
                         session {parent} made for session \"{session}\""
                    ),
                    Some(rotate(parent.as_str())),
                ),
            },
            "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => {
                match chained {
                    None => Verdict::ours(
                        ErrorKind::Misconfigured,
                        format!("{service} does not know the access key of session \"{session}\""),
                        Some(format!(
                            "create a new access key in IAM if it was deleted or made inactive, \
                             then {}",
                            set_secret(session)
                        )),
                    ),
                    Some(parent) => Verdict::ours(
                        ErrorKind::Parent,
                        format!(
                            "{service} does not accept the credentials of parent session {parent} \
                             for session \"{session}\""
                        ),
                        Some(rotate(parent.as_str())),
                    ),
                }
            }
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => match chained {
                Some(parent) => Verdict::ours(
                    ErrorKind::Parent,
                    format!(
                        "{service} says that the credentials of parent session {parent} have \
                         expired, so session \"{session}\" got none"
                    ),
                    Some(rotate(parent.as_str())),
                ),
                None => self.evidence_expired(),
            },
            "InvalidIdentityToken" | "InvalidIdentityTokenException" => {
                Verdict::theirs(ErrorKind::Denied, Some(self.evidence_hint()))
            }
            "IDPRejectedClaim" | "IDPRejectedClaimException" => {
                Verdict::theirs(ErrorKind::Denied, Some(self.denied_hint()))
            }
            "IDPCommunicationError" | "IDPCommunicationErrorException" => Verdict::ours(
                ErrorKind::Unavailable,
                format!(
                    "{service} could not reach the identity provider that vouches for session \
                     \"{session}\""
                ),
                None,
            ),
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "NotAuthorized"
            | "AuthFailure"
            | "OptInRequired"
            | "SubscriptionRequiredException" => {
                if lower.contains("multifactorauthentication") || lower.contains("one time pass") {
                    Verdict::theirs(ErrorKind::NeedsMfa, Some(self.code_hint()))
                } else {
                    Verdict::theirs(ErrorKind::Denied, Some(self.denied_hint()))
                }
            }
            "RegionDisabledException" => Verdict::ours(
                ErrorKind::Misconfigured,
                format!(
                    "STS is not active in {} for the account of session \"{session}\"",
                    self.region
                ),
                Some(format!(
                    "activate the region in the account settings of IAM, or give the session \
                     another one with `dayfly session edit {}`",
                    quoted(session)
                )),
            ),
            "MalformedPolicyDocument" | "MalformedPolicyDocumentException" => {
                self.field_refused("sessionPolicy is no valid policy")
            }
            "PackedPolicyTooLarge" | "PackedPolicyTooLargeException" => {
                self.field_refused("sessionPolicy and tags are too large together")
            }
            "ValidationError" | "ValidationException" | "ValidationErrorException"
                if lower.contains("durationseconds") =>
            {
                Verdict::theirs(
                    ErrorKind::Misconfigured,
                    Some(format!(
                        "give it another lifetime with `dayfly session edit {} --duration 1h`: STS \
                         gives 15 minutes at least, and at most what the role's MaxSessionDuration \
                         allows (an hour, where nobody changed it)",
                        quoted(session)
                    )),
                )
            }
            "ValidationError"
            | "ValidationException"
            | "ValidationErrorException"
            | "InvalidParameterValue"
            | "InvalidParameterCombination"
            | "InvalidInput"
            | "MissingParameter"
            | "MalformedInput"
            | "InvalidTags"
            | "NoSuchEntity" => Verdict::theirs(
                ErrorKind::Misconfigured,
                Some(format!(
                    "correct the session with `dayfly session edit {}`",
                    quoted(session)
                )),
            ),
            "InvalidAction"
            | "UnknownOperation"
            | "UnknownOperationException"
            | "InvalidQueryParameter"
            | "MalformedQueryString"
            | "NoSuchVersion"
            | "MissingAction" => Verdict::ours(
                ErrorKind::Misconfigured,
                format!(
                    "{service} has no {}, so session \"{session}\" got no new credentials",
                    self.operation
                ),
                Some(
                    "check the endpoint settings (AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, \
                     dayfly.toml)"
                        .to_owned(),
                ),
            ),
            "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignature"
            | "IncompleteSignatureException" => Verdict::ours(
                ErrorKind::Misconfigured,
                format!(
                    "{service} got the request for session \"{session}\" without its signature"
                ),
                Some("check for a proxy that changes requests".to_owned()),
            ),
            code if throttling(code) || answer.status == 429 => Verdict::ours(
                ErrorKind::Throttled,
                format!("{service} asks for fewer calls, so session \"{session}\" has to wait"),
                None,
            ),
            "RequestTimeout" | "RequestTimeoutException" => Verdict::ours(
                ErrorKind::Network,
                format!("{service} got the request for session \"{session}\" too slowly"),
                None,
            ),
            _ => self.by_status(answer),
        }
    }

    /// For codes that no table has, and for answers without a code.
    fn by_status(&self, answer: &Answer) -> Verdict {
        let session = &self.session.name;
        let service = &self.service;
        match answer.status {
            407 => Verdict::ours(
                ErrorKind::Misconfigured,
                format!(
                    "the proxy before {service} wants a sign-in, so session \"{session}\" got no \
                     credentials"
                ),
                Some("put user and password into the URL in HTTPS_PROXY".to_owned()),
            ),
            500.. => Verdict::ours(
                ErrorKind::Unavailable,
                format!("{service} is broken at the moment for session \"{session}\""),
                None,
            ),
            401 | 403 if answer.coded => Verdict {
                kind: ErrorKind::Denied,
                words: Words::None,
                hint: None,
            },
            _ if answer.coded => Verdict {
                kind: ErrorKind::Other,
                words: Words::None,
                hint: None,
            },
            status => Verdict::ours(
                ErrorKind::Misconfigured,
                format!(
                    "{service} answered {} for session \"{session}\" with status {status}, as STS \
                     does not",
                    self.operation
                ),
                Some(
                    "check that the endpoint is STS's and not a proxy's (AWS_ENDPOINT_URL_STS, \
                     AWS_ENDPOINT_URL, dayfly.toml)"
                        .to_owned(),
                ),
            ),
        }
    }

    fn clock(&self) -> Verdict {
        Verdict::ours(
            ErrorKind::ClockSkew,
            format!(
                "{} refused {} for session \"{}\" because this machine's clock is wrong",
                self.service, self.operation, self.session.name
            ),
            Some(CLOCK_HINT.to_owned()),
        )
    }

    fn field_refused(&self, problem: &str) -> Verdict {
        Verdict::theirs(
            ErrorKind::Misconfigured,
            Some(format!(
                "{problem}: correct it with `dayfly session edit {}`",
                quoted(&self.session.name)
            )),
        )
    }

    /// What was shown in place of a signature has expired.
    fn evidence_expired(&self) -> Verdict {
        let (service, name) = (&self.service, &self.session.name);
        let session = quoted(name);
        match &self.session.access {
            Access::AwsIamRoleFederated { .. } => Verdict::ours(
                ErrorKind::NeedsSignIn,
                format!("{service} says that the assertion for session \"{name}\" has expired"),
                Some(format!(
                    "sign in again with `dayfly session login {session}`; {CLOCK_HINT}"
                )),
            ),
            Access::AwsIamRoleWebIdentity { .. } => Verdict::ours(
                ErrorKind::Denied,
                format!(
                    "{service} says that the web identity token of session \"{name}\" has expired"
                ),
                Some(format!(
                    "see that whoever gives the token renews it; {CLOCK_HINT}"
                )),
            ),
            _ => Verdict::theirs(ErrorKind::Denied, None),
        }
    }

    fn evidence_hint(&self) -> String {
        match &self.session.access {
            Access::AwsIamRoleFederated { idp_arn, .. } => format!(
                "check that {idp_arn} has the present metadata of the identity provider, and that \
                 the assertion is made for AWS (its recipient and audience)"
            ),
            _ => "check that IAM has an OpenID Connect provider for the token's issuer, with the \
                  token's audience"
                .to_owned(),
        }
    }

    fn code_hint(&self) -> String {
        let session = quoted(&self.session.name);
        if self.generated {
            return format!(
                "set this machine's clock where it is off; else the seed that is kept is not the \
                 device's: `dayfly secret set {session} --totp`"
            );
        }
        match self.session.mfa_device() {
            Some(_) => {
                format!("enter the code that the device shows now: `dayfly respond {session}`")
            }
            None => {
                format!("name the device with `dayfly session edit {session} --mfa-device ARN`")
            }
        }
    }

    fn denied_hint(&self) -> String {
        match &self.session.access {
            Access::AwsIamRoleChained {
                role_arn, parent, ..
            } => format!(
                "check that {role_arn} exists, that its trust policy names the identity of \
                 parent session {parent} and the external id, source identity and tags of the \
                 session, and that this identity may call sts:AssumeRole"
            ),
            Access::AwsIamRoleFederated {
                role_arn, idp_arn, ..
            } => format!(
                "check that {role_arn} exists, and that its trust policy lets {idp_arn} call \
                 sts:AssumeRoleWithSAML with the attributes of the assertion"
            ),
            Access::AwsIamRoleWebIdentity { role_arn, .. } => format!(
                "check that {role_arn} exists, and that its trust policy names the token's \
                 issuer, audience and subject for sts:AssumeRoleWithWebIdentity"
            ),
            _ => "check the policies of the IAM user".to_owned(),
        }
    }
}

/// The command that gets new credentials for the parent.
fn rotate(parent: &str) -> String {
    format!(
        "get new ones with `dayfly session rotate {}`",
        quoted(parent)
    )
}

/// How an answer that says no is told.
pub(crate) struct Verdict {
    /// What sort of failure it is.
    pub(crate) kind: ErrorKind,
    /// What is said.
    pub(crate) words: Words,
    /// What to do next.
    pub(crate) hint: Option<String>,
}

/// Whose sentence it is.
pub(crate) enum Words {
    /// One of this file.
    Ours(String),
    /// The service's: its messages for this code are known to carry no credentials.
    Theirs,
    /// Nobody's: the code has to do.
    None,
}

impl Verdict {
    fn ours(kind: ErrorKind, words: String, hint: Option<String>) -> Self {
        Self {
            kind,
            words: Words::Ours(words),
            hint,
        }
    }

    fn theirs(kind: ErrorKind, hint: Option<String>) -> Self {
        Self {
            kind,
            words: Words::Theirs,
            hint,
        }
    }
}

/// Whether the code asks for fewer calls.
fn throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "TooManyRequestsException"
            | "LimitExceededException"
            | "BandwidthLimitExceeded"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "EC2ThrottledException"
    )
}
