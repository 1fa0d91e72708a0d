//! Which subscriptions there are, as the resource manager tells.
//!
//! Source: Azure Resource Manager REST API, "Subscriptions - List", version 2022-12-01.

use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use serde::Deserialize;

use super::entra;
use super::errors::AzureError;
use super::http::{Answer, Http, one_line};
use super::integration::AzureIntegration;
use crate::http::Place;

const VERSION: &str = "2022-12-01";
/// Pages of one list.
const PAGES: usize = 1_000;

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its id.
    pub subscription_id: String,
    /// Its name.
    pub display_name: String,
    /// The tenant that it belongs to; absent in some clouds.
    pub tenant_id: Option<String>,
    /// `Enabled`, `Warned`, `PastDue`, `Disabled` or `Deleted`.
    #[serde(default)]
    pub state: String,
}

impl Subscription {
    /// Whether anything can be done in it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !matches!(self.state.as_str(), "Disabled" | "Deleted")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    value: Vec<Subscription>,
    next_link: Option<String>,
}

/// An error answer of the resource manager.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    error: Words,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Words {
    code: String,
    message: String,
}

pub(crate) async fn list(
    http: &Http,
    integration: &AzureIntegration,
    token: &SecretString,
    now: Timestamp,
    mut told: impl FnMut(usize),
) -> Result<Vec<Subscription>, AzureError> {
    let base = &integration.cloud.resource_manager;
    let service = format!("the resource manager ({base})");
    let mut all = Vec::new();
    let mut next = Some(format!("{base}/subscriptions?api-version={VERSION}"));
    let mut pages = 0;
    while let Some(address) = next.take() {
        let answer = http
            .get(&address, token)
            .await
            .map_err(|how| AzureError::Unreachable {
                service: service.clone(),
                how,
            })?;
        if !answer.is_success() {
            return Err(refused(integration, &service, &answer, now, token));
        }
        let odd = |problem| AzureError::Odd {
            service: service.clone(),
            problem,
            request_id: answer.request_id.clone(),
        };
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|_| odd("with an invalid list of subscriptions"))?;
        all.extend(page.value);
        told(all.len());
        pages += 1;
        next = page.next_link.filter(|link| !link.is_empty());
        if pages >= PAGES && next.is_some() {
            return Err(odd("with an endless list"));
        }
        // The token goes nowhere else.
        let elsewhere =
            |link: &String| Place::of(link).is_none_or(|place| Some(place) != Place::of(base));
        if next.as_ref().is_some_and(elsewhere) {
            return Err(odd("with a list that continues at another address"));
        }
    }
    Ok(all)
}

fn refused(
    integration: &AzureIntegration,
    service: &str,
    answer: &Answer,
    now: Timestamp,
    token: &SecretString,
) -> AzureError {
    use dayfly_core::session::ErrorKind;
    let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
    if said.error.code.is_empty() {
        return entra::refused(integration, answer, now, &[token]);
    }
    let kind = match answer.status {
        401 => ErrorKind::NeedsSignIn,
        403 => ErrorKind::Denied,
        429 => ErrorKind::Throttled,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    };
    let code = super::http::word(&said.error.code);
    let words = said.error.message.replace(token.expose(), "[redacted]");
    AzureError::Refused {
        kind,
        sentence: format!(
            "{service} shows no subscriptions to integration \"{}\": {} ({code})",
            integration.name,
            one_line(&words)
        ),
        code,
        hint: None,
        retry_at: answer.retry_at(now),
        request_id: answer.request_id.clone(),
    }
}
