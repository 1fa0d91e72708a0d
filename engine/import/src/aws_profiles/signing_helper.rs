//! `aws_signing_helper credential-process …`, AWS's helper for IAM Roles Anywhere, as a session of its own.
//!
//! A flag that the session has no field for leaves the command as it is: a `process` session runs the helper
//! then, as the AWS CLI does.
//!
//! Source: aws/rolesanywhere-credential-helper, `README.md`, `cmd/credentials.go`.

use serde_json::{Map, Value};

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

/// What a command comes to.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) fields: Map<String, Value>,
    /// Whether a person gives a passphrase or a PIN to the vault.
    pub(super) needs_secret: bool,
}

/// A command with a secret in it that Dayfly would have to write into a file.
#[derive(Debug)]
pub(super) struct HasSecret;

/// The flags of a command, taken apart.
#[derive(Default)]
struct Flags {
    fields: Map<String, Value>,
    region: Option<String>,
    /// Whether there is one that no field is for, or one without its value.
    more: bool,
}

/// The session that the command's words come to; none where it has to stay a command.
///
/// # Errors
/// It has to, and has a secret in it.
pub(super) fn session(words: &[String]) -> Result<Option<Session>, HasSecret> {
    let [_, command, words @ ..] = words else {
        return Ok(None);
    };
    if command != "credential-process" {
        return Ok(None);
    }
    let has = |part: &str| words.iter().any(|word| word.contains(part));
    let has_passphrase = has("--pkcs8-password");
    let flags = Flags::of(words);
    if has("pin-value") || (has_passphrase && !flags.fit()) {
        return Err(HasSecret);
    }
    if !flags.fit() {
        return Ok(None);
    }
    Ok(Some(Session {
        needs_secret: has_passphrase || flags.in_token(),
        fields: flags.fields,
    }))
}

impl Flags {
    fn of(words: &[String]) -> Self {
        let mut this = Self::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if PLAIN.contains(&word.as_str()) {
                continue;
            }
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (word.as_str(), rest.next().cloned()),
            };
            match value {
                Some(value) => this.take(flag, value),
                None => this.more = true,
            }
        }
        this
    }

    fn take(&mut self, flag: &str, value: String) {
        if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == flag) {
            self.fields.insert((*field).to_owned(), Value::from(value));
            return;
        }
        match flag {
            "--pkcs8-password" => {}
            "--region" => self.region = Some(value),
            "--session-duration" => match value.parse::<u32>() {
                Ok(seconds) => {
                    let field = "durationSeconds".to_owned();
                    self.fields.insert(field, Value::from(seconds));
                }
                Err(_) => self.more = true,
            },
            _ => self.more = true,
        }
    }

    fn text(&self, field: &str) -> &str {
        let value = self.fields.get(field).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    fn in_token(&self) -> bool {
        let in_token = |field| self.text(field).starts_with("pkcs11:");
        in_token("certificate") || in_token("privateKey")
    }

    /// Whether a session says all of it.
    fn fit(&self) -> bool {
        let needed = ["roleArn", "profileArn", "trustAnchorArn", "certificate"];
        let places = ["certificate", "privateKey", "certificateChain"];
        // The helper looks from the folder that it is run in.
        let is_place = |place: &str| {
            let begins = ["/", "~/", "pkcs11:"];
            place.is_empty() || begins.iter().any(|begin| place.starts_with(begin))
        };
        let of_anchor = self.text("trustAnchorArn").split(':').nth(3);
        !self.more
            && needed.iter().all(|field| !self.text(field).is_empty())
            && places.iter().all(|field| is_place(self.text(field)))
            && self.in_token() != self.text("pkcs11Module").is_empty()
            && self
                .region
                .as_deref()
                .is_none_or(|region| Some(region) == of_anchor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARNS: &str = "--trust-anchor-arn arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/t \
        --profile-arn=arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p \
        --role-arn arn:aws:iam::123456789012:role/r";

    fn of(flags: &str) -> Result<Option<Session>, HasSecret> {
        let line = format!("/opt/aws_signing_helper credential-process {ARNS} {flags}");
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        session(&words)
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
        assert!(!one.needs_secret);
        let token = of("--certificate pkcs11:object=a --pkcs11-lib /m.so --reuse-pin")
            .unwrap()
            .unwrap();
        assert!(token.needs_secret);
        let hidden = of("--certificate /c --private-key /k --pkcs8-password s3cr3t")
            .unwrap()
            .unwrap();
        assert!(hidden.needs_secret);
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
            assert!(of(flags).is_err(), "{flags}");
        }
    }
}
