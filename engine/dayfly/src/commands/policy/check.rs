//! `dayfly policy check`

use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_authoring::check::{self, Asked, Checked};
use dayfly_authoring::project::Project;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::policies;
use dayfly_runtime::config::Config;
use dayfly_views::permissions::{may, wakes_on};
use serde_json::{Value, json};

use crate::terminal::{print, print_json};

/// Check a component: its contract, imports, requests and cost, and whether it answers the same
/// twice; exit code 1 if something is wrong.
///
/// In the folder of a project, without an argument, it checks the last build with the configuration
/// of test/dayfly.toml.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy check\n  dayfly policy check theirs.wasm --config '{\"label\":\"auto\"}'\n  dayfly policy check --json"
)]
pub(crate) struct Args {
    /// A component, or a project.
    component: Option<PathBuf>,
    /// The configuration for the check.
    #[arg(long, value_name = "JSON")]
    config: Option<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let place = args.component.as_deref().unwrap_or(Path::new("."));
    let project = if place.is_dir() {
        Some(Project::require(place)?)
    } else {
        None
    };
    let path = project
        .as_ref()
        .map_or_else(|| place.to_owned(), Project::component);
    if project.is_some() && !path.exists() {
        let message = format!("{} has not been built", path.display());
        return Err(CliError::failed(message).hint("run `dayfly policy build`"));
    }
    let bytes = dayfly_authoring::read_built(&path)?;
    let config = match (&args.config, &project) {
        (Some(config), _) => config.clone(),
        (None, Some(project)) => tried(project)?,
        (None, None) => "{}".into(),
    };
    let checked = check::check(
        &path.display().to_string(),
        &bytes,
        &config,
        policies::compiler(),
    )?;
    let problems = problems(&checked);
    if args.json {
        print_json(&as_json(&checked, &problems))?;
    } else {
        print(&text(&checked, &problems));
    }
    Ok(if problems.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// The configuration that a project tries its policy with.
fn tried(project: &Project) -> Result<String, CliError> {
    let config =
        Config::load(&project.trial().config()).map_err(|e| CliError::failed(e.to_string()))?;
    let entry = config
        .policies
        .iter()
        .find(|entry| entry.name == project.name);
    Ok(entry.map_or_else(|| "{}".into(), |entry| entry.config.to_string()))
}

fn problems(checked: &Checked) -> Vec<String> {
    match &checked.asked {
        Err(problem) => vec![problem.clone()],
        Ok(Asked { cost, differs, .. }) => {
            let cost = cost.as_ref().err().cloned();
            cost.into_iter().chain(differs.clone()).collect()
        }
    }
}

/// A duration with three digits and its unit.
fn short(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        _ if micros >= 1e6 => format!("{:.2} s", micros / 1e6),
        _ if micros >= 1e4 => format!("{:.0} ms", micros / 1e3),
        _ if micros >= 1e3 => format!("{:.1} ms", micros / 1e3),
        _ if micros >= 10.0 => format!("{micros:.0} µs"),
        _ => format!("{micros:.2} µs"),
    }
}

fn text(checked: &Checked, problems: &[String]) -> String {
    let module = &checked.module;
    let descriptor = module.descriptor();
    let mut text = String::new();
    let mut row = |key: &str, value: &str| text += &format!("{key:<13}{value}\n");
    row(
        "policy",
        &format!("{} {}", descriptor.name, descriptor.version),
    );
    row("summary", &sanitize(&descriptor.summary));
    row("size", &format!("{} bytes", module.bytes()));
    row("sha256", &module.digest().to_string());
    row(
        "contract",
        &format!("{} ({})", module.contract(), module.world().as_str()),
    );
    for (method, shown) in module.stand_ins() {
        row("sees", &format!("{method} as {shown}"));
    }
    row("imports", &module.imports().join(", "));
    row(
        "asks for",
        &may(descriptor.actions.iter().copied(), descriptor.may_hold),
    );
    if descriptor.state_bytes > 0 {
        row("state", &format!("{} bytes", descriptor.state_bytes));
    }
    row("compile", &short(checked.compile));
    if let Ok(asked) = &checked.asked {
        for subscription in &asked.subscriptions {
            row("wakes on", &wakes_on(subscription));
        }
        if let Ok(cost) = &asked.cost {
            row("instance", &short(cost.instance));
            row("one session", &short(cost.one));
            row(
                "each additional",
                &format!("{} (of 1000)", short(cost.session)),
            );
            row("memory", &format!("{} KiB", cost.memory / 1024));
            if asked.differs.is_none() {
                row(
                    "same twice",
                    &format!("yes, {} proposals for 1000 sessions", cost.effects),
                );
            }
        }
    }
    for problem in problems {
        row("problem", &sanitize(problem));
    }
    text
}

fn as_json(checked: &Checked, problems: &[String]) -> Value {
    let module = &checked.module;
    let descriptor = module.descriptor();
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    let stand_ins: Vec<Value> = module
        .stand_ins()
        .map(|(method, shown)| json!({ "method": method, "shownAs": shown }))
        .collect();
    let mut value = json!({
        "name": descriptor.name,
        "version": descriptor.version,
        "bytes": module.bytes(),
        "sha256": module.digest().to_string(),
        "contract": module.contract(),
        "world": module.world().as_str(),
        "standIns": stand_ins,
        "imports": module.imports(),
        "asksFor": { "actions": descriptor.actions, "hold": descriptor.may_hold },
        "stateBytes": descriptor.state_bytes,
        "compileMs": micros(checked.compile) / 1e3,
        "problems": problems,
    });
    if let Ok(asked) = &checked.asked {
        let wakes: Vec<String> = asked.subscriptions.iter().map(wakes_on).collect();
        value["wakesOn"] = json!(wakes);
        value["deterministic"] = json!(asked.differs.is_none());
        if let Ok(cost) = &asked.cost {
            value["cost"] = json!({
                "instanceMicros": micros(cost.instance),
                "oneSessionMicros": micros(cost.one),
                "furtherSessionMicros": micros(cost.session),
                "memoryBytes": cost.memory,
                "instructions": cost.fuel,
                "effects": cost.effects,
            });
        }
    }
    value
}
