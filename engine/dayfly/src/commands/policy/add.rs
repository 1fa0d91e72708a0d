//! `dayfly policy add`

use dayfly_core::policy::Subscription;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{locking, paths, policies};
use dayfly_policy::{Limits, Module, Policy, Wasi};
use dayfly_runtime::Home;
use dayfly_runtime::config::{ModuleSource, json_of};
use dayfly_runtime::entries::Prepared;
use dayfly_sharing::acquire::{self, Acquired, Found};
use dayfly_sharing::config_edit::{self, Edit};
use dayfly_sharing::take::put_in_force;
use dayfly_sharing::{bundles, preview, wants};
use toml_edit::{InlineTable, Table, value};

use crate::consent::{self, TALK};
use crate::terminal::print;

/// Add a policy or a bundle to the configuration: shows what it asks for and would do now, then
/// asks for confirmation.
///
/// A source is builtin:NAME, the path of a component, a project or a bundle,
/// git:FOLDER//FILE?ref=REVISION, or oci://HOST/REPOSITORY:TAG. Dayfly writes the digest of what
/// you reviewed into dayfly.lock; the engine refuses anything else until you review it with `dayfly
/// policy update`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy add builtin:rotate-before-expiry\n  dayfly policy add . --config '{\"label\":\"auto\"}'\n  dayfly policy add oci://registry.example/team/stop-idle:1 --sessions \"labels.env == 'dev'\"\n  dayfly policy add oci://registry.example/team/rules:stable --shadow"
)]
pub(crate) struct Args {
    /// The source.
    source: String,
    /// The name of the entry; by default the policy's own name.
    #[arg(long)]
    name: Option<String>,
    /// Its configuration.
    #[arg(long, value_name = "JSON")]
    config: Option<String>,
    /// The sessions that it sees: an expression; by default all.
    #[arg(long, value_name = "EXPRESSION")]
    sessions: Option<String>,
    /// How often its decisions may start or renew a session: 10/min.
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// Let its component import the parts of WASI that do not reach outside the sandbox.
    #[arg(long)]
    wasi: bool,
    /// Its precedence.
    #[arg(long, value_parser = ["personal", "team", "guard-rail"])]
    tier: Option<String>,
    /// Add it in shadow mode: Dayfly records its decisions but does not carry them out.
    #[arg(long)]
    shadow: bool,
    /// Accept every new build of this file without asking; for a policy that you are developing.
    #[arg(long)]
    follow: bool,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let source = acquire::source(&args.source)?;
    if let ModuleSource::Builtin(name) = &source {
        return add(&home, args, &source, name.clone(), None);
    }
    let (_, config) = Edit::open(&home.config())?;
    let acquired = acquire::acquire(&home, &config, &source)?;
    match &acquired.found {
        Found::Module(bytes) => {
            let mut loader = policies::loader(&home)?;
            let module =
                policies::loaded(loader.load(source.to_string(), bytes, args.wasi.into()))?;
            let name = module.descriptor().name.clone();
            add(
                &home,
                args,
                &source,
                name,
                Some((&acquired, bytes.as_slice())),
            )
        }
        Found::Bundle { .. } => {
            let own = args.config.is_some() || args.sessions.is_some() || args.tier.is_some();
            let own = own || args.rate.is_some() || args.wasi;
            if own || args.name.is_some() || args.follow {
                let message = "a bundle has its own names, configurations and grants";
                return Err(CliError::usage(message)
                    .hint("change them in dayfly.toml afterwards; updates keep your changes"));
            }
            bundles::add(&home, &acquired, args.shadow, args.yes, &TALK)?;
            Ok(Exit::Done)
        }
        Found::Workspace(_) => Err(acquire::no_policy(&source)),
    }
}

fn add(
    home: &Home,
    args: &Args,
    source: &ModuleSource,
    own_name: String,
    found: Option<(&Acquired, &[u8])>,
) -> Result<Exit, CliError> {
    let follow = args.follow;
    if follow && !matches!(source, ModuleSource::Path(_)) {
        return Err(CliError::usage(
            "--follow works only with a file on this machine",
        ));
    }
    let (mut edit, _) = Edit::open(&home.config())?;
    let mut lock = locking::load_to_write(home)?;
    let name = args.name.clone().unwrap_or(own_name);
    if edit.has(&name) {
        let message = format!("there is already a policy entry \"{name}\"");
        return Err(
            CliError::usage(message).hint("nothing was changed; choose another name with --name")
        );
    }
    let mut loader = policies::loader(home)?;
    let module = match found {
        Some((_, bytes)) => {
            policies::loaded(loader.load(source.to_string(), bytes, args.wasi.into()))?
        }
        None => policies::loaded(loader.module(source))?,
    };
    edit.add(table(args, source, &name, &module)?)?;
    let settings = edit.settings(&name)?;
    let prepared = loader
        .prepare_with(&home.config(), &settings, &module)
        .map_err(|problem| CliError::usage(problem.message.clone()).maybe_hint(problem.hint))?;
    print(&described(
        home,
        source,
        &prepared,
        found.map(|(acquired, _)| acquired),
    )?);
    consent::ask("Add it and grant it what it asks for?", args.yes, "--yes")?;
    if let Some((acquired, bytes)) = found.filter(|_| !follow) {
        lock.set(wants::locked(
            &prepared,
            bytes,
            source.to_string(),
            acquired.resolved.clone(),
            acquired.signer.as_ref(),
            None,
        ));
        put_in_force(home, &mut edit, &mut lock, acquired)?;
    } else {
        edit.save()?;
    }
    let trial = if args.shadow { ", in shadow mode" } else { "" };
    print(&format!("added {name} to dayfly.toml{trial}\n"));
    Ok(Exit::Done)
}

/// What the policy is, asks for and would do now, for who decides on it.
fn described(
    home: &Home,
    source: &ModuleSource,
    prepared: &Prepared,
    found: Option<&Acquired>,
) -> Result<String, CliError> {
    let module = prepared.policy.module();
    let descriptor = module.descriptor();
    let mut text = format!(
        "{}: {} {}, from {source}\n  {}\n",
        prepared.entry.name,
        descriptor.name,
        descriptor.version,
        sanitize(&descriptor.summary)
    );
    let mut row = |key: &str, value: &str| text += &format!("  {key:<10}{value}\n");
    if let Some(acquired) = found {
        let signer = acquired.signer.as_ref().map(|trusted| trusted.key.as_str());
        row(
            "signed by",
            signer.unwrap_or("nobody (no [[trust]] entry asks for a signature)"),
        );
    }
    row("asks for", &wants::asks(module));
    for subscription in prepared.policy.subscriptions() {
        row(
            "wakes on",
            &dayfly_views::permissions::wakes_on(subscription),
        );
    }
    if module.wasi() == Wasi::Granted {
        row(
            "imports",
            "WASI: clocks, random numbers and streams, none of which tell it anything about this \
             machine",
        );
    }
    for line in preview::would(prepared, &preview::sessions(home)?) {
        row("would", &line);
    }
    Ok(text)
}

/// The table of the entry.
fn table(
    args: &Args,
    source: &ModuleSource,
    name: &str,
    module: &Module,
) -> Result<Table, CliError> {
    let mut table = Table::new();
    table.insert("name", value(name));
    table.insert("module", value(source.to_string()));
    if let Some(config) = &args.config {
        let wrong = |e: String| CliError::usage(format!("--config is not a JSON object: {e}"));
        let config: toml::Table = serde_json::from_str(config).map_err(|e| wrong(e.to_string()))?;
        table.insert("config", config_edit::inline(&toml::Value::Table(config))?);
    }
    if let Some(tier) = &args.tier {
        table.insert("tier", value(tier.as_str()));
    }
    if args.shadow {
        table.insert("mode", value("shadow"));
    }
    let builtin = matches!(source, ModuleSource::Builtin(_));
    let paths = paths(&table, module);
    let usual = args.sessions.is_none() && args.rate.is_none() && paths.is_empty();
    if builtin && usual {
        return Ok(table);
    }
    let asks = dayfly_policy::asks(module.descriptor(), &config(&table));
    let mut grant = InlineTable::new();
    if let Some(sessions) = &args.sessions {
        grant.insert("sessions", sessions.as_str().into());
    }
    let actions: toml_edit::Array = asks.actions.iter().map(|a| a.as_str()).collect();
    grant.insert("actions", actions.into());
    if asks.hold {
        grant.insert("hold", true.into());
    }
    if !paths.is_empty() {
        let paths: toml_edit::Array = paths.into_iter().collect();
        grant.insert("paths", paths.into());
    }
    if let Some(rate) = &args.rate {
        grant.insert("rate", rate.as_str().into());
    }
    if module.wasi() == Wasi::Granted {
        grant.insert("wasi", true.into());
    }
    table.insert("grant", value(grant));
    Ok(table)
}

/// The configuration of an entry, as its component is handed it.
fn config(table: &Table) -> serde_json::Value {
    toml::from_str::<toml::Table>(&table.to_string())
        .ok()
        .and_then(|table| table.get("config").cloned())
        .map_or_else(|| serde_json::json!({}), json_of)
}

/// The files and repositories that it asks to hear of, where it takes its configuration.
fn paths(table: &Table, module: &Module) -> Vec<String> {
    let config = config(table).to_string();
    let Ok(policy) = Policy::configure(module, &config, Limits::default()) else {
        return Vec::new();
    };
    let asked = policy.subscriptions().iter();
    let mut paths: Vec<String> = asked
        .filter_map(|subscription| match subscription {
            Subscription::Files(pattern) | Subscription::Branch(pattern) => Some(pattern.clone()),
            _ => None,
        })
        .collect();
    paths.dedup();
    paths
}
