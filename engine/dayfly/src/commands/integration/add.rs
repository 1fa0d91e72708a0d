//! `dayfly integration add`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{paths, refused, workspace};
use dayfly_integrations::{Kind, found};
use dayfly_workspace::{ProfileTemplate, WorkspaceFile, splice};
use serde_json::{Map, Value};

use crate::commands::init;
use crate::terminal::{print, print_json};

/// Add an integration to the Workspace; nothing else in the file changes, and Dayfly calls no
/// cloud.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly integration add corp --portal-url https://corp.awsapps.com/start --region eu-west-1\n  dayfly integration add corp --portal-url https://corp.awsapps.com/start --region eu-west-1 \\\n      --sso-session corp\n  dayfly integration add contoso --kind azure --tenant-id contoso.onmicrosoft.com\n  dayfly integration add app --kind azure --tenant-id contoso.onmicrosoft.com \\\n      --credential clientSecret --client-id 00001111-aaaa-2222-bbbb-3333cccc4444"
)]
pub(crate) struct Args {
    /// The name.
    name: String,
    /// The kind of integration.
    #[arg(long, value_enum, default_value = "sso")]
    kind: Kind,
    /// The id; Dayfly makes a new one by default.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The start URL of the portal.
    #[arg(
        long,
        value_name = "URL",
        help_heading = "SSO",
        required_if_eq("kind", "sso")
    )]
    portal_url: Option<String>,
    /// SSO: the region of Identity Center. Azure: the location of the sessions.
    #[arg(long, value_name = "REGION", required_if_eq("kind", "sso"))]
    region: Option<String>,
    /// Share the sign-in with this [sso-session] of the AWS config file; by default with the one
    /// that the file has for the portal.
    #[arg(long, value_name = "NAME", help_heading = "SSO")]
    sso_session: Option<String>,
    /// What the named profiles of new sessions are called, for example '{account_name}/{role}'. The
    /// fields are {account_name}, {account_id}, {role} and {email}.
    #[arg(long, value_name = "TEXT", help_heading = "SSO")]
    profile_template: Option<String>,
    /// The tenant: its id or its domain.
    #[arg(
        long,
        value_name = "ID",
        help_heading = "Azure",
        required_if_eq("kind", "azure")
    )]
    tenant_id: Option<String>,
    /// The credential that gets the tokens; by default a person signs in.
    #[arg(long, value_name = "WHO", help_heading = "Azure", value_parser = CREDENTIALS)]
    credential: Option<String>,
    /// The client id of the application; for a managed identity, its client id if there are
    /// several.
    #[arg(long, value_name = "ID", help_heading = "Azure")]
    client_id: Option<String>,
    /// PEM file with the application's certificate and key, instead of storing them in the vault.
    #[arg(long, value_name = "PATH", help_heading = "Azure")]
    certificate_file: Option<String>,
    /// File with the workload's token.
    #[arg(long, value_name = "PATH", help_heading = "Azure")]
    token_file: Option<String>,
    /// The Azure cloud; by default the public one.
    #[arg(long, value_name = "CLOUD", help_heading = "Azure", value_parser = CLOUDS)]
    cloud: Option<String>,
    /// The address of Entra ID, instead of the cloud's.
    #[arg(long, value_name = "URL", help_heading = "Azure")]
    authority_host: Option<String>,
    /// The address of the resource manager, instead of the cloud's.
    #[arg(long, value_name = "URL", help_heading = "Azure")]
    resource_manager_url: Option<String>,
    /// Print the integration as JSON.
    #[arg(long)]
    json: bool,
}

/// The words of `credential`, as the Workspace has them.
const CREDENTIALS: [&str; 6] = [
    "signIn",
    "clientSecret",
    "clientCertificate",
    "workloadIdentity",
    "managedIdentity",
    "azureCli",
];
/// The words of `cloud`.
const CLOUDS: [&str; 3] = ["public", "china", "usGovernment"];

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    if !home.workspace().exists() {
        init::make_workspace(&home)?;
    }
    let before = workspace::require(&home)?;
    if found::all(&before).iter().any(|f| f.name() == args.name) {
        let message = format!("there is already an integration \"{}\"", args.name);
        return Err(CliError::usage(message).hint("choose another name"));
    }
    if let Some(template) = &args.profile_template {
        ProfileTemplate::parse(template)
            .map_err(|error| CliError::usage(error.to_string()).hint(error.hint()))?;
    }
    let object = object(args)?;
    let file = WorkspaceFile::at(&home.workspace());
    file.edit(|text| splice::add(text, args.kind.list(), &object))
        .map_err(refused)?;
    if args.json {
        return print_json(&object);
    }
    let name = sanitize(&args.name);
    print(&format!(
        "added integration {name} ({})\nnext: dayfly integration login {name}\n",
        object["id"].as_str().unwrap_or_default()
    ));
    Ok(Exit::Done)
}

fn object(args: &Args) -> Result<Map<String, Value>, CliError> {
    let id = match &args.id {
        Some(id) => id.clone(),
        None => uuid::Uuid::new_v4().to_string(),
    };
    let mut object = Map::new();
    object.insert("id".to_owned(), Value::from(id));
    object.insert("alias".to_owned(), Value::from(args.name.as_str()));
    for (field, flag, value, kind) in given(args) {
        let Some(value) = value else { continue };
        if kind.is_some_and(|kind| kind != args.kind) {
            let message = format!(
                "an integration of kind {} does not accept {flag}",
                args.kind
            );
            return Err(CliError::usage(message));
        }
        object.insert(field.to_owned(), Value::from(value.as_str()));
    }
    Ok(object)
}

/// A field, its flag, what the flag says, and the only kind of integration that has it.
type Given<'a> = (&'static str, &'static str, &'a Option<String>, Option<Kind>);

/// Each field that a flag can give, as the Workspace has it.
fn given(args: &Args) -> impl Iterator<Item = Given<'_>> {
    let sso = [
        ("portalUrl", "--portal-url", &args.portal_url),
        ("ssoSession", "--sso-session", &args.sso_session),
        (
            "profileTemplate",
            "--profile-template",
            &args.profile_template,
        ),
    ];
    let azure = [
        ("tenantId", "--tenant-id", &args.tenant_id),
        ("credential", "--credential", &args.credential),
        ("clientId", "--client-id", &args.client_id),
        (
            "certificateFile",
            "--certificate-file",
            &args.certificate_file,
        ),
        ("tokenFile", "--token-file", &args.token_file),
        ("cloud", "--cloud", &args.cloud),
        ("authorityHost", "--authority-host", &args.authority_host),
        (
            "resourceManagerUrl",
            "--resource-manager-url",
            &args.resource_manager_url,
        ),
    ];
    let of = |kind| move |(field, flag, value)| (field, flag, value, kind);
    let both = std::iter::once(("region", "--region", &args.region)).map(of(None));
    let sso = sso.into_iter().map(of(Some(Kind::Sso)));
    sso.chain(azure.into_iter().map(of(Some(Kind::Azure))))
        .chain(both)
}
