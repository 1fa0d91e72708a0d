//! Whether the sign-ins to the console are there that sessions need, as the shared files have them.

use std::collections::BTreeMap;

use dayfly_dialog::sanitize;
use dayfly_host::settings;
use dayfly_providers::login::{LoginTarget, Logins};
use dayfly_runtime::{Home, login_settings};
use dayfly_workspace::Workspace;

use crate::findings::Findings;

const ABOUT: &str = "sign-in";

/// Looks at the file of each sign-in. Nobody is called: whether it can still be renewed, only AWS knows.
pub fn sign_ins(home: &Home, workspace: Option<&Workspace>, findings: &mut Findings) {
    // That the configuration cannot be read is told already.
    let Ok(config) = settings::in_force(home) else {
        return;
    };
    let logins = Logins::new(login_settings(&config, workspace));
    for target in targets(&logins, workspace) {
        match logins.trouble(&target) {
            None => {
                let who = sanitize(&target.login_session);
                findings.good(ABOUT, format!("{who} is signed in to the AWS console"));
            }
            Some(error) if error.kind().needs_person() => {
                let hint = error.hint().unwrap_or_default();
                findings.notice(ABOUT, sanitize(&error.to_string()), &hint);
            }
            Some(error) => {
                let hint = error.hint().unwrap_or_default();
                findings.wrong(ABOUT, sanitize(&error.to_string()), &hint);
            }
        }
    }
}

/// One for each who signs in.
pub(crate) fn targets(logins: &Logins, workspace: Option<&Workspace>) -> Vec<LoginTarget> {
    let sessions = workspace.map(Workspace::sessions).unwrap_or_default();
    let targets = sessions
        .iter()
        .filter_map(|entry| logins.target(&entry.session));
    let by_who: BTreeMap<String, LoginTarget> = targets
        .map(|target| (target.login_session.clone(), target))
        .collect();
    by_who.into_values().collect()
}
