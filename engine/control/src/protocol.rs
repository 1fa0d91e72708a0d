//! What is said over the control socket: one request, one answer, each a line of JSON.

use std::path::PathBuf;
use std::time::Duration;

use dayfly_core::arbitration::Actor;
use dayfly_core::effect::Reply;
use dayfly_core::input::Order;
use dayfly_core::policy::{Action, EntryName};
use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::entries::CONFIGURATION;
use dayfly_runtime::message::{OrderError, Unobtained};
use dayfly_runtime::report::{self, SessionReport};
use dayfly_runtime::{Ordered, Stopped};
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The longest line, in bytes.
pub const LINE: usize = 64 << 20;
/// The longest request, in bytes.
pub(crate) const REQUEST: usize = 1 << 20;

/// How an answer that it was done begins.
pub const OK: &[u8] = br#"{"ok":"#;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "do",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Request {
    /// What the engine knows.
    // With braces, so that unknown fields are refused here too.
    Report {},
    /// What the engine knows of one session.
    Session {
        /// An id, a beginning of it that only it has, or a name that only it has.
        session: String,
    },
    /// An order for a session.
    Order(SessionOrder),
    /// The temporary credentials of a session of AWS, for a program.
    Credentials {
        /// An id, a beginning of it that only it has, or a name that only it has.
        session: String,
    },
    /// A token of a session of Azure, for a program.
    Token {
        /// An id, a beginning of it that only it has, or a name that only it has.
        session: String,
        /// What it is to be good for.
        resource: String,
    },
    /// Where a program asks for the credentials of a session, and with which token.
    Endpoint {
        /// The id of the session.
        session: String,
        /// How the program is to have the token.
        #[serde(default)]
        by: By,
        /// Makes the tokens of the session new first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        renew: bool,
    },
    /// What stands for a session.
    Standing {
        /// The id of the session.
        session: String,
    },
    /// Have a suspended policy entry asked again.
    Enable {
        /// The entry.
        entry: String,
    },
    /// A person signed in to an integration or an IdP; sessions that waited for it are tried again.
    SignedIn {
        /// The id by which sessions name it.
        id: String,
    },
    /// A person did elsewhere what a session waited for; it is tried again.
    Attended {
        /// The id of the session.
        session: String,
    },
    /// What a person was asked for on behalf of a session.
    Respond(Response),
    /// A custom event.
    Emit {
        /// Its name.
        name: String,
        /// Anything.
        #[serde(default)]
        data: serde_json::Value,
    },
}

/// How a program is to find the credentials of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// At the container endpoint, with a token that stays the same.
    #[default]
    Token,
    /// At the container endpoint, with a token from a file, which changes.
    TokenFile,
    /// At the metadata endpoint, without a token of Dayfly's.
    Imds,
    /// At the managed identity endpoint of a session of Azure, with a token that stays the same.
    Azure,
}

/// Where a program finds the credentials of a session.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The address.
    pub url: String,
    /// The token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The file with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

impl Request {
    /// About how many bytes its line has.
    pub fn size(&self) -> usize {
        let secret = match self {
            Self::Respond(response) => match &response.given {
                Answered::Code(secret) | Answered::Assertion(secret) => secret.0.expose().len(),
            },
            _ => 0,
        };
        secret + 4_096
    }
}

/// What a person gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answered {
    /// A code of its MFA device.
    Code(Secret),
    /// A SAML assertion of its identity provider.
    Assertion(Secret),
}

/// What a person was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The id of the session.
    pub session: String,
    /// What was asked for.
    #[serde(flatten)]
    pub given: Answered,
    /// What is then to be done; none: its credentials are obtained, or renewed where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<SessionOrder>,
}

/// An order for a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionOrder {
    /// An id, a beginning of it that only it has, or a name that only it has.
    pub session: String,
    /// What is to be done; none: the standing word is taken back.
    pub action: Option<Action>,
    /// How long the word stands, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
    /// A reason for passing guard rails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
    /// Why, for policies that ask for a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl SessionOrder {
    /// This and nothing else.
    pub fn plain(session: &str, action: Action) -> Self {
        Self {
            session: session.to_owned(),
            action: Some(action),
            for_seconds: None,
            override_reason: None,
            reason: None,
        }
    }

    /// The order as the core has it.
    pub fn to_order(&self) -> Order {
        match self.action {
            Some(action) => Order::Do {
                action,
                lasting: self.for_seconds.map(Duration::from_secs),
                override_reason: self.override_reason.clone(),
                reason: self.reason.clone(),
            },
            None => Order::Release,
        }
    }
}

/// An order that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderDone {
    /// Whether there was something to do.
    pub changed: bool,
    /// The session as it is now.
    pub session: Option<SessionReport>,
    /// Names of sessions that were stopped since this one took their named profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub displaced: Vec<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The engine did it.
    Ok(serde_json::Value),
    /// The engine did not do it.
    Error(CliError),
}

/// How an order ended, as a person is told.
pub fn outcome(
    order: &SessionOrder,
    result: Result<Ordered, OrderError>,
) -> Result<OrderDone, CliError> {
    let Ordered { reply, session } = result.map_err(order_trouble)?;
    let name = session.as_ref().map_or(&order.session, |s| &s.name).clone();
    let verb = order.action.map_or("release", Action::as_str);
    match reply {
        Reply::Done { displaced, .. } => Ok(OrderDone {
            changed: true,
            session,
            displaced,
        }),
        Reply::Unchanged { .. } => Ok(OrderDone {
            changed: false,
            session,
            displaced: Vec::new(),
        }),
        Reply::Failed { failure, retry_at } => {
            let code = if failure.kind.needs_person() {
                Code::NeedsPerson
            } else {
                Code::Failed
            };
            let mut message = format!("cannot {verb} \"{name}\": {}", failure.message);
            if let Some(id) = &failure.request_id {
                message += &format!(" (request {id})");
            }
            let in_force = session.as_ref().filter(|s| s.started_at.is_some());
            if let Some(session) = in_force {
                message += "; its current credentials stay in force";
                if let Some(end) = session.expires_at {
                    message += &format!(" until {}", report::moment(end));
                }
            }
            if let Some(at) = retry_at {
                message += &format!("; next try at {}", report::moment(at));
            }
            Err(CliError::new(code, message).maybe_hint(failure.hint))
        }
        Reply::Refused {
            by,
            why,
            unevaluated,
        } => Err(refused(order, &name, verb, (&by, &why), unevaluated)),
        Reply::Superseded => {
            let message =
                format!("a later command for \"{name}\", or its removal, replaced this command");
            Err(CliError::failed(message))
        }
        Reply::NotFound => {
            let message = format!("session \"{name}\" is no longer in the Workspace");
            Err(CliError::new(Code::NotFound, message))
        }
    }
}

/// Who does not let it happen, why, and what to do.
fn refused(
    order: &SessionOrder,
    name: &str,
    verb: &str,
    (by, why): (&str, &str),
    unevaluated: bool,
) -> CliError {
    if by == Actor::Person.to_string() {
        let message = format!("cannot {verb} \"{name}\": {why}");
        let hint = format!(
            "let the policies and programs decide with `dayfly session release {}`",
            shell_word(name)
        );
        return CliError::new(Code::Refused, message).hint(hint);
    }
    let message = format!("{by} does not let you {verb} \"{name}\": {why}");
    let hint = match unevaluated {
        true => way_past(by),
        false => way_on(order, name, verb),
    };
    CliError::new(Code::Refused, message).hint(hint)
}

/// What to do about a guard rail that cannot be evaluated: no reason is of any use.
fn way_past(by: &str) -> String {
    if by == Actor::Policy(EntryName::new(CONFIGURATION)).to_string() {
        // Nothing passes that: where credentials are to go is not known either.
        return "fix dayfly.toml there, then restart the engine; Dayfly has no earlier valid \
                configuration to go on with"
            .into();
    }
    format!(
        "mend that policy, as `dayfly doctor` says; a reason is of no use before. In an emergency {PAST}"
    )
}

/// How guard rails are passed.
const PAST: &str = "pass guard rails with `--override REASON`, which Dayfly records";

/// What to do where a policy refuses: what it asks for, and only then the way past it.
fn way_on(order: &SessionOrder, name: &str, verb: &str) -> String {
    let first = match &order.reason {
        None => format!(
            "do what the policy asks for; give a reason with `dayfly session {verb} {} --reason TEXT`",
            shell_word(name)
        ),
        Some(_) => {
            "the policy did not accept your reason; do what the policy asks for, or wait".into()
        }
    };
    format!("{first}; in an emergency {PAST}")
}

/// Why a program gets no credentials.
pub fn unobtained(session: &str, unobtained: Unobtained) -> CliError {
    let order = SessionOrder::plain(session, Action::Start);
    match outcome(&order, unobtained.0) {
        Ok(done) => {
            let name = done.session.as_ref().map_or(session, |known| &known.name);
            CliError::failed(format!(
                "the credentials of \"{name}\" expired in the meantime"
            ))
        }
        Err(trouble) => trouble,
    }
}

pub(crate) fn order_trouble(error: OrderError) -> CliError {
    match error {
        OrderError::Resolve(error) => not_found(&error),
        OrderError::NoWorkspace(ref problems) => {
            let hint = problems.first().and_then(|problem| problem.hint.clone());
            let usual = || "fix the file; `dayfly workspace validate` lists all problems".into();
            CliError::failed(error.to_string()).hint(hint.unwrap_or_else(usual))
        }
        OrderError::Stopped(error) => stopped(error),
    }
}

/// Why it is not known which session is meant.
pub fn not_found(error: &dayfly_workspace::ResolveError) -> CliError {
    CliError::new(Code::NotFound, error.to_string()).hint(
        "`dayfly session list` lists all; use an id, the beginning of an id, or a unique name",
    )
}

/// Why an engine that ends does nothing more.
pub fn stopped(error: Stopped) -> CliError {
    CliError::failed(error.to_string()).hint("check `dayfly status`, then run the command again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_it_asks_for_before_the_way_past_it() {
        let mut order = SessionOrder::plain("prod", Action::Start);
        let refused_by = |order: &SessionOrder, unevaluated| {
            let reply = Reply::Refused {
                by: "policy guard".into(),
                why: "prod needs a reason".into(),
                unevaluated,
            };
            let ordered = Ordered {
                reply,
                session: None,
            };
            let trouble = outcome(order, Ok(ordered)).unwrap_err();
            trouble.hint.unwrap_or_default()
        };
        let refused = |order: &SessionOrder| refused_by(order, false);
        let hint = refused(&order);
        let (reason, past) = (
            hint.find("--reason").unwrap(),
            hint.find("--override").unwrap(),
        );
        assert!(reason < past, "{hint}");
        assert!(
            hint.contains("`dayfly session start prod --reason TEXT`"),
            "{hint}"
        );
        order.reason = Some("incident 7".into());
        let hint = refused(&order);
        assert!(
            hint.starts_with("the policy did not accept your reason"),
            "{hint}"
        );
        // One that cannot be evaluated accepts none.
        order.reason = None;
        let hint = refused_by(&order, true);
        assert!(!hint.contains("--reason"), "{hint}");
        assert!(
            hint.contains("dayfly doctor") && hint.contains("--override"),
            "{hint}"
        );
    }

    #[test]
    fn requests_are_what_the_page_says() {
        let page = include_str!("CONTROL.md");
        let lines = page.lines().filter(|line| line.starts_with("{\"do\""));
        let requests: Vec<Request> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(requests.len() >= 5, "{requests:?}");
        assert!(serde_json::from_str::<Request>(r#"{"do":"reprot"}"#).is_err());
        let typo = r#"{"do":"order","session":"a","action":"stop","overide":"x"}"#;
        assert!(serde_json::from_str::<Request>(typo).is_err());
    }
}
