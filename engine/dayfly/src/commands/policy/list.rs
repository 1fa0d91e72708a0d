//! `dayfly policy list`

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::policies::{self, Loaded};
use dayfly_host::{paths, settings};
use dayfly_runtime::report::PolicyReport;
use dayfly_views::policies::table;
use serde::Serialize;

use crate::terminal::{print, print_json};

/// List the policy entries of the configuration and their problems.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly policy list\n  dayfly policy list --json")]
pub(crate) struct Args {
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Listing {
    policies: Vec<PolicyReport>,
    /// Names of entries that are disabled.
    disabled: Vec<String>,
    problems: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    // What is wrong with the file is told below.
    let disabled = settings::load(&home).map_or_else(|_| Vec::new(), |config| config.disabled);
    // How an entry fares is known to the engine only; what is configured stands in the file.
    let running = client::ask(&home, &Request::Report {});
    let (policies, problems): (Vec<_>, Vec<String>) = match running {
        Some(report) => {
            let report: dayfly_runtime::report::EngineReport = report?;
            let problems = report.problems.into_iter();
            let of_policies =
                problems.filter(|p| p.about == "config" || p.about.starts_with("policy "));
            let lines = of_policies.map(|p| match p.hint {
                Some(hint) => format!("{} ({hint})", p.message),
                None => p.message,
            });
            (report.policies, lines.collect())
        }
        None => {
            let Loaded { entries, problems } = policies::load(&home)?;
            let reports = entries.iter().map(PolicyReport::prepared);
            let problems = problems.iter().map(ToString::to_string);
            (reports.collect(), problems.collect())
        }
    };
    let exit = if problems.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    };
    if args.json {
        let disabled = disabled.into_iter().map(|(name, _)| name).collect();
        print_json(&Listing {
            policies,
            disabled,
            problems,
        })?;
        return Ok(exit);
    }
    if policies.is_empty() && disabled.is_empty() && problems.is_empty() {
        print(
            "no policies; add one with `dayfly policy add`, or write [[policy]] entries into \
             dayfly.toml\n",
        );
    } else if !(policies.is_empty() && disabled.is_empty()) {
        print(&table(&policies, &disabled));
    }
    for problem in &problems {
        print(&format!("{}\n", sanitize(problem)));
    }
    Ok(exit)
}
