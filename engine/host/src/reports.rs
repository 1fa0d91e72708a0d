//! What the running engine knows; without one, what the files say.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use dayfly_chain::{Chain, Found, FoundAll};
use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::input::ManualOverride;
use dayfly_core::session::{ErrorKind, SessionId, Status};
use dayfly_dialog::CliError;
use dayfly_runtime::entries::EntryProblem;
use dayfly_runtime::report::{
    EngineReport, FailureReport, PlaceReport, ProblemReport, SessionReport, WordReport,
};
use dayfly_runtime::{Config, Home, clock};
use dayfly_workspace::Workspace;

use crate::{chain, locking, person, policies, settings, vault, workspace};

/// What the running engine knows; without one, what the files say.
pub fn of(home: &Home) -> Result<EngineReport, CliError> {
    match client::ask(home, &Request::Report {}) {
        Some(answer) => answer,
        None => from_files(home),
    }
}

fn from_files(home: &Home) -> Result<EngineReport, CliError> {
    let mut problems = Vec::new();
    let workspace = known(home, &mut problems);
    let now = clock::now();
    // A look at things asks nobody for a passphrase.
    person::ask_nobody();
    let config = settings::in_force(home)?;
    let chain = chain::of(home, &config, &vault::of(home, &config))?;
    let found = chain.observe();
    problems.extend(unread(&found));
    problems.extend(configured(home));
    problems.extend(older(home, &problems));
    let files: BTreeMap<Place, PathBuf> = chain
        .targets()
        .map(|target| (target.place(), target.path().to_owned()))
        .collect();
    let mut sessions = found.sessions;
    sessions.retain(|_, one| !one.credentials.lease.expired(now));
    let words = words(home, &mut problems);
    let entries = workspace.as_deref().map(Workspace::sessions);
    let mut sessions: Vec<SessionReport> = entries
        .unwrap_or_default()
        .iter()
        .map(|entry| {
            let found = sessions.get(&entry.session.id);
            let lease = found.map(|one| one.credentials.lease);
            let status = if lease.is_some() {
                Status::Active
            } else {
                Status::Inactive
            };
            let mut report = SessionReport::written(&entry.session, status);
            report.set_lease(lease);
            let layer = workspace.as_deref().and_then(|w| w.layer(&report.id));
            report.layer = layer.map(str::to_owned);
            if let (Some(found), Some(workspace)) = (found, &workspace) {
                let configured = config.delivery.as_ref();
                let wanted = workspace.delivery_in_force(&entry.session.id, configured);
                report.delivery = places(found, &wanted, &files, &chain);
            }
            report.word = words.get(&entry.session.id).map(WordReport::from);
            report
        })
        .collect();
    sessions.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(EngineReport {
        engine: None,
        workspace: home.workspace(),
        problems,
        sessions,
        policies: Vec::new(),
    })
}

/// The Workspace, where it can be used, and what is wrong with it.
fn known(home: &Home, problems: &mut Vec<ProblemReport>) -> Option<Arc<Workspace>> {
    match workspace::load(home) {
        Ok(workspace) => {
            problems.extend(workspace.problems().iter().map(ProblemReport::of_workspace));
            Some(workspace)
        }
        Err(rejected) => {
            let found = rejected.problems.iter();
            problems.extend(found.map(ProblemReport::of_workspace));
            None
        }
    }
}

/// What a person said of sessions, and what is wrong where that is not known.
fn words(home: &Home, problems: &mut Vec<ProblemReport>) -> BTreeMap<SessionId, ManualOverride> {
    dayfly_runtime::words(home).unwrap_or_else(|message| {
        let hint = "Dayfly does not know which sessions you started or stopped yourself; fix the \
                    file, or move it away and run those commands again";
        problems.push(ProblemReport {
            about: "state".into(),
            message,
            hint: Some(hint.into()),
            warning: false,
        });
        BTreeMap::new()
    })
}

/// What of the chain cannot be read.
fn unread(found: &FoundAll) -> Vec<ProblemReport> {
    let places = found.problems.iter().map(|(place, error)| ProblemReport {
        about: place.to_string(),
        message: error.to_string(),
        hint: error.hint(),
        warning: false,
    });
    let kept = found.unread.as_ref().map(|error| ProblemReport {
        about: "encrypted store".into(),
        message: error.to_string(),
        hint: None,
        warning: false,
    });
    places.chain(kept).collect()
}

/// What is wrong with the configuration and the policies that it names.
fn configured(home: &Home) -> Vec<ProblemReport> {
    if let Err(error) = Config::load(&home.config()) {
        return vec![ProblemReport {
            about: "config".into(),
            message: error.to_string(),
            hint: None,
            warning: false,
        }];
    }
    let about = |problem: &EntryProblem| ProblemReport {
        about: format!("policy {}", problem.entry),
        message: problem.to_string(),
        hint: None,
        warning: false,
    };
    match policies::load(home) {
        Ok(loaded) => loaded.problems.iter().map(about).collect(),
        Err(trouble) => vec![ProblemReport {
            about: "policies".into(),
            message: trouble.message,
            hint: trouble.hint,
            warning: false,
        }],
    }
}

/// What is older than what was seen here, and is not told yet.
fn older(home: &Home, told: &[ProblemReport]) -> Vec<ProblemReport> {
    let Ok(witness) = locking::witness(home) else {
        return Vec::new();
    };
    let found = locking::suspicions(home, &witness, &witness.look());
    let new = found
        .into_iter()
        .filter(|one| !told.iter().any(|told| told.message.contains(&one.message)));
    let report = |one: locking::Suspicion| ProblemReport {
        about: one.about.to_owned(),
        message: one.message,
        hint: Some(one.hint.to_owned()),
        warning: false,
    };
    new.map(report).collect()
}

/// Where credentials stand, and where they should.
fn places(
    found: &Found,
    wanted: &Delivery,
    files: &BTreeMap<Place, PathBuf>,
    chain: &Chain,
) -> Vec<PlaceReport> {
    let wanted = wanted.iter().filter(|_| found.profile.is_some());
    let all: Delivery = wanted.chain(&found.in_force).copied().collect();
    let missing = |place: Place| {
        let target = chain.targets().find(|target| target.place() == place);
        let refused = target.and_then(|target| target.writable().err());
        let message = refused.map(|error| error.to_string());
        FailureReport {
            kind: ErrorKind::Delivery,
            message: message.unwrap_or_else(|| "the credentials are not there".into()),
            hint: Some("check the reason with `dayfly doctor`".into()),
            request_id: None,
        }
    };
    let report = |place: Place| PlaceReport {
        target: place,
        file: files.get(&place).cloned(),
        error: (!found.in_force.contains(&place)).then(|| missing(place)),
        left: false,
    };
    all.into_iter().map(report).collect()
}
