//! The call to the sign-in service of AWS: a code or a refresh token for credentials.
//!
//! Sources: service model `signin` (2023-01-01), `CreateOAuth2Token`, its endpoint rules and its words for
//! errors (`OAuth2ErrorCode`); RFC 9449, 4.2.

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use dayfly_core::session::ErrorKind;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::access::{ANSWER, Endpoint, LoginTarget, Logins};
use super::dpop::DpopKey;
use super::error::LoginError;
use super::uuid::uuid;
use crate::answer::{self, Answer, clean, word};
use crate::aws_sts::{is_plausible_region, load};
use crate::cli_cache::secret;
use crate::http::Place;
use crate::unreachable::Unreachable;

/// What a person's policy has to allow for this.
const PERMISSION: &str = "ask for the policy SignInLocalDevelopmentAccess (signin:AuthorizeOAuth2Access \
                          and signin:CreateOAuth2Token)";

/// The service in one region.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// Where it is, without a path.
    pub(super) base: String,
    /// As messages name it.
    name: String,
}

/// What is asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked<'a> {
    pub(super) client_id: &'a str,
    pub(super) grant_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code_verifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) redirect_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<&'a str>,
}

/// What came.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    access_token: Access,
    token_type: Option<String>,
    expires_in: u64,
    #[serde(with = "secret")]
    refresh_token: Option<SecretString>,
    #[serde(default, with = "secret")]
    id_token: Option<SecretString>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Access {
    access_key_id: String,
    #[serde(with = "secret")]
    secret_access_key: Option<SecretString>,
    #[serde(with = "secret")]
    session_token: Option<SecretString>,
}

/// What the service says of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    error: String,
    message: String,
}

/// Credentials, and what renews them.
pub(super) struct Granted {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: SecretString,
    pub(super) session_token: SecretString,
    pub(super) token_type: Option<String>,
    pub(super) expires_at: Timestamp,
    pub(super) refresh_token: SecretString,
    pub(super) id_token: Option<SecretString>,
}

/// Where AWS has the service in the partition of a region.
///
/// Source: the endpoint rules of `signin`.
fn host(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "signin.amazonaws.cn"),
        ("us-gov-", "signin.amazonaws-us-gov.com"),
        ("us-iso-", "signin.c2shome.ic.gov"),
        ("us-isob-", "signin.sc2shome.sgov.gov"),
        ("us-isof-", "signin.csphome.hci.ic.gov"),
        ("eu-isoe-", "signin.csphome.adc-e.uk"),
        ("eusc-", "signin.amazonaws-eusc.eu"),
    ];
    let own = partitions.iter().find(|(of, _)| region.starts_with(of));
    own.map_or("signin.aws.amazon.com", |(_, host)| host)
}

impl Logins {
    /// The service in a region: where the settings of the SDK say (`AWS_ENDPOINT_URL_SIGNIN` and their
    /// like), else where AWS has it.
    pub(super) async fn service(&self, region: &str) -> Result<Service, LoginError> {
        let unreachable = |how| LoginError::Unreachable {
            service: format!("the sign-in service of AWS in {region}"),
            how,
        };
        let detail = |detail: &str| Unreachable::Request {
            detail: detail.to_owned(),
        };
        // The region becomes part of a host name.
        if !is_plausible_region(region) {
            return Err(unreachable(detail("its region is not one of AWS")));
        }
        let endpoint = self
            .endpoint
            .get_or_try_init(|| async {
                let loaded = load("Signin", None, &self.settings.timeouts, region).await?;
                Ok(Endpoint(loaded.endpoint))
            })
            .await
            .map_err(|unusable| unreachable(Unreachable::Settings(unusable)))?;
        let Some(url) = &endpoint.0 else {
            return Ok(Service {
                base: format!("https://{region}.{}", host(region)),
                name: format!("the sign-in service of AWS in {region}"),
            });
        };
        let place = Place::of(url);
        let place = place.ok_or_else(|| unreachable(detail("its endpoint is not a URL")))?;
        if place.plain && !place.loopback {
            let problem = "others on the network could read what Dayfly sends to its endpoint";
            return Err(unreachable(detail(problem)));
        }
        Ok(Service {
            name: format!("the sign-in service ({})", place.shown),
            base: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Where the service is called for a region.
    ///
    /// # Errors
    /// The settings of the SDK cannot be used.
    pub async fn place(&self, region: &str) -> Result<String, LoginError> {
        Ok(self.service(region).await?.base)
    }

    /// Asks for credentials; what is carried is in `secrets`, and in no message.
    pub(super) async fn call(
        &self,
        service: &Service,
        target: &LoginTarget,
        asked: &Asked<'_>,
        key: &DpopKey,
        secrets: &[SecretString],
    ) -> Result<Granted, LoginError> {
        let unreachable = |how| LoginError::Unreachable {
            service: service.name.clone(),
            how,
        };
        let now = (self.settings.clock)();
        let request = request(service, asked, key, now).ok_or_else(|| {
            unreachable(Unreachable::Request {
                detail: "the request cannot be made".to_owned(),
            })
        })?;
        let timeouts = self.settings.timeouts;
        let answer = tokio::time::timeout(timeouts.whole, self.connector.call(request)).await;
        let answer = answer.map_err(|_| unreachable(Unreachable::Timeout))?;
        let answer = answer.map_err(|error| unreachable(answer::connection(&error, secrets)))?;
        let status = answer.status().as_u16();
        let about = Answer::without_code(&answer);
        let bytes = body(answer, timeouts.attempt).await;
        let bytes = bytes.map_err(|detail| unreachable(Unreachable::Connection { detail }))?;
        if status == 200 {
            let granted = granted(&bytes, (self.settings.clock)());
            return granted.map_err(|problem| LoginError::Answer {
                service: service.name.clone(),
                problem,
                request_id: about.request_id,
            });
        }
        let said = serde_json::from_slice(&bytes).unwrap_or_default();
        let now = (self.settings.clock)();
        Err(refused(service, target, &about, &said, secrets, now))
    }
}

fn request(
    service: &Service,
    asked: &Asked<'_>,
    key: &DpopKey,
    now: Timestamp,
) -> Option<HttpRequest> {
    let url = format!("{}/v1/token", service.base);
    // As the AWS CLI does: a UUID.
    let mut id = [0; 16];
    getrandom::fill(&mut id).ok()?;
    let proof = key.proof(&url, now, &uuid(id))?;
    let mut body = Zeroizing::new(Vec::with_capacity(ANSWER));
    serde_json::to_writer(&mut *body, asked).ok()?;
    let request = ::http::Request::post(url)
        .header("content-type", "application/json")
        .header("dpop", proof)
        .body(SdkBody::from(body.as_slice()))
        .ok()?;
    HttpRequest::try_from(request).ok()
}

async fn body(
    answer: HttpResponse,
    silence: std::time::Duration,
) -> Result<Zeroizing<Vec<u8>>, String> {
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(ANSWER));
    let take = |piece: &[u8]| bytes.extend_from_slice(piece);
    let read = dayfly_net::read(answer, ANSWER, silence, take).await;
    read.map_err(|broken| broken.to_string())?;
    Ok(bytes)
}

/// Reads what was given; the error is what is wrong with it, and nothing of it.
fn granted(bytes: &[u8], now: Timestamp) -> Result<Granted, String> {
    let odd = || "with something that is not its answer".to_owned();
    let given: Given = serde_json::from_slice(bytes).map_err(|_| odd())?;
    let Access {
        access_key_id,
        secret_access_key: Some(secret_access_key),
        session_token: Some(session_token),
    } = given.access_token
    else {
        return Err("without credentials".to_owned());
    };
    let refresh_token = given.refresh_token.ok_or("without a refresh token")?;
    if access_key_id.is_empty() || given.expires_in == 0 {
        return Err("with incomplete credentials".to_owned());
    }
    Ok(Granted {
        access_key_id,
        secret_access_key,
        session_token,
        token_type: given.token_type,
        expires_at: now.plus(std::time::Duration::from_secs(given.expires_in)),
        refresh_token,
        id_token: given.id_token,
    })
}

/// What an answer means that says no.
fn refused(
    service: &Service,
    target: &LoginTarget,
    about: &Answer,
    said: &Said,
    secrets: &[SecretString],
    now: Timestamp,
) -> LoginError {
    let code = match word(&said.error) {
        "" => about.code.clone(),
        code => code.to_owned(),
    };
    let ended = |how| LoginError::Ended {
        session: target.session.clone(),
        who: target.login_session.clone(),
        how,
        code: code.clone(),
        request_id: about.request_id.clone(),
    };
    let refused = |kind, what: &str, hint| LoginError::Refused {
        kind,
        code: code.clone(),
        sentence: format!("{} {what} ({code})", service.name),
        hint,
        retry_at: about.retry_at(now),
        request_id: about.request_id.clone(),
    };
    match code.as_str() {
        "TOKEN_EXPIRED" | "invalid_grant" => ended("has expired"),
        "AUTHCODE_EXPIRED" => ended("took too long: its code has expired"),
        "USER_CREDENTIALS_CHANGED" => ended("was ended, since the password has changed"),
        "INSUFFICIENT_PERMISSIONS" => refused(
            ErrorKind::Denied,
            "does not allow this sign-in to give credentials for programs",
            Some(PERMISSION),
        ),
        _ if about.status == 429 || code == "rate_exceeded" => {
            refused(ErrorKind::Throttled, "asks for fewer calls", None)
        }
        _ if about.status >= 500 => refused(ErrorKind::Unavailable, "is out of order", None),
        _ => {
            let message = clean(&said.message, secrets);
            let what = match message.is_empty() {
                true => "refused".to_owned(),
                false => format!("refused: {message}"),
            };
            refused(ErrorKind::Denied, &what, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_host() {
        for (region, wanted) in [
            ("us-east-1", "signin.aws.amazon.com"),
            ("cn-north-1", "signin.amazonaws.cn"),
            ("us-gov-west-1", "signin.amazonaws-us-gov.com"),
            ("us-isob-east-1", "signin.sc2shome.sgov.gov"),
            ("eusc-de-east-1", "signin.amazonaws-eusc.eu"),
        ] {
            assert_eq!(host(region), wanted, "{region}");
        }
    }

    #[test]
    fn an_answer_without_what_is_needed_is_told_and_not_shown() {
        let whole = r#"{"accessToken": {"accessKeyId": "ASIAX", "secretAccessKey": "canary",
            "sessionToken": "canary"}, "tokenType": "aws_sigv4", "expiresIn": 900,
            "refreshToken": "canary"}"#;
        let now = Timestamp::from_millis(1_000);
        let granted_whole = granted(whole.as_bytes(), now).ok().unwrap();
        assert_eq!(granted_whole.expires_at, Timestamp::from_millis(901_000));
        for (from, to, part) in [
            (
                "\"refreshToken\": \"canary\"",
                "\"refreshToken\": \"\"",
                "without a refresh token",
            ),
            ("\"expiresIn\": 900", "\"expiresIn\": 0", "incomplete"),
            ("\"expiresIn\": 900", "\"expiresIn\": -1", "not its answer"),
            (
                "\"secretAccessKey\": \"canary\"",
                "\"secretAccessKey\": \"\"",
                "without credentials",
            ),
            ("{\"accessToken\"", "<html>", "not its answer"),
        ] {
            let told = granted(whole.replacen(from, to, 1).as_bytes(), now);
            let told = told.err().unwrap();
            assert!(told.contains(part) && !told.contains("canary"), "{told}");
        }
    }
}
