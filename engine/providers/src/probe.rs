//! Asks an endpoint nothing, to see whether it answers and what time it is there.
//!
//! Source: RFC 9110, section 6.6.1, "Date".

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::date_time::{DateTime, Format};
use dayfly_core::time::Timestamp;
use dayfly_net::Unusable;

use crate::http::{self, Place};
use crate::settings::Timeouts;

/// The longest answer that is of interest, in bytes.
const ANSWER: usize = 64 << 10;
/// How long it may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What an endpoint answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Its status.
    pub status: u16,
    /// What time it is there, in whole seconds.
    pub date: Option<Timestamp>,
}

/// Asks with a GET that carries nothing.
///
/// # Errors
/// Why nothing answered, a sentence without a full stop that holds nothing of the address but its
/// place.
pub async fn probe(url: &str) -> Result<Probed, String> {
    let Some(place) = Place::of(url) else {
        return Err("the configured endpoint is not a URL".to_owned());
    };
    let nothing = || format!("{} does not answer", place.shown);
    let request = HttpRequest::get(url).map_err(|_| nothing())?;
    let timeouts = Timeouts {
        connect: TIMEOUT,
        attempt: TIMEOUT,
        ..Timeouts::default()
    };
    let connector = http::connector(&timeouts, ANSWER);
    let answer = tokio::time::timeout(TIMEOUT, connector.call(request)).await;
    let answer = answer.map_err(|_| nothing())?;
    // What this machine's settings make impossible is no fault of the endpoint.
    let answer = answer.map_err(|error| match Unusable::of(&error) {
        Some(unusable) => format!("Dayfly does not call {}: {unusable}", place.shown),
        None => nothing(),
    })?;
    let date = answer.headers().get("date");
    let date = date.and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
    let millis = date.and_then(|date| u64::try_from(date.to_millis().ok()?).ok());
    Ok(Probed {
        status: answer.status().as_u16(),
        date: millis.map(Timestamp::from_millis),
    })
}
