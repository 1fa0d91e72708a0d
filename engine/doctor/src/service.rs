//! Whether the service of this home runs the program that is there.

use dayfly_host::service;
use dayfly_runtime::Home;
use dayfly_service::{Scope, manager, stale};

use crate::findings::Findings;

/// Whether the service of this home, where one is installed, runs the program that is there.
pub fn installed_service(home: &Home, findings: &mut Findings) {
    let Ok(service) = service::of(home, Scope::Person) else {
        return;
    };
    let hint = "run: dayfly service install";
    match manager().program(&service) {
        Ok(Some(program)) => match stale(&program, &service.program) {
            Some(why) => findings.wrong("service", why, hint),
            None => findings.good("service", format!("\"{}\" is installed", service.name)),
        },
        Ok(None) => {}
        Err(trouble) => findings.wrong("service", trouble.message, hint),
    }
}
