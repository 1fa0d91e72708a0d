//! What came back from a service of AWS, as the SDK reports it: an answer, or the reason why there is
//! none.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::date_time::{DateTime, Format};
use dayfly_core::time::Timestamp;
use dayfly_net::Unusable;
use dayfly_vault::SecretString;

use crate::unreachable::Unreachable;

/// The longest that a service may tell the engine to stay away.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// The most characters of the service's own words.
const MESSAGE_MAX: usize = 400;
/// The most characters of a code or a request id.
const WORD_MAX: usize = 128;

/// What came of a call that did not succeed.
pub(crate) enum Reply<'a> {
    /// A success by its status, whose body is not what the service sends.
    NotTheServices(&'a HttpResponse),
    /// The service answered that it refuses.
    Answer(Box<Answer>),
    /// The service did not answer.
    Unreachable(Unreachable),
}

impl<'a> Reply<'a> {
    /// What the SDK's error means; `secrets` is what the call carried and no message may show.
    pub(crate) fn of<E>(error: &'a SdkError<E, HttpResponse>, secrets: &[SecretString]) -> Self
    where
        E: ProvideErrorMetadata + RequestId + Error + Send + Sync + 'static,
    {
        let answer = match error {
            SdkError::ServiceError(context) => {
                let raw = context.raw();
                (raw, Answer::of(context.err(), raw))
            }
            SdkError::ResponseError(context) => {
                let raw = context.raw();
                (raw, Answer::without_code(raw))
            }
            SdkError::TimeoutError(_) => return Self::Unreachable(Unreachable::Timeout),
            SdkError::DispatchFailure(context) => {
                return Self::Unreachable(match context.as_connector_error() {
                    Some(error) => connection(error, secrets),
                    None => Unreachable::Connection {
                        detail: "the connection failed".to_owned(),
                    },
                });
            }
            _ => {
                let last = sources(error).last().map(ToString::to_string);
                return Self::Unreachable(Unreachable::Request {
                    detail: clean(&last.unwrap_or_default(), secrets),
                });
            }
        };
        match answer {
            (raw, _) if raw.status().is_success() => Self::NotTheServices(raw),
            (_, answer) => Self::Answer(Box::new(answer)),
        }
    }
}

/// What a broken or missing connection means.
pub(crate) fn connection(error: &ConnectorError, secrets: &[SecretString]) -> Unreachable {
    if error.is_timeout() {
        return Unreachable::Timeout;
    }
    if let Some(unusable) = Unusable::of(error) {
        return Unreachable::Settings(unusable.clone());
    }
    let mut last = String::new();
    for source in sources(error) {
        if source.downcast_ref::<rustls::Error>().is_some() {
            return Unreachable::Tls {
                detail: clean(&source.to_string(), secrets),
            };
        }
        if let Some(io) = source.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return Unreachable::ConnectionRefused,
                io::ErrorKind::TimedOut => return Unreachable::Timeout,
                _ => {}
            }
        }
        last = source.to_string();
        // hyper-util has no type for it that could be asked.
        if last == "dns error" {
            return Unreachable::Name;
        }
    }
    Unreachable::Connection {
        detail: clean(&last, secrets),
    }
}

/// Somebody else's words: one line, not too long, and without what the call carried.
pub(crate) fn clean(words: &str, secrets: &[SecretString]) -> String {
    let mut words = words.to_owned();
    for secret in secrets {
        let secret = secret.expose();
        // A shorter one may be part of an ordinary word.
        if secret.len() >= 6 {
            words = words.replace(secret, "[redacted]");
        }
    }
    let mut line = dayfly_core::text::one_line(&words, MESSAGE_MAX);
    line.truncate(line.trim_end_matches('.').len());
    line
}

/// What of an answer matters here.
pub(crate) struct Answer {
    /// The service's code, or one made from the status.
    pub(crate) code: String,
    /// Whether the code is the service's.
    pub(crate) coded: bool,
    /// The service's words.
    pub(crate) message: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The service's id of the request.
    pub(crate) request_id: Option<String>,
    retry_after: Option<String>,
    retry_after_millis: Option<String>,
}

impl Answer {
    pub(crate) fn of<E: ProvideErrorMetadata + RequestId>(error: &E, raw: &HttpResponse) -> Self {
        let mut answer = Self::without_code(raw);
        if let Some(code) = error.code() {
            word(code).clone_into(&mut answer.code);
            answer.coded = true;
        }
        if let Some(message) = error.message() {
            message.clone_into(&mut answer.message);
        }
        if let Some(id) = error.request_id() {
            answer.request_id = Some(word(id).to_owned());
        }
        answer
    }

    pub(crate) fn without_code(raw: &HttpResponse) -> Self {
        let status = raw.status().as_u16();
        let header = |name| raw.headers().get(name).map(str::to_owned);
        Self {
            code: format!("HTTP {status}"),
            coded: false,
            message: String::new(),
            status,
            request_id: raw.request_id().map(|id| word(id).to_owned()),
            retry_after: header("retry-after"),
            retry_after_millis: header("x-amz-retry-after"),
        }
    }

    /// When the service wants to be asked again.
    ///
    /// Source: RFC 9110, 10.2.3 (seconds or a date); the AWS SDKs' `x-amz-retry-after`
    /// (milliseconds).
    pub(crate) fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        let millis = || {
            let millis = self.retry_after_millis.as_deref()?.trim().parse().ok()?;
            Some(now.plus(Duration::from_millis(millis)))
        };
        let standard = || {
            let value = self.retry_after.as_deref()?.trim();
            if let Ok(seconds) = value.parse() {
                return Some(now.plus(Duration::from_secs(seconds)));
            }
            let date = DateTime::from_str(value, Format::HttpDate).ok()?;
            u64::try_from(date.to_millis().ok()?)
                .ok()
                .map(Timestamp::from_millis)
        };
        millis()
            .or_else(standard)
            .map(|at| at.clamp(now, now.plus(RETRY_AFTER_MAX)))
    }
}

/// A code or an id of the service, as far as it looks like one.
pub(crate) fn word(word: &str) -> &str {
    let end = word
        .char_indices()
        .take(WORD_MAX)
        .find(|(_, c)| !(c.is_ascii_alphanumeric() || "._:-".contains(*c)))
        .map_or_else(|| word.len().min(WORD_MAX), |(at, _)| at);
    word.get(..end).unwrap_or_default()
}

/// An error and its causes, payloads of [`io::Error`] included.
pub(crate) fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
