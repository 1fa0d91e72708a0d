//! `dayfly exec`

use dayfly_endpoints::imds::Identity;
use dayfly_host::{person, vault, workspace};

mod source;

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;

use dayfly_core::session::{Session, SessionType};
use dayfly_dialog::{CliError, Code, Exit};
use dayfly_runtime::Home;
use dayfly_supervisor::Sockets;
use dayfly_workspace::Workspace;
use tokio::process::{Child, Command};
use tokio::signal::unix::SignalKind;

use self::source::ForCommand;
use crate::picker;
use crate::signals::Listener;
use crate::terminal::warn;
use dayfly_endpoints::azure_environment;
use dayfly_endpoints::endpoint::Endpoint;
use dayfly_endpoints::environment::At;
use dayfly_endpoints::environment::Environment;
use dayfly_endpoints::hiding::{hidden_files, hiding_files};
use dayfly_endpoints::imds::Metadata;
use dayfly_endpoints::imds::WARNING;
use dayfly_endpoints::refusals::Nobody;
use dayfly_endpoints::server::Port;
use dayfly_endpoints::source::Source;
use dayfly_endpoints::tokens::Tokens;
use dayfly_host::direct;
use dayfly_host::paths;
use dayfly_host::{azure, engine};

/// Run a command with the credentials of a session.
///
/// The command gets them from a container credentials endpoint on loopback that exists as long as
/// the command runs, so it keeps working across rotations. If the profile `default` has its own
/// credentials, which SDKs would prefer, Dayfly hides that file from the command. DAYFLY_SESSION
/// names the session, and AWS_SESSION_EXPIRATION is when the credentials end that
/// were in force at the start of the command. The exit code is that of the command.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly exec dev -- aws s3 ls\n  dayfly exec -- aws s3 ls\n  dayfly exec dev --static -- terraform apply"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name; without it you choose from a list.
    session: Option<String>,
    /// Put the credentials themselves into the environment, for tools that do not support the
    /// endpoint. Dayfly does not renew them.
    #[arg(long = "static", conflicts_with_all = ["imds", "token_file"])]
    fixed: bool,
    /// Pass the endpoint's token in a file, which clients read again for each request, instead of
    /// in a variable. Clients from before 2024 do not support this.
    #[arg(long, conflicts_with = "imds")]
    token_file: bool,
    /// Give the command an instance metadata service (IMDSv2), for tools that support nothing else.
    /// Some clients keep using its credentials after they expire.
    #[arg(long)]
    imds: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let id = picker::named_or_chosen(
        &home,
        &workspace,
        args.session.as_deref(),
        "run it with which session?",
        &|_| true,
    )?;
    let session = workspace::session(&workspace, id.as_str())?;
    if session.session_type() == SessionType::Azure {
        return run_azure(args, &home, &workspace, session);
    }
    run_aws(args, &home, &workspace, session)
}

/// The container endpoint, or the metadata service, lives as long as the command.
fn run_aws(
    args: &Args,
    home: &Home,
    workspace: &Workspace,
    session: &Session,
) -> Result<Exit, CliError> {
    let vault = vault::open(home)?;
    let given = direct::attended(home, &vault, session.id.as_str())?;
    // From here on the terminal is the command's, and no person is waited for inside a request.
    person::ask_nobody();
    if args.imds {
        warn(WARNING);
    }
    let region = session.region.as_deref().or(workspace.default_region());
    let word = workspace::word(workspace, session);
    let attended = async |environment: Environment| {
        let environment = environment.told(&word, given.expires_at);
        attend(args, &environment.showing(&hidden_files())).await
    };
    let runtime = engine::threads(2)?;
    let status = runtime.block_on(async {
        let id = session.id.as_str();
        let source = ForCommand::new(home, &vault, &session.id, given.clone());
        let source: Arc<dyn Source> = Arc::new(source);
        // What is asked for lives until the command has ended.
        if args.fixed {
            return attended(Environment::fixed(&given, region)).await;
        }
        if args.imds {
            let identity = Identity::of(workspace, session);
            let metadata =
                Metadata::start(Port::Any, source, identity, Nobody, Sockets::none()).await?;
            let url = metadata.url();
            let environment =
                Environment::endpoint(At::Metadata { url: &url }, region, &hiding_files());
            return attended(environment).await;
        }
        let folder = home.tokens().join(format!("exec-{}", std::process::id()));
        let endpoint =
            Endpoint::start(source, Tokens::fleeting(&folder), Nobody, Sockets::none()).await?;
        let url = endpoint.url(id);
        let environment = if args.token_file {
            let file = endpoint.tokens().file(id)?;
            let at = At::ContainerFile {
                url: &url,
                file: &file,
            };
            Environment::endpoint(at, region, &hiding_files())
        } else {
            let token = endpoint.tokens().token(id)?;
            let at = At::Container {
                url: &url,
                token: &token,
            };
            Environment::endpoint(at, region, &hiding_files())
        };
        attended(environment).await
    });
    // What still runs for the endpoint is not waited for.
    runtime.shutdown_background();
    Ok(Exit::Command(code(status?)))
}

/// The same for a session of Azure: the managed identity endpoint lives as long as the command.
fn run_azure(
    args: &Args,
    home: &Home,
    workspace: &Workspace,
    session: &Session,
) -> Result<Exit, CliError> {
    if args.fixed || args.imds || args.token_file {
        return Err(azure_environment::no_other_way());
    }
    let authority = azure::authority(home, workspace, session)?;
    let vault = vault::open(home)?;
    // Whether there is a token is told here and now, not by the command.
    azure::token(home, &vault, &session.id, &authority.resource_manager)?;
    // From here on the terminal is the command's, and no person is waited for inside a request.
    person::ask_nobody();
    let runtime = engine::threads(2)?;
    let status = runtime.block_on(async {
        let id = session.id.as_str();
        let source: Arc<dyn Source> = Arc::new(ForCommand::of_azure(home, &vault, &session.id));
        let folder = home.tokens().join(format!("exec-{}", std::process::id()));
        let endpoint =
            Endpoint::start(source, Tokens::fleeting(&folder), Nobody, Sockets::none()).await?;
        let (url, header) = (endpoint.identity_url(id), endpoint.tokens().token(id)?);
        let host = authority.host.as_deref();
        let environment = azure_environment::environment(session, &url, &header, host);
        let word = workspace::word(workspace, session);
        attend(args, &environment.told(&word, None)).await
    });
    runtime.shutdown_background();
    Ok(Exit::Command(code(status?)))
}

async fn attend(args: &Args, environment: &Environment) -> Result<ExitStatus, CliError> {
    let (program, rest) = args
        .command
        .split_first()
        .ok_or_else(|| CliError::usage("no command"))?;
    let mut command = Command::new(program);
    command.args(rest);
    for name in environment.unset() {
        command.env_remove(name);
    }
    for (name, value) in environment.pairs() {
        command.env(name, value);
    }
    // Before there is a command that one could be for.
    let signals =
        Signals::new().map_err(|e| CliError::failed(format!("cannot listen for signals: {e}")))?;
    let failed = |e: std::io::Error| {
        let name = program.to_string_lossy();
        let code = match e.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            _ => Code::Failed,
        };
        CliError::new(code, format!("cannot run {name}: {e}"))
    };
    let mut child = command.spawn().map_err(failed)?;
    // It has the secrets now; what they were handed over with is overwritten.
    drop(command);
    // What this process keeps of its memory is no business of the command's.
    child
        .id()
        .into_iter()
        .for_each(dayfly_vault::process::release);
    signals.forward(&mut child).await.map_err(failed)
}

/// What is sent to this process.
struct Signals {
    terminate: Listener,
    hangup: Listener,
    first: Listener,
    second: Listener,
    interrupt: Listener,
    quit: Listener,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: Listener::start(SignalKind::terminate())?,
            hangup: Listener::start(SignalKind::hangup())?,
            first: Listener::start(SignalKind::user_defined1())?,
            second: Listener::start(SignalKind::user_defined2())?,
            interrupt: Listener::start(SignalKind::interrupt())?,
            quit: Listener::start(SignalKind::quit())?,
        })
    }

    /// Waits for the command, and hands on what is sent to this process.
    async fn forward(mut self, child: &mut Child) -> std::io::Result<ExitStatus> {
        use rustix::process::{Pid, Signal, kill_process};
        // A terminal sends these two to the command as well, which knows best what to do.
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stdin());
        loop {
            let sent = tokio::select! {
                status = child.wait() => return status,
                () = self.terminate.sent() => Signal::TERM,
                () = self.hangup.sent() => Signal::HUP,
                () = self.first.sent() => Signal::USR1,
                () = self.second.sent() => Signal::USR2,
                () = self.interrupt.sent() => {
                    if terminal { continue }
                    Signal::INT
                }
                () = self.quit.sent() => {
                    if terminal { continue }
                    Signal::QUIT
                }
            };
            let pid = child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // One that has just ended is waited for next.
                let _ = kill_process(pid, sent);
            }
        }
    }
}

/// The exit code as a shell has it: 128 and more for a signal.
fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
