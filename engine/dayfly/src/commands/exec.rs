//! `dayfly exec`

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::clients::direct;
use crate::clients::environment::{self, Environment};
use crate::clients::given::Given;
use crate::clients::shadow::shadowing;
use crate::control::protocol::not_found;
use crate::endpoint::server::Endpoint;
use crate::endpoint::source::ForCommand;
use crate::endpoint::tokens::Tokens;
use crate::exit::Exit;
use crate::trouble::{Code, Trouble};
use crate::{engine, locate};

/// Run a command with the credentials of a session.
///
/// The command finds them through a container credentials endpoint on loopback that lives as long as
/// it does, so that it keeps working across rotations. Where the profile `default` has credentials
/// of its own, which SDKs would use before, the file with it is kept from the command. Ends with
/// the exit code of the command.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly exec dev -- aws s3 ls\n  dayfly exec dev --static -- terraform apply"
)]
pub(crate) struct Args {
    /// An id, the beginning of one, or a unique name.
    session: String,
    /// Put the credentials themselves into the environment, for tools that know no endpoint. They
    /// are not renewed.
    #[arg(long = "static")]
    fixed: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let workspace = engine::require(&home)?;
    let session = &workspace
        .resolve(&args.session)
        .map_err(|e| not_found(&e))?
        .session;
    let given = Given::parse(&direct::credentials(&home, session.id.as_str())?)?;
    let region = session.region.as_deref().or(workspace.default_region());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Trouble::failed(format!("cannot start: {e}")))?;
    let status = runtime.block_on(async {
        let endpoint = if args.fixed {
            None
        } else {
            let source = Arc::new(ForCommand::new(&home, &session.id, given.clone()));
            Some(Endpoint::start(source, Tokens::fleeting()).await?)
        };
        let environment = match &endpoint {
            Some(endpoint) => {
                let (url, token) = endpoint.access(session.id.as_str())?;
                Environment::endpoint(&url, &token, region, &shadowing())
            }
            None => Environment::fixed(&given, region),
        };
        attend(args, &environment).await
    });
    // What still runs for the endpoint is not waited for.
    runtime.shutdown_background();
    Ok(Exit::Command(code(status?)))
}

async fn attend(args: &Args, environment: &Environment) -> Result<ExitStatus, Trouble> {
    let (program, rest) = args
        .command
        .split_first()
        .ok_or_else(|| Trouble::usage("no command"))?;
    let mut command = Command::new(program);
    command.args(rest);
    for name in environment::CONFLICTING {
        command.env_remove(name);
    }
    for (name, value) in environment.pairs() {
        command.env(name, value);
    }
    let failed = |e: std::io::Error| {
        let name = program.to_string_lossy();
        let code = match e.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            _ => Code::Failed,
        };
        Trouble::new(code, format!("cannot run {name}: {e}"))
    };
    let mut child = command.spawn().map_err(failed)?;
    forwarding(&mut child).await.map_err(failed)
}

/// Waits for the command, and hands on what is sent to this process.
async fn forwarding(child: &mut Child) -> std::io::Result<ExitStatus> {
    use rustix::process::{Pid, Signal, kill_process};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut first = signal(SignalKind::user_defined1())?;
    let mut second = signal(SignalKind::user_defined2())?;
    // A terminal sends these to the command as well, which knows best what to do.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdin());
    loop {
        let sent = tokio::select! {
            status = child.wait() => return status,
            _ = terminate.recv() => Signal::TERM,
            _ = hangup.recv() => Signal::HUP,
            _ = first.recv() => Signal::USR1,
            _ = second.recv() => Signal::USR2,
            _ = interrupt.recv() => {
                if terminal { continue }
                Signal::INT
            }
            _ = quit.recv() => {
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

/// The exit code as a shell has it: 128 and more for a signal.
fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
