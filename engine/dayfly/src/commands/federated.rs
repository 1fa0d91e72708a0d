//! What the console takes of an IAM user: a federation token.

use std::path::Path;
use std::sync::Arc;

use dayfly_control::credentials::Given;
use dayfly_core::session::Session;
use dayfly_dialog::{CliError, sanitize};
use dayfly_fs::bounded;
use dayfly_host::engine;
use dayfly_providers::{AwsSettings, Rights, federation_token};
use dayfly_runtime::clock;
use dayfly_runtime::config::Config;
use dayfly_vault::Vault;

use crate::terminal::warn;

/// The longest policy that STS takes, in characters.
const POLICY: usize = 2_048;

/// What of the user's rights is wanted.
pub(crate) fn rights(policy: Option<&str>) -> Result<Rights, CliError> {
    let Some(policy) = policy else {
        return Ok(Rights::All);
    };
    if policy.starts_with("arn:") {
        return Ok(Rights::Managed(policy.to_owned()));
    }
    let read = bounded::read_text(Path::new(policy), 64 << 10);
    let text = read.map_err(|e| CliError::usage(e.with_cause()))?;
    let text = text.ok_or_else(|| {
        let message = format!("there is no file {}", sanitize(policy));
        CliError::usage(message).hint("give a file with a policy, or the ARN of a policy of IAM")
    })?;
    // Blanks count, and mean nothing.
    let json: serde_json::Value = serde_json::from_str(&text)
        .map_err(|e| CliError::usage(format!("{} is not JSON: {e}", sanitize(policy))))?;
    let text = json.to_string();
    if text.chars().count() > POLICY {
        let message = format!(
            "the policy in {} has more than the {POLICY} characters that AWS accepts",
            sanitize(policy)
        );
        return Err(CliError::usage(message).hint("make it a policy of IAM, and give its ARN"));
    }
    Ok(Rights::Policy(text))
}

/// Credentials that the console takes, obtained with the key of the user.
pub(crate) fn credentials(
    config: &Config,
    region: Option<&str>,
    session: &Session,
    vault: Vault,
    rights: &Rights,
) -> Result<Given, CliError> {
    let name = sanitize(&session.name);
    if session.mfa_device().is_some() {
        warn(&format!(
            "{name}: AWS takes no code of an MFA device for the console of an IAM user, so rights that \
             need one are missing there; a role that the user assumes has them"
        ));
    }
    let usual = AwsSettings::default();
    let default_region = region.or(config.aws.default_region.as_deref());
    let settings = AwsSettings {
        default_region: default_region.unwrap_or(&usual.default_region).to_owned(),
        sts_endpoint_url: config.aws.sts_endpoint_url.clone(),
        ..usual
    };
    let asked = federation_token(&settings, Arc::new(vault), session, rights, clock::now());
    let credentials = engine::plain_runtime()?.block_on(asked).map_err(|error| {
        CliError::failed(format!("cannot open the console of \"{name}\": {error}"))
            .maybe_hint(error.hint())
    })?;
    Given::of(&credentials)
}
