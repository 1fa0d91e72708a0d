//! The flags that become fields of a session in the Workspace file.

use dayfly_awsfiles::Kind;
use dayfly_awsfiles::name::profile_problem;
use dayfly_control::protocol::not_found;
use dayfly_core::delivery::{self, Place};
use dayfly_core::session::{SessionId, SessionType};
use dayfly_dialog::CliError;
use dayfly_dialog::time::parse_span;
use dayfly_runtime::{Config, Home};
use dayfly_workspace::{Workspace, takes};
use serde_json::{Map, Value};

/// Fields of a session. Each access method takes some of them.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Fields {
    /// Named profile under which Dayfly publishes the credentials.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Where Dayfly publishes them: credentials-file, credential-process, both with a comma, or
    /// none. For Azure: azure-profile or none.
    #[arg(long, value_name = "TARGETS", value_parser = delivery)]
    delivery: Option<Value>,
    /// Region.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// A label; repeat the option for several labels, which replace all labels of the session.
    #[arg(long = "label", value_name = "KEY[=VALUE]", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// ARN of the role to assume.
    #[arg(long, value_name = "ARN", help_heading = "Roles")]
    role_arn: Option<String>,
    /// The session whose credentials assume the role: a name or an id.
    #[arg(long, value_name = "SESSION", help_heading = "Roles")]
    parent: Option<String>,
    /// RoleSessionName of AssumeRole.
    #[arg(long, value_name = "NAME", help_heading = "Roles")]
    role_session_name: Option<String>,
    /// ExternalId of AssumeRole.
    #[arg(long, value_name = "ID", help_heading = "Roles")]
    external_id: Option<String>,
    /// SourceIdentity of AssumeRole.
    #[arg(long, value_name = "NAME", help_heading = "Roles")]
    source_identity: Option<String>,
    /// A session tag of AssumeRole; repeat the option for several tags.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair, help_heading = "Roles")]
    tags: Vec<(String, String)>,
    /// Requested lifetime of the credentials: seconds, 15m, 12h.
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    duration: Option<u32>,
    /// Replace the access key of the IAM user once it is older than so many days; 0 is never.
    #[arg(long, value_name = "DAYS")]
    rotate_key_days: Option<u32>,
    /// Serial number or ARN of the MFA device.
    #[arg(long, value_name = "DEVICE")]
    mfa_device: Option<String>,
    /// Account id.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// ARN of the SAML provider.
    #[arg(long, value_name = "ARN", help_heading = "SAML and web identity")]
    idp_arn: Option<String>,
    /// Id of the IdP URL in the Workspace.
    #[arg(long, value_name = "ID", help_heading = "SAML and web identity")]
    idp_url_id: Option<String>,
    /// File with the web identity token.
    #[arg(long, value_name = "PATH", help_heading = "SAML and web identity")]
    token_file: Option<String>,
    /// Program that prints the web identity token, with its arguments, quoted as for a shell.
    #[arg(long, value_name = "COMMAND", value_parser = words, help_heading = "SAML and web identity")]
    token_command: Option<Value>,
    /// Variable of the engine's environment with the web identity token, as in GitLab.
    #[arg(long, value_name = "NAME", help_heading = "SAML and web identity")]
    token_variable: Option<String>,
    /// CI system that gives the web identity token: gitHubActions.
    #[arg(long, value_name = "SYSTEM", help_heading = "SAML and web identity")]
    token_service: Option<String>,
    /// Audience of the token of --token-service; the default is sts.amazonaws.com.
    #[arg(long, value_name = "AUDIENCE", help_heading = "SAML and web identity")]
    token_audience: Option<String>,
    /// Id of the SSO or Azure integration in the Workspace.
    #[arg(long, value_name = "ID", help_heading = "SSO and Azure")]
    integration: Option<String>,
    /// E-mail address of the SSO account.
    #[arg(long, value_name = "ADDRESS", help_heading = "SSO and Azure")]
    email: Option<String>,
    /// Azure subscription id.
    #[arg(long, value_name = "ID", help_heading = "SSO and Azure")]
    subscription_id: Option<String>,
    /// Azure tenant id.
    #[arg(long, value_name = "ID", help_heading = "SSO and Azure")]
    tenant_id: Option<String>,
    /// Program that prints credentials, with its arguments, quoted as for a shell; no shell runs.
    #[arg(long, value_name = "COMMAND", value_parser = words, help_heading = "Programs and machines")]
    command: Option<Value>,
    /// Where the machine has its credentials: Environment, EcsContainer or Ec2InstanceMetadata.
    #[arg(long, value_name = "SOURCE", help_heading = "Programs and machines")]
    credential_source: Option<String>,
    /// ARN of the profile of IAM Roles Anywhere.
    #[arg(long, value_name = "ARN", help_heading = "Certificates")]
    profile_arn: Option<String>,
    /// ARN of the trust anchor of IAM Roles Anywhere.
    #[arg(long, value_name = "ARN", help_heading = "Certificates")]
    trust_anchor_arn: Option<String>,
    /// File of the certificate (PEM, DER or PKCS#12), or its pkcs11: URI.
    #[arg(long, value_name = "PATH_OR_URI", help_heading = "Certificates")]
    certificate: Option<String>,
    /// File of its private key, or the key's pkcs11: URI; by default the key is where the certificate is.
    #[arg(long, value_name = "PATH_OR_URI", help_heading = "Certificates")]
    private_key: Option<String>,
    /// File of the certificates between it and that of the trust anchor.
    #[arg(long, value_name = "PATH", help_heading = "Certificates")]
    certificate_chain: Option<String>,
    /// PKCS#11 module of the token.
    #[arg(long, value_name = "PATH", help_heading = "Certificates")]
    pkcs11_module: Option<String>,
    /// ARN of who signs in to the AWS console: a user, the root of an account or an assumed role.
    #[arg(long, value_name = "ARN", help_heading = "Programs and machines")]
    login_session: Option<String>,
    /// Address of the LocalStack.
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

/// A flag, its field in the file, and its value where it was given.
type Given = (&'static str, &'static str, Option<Value>);

impl Fields {
    /// The fields that were given, as the file has them. `parents` is where a parent is looked up.
    pub(crate) fn object(
        &self,
        kind: SessionType,
        parents: Option<&Workspace>,
    ) -> Result<Map<String, Value>, CliError> {
        let mut object = Map::new();
        let parent = match (&self.parent, parents) {
            (Some(asked), Some(workspace)) => {
                let entry = workspace.resolve(asked).map_err(|e| not_found(&e))?;
                Some(Value::from(entry.session.id.as_str()))
            }
            (parent, _) => text(parent),
        };
        for (flag, field, value) in self.given(kind, parent) {
            let Some(value) = value else { continue };
            if !takes(kind, field) {
                return Err(CliError::usage(format!(
                    "a session of type {kind} does not accept {flag}"
                )));
            }
            object.insert(field.to_owned(), value);
        }
        Ok(object)
    }

    /// The flag of each field, the field, and its value where the flag was given.
    fn given(&self, kind: SessionType, parent: Option<Value>) -> Vec<Given> {
        let integration = match kind {
            SessionType::Azure => "azureIntegrationId",
            _ => "awsSsoConfigurationId",
        };
        let account = self.account.as_ref().map(|id| {
            let id = ("accountId".to_owned(), Value::from(id.as_str()));
            Value::Object(Map::from_iter([id]))
        });
        let mut given = vec![
            ("--profile", "profileName", text(&self.profile)),
            ("--delivery", "delivery", self.delivery.clone()),
            ("--region", "region", text(&self.region)),
            ("--label", "labels", pairs(&self.labels)),
            ("--role-arn", "roleArn", text(&self.role_arn)),
            ("--parent", "parentSessionId", parent),
            (
                "--role-session-name",
                "roleSessionName",
                text(&self.role_session_name),
            ),
            ("--external-id", "externalId", text(&self.external_id)),
            (
                "--source-identity",
                "sourceIdentity",
                text(&self.source_identity),
            ),
            ("--tag", "tags", pairs(&self.tags)),
            (
                "--duration",
                "durationSeconds",
                self.duration.map(Value::from),
            ),
            (
                "--rotate-key-days",
                "rotateKeyDays",
                self.rotate_key_days.map(Value::from),
            ),
            ("--mfa-device", "mfaDevice", text(&self.mfa_device)),
            ("--account", "awsAccount", account),
            ("--idp-arn", "idpArn", text(&self.idp_arn)),
            ("--idp-url-id", "idpUrlId", text(&self.idp_url_id)),
            ("--integration", integration, text(&self.integration)),
            ("--email", "email", text(&self.email)),
            (
                "--subscription-id",
                "subscriptionId",
                text(&self.subscription_id),
            ),
            ("--tenant-id", "tenantId", text(&self.tenant_id)),
            ("--endpoint-url", "endPointUrl", text(&self.endpoint_url)),
        ];
        given.extend(self.of_programs());
        given.extend(self.of_certificates());
        given
    }

    /// The same for what programs, machines and CI systems give.
    fn of_programs(&self) -> Vec<Given> {
        vec![
            ("--token-file", "tokenFile", text(&self.token_file)),
            (
                "--token-command",
                "tokenCommand",
                self.token_command.clone(),
            ),
            (
                "--token-variable",
                "tokenVariable",
                text(&self.token_variable),
            ),
            ("--token-service", "tokenService", text(&self.token_service)),
            (
                "--token-audience",
                "tokenAudience",
                text(&self.token_audience),
            ),
            ("--command", "command", self.command.clone()),
            (
                "--credential-source",
                "credentialSource",
                text(&self.credential_source),
            ),
            ("--login-session", "loginSession", text(&self.login_session)),
        ]
    }
}

impl Fields {
    /// The same for what IAM Roles Anywhere needs.
    fn of_certificates(&self) -> Vec<Given> {
        vec![
            ("--profile-arn", "profileArn", text(&self.profile_arn)),
            (
                "--trust-anchor-arn",
                "trustAnchorArn",
                text(&self.trust_anchor_arn),
            ),
            ("--certificate", "certificate", text(&self.certificate)),
            ("--private-key", "privateKey", text(&self.private_key)),
            (
                "--certificate-chain",
                "certificateChain",
                text(&self.certificate_chain),
            ),
            ("--pkcs11-module", "pkcs11Module", text(&self.pkcs11_module)),
        ]
    }
}

fn text(value: &Option<String>) -> Option<Value> {
    value.clone().map(Value::from)
}

fn pairs(pairs: &[(String, String)]) -> Option<Value> {
    let pairs = pairs
        .iter()
        .map(|(k, v)| (k.clone(), Value::from(v.clone())));
    let object: Map<String, Value> = pairs.collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

/// Refuses a named profile that no place of the session's delivery can take, where that follows from
/// `dayfly.toml`: what the Workspace says by itself is checked there.
pub(crate) fn refuse_profile(
    home: &Home,
    workspace: &Workspace,
    id: &SessionId,
    object: &Map<String, Value>,
) -> Result<(), CliError> {
    let known = workspace.get(id).map(|entry| &entry.session);
    let before = known.and_then(|session| session.named_profile.as_deref());
    let name = object.get("profileName").map_or(before, Value::as_str);
    let says = object.contains_key("delivery") || workspace.delivery(id).is_some();
    let Some(name) = name.filter(|_| !says) else {
        return Ok(());
    };
    let config = Config::load(&home.config()).map_err(|e| CliError::failed(e.to_string()))?;
    let places = config.delivery.unwrap_or_else(delivery::usual);
    let kind = |place: &Place| match place {
        Place::CredentialsFile => Some(Kind::Credentials),
        Place::CredentialProcess => Some(Kind::Config),
        Place::AzureProfile => None,
    };
    let files: Vec<Kind> = places.iter().filter_map(kind).collect();
    let problems = files.iter().filter_map(|kind| profile_problem(name, *kind));
    let problems: Vec<&str> = problems.collect();
    match problems.first() {
        Some(problem) if problems.len() == files.len() => {
            let message = format!("the named profile \"{name}\" {problem}");
            let hint = "use another --profile, or --delivery credentials-file; dayfly.toml sets \
                        where credentials go by default";
            Err(CliError::usage(message).hint(hint))
        }
        _ => Ok(()),
    }
}

/// The flag for a field that is missing.
pub(crate) fn flag(field: &str) -> &str {
    match field {
        "roleArn" => "--role-arn",
        "parentSessionId" => "--parent",
        "idpArn" => "--idp-arn",
        "idpUrlId" => "--idp-url-id",
        "awsSsoConfigurationId" => "--integration",
        "subscriptionId" => "--subscription-id",
        "tenantId" => "--tenant-id",
        "command" => "--command",
        "profileArn" => "--profile-arn",
        "trustAnchorArn" => "--trust-anchor-arn",
        "certificate" => "--certificate",
        "loginSession" => "--login-session",
        other => other,
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err("the key is empty; write KEY=VALUE".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn delivery(text: &str) -> Result<Value, String> {
    if text == "none" {
        return Ok(Value::Array(Vec::new()));
    }
    if text.split(',').any(|word| word.trim() == "none") {
        return Err("\"none\" cannot be combined with other delivery targets".into());
    }
    let words = text.split(',').map(str::trim).map(|word| {
        Place::from_word(word)
            .map(|place| place.as_str().into())
            .ok_or_else(|| {
                let known = Place::ALL.map(Place::as_str).join(", ");
                format!(
                    "\"{word}\" is not a delivery target; the valid values are {known}, and none"
                )
            })
    });
    words.collect::<Result<_, _>>().map(Value::Array)
}

/// A command line as a list of its words.
fn words(text: &str) -> Result<Value, String> {
    let words = dayfly_awsfiles::split_words(text)
        .ok_or("a quote is not closed, or nothing follows a backslash")?;
    match words.first() {
        Some(program) if !program.is_empty() => Ok(Value::from(words)),
        _ => Err("there is no program".into()),
    }
}

fn seconds(text: &str) -> Result<u32, String> {
    let span = parse_span(text)?;
    u32::try_from(span.as_secs()).map_err(|_| format!("\"{text}\" is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_another_access_method_are_refused() {
        let fields = Fields {
            tenant_id: Some("t".into()),
            ..Fields::default()
        };
        let told = fields.object(SessionType::AwsIamUser, None).unwrap_err();
        assert!(
            told.message
                .contains("awsIamUser does not accept --tenant-id"),
            "{told}"
        );
        assert!(fields.object(SessionType::Azure, None).is_ok());
    }

    #[test]
    fn every_required_field_has_a_flag() {
        for kind in SessionType::ALL {
            for field in dayfly_workspace::requires(kind) {
                assert!(flag(field).starts_with("--"), "{field}");
            }
        }
    }
}
