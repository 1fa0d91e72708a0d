//! Signs a person in to a portal of IAM Identity Center, and out.

use std::sync::Arc;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_dialog::{CliError, Code, sanitize, time};
use dayfly_providers::sso::{SignInStatus, Sso, SsoError, SsoIntegration};
use dayfly_runtime::{Home, clock, sso_integration};
use dayfly_signin::browser;
use dayfly_signin::oauth_callback::{Brought, Callback, TIMEOUT};
use dayfly_vault::SecretString;
use dayfly_workspace::AwsSsoIntegration;

use crate::sso;

/// Tells the person.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// How a person wants to sign in.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// By a code that is entered elsewhere.
    pub device: bool,
    /// Whether a browser is opened.
    pub open: bool,
}

/// Signs the person in.
pub fn run(
    home: &Home,
    integration: &AwsSsoIntegration,
    how: How,
    say: Say<'_>,
) -> Result<(), CliError> {
    let portals = sso::portals(home)?;
    let integration = sso_integration(integration);
    let standing = sso::block_on(sign_in(&portals, &integration, how, say))?;
    // Where an engine runs, it notices by itself; told, it need not wait for the file system.
    let told = client::ask::<serde_json::Value>(
        home,
        &Request::SignedIn {
            id: integration.id.clone(),
        },
    );
    if let Some(Err(trouble)) = told {
        return Err(trouble);
    }
    say(&format!(
        "signed in to {}{}\n",
        sanitize(&integration.name),
        until(&standing)
    ));
    Ok(())
}

fn until(standing: &SignInStatus) -> String {
    let Some(until) = standing.until else {
        return String::new();
    };
    let lasts = time::relative(until, clock::now());
    if standing.renewable {
        format!("; the token expires {lasts}, and Dayfly renews it")
    } else {
        format!("; it expires {lasts}")
    }
}

async fn sign_in(
    portals: &Arc<Sso>,
    integration: &SsoIntegration,
    how: How,
    say: Say<'_>,
) -> Result<SignInStatus, CliError> {
    if how.device {
        return by_code(portals, integration, how.open && browser::can_open(), say).await;
    }
    if how.open && !browser::can_open() {
        say("Dayfly cannot open a browser here, so you sign in with a code\n");
        return by_code(portals, integration, false, say).await;
    }
    by_browser(portals, integration, how.open, say).await
}

async fn by_browser(
    portals: &Arc<Sso>,
    integration: &SsoIntegration,
    open: bool,
    say: Say<'_>,
) -> Result<SignInStatus, CliError> {
    let callback = Callback::start().await?;
    let begun = portals.authorize(integration, callback.port()).await;
    let authorization = begun.map_err(sso::trouble)?;
    let name = sanitize(&integration.name);
    if open {
        say(&format!("sign in to {name} in the browser that opens\n"));
    } else {
        say(&format!(
            "open this address in a browser on this machine, and sign in to {name}:\n  {}\n",
            authorization.url().expose()
        ));
    }
    let opening = async {
        if open {
            browser::open(authorization.url()).await
        } else {
            Ok(())
        }
    };
    let is_ours = |state: &str| authorization.is_answered_by(state);
    let waiting = callback.wait(is_ours, TIMEOUT);
    tokio::pin!(waiting);
    // Who comes back need not have come by the browser that was opened.
    let came = tokio::select! {
        came = &mut waiting => came,
        opened = opening => match opened {
            Ok(()) => waiting.await,
            Err(trouble) => {
                say(&format!("{}; you sign in with a code instead\n", trouble.message));
                return by_code(portals, integration, false, say).await;
            }
        },
    };
    let Some((brought, browser)) = came else {
        let why = "the browser did not come back in time";
        return Err(not_completed(integration, why));
    };
    let result = match brought {
        Brought::Code(code) => portals
            .redeem(&authorization, &code)
            .await
            .map_err(|error| redeeming(error, &name)),
        Brought::Refused(word) => Err(refused(&word, integration)),
    };
    match &result {
        Ok(_) => {
            let text = format!("Dayfly has access to {name} now.");
            browser.tell(true, &text).await;
        }
        Err(trouble) => browser.tell(false, &trouble.message).await,
    }
    result
}

fn not_completed(integration: &SsoIntegration, why: &'static str) -> CliError {
    sso::trouble(SsoError::NotCompleted {
        integration: integration.name.clone(),
        why,
    })
}

/// The portal sent the browser back with this word of OAuth and no code.
fn refused(word: &str, integration: &SsoIntegration) -> CliError {
    if word == "access_denied" {
        return not_completed(integration, "you refused it in the browser");
    }
    let message = format!(
        "the portal did not sign you in to {} ({})",
        sanitize(&integration.name),
        sanitize(word)
    );
    CliError::failed(message)
}

/// A code that is not taken is no expired sign-in.
fn redeeming(error: SsoError, name: &str) -> CliError {
    match error {
        SsoError::NotAccepted { service, code, .. } => CliError::new(
            Code::NeedsPerson,
            format!("{service} did not accept the browser's answer for {name} ({code})"),
        )
        .hint("sign in again"),
        other => sso::trouble(other),
    }
}

async fn by_code(
    portals: &Arc<Sso>,
    integration: &SsoIntegration,
    open: bool,
    say: Say<'_>,
) -> Result<SignInStatus, CliError> {
    let device = portals.device(integration).await.map_err(sso::trouble)?;
    say(&format!(
        "open {} in a browser on any device and enter\n\n    {}\n\nor open {}\nthe code is valid \
         for {}\n",
        sanitize(&device.page),
        sanitize(&device.user_code),
        sanitize(&device.page_with_code),
        time::span(device.good_for)
    ));
    if open {
        let page = SecretString::from(device.page_with_code.clone());
        if let Err(trouble) = browser::open(&page).await {
            say(&format!("{}\n", trouble.message));
        }
    }
    portals.confirmed(device).await.map_err(sso::trouble)
}

/// Ends the sign-in for all who share it; what there is to say.
pub fn sign_out(home: &Home, integration: &AwsSsoIntegration) -> Result<String, CliError> {
    let portals = sso::portals(home)?;
    let integration = sso_integration(integration);
    let name = sanitize(&integration.name);
    let was = sso::block_on(async {
        portals.sign_out(&integration).await.map_err(|error| {
            let trouble = sso::trouble(error);
            let message = format!(
                "Dayfly removed the sign-in from this machine, but could not tell the portal: {}",
                trouble.message
            );
            CliError::failed(message).maybe_hint(trouble.hint)
        })
    })?;
    Ok(if was {
        format!(
            "signed out of {name}; current credentials of sessions stay valid until they expire\n"
        )
    } else {
        format!("you were not signed in to {name}\n")
    })
}
