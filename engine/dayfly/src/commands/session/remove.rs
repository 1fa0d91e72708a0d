//! `dayfly session remove`

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use dayfly_control::protocol::SessionOrder;
use dayfly_core::policy::Action;
use dayfly_core::session::{SessionId, Status};
use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{orders, paths, reports, vault, workspace};
use dayfly_import::{
    AwsProfiles, LinesError, give_lines_back, hand_lines_over, sessions_with_lines,
};
use dayfly_integrations::aws_profiles;
use dayfly_runtime::report::SessionReport;
use dayfly_vault::Vault;
use dayfly_workspace::splice::{self, List};

use crate::commands::session::add::edit;
use crate::terminal::print;

/// Remove sessions from the Workspace, and their credentials from the files of the cloud SDKs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly session remove old\n  dayfly session remove old older --yes"
)]
pub(crate) struct Args {
    /// Ids, beginnings of ids, or unique names.
    #[arg(required = true)]
    sessions: Vec<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let mut going: Vec<(SessionId, String)> = Vec::new();
    for asked in &args.sessions {
        let session = workspace::session(&workspace, asked)?;
        if going.iter().all(|(id, _)| *id != session.id) {
            going.push((session.id.clone(), session.name.clone()));
        }
    }
    let ids: BTreeSet<&SessionId> = going.iter().map(|(id, _)| id).collect();
    let orphans: Vec<String> = workspace
        .sessions()
        .iter()
        .map(|entry| &entry.session)
        .filter(|s| !ids.contains(&s.id) && s.parent().is_some_and(|p| ids.contains(p)))
        .map(|s| format!("\"{}\"", sanitize(&s.name)))
        .collect();
    if !orphans.is_empty() {
        let message = format!("{} would lose the parent session", orphans.join(", "));
        return Err(
            CliError::usage(message).hint("remove those sessions too, or give them another parent")
        );
    }
    let names: Vec<String> = going.iter().map(|(_, name)| sanitize(name)).collect();
    if !args.yes && !confirmed(&names)? {
        print("removed nothing\n");
        return Ok(Exit::Failed);
    }
    let files = aws_profiles(&home)?;
    let taken_over = sessions_with_lines(&files, &ids).map_err(|e| not_readable(&e))?;
    stop_first(&home, &ids, &taken_over)?;
    // In one edit, so that no child is without its parent in between.
    edit(&home, &going[0].0, |text| {
        let mut text = text.to_owned();
        for (id, _) in &going {
            text = splice::remove(&text, List::Sessions, id.as_str())?;
        }
        Ok(text)
    })?;
    for (id, name) in &going {
        print(&format!("removed {}\n", sanitize(name)));
        let vault = vault::open(&home)?;
        if taken_over.contains(id) {
            pass_on(&files, &vault, id, heir(&workspace, id, &ids))?;
        }
        if home.vault().exists() && vault.access_key(id).is_ok_and(|key| key.is_some()) {
            print(&format!(
                "the vault still has its access key; remove it with `dayfly secret remove {}`\n",
                sanitize(&shell_word(id.as_str()))
            ));
        }
    }
    Ok(Exit::Done)
}

/// Hands the lines of its profile on to another session of that profile, or gives them back.
fn pass_on(
    files: &AwsProfiles,
    vault: &Vault,
    id: &SessionId,
    heir: Option<&SessionId>,
) -> Result<(), CliError> {
    let handed = heir.map(|heir| hand_lines_over(files, id, heir));
    match handed.transpose().map_err(|e| not_readable(&e))? {
        Some(true) => Ok(()),
        _ => give_back(files, vault, id),
    }
}

/// Another session that is published under the named profile of one that goes.
fn heir<'a>(
    workspace: &'a dayfly_workspace::Workspace,
    id: &SessionId,
    going: &BTreeSet<&SessionId>,
) -> Option<&'a SessionId> {
    let profile = workspace.get(id)?.session.named_profile.as_ref()?;
    let mut others = workspace.sessions().iter().map(|entry| &entry.session);
    let found = others
        .find(|other| !going.contains(&other.id) && other.named_profile.as_ref() == Some(profile));
    found.map(|other| &other.id)
}

/// Gives the lines of its profile back that were set aside for a session.
fn give_back(files: &AwsProfiles, vault: &Vault, id: &SessionId) -> Result<(), CliError> {
    match give_lines_back(files, vault, id) {
        Ok(_) => {
            print("what its profile said before Dayfly took it over is back\n");
            Ok(())
        }
        Err(error) => Err(CliError::failed(format!(
            "the session is removed, but the lines of its profile are still set aside: {error}"
        ))
        .hint("remove \"# set aside by Dayfly for …: \" before them by hand")),
    }
}

fn not_readable(error: &LinesError) -> CliError {
    CliError::failed(format!("{error}; nothing was removed")).hint("fix the file, then try again")
}

/// Where an engine runs, it removes the credentials of sessions that go. Without one they would
/// stay, so they are removed first; and so they are where a profile gets its own lines back, which
/// must not stand beside those of Dayfly.
fn stop_first(
    home: &dayfly_runtime::Home,
    going: &BTreeSet<&SessionId>,
    taken_over: &BTreeSet<SessionId>,
) -> Result<(), CliError> {
    let report = reports::of(home)?;
    let attended = report.engine.is_some();
    let active = report
        .sessions
        .iter()
        .filter(|s| s.status == Status::Active);
    let goes =
        |s: &&SessionReport| going.contains(&s.id) && (!attended || taken_over.contains(&s.id));
    for session in active.filter(goes) {
        let order = SessionOrder {
            session: session.id.to_string(),
            action: Some(Action::Stop),
            for_seconds: None,
            override_reason: None,
            reason: None,
        };
        orders::order(home, &order)?;
    }
    Ok(())
}

fn confirmed(names: &[String]) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::usage(
            "the standard input is not a terminal, so Dayfly cannot ask for confirmation; nothing \
             was removed",
        )
        .hint("pass --yes to confirm"));
    }
    print(&format!("Remove {}? [y/N] ", names.join(", ")));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| CliError::failed(format!("cannot read from the terminal: {e}")))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
