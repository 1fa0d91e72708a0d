//! `dayfly policy test`

use std::path::PathBuf;

use crate::commands::policy_simulate::rules;
use crate::commands::print;
use crate::exit::Exit;
use crate::scenario::File;
use crate::trouble::Trouble;
use crate::{engine, locate};

/// Hold the configured policies against scenario files with expectations; 1 where one is broken.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dayfly policy test rules/*.toml\n\nAn expectation:\n  [[expect]]\n  at = \"sat 12:00\"\n  session = \"deploy\"\n  status = \"inactive\"\n  [[expect]]\n  gap-at-most = \"0s\""
)]
pub(crate) struct Args {
    /// Scenario files.
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let workspace = engine::require(&home)?;
    let rules = rules(&home)?;
    let mut failed = 0;
    for path in &args.scenarios {
        let file = File::load(path)?;
        if file.expect.is_empty() {
            let message = format!("{} expects nothing, so it cannot fail", path.display());
            return Err(Trouble::usage(message).hint("add [[expect]] tables"));
        }
        let scenario = file.scenario(&workspace)?;
        let outcome = dayfly_sim::run(&scenario, &rules, |_| {});
        let broken = file.broken(&scenario, &outcome, &workspace)?;
        if broken.is_empty() {
            print(&format!(
                "ok      {} ({} expectations)\n",
                path.display(),
                file.expect.len()
            ));
            continue;
        }
        failed += 1;
        print(&format!("FAILED  {}\n", path.display()));
        for line in broken {
            print(&format!("        {line}\n"));
        }
    }
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}
