//! `dayfly service`

pub(crate) mod control;
pub(crate) mod install;
pub(crate) mod logs;
pub(crate) mod status;
pub(crate) mod uninstall;

use dayfly_dialog::CliError;
use dayfly_host::{paths, service as host};
use dayfly_service::{Scope, Service};

/// Which service is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The service of the machine instead of yours: it runs without anybody logged in. Needs root.
    #[arg(long)]
    system: bool,
}

impl Which {
    /// The service of this home, or of the machine.
    fn service(&self) -> Result<Service, CliError> {
        let home = paths::home()?;
        let scope = match self.system {
            true => Scope::Machine,
            false => Scope::Person,
        };
        host::of(&home, scope)
    }
}

/// How a person calls this command again for the same service.
fn again(verb: &str, scope: &Scope) -> String {
    match scope {
        Scope::Person => format!("dayfly service {verb}"),
        _ => format!("sudo dayfly service {verb} --system"),
    }
}
