//! Where a browser brings the SAML assertion of an identity provider to: an assertion consumer
//! service on loopback, for one sign-in.
//!
//! Dayfly sends the browser to the identity provider, which brings the assertion without having been
//! asked by a request that it could answer. So that nobody else's is taken, it has to come over a
//! connection of this user's, from a page of the identity provider or with the state of this sign-in,
//! and must not answer a request of somebody else. One answer ends it; everything else is refused and
//! told.
//!
//! Sources: SAML 2.0 Bindings, 3.5 (HTTP POST: a form with `SAMLResponse` and `RelayState`); SAML 2.0
//! Profiles, 4.1.5 (unsolicited responses); RFC 6454, 7 (`Origin`).

use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_providers::{Assertion, AssertionError};
use dayfly_vault::SecretString;
use hyper::header::{CONTENT_TYPE, ORIGIN};
use hyper::{Method, StatusCode};

use crate::loopback::{self, Asked, Loopback, Page, blank};

/// The longest form, in bytes: an assertion of the length that AWS takes, as a form writes it.
const FORM: usize = 512 << 10;
/// The path that assertions are brought to.
const PATH: &str = "/saml";
/// What stands in an identity provider's address for the state of a sign-in.
const STATE: &str = "{state}";
/// How many refusals are told.
const TOLD: usize = 5;

/// What came: an assertion, or what the identity provider says instead of one.
type Came = Result<SecretString, AssertionError>;

/// A listening service.
#[derive(Debug)]
pub struct Acs(Loopback);

/// One sign-in: where the browser is sent, and what may come back.
#[derive(Debug)]
pub struct SignIn {
    address: String,
    /// What has to come back as `RelayState`, where the identity provider was given it.
    state: Option<String>,
    /// From whose pages it may come.
    origins: Vec<String>,
    /// Whether the address holds a request that may be answered.
    asks: bool,
}

impl SignIn {
    /// A sign-in at this address, whose answers may come from pages of these origins too. `{state}` in
    /// the address becomes the state of this sign-in.
    pub fn at(address: &str, others: &[String]) -> Self {
        let state = address
            .contains(STATE)
            .then(|| uuid::Uuid::new_v4().simple().to_string());
        let address = match &state {
            Some(state) => address.replace(STATE, state),
            None => address.to_owned(),
        };
        let others = others.iter().filter_map(|other| match other.as_str() {
            "null" => Some("null".to_owned()),
            other => origin(other),
        });
        Self {
            origins: origin(&address).into_iter().chain(others).collect(),
            asks: address.contains("SAMLRequest="),
            address,
            state,
        }
    }

    /// Where the browser goes.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether a form is an answer to this sign-in, or why it is none.
    fn owns(&self, asked: &Asked, relayed: Option<&str>) -> Result<(), String> {
        if let Some(state) = &self.state {
            return match relayed {
                Some(relayed) if relayed == state => Ok(()),
                _ => Err("it does not have the RelayState of this sign-in".to_owned()),
            };
        }
        let mut origins = asked.headers().get_all(ORIGIN).iter();
        let from = match (origins.next(), origins.next()) {
            (Some(from), None) => from.to_str().unwrap_or_default(),
            _ => return Err("it does not come from a page in a browser".to_owned()),
        };
        let known = origin(from).unwrap_or_else(|| from.to_owned());
        if self.origins.contains(&known) {
            return Ok(());
        }
        Err(format!(
            "it comes from a page of {from}, not from {}",
            self.origins.join(" or ")
        ))
    }
}

/// The scheme, host and port of an address, as a browser names them.
fn origin(address: &str) -> Option<String> {
    let uri: hyper::Uri = address.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let host = uri.host()?.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let port = uri.port_u16().filter(|port| *port != usual);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}"))
}

/// What a form was.
enum Form {
    /// The answer, and its page.
    Answer(Came, Page),
    /// Somebody else's, and why.
    Refused(Page, String),
    /// Nothing that matters.
    None(Page),
}

impl Acs {
    /// Listens on 127.0.0.1.
    pub async fn start(port: u16) -> Result<Self, CliError> {
        Loopback::start(port).await.map(Self).map_err(|e| {
            let message = format!("cannot listen on 127.0.0.1:{port} for the sign-in: {e}");
            CliError::failed(message).hint(
                "another sign-in may be running; if you change the port (--port, or `port` of \
                 [saml] in dayfly.toml), change it at the identity provider too",
            )
        })
    }

    /// The address that the identity provider has to know.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.0.address())
    }

    /// Waits for the answer to a sign-in; none where none came in time. Answers of others are refused,
    /// and `told` why.
    pub async fn wait(
        self,
        sign_in: &SignIn,
        patience: Duration,
        told: impl Fn(&str),
    ) -> Option<Came> {
        let mut serving = self.0.serve(&["127.0.0.1", "localhost"], FORM);
        let coming = async {
            let mut refused = 0_usize;
            loop {
                let (asked, reply) = serving.next().await?;
                match judge(&asked, sign_in) {
                    Form::Answer(came, page) => {
                        reply.show(page).await;
                        return Some(came);
                    }
                    Form::Refused(page, why) => {
                        reply.show_soon(page);
                        refused += 1;
                        if refused <= TOLD {
                            told(&why);
                        }
                    }
                    Form::None(page) => reply.show_soon(page),
                }
            }
        };
        let came = tokio::time::timeout(patience, coming).await;
        serving.close().await;
        came.ok().flatten()
    }
}

fn judge(asked: &Asked, sign_in: &SignIn) -> Form {
    if let Err(status) = admit(asked) {
        return Form::None(blank(status));
    }
    let (mut response, mut relayed) = (None, None);
    for (name, value) in form_urlencoded::parse(asked.body()) {
        let place = match &*name {
            "SAMLResponse" => &mut response,
            "RelayState" => &mut relayed,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Form::None(blank(StatusCode::BAD_REQUEST));
        }
    }
    let Some(text) = response.map(SecretString::from) else {
        let what = "The form has no SAMLResponse.";
        return Form::None(page(StatusCode::BAD_REQUEST, "No assertion", what));
    };
    let refuse = |why: String| {
        let what = format!("This is not an answer to the sign-in that Dayfly started: {why}.");
        Form::Refused(page(StatusCode::FORBIDDEN, "Not accepted", &what), why)
    };
    // Before anything of it is read: neither an assertion nor a refusal of somebody else counts.
    if let Err(why) = sign_in.owns(asked, relayed.as_deref()) {
        return refuse(why);
    }
    match Assertion::parse(&text) {
        Ok(assertion) if assertion.is_in_response() && !sign_in.asks => {
            refuse("it answers a request that Dayfly did not make".to_owned())
        }
        Ok(_) => {
            let what =
                "You are signed in. You can close this page; Dayfly continues in the terminal.";
            Form::Answer(Ok(text), page(StatusCode::OK, "Signed in", what))
        }
        Err(error @ (AssertionError::Refused(_) | AssertionError::NoRoles)) => {
            let shown = page(StatusCode::OK, "Not signed in", &error.to_string());
            Form::Answer(Err(error), shown)
        }
        // Whoever sends this is no identity provider; the sign-in goes on.
        Err(error) => {
            let status = StatusCode::BAD_REQUEST;
            Form::None(page(status, "No assertion", &error.to_string()))
        }
    }
}

fn admit(asked: &Asked) -> Result<(), StatusCode> {
    if asked.uri().path() != PATH {
        return Err(StatusCode::NOT_FOUND);
    }
    if asked.method() != Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let kind = asked.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    Ok(())
}

fn page(status: StatusCode, title: &str, text: &str) -> Page {
    loopback::html(status, html(title, text))
}

/// What the person sees in the browser.
pub fn html(title: &str, text: &str) -> String {
    let text = loopback::words(text);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Dayfly: {title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;\
         padding:0 1rem;color:#222;background:#fff}}h1{{font-size:1.5rem}}@media\
         (prefers-color-scheme:dark){{body{{color:#ddd;background:#1a1a1a}}}}</style>\
         <h1>{title}</h1><p>{text}</p></html>"
    )
}

#[cfg(test)]
#[path = "saml_acs_tests.rs"]
mod tests;
