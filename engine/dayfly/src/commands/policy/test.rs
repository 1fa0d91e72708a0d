//! `dayfly policy test`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_authoring::project::Project;
use dayfly_core::session::Session;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::paths;
use dayfly_scenario::expect::Checked;
use dayfly_scenario::file::File;
use dayfly_sim::Rule;
use serde::Serialize;
use serde_json::json;

use crate::commands::policy::simulate::{of_workspace, rules};
use crate::terminal::{print, print_json};

/// Test the configured policies with scenario files; exit code 1 if an expectation fails.
///
/// In the folder of a project (`dayfly policy new`) the policies are those of its test/dayfly.toml,
/// and without an argument the scenarios are all of its test folder.
///
/// All files are run. Exit codes: 0 all is as expected, 1 something is not or a policy cannot be
/// used, 2 a scenario makes no sense, 3 it names a session that there is not.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy test rules/*.toml\n  DAYFLY_HOME=examples/idle-stop dayfly policy test examples/idle-stop/scenario.toml\n\nExpectations:\n  [[expect]]\n  at = \"sat 12:00\"\n  session = \"deploy\"\n  status = \"inactive\"\n  by = \"office-hours\"\n  [[expect]]\n  gap-at-most = \"0s\""
)]
pub(crate) struct Args {
    /// Scenario files.
    scenarios: Vec<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// A scenario file, and how it came out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tested {
    path: PathBuf,
    ok: bool,
    seconds: f64,
    expectations: Vec<Checked>,
    /// Why it could not be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<CliError>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let (home, scenarios) = match Project::here()? {
        Some(project) if args.scenarios.is_empty() => (project.trial(), project.scenarios()?),
        Some(project) => (project.trial(), args.scenarios.clone()),
        None => (paths::home()?, args.scenarios.clone()),
    };
    if scenarios.is_empty() {
        return Err(CliError::usage("there is no scenario to test")
            .hint("name scenario files, or run this in the folder of a project"));
    }
    let rules = rules(&home)?;
    let mut sessions = None;
    let mut all = Vec::new();
    for path in &scenarios {
        let begun = Instant::now();
        let tested = load(path).and_then(|file| {
            let sessions = match file.sessions {
                Some(count) => dayfly_scenario::synthetic::made_up(count),
                None => match &sessions {
                    Some(known) => Vec::clone(known),
                    None => sessions.insert(of_workspace(&home)?).clone(),
                },
            };
            checked(&file, sessions, &rules)
        });
        let tested = Tested::new(path, begun.elapsed(), tested);
        if !args.json {
            print(&tested.text());
        }
        all.push(tested);
    }
    let failed = all.iter().filter(|tested| !tested.ok).count();
    let exit = all
        .iter()
        .find_map(|tested| tested.trouble.as_ref().map(CliError::exit))
        .unwrap_or(if failed == 0 {
            Exit::Done
        } else {
            Exit::Failed
        });
    if args.json {
        print_json(&json!({ "ok": failed == 0, "scenarios": all }))?;
    } else if all.len() > 1 {
        print(&format!(
            "{} of {} scenarios passed\n",
            all.len() - failed,
            all.len()
        ));
    }
    Ok(exit)
}

fn load(path: &Path) -> Result<File, CliError> {
    let file = File::load(path)?;
    if file.expect.is_empty() {
        let message = format!("{} has no expectations, so it cannot fail", path.display());
        return Err(CliError::usage(message).hint("add [[expect]] tables"));
    }
    Ok(file)
}

fn checked(
    file: &File,
    sessions: Vec<Arc<Session>>,
    rules: &[Rule],
) -> Result<Vec<Checked>, CliError> {
    let scenario = file.scenario(sessions.clone())?;
    let outcome = dayfly_sim::run(&scenario, rules, |_| {});
    file.check(&scenario, &outcome, &sessions)
}

impl Tested {
    fn new(path: &Path, took: Duration, checked: Result<Vec<Checked>, CliError>) -> Self {
        let path = path.to_owned();
        let seconds = took.as_secs_f64();
        match checked {
            Ok(expectations) => Self {
                path,
                ok: expectations.iter().all(|checked| checked.broken.is_empty()),
                seconds,
                expectations,
                trouble: None,
            },
            Err(trouble) => Self {
                path,
                ok: false,
                seconds,
                expectations: Vec::new(),
                trouble: Some(trouble),
            },
        }
    }

    fn text(&self) -> String {
        let path = self.path.display();
        if let Some(trouble) = &self.trouble {
            return format!(
                "FAILED  {path}\n        {}\n",
                trouble.to_string().replace('\n', "\n      ")
            );
        }
        if self.ok {
            return format!(
                "ok      {path} ({} expectations)\n",
                self.expectations.len()
            );
        }
        let mut text = format!("FAILED  {path}\n");
        for checked in &self.expectations {
            for line in &checked.broken {
                text += &format!("        line {}: {line}\n", checked.line);
            }
        }
        text
    }
}
