//! Asks the person at this terminal for what sessions need, and hands it to the engine.

use std::time::Duration;

use dayfly_control::protocol::{self, Answered, OrderDone, Request, Response, SessionOrder};
use dayfly_control::secret::Secret;
use dayfly_control::{client, respond};
use dayfly_core::input::UserInput;
use dayfly_core::session::{ErrorKind, SessionId, SessionType, Status};
use dayfly_dialog::{CliError, Code, sanitize};
use dayfly_runtime::report::{EngineReport, SessionReport};
use dayfly_runtime::{Handle, Home};
use dayfly_vault::SecretString;

use crate::{console_login, engine, person, saml_login};

/// How often a person is asked for a code.
const TRIES: usize = 3;

/// How often it is looked whether a prompt command has its answer.
const LOOK: Duration = Duration::from_millis(300);

/// The engine that a command talks to.
#[derive(Clone, Copy, Debug)]
pub enum Engine<'a> {
    /// Another process.
    Running(&'a Home),
    /// This one.
    Here(&'a Handle),
}

impl Engine<'_> {
    async fn report(self) -> Result<EngineReport, CliError> {
        match self {
            Self::Running(home) => client::ask(home, &Request::Report {}).unwrap_or_else(gone),
            Self::Here(handle) => handle.report().await.map_err(protocol::stopped),
        }
    }

    async fn order(self, order: &SessionOrder) -> Result<OrderDone, CliError> {
        match self {
            Self::Running(home) => {
                client::ask(home, &Request::Order(order.clone())).unwrap_or_else(gone)
            }
            Self::Here(handle) => {
                let result = handle.order(&order.session, order.to_order()).await;
                protocol::outcome(order, result)
            }
        }
    }

    /// What waited for this sign-in is tried again. Another process was told when it was made.
    async fn signed_in(self, sign_in: String) -> Result<(), CliError> {
        match self {
            Self::Running(_) => Ok(()),
            Self::Here(handle) => {
                let told = handle.attended(UserInput::SignIn(sign_in)).await;
                told.map_err(protocol::stopped)
            }
        }
    }

    async fn respond(self, response: Response) -> Result<OrderDone, CliError> {
        match self {
            Self::Running(home) => {
                client::ask(home, &Request::Respond(response)).unwrap_or_else(gone)
            }
            Self::Here(handle) => respond::respond(handle, response).await,
        }
    }
}

fn gone<T>() -> Result<T, CliError> {
    Err(CliError::failed("the running engine has ended").hint("give the command again"))
}

/// The session that a person has to do something for, so that this one can go on: itself, or one
/// that it is chained to.
pub fn needy<'a>(report: &'a EngineReport, id: &str) -> Option<&'a SessionReport> {
    let mut at = respond::find(report, id);
    let mut found = None;
    for _ in 0..report.sessions.len() {
        let session = at?;
        found = Some(session).filter(|s| s.needs.is_some()).or(found);
        match &session.parent {
            Some(parent) => at = respond::find(report, parent.as_str()),
            None => break,
        }
    }
    found
}

/// Asks the person for what the session with this id needs, and then gives the order; without one
/// what needed the person is tried again. `trouble` is how it ended before.
pub async fn attend(
    home: &Home,
    engine: Engine<'_>,
    id: &str,
    order: Option<&SessionOrder>,
    trouble: CliError,
) -> Result<Option<OrderDone>, CliError> {
    let mut last = trouble;
    for _ in 0..TRIES {
        let report = engine.report().await?;
        let Some(session) = needy(&report, id) else {
            return Err(last);
        };
        let Some(needs) = &session.needs else {
            return Err(last);
        };
        let name = sanitize(&session.name);
        let federated = session.session_type == SessionType::AwsIamRoleFederated;
        let result = if needs.asking {
            person::say(&format!("{name}: the configured command is asking"));
            wait_for_prompt(engine, &session.id).await?;
            match order {
                Some(order) => engine.order(order).await.map(Some),
                None => return Ok(None),
            }
        } else if needs.kind == ErrorKind::NeedsSignIn && federated {
            let text =
                saml_login::sign_in(home, &session.id, &saml_login::Means::default()).await?;
            let response = Response {
                session: session.id.to_string(),
                given: Answered::Assertion(Secret(text)),
                order: order.cloned(),
            };
            engine.respond(response).await.map(Some)
        } else if needs.kind == ErrorKind::NeedsSignIn
            && session.session_type == SessionType::AwsLogin
        {
            let means = console_login::Means::default();
            let who = console_login::sign_in(home, &session.id, means).await?;
            engine.signed_in(who).await?;
            match order {
                Some(order) => engine.order(order).await.map(Some),
                None => return Ok(None),
            }
        } else {
            let Some(device) = &needs.device else {
                return Err(last);
            };
            let Some(code) = ask_code(&name, device).await? else {
                return Err(last);
            };
            let response = Response {
                session: session.id.to_string(),
                given: Answered::Code(Secret(code)),
                order: order.cloned(),
            };
            engine.respond(response).await.map(Some)
        };
        match result {
            Err(trouble) if trouble.code == Code::NeedsPerson => {
                person::say(&trouble.message);
                last = trouble;
            }
            other => return other,
        }
    }
    Err(last)
}

/// The prompt command has a deadline of its own.
async fn wait_for_prompt(engine: Engine<'_>, id: &SessionId) -> Result<(), CliError> {
    loop {
        tokio::time::sleep(LOOK).await;
        let report = engine.report().await?;
        let session = respond::find(&report, id.as_str());
        let asking = session.is_some_and(|s| {
            s.status == Status::Pending || s.needs.as_ref().is_some_and(|needs| needs.asking)
        });
        if !asking {
            return Ok(());
        }
    }
}

/// A code from the person at this terminal; none where the person enters nothing.
pub(crate) async fn ask_code(name: &str, device: &str) -> Result<Option<SecretString>, CliError> {
    let prompt = format!("Code of MFA device {} for {name}: ", sanitize(device));
    let failed = |what: String| CliError::failed(format!("cannot read from the terminal: {what}"));
    let line = tokio::task::spawn_blocking(move || person::ask(&prompt));
    let line = line.await.map_err(|e| failed(e.to_string()))?;
    let line = line.map_err(|e| failed(e.to_string()))?;
    // People and devices write it in groups.
    let digits = line.expose().split_whitespace().collect::<String>();
    Ok(Some(SecretString::from(digits)).filter(|code| !code.expose().is_empty()))
}

/// The same outside of a runtime.
pub fn ask_code_now(name: &str, device: &str) -> Result<Option<SecretString>, CliError> {
    engine::plain_runtime()?.block_on(ask_code(name, device))
}
