//! A person signs in to the AWS console, and programs get credentials of it: what `aws login` does.

use std::time::Duration;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, Code, sanitize};
use dayfly_providers::login::{LoginAttempt, LoginError, LoginTarget, LoginWay, Logins};
use dayfly_runtime::{Home, login_settings};
use dayfly_signin::browser;
use dayfly_signin::oauth_callback::{Brought, Callback};
use dayfly_vault::SecretString;

use crate::{person, settings, workspace};

/// How long a person may take.
const TIMEOUT: Duration = Duration::from_secs(600);

/// How a person signs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Means {
    /// The address is printed, and the person opens it in a browser of this machine.
    pub by_hand: bool,
    /// The browser is on another machine, and the person pastes the code that it shows.
    pub remote: bool,
}

/// Signs a person in for a session; the ARN of who signed in. A running engine is told.
pub async fn sign_in(home: &Home, session: &SessionId, means: Means) -> Result<String, CliError> {
    let (logins, target) = asked(home, session)?;
    let opens = !means.by_hand && browser::can_open();
    let done = match means.remote || !(opens || means.by_hand) {
        true => by_code(&logins, &target).await,
        false => by_browser(&logins, &target, opens).await,
    };
    done?;
    let id = target.login_session;
    // Where an engine runs, it notices by itself; told, it need not wait for the file system.
    let told = client::ask::<serde_json::Value>(home, &Request::SignedIn { id: id.clone() });
    match told {
        Some(Err(trouble)) => Err(trouble),
        _ => Ok(id),
    }
}

/// What a session signs in to.
fn asked(home: &Home, session: &SessionId) -> Result<(Logins, LoginTarget), CliError> {
    let known = workspace::require(home)?;
    let entry = known.get(session).ok_or_else(|| {
        let message = format!("session \"{session}\" is not in the Workspace any more");
        CliError::new(Code::NotFound, message)
    })?;
    let config = settings::in_force(home)?;
    let logins = Logins::new(login_settings(&config, Some(&known)));
    let target = logins.target(&entry.session);
    let target = target.ok_or_else(|| CliError::usage("the session does not use this sign-in"))?;
    Ok((logins, target))
}

async fn by_browser(logins: &Logins, target: &LoginTarget, open: bool) -> Result<(), CliError> {
    let callback = Callback::start().await?;
    let way = LoginWay::Loopback(callback.port());
    let attempt = logins.authorize(target, way).await.map_err(trouble)?;
    let (name, who) = (sanitize(&target.session), sanitize(&target.login_session));
    if open {
        person::say(&format!(
            "{name}: the browser opens the AWS console; sign in there as {who}"
        ));
    } else {
        person::say(&format!(
            "{name}: open this address in a browser on this machine, and sign in as {who}:\n  {}",
            attempt.url().expose()
        ));
    }
    let opening = async {
        match open {
            true => browser::open(attempt.url()).await,
            false => Ok(()),
        }
    };
    let waiting = callback.wait(|state| attempt.is_answered_by(state), TIMEOUT);
    tokio::pin!(waiting);
    // Who comes back need not have come by the browser that was opened.
    let came = tokio::select! {
        came = &mut waiting => came,
        opened = opening => match opened {
            Ok(()) => waiting.await,
            Err(trouble) => {
                person::say(&format!("{}; you paste a code instead", trouble.message));
                return by_code(logins, target).await;
            }
        },
    };
    let Some((brought, page)) = came else {
        return Err(not_completed(
            target,
            "the browser did not come back in time",
        ));
    };
    let result = match brought {
        Brought::Code(code) => logins.redeem(&attempt, &code).await.map_err(trouble),
        Brought::Refused(word) if word == "access_denied" => {
            Err(not_completed(target, "you refused it in the browser"))
        }
        Brought::Refused(word) => Err(CliError::failed(format!(
            "the AWS console did not sign you in for {name} ({})",
            sanitize(&word)
        ))),
    };
    match &result {
        Ok(()) => {
            let text = format!("Dayfly has credentials of {who} now.");
            page.tell(true, &text).await;
        }
        Err(trouble) => page.tell(false, &trouble.message).await,
    }
    result
}

async fn by_code(logins: &Logins, target: &LoginTarget) -> Result<(), CliError> {
    let attempt = logins.authorize(target, LoginWay::Pasted).await;
    let attempt = attempt.map_err(trouble)?;
    person::say(&format!(
        "{}: open this address in a browser on any machine, and sign in as {}:\n  {}",
        sanitize(&target.session),
        sanitize(&target.login_session),
        attempt.url().expose()
    ));
    let code = pasted(&attempt).await?;
    logins.redeem(&attempt, &code).await.map_err(trouble)
}

async fn pasted(attempt: &LoginAttempt) -> Result<SecretString, CliError> {
    let failed = |what: String| CliError::failed(format!("cannot read from the terminal: {what}"));
    let line = tokio::task::spawn_blocking(|| person::ask("The code that the page shows: "));
    let line = line.await.map_err(|e| failed(e.to_string()))?;
    let line = line.map_err(|e| failed(e.to_string()))?;
    attempt.pasted(&line).map_err(trouble)
}

fn not_completed(target: &LoginTarget, why: &'static str) -> CliError {
    trouble(LoginError::NotCompleted {
        session: target.session.clone(),
        why,
    })
}

fn trouble(error: LoginError) -> CliError {
    let code = match error.kind().needs_person() {
        true => Code::NeedsPerson,
        false => Code::Failed,
    };
    CliError::new(code, sanitize(&error.to_string())).maybe_hint(error.hint())
}
