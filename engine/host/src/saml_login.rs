//! A person signs in at an identity provider, and the assertion comes to this process.

use std::time::Duration;

use dayfly_core::session::{Access, SessionId};
use dayfly_dialog::{CliError, Code, sanitize};
use dayfly_runtime::Home;
use dayfly_signin::saml_acs::{Acs, SignIn};
use dayfly_signin::{browser, saml_capture};
use dayfly_vault::SecretString;

use crate::{person, settings, workspace};

/// How long a person may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How a person signs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Means {
    /// The address is printed, and the person opens it.
    pub by_hand: bool,
    /// Where the assertion is brought to, in the place of the configured port.
    pub port: Option<u16>,
}

/// The assertion that the identity provider of a session gives to the person who signs in.
pub async fn sign_in(
    home: &Home,
    session: &SessionId,
    means: &Means,
) -> Result<SecretString, CliError> {
    let (name, address) = asked(home, session)?;
    let config = settings::in_force(home)?;
    let sign_in = SignIn::at(&address, &config.saml.origins);
    let shown = sanitize(sign_in.address());
    let windowed = !means.by_hand && means.port.is_none() && !config.saml.browser.is_empty();
    if windowed {
        person::say(&format!(
            "{name}: Dayfly opens {shown} in a separate browser; sign in there"
        ));
        let caught =
            saml_capture::capture(&config.saml.browser, sign_in.address(), TIMEOUT).await?;
        return caught.ok_or_else(|| nobody(&name));
    }
    let acs = Acs::start(means.port.unwrap_or(config.saml.port)).await?;
    let by_hand = means.by_hand || !browser::can_open();
    if by_hand {
        person::say(&format!(
            "{name}: open {shown} in a browser on this machine, and sign in"
        ));
    } else {
        person::say(&format!("{name}: the browser opens {shown}; sign in there"));
    }
    person::say(&format!(
        "the identity provider must post the assertion to {}",
        acs.url()
    ));
    let opening = async {
        if by_hand {
            return Ok(());
        }
        browser::open(&SecretString::from(sign_in.address().to_owned())).await
    };
    let refused = |why: &str| {
        person::say(&format!(
            "{name}: Dayfly refused an assertion: {}; if it came from your identity provider, add \
             its origin to `origins` of [saml] in dayfly.toml, then sign in again",
            sanitize(why)
        ));
    };
    let waiting = acs.wait(&sign_in, TIMEOUT, refused);
    tokio::pin!(waiting);
    let came = tokio::select! {
        came = &mut waiting => came,
        opened = opening => {
            if let Err(trouble) = opened {
                person::say(&format!("{}; open the address yourself", trouble.message));
            }
            waiting.await
        }
    };
    match came {
        Some(Ok(text)) => Ok(text),
        Some(Err(error)) => Err(
            CliError::failed(format!("cannot sign in for {name}: {error}"))
                .hint("ask the operator of the identity provider, or sign in as another user"),
        ),
        None => Err(nobody(&name)),
    }
}

/// The name of a session, and the address of its identity provider.
fn asked(home: &Home, session: &SessionId) -> Result<(String, String), CliError> {
    let known = workspace::require(home)?;
    let entry = known.get(session).ok_or_else(|| {
        let message = format!("session \"{session}\" is not in the Workspace any more");
        CliError::new(Code::NotFound, message)
    })?;
    let Access::AwsIamRoleFederated { idp_url_id, .. } = &entry.session.access else {
        return Err(CliError::usage("only federated sessions need this sign-in"));
    };
    let idp = known.idp_url(idp_url_id).ok_or_else(|| {
        CliError::failed(format!("the Workspace has no IdP URL \"{idp_url_id}\""))
    })?;
    Ok((sanitize(&entry.session.name), idp.url.clone()))
}

fn nobody(name: &str) -> CliError {
    let minutes = TIMEOUT.as_secs() / 60;
    let message = format!("you did not sign in for {name} within {minutes} minutes");
    CliError::new(Code::NeedsPerson, message).hint(HINT)
}

/// Where assertions go instead, and what to do about it.
const HINT: &str = "if the identity provider posts assertions only to AWS, set `command` or \
                    `browser` in [saml] of dayfly.toml, or give the assertion on the standard \
                    input (--assertion)";
