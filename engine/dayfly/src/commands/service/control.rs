//! `dayfly service start`, `stop` and `reload`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_service::{Service, ServiceManager, manager};

use super::{Which, again};
use crate::terminal::print;

/// Which service.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

/// What is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Start,
    Stop,
    Reload,
}

pub(crate) fn run(args: &Args, verb: Verb) -> Result<Exit, CliError> {
    let service = args.which.service()?;
    let manager = manager();
    installed(&*manager, &service)?;
    let name = sanitize(&service.name);
    match verb {
        Verb::Start => {
            manager.start(&service)?;
            print(&format!("{name}: runs\n"));
        }
        Verb::Stop => {
            manager.stop(&service)?;
            print(&format!(
                "{name}: stopped; published credentials stay in place until they expire, and are not renewed\n"
            ));
        }
        Verb::Reload => {
            manager.reload(&service)?;
            print(&format!(
                "{name}: the program that is installed now takes over; {} tells whether it does\n",
                again("status", &service.scope)
            ));
        }
    }
    Ok(Exit::Done)
}

/// Fails where there is no such service.
pub(super) fn installed(manager: &dyn ServiceManager, service: &Service) -> Result<(), CliError> {
    if manager.is_installed(service)? {
        return manager.reachable(service);
    }
    let message = format!("the service \"{}\" is not installed", service.name);
    Err(CliError::new(dayfly_dialog::Code::NotFound, message)
        .hint(format!("run: {}", again("install", &service.scope))))
}
