//! `dayfly secret list`

use std::collections::BTreeMap;

use dayfly_dialog::{CliError, Exit, Table, sanitize, time};
use dayfly_host::{paths, vault, workspace};
use dayfly_providers::azure::{AZURE_CERTIFICATE, AZURE_CLIENT_SECRET, AZURE_SIGN_IN};
use dayfly_providers::{KEY_PASSPHRASE, ROTATION_ASIDE, TOTP_SEED};
use dayfly_runtime::{Home, clock, report};
use dayfly_sharing::keys::SIGNING_KEY;
use dayfly_vault::ACCESS_KEY;
use serde::Serialize;

use crate::commands::secret::totp as secret_totp;
use crate::terminal::{print, print_json};

/// List the secrets in the vault, without their values.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly secret list\n  dayfly secret list --json")]
pub(crate) struct Args {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// What the vault calls it.
    secret: String,
    kind: &'static str,
    session_id: Option<String>,
    session_name: Option<String>,
    /// The id of an access key, which is no secret.
    access_key_id: Option<String>,
    /// The MFA device whose seed it is, and the sessions that have codes made from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_device: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<String>,
    updated_at: String,
    #[serde(skip)]
    kept: String,
}

/// What a secret is, by its name.
fn kind(name: &str) -> &'static str {
    [
        (ACCESS_KEY, "access key"),
        (ROTATION_ASIDE, "rotation of the access key"),
        (TOTP_SEED, "MFA seed"),
        (KEY_PASSPHRASE, "key passphrase"),
        (SIGNING_KEY, "signing key"),
        (AZURE_SIGN_IN, "Azure sign-in"),
        (AZURE_CLIENT_SECRET, "Azure client secret"),
        (AZURE_CERTIFICATE, "Azure certificate"),
    ]
    .into_iter()
    .find(|(prefix, _)| name.starts_with(prefix))
    .map_or("other", |(_, kind)| kind)
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let rows = rows(&home)?;
    if args.json {
        return print_json(&rows);
    }
    if rows.is_empty() {
        print("the vault is empty; store an access key with `dayfly secret set SESSION`\n");
        return Ok(Exit::Done);
    }
    print(&table(&rows).to_string());
    Ok(Exit::Done)
}

/// What the vault has, each with whom it is of.
fn rows(home: &Home) -> Result<Vec<Row>, CliError> {
    let vault = vault::open(home)?;
    let failed = |e: dayfly_vault::VaultError| CliError::failed(e.to_string());
    let workspace = workspace::load(home).ok();
    let names: BTreeMap<&str, &str> = workspace
        .iter()
        .flat_map(|w| w.sessions())
        .map(|e| (e.session.id.as_str(), e.session.name.as_str()))
        .collect();
    let mut rows = Vec::new();
    for info in vault.list().map_err(failed)? {
        let of_key = info.name.strip_prefix(ACCESS_KEY);
        let others = [ROTATION_ASIDE, KEY_PASSPHRASE].into_iter();
        let session = of_key.or_else(|| {
            others
                .filter_map(|kind| info.name.strip_prefix(kind))
                .next()
        });
        let session = session.map(str::to_owned);
        let access_key_id = match of_key {
            Some(id) => {
                let id = dayfly_core::session::SessionId::new(id);
                vault
                    .access_key(&id)
                    .map_err(failed)?
                    .map(|key| key.access_key_id)
            }
            None => None,
        };
        let mfa_device = info.name.strip_prefix(TOTP_SEED).map(str::to_owned);
        let users = workspace.as_deref().zip(mfa_device.as_deref());
        rows.push(Row {
            sessions: users
                .map(|(w, d)| secret_totp::users(w, d))
                .unwrap_or_default(),
            kind: kind(&info.name),
            mfa_device,
            session_name: session
                .as_deref()
                .and_then(|id| names.get(id))
                .map(|name| (*name).to_owned()),
            session_id: session,
            updated_at: report::moment(info.updated_at),
            kept: time::relative(info.updated_at, clock::now()),
            secret: info.name,
            access_key_id,
        });
    }
    Ok(rows)
}

/// The secrets as a person reads them.
fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(["SESSION", "KIND", "ID", "STORED"]);
    for row in rows {
        let session = match (&row.session_name, &row.session_id) {
            (Some(name), _) => sanitize(name),
            (None, Some(id)) => format!("{} (not in the Workspace)", sanitize(id)),
            (None, None) if row.mfa_device.is_some() && row.sessions.is_empty() => {
                "(of no session)".to_owned()
            }
            (None, None) if row.mfa_device.is_some() => row.sessions.join(", "),
            (None, None) => sanitize(&row.secret),
        };
        table.row([
            session,
            row.kind.to_owned(),
            row.access_key_id
                .as_ref()
                .or(row.mfa_device.as_ref())
                .map(|id| sanitize(id))
                .unwrap_or_default(),
            row.kept.clone(),
        ]);
    }
    table
}
