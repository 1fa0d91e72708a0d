//! `dayfly policy inspect`

use dayfly_core::policy::Subscription;
use dayfly_dialog::{CliError, Exit, Table, sanitize};
use dayfly_host::paths;
use dayfly_host::policies::{self, Inspected};
use dayfly_policy::{Module, Policy};
use dayfly_runtime::entries;
use dayfly_views::permissions::{may, wakes_on};
use dayfly_views::policies::rank as rank_words;
use serde_json::{Value, json};

use crate::terminal::{print, print_json};

/// Show what a policy does, what it asks for, and what it is granted.
///
/// Dayfly loads the component in the sandbox and asks for its description; no decision is made.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy inspect keep-dev\n  dayfly policy inspect builtin:business-hours\n  dayfly policy inspect ./mine.wasm --json"
)]
pub(crate) struct Args {
    /// A policy entry, builtin:NAME, or the path of a component.
    policy: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let inspected = policies::inspect(&home, &args.policy)?;
    let usable = !matches!(inspected.prepared, Some(Err(_)));
    if args.json {
        print_json(&as_json(&inspected))?;
    } else {
        print(&text(&inspected));
    }
    Ok(if usable { Exit::Done } else { Exit::Failed })
}

/// What it wants to be woken for, as far as that is known.
fn asked(inspected: &Inspected) -> &[Subscription] {
    inspected.policy.as_ref().map_or(&[], Policy::subscriptions)
}

/// What it asks to be granted: of an entry, under its configuration.
fn asks(inspected: &Inspected) -> dayfly_policy::Asks {
    let descriptor = inspected.module.descriptor();
    match &inspected.settings {
        Some(settings) => dayfly_policy::asks(descriptor, &settings.config),
        None => dayfly_policy::Asks {
            actions: descriptor.actions.iter().copied().collect(),
            hold: descriptor.may_hold,
        },
    }
}

/// What the policy asks for, and what the entry is granted of it.
fn side_by_side(inspected: &Inspected) -> String {
    let descriptor = inspected.module.descriptor();
    let files = asked(inspected).iter().filter_map(|s| match s {
        Subscription::Files(pattern) => Some(pattern.as_str()),
        _ => None,
    });
    let asked_for = asks(inspected);
    let asks = [
        may(asked_for.actions.iter(), asked_for.hold),
        "-".to_owned(),
        list(files),
        bytes(descriptor.state_bytes as usize),
        "-".to_owned(),
    ];
    let granted = inspected.settings.as_ref().map(|settings| {
        let grant = entries::grant(settings, &inspected.module);
        [
            may(grant.actions.iter(), grant.may_hold),
            sessions(&grant.sessions),
            list(grant.paths.iter().map(String::as_str)),
            format!("up to {}", bytes(settings.limits.limits().state_bytes)),
            grant.rate.map_or("any".to_owned(), |rate| rate.to_string()),
        ]
    });
    let mut table = match granted {
        Some(_) => Table::new(["", "ASKS FOR", "GRANTED"]),
        None => Table::new(["", "ASKS FOR", ""]),
    };
    let granted = granted.unwrap_or_default();
    let what = [
        "to propose",
        "of sessions",
        "of files",
        "of state",
        "how often",
    ];
    for ((what, asks), granted) in what.into_iter().zip(asks).zip(granted) {
        table.row([what.to_owned(), asks, granted]);
    }
    table.to_string()
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<&str> = texts.collect();
    if texts.is_empty() {
        return "nothing".into();
    }
    sanitize(&texts.join(", "))
}

fn bytes(bytes: usize) -> String {
    match bytes {
        0 => "nothing".into(),
        bytes => format!("{bytes} bytes"),
    }
}

fn text(inspected: &Inspected) -> String {
    let module = &inspected.module;
    let descriptor = module.descriptor();
    let mut text = String::new();
    let mut row = |key: &str, value: &str| text += &format!("{key:<10}{value}\n");
    row("name", &descriptor.name);
    row("version", &descriptor.version);
    row("summary", &sanitize(&descriptor.summary));
    row("module", &sanitize(module.name()));
    row("size", &format!("{} bytes", module.bytes()));
    row("sha256", &module.digest().to_string());
    row(
        "contract",
        &format!("{} ({})", module.contract(), module.world().as_str()),
    );
    if let Some(settings) = &inspected.settings {
        row("config", &sanitize(&settings.config.to_string()));
        row("tier", &rank_words(settings.rank));
    }
    for subscription in asked(inspected) {
        row("wakes on", &wakes_on(subscription));
    }
    if let Some(Err(problem)) = &inspected.prepared {
        row("problem", &sanitize(&problem.message));
        if let Some(hint) = &problem.hint {
            row("", &sanitize(hint));
        }
    }
    text += &format!("\n{}", side_by_side(inspected));
    text += "\nconfiguration (JSON Schema):\n";
    text += &format!("{:#}\n", schema(module));
    text
}

fn sessions(selector: &dayfly_core::grant::Selector) -> String {
    let types: Vec<String> = selector.types.iter().map(ToString::to_string).collect();
    let lists = [
        ("types", &types),
        ("ids", &selector.ids),
        ("names", &selector.names),
        ("profiles", &selector.profiles),
        ("accounts", &selector.accounts),
        ("labels", &selector.labels),
    ];
    let mut parts: Vec<String> = lists
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| format!("{name} {}", sanitize(&list.join(" or "))))
        .collect();
    if let Some(condition) = &selector.condition {
        parts.push(format!("where {}", sanitize(condition.0.text())));
    }
    if parts.is_empty() {
        return "all".into();
    }
    parts.join(", and ")
}

fn schema(module: &Module) -> Value {
    // It was checked when the module was loaded.
    serde_json::from_str(&module.descriptor().config_schema).unwrap_or_default()
}

fn as_json(inspected: &Inspected) -> Value {
    let module = &inspected.module;
    let descriptor = module.descriptor();
    let asked_for = asks(inspected);
    let asked_actions: Vec<_> = asked_for.actions.iter().collect();
    let mut value = json!({
        "name": descriptor.name,
        "version": descriptor.version,
        "summary": descriptor.summary,
        "module": module.name(),
        "bytes": module.bytes(),
        "sha256": module.digest().to_string(),
        "contract": module.contract(),
        "world": module.world().as_str(),
        "stateBytes": descriptor.state_bytes,
        "asksFor": { "actions": asked_actions, "hold": asked_for.hold },
        "configSchema": schema(module),
    });
    if let Some(Err(problem)) = &inspected.prepared {
        value["problem"] = json!({ "message": problem.message, "hint": problem.hint });
    }
    if inspected.policy.is_some() {
        value["wakesOn"] = asked(inspected).iter().map(wakes_on).collect();
    }
    if let Some(settings) = &inspected.settings {
        let grant = entries::grant(settings, module);
        let actions: Vec<_> = grant.actions.iter().collect();
        value["granted"] = json!({
            "actions": actions,
            "hold": grant.may_hold,
            "sessions": sessions(&grant.sessions),
            "paths": grant.paths,
            "rate": grant.rate,
        });
        value["entry"] = settings.name.clone().into();
        value["config"] = settings.config.clone();
    }
    value
}
