//! `dayfly console`

use clap::ValueEnum;
use dayfly_control::credentials::Given;
use dayfly_core::session::{Session, SessionType};
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_fs::private_file;
use dayfly_host::{direct, engine, paths, settings, vault, workspace};
use dayfly_providers::{Console, ConsoleError, RoleKeys};
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, ConsoleBrowser};
use dayfly_signin::browser::{self, Window};
use dayfly_vault::SecretString;
use dayfly_workspace::derived_id;
use serde_json::json;

use crate::commands::federated;
use crate::picker;
use crate::terminal::{print, print_json};

/// Print an address that signs a browser in to the AWS console with a session.
///
/// The address is a secret: anyone who opens it within 15 minutes is signed in. Dayfly prints it
/// once and stores it nowhere. With --open, Dayfly opens it in the browser and does not print it.
///
/// A browser signs you out of one console when you open another. To have several open side by side,
/// give each a container of Firefox or a profile of Chromium with --browser, or set
/// `console-browser` under `[aws]` in dayfly.toml.
///
/// An IAM user has no role that the console takes, so Dayfly gets a federation token with its access
/// key: for an hour or the duration of the session, with the rights of the user, or fewer of them
/// with --policy. AWS takes no code of an MFA device for this, so that rights which need one are
/// missing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly console deploy --open\n  dayfly console --open\n  dayfly console deploy --service s3 --open\n  dayfly console deploy --page https://eu-west-1.console.aws.amazon.com/lambda/home#/functions --open\n  dayfly console prod --open --browser firefox-container"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name; without it you choose from a list.
    session: Option<String>,
    /// Open it in the browser: $BROWSER, or the default browser of the system.
    #[arg(long, conflicts_with = "json")]
    open: bool,
    /// The service in the console: s3, ec2, cloudwatch, or a short form such as ddb, cfn, sfn.
    #[arg(long, value_name = "NAME", default_value = "console", value_parser = service)]
    service: String,
    /// The page of the console to go to: its address.
    #[arg(long, value_name = "URL", conflicts_with = "service")]
    page: Option<String>,
    /// Where to open it, instead of what `console-browser` in dayfly.toml says.
    #[arg(long, value_name = "WHERE", requires = "open")]
    browser: Option<In>,
    /// For an IAM user: allow only what this policy allows, a file with JSON or the ARN of a policy.
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Where in a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum In {
    /// Where the browser opens addresses.
    Default,
    /// In a container for the session, by the Firefox add-on "Open external links in a container".
    FirefoxContainer,
    /// In a container for the session, by Granted's add-on for Firefox.
    GrantedContainer,
    /// In a profile for the session, in Chromium, Chrome, Brave, Edge or Vivaldi.
    ChromiumProfile,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let id = picker::named_or_chosen(
        &home,
        &workspace,
        args.session.as_deref(),
        "open the console of which session?",
        &|session| no_console(session.session_type).is_none(),
    )?;
    let session = workspace::session(&workspace, id.as_str())?;
    refuse(session)?;
    let region = session.region.as_deref().or(workspace.default_region());
    let config = settings::in_force(&home)?;
    let console = console(&config, session, region, args)?;
    let vault = vault::open(&home)?;
    let given = match session.session_type() {
        SessionType::AwsIamUser => {
            let rights = federated::rights(args.policy.as_deref())?;
            federated::credentials(&config, region, session, vault, &rights)?
        }
        kind if args.policy.is_some() => {
            let name = sanitize(&session.name);
            let message = format!(
                "--policy is for sessions of type awsIamUser, and {name} is of type {kind}"
            );
            return Err(CliError::usage(message));
        }
        _ => direct::attended(&home, &vault, session.id.as_str())?,
    };
    let window = window(&home, &config, session, args.browser);
    let runtime = engine::plain_runtime()?;
    runtime.block_on(async {
        let address = sign_in(&console, session, &given).await?;
        if args.open {
            return open(session, &address, &window).await;
        }
        if args.json {
            return print_json(&json!({ "url": address.expose(), "goodForSeconds": 900 }));
        }
        print(&format!("{}\n", address.expose()));
        Ok(Exit::Done)
    })
}

async fn open(
    session: &Session,
    address: &SecretString,
    window: &Window,
) -> Result<Exit, CliError> {
    if let Window::ChromiumProfile { folder, .. } = window {
        // A browser would make it for others to read.
        private_file::create_folder(folder).map_err(|e| CliError::failed(e.to_string()))?;
    }
    let opened = browser::open_in(address, window).await;
    opened.map_err(|trouble| match trouble.hint {
        Some(_) => trouble,
        None => trouble.hint("set BROWSER, or omit --open to print the address"),
    })?;
    let place = match window {
        Window::Usual => "opened in the browser",
        Window::FirefoxContainer(_) | Window::GrantedContainer(_) => {
            "opened in its container in the browser"
        }
        Window::ChromiumProfile { .. } => "opened in its profile in the browser",
    };
    print(&format!("{}: {place}\n", sanitize(&session.name)));
    Ok(Exit::Done)
}

/// Where in a browser the console of this session is opened.
fn window(home: &Home, config: &Config, session: &Session, wanted: Option<In>) -> Window {
    let wanted = wanted.unwrap_or(match config.aws.console_browser {
        ConsoleBrowser::Default => In::Default,
        ConsoleBrowser::FirefoxContainer => In::FirefoxContainer,
        ConsoleBrowser::GrantedContainer => In::GrantedContainer,
        ConsoleBrowser::ChromiumProfile => In::ChromiumProfile,
    });
    match wanted {
        In::Default => Window::Usual,
        In::FirefoxContainer => Window::FirefoxContainer(sanitize(&session.name)),
        In::GrantedContainer => Window::GrantedContainer(sanitize(&session.name)),
        In::ChromiumProfile => Window::ChromiumProfile {
            folder: home.browsers(),
            profile: profile(session),
        },
    }
}

/// The browser's profile for a session: a folder that tells what it is for, and is that of no other session.
fn profile(session: &Session) -> String {
    let name: String = session
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let own: String = derived_id(&[session.id.as_str()]).chars().take(8).collect();
    format!("{name}-{own}")
}

/// Why a session of this type has no console, and what to do.
const fn no_console(session_type: SessionType) -> Option<(&'static str, &'static str)> {
    match session_type {
        SessionType::AwsLogin => Some((
            "its credentials come from a sign-in to the console in your browser",
            "open the console in the browser in which you signed in",
        )),
        SessionType::Localstack => Some((
            "a LocalStack has no AWS console",
            "its web application is at https://app.localstack.cloud",
        )),
        SessionType::Azure => Some((
            "an Azure subscription has no AWS console",
            "its portal is at https://portal.azure.com",
        )),
        _ => None,
    }
}

fn refuse(session: &Session) -> Result<(), CliError> {
    let Some((why, hint)) = no_console(session.session_type()) else {
        return Ok(());
    };
    let name = sanitize(&session.name);
    Err(CliError::usage(format!("cannot open the console of \"{name}\": {why}")).hint(hint))
}

fn console(
    config: &Config,
    session: &Session,
    region: Option<&str>,
    args: &Args,
) -> Result<Console, CliError> {
    let of_role = session.role_arn().and_then(|arn| arn.split(':').nth(1));
    let of_region = match region {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let partition = of_role.unwrap_or(of_region);
    let mut console = Console::of(partition, region, &args.service);
    if let Some(page) = &args.page {
        console = console.at(partition, page).ok_or_else(|| {
            let message = format!("\"{page}\" is not the address of a page of this AWS console");
            let hint =
                "copy it from the browser: it begins with https:// and a host of the console";
            CliError::usage(message).hint(hint)
        })?;
    }
    if let Some(federation) = &config.aws.signin_endpoint_url {
        console.federation.clone_from(federation);
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
        let message = format!("the credentials of \"{name}\" are not temporary");
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
