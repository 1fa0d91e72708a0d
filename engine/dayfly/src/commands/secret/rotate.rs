//! `dayfly secret rotate`

use std::time::Duration;

use dayfly_core::session::SessionType;
use dayfly_core::text::shell_word;
use dayfly_dialog::time::{parse_span, span};
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{engine, orders, paths, settings, vault, workspace};
use dayfly_providers::{AwsSettings, Iam, KeyRotation, Rotated, RotationStep, RotationWish};
use dayfly_vault::private_file;
use serde_json::json;

use crate::terminal::{print, print_json, warn};

/// Replace the access key of an IAM user by a new one: at AWS and in the vault. The old key is
/// deleted once AWS accepts the new one. If this is interrupted, run it again; it goes on where it
/// ended.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly secret rotate main\n  dayfly secret rotate main --if-older-than 30d"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// Only if the key is older: 30d. A timer can run this each day.
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    if_older_than: Option<Duration>,
    /// Delete this other access key of the user to make room for the new one.
    #[arg(long, value_name = "KEY_ID")]
    discard: Option<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// How long an engine may be busy with a key of this home.
const LOCK: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let session = workspace::session(&workspace, &args.session)?;
    let kind = session.session_type();
    if kind != SessionType::AwsIamUser {
        let name = sanitize(&session.name);
        let message =
            format!("session \"{name}\" is of type {kind}, which does not use an access key");
        return Err(CliError::usage(message));
    }
    let config = settings::in_force(&home)?;
    let aws = AwsSettings {
        sts_endpoint_url: config.aws.sts_endpoint_url,
        ..AwsSettings::default()
    };
    let region = session.region.clone();
    let region = region
        .or(config.aws.default_region)
        .unwrap_or_else(|| aws.default_region.clone());
    let vault = vault::open(&home)?;
    let wish = RotationWish {
        older_than: args.if_older_than,
        discard: args.discard.as_deref(),
    };
    let locked = private_file::lock(&home.key_rotation_lock(), LOCK).map_err(|error| {
        let message = format!(
            "Dayfly replaces a key already, or the lock cannot be taken: {}; nothing was changed",
            error.with_cause()
        );
        CliError::failed(message)
            .hint("`dayfly status` shows what the engine does; try again later")
    })?;
    let rotated = engine::plain_runtime()?.block_on(async {
        let iam = Iam::of(&aws, None, &region).await;
        let iam = iam.map_err(|e| CliError::failed(e.to_string()).hint(e.hint()))?;
        let rotation = KeyRotation {
            aws: &aws,
            iam: &iam,
            vault: &vault,
            session,
            now: dayfly_runtime::clock::now(),
        };
        let rotated = rotation.run(wish, |step| {
            if step == RotationStep::Accepted {
                warn("AWS accepts the new key; the old one is deleted");
            }
            std::future::ready(())
        });
        let rotated = rotated.await;
        rotated.map_err(|e| CliError::failed(e.to_string()).hint(e.hint()))
    });
    drop(locked);
    // The key is another, or a person has looked after what the engine waits for.
    orders::tell_attended(&home, &session.id);
    let rotated = rotated?;
    told(&rotated, &session.name, args.json)
}

fn told(rotated: &Rotated, name: &str, as_json: bool) -> Result<Exit, CliError> {
    if as_json {
        print_json(&match rotated {
            Rotated::Done { old, new } => json!({ "rotated": true, "old": old, "new": new }),
            Rotated::Young { id, age } => {
                json!({ "rotated": false, "key": id, "ageSeconds": age.as_secs() })
            }
        })?;
        return Ok(Exit::Done);
    }
    let (name, word) = (sanitize(name), sanitize(&shell_word(name)));
    print(&match rotated {
        Rotated::Done { old, new } => format!(
            "session {name} has access key {new} now; {old} is deleted at AWS. Credentials that are in \
             force stay until they end, or until `dayfly session rotate {word}`\n"
        ),
        Rotated::Young { id, age } => {
            format!(
                "access key {id} of session {name} is {} old; it stays\n",
                span(*age)
            )
        }
    });
    Ok(Exit::Done)
}
