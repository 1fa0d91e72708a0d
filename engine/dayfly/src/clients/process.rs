//! What `credential_process` prints.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Process credential provider".

use std::io;

use dayfly_runtime::held::Issued;
use dayfly_runtime::report;
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use serde::Serialize;
use zeroize::Zeroizing;

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

/// The JSON for these credentials; wiped from memory when dropped.
pub(crate) fn json(issued: &Issued) -> io::Result<Zeroizing<Vec<u8>>> {
    of(&issued.credentials)
}

/// The same, where nothing but the credentials is known.
pub(crate) fn of(credentials: &TemporaryCredentials) -> io::Result<Zeroizing<Vec<u8>>> {
    let Material::Aws {
        access_key_id,
        secret_access_key,
        session_token,
        region: _,
    } = &credentials.material;
    let printed = Printed {
        version: 1,
        access_key_id,
        secret_access_key: secret_access_key.expose(),
        session_token: session_token.as_ref().map(SecretString::expose),
        expiration: credentials.lease.expires_at.map(report::moment),
    };
    // Room enough, so that the buffer is not moved and a copy left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(8_192));
    serde_json::to_writer(&mut *text, &printed)?;
    Ok(text)
}
