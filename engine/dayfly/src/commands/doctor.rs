//! `dayfly doctor`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_doctor::{Findings, Grade};
use dayfly_host::paths;

use crate::terminal::{print, print_json};

/// Check for problems that keep Dayfly from getting credentials or programs from finding them, and
/// say how to fix them.
///
/// The exit code is 1 if there is a problem. Doctor changes nothing. It asks each STS that sessions
/// need for its time, without credentials.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly doctor\n  dayfly doctor --offline\n  dayfly doctor --json"
)]
pub(crate) struct Args {
    /// Call nothing outside this machine.
    #[arg(long)]
    offline: bool,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let mut findings = Findings::default();
    dayfly_doctor::engine_runs(&home, &mut findings);
    dayfly_doctor::installed_service(&home, &mut findings);
    let workspace = dayfly_doctor::workspace(&home, &mut findings);
    let workspace = workspace.as_deref();
    dayfly_doctor::configuration(&home, &mut findings);
    dayfly_doctor::layers(&home, &mut findings);
    dayfly_doctor::modes(&home, &mut findings);
    dayfly_doctor::room(&home, &mut findings);
    dayfly_doctor::vault(&home, workspace, &mut findings);
    dayfly_doctor::access_keys(&home, workspace, &mut findings);
    dayfly_doctor::certificates::look(workspace, &mut findings);
    dayfly_doctor::newest(&home, &mut findings);
    dayfly_doctor::environment(&mut findings);
    dayfly_doctor::shared_files(&home, workspace, &mut findings)?;
    if let Some(workspace) = workspace {
        dayfly_doctor::set_aside_lines(&home, workspace, &mut findings)?;
    }
    dayfly_doctor::published(&home, &mut findings)?;
    dayfly_doctor::sign_ins(&home, workspace, &mut findings);
    dayfly_doctor::endpoint(&home, &mut findings);
    dayfly_doctor::network(&mut findings);
    if !args.offline {
        dayfly_doctor::clouds(&home, workspace, &mut findings);
    }
    let wrong = findings.0.iter().any(|f| f.grade == Grade::Wrong);
    let exit = if wrong { Exit::Failed } else { Exit::Done };
    if args.json {
        print_json(&findings.0)?;
        return Ok(exit);
    }
    let mut text = String::new();
    for finding in &findings.0 {
        let mark = match finding.grade {
            Grade::Good => '✓',
            Grade::Notice => '·',
            Grade::Wrong => '✗',
        };
        text += &format!("{mark} {}: {}\n", finding.about, sanitize(&finding.message));
        if let Some(hint) = &finding.hint {
            text += &format!("    {}\n", sanitize(hint));
        }
    }
    print(&text);
    Ok(exit)
}
