//! What the error codes of STS mean.
//!
//! Sources: AWS STS API reference, "Common errors" and each action's own; the AWS SDKs' lists
//! of throttling codes.

use dayfly_core::session::{Access, ErrorKind};
use dayfly_core::text::shell_word;

use crate::answer::Answer;
use crate::aws_sts::Call;
use crate::hints::{CLOCK_HINT, set_secret};

/// What a code is about.
#[derive(Clone, Copy)]
enum Case {
    /// The signature is not the one that the secret key makes, or is not good at this time.
    Signature,
    /// The time of the request is wrong.
    Clock,
    /// The access key is not known.
    UnknownKey,
    /// What signs, or is shown in place of a signature, has ended.
    Expired,
    /// The assertion or token is not accepted.
    Token,
    /// The identity provider's claims do not match the trust policy.
    Claim,
    /// STS cannot reach the identity provider.
    IdentityProvider,
    /// A policy forbids it.
    Denied,
    /// STS is not active in the region.
    Region,
    /// The session policy cannot be read.
    Policy,
    /// Session policy and tags are too large.
    TooLarge,
    /// A field is wrong; the message may say that it is the lifetime.
    Field,
    /// Another field is wrong.
    OtherField,
    /// The endpoint does not know the operation.
    Operation,
    /// The signature was lost on the way.
    Unsigned,
    /// The service asks for fewer calls.
    Throttled,
    /// The request came too slowly.
    Slow,
}

/// What each code is about.
const CODES: &[(&str, Case)] = &[
    ("SignatureDoesNotMatch", Case::Signature),
    ("InvalidSignatureException", Case::Signature),
    ("RequestExpired", Case::Clock),
    ("RequestTimeTooSkewed", Case::Clock),
    ("InvalidClientTokenId", Case::UnknownKey),
    ("UnrecognizedClientException", Case::UnknownKey),
    ("InvalidAccessKeyId", Case::UnknownKey),
    ("ExpiredToken", Case::Expired),
    ("ExpiredTokenException", Case::Expired),
    ("TokenRefreshRequired", Case::Expired),
    ("InvalidIdentityToken", Case::Token),
    ("InvalidIdentityTokenException", Case::Token),
    ("IDPRejectedClaim", Case::Claim),
    ("IDPRejectedClaimException", Case::Claim),
    ("IDPCommunicationError", Case::IdentityProvider),
    ("IDPCommunicationErrorException", Case::IdentityProvider),
    ("AccessDenied", Case::Denied),
    ("AccessDeniedException", Case::Denied),
    ("UnauthorizedOperation", Case::Denied),
    ("NotAuthorized", Case::Denied),
    ("AuthFailure", Case::Denied),
    ("OptInRequired", Case::Denied),
    ("SubscriptionRequiredException", Case::Denied),
    ("RegionDisabledException", Case::Region),
    ("MalformedPolicyDocument", Case::Policy),
    ("MalformedPolicyDocumentException", Case::Policy),
    ("PackedPolicyTooLarge", Case::TooLarge),
    ("PackedPolicyTooLargeException", Case::TooLarge),
    ("ValidationError", Case::Field),
    ("ValidationException", Case::Field),
    ("ValidationErrorException", Case::Field),
    ("InvalidParameterValue", Case::OtherField),
    ("InvalidParameterCombination", Case::OtherField),
    ("InvalidInput", Case::OtherField),
    ("MissingParameter", Case::OtherField),
    ("MalformedInput", Case::OtherField),
    ("InvalidTags", Case::OtherField),
    ("NoSuchEntity", Case::OtherField),
    ("InvalidAction", Case::Operation),
    ("UnknownOperation", Case::Operation),
    ("UnknownOperationException", Case::Operation),
    ("InvalidQueryParameter", Case::Operation),
    ("MalformedQueryString", Case::Operation),
    ("NoSuchVersion", Case::Operation),
    ("MissingAction", Case::Operation),
    ("MissingAuthenticationToken", Case::Unsigned),
    ("MissingAuthenticationTokenException", Case::Unsigned),
    ("IncompleteSignature", Case::Unsigned),
    ("IncompleteSignatureException", Case::Unsigned),
    ("Throttling", Case::Throttled),
    ("ThrottlingException", Case::Throttled),
    ("ThrottledException", Case::Throttled),
    ("RequestThrottled", Case::Throttled),
    ("RequestThrottledException", Case::Throttled),
    ("RequestLimitExceeded", Case::Throttled),
    ("TooManyRequests", Case::Throttled),
    ("TooManyRequestsException", Case::Throttled),
    ("LimitExceededException", Case::Throttled),
    ("BandwidthLimitExceeded", Case::Throttled),
    ("SlowDown", Case::Throttled),
    ("PriorRequestNotComplete", Case::Throttled),
    ("EC2ThrottledException", Case::Throttled),
    ("RequestTimeout", Case::Slow),
    ("RequestTimeoutException", Case::Slow),
];

/// What an answer is about; none where no table says it.
fn case(answer: &Answer) -> Option<Case> {
    let mut rows = CODES.iter();
    let row = rows.find(|(code, _)| *code == answer.code);
    let throttled = (answer.status == 429).then_some(Case::Throttled);
    row.map(|(_, case)| *case).or(throttled)
}

impl Call<'_> {
    /// What an answer means for the session.
    pub(crate) fn verdict(&self, answer: &Answer) -> Verdict {
        let Some(case) = case(answer) else {
            return self.by_status(answer);
        };
        let (service, session) = (&self.service, &self.session.name);
        let lower = answer.message.to_ascii_lowercase();
        let says = |text| lower.contains(text);
        match case {
            Case::Signature if says("signature expired") || says("not yet current") => self.clock(),
            Case::Signature => self.signature(),
            Case::Clock => self.clock(),
            Case::UnknownKey => self.unknown_key(),
            Case::Expired => self.expired(),
            Case::Token => Verdict::theirs(ErrorKind::Denied, Some(self.evidence_hint())),
            Case::Claim => Verdict::theirs(ErrorKind::Denied, Some(self.denied_hint())),
            Case::Denied if says("multifactorauthentication") || says("one time pass") => {
                Verdict::theirs(ErrorKind::NeedsMfa, Some(self.code_hint()))
            }
            Case::Denied => Verdict::theirs(ErrorKind::Denied, Some(self.denied_hint())),
            Case::Region => self.region_disabled(),
            Case::Policy | Case::TooLarge if self.operation == "GetFederationToken" => {
                let hint = "check the policy that you gave with --policy".to_owned();
                Verdict::theirs(ErrorKind::Misconfigured, Some(hint))
            }
            Case::Policy => self.field_refused("sessionPolicy is not a valid policy"),
            Case::TooLarge => self.field_refused("sessionPolicy and tags are too large together"),
            Case::Field if says("durationseconds") => self.lifetime_refused(),
            Case::Field | Case::OtherField => {
                let hint = format!(
                    "fix the session with `dayfly session edit {}`",
                    shell_word(session)
                );
                Verdict::theirs(ErrorKind::Misconfigured, Some(hint))
            }
            Case::Operation => self.no_operation(),
            Case::IdentityProvider => Verdict::ours(
                ErrorKind::Unavailable,
                format!("{service} could not reach the identity provider of session \"{session}\""),
                None,
            ),
            Case::Unsigned => Verdict::ours(
                ErrorKind::Misconfigured,
                format!(
                    "{service} got the request for session \"{session}\" without its signature"
                ),
                Some("check for a proxy that changes requests".to_owned()),
            ),
            Case::Throttled => Verdict::ours(
                ErrorKind::Throttled,
                format!("{service} asks for fewer calls, so session \"{session}\" must wait"),
                None,
            ),
            Case::Slow => Verdict::ours(
                ErrorKind::Network,
                format!("{service} got the request for session \"{session}\" too slowly"),
                None,
            ),
        }
    }

    fn signature(&self) -> Verdict {
        let (service, session) = (&self.service, &self.session.name);
        match self.session.parent() {
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
        }
    }

    fn unknown_key(&self) -> Verdict {
        let (service, session) = (&self.service, &self.session.name);
        match self.session.parent() {
            None => Verdict::ours(
                ErrorKind::Misconfigured,
                format!("{service} does not know the access key of session \"{session}\""),
                Some(format!(
                    "create a new access key in IAM if it was deleted or made inactive, then {}",
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

    fn expired(&self) -> Verdict {
        let (service, session) = (&self.service, &self.session.name);
        match self.session.parent() {
            Some(parent) => Verdict::ours(
                ErrorKind::Parent,
                format!(
                    "{service} says that the credentials of parent session {parent} have \
                     expired, so session \"{session}\" got none"
                ),
                Some(rotate(parent.as_str())),
            ),
            None => self.evidence_expired(),
        }
    }

    fn region_disabled(&self) -> Verdict {
        let session = &self.session.name;
        Verdict::ours(
            ErrorKind::Misconfigured,
            format!(
                "STS is not active in {} for the account of session \"{session}\"",
                self.region
            ),
            Some(format!(
                "activate the region in the account settings of IAM, or change the region with \
                 `dayfly session edit {}`",
                shell_word(session)
            )),
        )
    }

    fn lifetime_refused(&self) -> Verdict {
        Verdict::theirs(
            ErrorKind::Misconfigured,
            Some(format!(
                "change its lifetime with `dayfly session edit {} --duration 1h`: STS allows at \
                 least 15 minutes, and at most the role's MaxSessionDuration (an hour by default)",
                shell_word(&self.session.name)
            )),
        )
    }

    fn no_operation(&self) -> Verdict {
        Verdict::ours(
            ErrorKind::Misconfigured,
            format!(
                "{} has no {}, so session \"{}\" got no new credentials",
                self.service, self.operation, self.session.name
            ),
            Some(
                "check the endpoint settings (AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, \
                 dayfly.toml)"
                    .to_owned(),
            ),
        )
    }

    /// For codes that no table has, and for answers without a code.
    fn by_status(&self, answer: &Answer) -> Verdict {
        let session = &self.session.name;
        let service = &self.service;
        match answer.status {
            407 => Verdict::ours(
                ErrorKind::Misconfigured,
                format!(
                    "the proxy in front of {service} requires a sign-in, so session \"{session}\" \
                     got no credentials"
                ),
                Some("put user and password into the URL in HTTPS_PROXY".to_owned()),
            ),
            500.. => Verdict::ours(
                ErrorKind::Unavailable,
                format!("{service} has an outage, so session \"{session}\" got no new credentials"),
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
                    "{service} answered {} for session \"{session}\" with status {status}, which \
                     the real STS does not send",
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
                "{problem}: fix it with `dayfly session edit {}`",
                shell_word(&self.session.name)
            )),
        )
    }

    /// What was shown in place of a signature has expired.
    fn evidence_expired(&self) -> Verdict {
        let (service, name) = (&self.service, &self.session.name);
        let session = shell_word(name);
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
                    "check that the token's issuer renews it; {CLOCK_HINT}"
                )),
            ),
            _ => Verdict::theirs(ErrorKind::Denied, None),
        }
    }

    fn evidence_hint(&self) -> String {
        match &self.session.access {
            Access::AwsIamRoleFederated { idp_arn, .. } => format!(
                "check that {idp_arn} has the current metadata of the identity provider, and that \
                 the assertion is for AWS (its recipient and audience)"
            ),
            _ => "check that IAM has an OpenID Connect provider for the token's issuer, with the \
                  token's audience"
                .to_owned(),
        }
    }

    fn code_hint(&self) -> String {
        let session = shell_word(&self.session.name);
        if self.generated {
            return format!(
                "set this machine's clock if it is wrong; otherwise the stored seed is not that of \
                 the device: store it again with `dayfly secret set {session} --totp`"
            );
        }
        match self.session.mfa_device() {
            Some(_) => {
                format!("enter the code that the device shows now with `dayfly respond {session}`")
            }
            None => {
                format!("set the device with `dayfly session edit {session} --mfa-device ARN`")
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
            _ => format!(
                "check the policies of the IAM user: they have to allow sts:{}",
                self.operation
            ),
        }
    }
}

/// The command that gets new credentials for the parent.
fn rotate(parent: &str) -> String {
    format!(
        "get new ones with `dayfly session rotate {}`",
        shell_word(parent)
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
