//! A session as the object that the file has for it.

use dayfly_core::session::{Access, AssumeRole, RolesAnywhere, Session, Status, TokenSource};
use serde_json::{Map, Value};

use crate::timestamp;
use dayfly_core::input::PersistedStatus;

/// The fields that a person may expect first, in this order; others follow as they come.
pub(crate) const ORDER: [&str; 54] = [
    "sessionId",
    "sessionName",
    "status",
    "startDateTime",
    "region",
    "type",
    "sessionTokenExpiration",
    "labels",
    "profileId",
    "profileName",
    "awsAccount",
    "accountName",
    "accountId",
    "roleArn",
    "parentSessionId",
    "roleSessionName",
    "mfaDevice",
    "durationSeconds",
    "rotateKeyDays",
    "externalId",
    "sourceIdentity",
    "sessionPolicy",
    "tags",
    "transitiveTagKeys",
    "idpUrlId",
    "idpArn",
    "tokenFile",
    "tokenCommand",
    "tokenVariable",
    "tokenService",
    "tokenAudience",
    "awsSsoConfigurationId",
    "email",
    "subscriptionId",
    "tenantId",
    "azureIntegrationId",
    "endPointUrl",
    "command",
    "credentialSource",
    "profileArn",
    "trustAnchorArn",
    "certificate",
    "privateKey",
    "certificateChain",
    "pkcs11Module",
    "loginSession",
    "id",
    "name",
    "alias",
    "url",
    "portalUrl",
    "sessions",
    "profiles",
    "defaultRegion",
];

/// The members of an object in the order to write them in.
pub(crate) fn ordered(object: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let rank = |name: &str| {
        let place = ORDER.iter().position(|known| *known == name);
        place.unwrap_or(ORDER.len())
    };
    let mut members: Vec<(&str, &Value)> = object.iter().map(|(k, v)| (k.as_str(), v)).collect();
    // Stable: the unknown ones keep their order.
    members.sort_by_key(|(name, _)| rank(name));
    members
}

/// The object that reads as this session in this state; its named profile stands in
/// `profileName`. For [`splice::add`](crate::splice::add), imports and exports.
#[must_use]
pub fn session_object(session: &Session, projection: &PersistedStatus) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    };
    put("sessionId", own(session.id.as_str()));
    put("sessionName", own(&session.name));
    put("type", own(session.session_type().as_str()));
    put("region", text(&session.region));
    for (name, value) in projected(projection) {
        put(name, value.map(Value::String));
    }
    put("profileName", text(&session.named_profile));
    if !session.labels.is_empty() {
        put("labels", Some(map(session.labels.iter())));
    }
    put("roleArn", session.role_arn().and_then(own));
    let known = crate::login::account(session);
    if let Some(account) = &session.account
        && known.is_none_or(|(_, known)| known != account)
    {
        let account = Value::from(account.as_str());
        let object = Map::from_iter([("accountId".to_owned(), account)]);
        put("awsAccount", Some(Value::Object(object)));
    }
    put_access(&session.access, &mut put);
    object
}

/// Puts the fields of the access method, but for the role, which several methods have.
fn put_access(access: &Access, put: &mut impl FnMut(&str, Option<Value>)) {
    let number = |number: Option<u32>| number.map(Value::from);
    match access {
        Access::AwsIamUser {
            mfa_device,
            duration_seconds,
        } => {
            put("mfaDevice", text(mfa_device));
            put("durationSeconds", number(*duration_seconds));
        }
        Access::AwsIamRoleChained { parent, assume, .. } => {
            put("parentSessionId", own(parent.as_str()));
            put_assume(assume, put);
        }
        Access::AwsIamRoleFederated {
            idp_arn,
            idp_url_id,
            duration_seconds,
            ..
        } => {
            put("idpArn", own(idp_arn));
            put("idpUrlId", own(idp_url_id));
            put("durationSeconds", number(*duration_seconds));
        }
        Access::AwsIamRoleWebIdentity {
            token,
            role_session_name,
            duration_seconds,
            ..
        } => {
            put_token(token, put);
            put("roleSessionName", text(role_session_name));
            put("durationSeconds", number(*duration_seconds));
        }
        Access::AwsSsoRole { integration_id, .. } => {
            put("awsSsoConfigurationId", own(integration_id));
        }
        Access::Azure {
            subscription_id,
            tenant_id,
            integration_id,
        } => {
            put("subscriptionId", own(subscription_id));
            put("tenantId", own(tenant_id));
            put("azureIntegrationId", text(integration_id));
        }
        Access::Localstack { endpoint_url } => put("endPointUrl", text(endpoint_url)),
        Access::Process { command } => put("command", Some(Value::from(command.as_slice()))),
        Access::AwsInstance { source } => {
            put("credentialSource", source.and_then(|s| own(s.as_str())));
        }
        Access::AwsRolesAnywhere { anywhere, .. } => put_anywhere(anywhere, put),
        Access::AwsLogin { login_session } => put("loginSession", own(login_session)),
    }
}

fn put_anywhere(anywhere: &RolesAnywhere, put: &mut impl FnMut(&str, Option<Value>)) {
    put("profileArn", own(&anywhere.profile_arn));
    put("trustAnchorArn", own(&anywhere.trust_anchor_arn));
    put("certificate", own(&anywhere.certificate));
    put("privateKey", text(&anywhere.private_key));
    put("certificateChain", text(&anywhere.certificate_chain));
    put("pkcs11Module", text(&anywhere.pkcs11_module));
    put("roleSessionName", text(&anywhere.role_session_name));
    let seconds = anywhere.duration_seconds;
    put("durationSeconds", seconds.map(Value::from));
}

fn put_token(token: &TokenSource, put: &mut impl FnMut(&str, Option<Value>)) {
    match token {
        TokenSource::File(file) => put("tokenFile", own(file)),
        TokenSource::Command(words) => put("tokenCommand", Some(Value::from(words.as_slice()))),
        TokenSource::Variable(name) => put("tokenVariable", own(name)),
        TokenSource::Service { service, audience } => {
            put("tokenService", own(service.as_str()));
            put("tokenAudience", text(audience));
        }
    }
}

fn put_assume(assume: &AssumeRole, put: &mut impl FnMut(&str, Option<Value>)) {
    put("roleSessionName", text(&assume.role_session_name));
    put("durationSeconds", assume.duration_seconds.map(Value::from));
    put("externalId", text(&assume.external_id));
    put("sourceIdentity", text(&assume.source_identity));
    put("sessionPolicy", text(&assume.session_policy));
    put("mfaDevice", text(&assume.mfa_device));
    if !assume.tags.is_empty() {
        put("tags", Some(map(assume.tags.iter())));
    }
    if !assume.transitive_tag_keys.is_empty() {
        let keys = assume.transitive_tag_keys.as_slice();
        put("transitiveTagKeys", Some(Value::from(keys)));
    }
}

fn own(text: &str) -> Option<Value> {
    Some(Value::String(text.to_owned()))
}

fn text(text: &Option<String>) -> Option<Value> {
    text.clone().map(Value::String)
}

fn map<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> Value {
    let pairs = pairs.map(|(key, value)| (key.clone(), Value::from(value.as_str())));
    Value::Object(pairs.collect())
}

/// The three fields of a projection as they are written; none for a field that is left out.
pub(crate) fn projected(projection: &PersistedStatus) -> [(&'static str, Option<String>); 3] {
    let moment = |moment: Option<_>| moment.and_then(timestamp::write);
    let status: Status = projection.status;
    [
        ("status", Some(status.as_str().to_owned())),
        ("startDateTime", moment(projection.start)),
        ("sessionTokenExpiration", moment(projection.expiration)),
    ]
}
