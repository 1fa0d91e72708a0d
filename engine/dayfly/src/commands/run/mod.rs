//! `dayfly run`

mod log;
mod supervised;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_control::server::{SOCKET, Server};
use dayfly_dialog::{CliError, Exit};
use dayfly_endpoints::Endpoints;
use dayfly_endpoints::endpoint::Endpoint;
use dayfly_endpoints::follow::{Follow, Said};
use dayfly_endpoints::tokens::Tokens;
use dayfly_host::{engine, paths, vault, workspace};
use dayfly_runtime::report::SessionReport;
use dayfly_runtime::{Engine, Handle, Home, Options, Policies};
use dayfly_supervisor::{Notifier, Sockets};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::log::Wanted;
use self::upgrade::Upgrade;
use crate::signals::Listener;
use crate::terminal::{print, warn};

/// Run the engine: watch the Workspace, evaluate the policies, renew and publish credentials.
///
/// Ctrl-C or SIGTERM ends it. Published credentials then stay in place until they expire. SIGUSR2 has the program that
/// is installed now go on in its place: programs that ask for credentials meanwhile wait.
///
/// `dayfly service install` has the service manager of the system run it.
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
    let upgrade = Upgrade::of_this_program();
    let sockets = Sockets::of_this_process();
    // One that runs is not waited for, a single command is. Where the socket came with this process, nobody else
    // answers there.
    let taken = !sockets.has(SOCKET)
        && client::ask::<serde_json::Value>(&home, &Request::Report {}).is_some();
    let patience = Duration::from_secs(if taken { 0 } else { 15 });
    // A person may be asked for the passphrase now, while Ctrl-C still ends this process by itself.
    let vault = vault::unlocked(&home)?;
    let options = engine::options(&home, Policies::All, !args.once, patience, vault)?;
    let runtime = engine::threads(None)?;
    raise_descriptors();
    let done = runtime.block_on(serve(args, &home, options, &sockets, &upgrade));
    // What still waits for a lock or a disk is not waited for.
    runtime.shutdown_background();
    match done? {
        Ended::Done(exit) => Ok(exit),
        Ended::Replaced => Err(upgrade.replace(&sockets)),
    }
}

/// How the engine of this process ended.
enum Ended {
    Done(Exit),
    /// Another program is to go on.
    Replaced,
}

/// How long programs that are being answered may keep another program from going on.
const TALK: Duration = Duration::from_secs(1);

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

async fn serve(
    args: &Args,
    home: &Home,
    options: Options,
    sockets: &Arc<Sockets>,
    upgrade: &Upgrade,
) -> Result<Ended, CliError> {
    let cannot_listen = |e| CliError::failed(format!("cannot listen for signals: {e}"));
    let mut usr2 = signal(SignalKind::user_defined2()).map_err(cannot_listen)?;
    let mut ends = Ends::listen().map_err(cannot_listen)?;
    let started = tokio::select! {
        started = Engine::start(options) => started,
        () = ends.sent() => return Err(CliError::failed("a signal ended Dayfly before the engine had \
                                                       started")),
    };
    let mut running = started.map_err(|e| engine::not_started(e, home))?;
    let handle = running.handle().clone();
    let notes = running.listen();
    let doors = Arc::new(Endpoints::new(endpoint(home, &handle, sockets).await?));
    let server = Server::start(home, handle.clone(), doors.clone(), Arc::clone(sockets))?;
    if !args.quiet {
        print(&greeting(home));
    }
    let mut metadata = metadata(home, &handle, &doors, sockets, args.quiet);
    let mut imds = running.imds();
    let changes = handle.notes();
    metadata.apply(imds.borrow_and_update().clone()).await;
    sockets.close_unclaimed();
    let following = tokio::spawn(metadata.follow(imds, changes));
    let printing = notes.map(|notes| {
        let wanted = Wanted::of(args.quiet, args.verbose);
        tokio::spawn(log::show(notes, workspace::names(home), wanted))
    });
    let notifier = Notifier::from_env();
    let supervised = tokio::spawn(supervised::supervise(notifier.clone(), handle.clone()));
    let ended = running.ended();
    tokio::pin!(ended);
    let finished = async {
        if args.once {
            return once(&handle).await.map(Ended::Done);
        }
        upgrade.wanted(home, &mut usr2).await;
        Ok(Ended::Replaced)
    };
    let done = tokio::select! {
        () = ends.sent() => Ended::Done(Exit::Done),
        done = finished => done?,
        broken = &mut ended => return broke(broken, printing).await,
    };
    supervised.abort();
    following.abort();
    match done {
        Ended::Done(_) => {
            notifier.stopping();
            drop(server);
        }
        Ended::Replaced => {
            notifier.reloading();
            tokio::join!(server.hand_over(TALK), doors.hand_over(TALK));
        }
    }
    drop((doors, following.await));
    handle.halt().await;
    drop(handle);
    finish(ended.await, printing).await?;
    Ok(done)
}

/// The signals that end the engine.
struct Ends {
    interrupt: Signal,
    terminate: Signal,
    hangup: Listener,
}

impl Ends {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: Listener::start(SignalKind::hangup())?,
        })
    }

    async fn sent(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = self.hangup.sent() => {}
        }
    }
}

/// The engine ended by itself.
async fn broke(
    ended: Result<(), dayfly_runtime::EngineError>,
    printing: Option<tokio::task::JoinHandle<()>>,
) -> Result<Ended, CliError> {
    finish(ended, printing).await?;
    Ok(Ended::Done(Exit::Failed))
}

fn greeting(home: &Home) -> String {
    format!(
        "Dayfly {} watches {} (Ctrl-C ends it)\n",
        env!("CARGO_PKG_VERSION"),
        home.workspace().display()
    )
}

/// Opens what programs ask.
async fn endpoint(
    home: &Home,
    handle: &Handle,
    sockets: &Arc<Sockets>,
) -> Result<Endpoint, CliError> {
    let tokens = Tokens::kept(&home.endpoint(), &home.tokens());
    let before = tokens.port();
    let source = Arc::new(handle.clone());
    let endpoint = Endpoint::start(source, tokens, handle.clone(), Arc::clone(sockets)).await?;
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
fn metadata(
    home: &Home,
    handle: &Handle,
    doors: &Arc<Endpoints>,
    sockets: &Arc<Sockets>,
    quiet: bool,
) -> Follow {
    let from = home.clone();
    let say = move |said| match said {
        Said::Opened(_) if quiet => {}
        Said::Opened(text) | Said::Trouble(text) => print(&text),
    };
    let read = move || workspace::require(&from);
    Follow::new(
        handle,
        doors,
        Arc::clone(sockets),
        Box::new(read),
        Box::new(say),
    )
}

async fn once(handle: &Handle) -> Result<Exit, CliError> {
    let stopped = dayfly_control::protocol::stopped;
    handle.quiet().await.map_err(stopped)?;
    let report = handle.report().await.map_err(stopped)?;
    let of_key = |s: &SessionReport| s.key.as_ref().is_some_and(|key| key.error.is_some());
    let failed = report
        .sessions
        .iter()
        .any(|s| s.error.is_some() || of_key(s));
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
