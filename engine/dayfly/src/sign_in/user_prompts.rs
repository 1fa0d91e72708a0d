//! Asks the person at this terminal for what sessions need, and hands it to the engine.

use std::time::Duration;

use dayfly_core::input::Order;
use dayfly_core::policy::Action;
use dayfly_core::session::{ErrorKind, SessionId, SessionType, Status};
use dayfly_dialog::{CliError, Code, sanitize};
use dayfly_providers::{Assertion, is_code};
use dayfly_runtime::report::{EngineReport, SessionReport};
use dayfly_runtime::{Handle, Home};
use dayfly_vault::SecretString;

use crate::control::client;
use crate::control::protocol::{self, Answered, OrderDone, Request, Response, SessionOrder};
use crate::control::secret::Secret;
use crate::sign_in::saml_login;
use crate::terminal;

/// How often a person is asked for a code.
const TRIES: usize = 3;
/// How often it is looked whether a prompt command has its answer.
const LOOK: Duration = Duration::from_millis(300);

/// The engine that a command talks to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine<'a> {
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

    async fn respond(self, response: Response) -> Result<OrderDone, CliError> {
        match self {
            Self::Running(home) => {
                client::ask(home, &Request::Respond(response)).unwrap_or_else(gone)
            }
            Self::Here(handle) => respond(handle, response).await,
        }
    }
}

fn gone<T>() -> Result<T, CliError> {
    Err(CliError::failed("the running Dayfly has ended").hint("give the command again"))
}

/// Whether a person sits at this terminal.
pub(crate) fn somebody() -> bool {
    terminal::somebody()
}

/// Hands on what a person was asked for, and carries out what is then to be done.
pub(crate) async fn respond(handle: &Handle, response: Response) -> Result<OrderDone, CliError> {
    let session = SessionId::new(&response.session);
    let report = handle.report().await.map_err(protocol::stopped)?;
    let known = find(&report, session.as_str()).ok_or_else(|| {
        let message = format!("session \"{session}\" is not in the Workspace");
        CliError::new(Code::NotFound, message)
    })?;
    let (order, wish) = match response.order {
        Some(order) => {
            let wish = order.to_order();
            (order, wish)
        }
        None => {
            let renews = known.status == Status::Active;
            let action = if renews {
                Action::Rotate
            } else {
                Action::Start
            };
            let order = SessionOrder::plain(&response.session, action);
            // An answer to a question is no standing word: policies go on deciding.
            let asked = known.needs.is_some();
            let wish = match asked && !renews {
                true => Order::Demand,
                false => order.to_order(),
            };
            (order, wish)
        }
    };
    match response.given {
        Answered::Code(code) if is_code(code.0.expose()) => {
            handle.hand_code(&session, code.0).await
        }
        Answered::Code(_) => return Err(CliError::usage("a code has six digits")),
        Answered::Assertion(text) => {
            let (idp, assertion) = assertion(known, &text.0)?;
            handle.hand_assertion(&idp, assertion).await
        }
    }
    .map_err(protocol::stopped)?;
    let result = handle.order(&order.session, wish).await;
    handle.take_code_back(&session);
    protocol::outcome(&order, result)
}

/// The identity provider of a session, and what it says.
fn assertion(
    session: &SessionReport,
    text: &SecretString,
) -> Result<(String, Assertion), CliError> {
    let name = sanitize(&session.name);
    let idp = session.sign_in.clone();
    let federated = session.session_type == SessionType::AwsIamRoleFederated;
    let idp = idp.filter(|_| federated).ok_or_else(|| {
        let kind = session.session_type;
        CliError::usage(format!(
            "{name} is of type {kind}, which takes no assertion"
        ))
    })?;
    let assertion = Assertion::parse(text).map_err(|error| {
        CliError::failed(format!("this is no assertion for {name}: {error}"))
            .hint("give the SAMLResponse as the identity provider posts it, in base64")
    })?;
    Ok((idp, assertion))
}

fn find<'a>(report: &'a EngineReport, id: &str) -> Option<&'a SessionReport> {
    report.sessions.iter().find(|s| s.id.as_str() == id)
}

/// The session that a person has to do something for, so that this one can go on: itself, or one
/// that it is chained to.
pub(crate) fn needy<'a>(report: &'a EngineReport, id: &str) -> Option<&'a SessionReport> {
    let mut at = find(report, id);
    let mut found = None;
    for _ in 0..report.sessions.len() {
        let session = at?;
        found = Some(session).filter(|s| s.needs.is_some()).or(found);
        match &session.parent {
            Some(parent) => at = find(report, parent.as_str()),
            None => break,
        }
    }
    found
}

/// Asks the person for what the session with this id needs, and then gives the order; without one
/// what needed the person is tried again. `trouble` is how it ended before.
pub(crate) async fn attend(
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
            tell(&format!("{name}: the configured command asks"));
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
                tell(&trouble.message);
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
        let session = find(&report, id.as_str());
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
    let line = tokio::task::spawn_blocking(move || {
        terminal::ask(&prompt);
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .map(|_| SecretString::from(line))
    });
    let line = line.await.map_err(|e| failed(e.to_string()))?;
    let line = line.map_err(|e| failed(e.to_string()))?;
    // People and devices write it in groups.
    let digits = line.expose().split_whitespace().collect::<String>();
    Ok(Some(SecretString::from(digits)).filter(|code| !code.expose().is_empty()))
}

/// The same outside of a runtime.
pub(crate) fn ask_code_now(name: &str, device: &str) -> Result<Option<SecretString>, CliError> {
    crate::engine::plain_runtime()?.block_on(ask_code(name, device))
}

/// Says something to the person at this terminal, on a line of its own.
pub(crate) fn tell(text: &str) {
    terminal::say(text);
}
