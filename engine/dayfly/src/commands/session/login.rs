//! `dayfly session login`

use dayfly_control::protocol::{Answered, Response};
use dayfly_control::secret::Secret;
use dayfly_core::policy::Action;
use dayfly_core::session::{Session, SessionType, Status};
use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::saml_login::{self, Means};
use dayfly_host::{engine, orders, paths, reports, workspace};
use dayfly_vault::SecretString;
use zeroize::Zeroizing;

use crate::commands::session::order as session_order;
use crate::terminal::{print, print_json};

/// Sign in at the identity provider of a federated session and get its credentials.
///
/// The browser opens the IdP URL, and the identity provider posts the assertion to Dayfly at
/// http://127.0.0.1:35017/saml. Dayfly holds it only in memory, for the few minutes that it is
/// valid, and all sessions that wait for a sign-in at this identity provider continue.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly session login prod\n  dayfly session login prod --no-browser\n  saml-tool --print | dayfly session login prod --assertion"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// Print the address instead of opening it.
    #[arg(long)]
    no_browser: bool,
    /// The port on 127.0.0.1 to which the identity provider posts the assertion.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Read the assertion from the standard input: the SAMLResponse, in base64.
    #[arg(long, conflicts_with_all = ["no_browser", "port"])]
    assertion: bool,
    /// Print the session as JSON.
    #[arg(long)]
    json: bool,
}

/// The longest input, in bytes.
const INPUT: usize = 512 << 10;

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let session = workspace::session(&workspace, &args.session)?;
    refuse(session)?;
    let text = if args.assertion {
        from_input()?
    } else {
        let means = Means {
            by_hand: args.no_browser,
            port: args.port,
        };
        let runtime = engine::plain_runtime()?;
        runtime.block_on(saml_login::sign_in(&home, &session.id, &means))?
    };
    let before = reports::of(&home)?;
    let renews = before
        .sessions
        .iter()
        .any(|s| s.id == session.id && s.status == Status::Active);
    let response = Response {
        session: session.id.to_string(),
        given: Answered::Assertion(Secret(text)),
        order: None,
    };
    let done = orders::respond(&home, &response)?;
    if args.json {
        return print_json(&done);
    }
    let action = if renews {
        Action::Rotate
    } else {
        Action::Start
    };
    print(&session_order::text(Some(action), &done, &session.name));
    Ok(Exit::Done)
}

fn refuse(session: &Session) -> Result<(), CliError> {
    let name = sanitize(&session.name);
    let word = shell_word(&session.name);
    let hint = match session.session_type() {
        SessionType::AwsIamRoleFederated => return Ok(()),
        SessionType::AwsSsoRole | SessionType::Azure => {
            format!(
                "sign in to its integration with `dayfly integration login {}`",
                shell_word(session.sign_in().unwrap_or_default())
            )
        }
        _ if session.mfa_device().is_some() => {
            format!("enter the code of its MFA device with `dayfly respond {word}`")
        }
        _ => format!("start it with `dayfly session start {word}`"),
    };
    let kind = session.session_type();
    let message = format!("session {name} is of type {kind}, which needs no sign-in");
    Err(CliError::usage(message).hint(hint))
}

fn from_input() -> Result<SecretString, CliError> {
    let text = crate::input::secret(INPUT)
        .map_err(|e| CliError::failed(format!("cannot read the standard input: {e}")))?;
    let trimmed = text.expose().trim();
    // As a browser's own tools show the form.
    let trimmed = trimmed.strip_prefix("SAMLResponse=").unwrap_or(trimmed);
    if trimmed.is_empty() {
        return Err(CliError::usage("the standard input has no assertion"));
    }
    if trimmed.contains('%') {
        let line = Zeroizing::new(format!("x={trimmed}"));
        let (_, value) = form_urlencoded::parse(line.as_bytes())
            .next()
            .ok_or_else(|| CliError::usage("the standard input has no assertion"))?;
        return Ok(SecretString::from(value.into_owned()));
    }
    Ok(SecretString::copy_of(trimmed))
}
