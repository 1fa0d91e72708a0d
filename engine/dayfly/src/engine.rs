//! An engine in this process, and what can be known without one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_chain::{
    AzureProfile, Chain, ConfigFile, CredentialsFile, EncryptedStore, Found, Target,
};
use dayfly_core::delivery::{self, Delivery, Place};
use dayfly_core::input::Order;
use dayfly_core::policy::Action;
use dayfly_core::session::{ErrorKind, Session, Status};
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::entries::EntryProblem;
use dayfly_runtime::report::{
    EngineReport, FailureReport, PlaceReport, ProblemReport, SessionReport, WordReport,
};
use dayfly_runtime::{
    Config, ConfigError, Engine, EngineError, Handle, Home, Options, Policies, Witness, clock,
    destinations,
};
use dayfly_vault::Vault;
use dayfly_views::journal_line::Names;
use dayfly_workspace::{Loaded, Workspace, WorkspaceFile};

use crate::control::client;
use crate::control::protocol::{self, OrderDone, Request, Response, SessionOrder, not_found};
use crate::endpoint::imds::{self, Identity};
use crate::sharing::locking;
use crate::sign_in::user_prompts;
use crate::{paths, policies, vault_access};

/// How long a single command waits for another to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// How an engine on this home is to work.
pub(crate) fn options(
    home: &Home,
    policies: Policies,
    watching: bool,
    patience: Duration,
    vault: Vault,
) -> Result<Options, CliError> {
    Ok(Options {
        home: home.clone(),
        chain: chain_at_start(home, &vault)?,
        azure_secrets: Arc::new(vault.clone()),
        witness: Some(Witness::new(home, vault.clone())),
        keys: Arc::new(vault),
        policies,
        compiler: crate::policies::compiler(),
        watching,
        patience,
    })
}

/// The configuration that this home goes by: what the file says, or the last one that an engine
/// had in force where the file cannot be read. Never the defaults in the place of a broken file.
pub(crate) fn in_force(home: &Home) -> Result<Config, CliError> {
    let known = Config::at_start(home).map_err(|e| unreadable(&e))?;
    Ok(known.config)
}

/// The configuration as the file has it, for what nobody should do on an older one.
pub(crate) fn configuration(home: &Home) -> Result<Config, CliError> {
    Config::load(&home.config()).map_err(|e| unreadable(&e))
}

fn unreadable(error: &ConfigError) -> CliError {
    CliError::failed(error.to_string()).hint("nothing was changed; mend the file, then try again")
}

/// The credentials file that the configuration, or else the environment, names.
pub(crate) fn credentials_file(config: &Config) -> Result<PathBuf, CliError> {
    match &config.aws.credentials_file {
        Some(file) => Ok(file.clone()),
        None => paths::credentials_file(),
    }
}

/// The same for the config file.
pub(crate) fn config_file(config: &Config) -> Result<PathBuf, CliError> {
    match &config.aws.config_file {
        Some(file) => Ok(file.clone()),
        None => paths::config_file(),
    }
}

/// The same for the Azure CLI's list of subscriptions.
fn azure_profile(config: &Config) -> Result<PathBuf, CliError> {
    match &config.azure.profile_file {
        Some(file) => Ok(file.clone()),
        None => paths::azure_profile(),
    }
}

/// The provider chain of this home; what is kept in it is encrypted with this vault's key. A place
/// that cannot be on this machine fails for those sessions that are to go there.
pub(crate) fn chain(home: &Home, vault: &Vault) -> Result<Chain, CliError> {
    chain_of(home, &configuration(home)?, vault)
}

/// The same for a look at it, with the configuration that is in force.
pub(crate) fn chain_in_force(home: &Home) -> Result<Chain, CliError> {
    let config = in_force(home)?;
    chain_of(home, &config, &vault_access::vault(home, &config))
}

/// The chain of an engine that starts: without a configuration that was ever in force it takes
/// away, and publishes nothing.
fn chain_at_start(home: &Home, vault: &Vault) -> Result<Chain, CliError> {
    match Config::at_start(home) {
        Ok(known) => chain_of(home, &known.config, vault),
        Err(error) => {
            let chain = chain_of(home, &Config::default(), vault)?;
            Ok(chain.refusing(error.to_string()))
        }
    }
}

fn chain_of(home: &Home, config: &Config, vault: &Vault) -> Result<Chain, CliError> {
    let places = [
        (Place::CredentialsFile, credentials_file(config)),
        (Place::CredentialProcess, config_file(config)),
        (Place::AzureProfile, azure_profile(config)),
    ];
    let (mut files, mut targets, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for (place, path) in places {
        let found = path.and_then(|path| Ok((target(home, (place, path.clone()))?, path)));
        match found {
            Ok((target, path)) => {
                targets.push(target);
                files.push((place, path));
            }
            Err(trouble) => absent.push((place, trouble.message)),
        }
    }
    let before = destinations::recorded(&home.destinations()).map_err(|e| {
        CliError::failed(e).hint(
            "it says where credentials were published; remove it once you have looked that none \
             are left in files that dayfly.toml named before",
        )
    })?;
    let former = before.into_iter().filter(|one| !files.contains(one));
    let former: Result<Vec<_>, _> = former.map(|one| target(home, one)).collect();
    let kept = EncryptedStore::new(vault.beside(home.kept()));
    let chain = Chain::new(targets, kept).leaving(former?);
    let absent = absent.iter();
    Ok(absent.fold(chain, |chain, (place, why)| chain.without(*place, why)))
}

fn target(home: &Home, (place, path): (Place, PathBuf)) -> Result<Box<dyn Target>, CliError> {
    let word = home.word();
    Ok(match place {
        Place::CredentialsFile => Box::new(CredentialsFile::new(path).of_home(&word)),
        Place::CredentialProcess => {
            Box::new(ConfigFile::new(path, paths::process(home)?).of_home(&word))
        }
        Place::AzureProfile => Box::new(AzureProfile::new(path).of_home(&word)),
    })
}

/// Where long-lived secrets are.
pub(crate) fn vault(home: &Home) -> Result<Vault, CliError> {
    Ok(vault_access::vault(home, &in_force(home)?))
}

/// The same for an engine that starts, which works without a configuration too.
fn vault_at_start(home: &Home) -> Vault {
    let known = Config::at_start(home).map(|known| known.config);
    // Without one, the key is where it is already; nothing is obtained that could be kept with a new one.
    vault_access::vault(home, &known.unwrap_or_default())
}

/// Opens the vault while a person can still be asked for its passphrase, and asks nobody later.
pub(crate) fn unlocked(home: &Home) -> Result<Vault, CliError> {
    let vault = vault_at_start(home);
    if home.vault().exists() {
        vault.list().map_err(|e| CliError::failed(e.to_string()))?;
    }
    vault_access::ask_nobody();
    Ok(vault)
}

/// Why an engine does not start, for a person.
pub(crate) fn not_started(error: EngineError, home: &Home) -> CliError {
    match error {
        EngineError::Taken { .. } => {
            let report = client::ask::<EngineReport>(home, &Request::Report {});
            let pid = report
                .and_then(Result::ok)
                .and_then(|r| r.engine)
                .map(|engine| format!(" (process {})", engine.pid));
            let message = format!("{error}{}", pid.unwrap_or_default());
            CliError::failed(message).hint("one is enough; `dayfly status` shows what it does")
        }
        other => CliError::failed(other.to_string()),
    }
}

/// Gives an order to the running engine, or carries it out in this process. What it needs of a
/// person is asked for at this terminal, where one sits there.
pub(crate) fn order(home: &Home, order: &SessionOrder) -> Result<OrderDone, CliError> {
    let request = Request::Order(order.clone());
    if let Some(answer) = client::ask(home, &request) {
        return attended(home, order, answer);
    }
    if order.action == Some(Action::Stop) {
        return stop_here(home, order);
    }
    configuration(home)?;
    order_here(home, order)
}

/// Stops a session without an engine. Where the configuration cannot be read and none is recorded,
/// nobody knows all places that hold its credentials, so that is no success.
fn stop_here(home: &Home, order: &SessionOrder) -> Result<OrderDone, CliError> {
    let unknown = Config::at_start(home).err();
    let done = order_here(home, order)?;
    let Some(error) = unknown else {
        return Ok(done);
    };
    let message = format!(
        "{error}; the credentials of \"{}\" were taken out of the usual files, but they may still be \
         in a file that dayfly.toml names",
        order.session
    );
    Err(CliError::failed(message).hint("mend the file, then stop the session again"))
}

fn order_here(home: &Home, order: &SessionOrder) -> Result<OrderDone, CliError> {
    let request = Request::Order(order.clone());
    let done = here(home, async |handle| {
        let result = handle.order(&order.session, order.to_order()).await;
        match protocol::outcome(order, result) {
            Ok(done) => kept_until_later(handle, done).await,
            Err(trouble) if trouble.code == Code::NeedsPerson && user_prompts::somebody() => {
                let id = id(home, &order.session)?;
                let engine = user_prompts::Engine::Here(handle);
                let done = user_prompts::attend(home, engine, &id, Some(order), trouble).await?;
                done.ok_or_else(|| CliError::failed("nothing was done"))
            }
            outcome => outcome,
        }
    })?;
    match done {
        Some(outcome) => outcome,
        // One was started meanwhile.
        None => match client::ask(home, &request) {
            Some(answer) => attended(home, order, answer),
            None => Err(not_started(
                EngineError::Taken {
                    home: home.folder().to_owned(),
                },
                home,
            )),
        },
    }
}

/// What an order brought, unless the credentials end with this process: they are in no file, and
/// could not be kept.
async fn kept_until_later(handle: &Handle, done: OrderDone) -> Result<OrderDone, CliError> {
    let Some(session) = &done.session else {
        return Ok(done);
    };
    let somewhere = session.delivery.iter().any(|place| place.error.is_none());
    if somewhere || session.status != Status::Active {
        return Ok(done);
    }
    let report = handle.report().await;
    let problem = report.ok().and_then(|report| {
        let mut problems = report.problems.into_iter();
        problems.find(|problem| problem.about == "kept credentials")
    });
    match problem {
        None => Ok(done),
        Some(problem) => Err(CliError::failed(format!(
            "the credentials of \"{}\" are in no file and could not be kept, so they end with \
             this command: {}",
            session.name, problem.message
        ))
        .hint("with a running Dayfly (`dayfly run`) they are kept in memory")),
    }
}

/// What a person is needed for is asked for at this terminal, where the running engine needs it.
fn attended(
    home: &Home,
    order: &SessionOrder,
    answer: Result<OrderDone, CliError>,
) -> Result<OrderDone, CliError> {
    match answer {
        Err(trouble) if trouble.code == Code::NeedsPerson && user_prompts::somebody() => {
            let id = id(home, &order.session)?;
            let engine = user_prompts::Engine::Running(home);
            let attending = user_prompts::attend(home, engine, &id, Some(order), trouble);
            let done = plain_runtime()?.block_on(attending)?;
            done.ok_or_else(|| CliError::failed("nothing was done"))
        }
        answer => answer,
    }
}

/// Asks the person at this terminal for what the session needs, so that its credentials can be
/// obtained. `trouble` is how that ended before.
pub(crate) fn attend(home: &Home, id: &str, trouble: CliError) -> Result<(), CliError> {
    let running = client::ask::<serde_json::Value>(home, &Request::Report {}).is_some();
    if running {
        let engine = user_prompts::Engine::Running(home);
        return plain_runtime()?
            .block_on(user_prompts::attend(home, engine, id, None, trouble))
            .map(drop);
    }
    configuration(home)?;
    let done = here(home, async |handle| {
        let result = handle.order(id, Order::Demand).await;
        match protocol::outcome(&SessionOrder::plain(id, Action::Start), result) {
            Err(trouble) if trouble.code == Code::NeedsPerson => {
                let engine = user_prompts::Engine::Here(handle);
                user_prompts::attend(home, engine, id, None, trouble)
                    .await
                    .map(drop)
            }
            outcome => outcome.map(drop),
        }
    })?;
    // Where another engine was started meanwhile, it is asked next.
    done.unwrap_or(Ok(()))
}

/// Hands on what a person was asked for: to the running engine, or to one in this process.
pub(crate) fn respond(home: &Home, response: &Response) -> Result<OrderDone, CliError> {
    let request = Request::Respond(response.clone());
    if let Some(answer) = client::ask(home, &request) {
        return answer;
    }
    let done = here(home, async |handle| {
        user_prompts::respond(handle, response.clone()).await
    })?;
    done.unwrap_or_else(|| {
        let error = EngineError::Taken {
            home: home.folder().to_owned(),
        };
        Err(not_started(error, home))
    })
}

fn id(home: &Home, asked: &str) -> Result<String, CliError> {
    let workspace = require(home)?;
    let entry = workspace.resolve(asked).map_err(|e| not_found(&e))?;
    Ok(entry.session.id.to_string())
}

pub(crate) fn plain_runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::failed(format!("cannot start: {e}")))
}

/// Has an engine in this process do what a person ordered; none where another one works on this home.
fn here<T>(
    home: &Home,
    work: impl AsyncFnOnce(&Handle) -> Result<T, CliError>,
) -> Result<Option<Result<T, CliError>>, CliError> {
    // Children and the Workspace file follow; they have their own deadlines.
    let quiet = Duration::from_secs(120);
    let mut outcome = for_one_task(home, vault_at_start(home), PATIENCE, quiet, work)?;
    if let Some(Err(trouble)) = &mut outcome
        && let Some(at) = trouble.message.find("; next try at ")
    {
        // This process ends, so nobody tries again.
        trouble.message.truncate(at);
    }
    Ok(outcome)
}

/// Has an engine in this process do one thing and end; none where another one works on this home, for
/// which it waits `patience`. What comes of it behind the answer may take as long as `quiet` says.
pub(crate) fn for_one_task<T>(
    home: &Home,
    vault: Vault,
    patience: Duration,
    quiet: Duration,
    work: impl AsyncFnOnce(&Handle) -> T,
) -> Result<Option<T>, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| CliError::failed(format!("cannot start: {e}")))?;
    runtime.block_on(async {
        let options = options(home, Policies::GuardRails, false, patience, vault)?;
        let engine = match Engine::start(options).await {
            Ok(engine) => engine,
            Err(EngineError::Taken { .. }) => return Ok(None),
            Err(error) => return Err(not_started(error, home)),
        };
        let handle = engine.handle().clone();
        let outcome = work(&handle).await;
        let quiet = tokio::time::timeout(quiet, handle.quiet()).await;
        handle.halt().await;
        drop((handle, quiet));
        let ended = engine.ended().await;
        ended.map_err(|e| CliError::failed(e.to_string()))?;
        Ok(Some(outcome))
    })
}

/// What the running engine knows; without one, what the files say.
pub(crate) fn report(home: &Home) -> Result<EngineReport, CliError> {
    match client::ask(home, &Request::Report {}) {
        Some(answer) => answer,
        None => from_files(home),
    }
}

fn from_files(home: &Home) -> Result<EngineReport, CliError> {
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
    vault_access::ask_nobody();
    let config = in_force(home)?;
    let chain = chain_of(home, &config, &vault_access::vault(home, &config))?;
    let found = chain.observe();
    problems.extend(found.problems.iter().map(|(place, error)| ProblemReport {
        about: place.to_string(),
        message: error.to_string(),
        hint: error.hint(),
        warning: false,
    }));
    problems.extend(found.unread.map(|error| ProblemReport {
        about: "kept credentials".into(),
        message: error.to_string(),
        hint: None,
        warning: false,
    }));
    problems.extend(configured(home));
    problems.extend(older(home, &problems));
    let files: BTreeMap<Place, PathBuf> = chain
        .targets()
        .map(|target| (target.place(), target.path().to_owned()))
        .collect();
    let mut sessions = found.sessions;
    sessions.retain(|_, one| !one.credentials.lease.expired(now));
    let words = dayfly_runtime::words(home).unwrap_or_else(|message| {
        let hint = "what you had started or stopped yourself is not known; mend the file, or move it \
                    away and say it again";
        problems.push(ProblemReport {
            about: "state".into(),
            message,
            hint: Some(hint.into()),
            warning: false,
        });
        BTreeMap::new()
    });
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
            message: message.unwrap_or_else(|| "they are not there".into()),
            hint: Some("`dayfly doctor` says why, where that can be seen".into()),
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

/// A session as a metadata endpoint shows it.
pub(crate) fn identity(workspace: &Workspace, session: &Session) -> Identity {
    let region = session.region.as_deref().or(workspace.default_region());
    Identity {
        session: session.id.to_string(),
        role: imds::role(&session.name),
        region: region.map(str::to_owned),
    }
}

/// The Workspace, where a command cannot do without it.
pub(crate) fn require(home: &Home) -> Result<Arc<Workspace>, CliError> {
    load(home).map_err(|rejected| {
        let hint = if home.workspace().exists() {
            "mend the file; `dayfly workspace validate` lists all problems"
        } else {
            "`dayfly init` makes one"
        };
        CliError::failed(rejected.to_string()).hint(hint)
    })
}
