//! What happens in the demo, and how it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_control::protocol::{self, SessionOrder};
use dayfly_core::effect::{JournalEntry, JournalEvent};
use dayfly_core::policy::{Action, Outcome};
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_host::{engine, vault, workspace};
use dayfly_runtime::{Engine, Handle, Policies, clock};
use dayfly_views::journal_line::{self, Names};
use dayfly_views::sessions;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::stage::Stage;
use crate::terminal::print;

/// How long credentials live, where the demo takes its usual time.
const LIFETIME: Duration = Duration::from_secs(20);

/// Plays the demo; `pace` is 1 for its usual time of about 45 seconds. `interrupted` ends it early.
pub(crate) async fn play(pace: f64, interrupted: impl Future<Output = ()>) -> Result<(), CliError> {
    let stage = Stage::build(LIFETIME.mul_f64(pace)).await?;
    print(&format!(
        "This runs all of Dayfly in a temporary home, {}, with an STS emulator on\nloopback whose \
         credentials last {:.0} seconds. It touches none of your files and leaves nothing \
         behind.\n\n",
        stage.home.folder().display(),
        LIFETIME.mul_f64(pace).as_secs_f64().max(1.0),
    ));
    let vault = vault::open(&stage.home)?;
    let options = engine::options(&stage.home, Policies::All, true, Duration::ZERO, vault)?;
    let mut running = Engine::start(options)
        .await
        .map_err(|e| engine::not_started(e, &stage.home))?;
    let handle = running.handle().clone();
    let begun = clock::now();
    let showing = running
        .listen()
        .map(|notes| tokio::spawn(show(notes, workspace::names(&stage.home), begun)));
    let played = tokio::select! {
        played = script(&stage, &handle, pace, begun) => played,
        () = interrupted => Ok(()),
    };
    let finale = finale(&stage, &handle).await;
    handle.halt().await;
    drop(handle);
    let ended = running.ended().await;
    let counts = match showing {
        Some(showing) => counts(showing).await,
        None => Counts::default(),
    };
    let calls = stage.sts.calls();
    let folder = stage.home.folder().to_owned();
    stage.strike()?;
    played?;
    ended.map_err(|e| CliError::failed(e.to_string()))?;
    print(&finale?);
    print(&format!(
        "\nThe STS issued credentials {} times ({} calls failed): {} starts, {} rotations, {} \
         stops; {} credentials expired without renewal.\nDayfly removed {}.\n\nNext: `dayfly \
         init`, then `dayfly session add --help`.\n",
        calls.get_session_token + calls.assume_role,
        calls.faulted + calls.refused,
        counts.of(Outcome::Started),
        counts.of(Outcome::Rotated),
        counts.of(Outcome::Stopped),
        counts.of(Outcome::Expired),
        folder.display(),
    ));
    Ok(())
}

/// Who does what when, at the usual pace in seconds from the start.
async fn script(
    stage: &Stage,
    handle: &Handle,
    pace: f64,
    begun: Timestamp,
) -> Result<(), CliError> {
    tell(
        begun,
        "the policies start sessions labelled \"work\"; two roles are chained to the session \
         \"main\"",
    );
    handle.quiet().await.map_err(protocol::stopped)?;
    let start = Instant::now();
    let at =
        |seconds: f64| tokio::time::sleep_until(start + Duration::from_secs_f64(seconds * pace));
    at(5.0).await;
    tell(
        begun,
        "somebody adds the session \"hotfix\" to workspace.json with a text editor",
    );
    stage.add("hotfix")?;
    at(10.0).await;
    tell(
        begun,
        "the STS goes down just as credentials are due for renewal: the old ones stay",
    );
    stage.sts.set_outage(true);
    // Credentials are due at 2/3 of their lifetime, less some jitter; the first try after a failure
    // comes a second later at the earliest.
    at(12.6 + 1.0 / pace).await;
    tell(begun, "the STS is back");
    stage.sts.set_outage(false);
    at(25.0).await;
    tell(
        begun,
        "`dayfly session stop audit`: a person's command takes precedence over policies",
    );
    order(handle, "audit", Action::Stop).await?;
    at(31.0).await;
    tell(
        begun,
        "somebody removes \"hotfix\" from workspace.json: Dayfly removes its profile",
    );
    stage.remove("hotfix")?;
    at(42.0).await;
    Ok(())
}

async fn order(handle: &Handle, session: &str, action: Action) -> Result<(), CliError> {
    let order = SessionOrder {
        session: session.to_owned(),
        action: Some(action),
        for_seconds: None,
        override_reason: None,
        reason: None,
    };
    let result = handle.order(session, order.to_order()).await;
    protocol::outcome(&order, result).map(|_| ())
}

fn tell(begun: Timestamp, text: &str) {
    print(&format!("\n{} ▶ {text}\n", elapsed(begun, clock::now())));
}

fn elapsed(begun: Timestamp, now: Timestamp) -> String {
    format!("{:>5.1} s", now.since(begun).as_secs_f64())
}

/// How often each thing ended how.
#[derive(Debug, Default)]
struct Counts(BTreeMap<Outcome, usize>);

impl Counts {
    fn of(&self, outcome: Outcome) -> usize {
        self.0.get(&outcome).copied().unwrap_or(0)
    }
}

async fn counts(showing: JoinHandle<Counts>) -> Counts {
    showing.await.unwrap_or_default()
}

async fn show(
    mut notes: Receiver<Arc<JournalEntry>>,
    mut names: Names,
    begun: Timestamp,
) -> Counts {
    let mut counts = Counts::default();
    loop {
        match notes.recv().await {
            Ok(note) => {
                journal_line::learn(&mut names, &note);
                if let JournalEvent::Ended { outcome, .. } = &note.what {
                    *counts.0.entry(*outcome).or_default() += 1;
                }
                let shown = journal_line::is_main(&note.what)
                    && !matches!(
                        note.what,
                        JournalEvent::Began { .. }
                            | JournalEvent::WorkspaceAccepted { .. }
                            | JournalEvent::Halted
                    );
                if shown {
                    let (mark, text) = journal_line::text(&note, &names);
                    print(&format!("{} {mark} {text}\n", elapsed(begun, note.at)));
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return counts,
        }
    }
}

/// How things stand at the end.
async fn finale(stage: &Stage, handle: &Handle) -> Result<String, CliError> {
    let report = handle.report().await.map_err(protocol::stopped)?;
    let table = sessions::table(&report.sessions, clock::now());
    let path = stage.credentials_file();
    let text = dayfly_fs::bounded::read_text(&path, 1 << 20);
    let text = text
        .map_err(|e| CliError::failed(e.to_string()))?
        .unwrap_or_default();
    Ok(format!(
        "\n{table}\nWhat AWS clients find in the credentials file, secrets left out:\n{}",
        masked(&text)
    ))
}

/// The text of a credentials file without what must not be seen.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for line in text.lines() {
        let shown = match line.split_once('=').map(|(key, _)| key.trim()) {
            Some("dayfly_wrote") => continue,
            Some(key @ ("aws_secret_access_key" | "aws_session_token")) => format!("{key} = …"),
            _ => line.to_owned(),
        };
        masked += format!("  {shown}").trim_end();
        masked.push('\n');
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out() {
        let text = "[a]\naws_access_key_id = ASIA1\naws_secret_access_key = s3cr3t\n aws_session_token=t0k3n\n";
        let masked = masked(text);
        assert!(masked.contains("ASIA1"));
        assert!(
            !masked.contains("s3cr3t") && !masked.contains("t0k3n"),
            "{masked}"
        );
    }
}
