//! An engine in this process, and what can be known without one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_chain::{Chain, ConfigFile, CredentialsFile, Found, Kept};
use dayfly_core::delivery::{self, Delivery, Place};
use dayfly_core::input::Word;
use dayfly_core::session::{ErrorKind, SessionId, Status};
use dayfly_runtime::report::{
    EngineReport, FailureReport, PlaceReport, ProblemReport, SessionReport, WordReport,
};
use dayfly_runtime::{Config, Engine, EngineError, Home, Options, Policies, clock};
use dayfly_vault::{Vault, private_file};
use dayfly_workspace::{Loaded, Workspace, WorkspaceFile};

use crate::control::client;
use crate::control::protocol::{self, OrderDone, Request, SessionOrder};
use crate::show::line::Names;
use crate::trouble::Trouble;
use crate::{locate, secrets};

/// How long a single command waits for another to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// How an engine on this home is to work.
pub(crate) fn options(
    home: &Home,
    policies: Policies,
    watching: bool,
    patience: Duration,
    vault: Vault,
) -> Result<Options, Trouble> {
    Ok(Options {
        home: home.clone(),
        chain: chain(home, &vault)?,
        keys: Arc::new(vault),
        policies,
        watching,
        patience,
    })
}

/// The credentials file that the configuration, or else the environment, names.
pub(crate) fn credentials_file(home: &Home) -> Result<PathBuf, Trouble> {
    let config = Config::load(&home.config()).unwrap_or_default();
    match config.aws.credentials_file {
        Some(file) => Ok(file),
        None => locate::credentials_file(),
    }
}

/// The same for the config file.
pub(crate) fn config_file(home: &Home) -> Result<PathBuf, Trouble> {
    let config = Config::load(&home.config()).unwrap_or_default();
    match config.aws.config_file {
        Some(file) => Ok(file),
        None => locate::config_file(),
    }
}

/// The provider chain of this home; what is kept in it is encrypted with this vault's key.
pub(crate) fn chain(home: &Home, vault: &Vault) -> Result<Chain, Trouble> {
    let word = home.word();
    let credentials = CredentialsFile::new(credentials_file(home)?).of_home(&word);
    let config = ConfigFile::new(config_file(home)?, locate::process(home)?).of_home(&word);
    let kept = Kept::new(vault.beside(home.kept()));
    Ok(Chain::new(
        vec![Box::new(credentials), Box::new(config)],
        kept,
    ))
}

/// Where long-lived secrets are.
pub(crate) fn vault(home: &Home) -> Vault {
    secrets::vault(home)
}

/// Opens the vault while a person can still be asked for its passphrase, and asks nobody later.
pub(crate) fn unlocked(home: &Home) -> Result<Vault, Trouble> {
    let vault = vault(home);
    if home.vault().exists() {
        vault.list().map_err(|e| Trouble::failed(e.to_string()))?;
    }
    secrets::ask_nobody();
    Ok(vault)
}

/// Why an engine does not start, for a person.
pub(crate) fn not_started(error: EngineError, home: &Home) -> Trouble {
    match error {
        EngineError::Taken { .. } => {
            let report = client::ask::<EngineReport>(home, &Request::Report {});
            let pid = report
                .and_then(Result::ok)
                .and_then(|r| r.engine)
                .map(|engine| format!(" (process {})", engine.pid));
            let message = format!("{error}{}", pid.unwrap_or_default());
            Trouble::failed(message).hint("one is enough; `dayfly status` shows what it does")
        }
        other => Trouble::failed(other.to_string()),
    }
}

/// Gives an order to the running engine, or carries it out in this process.
pub(crate) fn order(home: &Home, order: &SessionOrder) -> Result<OrderDone, Trouble> {
    let request = Request::Order(order.clone());
    if let Some(answer) = client::ask(home, &request) {
        return answer;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Trouble::failed(format!("cannot start: {e}")))?;
    runtime.block_on(async {
        let options = options(home, Policies::GuardRails, false, PATIENCE, vault(home))?;
        let engine = match Engine::start(options).await {
            Ok(engine) => engine,
            // One was started meanwhile.
            Err(error @ EngineError::Taken { .. }) => {
                let answer = client::ask(home, &request);
                return answer.unwrap_or_else(|| Err(not_started(error, home)));
            }
            Err(error) => return Err(not_started(error, home)),
        };
        let handle = engine.handle().clone();
        let result = handle.order(&order.session, order.to_order()).await;
        // Children and the Workspace file follow; they have their own deadlines.
        let quiet = tokio::time::timeout(Duration::from_secs(120), handle.quiet()).await;
        handle.halt().await;
        drop(handle);
        let ended = engine.ended().await;
        let mut outcome = protocol::outcome(order, result);
        if let Err(trouble) = &mut outcome
            && let Some(at) = trouble.message.find("; next try at ")
        {
            // This process ends, so nobody tries again.
            trouble.message.truncate(at);
        }
        let _ = quiet;
        ended.map_err(|e| Trouble::failed(e.to_string()))?;
        outcome
    })
}

/// What the running engine knows; without one, what the files say.
pub(crate) fn report(home: &Home) -> Result<EngineReport, Trouble> {
    match client::ask(home, &Request::Report {}) {
        Some(answer) => answer,
        None => from_files(home),
    }
}

fn from_files(home: &Home) -> Result<EngineReport, Trouble> {
    let mut problems = Vec::new();
    let workspace = match load(home) {
        Ok(workspace) => {
            problems.extend(workspace.problems().iter().map(ProblemReport::of_workspace));
            Some(workspace)
        }
        Err(rejected) => {
            let found = rejected.problems.iter();
            problems.extend(found.map(ProblemReport::of_workspace));
            None
        }
    };
    let now = clock::now();
    // A look at things asks nobody for a passphrase.
    secrets::ask_nobody();
    let chain = chain(home, &vault(home))?;
    let found = chain.observe();
    problems.extend(found.problems.iter().map(|(place, error)| ProblemReport {
        about: place.to_string(),
        message: error.to_string(),
        hint: error.hint(),
    }));
    problems.extend(found.unread.map(|error| ProblemReport {
        about: "kept credentials".into(),
        message: error.to_string(),
        hint: None,
    }));
    let config = Config::load(&home.config()).unwrap_or_default();
    let files: BTreeMap<Place, PathBuf> = chain
        .targets()
        .map(|target| (target.place(), target.path().to_owned()))
        .collect();
    let mut sessions = found.sessions;
    sessions.retain(|_, one| !one.credentials.lease.expired(now));
    let words = words(home);
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
            if let (Some(found), Some(workspace)) = (found, &workspace) {
                let said = workspace.delivery(&entry.session.id);
                let wanted = said.or(config.delivery.as_ref()).cloned();
                let wanted = wanted.unwrap_or_else(delivery::usual);
                report.delivery = places(found, &wanted, &files);
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

/// Where credentials stand, and where they should.
fn places(found: &Found, wanted: &Delivery, files: &BTreeMap<Place, PathBuf>) -> Vec<PlaceReport> {
    let wanted = wanted.iter().filter(|_| found.profile.is_some());
    let all: Delivery = wanted.chain(&found.in_force).copied().collect();
    let report = |place: Place| PlaceReport {
        target: place,
        file: files.get(&place).cloned(),
        error: (!found.in_force.contains(&place)).then(|| FailureReport {
            kind: ErrorKind::Delivery,
            message: "they are not there".into(),
            hint: Some("`dayfly doctor` says why, where that can be seen".into()),
            request_id: None,
        }),
    };
    all.into_iter().map(report).collect()
}

fn words(home: &Home) -> BTreeMap<SessionId, Word> {
    let text = private_file::read(&home.words()).ok().flatten();
    let words = text.and_then(|text| serde_json::from_slice(&text).ok());
    words.unwrap_or_default()
}

/// The Workspace as the file has it.
pub(crate) fn load(home: &Home) -> Result<Arc<Workspace>, dayfly_workspace::Rejected> {
    let file = WorkspaceFile::at(&home.workspace());
    match file.load()? {
        Loaded::Changed { workspace, .. } => Ok(workspace),
        // The first load of a file is always of another text than none.
        Loaded::Unchanged => file.current().ok_or(dayfly_workspace::Rejected {
            problems: Vec::new(),
        }),
    }
}

/// Names of the sessions, as far as the Workspace can be read.
pub(crate) fn names(home: &Home) -> Names {
    let workspace = load(home).ok();
    let entries = workspace.as_deref().map(Workspace::sessions);
    entries
        .unwrap_or_default()
        .iter()
        .map(|entry| (entry.session.id.clone(), entry.session.name.clone()))
        .collect()
}

/// The Workspace, where a command cannot do without it.
pub(crate) fn require(home: &Home) -> Result<Arc<Workspace>, Trouble> {
    load(home).map_err(|rejected| {
        let hint = if home.workspace().exists() {
            "mend the file; `dayfly workspace validate` lists all problems"
        } else {
            "`dayfly init` makes one"
        };
        Trouble::failed(rejected.to_string()).hint(hint)
    })
}
