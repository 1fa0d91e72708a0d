//! Whether credentials stand where they are said to.

use std::collections::BTreeMap;

use dayfly_chain::Chain;
use dayfly_core::delivery::Place;
use dayfly_core::session::{SessionId, SessionType};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_host::{chain, reports, settings, workspace};
use dayfly_runtime::Home;
use dayfly_runtime::report::{PlaceReport, SessionReport};

use crate::findings::Findings;

const ABOUT: &str = "delivery";

/// When what stands somewhere was issued, where the credentials themselves stand there.
type There = BTreeMap<SessionId, Option<Timestamp>>;

/// Looks for the credentials of every active session in the files themselves.
pub fn published(home: &Home, findings: &mut Findings) -> Result<(), CliError> {
    let report = match reports::of(home) {
        Ok(report) => report,
        Err(trouble) => {
            findings.wrong(ABOUT, trouble.message, &trouble.hint.unwrap_or_default());
            return Ok(());
        }
    };
    let Ok(chain) = chain::in_force(home) else {
        let hint = "fix dayfly.toml first";
        findings.notice(
            ABOUT,
            "not checked: dayfly.toml, which says where they are, cannot be read",
            hint,
        );
        return Ok(());
    };
    let there = observed(&chain);
    writable(home, &chain, findings);
    let mut checked = 0_usize;
    let mut well = true;
    let active = report.sessions.iter().filter(|s| s.started_at.is_some());
    for session in active {
        let name = &session.name;
        for place in &session.delivery {
            checked += 1;
            let Some(problem) = problem_at(place, session, there.get(&place.target)) else {
                continue;
            };
            well = false;
            let hint = place.error.as_ref().and_then(|error| error.hint.clone());
            let hint = hint.unwrap_or_else(|| {
                let name = shell_word(name);
                format!(
                    "publish them again with `dayfly session start {name}`; `dayfly exec {name}` \
                     and `dayfly env {name}` work without the file"
                )
            });
            let message = format!("session \"{name}\": {problem}");
            findings.wrong(ABOUT, message, &hint);
        }
    }
    if well && checked > 0 {
        findings.good(
            ABOUT,
            "all published credentials are where Dayfly wrote them",
        );
    }
    Ok(())
}

/// What stands in each place of the chain, or why that cannot be read.
fn observed(chain: &Chain) -> BTreeMap<Place, Result<There, String>> {
    chain
        .targets()
        .map(|target| {
            let found = target.observe().map_err(|error| error.to_string());
            let found = found.map(|all| {
                let issued = |c: dayfly_vault::TemporaryCredentials| c.lease.issued_at;
                let all = all.into_iter();
                all.map(|one| (one.session, one.credentials.map(issued)))
                    .collect()
            });
            (target.place(), found)
        })
        .collect()
}

/// What is wrong with the credentials of an active session in a place, where something is.
fn problem_at(
    place: &PlaceReport,
    session: &SessionReport,
    there: Option<&Result<There, String>>,
) -> Option<String> {
    let file = place.file.as_ref();
    let file = file.map_or_else(|| place.target.to_string(), |f| f.display().to_string());
    match (place.problem(), there) {
        (Some(problem), _) => Some(problem),
        (None, Some(Ok(there))) => match there.get(&session.id) {
            None => Some(format!(
                "it is active, but its credentials are not in {file}"
            )),
            Some(issued) if issued.is_some() && *issued != session.started_at => Some(format!(
                "{file} has credentials that are not its current ones"
            )),
            Some(_) => None,
        },
        (None, Some(Err(problem))) => Some(problem.clone()),
        (None, None) => Some(format!("{file} does not exist")),
    }
}

/// Whether the files that sessions go to can be written.
fn writable(home: &Home, chain: &Chain, findings: &mut Findings) {
    let Ok(workspace) = workspace::load(home) else {
        return;
    };
    let Ok(config) = settings::in_force(home) else {
        return;
    };
    for target in chain.targets() {
        let Err(error) = target.writable() else {
            continue;
        };
        let place = target.place();
        let to = workspace.sessions().iter().filter(|entry| {
            let to = workspace.delivery_in_force(&entry.session.id, config.delivery.as_ref());
            let azure = entry.session.session_type() == SessionType::Azure;
            let fits = match place {
                Place::AzureProfile => azure,
                // Without a named profile nothing goes there.
                _ => !azure && entry.session.named_profile.is_some(),
            };
            fits && to.contains(&place)
        });
        let names: Vec<&str> = to.map(|entry| entry.session.name.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        let message = format!(
            "Dayfly cannot write {place} for {}: {error}",
            names.join(", ")
        );
        let hint = error.hint().unwrap_or_else(|| {
            "`dayfly exec` and `dayfly env` work without it; change where a session is published \
             with `dayfly session edit NAME --delivery`"
                .to_owned()
        });
        findings.wrong(ABOUT, message, &hint);
    }
}
