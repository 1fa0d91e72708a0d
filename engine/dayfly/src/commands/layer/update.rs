//! `dayfly layer update`

use dayfly_dialog::{CliError, Code, Exit, sanitize};
use dayfly_host::{paths, settings};
use dayfly_sharing::layers::{self, How};

use crate::consent::TALK;
use crate::terminal::{print, print_json, say};

/// Bring layers up to date with their sources: shows what would change, then asks for confirmation.
///
/// Sessions that a layer no longer has are stopped and removed. Fields that you changed stay as you wrote
/// them, and sessions that you removed stay away; --restore gives them back to the layer.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly layer update\n  dayfly layer update team --check\n  dayfly layer update team --restore"
)]
pub(crate) struct Args {
    /// The layer; by default all of them.
    name: Option<String>,
    /// Only show what would change.
    #[arg(long)]
    check: bool,
    /// Undo what you changed in the layer's sessions, and bring those back that you removed.
    #[arg(long)]
    restore: bool,
    /// Accept a version that is older than the one that was merged.
    #[arg(long)]
    downgrade: bool,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let config = settings::load(&home)?;
    let wanted = |name: &str| args.name.as_ref().is_none_or(|asked| asked == name);
    let how = How {
        check: args.check,
        yes: args.yes,
        restore: args.restore,
        downgrade: args.downgrade,
        quiet: args.json,
    };
    let chosen: Vec<_> = { config.includes.iter() }
        .filter(|one| wanted(&one.name))
        .collect();
    if let (Some(name), true) = (&args.name, chosen.is_empty()) {
        let message = format!("there is no layer \"{}\"", sanitize(name));
        return Err(CliError::new(Code::NotFound, message).hint("`dayfly layer list` lists them"));
    }
    let (mut reports, mut troubles) = (Vec::new(), Vec::new());
    // One that cannot be had is no reason for the others to stay behind.
    for include in &chosen {
        match layers::merge(&home, &config, include, how, &TALK) {
            Ok(report) => {
                if !args.json && !args.check && report.changes() > 0 {
                    print(&format!("updated layer {}\n", include.name));
                }
                reports.push(report);
            }
            Err(trouble) => troubles.push((&include.name, trouble)),
        }
    }
    if args.json {
        print_json(&reports)?;
    } else if chosen.is_empty() {
        print("no layers; add one with `dayfly layer add`\n");
    }
    let last = troubles.pop();
    for (name, trouble) in &troubles {
        say(&unmerged(name, trouble.clone()).to_string());
    }
    last.map_or(Ok(Exit::Done), |(name, trouble)| {
        Err(unmerged(name, trouble))
    })
}

/// The same, saying which layer it is about.
fn unmerged(name: &str, trouble: CliError) -> CliError {
    let about = format!("layer \"{}\"", sanitize(name));
    let trouble = match trouble.message.contains(&about) {
        true => trouble,
        false => trouble.about(&about),
    };
    match trouble.hint {
        Some(_) => trouble,
        None => trouble.hint("its sessions stay as they were merged"),
    }
}
