//! The words of the file: which fields it has and what JSON they hold. The reader and the JSON
//! Schema both come from these structs; the doc comments are the schema's descriptions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::session::Status;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::raw::{Elements, Field};

/// A Dayfly Workspace: the sessions of one person, and what they refer to. Fields that are not
/// listed here are kept as they are.
#[derive(Deserialize, JsonSchema)]
#[serde(
    rename = "Workspace",
    rename_all = "camelCase",
    expecting = "an object with a `sessions` array"
)]
pub(crate) struct WorkspaceObject<'a> {
    /// The sessions. Each `sessionId` stands once.
    #[serde(borrow)]
    #[schemars(with = "Vec<SessionObject<'a>>")]
    pub(crate) sessions: Option<Elements<'a>>,
    /// The named profiles that sessions refer to by `profileId`.
    #[serde(borrow, default)]
    #[schemars(with = "Option<Vec<NamedProfile>>")]
    pub(crate) profiles: Option<&'a RawValue>,
    /// The sign-in addresses of SAML identity providers, referred to by `idpUrlId`.
    #[serde(borrow, default)]
    #[schemars(with = "Option<Vec<IdpUrl>>")]
    pub(crate) idp_urls: Option<&'a RawValue>,
    /// The AWS IAM Identity Center portals, referred to by `awsSsoConfigurationId`.
    #[serde(borrow, default)]
    #[schemars(with = "Option<Vec<AwsSsoIntegration>>")]
    pub(crate) aws_sso_integrations: Option<&'a RawValue>,
    /// The Microsoft Entra ID tenants, referred to by `azureIntegrationId`.
    #[serde(borrow, default)]
    #[schemars(with = "Option<Vec<AzureIntegration>>")]
    pub(crate) azure_integrations: Option<&'a RawValue>,
    /// The AWS region of sessions that have no `region` of their own.
    #[serde(borrow, default)]
    pub(crate) default_region: Option<Field<'a, String>>,
    /// Where the credentials of sessions go that do not say it themselves, before what
    /// `dayfly.toml` says.
    #[serde(borrow, default)]
    pub(crate) delivery: Option<Field<'a, DeliveryWords>>,
    /// The version of this Workspace, as `1.4.0`, for those who include it as a layer: nobody goes back
    /// to an older one without saying so.
    #[serde(borrow, default)]
    pub(crate) layer_version: Option<Field<'a, String>>,
}

/// One way into one cloud account. Which fields it needs depends on its `type`.
#[derive(Deserialize, JsonSchema)]
#[serde(
    rename = "Session",
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub(crate) struct SessionObject<'a> {
    /// Identifies the session in this file; a UUID by custom.
    #[schemars(required, length(min = 1))]
    pub(crate) session_id: Option<Field<'a, String>>,
    /// What a person calls the session.
    #[schemars(required, length(min = 1))]
    pub(crate) session_name: Option<Field<'a, String>>,
    /// Written by Dayfly. Changing it by hand between `inactive` and `active` starts or stops
    /// the session.
    pub(crate) status: Option<Field<'a, StatusWord>>,
    /// When the session was started; written by Dayfly. ISO 8601, UTC.
    pub(crate) start_date_time: Option<Field<'a, String>>,
    /// When the temporary credentials end; written by Dayfly. ISO 8601, UTC.
    pub(crate) session_token_expiration: Option<Field<'a, String>>,
    /// The AWS region (as `eu-west-1`), for `azure` the location (as `westeurope`).
    pub(crate) region: Option<Field<'a, String>>,
    /// The access method.
    #[schemars(required)]
    pub(crate) r#type: Option<Field<'a, String>>,
    /// Free words for policies and filters to select by.
    pub(crate) labels: Option<Field<'a, BTreeMap<String, String>>>,
    /// Where the credentials go; none: programs have to ask Dayfly for them.
    pub(crate) delivery: Option<Field<'a, DeliveryWords>>,
    /// The layer that the session came from; written by Dayfly.
    pub(crate) layer: Option<Field<'a, String>>,
    /// Id of the entry of `profiles` whose name the credentials are published under.
    pub(crate) profile_id: Option<Field<'a, String>>,
    /// That name itself, instead of `profileId`.
    #[schemars(length(min = 1))]
    pub(crate) profile_name: Option<Field<'a, String>>,
    /// The AWS account.
    pub(crate) aws_account: Option<Field<'a, AwsAccount>>,
    /// Serial number or ARN of the MFA device.
    #[schemars(length(min = 9, max = 256))]
    pub(crate) mfa_device: Option<Field<'a, String>>,
    /// ARN of the role.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}(:role)?/.+$"))]
    pub(crate) role_arn: Option<Field<'a, String>>,
    /// `sessionId` of the session whose credentials assume the role.
    #[schemars(length(min = 1))]
    pub(crate) parent_session_id: Option<Field<'a, String>>,
    /// `RoleSessionName`: shown in CloudTrail.
    #[schemars(length(min = 2, max = 64), regex(pattern = r"^[A-Za-z0-9_+=,.@-]*$"))]
    pub(crate) role_session_name: Option<Field<'a, String>>,
    /// Wished lifetime of the credentials in seconds.
    pub(crate) duration_seconds: Option<Field<'a, u32>>,
    /// The user's access key is replaced once it is older than so many days; 0: never by itself, whatever
    /// `dayfly.toml` says.
    #[schemars(range(max = 3650))]
    pub(crate) rotate_key_days: Option<Field<'a, u32>>,
    /// `ExternalId` that the role's trust policy asks for.
    #[schemars(
        length(min = 2, max = 1224),
        regex(pattern = r"^[A-Za-z0-9_+=,.@:/-]*$")
    )]
    pub(crate) external_id: Option<Field<'a, String>>,
    /// `SourceIdentity`: stays through further role chaining.
    #[schemars(length(min = 2, max = 64), regex(pattern = r"^[A-Za-z0-9_+=,.@-]*$"))]
    pub(crate) source_identity: Option<Field<'a, String>>,
    /// An inline session policy, as an object or as JSON text.
    pub(crate) session_policy: Option<Field<'a, PolicyText>>,
    /// Session tags.
    pub(crate) tags: Option<Field<'a, BTreeMap<String, String>>>,
    /// Keys of `tags` that go on through further role chaining.
    #[schemars(length(max = 50))]
    pub(crate) transitive_tag_keys: Option<Field<'a, Vec<String>>>,
    /// Id of the entry of `idpUrls` where the browser signs in.
    #[schemars(length(min = 1))]
    pub(crate) idp_url_id: Option<Field<'a, String>>,
    /// ARN of the SAML provider in IAM.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:saml-provider/.+$"))]
    pub(crate) idp_arn: Option<Field<'a, String>>,
    /// File that holds the workload's token.
    #[schemars(length(min = 1))]
    pub(crate) token_file: Option<Field<'a, String>>,
    /// Program and arguments that print the workload's token.
    #[schemars(length(min = 1))]
    pub(crate) token_command: Option<Field<'a, Vec<String>>>,
    /// Variable of the engine's environment that has the workload's token.
    #[schemars(length(min = 1))]
    pub(crate) token_variable: Option<Field<'a, String>>,
    /// CI system that gives the workload's token: `gitHubActions`.
    #[schemars(regex(pattern = r"^gitHubActions$"))]
    pub(crate) token_service: Option<Field<'a, String>>,
    /// Whom the token of `tokenService` is for; `sts.amazonaws.com` where absent.
    #[schemars(length(min = 1))]
    pub(crate) token_audience: Option<Field<'a, String>>,
    /// Id of the entry of `awsSsoIntegrations`.
    #[schemars(length(min = 1))]
    pub(crate) aws_sso_configuration_id: Option<Field<'a, String>>,
    /// E-mail address of the account, as the SSO portal tells it; kept, not used.
    pub(crate) email: Option<Field<'a, String>>,
    /// The Azure subscription's id.
    #[schemars(length(min = 1))]
    pub(crate) subscription_id: Option<Field<'a, String>>,
    /// The Microsoft Entra ID tenant.
    #[schemars(length(min = 1))]
    pub(crate) tenant_id: Option<Field<'a, String>>,
    /// Id of the entry of `azureIntegrations`.
    #[schemars(length(min = 1))]
    pub(crate) azure_integration_id: Option<Field<'a, String>>,
    /// Where the LocalStack listens; `http://localhost:4566` where absent.
    #[serde(rename = "endPointUrl")]
    #[schemars(regex(pattern = r"^https?://[^/?#\s]+"))]
    pub(crate) end_point_url: Option<Field<'a, String>>,
    /// Program and arguments that print credentials, as for `credential_process` of the AWS SDKs.
    #[schemars(length(min = 1))]
    pub(crate) command: Option<Field<'a, Vec<String>>>,
    /// Where the machine has its credentials; where absent, the container's endpoint if it has one,
    /// else the metadata service.
    #[schemars(regex(pattern = r"^(Environment|EcsContainer|Ec2InstanceMetadata)$"))]
    pub(crate) credential_source: Option<Field<'a, String>>,
    /// ARN of the profile of IAM Roles Anywhere.
    #[schemars(regex(
        pattern = r"^arn:aws[a-z-]*:rolesanywhere:[a-z0-9-]+:[0-9]{12}:profile/.+$"
    ))]
    pub(crate) profile_arn: Option<Field<'a, String>>,
    /// ARN of the trust anchor, whose authority issued the certificate.
    #[schemars(regex(
        pattern = r"^arn:aws[a-z-]*:rolesanywhere:[a-z0-9-]+:[0-9]{12}:trust-anchor/.+$"
    ))]
    pub(crate) trust_anchor_arn: Option<Field<'a, String>>,
    /// File of the certificate (PEM, DER or PKCS#12), or its `pkcs11:` URI.
    #[schemars(length(min = 1))]
    pub(crate) certificate: Option<Field<'a, String>>,
    /// File of the certificate's private key, or the key's `pkcs11:` URI; without it, the key is where
    /// the certificate is.
    #[schemars(length(min = 1))]
    pub(crate) private_key: Option<Field<'a, String>>,
    /// File of the certificates between the certificate and the trust anchor's.
    #[schemars(length(min = 1))]
    pub(crate) certificate_chain: Option<Field<'a, String>>,
    /// The PKCS#11 module of the token that `pkcs11:` URIs mean, an absolute path.
    #[schemars(length(min = 1))]
    pub(crate) pkcs11_module: Option<Field<'a, String>>,
    /// ARN of who signs in to the AWS console, as `login_session` of `aws login` has it.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:.+$"))]
    pub(crate) login_session: Option<Field<'a, String>>,
}

impl SessionObject<'_> {
    /// The text of each field that is there, by its name.
    pub(crate) fn present(&self) -> impl Iterator<Item = (&'static str, &str)> {
        fn of<'a, T>(field: &Option<Field<'a, T>>) -> Option<&'a str> {
            field.as_ref().map(|f| f.raw)
        }
        [
            ("sessionId", of(&self.session_id)),
            ("sessionName", of(&self.session_name)),
            ("status", of(&self.status)),
            ("startDateTime", of(&self.start_date_time)),
            ("sessionTokenExpiration", of(&self.session_token_expiration)),
            ("region", of(&self.region)),
            ("type", of(&self.r#type)),
            ("labels", of(&self.labels)),
            ("delivery", of(&self.delivery)),
            ("profileId", of(&self.profile_id)),
            ("profileName", of(&self.profile_name)),
            ("awsAccount", of(&self.aws_account)),
            ("mfaDevice", of(&self.mfa_device)),
            ("roleArn", of(&self.role_arn)),
            ("parentSessionId", of(&self.parent_session_id)),
            ("roleSessionName", of(&self.role_session_name)),
            ("durationSeconds", of(&self.duration_seconds)),
            ("rotateKeyDays", of(&self.rotate_key_days)),
            ("externalId", of(&self.external_id)),
            ("sourceIdentity", of(&self.source_identity)),
            ("sessionPolicy", of(&self.session_policy)),
            ("tags", of(&self.tags)),
            ("transitiveTagKeys", of(&self.transitive_tag_keys)),
            ("idpUrlId", of(&self.idp_url_id)),
            ("idpArn", of(&self.idp_arn)),
            ("tokenFile", of(&self.token_file)),
            ("tokenCommand", of(&self.token_command)),
            ("tokenVariable", of(&self.token_variable)),
            ("tokenService", of(&self.token_service)),
            ("tokenAudience", of(&self.token_audience)),
            ("awsSsoConfigurationId", of(&self.aws_sso_configuration_id)),
            ("email", of(&self.email)),
            ("subscriptionId", of(&self.subscription_id)),
            ("tenantId", of(&self.tenant_id)),
            ("azureIntegrationId", of(&self.azure_integration_id)),
            ("endPointUrl", of(&self.end_point_url)),
            ("command", of(&self.command)),
            ("credentialSource", of(&self.credential_source)),
            ("profileArn", of(&self.profile_arn)),
            ("trustAnchorArn", of(&self.trust_anchor_arn)),
            ("certificate", of(&self.certificate)),
            ("privateKey", of(&self.private_key)),
            ("certificateChain", of(&self.certificate_chain)),
            ("pkcs11Module", of(&self.pkcs11_module)),
            ("loginSession", of(&self.login_session)),
        ]
        .into_iter()
        .filter_map(|(name, raw)| raw.map(|raw| (name, raw)))
    }
}

/// What tells a session from others, read where the rest of it is wrong.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(crate) struct Identity<'a> {
    pub(crate) session_id: Option<Field<'a, String>>,
    pub(crate) session_name: Option<Field<'a, String>>,
}

/// What Dayfly writes of a session.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(crate) struct State<'a> {
    pub(crate) status: Option<Field<'a, StatusWord>>,
    pub(crate) start_date_time: Option<Field<'a, String>>,
    pub(crate) session_token_expiration: Option<Field<'a, String>>,
}

/// An AWS account.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AwsAccount {
    /// What a person calls the account.
    #[serde(rename = "accountName")]
    pub(crate) _account_name: Option<String>,
    /// The twelve digits.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub(crate) account_id: Option<String>,
}

/// `status`: a word, or Leapp's number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatusWord(pub(crate) Status);

impl<'de> Deserialize<'de> for StatusWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = StatusWord;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`inactive`, `pending` or `active`")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<StatusWord, E> {
                [Status::Inactive, Status::Pending, Status::Active]
                    .into_iter()
                    .find(|s| s.as_str() == word)
                    .map(StatusWord)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(word), &self))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<StatusWord, E> {
                match number {
                    0 => Ok(StatusWord(Status::Inactive)),
                    1 => Ok(StatusWord(Status::Pending)),
                    2 => Ok(StatusWord(Status::Active)),
                    _ => Err(E::invalid_value(
                        serde::de::Unexpected::Unsigned(number),
                        &self,
                    )),
                }
            }
        }
        deserializer.deserialize_any(Word)
    }
}

impl JsonSchema for StatusWord {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Status".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["inactive", "pending", "active", 0, 1, 2] })
    }
}

/// `delivery`: chain targets.
pub(crate) struct DeliveryWords(pub(crate) Delivery);

impl<'de> Deserialize<'de> for DeliveryWords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let places = words.iter().map(|word| {
            Place::from_word(word).ok_or_else(|| {
                let known = Place::ALL.map(Place::as_str).join(", ");
                D::Error::custom(format_args!(
                    "\"{word}\" is not a delivery target; the valid values are {known}"
                ))
            })
        });
        places.collect::<Result<_, _>>().map(Self)
    }
}

impl JsonSchema for DeliveryWords {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Delivery".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = Place::ALL.map(Place::as_str);
        json_schema!({ "type": "array", "items": { "enum": words } })
    }
}

/// `sessionPolicy`: JSON text, however it was written.
pub(crate) struct PolicyText(pub(crate) String);

impl<'de> Deserialize<'de> for PolicyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => {
                match serde_json::from_str::<serde_json::Value>(&text) {
                    Ok(serde_json::Value::Object(_)) => Ok(Self(text)),
                    Ok(_) => Err(D::Error::custom("the text is JSON, but not an object")),
                    Err(e) => Err(D::Error::custom(format_args!("the text is not JSON: {e}"))),
                }
            }
            object @ serde_json::Value::Object(_) => Ok(Self(object.to_string())),
            _ => Err(D::Error::custom("expected an object or JSON text")),
        }
    }
}

impl JsonSchema for PolicyText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "SessionPolicy".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["object", "string"] })
    }
}

/// A named profile: a section of the AWS config and credentials files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedProfile {
    /// What sessions refer to it by.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The section's name.
    #[schemars(length(min = 1))]
    pub name: String,
}

/// The sign-in address of a SAML identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdpUrl {
    /// What sessions refer to it by.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The address.
    #[schemars(regex(pattern = r"^https?://[^/?#\s]+"))]
    pub url: String,
}

/// A portal of AWS IAM Identity Center.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsSsoIntegration {
    /// What sessions refer to it by.
    #[schemars(length(min = 1))]
    pub id: String,
    /// What a person calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The portal's start address.
    #[schemars(regex(pattern = r"^https?://[^/?#\s]+"))]
    pub portal_url: String,
    /// The region that Identity Center runs in.
    pub region: String,
    /// Name of the `[sso-session]` in the AWS config file whose sign-in is shared; without it,
    /// what that file has for the portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub sso_session: Option<String>,
    /// What the named profiles of new sessions are called, with the fields `{account_name}`,
    /// `{account_id}`, `{role}` and `{email}`; without it, `{account_name}.{role}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub profile_template: Option<String>,
}

/// A Microsoft Entra ID tenant, and who asks it for tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureIntegration {
    /// What sessions refer to it by.
    #[schemars(length(min = 1))]
    pub id: String,
    /// What a person calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The tenant.
    #[schemars(length(min = 1))]
    pub tenant_id: String,
    /// The location of its sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Who asks for tokens; without it, a person who signs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<AzureCredentialWord>,
    /// The application's id. For a managed identity, the one of several that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// PEM file with the application's certificate and key, where the vault does not keep them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<String>,
    /// File with the token of a workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// Which Azure; without it, the global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<AzureCloudWord>,
    /// The address of Entra ID, before the cloud's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https://[^/?#\s]+/?$"))]
    pub authority_host: Option<String>,
    /// The address of the resource manager, before the cloud's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https://[^/?#\s]+/?$"))]
    pub resource_manager_url: Option<String>,
}

/// Who asks Entra ID for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AzureCredentialWord {
    /// A person who signs in with `dayfly integration login`.
    SignIn,
    /// An application with a secret, which the vault keeps.
    ClientSecret,
    /// An application with a certificate.
    ClientCertificate,
    /// An application that trusts the issuer of a workload's token.
    WorkloadIdentity,
    /// The identity of the machine that this runs on.
    ManagedIdentity,
    /// Whoever signed in with the Azure CLI.
    AzureCli,
}

/// An Azure cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AzureCloudWord {
    /// The global one.
    Public,
    /// The one in China.
    China,
    /// The one for the government of the United States.
    UsGovernment,
}
