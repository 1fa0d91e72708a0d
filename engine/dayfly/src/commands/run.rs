//! `dayfly run`

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::Note;
use dayfly_runtime::config::Imds;
use dayfly_runtime::{Engine, Handle, Home, Policies};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use crate::commands::print;
use crate::control::client;
use crate::control::protocol::Request;
use crate::control::server::Server;
use crate::endpoint::Doors;
use crate::endpoint::imds::{Metadata, WARNING};
use crate::endpoint::server::{Endpoint, Port};
use crate::endpoint::tokens::Tokens;
use crate::exit::Exit;
use crate::show::line::{self, Names};
use crate::show::time;
use crate::trouble::{Code, Trouble};
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
    let doors = Arc::new(Doors::new(endpoint(home, &handle).await?));
    let server = Server::start(home, handle.clone(), Arc::clone(&doors))?;
    if !args.quiet {
        print(&format!(
            "Dayfly {} watches {} (Ctrl-C ends it)\n",
            env!("CARGO_PKG_VERSION"),
            home.workspace().display()
        ));
    }
    let mut imds = running.imds();
    let metadata = Follow {
        home: home.clone(),
        handle: handle.clone(),
        doors: Arc::clone(&doors),
        quiet: args.quiet,
    };
    let wanted = imds.borrow_and_update().clone();
    metadata.open(wanted.as_ref(), true).await;
    let following = tokio::spawn(async move {
        while imds.changed().await.is_ok() {
            let wanted = imds.borrow_and_update().clone();
            metadata.open(wanted.as_ref(), false).await;
        }
    });
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
    following.abort();
    drop((server, doors, following.await));
    handle.halt().await;
    drop(handle);
    finish(ended.await, printing).await?;
    Ok(exit)
}

/// Opens what programs ask.
async fn endpoint(home: &Home, handle: &Handle) -> Result<Endpoint, Trouble> {
    let tokens = Tokens::kept(&home.endpoint(), &home.tokens());
    let source = Arc::new(handle.clone());
    Endpoint::start(source, tokens, handle.clone()).await
}

/// Keeps the metadata endpoint as it is configured. One that cannot be opened keeps nothing else
/// from working.
struct Follow {
    home: Home,
    handle: Handle,
    doors: Arc<Doors>,
    quiet: bool,
}

impl Follow {
    async fn open(&self, imds: Option<&Imds>, first: bool) {
        self.doors.set_metadata(None);
        let Some(imds) = imds else { return };
        let mut opened = metadata(&self.home, &self.handle, imds).await;
        // The one before may have the port for a moment still.
        for _ in 0..20 {
            if first || opened.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            opened = metadata(&self.home, &self.handle, imds).await;
        }
        match &opened {
            Ok((_, metadata)) if !self.quiet => {
                print(&format!(
                    "Metadata endpoint at {}: {WARNING}\n",
                    metadata.url()
                ));
            }
            Ok(_) => {}
            Err(trouble) => print(&format!("{trouble}\n")),
        }
        self.doors.set_metadata(Some(opened));
    }
}

async fn metadata(
    home: &Home,
    handle: &Handle,
    imds: &Imds,
) -> Result<(String, Metadata), Trouble> {
    let workspace = engine::require(home)?;
    let session = workspace.resolve(&imds.session).map_err(|e| {
        let message = format!("no metadata endpoint: {e}");
        Trouble::new(Code::NotFound, message).hint("mend [imds] in dayfly.toml")
    })?;
    let identity = engine::identity(&workspace, &session.session);
    let port = Port::Only(imds.port);
    let id = identity.session.clone();
    let source = Arc::new(handle.clone());
    let metadata = Metadata::start(port, source, identity, handle.clone()).await?;
    Ok((id, metadata))
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
