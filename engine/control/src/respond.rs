//! Hands on what a person was asked for, and carries out what is then to be done.

use dayfly_core::input::Order;
use dayfly_core::policy::Action;
use dayfly_core::session::{SessionId, SessionType, Status};
use dayfly_dialog::{CliError, Code, sanitize};
use dayfly_providers::{Assertion, is_code};
use dayfly_runtime::Handle;
use dayfly_runtime::report::{EngineReport, SessionReport};
use dayfly_vault::SecretString;

use crate::protocol::{self, Answered, OrderDone, Response, SessionOrder};

/// Hands on what a person was asked for, and carries out what is then to be done.
pub async fn respond(handle: &Handle, response: Response) -> Result<OrderDone, CliError> {
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
            "session {name} is of type {kind}, which does not use assertions"
        ))
    })?;
    let assertion = Assertion::parse(text).map_err(|error| {
        CliError::failed(format!("this is not an assertion for {name}: {error}"))
            .hint("give the SAMLResponse as the identity provider posts it, in base64")
    })?;
    Ok((idp, assertion))
}

/// A session of a report, by its id.
pub fn find<'a>(report: &'a EngineReport, id: &str) -> Option<&'a SessionReport> {
    report.sessions.iter().find(|s| s.id.as_str() == id)
}
