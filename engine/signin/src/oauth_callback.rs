//! Waits on loopback for the browser that comes back from a sign-in.
//!
//! Only one request counts: the right path, the right host, the state of this sign-in. All others
//! are turned away and change nothing, so that no page of somebody else's can end or forge it.

use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_vault::SecretString;
use hyper::{Method, StatusCode};

use crate::loopback::{self, Asked, Loopback, Reply, blank};

/// How long a person may take in the browser.
pub const TIMEOUT: Duration = Duration::from_secs(600);
/// Where the browser comes back to.
const PATH: &str = "/oauth/callback";

/// A listener on loopback; closed once it has heard what it waits for.
#[derive(Debug)]
pub struct Callback(Loopback);

/// What the browser brought.
#[derive(Debug)]
pub enum Brought {
    /// The code that a sign-in is had for.
    Code(SecretString),
    /// The service's word for why there is none.
    Refused(String),
}

/// A browser that waits to be told how it ended.
#[derive(Debug)]
pub struct Waiting(Reply);

impl Callback {
    /// Listens on a free port.
    pub async fn start() -> Result<Self, CliError> {
        let loopback = Loopback::start(0).await;
        loopback
            .map(Self)
            .map_err(|e| CliError::failed(format!("cannot listen on loopback: {e}")))
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.0.address().port()
    }

    /// Waits for the browser; none where nobody came in time. `is_ours` knows the state of this
    /// sign-in.
    pub async fn wait(
        self,
        is_ours: impl Fn(&str) -> bool,
        patience: Duration,
    ) -> Option<(Brought, Waiting)> {
        let mut serving = self.0.serve(&["127.0.0.1"], 0);
        let comes = async {
            loop {
                let (asked, reply) = serving.next().await?;
                match understand(&asked, &is_ours) {
                    Ok(brought) => return Some((brought, Waiting(reply))),
                    Err(status) => reply.show_soon(blank(status)),
                }
            }
        };
        let came = tokio::time::timeout(patience, comes).await;
        serving.close().await;
        came.ok().flatten()
    }
}

/// What a request brings, or the status that it gets. Pure.
fn understand(asked: &Asked, is_ours: impl Fn(&str) -> bool) -> Result<Brought, StatusCode> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    if asked.uri().path() != PATH {
        return Err(StatusCode::NOT_FOUND);
    }
    if asked.method() != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let query = asked.uri().query().unwrap_or_default();
    let (mut code, mut state, mut error) = (None, None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "code" => &mut code,
            "state" => &mut state,
            "error" => &mut error,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(BAD);
        }
    }
    if !state.as_deref().is_some_and(is_ours) {
        return Err(BAD);
    }
    match (code, error) {
        (_, Some(error)) => Ok(Brought::Refused(error)),
        (Some(code), None) if !code.is_empty() => Ok(Brought::Code(SecretString::from(code))),
        _ => Err(BAD),
    }
}

impl Waiting {
    /// Tells the person in the browser how it ended. One who is gone is no matter.
    pub async fn tell(self, went_well: bool, text: &str) {
        let page = loopback::html(StatusCode::OK, page(went_well, text));
        self.0.show(page).await;
    }
}

fn page(went_well: bool, text: &str) -> String {
    let (mark, title, colour) = if went_well {
        ("✓", "Signed in", "#1a7f37")
    } else {
        ("✗", "Not signed in", "#b42318")
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Dayfly: {title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\
         body{{font:1.1rem/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;\
         place-items:center;background:#f6f7f9;color:#1f2430}}\
         main{{background:#fff;border-radius:12px;padding:2.5rem 3rem;max-width:32rem;\
         box-shadow:0 2px 16px #0002}}h1{{font-size:1.5rem;margin:0 0 .5rem;color:{colour}}}\
         p{{margin:.25rem 0}}@media(prefers-color-scheme:dark){{body{{background:#15181e;\
         color:#e6e8ec}}main{{background:#1f242d}}h1{{filter:brightness(1.6)}}}}\
         </style></head><body><main><h1>{mark} {title}</h1><p>{}</p>\
         <p>You can close this page.</p></main></body></html>",
        loopback::words(text)
    )
}

#[cfg(test)]
#[path = "oauth_callback_tests.rs"]
mod tests;
