//! `dayfly console`

use dayfly_control::credentials::Given;
use dayfly_core::session::{Session, SessionType};
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{direct, engine, paths, settings, vault, workspace};
use dayfly_providers::{Console, ConsoleError, RoleKeys};
use dayfly_runtime::Home;
use dayfly_signin::browser;
use dayfly_vault::SecretString;
use serde_json::json;

use crate::terminal::{print, print_json};

/// Print an address that signs a browser in to the AWS console with a session's role.
///
/// The address is a secret: anyone who opens it within 15 minutes is signed in. Dayfly prints it
/// once and stores it nowhere. With --open, Dayfly opens it in the browser and does not print it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly console deploy --open\n  dayfly console deploy --service s3 --open"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// Open it in the browser: $BROWSER, or the default browser of the system.
    #[arg(long, conflicts_with = "json")]
    open: bool,
    /// The service in the console: s3, ec2, cloudwatch.
    #[arg(long, value_name = "NAME", default_value = "console", value_parser = service)]
    service: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let session = workspace::session(&workspace, &args.session)?;
    refuse(session)?;
    let region = session.region.as_deref().or(workspace.default_region());
    let console = console(&home, session, region, &args.service)?;
    let given = direct::attended(&home, &vault::open(&home)?, session.id.as_str())?;
    let runtime = engine::plain_runtime()?;
    runtime.block_on(async {
        let address = sign_in(&console, session, &given).await?;
        if args.open {
            browser::open(&address).await.map_err(|trouble| {
                trouble.hint("set BROWSER, or omit --open to print the address")
            })?;
            print(&format!(
                "{}: opened in the browser\n",
                sanitize(&session.name)
            ));
            return Ok(Exit::Done);
        }
        if args.json {
            return print_json(&json!({ "url": address.expose(), "goodForSeconds": 900 }));
        }
        print(&format!("{}\n", address.expose()));
        Ok(Exit::Done)
    })
}

/// The console takes the credentials of roles only.
fn refuse(session: &Session) -> Result<(), CliError> {
    let name = sanitize(&session.name);
    let (why, hint) = match session.session_type() {
        SessionType::AwsIamUser => (
            "the AWS console does not accept temporary credentials of an IAM user",
            "use a session that assumes a role with this user (`--type awsIamRoleChained --parent \
             …`)",
        ),
        SessionType::Localstack => (
            "a LocalStack has no AWS console",
            "its web application is at https://app.localstack.cloud",
        ),
        SessionType::Azure => (
            "an Azure subscription has no AWS console",
            "its portal is at https://portal.azure.com",
        ),
        _ => return Ok(()),
    };
    Err(CliError::usage(format!("cannot open the console of \"{name}\": {why}")).hint(hint))
}

fn console(
    home: &Home,
    session: &Session,
    region: Option<&str>,
    service: &str,
) -> Result<Console, CliError> {
    let of_role = session.role_arn().and_then(|arn| arn.split(':').nth(1));
    let of_region = match region {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let mut console = Console::of(of_role.unwrap_or(of_region), region, service);
    let config = settings::in_force(home)?;
    if let Some(federation) = config.aws.signin_endpoint_url {
        console.federation = federation;
    }
    Ok(console)
}

async fn sign_in(
    console: &Console,
    session: &Session,
    given: &Given,
) -> Result<SecretString, CliError> {
    let name = sanitize(&session.name);
    let Some(token) = &given.session_token else {
        let message = format!("the credentials of \"{name}\" do not belong to a role");
        return Err(CliError::failed(message));
    };
    let keys = RoleKeys {
        access_key_id: &given.access_key_id,
        secret_access_key: &given.secret_access_key,
        session_token: token,
    };
    console.sign_in(&keys).await.map_err(|error| {
        let hint = match &error {
            ConsoleError::Refused { .. } => {
                "rotate the session and try again; a session policy can also forbid this"
            }
            ConsoleError::Settings(unusable) => &unusable.hint(),
            ConsoleError::Unreachable(_) => "check the network, then try again",
            ConsoleError::Endpoint(..) | ConsoleError::Odd(_) => {
                "check `signin-endpoint-url` in dayfly.toml, if you set it"
            }
        };
        CliError::failed(format!("no sign-in address for \"{name}\": {error}")).hint(hint)
    })
}

fn service(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("the name of a console service has only lower-case letters, digits and \"-\"".into())
}
