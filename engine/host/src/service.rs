//! What the service manager of this system is to run for a home.

use dayfly_dialog::CliError;
use dayfly_runtime::Home;
use dayfly_service::{Scope, Service};

use crate::paths;

/// The engine of this home, for this scope.
pub fn of(home: &Home, scope: Scope) -> Result<Service, CliError> {
    let usual = scope != Scope::Person || paths::is_usual(home);
    Ok(Service {
        name: match usual {
            true => "dayfly".to_owned(),
            false => format!("dayfly-{}", home.word()),
        },
        program: paths::program()?,
        socket: home.socket(),
        state: home.state().to_owned(),
        environment: Vec::new(),
        passphrase: None,
        scope,
    })
}
