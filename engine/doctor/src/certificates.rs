//! Certificates of sessions that end soon, have ended or cannot be used.

use dayfly_core::session::{Session, SessionType};
use dayfly_dialog::time;
use dayfly_host::workspace;
use dayfly_providers::certificate_end;
use dayfly_runtime::{Home, clock};
use dayfly_workspace::Workspace;

use crate::findings::Findings;

const ABOUT: &str = "certificate";

/// Something about the certificate of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it is.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Whether the session gets no credentials with it.
    pub wrong: bool,
}

/// What is to be said of the certificates of a home's sessions.
#[must_use]
pub fn ending(home: &Home) -> Vec<Told> {
    let workspace = workspace::load(home).ok();
    told(workspace.as_deref())
}

fn told(workspace: Option<&Workspace>) -> Vec<Told> {
    of_certificates(workspace).filter_map(one).collect()
}

fn of_certificates(workspace: Option<&Workspace>) -> impl Iterator<Item = &Session> {
    let sessions = workspace.map(Workspace::sessions).unwrap_or_default();
    let sessions = sessions.iter().map(|entry| &*entry.session);
    sessions.filter(|session| session.session_type() == SessionType::AwsRolesAnywhere)
}

fn one(session: &Session) -> Option<Told> {
    let (name, now) = (&session.name, clock::now());
    let renew = "have it renewed; Dayfly reads the file anew for each rotation";
    match certificate_end(session, now) {
        Ok(Some(end)) if end.over => Some(Told {
            message: format!(
                "the certificate of session \"{name}\" ({}) ended {}",
                end.subject,
                time::relative(end.end, now)
            ),
            hint: Some(renew.to_owned()),
            wrong: true,
        }),
        Ok(Some(end)) if end.soon => Some(Told {
            message: format!(
                "the certificate of session \"{name}\" ({}) ends {}, and its credentials with it",
                end.subject,
                time::relative(end.end, now)
            ),
            hint: Some(renew.to_owned()),
            wrong: false,
        }),
        Ok(_) => None,
        Err(problem) => Some(Told {
            message: format!("session \"{name}\": {problem}"),
            hint: None,
            wrong: true,
        }),
    }
}

/// Whether each certificate that is in a file can be used, and for how long.
pub fn look(workspace: Option<&Workspace>, findings: &mut Findings) {
    if of_certificates(workspace).next().is_none() {
        return;
    }
    let told = told(workspace);
    let well = told.is_empty();
    for one in told {
        let hint = one.hint.unwrap_or_default();
        match one.wrong {
            true => findings.wrong(ABOUT, one.message, &hint),
            false => findings.notice(ABOUT, one.message, &hint),
        }
    }
    if well {
        findings.good(ABOUT, "no certificate of a session ends soon");
    }
}
