//! What `credential_process` prints.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Process credential provider".

use dayfly_dialog::CliError;
use dayfly_runtime::credential_cache::Issued;
use dayfly_runtime::{clock, report};
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use serde::Serialize;
use zeroize::Zeroizing;

use super::early_expiry;

/// Why there is nothing to print for a session of another cloud.
const NOT_AWS: &str = "the session is one of Azure, which has no AWS credentials";
const NOT_AWS_HINT: &str = "`dayfly exec` and `dayfly env` hand its tokens to programs";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Printed<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
}

/// The JSON for these credentials, which have not ended; wiped from memory when dropped.
pub(crate) fn json(issued: &Issued) -> Result<Zeroizing<Vec<u8>>, CliError> {
    of(&issued.credentials)
}

/// The same, where nothing but the credentials is known.
pub(crate) fn of(credentials: &TemporaryCredentials) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let Material::Aws {
        access_key_id,
        secret_access_key,
        session_token,
        region: _,
    } = &credentials.material
    else {
        return Err(CliError::usage(NOT_AWS).hint(NOT_AWS_HINT));
    };
    if access_key_id.is_empty() || secret_access_key.expose().is_empty() {
        return Err(CliError::failed("the credentials are incomplete"));
    }
    let printed = Printed {
        version: 1,
        access_key_id,
        secret_access_key: secret_access_key.expose(),
        session_token: session_token.as_ref().map(SecretString::expose),
        expiration: early_expiry::end(&credentials.lease, clock::now()).map(report::moment),
    };
    // Room enough, so that the buffer is not moved and a copy left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(8_192));
    let printing = serde_json::to_writer(&mut *text, &printed);
    printing.map_err(|e| CliError::failed(e.to_string()))?;
    Ok(text)
}
