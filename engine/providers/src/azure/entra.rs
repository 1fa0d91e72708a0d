//! What an answer of Entra ID means.
//!
//! Sources: RFC 6749, 5.2 and RFC 8628, 3.5 (the words of `error`); Microsoft, "Microsoft Entra
//! authentication & authorization error codes" (`AADSTS…`), and the fields `error_codes`,
//! `trace_id` and `correlation_id` of its error answers.

use dayfly_core::session::ErrorKind::{
    self, Denied, Misconfigured, NeedsSignIn, Other, Throttled, Unavailable,
};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use serde::Deserialize;

use super::errors::{AzureError, login};
use super::http::{Answer, one_line, word};
use super::integration::{AzureCredential, AzureIntegration};
use crate::hints::CLOCK_HINT;

/// An error answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    /// OAuth's word.
    pub(crate) error: String,
    error_description: String,
    error_codes: Vec<u32>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
}

/// What an error means, and what to do.
#[derive(Clone, Copy)]
struct Meaning {
    kind: ErrorKind,
    words: &'static str,
    hint: Hint,
}

/// What to do next.
#[derive(Clone, Copy)]
enum Hint {
    SignIn,
    NewSecret,
    Clock,
    Tell(&'static str),
    None,
}

impl Said {
    /// Reads an error answer; one that is none of Entra's has no words.
    pub(crate) fn of(answer: &Answer) -> Self {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Entra's number for the error.
    fn number(&self) -> Option<u32> {
        let text = || {
            let rest = self.error_description.strip_prefix("AADSTS")?;
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            rest.get(..end)?.parse().ok()
        };
        self.error_codes.first().copied().or_else(text)
    }

    /// The ids by which Microsoft's support finds the request.
    fn request_id(&self, answer: &Answer) -> Option<String> {
        let id = |id: &Option<String>| id.as_deref().map(word).filter(|id| !id.is_empty());
        let trace = id(&self.trace_id).or_else(|| answer.request_id.clone());
        match (trace, id(&self.correlation_id)) {
            (Some(trace), Some(correlation)) => Some(format!("{trace}, correlation {correlation}")),
            (trace, correlation) => trace.or(correlation),
        }
    }

    /// Entra's own words: the first sentence or two, without ids and without what the call
    /// carried.
    fn words(&self, secrets: &[&SecretString]) -> String {
        let mut words = self.error_description.clone();
        for secret in secrets {
            if secret.expose().len() >= 6 {
                words = words.replace(secret.expose(), "[redacted]");
            }
        }
        // Below stand the ids and the time, each on a line of its own or after a blank.
        for mark in ["Trace ID:", "Correlation ID:", "Timestamp:"] {
            if let Some(at) = words.find(mark) {
                words.truncate(at);
            }
        }
        one_line(&words)
    }
}

/// What a refusal means for an integration.
pub(crate) fn refused(
    integration: &AzureIntegration,
    answer: &Answer,
    now: Timestamp,
    secrets: &[&SecretString],
) -> AzureError {
    let said = Said::of(answer);
    let number = said.number();
    let meaning = meaning(integration, answer.status, number, &said.error);
    let code = match number {
        Some(number) => format!("AADSTS{number}"),
        None if !said.error.is_empty() => word(&said.error),
        None => format!("HTTP {}", answer.status),
    };
    let theirs = said.words(secrets);
    let mut sentence = format!(
        "{} refused a token to integration \"{}\": {} ({code})",
        integration.cloud.shown(),
        integration.name,
        meaning.words
    );
    // What the code says already is not said twice.
    let theirs = theirs
        .strip_prefix(&format!("{code}: "))
        .unwrap_or(&theirs)
        .to_owned();
    if !theirs.is_empty() {
        sentence += &format!(", {theirs:?}");
    }
    let name = &integration.name;
    let hint = match meaning.hint {
        Hint::SignIn => Some(match integration.credential {
            AzureCredential::SignIn => login(name),
            _ => "ask an administrator to check the application in Entra ID".to_owned(),
        }),
        Hint::NewSecret => Some(match integration.credential {
            AzureCredential::ClientSecret | AzureCredential::ClientCertificate => format!(
                "give a new one with `dayfly integration login {}`",
                shell_word(name)
            ),
            _ => "check the application in Entra ID".to_owned(),
        }),
        Hint::Clock => Some(CLOCK_HINT.to_owned()),
        Hint::Tell(text) => Some(text.to_owned()),
        Hint::None => None,
    };
    AzureError::Refused {
        kind: meaning.kind,
        code,
        sentence,
        hint,
        retry_at: answer.retry_at(now),
        request_id: said.request_id(answer),
    }
}

const fn means(kind: ErrorKind, words: &'static str, hint: Hint) -> Meaning {
    Meaning { kind, words, hint }
}

fn meaning(
    integration: &AzureIntegration,
    status: u16,
    number: Option<u32>,
    error: &str,
) -> Meaning {
    if status == 429 || number == Some(50_196) {
        return means(Throttled, "it asks for fewer calls", Hint::None);
    }
    if let Some(number) = number
        && let Some(meaning) = numbered(number)
    {
        return meaning;
    }
    match error {
        "invalid_grant" if integration.credential == AzureCredential::SignIn => {
            means(NeedsSignIn, "the sign-in has expired", Hint::SignIn)
        }
        "interaction_required" | "login_required" | "consent_required" => {
            means(NeedsSignIn, "it requires a new sign-in", Hint::SignIn)
        }
        "invalid_grant" | "invalid_client" => means(
            Misconfigured,
            "it does not accept the application's credential",
            Hint::NewSecret,
        ),
        "unauthorized_client" => means(
            Misconfigured,
            "the application may not request tokens this way",
            Hint::Tell("check clientId and tenantId, and the application in Entra ID"),
        ),
        "invalid_scope" | "invalid_resource" | "invalid_target" => means(
            Misconfigured,
            "it does not know the resource that the token is for",
            Hint::Tell("check the requested resource and the integration's cloud"),
        ),
        "access_denied" => means(Denied, "it refused", Hint::None),
        "temporarily_unavailable" | "server_error" => {
            means(Unavailable, "it has an outage", Hint::None)
        }
        _ if status >= 500 => means(Unavailable, "it has an outage", Hint::None),
        "" => means(
            Misconfigured,
            "its answer is not one that Entra ID gives",
            Hint::Tell(
                "check that the address is Entra's and not a proxy's (authorityHost, \
                 AZURE_AUTHORITY_HOST), and tenantId",
            ),
        ),
        "invalid_request" => means(Misconfigured, "it does not accept the request", Hint::None),
        _ => means(Other, "it refused", Hint::None),
    }
}

/// What Entra's numbers mean.
const NUMBERS: &[(&[u32], Meaning)] = &[
    (
        &[
            50_058, 50_132, 50_133, 50_173, 70_008, 70_043, 70_044, 700_082, 700_084, 90_094,
        ],
        means(NeedsSignIn, "the sign-in has expired", Hint::SignIn),
    ),
    (
        &[50_072, 50_074, 50_076, 50_078, 50_079],
        means(
            NeedsSignIn,
            "it requires a second factor, which needs a sign-in",
            Hint::SignIn,
        ),
    ),
    (
        &[65_001],
        means(
            NeedsSignIn,
            "no user or administrator has consented to the application",
            Hint::SignIn,
        ),
    ),
    (
        &[50_034, 50_020],
        means(
            Denied,
            "the account is not in the tenant",
            Hint::Tell("check tenantId, or have the account invited to the tenant"),
        ),
    ),
    (
        &[50_053, 50_057],
        means(
            Denied,
            "the account is locked or disabled",
            Hint::Tell("ask an administrator of the tenant"),
        ),
    ),
    (
        &[50_105],
        means(
            Denied,
            "the account is not assigned to the application",
            Hint::Tell("ask an administrator of the tenant"),
        ),
    ),
    (
        &[53_000, 53_001, 53_002, 53_003, 53_004, 530_003, 530_032],
        means(
            Denied,
            "Conditional Access forbids it",
            Hint::Tell(
                "sign in from a device and a network that the tenant's policies allow, or ask an \
                 administrator",
            ),
        ),
    ),
    (
        &[7_000_215],
        means(Misconfigured, "the client secret is wrong", Hint::NewSecret),
    ),
    (
        &[7_000_222],
        means(
            Misconfigured,
            "the client secret has expired",
            Hint::NewSecret,
        ),
    ),
    (
        &[7_000_112],
        means(
            Misconfigured,
            "the application is disabled",
            Hint::Tell("ask an administrator of the tenant"),
        ),
    ),
    (
        &[700_016],
        means(
            Misconfigured,
            "the application is not in the tenant",
            Hint::Tell("check clientId and tenantId"),
        ),
    ),
    (
        &[90_002, 90_023, 900_021, 900_023, 50_059, 50_128],
        means(
            Misconfigured,
            "there is no such tenant",
            Hint::Tell("check tenantId and cloud"),
        ),
    ),
    (
        &[700_024],
        means(
            Other,
            "the assertion is not valid at this time",
            Hint::Clock,
        ),
    ),
    (
        &[700_027],
        means(
            Misconfigured,
            "the application does not have this certificate",
            Hint::NewSecret,
        ),
    ),
    (
        &[70_021, 700_211, 700_212, 700_213, 700_238, 700_023],
        means(
            Misconfigured,
            "the application does not trust this workload's token",
            Hint::Tell("check the application's federated credentials: issuer, subject, audience"),
        ),
    ),
    (
        &[7_000_218],
        means(
            Misconfigured,
            "the application is not a public client, so it does not allow this sign-in",
            Hint::Tell("allow public client flows for it in Entra ID, or remove clientId"),
        ),
    ),
    (
        &[500_011, 500_131, 70_011, 650_053],
        means(
            Misconfigured,
            "there is no such resource in the tenant",
            Hint::Tell("check the requested resource"),
        ),
    ),
    (
        &[90_033, 90_034, 90_019, 50_000, 50_001, 90_006],
        means(Unavailable, "it has an outage", Hint::None),
    ),
];

fn numbered(number: u32) -> Option<Meaning> {
    let mut rows = NUMBERS.iter();
    let row = rows.find(|(numbers, _)| numbers.contains(&number));
    row.map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::cloud::AzureCloud;

    fn integration(credential: AzureCredential) -> AzureIntegration {
        AzureIntegration {
            id: "i".into(),
            name: "work".into(),
            tenant_id: "t".into(),
            credential,
            client_id: None,
            certificate_file: None,
            token_file: None,
            cloud: AzureCloud::public(),
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: Some("30".into()),
            request_id: Some("header-id".into()),
            headers: Vec::new(),
            body: zeroize::Zeroizing::new(body.as_bytes().to_vec()),
        }
    }

    fn judged(credential: AzureCredential, status: u16, body: &str) -> AzureError {
        let integration = integration(credential);
        let secret = SecretString::from("canary-secret".to_owned());
        refused(
            &integration,
            &answer(status, body),
            Timestamp::ZERO,
            &[&secret],
        )
    }

    #[test]
    fn each_answer_has_its_kind() {
        use AzureCredential::{ClientSecret, SignIn};
        use ErrorKind as K;
        let said = |error: &str, number: u32| {
            format!(
                r#"{{"error":"{error}","error_codes":[{number}],"error_description":"AADSTS{number}: Words. Trace ID: t"}}"#
            )
        };
        for (credential, status, body, kind) in [
            (SignIn, 400, said("invalid_grant", 700_082), K::NeedsSignIn),
            (
                SignIn,
                400,
                said("interaction_required", 50_076),
                K::NeedsSignIn,
            ),
            (SignIn, 400, said("invalid_grant", 53_003), K::Denied),
            (SignIn, 400, said("invalid_grant", 1), K::NeedsSignIn),
            (
                ClientSecret,
                401,
                said("invalid_client", 7_000_215),
                K::Misconfigured,
            ),
            (
                ClientSecret,
                401,
                said("invalid_client", 1),
                K::Misconfigured,
            ),
            (
                ClientSecret,
                400,
                said("unauthorized_client", 700_016),
                K::Misconfigured,
            ),
            (
                ClientSecret,
                400,
                said("invalid_request", 90_002),
                K::Misconfigured,
            ),
            (
                ClientSecret,
                400,
                said("temporarily_unavailable", 2),
                K::Unavailable,
            ),
            (
                ClientSecret,
                429,
                said("temporarily_unavailable", 2),
                K::Throttled,
            ),
            (
                SignIn,
                400,
                r#"{"error":"invalid_grant"}"#.into(),
                K::NeedsSignIn,
            ),
            (SignIn, 503, "<html>".into(), K::Unavailable),
            (SignIn, 404, "<html>".into(), K::Misconfigured),
        ] {
            let error = judged(credential, status, &body);
            assert_eq!(error.kind(), kind, "{body}: {error}");
        }
    }

    #[test]
    fn ids_are_told_and_secrets_are_not() {
        let body = r#"{"error":"invalid_client","error_codes":[7000215],"trace_id":"1-2","correlation_id":"3-4",
            "error_description":"AADSTS7000215: Invalid client secret canary-secret provided.\r\nTrace ID: 1-2\r\nCorrelation ID: 3-4"}"#;
        let error = judged(AzureCredential::ClientSecret, 401, body);
        let told = error.to_string();
        assert_eq!(
            told,
            "Entra ID (https://login.microsoftonline.com) refused a token to integration \"work\": \
             the client secret is wrong (AADSTS7000215), \"Invalid client secret [redacted] provided\""
        );
        assert_eq!(error.request_id(), Some("1-2, correlation 3-4"));
        assert_eq!(error.retry_at(), Some(Timestamp::from_millis(30_000)));
        assert!(
            error
                .hint()
                .unwrap()
                .contains("dayfly integration login work")
        );
        let odd = judged(AzureCredential::ClientSecret, 404, "<html>canary-secret");
        assert!(!format!("{odd:?}").contains("canary"), "{odd:?}");
        assert_eq!(odd.request_id(), Some("header-id"));
    }
}
