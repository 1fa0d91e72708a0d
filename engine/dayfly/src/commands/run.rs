//! `dayfly run`

use std::sync::Arc;
use std::time::Duration;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_control::server::Server;
use dayfly_core::effect::JournalEntry;
use dayfly_dialog::{CliError, Exit, time};
use dayfly_endpoints::Endpoints;
use dayfly_endpoints::endpoint::Endpoint;
use dayfly_endpoints::follow::{Follow, Said};
use dayfly_endpoints::tokens::Tokens;
use dayfly_host::{engine, paths, vault, workspace};
use dayfly_runtime::{Engine, Handle, Home, Options, Policies};
use dayfly_views::journal_line::{self, Names};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use crate::signals::Listener;
use crate::terminal::{print, warn};

/// Run the engine: watch the Workspace, evaluate the policies, renew and publish credentials.
///
/// Ctrl-C or SIGTERM ends it. Published credentials then stay in place until they expire.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly run\n  dayfly run --once    # do what is to be done now, and end"
)]
pub(crate) struct Args {
    /// Do everything that is due now, then end; exit code 1 if something failed.
    #[arg(long)]
    once: bool,
    /// Print only problems.
    #[arg(long, short)]
    quiet: bool,
    /// Print every line of the journal.
    #[arg(long, short, conflicts_with = "quiet")]
    verbose: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    // One that runs is not waited for, a single command is.
    let taken = client::ask::<serde_json::Value>(&home, &Request::Report {}).is_some();
    let patience = Duration::from_secs(if taken { 0 } else { 15 });
    // A person may be asked for the passphrase now, while Ctrl-C still ends this process by itself.
    let vault = vault::unlocked(&home)?;
    let options = engine::options(&home, Policies::All, !args.once, patience, vault)?;
    let runtime = engine::threads(None)?;
    raise_descriptors();
    let done = runtime.block_on(serve(args, &home, options));
    // What still waits for a lock or a disk is not waited for.
    runtime.shutdown_background();
    done
}

/// Descriptors that this process may have open, where the system lets it: each program that waits at
/// a socket or an endpoint takes one. Not more, as some programs that are run from here close each one
/// that they may have.
const DESCRIPTORS: u64 = 4_096;

fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = limit
        .maximum
        .map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if limit.current.is_some_and(|now| now < most) {
        // With fewer, connections wait.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(most),
                maximum: limit.maximum,
            },
        );
    }
}

async fn serve(args: &Args, home: &Home, options: Options) -> Result<Exit, CliError> {
    let cannot_listen = |e| CliError::failed(format!("cannot listen for signals: {e}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_listen)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_listen)?;
    let mut hangup = Listener::start(SignalKind::hangup()).map_err(cannot_listen)?;
    let ends = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hangup.sent() => {}
        }
    };
    tokio::pin!(ends);
    let started = tokio::select! {
        started = Engine::start(options) => started,
        () = &mut ends => return Err(CliError::failed("a signal ended Dayfly before the engine had \
                                                       started")),
    };
    let mut running = started.map_err(|e| engine::not_started(e, home))?;
    let handle = running.handle().clone();
    let notes = running.listen();
    let doors = Arc::new(Endpoints::new(endpoint(home, &handle).await?));
    let server = Server::start(home, handle.clone(), doors.clone())?;
    if !args.quiet {
        print(&greeting(home));
    }
    let mut metadata = metadata(home, &handle, &doors, args.quiet);
    let mut imds = running.imds();
    let changes = handle.notes();
    metadata.apply(imds.borrow_and_update().clone()).await;
    let following = tokio::spawn(metadata.follow(imds, changes));
    let printing = notes.map(|notes| {
        tokio::spawn(show(
            notes,
            workspace::names(home),
            args.quiet,
            args.verbose,
        ))
    });
    let mut exit = Exit::Done;
    let ended = running.ended();
    tokio::pin!(ended);
    if args.once {
        tokio::select! {
            () = &mut ends => {}
            result = once(&handle) => exit = result?,
            broken = &mut ended => return finish(broken, printing).await.map(|()| Exit::Failed),
        }
    } else {
        tokio::select! {
            () = &mut ends => {}
            broken = &mut ended => return finish(broken, printing).await.map(|()| Exit::Failed),
        }
    }
    following.abort();
    drop((server, doors, following.await));
    handle.halt().await;
    drop(handle);
    finish(ended.await, printing).await?;
    Ok(exit)
}

fn greeting(home: &Home) -> String {
    format!(
        "Dayfly {} watches {} (Ctrl-C ends it)\n",
        env!("CARGO_PKG_VERSION"),
        home.workspace().display()
    )
}

/// Opens what programs ask.
async fn endpoint(home: &Home, handle: &Handle) -> Result<Endpoint, CliError> {
    let tokens = Tokens::kept(&home.endpoint(), &home.tokens());
    let before = tokens.port();
    let source = Arc::new(handle.clone());
    let endpoint = Endpoint::start(source, tokens, handle.clone()).await?;
    if let Some(before) = before.filter(|before| *before != endpoint.port()) {
        warn(&format!(
            "another program uses port {before}, so the endpoint is now on port {}, with new \
             tokens; programs that use the old address cannot reach it: restart them, or run \
             `dayfly env` again",
            endpoint.port()
        ));
    }
    Ok(endpoint)
}

/// Keeps the metadata endpoint as it is wanted, and tells the person.
fn metadata(home: &Home, handle: &Handle, doors: &Arc<Endpoints>, quiet: bool) -> Follow {
    let from = home.clone();
    let say = move |said| match said {
        Said::Opened(_) if quiet => {}
        Said::Opened(text) | Said::Trouble(text) => print(&text),
    };
    let read = move || workspace::require(&from);
    Follow::new(handle, doors, Box::new(read), Box::new(say))
}

async fn once(handle: &Handle) -> Result<Exit, CliError> {
    let stopped = dayfly_control::protocol::stopped;
    handle.quiet().await.map_err(stopped)?;
    let report = handle.report().await.map_err(stopped)?;
    let failed = report.sessions.iter().any(|s| s.error.is_some());
    let well = !failed && report.problems.is_empty();
    Ok(if well { Exit::Done } else { Exit::Failed })
}

async fn finish(
    ended: Result<(), dayfly_runtime::EngineError>,
    printing: Option<tokio::task::JoinHandle<()>>,
) -> Result<(), CliError> {
    if let Some(printing) = printing {
        // Ends by itself with the engine, once everything is printed.
        let _ = tokio::time::timeout(Duration::from_secs(2), printing).await;
    }
    ended.map_err(|e| CliError::failed(e.to_string()))
}

async fn show(
    mut notes: tokio::sync::broadcast::Receiver<Arc<JournalEntry>>,
    mut names: Names,
    quiet: bool,
    verbose: bool,
) {
    loop {
        match notes.recv().await {
            Ok(note) => {
                journal_line::learn(&mut names, &note);
                let (mark, text) = journal_line::text(&note, &names);
                let wanted = match (quiet, verbose) {
                    (true, _) => matches!(mark, '!' | '✗'),
                    (_, true) => true,
                    _ => journal_line::is_main(&note.what),
                };
                if wanted {
                    print(&format!("{} {mark} {text}\n", time::clock(note.at)));
                }
            }
            Err(RecvError::Lagged(missed)) => {
                print(&format!(
                    "({missed} lines not shown; `dayfly events` shows all)\n"
                ));
            }
            Err(RecvError::Closed) => return,
        }
    }
}
