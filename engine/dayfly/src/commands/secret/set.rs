//! `dayfly secret set`

use std::io::IsTerminal as _;

use dayfly_core::session::SessionType;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{orders, paths, vault, workspace};
use dayfly_vault::{AccessKey, SecretString};
use serde::Deserialize;

use crate::aws_key::{self, Unusable};
use crate::commands::secret::{passphrase, totp as secret_totp};
use crate::prompt;
use crate::terminal::print;

/// Store the long-lived access key of a session, the seed of its MFA device, or the passphrase of its private
/// key in the vault.
///
/// On a terminal, Dayfly asks for the key. Otherwise it reads the standard input: the JSON that
/// `aws iam create-access-key` prints, or two lines (id, secret), or only the secret with
/// --access-key-id. Dayfly never accepts it on the command line, where others could see it.
///
/// With --totp, Dayfly stores the seed of the session's virtual MFA device: the base32 text beside
/// the QR code, or the otpauth address in it. Dayfly then makes the codes itself, for all sessions
/// with that device. Anyone who can open the vault then has both factors.
///
/// For a session of type awsRolesAnywhere, Dayfly stores the passphrase of its private key or of its PKCS#12
/// file, or the PIN of its token: one line.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly secret set main\n  aws iam create-access-key | dayfly secret set main\n  dayfly secret set main --totp\n  dayfly secret set card"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// The id of the access key, which is not a secret.
    #[arg(long, value_name = "ID")]
    access_key_id: Option<String>,
    /// Store the seed of the session's MFA device.
    #[arg(long, conflicts_with = "access_key_id")]
    totp: bool,
}

/// The longest input, in bytes.
const INPUT: usize = 64 << 10;

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let session = workspace::session(&workspace, &args.session)?;
    if args.totp {
        return secret_totp::set(&home, &workspace, session);
    }
    let kind = session.session_type();
    if kind == SessionType::AwsRolesAnywhere && args.access_key_id.is_none() {
        return passphrase::set(&home, session);
    }
    if kind != SessionType::AwsIamUser {
        let message = format!(
            "session \"{}\" is of type {kind}, which does not use an access key",
            session.name
        );
        return Err(CliError::usage(message));
    }
    let key = if std::io::stdin().is_terminal() {
        from_terminal(args.access_key_id.as_deref())?
    } else {
        from_input(args.access_key_id.as_deref())?
    };
    check(&key)?;
    let before = keep(&home, &session.id, &key)?;
    orders::tell_attended(&home, &session.id);
    let name = sanitize(&session.name);
    let id = &key.access_key_id;
    print(&match before {
        Some(before) if before.access_key_id != *id => {
            format!(
                "stored access key {id} for session {name}; it replaces {}\n",
                before.access_key_id
            )
        }
        _ => format!("stored access key {id} for session {name}\n"),
    });
    Ok(Exit::Done)
}

/// Keeps a key; the one before, where there was one.
pub(crate) fn keep(
    home: &dayfly_runtime::Home,
    session: &dayfly_core::session::SessionId,
    key: &AccessKey,
) -> Result<Option<AccessKey>, CliError> {
    let vault = vault::open(home)?;
    let failed = |e: dayfly_vault::VaultError| CliError::failed(e.to_string());
    let before = vault.access_key(session).map_err(failed)?;
    vault.set_access_key(session, key).map_err(failed)?;
    Ok(before)
}

fn from_terminal(id: Option<&str>) -> Result<AccessKey, CliError> {
    let failed =
        |e: std::io::Error| CliError::failed(format!("cannot read from the terminal: {e}"));
    let access_key_id = match id {
        Some(id) => id.to_owned(),
        None => {
            print("Access key id: ");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map_err(failed)?;
            line.trim().to_owned()
        }
    };
    let secret = prompt::secret("Secret access key (not shown): ").map_err(failed)?;
    Ok(AccessKey {
        access_key_id,
        secret_access_key: trimmed(&secret),
    })
}

fn from_input(id: Option<&str>) -> Result<AccessKey, CliError> {
    let text = crate::input::secret(INPUT)
        .map_err(|e| CliError::failed(format!("cannot read the standard input: {e}")))?;
    parse(&text, id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    access_key: Key,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    access_key_id: String,
    secret_access_key: String,
}

fn parse(text: &SecretString, id: Option<&str>) -> Result<AccessKey, CliError> {
    let shape = || {
        CliError::usage("the standard input has no access key").hint(
            "give the JSON of `aws iam create-access-key`, or two lines (id, secret), or the \
             secret alone with --access-key-id",
        )
    };
    let whole = text.expose().trim();
    if whole.starts_with('{') {
        // What the parser says could quote the secret, so it is not passed on.
        let key = serde_json::from_str::<Created>(whole)
            .map(|created| created.access_key)
            .or_else(|_| serde_json::from_str::<Key>(whole))
            .map_err(|_| shape())?;
        return Ok(AccessKey {
            access_key_id: key.access_key_id,
            secret_access_key: SecretString::from(key.secret_access_key),
        });
    }
    let lines: Vec<&str> = whole.lines().map(str::trim).collect();
    let (id, secret) = match (lines.as_slice(), id) {
        ([secret], Some(id)) if !secret.is_empty() => (id, *secret),
        ([id, secret], None) => (*id, *secret),
        ([first, secret], Some(id)) if *first == id => (id, *secret),
        _ => return Err(shape()),
    };
    Ok(AccessKey {
        access_key_id: id.to_owned(),
        secret_access_key: SecretString::copy_of(secret),
    })
}

fn trimmed(text: &SecretString) -> SecretString {
    SecretString::copy_of(text.expose().trim())
}

/// Whether it can be an access key at all.
fn check(key: &AccessKey) -> Result<(), CliError> {
    let Some(unusable) = aws_key::unusable(key) else {
        return Ok(());
    };
    let hint = match unusable {
        // A secret that was typed in the place of the id is not shown.
        Unusable::Id => "give the id (AKIA…) first, then the secret",
        Unusable::Secret => "copy it again, without quotes or spaces",
        Unusable::Temporary => "give a long-lived key (AKIA…) of an IAM user",
    };
    Err(CliError::usage(unusable.to_string()).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, id: Option<&str>) -> Result<(String, String), String> {
        parse(&SecretString::from(text.to_owned()), id)
            .and_then(|key| check(&key).map(|()| key))
            .map(|key| (key.access_key_id, key.secret_access_key.expose().to_owned()))
            .map_err(|trouble| trouble.to_string())
    }

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "s3cr3t/+canary";

    #[test]
    fn every_form_is_read() {
        let whole = format!(
            r#"{{"AccessKey":{{"UserName":"u","AccessKeyId":"{ID}","SecretAccessKey":"{SECRET}"}}}}"#
        );
        let inner = format!(r#"{{"AccessKeyId":"{ID}","SecretAccessKey":"{SECRET}"}}"#);
        let lines = format!("{ID}\r\n  {SECRET}\n\n");
        let wanted = Ok((ID.to_owned(), SECRET.to_owned()));
        for text in [&whole, &inner, &lines] {
            assert_eq!(parsed(text, None), wanted);
        }
        assert_eq!(parsed(&format!("{SECRET}\n"), Some(ID)), wanted);
    }

    #[test]
    fn mistakes_are_told_without_the_secret() {
        for (text, id) in [
            (String::new(), None),
            (SECRET.to_owned(), None),
            (format!("{SECRET}\n{ID}"), None),
            (format!("{{\"AccessKeyId\": \"{SECRET}\""), None),
            (format!("{ID}\n{SECRET} x"), None),
            (format!("{ID}\n{SECRET}\u{200b}"), None),
            (format!("ASIAIOSFODNN7EXAMPLE\n{SECRET}"), None),
            (format!("{ID}\n{SECRET}\n{SECRET}"), None),
            (SECRET.to_owned(), Some("short")),
        ] {
            let told = parsed(&text, id).unwrap_err();
            assert!(!told.contains("canary"), "{told}");
        }
    }
}
