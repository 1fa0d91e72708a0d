//! `dayfly run`

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::Note;
use dayfly_runtime::{Engine, Handle, Home, Policies};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use crate::commands::print;
use crate::control::client;
use crate::control::protocol::Request;
use crate::control::server::Server;
use crate::endpoint::server::Endpoint;
use crate::endpoint::tokens::Tokens;
use crate::exit::Exit;
use crate::show::line::{self, Names};
use crate::show::time;
use crate::trouble::Trouble;
use crate::{engine, locate};

/// Run the engine: watch the Workspace, ask the policies, keep the credentials.
///
/// Ends by Ctrl-C or SIGTERM; what is in the provider chain then stays there until it ends.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly run\n  dayfly run --once    # do what is to be done now, and end"
)]
pub(crate) struct Args {
    /// Do what is to be done now, then end: 1 where something failed.
    #[arg(long)]
    once: bool,
    /// Print nothing but problems.
    #[arg(long, short)]
    quiet: bool,
    /// Print everything that is recorded.
    #[arg(long, short, conflicts_with = "quiet")]
    verbose: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Trouble::failed(format!("cannot start: {e}")))?;
    runtime.block_on(serve(args, &home))
}

async fn serve(args: &Args, home: &Home) -> Result<Exit, Trouble> {
    let cannot_listen = |e| Trouble::failed(format!("cannot listen for signals: {e}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_listen)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_listen)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(cannot_listen)?;
    // One that runs is not waited for, a single command is.
    let taken = client::ask::<serde_json::Value>(home, &Request::Report {}).is_some();
    let patience = Duration::from_secs(if taken { 0 } else { 15 });
    let vault = engine::unlocked(home)?;
    let options = engine::options(home, Policies::All, !args.once, patience, vault)?;
    let mut running = Engine::start(options)
        .await
        .map_err(|e| engine::not_started(e, home))?;
    let handle = running.handle().clone();
    let notes = running.listen();
    let tokens = Tokens::kept(&home.endpoint());
    let endpoint = Arc::new(Endpoint::start(Arc::new(handle.clone()), tokens).await?);
    let server = Server::start(home, handle.clone(), Arc::clone(&endpoint))?;
    if !args.quiet {
        print(&format!(
            "Dayfly {} watches {} (Ctrl-C ends it)\n",
            env!("CARGO_PKG_VERSION"),
            home.workspace().display()
        ));
    }
    let printing =
        notes.map(|notes| tokio::spawn(show(notes, engine::names(home), args.quiet, args.verbose)));
    let ends = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    };
    let mut exit = Exit::Done;
    let ended = running.ended();
    tokio::pin!(ended);
    if args.once {
        tokio::select! {
            () = ends => {}
            result = once(&handle) => exit = result?,
            broken = &mut ended => return finish(broken, printing).await.map(|()| Exit::Failed),
        }
    } else {
        tokio::select! {
            () = ends => {}
            broken = &mut ended => return finish(broken, printing).await.map(|()| Exit::Failed),
        }
    }
    drop((server, endpoint));
    handle.halt().await;
    drop(handle);
    finish(ended.await, printing).await?;
    Ok(exit)
}

async fn once(handle: &Handle) -> Result<Exit, Trouble> {
    let stopped = crate::control::protocol::stopped;
    handle.quiet().await.map_err(stopped)?;
    let report = handle.report().await.map_err(stopped)?;
    let failed = report.sessions.iter().any(|s| s.error.is_some());
    let well = !failed && report.problems.is_empty();
    Ok(if well { Exit::Done } else { Exit::Failed })
}

async fn finish(
    ended: Result<(), dayfly_runtime::EngineError>,
    printing: Option<tokio::task::JoinHandle<()>>,
) -> Result<(), Trouble> {
    if let Some(printing) = printing {
        // Ends by itself with the engine, once everything is printed.
        let _ = tokio::time::timeout(Duration::from_secs(2), printing).await;
    }
    ended.map_err(|e| Trouble::failed(e.to_string()))
}

async fn show(
    mut notes: tokio::sync::broadcast::Receiver<Arc<Note>>,
    mut names: Names,
    quiet: bool,
    verbose: bool,
) {
    loop {
        match notes.recv().await {
            Ok(note) => {
                line::learn(&mut names, &note);
                let (mark, text) = line::text(&note, &names);
                let wanted = match (quiet, verbose) {
                    (true, _) => matches!(mark, '!' | '✗'),
                    (_, true) => true,
                    _ => line::is_main(&note.what),
                };
                if wanted {
                    print(&format!("{} {mark} {text}\n", time::clock(note.at)));
                }
            }
            Err(RecvError::Lagged(missed)) => {
                print(&format!(
                    "({missed} lines not shown; `dayfly events` has all)\n"
                ));
            }
            Err(RecvError::Closed) => return,
        }
    }
}
