//! The address that signs a browser in to the AWS console with the credentials of a role.
//!
//! Source: IAM user guide, "Enable custom identity broker access to the AWS console": a call of
//! `getSigninToken` at the federation endpoint, then an address with `Action=login`. The token in
//! that address is good for 15 minutes, so the address is a secret.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use dayfly_net::Unusable;
use dayfly_vault::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::http::{self, Place};
use crate::settings::Timeouts;

/// The longest answer that is read, in bytes.
const ANSWER: usize = 64 << 10;

/// Where a person signs in, and where the console is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// The federation endpoint.
    pub federation: String,
    /// Where the browser goes.
    pub destination: String,
}

/// Temporary credentials of a role.
#[derive(Clone, Debug)]
pub struct RoleKeys<'a> {
    /// An identifier, not a secret.
    pub access_key_id: &'a str,
    /// The secret half.
    pub secret_access_key: &'a SecretString,
    /// The session token.
    pub session_token: &'a SecretString,
}

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConsoleError {
    /// The endpoint cannot be called.
    #[error("Dayfly cannot use the sign-in endpoint {0:?}: {1}")]
    Endpoint(String, &'static str),
    /// No answer came.
    #[error("{0} does not answer")]
    Unreachable(String),
    /// This machine's settings let no call be made.
    #[error(transparent)]
    Settings(Unusable),
    /// AWS does not take the credentials.
    #[error("{place} does not accept these credentials (status {status})")]
    Refused {
        /// Which endpoint.
        place: String,
        /// What it answered.
        status: u16,
    },
    /// The answer is no sign-in token.
    #[error("{0} answered with something other than a sign-in token")]
    Odd(String),
}

impl Console {
    /// The endpoint and the console of the partition that a region or a role belongs to.
    ///
    /// Source: AWS General Reference, "AWS sign-in endpoints".
    #[must_use]
    pub fn of(partition: &str, region: Option<&str>, service: &str) -> Self {
        let (federation, console) = hosts(partition);
        let service = path_of(service);
        let query = region.map(|region| encoded(&[("region", region)]));
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Self {
            federation: format!("https://{federation}/federation"),
            destination: format!("https://{console}/{service}/home{query}"),
        }
    }

    /// The same, going to this page of the console; none where it is no page of the console of this partition.
    #[must_use]
    pub fn at(mut self, partition: &str, page: &str) -> Option<Self> {
        let (_, console) = hosts(partition);
        let rest = page.strip_prefix("https://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        let within = host.strip_suffix(console)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let region = within.is_empty() || within.ends_with('.') && within.chars().all(plain);
        let seen = page.chars().all(|c| c.is_ascii_graphic());
        if !region || !seen {
            return None;
        }
        page.clone_into(&mut self.destination);
        Some(self)
    }

    /// Asks for a sign-in token and makes the address of it.
    ///
    /// # Errors
    /// [`ConsoleError`]; no text of it holds a secret.
    pub async fn sign_in(&self, keys: &RoleKeys<'_>) -> Result<SecretString, ConsoleError> {
        let unusable = |problem| ConsoleError::Endpoint(self.federation.clone(), problem);
        let place =
            Place::of(&self.federation).ok_or_else(|| unusable("it is not a valid address"))?;
        if place.plain && !place.loopback {
            return Err(unusable(
                "others on the network could read what Dayfly sends there",
            ));
        }
        let session = Session {
            session_id: keys.access_key_id,
            session_key: keys.secret_access_key.expose(),
            session_token: keys.session_token.expose(),
        };
        let session = serde_json::to_string(&session);
        let session =
            Zeroizing::new(session.map_err(|_| unusable("the credentials are not text"))?);
        let query = Zeroizing::new(encoded(&[
            ("Action", "getSigninToken"),
            ("Session", &session),
        ]));
        let address = Zeroizing::new(format!("{}?{}", self.federation, *query));
        let request = HttpRequest::get(address.as_str())
            .map_err(|_| unusable("it is not a valid address"))?;
        let timeouts = Timeouts::default();
        let connector = http::connector(&timeouts, ANSWER);
        // What an error of the connection says could quote the address.
        let unreachable = || ConsoleError::Unreachable(place.shown.clone());
        let answer = tokio::time::timeout(timeouts.attempt, async {
            let response = connector.call(request).await;
            let response = response.map_err(|error| match Unusable::of(&error) {
                Some(unusable) => ConsoleError::Settings(unusable.clone()),
                None => unreachable(),
            })?;
            let status = response.status().as_u16();
            if status != 200 {
                let place = place.shown.clone();
                return Err(ConsoleError::Refused { place, status });
            }
            body(response, timeouts.attempt, &unreachable).await
        })
        .await
        .map_err(|_| unreachable())??;
        let odd = || ConsoleError::Odd(place.shown.clone());
        let token: Token = serde_json::from_slice(&answer).map_err(|_| odd())?;
        let token = Zeroizing::new(token.signin_token);
        let query = Zeroizing::new(encoded(&[
            ("Action", "login"),
            ("Issuer", "Dayfly"),
            ("Destination", &self.destination),
            ("SigninToken", &token),
        ]));
        Ok(SecretString::from(format!(
            "{}?{}",
            self.federation, *query
        )))
    }
}

/// The hosts of the federation endpoint and of the console.
fn hosts(partition: &str) -> (&'static str, &'static str) {
    match partition {
        "aws-cn" => ("signin.amazonaws.cn", "console.amazonaws.cn"),
        "aws-us-gov" => (
            "signin.amazonaws-us-gov.com",
            "console.amazonaws-us-gov.com",
        ),
        _ => ("signin.aws.amazon.com", "console.aws.amazon.com"),
    }
}

/// The path of a service in the console, where it is not its name in the AWS CLI.
///
/// Source: the addresses of the console.
fn path_of(service: &str) -> &str {
    match service {
        "apigw" => "apigateway",
        "ce" => "cost-management",
        "cf" => "cloudfront",
        "cfn" => "cloudformation",
        "cloudtrail" | "ct" => "cloudtrailv2",
        "codebuild" => "codesuite/codebuild",
        "codecommit" => "codesuite/codecommit",
        "codepipeline" => "codesuite/codepipeline",
        "cw" => "cloudwatch",
        "ddb" | "dynamodb" => "dynamodbv2",
        "eventbridge" => "events",
        "logs" => "cloudwatch",
        "r53" | "route53" => "route53/v2",
        "redshift" => "redshiftv2",
        "sfn" | "stepfunctions" => "states",
        "sm" => "secretsmanager",
        "sqs" => "sqs/v3",
        "ssm" => "systems-manager",
        "sso" | "sso-admin" => "singlesignon",
        "wafv2" => "wafv2/homev2",
        other => other,
    }
}

async fn body(
    response: HttpResponse,
    silence: Duration,
    unreachable: &impl Fn() -> ConsoleError,
) -> Result<Zeroizing<Vec<u8>>, ConsoleError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ANSWER));
    let take = |piece: &[u8]| bytes.extend_from_slice(piece);
    let read = dayfly_net::read(response, ANSWER, silence, take).await;
    read.map_err(|_| unreachable())?;
    Ok(bytes)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session<'a> {
    session_id: &'a str,
    session_key: &'a str,
    session_token: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Token {
    signin_token: String,
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own() {
        let console = Console::of("aws", Some("eu-west-1"), "s3");
        assert_eq!(
            console.federation,
            "https://signin.aws.amazon.com/federation"
        );
        assert_eq!(
            console.destination,
            "https://console.aws.amazon.com/s3/home?region=eu-west-1"
        );
        let china = Console::of("aws-cn", None, "console");
        assert_eq!(china.federation, "https://signin.amazonaws.cn/federation");
        assert_eq!(
            china.destination,
            "https://console.amazonaws.cn/console/home"
        );
        let gov = Console::of("aws-us-gov", None, "console");
        assert_eq!(
            gov.federation,
            "https://signin.amazonaws-us-gov.com/federation"
        );
    }

    #[test]
    fn a_page_is_one_of_the_console_and_of_nobody_else() {
        let at = |partition, page| Console::of(partition, None, "console").at(partition, page);
        for page in [
            "https://console.aws.amazon.com/s3/buckets/mine?region=eu-west-1",
            "https://eu-west-1.console.aws.amazon.com/lambda/home#/functions",
            "https://console.aws.amazon.com",
        ] {
            assert_eq!(at("aws", page).unwrap().destination, page);
        }
        for page in [
            "http://console.aws.amazon.com/",
            "https://evil.example/console.aws.amazon.com",
            "https://evilconsole.aws.amazon.com/",
            "https://console.aws.amazon.com.evil.example/",
            "https://a@evil.example/",
            "https://evil.example@console.aws.amazon.com/",
            "https://console.aws.amazon.com:8443/",
            "https://console.aws.amazon.com/\u{202e}",
            "https://console.amazonaws.cn/",
            "s3",
        ] {
            assert_eq!(at("aws", page), None, "{page}");
        }
        assert!(at("aws-cn", "https://console.amazonaws.cn/s3").is_some());
        let dynamo = Console::of("aws", None, "dynamodb").destination;
        assert_eq!(dynamo, "https://console.aws.amazon.com/dynamodbv2/home");
    }

    #[tokio::test]
    async fn nothing_is_sent_where_it_could_be_read_and_no_error_tells_a_secret() {
        let secret = SecretString::from("canary".to_owned());
        let keys = RoleKeys {
            access_key_id: "ASIA",
            secret_access_key: &secret,
            session_token: &secret,
        };
        let at = |federation: &str| Console {
            federation: federation.to_owned(),
            destination: "https://d".to_owned(),
        };
        // Nobody listens on the port of the last.
        for (federation, part) in [
            ("http://10.0.0.1/federation", "could read what Dayfly sends"),
            ("federation", "not a valid address"),
            ("http://127.0.0.1:9/federation", "does not answer"),
        ] {
            let told = at(federation).sign_in(&keys).await.unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
    }
}
