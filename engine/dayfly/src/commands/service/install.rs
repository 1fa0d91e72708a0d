//! `dayfly service install`

use std::path::{Path, PathBuf};

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_fs::{trusted, users};
use dayfly_host::{paths, service as host, vault};
use dayfly_runtime::Home;
use dayfly_runtime::report::EngineReport;
use dayfly_service::{Scope, Service, ServiceManager, manager, taken_over};

use super::again;
use crate::terminal::{print, warn};

/// Have the service manager of this system run the engine: from now on, and after each login.
///
/// On Linux that is systemd, on macOS launchd. The first command that asks for credentials starts the engine if it does
/// not run. The unit names this program and takes over PATH and the settings of the network from this shell; run the
/// command again after you moved the program or changed them. Each DAYFLY_HOME has a service of its own.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly service install\n  dayfly service install --print\n  sudo dayfly service install --system                # for a machine that nobody logs in to\n  sudo dayfly service install --system --as ci --passphrase-file /etc/dayfly/passphrase"
)]
pub(crate) struct Args {
    /// Print what would be written, and change nothing.
    #[arg(long)]
    print: bool,
    /// Do not start it now.
    #[arg(long)]
    no_start: bool,
    /// For the machine: it runs without anybody logged in, as a user of its own that sees nothing of the home
    /// directories. Needs root.
    #[arg(long)]
    system: bool,
    /// For the machine, as this user.
    #[arg(long, value_name = "USER", requires = "system")]
    r#as: Option<String>,
    /// A file with the vault's passphrase in its first line. With --system only root needs to be able to read it.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let service = service(args, &home)?;
    let manager = manager();
    if args.print {
        for file in manager.files(&service)? {
            print(&format!("# {}\n{}\n", file.path.display(), file.text));
        }
        return Ok(Exit::Done);
    }
    check(&service)?;
    manager.reachable(&service)?;
    let running = match service.scope {
        Scope::Person => engine_by_hand(&home, &*manager, &service),
        _ => None,
    };
    if service.scope == Scope::Person
        && args.passphrase_file.is_none()
        && vault::needs_person(&home)
    {
        let message =
            "the vault opens with a passphrase that you type, and nobody types it into a service";
        let hint = "name a file with it (--passphrase-file), or keep the vault's key elsewhere: \
                    dayfly secret rekey --help";
        return Err(CliError::failed(message).hint(hint));
    }
    manager.install(&service, !args.no_start && running.is_none())?;
    told(args, &*manager, &service, running)
}

/// What the service manager is to run, with what it has from this shell.
fn service(args: &Args, home: &Home) -> Result<Service, CliError> {
    let scope = scope(args)?;
    let mut service = host::of(home, scope)?;
    let (environment, secret) = taken_over();
    service.environment = environment;
    if service.scope != Scope::Person {
        // The folders of whoever installs it are not those of the user whom it runs as.
        let own = ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "GNUPGHOME"];
        let foreign = |name: &str| own.contains(&name) || name.starts_with("AWS_CONFIG");
        service.environment.retain(|(name, _)| !foreign(name));
    } else if !paths::is_usual(home) {
        let folder = home.folder().display().to_string();
        service.environment.push(("DAYFLY_HOME".to_owned(), folder));
    }
    if let Some(file) = &args.passphrase_file {
        service.passphrase = Some(passphrase(file)?);
    }
    for name in secret {
        warn(&format!(
            "{name} holds a password and is not taken over, since others may read a unit; set it \
             in a file of your own that the unit names (EnvironmentFile=)"
        ));
    }
    Ok(service)
}

/// Tells what was done, and what a person may have to do.
fn told(
    args: &Args,
    manager: &dyn ServiceManager,
    service: &Service,
    running: Option<u32>,
) -> Result<Exit, CliError> {
    for file in manager.files(service)? {
        print(&format!("{}: written\n", file.path.display()));
    }
    if let Some(pid) = running {
        print(&format!(
            "an engine that you started runs (process {pid}): end it, then run {}\n",
            again("start", &service.scope)
        ));
        return Ok(Exit::Done);
    }
    let after = match (&service.scope, args.no_start) {
        (Scope::Person, true) => {
            "it starts with your next login, or with the next command that asks for credentials"
        }
        (Scope::Person, false) => "it runs now, and from now on whenever you are logged in",
        (_, true) => "it starts with the machine",
        (_, false) => "it runs now, and from now on whenever the machine runs",
    };
    print(&format!("{}: {after}\n", sanitize(&service.name)));
    Ok(Exit::Done)
}

fn scope(args: &Args) -> Result<Scope, CliError> {
    let Some(user) = &args.r#as else {
        return Ok(match args.system {
            true => Scope::Machine,
            false => Scope::Person,
        });
    };
    let home = users::home_of(user).ok_or_else(|| {
        let message = format!("there is no user \"{}\" in /etc/passwd", sanitize(user));
        CliError::usage(message).hint("name a user of this machine")
    })?;
    Ok(Scope::As {
        user: user.clone(),
        home,
    })
}

/// The file with the passphrase, which others must not be able to change.
fn passphrase(file: &Path) -> Result<PathBuf, CliError> {
    let path = std::path::absolute(file)
        .map_err(|e| CliError::usage(format!("{} is not a path: {e}", file.display())))?;
    let there = trusted::inspect(&path).map_err(|e| CliError::failed(e.to_string()))?;
    if there.is_none() {
        let message = format!("{} is not there; nothing was changed", path.display());
        let shown = path.display().to_string();
        let hint = "write the passphrase into its first line, then run: chmod 600";
        return Err(CliError::usage(message).hint(format!("{hint} {}", shell_word(&shown))));
    }
    Ok(path)
}

/// A program that others may change, or that is gone with the next build, is not for a service.
fn check(service: &Service) -> Result<(), CliError> {
    trusted::inspect(&service.program).map_err(|e| {
        let message = format!("this program is not safe to run as a service: {e}");
        CliError::failed(message).hint("install it where nobody else may write")
    })?;
    let components = service.program.components();
    let built = components
        .into_iter()
        .any(|part| part.as_os_str() == "target");
    if built {
        warn(&format!(
            "{} is the result of a build, which the next one replaces; install it elsewhere, then \
             run this command again from there",
            service.program.display()
        ));
    }
    Ok(())
}

/// The process of an engine that the service manager does not run.
fn engine_by_hand(home: &Home, manager: &dyn ServiceManager, service: &Service) -> Option<u32> {
    let state = manager.state(service).ok();
    // Whoever connects to a socket of the service manager starts the engine.
    if state.is_some_and(|state| state.file.is_some()) {
        return None;
    }
    let report = client::ask::<EngineReport>(home, &Request::Report {})?.ok()?;
    report.engine.map(|engine| engine.pid)
}
