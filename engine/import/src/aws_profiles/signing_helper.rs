//! `aws_signing_helper credential-process …`, AWS's helper for IAM Roles Anywhere, as a session of its own.
//!
//! A flag that the session has no field for leaves the command as it is: a `process` session runs the helper
//! then, as the AWS CLI does.
//!
//! Source: aws/rolesanywhere-credential-helper, `README.md`, `cmd/credentials.go`.

use dayfly_core::session::SessionType;
use serde_json::Value;

use super::access::{Access, No, no};
use crate::candidate::Requirement;

/// What the helper is called.
pub(super) const NAME: &str = "aws_signing_helper";

/// The helper's flags with a value, and their fields.
const FIELDS: [(&str, &str); 8] = [
    ("--role-arn", "roleArn"),
    ("--profile-arn", "profileArn"),
    ("--trust-anchor-arn", "trustAnchorArn"),
    ("--certificate", "certificate"),
    ("--private-key", "privateKey"),
    ("--intermediates", "certificateChain"),
    ("--pkcs11-lib", "pkcs11Module"),
    ("--role-session-name", "roleSessionName"),
];

/// Flags without a value that mean nothing here: proxies and the PIN are used as they are needed.
const PLAIN: [&str; 3] = ["--with-proxy", "--reuse-pin", "--debug"];

/// The session that the command's words come to; none where it has to stay a command.
///
/// # Errors
/// The command has a secret in it that Dayfly does not write into a file.
pub(super) fn access(words: &[String]) -> Result<Option<Access>, No> {
    let [_, command, flags @ ..] = words else {
        return Ok(None);
    };
    if command != "credential-process" {
        return Ok(None);
    }
    let mut access = Access::of(SessionType::AwsRolesAnywhere);
    access.used.push("credential_process");
    let mut has_passphrase = false;
    let mut region = None;
    let mut rest = flags.iter();
    while let Some(word) = rest.next() {
        if PLAIN.contains(&word.as_str()) {
            continue;
        }
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), rest.next().cloned()),
        };
        let Some(value) = value else { return Ok(None) };
        if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == flag) {
            access
                .fields
                .insert((*field).to_owned(), Value::from(value));
            continue;
        }
        match flag {
            "--pkcs8-password" => has_passphrase = true,
            "--region" => region = Some(value),
            "--session-duration" => {
                let Ok(seconds) = value.parse::<u32>() else {
                    return Ok(None);
                };
                access
                    .fields
                    .insert("durationSeconds".to_owned(), Value::from(seconds));
            }
            _ => {
                return match has_passphrase
                    || words.iter().any(|w| w.starts_with("--pkcs8-password"))
                {
                    true => Err(no(
                        "credential_process",
                        format!(
                            "its command has a passphrase in it, and {flag}, which Dayfly has no field for"
                        ),
                        "keep this profile as it is",
                    )),
                    false => Ok(None),
                };
            }
        }
    }
    let text = |field: &str| {
        access
            .fields
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let in_token = |field| text(field).starts_with("pkcs11:");
    let is_place = |field| {
        let place = text(field);
        place.is_empty()
            || place.starts_with('/')
            || place.starts_with("~/")
            || place.starts_with("pkcs11:")
    };
    let whole = ["roleArn", "profileArn", "trustAnchorArn", "certificate"]
        .iter()
        .all(|field| !text(field).is_empty());
    let token = in_token("certificate") || in_token("privateKey");
    let of_anchor = text("trustAnchorArn").split(':').nth(3);
    let fits = whole
        && ["certificate", "privateKey", "certificateChain"]
            .into_iter()
            .all(is_place)
        && token != text("pkcs11Module").is_empty()
        && region
            .as_deref()
            .is_none_or(|region| Some(region) == of_anchor);
    let with_pin = ["certificate", "privateKey"]
        .into_iter()
        .any(|field| text(field).contains("pin-value"));
    if with_pin || (has_passphrase && !fits) {
        return Err(no(
            "credential_process",
            "its command has a passphrase or a PIN in it, which Dayfly does not write into a file",
            "add the session with `dayfly session add --type awsRolesAnywhere`, and store the secret with \
             `dayfly secret set`",
        ));
    }
    if !fits {
        return Ok(None);
    }
    if has_passphrase || token {
        access.require(Requirement::KeyByHand);
    }
    Ok(Some(access))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARNS: &str = "--trust-anchor-arn arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/t \
        --profile-arn=arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p \
        --role-arn arn:aws:iam::123456789012:role/r";

    fn of(flags: &str) -> Result<Option<Access>, No> {
        let line = format!("/opt/aws_signing_helper credential-process {ARNS} {flags}");
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        access(&words)
    }

    #[test]
    fn the_helpers_command_becomes_a_session() {
        let one = of(
            "--certificate /c.pem --private-key ~/k.pem --intermediates /i.pem --session-duration 7200 \
            --role-session-name me --region eu-west-1 --with-proxy",
        );
        let one = one.unwrap().unwrap();
        let wanted = serde_json::json!({
            "trustAnchorArn": "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/t",
            "profileArn": "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p",
            "roleArn": "arn:aws:iam::123456789012:role/r", "certificate": "/c.pem", "privateKey": "~/k.pem",
            "certificateChain": "/i.pem", "durationSeconds": 7200, "roleSessionName": "me",
        });
        assert_eq!(Value::Object(one.fields), wanted);
        assert_eq!(one.requires, []);
        let token = of("--certificate pkcs11:object=a --pkcs11-lib /m.so --reuse-pin")
            .unwrap()
            .unwrap();
        assert_eq!(token.requires, [Requirement::KeyByHand]);
        let hidden = of("--certificate /c --private-key /k --pkcs8-password s3cr3t")
            .unwrap()
            .unwrap();
        assert_eq!(hidden.requires, [Requirement::KeyByHand]);
        assert!(!format!("{hidden:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_command_that_means_more_stays_a_command() {
        for flags in [
            "--certificate /c --endpoint https://e",
            "--certificate /c --no-verify-ssl",
            "--cert-selector Key=x509Subject,Value=CN=a",
            "--certificate c.pem",
            "--certificate /c --region us-east-1",
            "--certificate pkcs11:object=a",
            "--private-key /k",
            "--certificate",
        ] {
            assert!(matches!(of(flags), Ok(None)), "{flags}");
        }
    }

    #[test]
    fn a_secret_of_a_command_is_written_nowhere() {
        for flags in [
            "--certificate pkcs11:object=a?pin-value=1234 --pkcs11-lib /m.so",
            "--certificate c --pkcs8-password s3cr3t",
            "--pkcs8-password s3cr3t --certificate /c --endpoint https://e",
            "--certificate /c --endpoint https://e --pkcs8-password=s3cr3t",
        ] {
            let refused = of(flags).unwrap_err();
            assert!(
                !refused.why.contains("s3cr3t") && !refused.why.contains("1234"),
                "{flags}"
            );
        }
    }
}
