//! The calls of AWS IAM that a user may make about its own access keys.
//!
//! There are four of them, so they are made here: a form that is signed, and an answer in XML.
//!
//! Sources: AWS IAM API reference, `ListAccessKeys`, `CreateAccessKey`, `UpdateAccessKey`,
//! `DeleteAccessKey` ; AWS General Reference, "AWS
//! Identity and Access Management endpoints".

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use dayfly_core::session::ErrorKind;
use dayfly_core::time::Timestamp;
use dayfly_net::{Connector, Unusable};
use dayfly_vault::{AccessKey, SecretString};
use zeroize::Zeroizing;

use crate::answer::{clean, word};
use crate::aws_sts::load;
use crate::handed::moment;
use crate::http::{self, Place};
use crate::settings::AwsSettings;

/// The longest answer, in bytes.
const ANSWER: usize = 64 << 10;
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Why IAM did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IamError {
    /// It did not answer.
    #[error("{place} did not answer {operation}: {problem}")]
    NoAnswer {
        /// Where it was asked.
        place: String,
        /// The call.
        operation: &'static str,
        /// What happened.
        problem: String,
    },
    /// It said no.
    #[error("{place} refused {operation}: {message} ({code})")]
    Refused {
        /// Where it was asked.
        place: String,
        /// The call.
        operation: &'static str,
        /// Its code.
        code: String,
        /// Its words.
        message: String,
    },
    /// What it answered cannot be used.
    #[error("{place} answered {operation} with something that is not IAM's answer")]
    NotIam {
        /// Where it was asked.
        place: String,
        /// The call.
        operation: &'static str,
    },
}

impl IamError {
    /// Whether it said no with this code.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

impl IamError {
    /// What sort of failure it is.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAnswer { .. } => ErrorKind::Network,
            Self::NotIam { .. } => ErrorKind::Other,
            Self::Refused { code, .. } => match code.as_str() {
                "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => {
                    ErrorKind::Throttled
                }
                "ServiceFailure" | "InternalFailure" | "ServiceUnavailable" => {
                    ErrorKind::Unavailable
                }
                _ => ErrorKind::Denied,
            },
        }
    }
}

/// An access key as IAM lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedKey {
    pub(crate) id: String,
    pub(crate) created: Option<Timestamp>,
}

/// IAM, as a user asks it about itself.
pub struct Iam {
    connector: Connector,
    settings: AwsSettings,
    url: String,
    place: String,
    region: &'static str,
}

/// A user of IAM, who signs with this key.
#[derive(Clone, Copy)]
pub(crate) struct User<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: &'a AccessKey,
}

impl Iam {
    /// Where it is: at this endpoint, or else what the settings of the SDK name (`AWS_ENDPOINT_URL_IAM` and their like), else
    /// where AWS has it for the partition of this region.
    ///
    /// # Errors
    /// The config file cannot be read.
    pub async fn of(
        settings: &AwsSettings,
        endpoint: Option<&str>,
        region: &str,
    ) -> Result<Self, Unusable> {
        let (own, signs) = match region {
            region if region.starts_with("cn-") => {
                ("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1")
            }
            region if region.starts_with("us-gov-") => {
                ("https://iam.us-gov.amazonaws.com", "us-gov-west-1")
            }
            _ => ("https://iam.amazonaws.com", "us-east-1"),
        };
        let loaded = load("IAM", endpoint, &settings.timeouts, region).await?;
        let url = loaded.endpoint.unwrap_or_else(|| own.to_owned());
        let shown = Place::of(&url).map(|place| place.shown);
        let place = shown.map_or_else(|| "IAM".to_owned(), |shown| format!("IAM ({shown})"));
        Ok(Self {
            connector: http::connector(&settings.timeouts, ANSWER),
            settings: settings.clone(),
            url,
            place,
            region: signs,
        })
    }

    /// The keys of a user.
    pub(crate) async fn list(&self, user: User<'_>) -> Result<Vec<ListedKey>, IamError> {
        let operation = "ListAccessKeys";
        let answer = self.call(user, operation, &[]).await?;
        let document = self.document(operation, &answer)?;
        let members = document.descendants().filter(|node| {
            node.tag_name().name() == "member" && text(*node, "AccessKeyId").is_some()
        });
        let listed = |node| ListedKey {
            id: text(node, "AccessKeyId").unwrap_or_default().to_owned(),
            created: text(node, "CreateDate").and_then(moment),
        };
        Ok(members.map(listed).collect())
    }

    /// A new key of the user.
    pub(crate) async fn create(&self, user: User<'_>) -> Result<AccessKey, IamError> {
        let operation = "CreateAccessKey";
        let answer = self.call(user, operation, &[]).await?;
        let document = self.document(operation, &answer)?;
        let made = document
            .descendants()
            .find(|node| node.tag_name().name() == "AccessKey");
        let half = |name| made.and_then(|node| text(node, name));
        match (half("AccessKeyId"), half("SecretAccessKey")) {
            (Some(id), Some(secret)) => Ok(AccessKey {
                access_key_id: id.to_owned(),
                secret_access_key: SecretString::copy_of(secret),
            }),
            _ => Err(self.not_iam(operation)),
        }
    }

    /// One of its keys can no longer be used, until somebody activates it.
    pub(crate) async fn deactivate(&self, user: User<'_>, id: &str) -> Result<(), IamError> {
        let fields = [("AccessKeyId", id), ("Status", "Inactive")];
        self.call(user, "UpdateAccessKey", &fields).await.map(drop)
    }

    /// One of its keys is gone.
    pub(crate) async fn delete(&self, user: User<'_>, id: &str) -> Result<(), IamError> {
        let fields = [("AccessKeyId", id)];
        self.call(user, "DeleteAccessKey", &fields).await.map(drop)
    }

    async fn call(
        &self,
        user: User<'_>,
        operation: &'static str,
        fields: &[(&str, &str)],
    ) -> Result<Zeroizing<String>, IamError> {
        let no_answer = |problem: String| IamError::NoAnswer {
            place: self.place.clone(),
            operation,
            problem,
        };
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", operation)
            .append_pair("Version", "2010-05-08")
            .append_pair("UserName", user.name)
            .extend_pairs(fields)
            .finish();
        let request = self.signed(user.key, form);
        let request = request.ok_or_else(|| no_answer("the call cannot be signed".to_owned()))?;
        let timeouts = self.settings.timeouts;
        let answer = tokio::time::timeout(timeouts.whole, self.connector.call(request)).await;
        let answer = answer.map_err(|_| no_answer("it took too long".to_owned()))?;
        let answer = answer.map_err(|error| match Unusable::of(&error) {
            Some(unusable) => no_answer(unusable.to_string()),
            None => no_answer("the connection failed".to_owned()),
        })?;
        let good = answer.status().is_success();
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(ANSWER));
        let take = |piece: &[u8]| bytes.extend_from_slice(piece);
        let read = dayfly_net::read(answer, ANSWER, timeouts.attempt, take).await;
        read.map_err(|broken| no_answer(broken.to_string()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.not_iam(operation))?;
        let text = Zeroizing::new(text.to_owned());
        match good {
            true => Ok(text),
            false => Err(self.refusal(user.key, operation, &text)),
        }
    }

    fn signed(&self, key: &AccessKey, form: String) -> Option<HttpRequest> {
        let identity = Credentials::new(
            &key.access_key_id,
            key.secret_access_key.expose(),
            None,
            None,
            "dayfly",
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("iam")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .ok()?
            .into();
        let headers = [("content-type", FORM)];
        let body = SignableBody::Bytes(form.as_bytes());
        let signable = SignableRequest::new("POST", &self.url, headers.into_iter(), body).ok()?;
        let (instructions, _) = sign(signable, &params).ok()?.into_parts();
        let mut request = ::http::Request::post(&self.url)
            .header("content-type", FORM)
            .body(SdkBody::from(form.as_str()))
            .ok()?;
        instructions.apply_to_request_http1x(&mut request);
        HttpRequest::try_from(request).ok()
    }

    /// What an answer means that says no.
    fn refusal(&self, key: &AccessKey, operation: &'static str, answer: &str) -> IamError {
        let Ok(document) = self.document(operation, answer) else {
            return self.not_iam(operation);
        };
        let root = document.root();
        let Some(code) = text(root, "Code") else {
            return self.not_iam(operation);
        };
        let secrets = [key.secret_access_key.clone()];
        IamError::Refused {
            place: self.place.clone(),
            operation,
            code: word(code).to_owned(),
            message: clean(text(root, "Message").unwrap_or_default(), &secrets),
        }
    }

    fn document<'a>(
        &self,
        operation: &'static str,
        answer: &'a str,
    ) -> Result<roxmltree::Document<'a>, IamError> {
        roxmltree::Document::parse(answer).map_err(|_| self.not_iam(operation))
    }

    fn not_iam(&self, operation: &'static str) -> IamError {
        IamError::NotIam {
            place: self.place.clone(),
            operation,
        }
    }
}

/// The text of the first element of this name below another.
fn text<'a>(node: roxmltree::Node<'a, '_>, name: &str) -> Option<&'a str> {
    let found = node.descendants().find(|n| n.tag_name().name() == name)?;
    found.text().map(str::trim).filter(|text| !text.is_empty())
}
