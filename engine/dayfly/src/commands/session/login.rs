//! `dayfly session login`

use dayfly_control::protocol::{Answered, Response, SessionOrder};
use dayfly_control::secret::Secret;
use dayfly_core::policy::Action;
use dayfly_core::session::{Session, SessionType, Status};
use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::saml_login::{self, Means};
use dayfly_host::{console_login, engine, orders, paths, reports, workspace};
use dayfly_runtime::Home;
use dayfly_vault::SecretString;
use zeroize::Zeroizing;

use crate::commands::session::order as session_order;
use crate::terminal::{print, print_json};

/// Sign in for a federated session, or for one of `aws login`, and get its credentials.
///
/// For a federated session the browser opens the IdP URL, and the identity provider posts the assertion to Dayfly at
/// http://127.0.0.1:35017/saml. Dayfly holds it only in memory, for the few minutes that it is
/// valid, and all sessions that wait for a sign-in at this identity provider continue.
///
/// For a session of type awsLogin the browser opens the AWS console, as `aws login` does, and the
/// AWS CLI and the SDKs share the sign-in.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly session login prod\n  dayfly session login prod --no-browser\n  dayfly session login console --remote\n  saml-tool --print | dayfly session login prod --assertion"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// Print the address instead of opening it.
    #[arg(long)]
    no_browser: bool,
    /// Sign in with a browser on another machine and paste the code that it shows (awsLogin).
    #[arg(long, conflicts_with = "no_browser")]
    remote: bool,
    /// The port on 127.0.0.1 to which the identity provider posts the assertion.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Read the assertion from the standard input: the SAMLResponse, in base64.
    #[arg(long, conflicts_with_all = ["no_browser", "port", "remote"])]
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
    refuse(session, args)?;
    if session.session_type() == SessionType::AwsLogin {
        return to_console(&home, session, args);
    }
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
    let renews = is_active(&home, session)?;
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

/// Signs in to the console, and gets credentials of it.
fn to_console(home: &Home, session: &Session, args: &Args) -> Result<Exit, CliError> {
    let means = console_login::Means {
        by_hand: args.no_browser,
        remote: args.remote,
    };
    let signing_in = console_login::sign_in(home, &session.id, means);
    engine::plain_runtime()?.block_on(signing_in)?;
    let action = match is_active(home, session)? {
        true => Action::Rotate,
        false => Action::Start,
    };
    let order = SessionOrder::plain(session.id.as_str(), action);
    let done = orders::order(home, &order)?;
    if args.json {
        return print_json(&done);
    }
    print(&session_order::text(Some(action), &done, &session.name));
    Ok(Exit::Done)
}

fn is_active(home: &Home, session: &Session) -> Result<bool, CliError> {
    let report = reports::of(home)?;
    let mut known = report.sessions.iter();
    Ok(known.any(|s| s.id == session.id && s.status == Status::Active))
}

fn refuse(session: &Session, args: &Args) -> Result<(), CliError> {
    let name = sanitize(&session.name);
    let word = shell_word(&session.name);
    let flags = [
        (
            "--assertion",
            args.assertion,
            SessionType::AwsIamRoleFederated,
        ),
        (
            "--port",
            args.port.is_some(),
            SessionType::AwsIamRoleFederated,
        ),
        ("--remote", args.remote, SessionType::AwsLogin),
    ];
    let kind = session.session_type();
    if let Some((flag, _, of)) = flags.iter().find(|(_, given, of)| *given && *of != kind) {
        let message = format!("{flag} is for sessions of type {of}, and {name} is of type {kind}");
        return Err(CliError::usage(message));
    }
    let hint = match session.session_type() {
        SessionType::AwsIamRoleFederated | SessionType::AwsLogin => return Ok(()),
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
