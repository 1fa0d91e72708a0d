//! `dayfly replay`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dayfly_core::policy::EntryName;
use dayfly_core::time::Timestamp;
use dayfly_dialog::{CliError, Code, Exit};
use dayfly_host::paths;
use dayfly_host::policies::{self, Configured};
use dayfly_policy::{Module, Policy};
use dayfly_runtime::Home;
use dayfly_runtime::config::ModuleSource;
use dayfly_runtime::entries::Loader;
use dayfly_runtime::recording::{self, MadeOf};
use dayfly_runtime::replay::{self, Difference, News, PolicyResolver, Tally, Which};
use dayfly_store::ContentStore;
use dayfly_views::permissions::wakes_on;
use dayfly_views::replayed;

use crate::commands::events::parse_when;
use crate::terminal::{self, print, warn};

/// Evaluate recorded events again, with the same policies, another version or other rules, and show
/// where the answers differ.
///
/// Dayfly records evaluations if dayfly.toml has `enabled = true` in `[recording]`. A replay
/// starts, stops and rotates nothing. Each evaluation sees the sessions and the time of then. The
/// replay does not show the consequences of other answers (wake-ups, changed sessions), or events
/// to which the entry did not subscribe: use `dayfly policy simulate` for those.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly replay\n  dayfly replay office-hours --module new.wasm --since 7d\n  dayfly replay --configured            (as dayfly.toml says now)\n  dayfly replay --config try.toml       (as another configuration says)"
)]
pub(crate) struct Args {
    /// Only these policy entries.
    #[arg(value_name = "ENTRY")]
    entries: Vec<String>,
    /// Only evaluations since then: a time span (15m, 2h, 3d) or a time (2026-03-01T14:00:00Z).
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<Timestamp>,
    /// Use this component instead: a path or builtin:NAME.
    #[arg(long, value_name = "MODULE", conflicts_with_all = ["configured", "config"])]
    module: Option<String>,
    /// Use the entries of dayfly.toml as they are now.
    #[arg(long, conflicts_with = "config")]
    configured: bool,
    /// Use the entries of this configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print all differences, not only the first 100.
    #[arg(long)]
    all: bool,
    /// Exit with code 1 if a decision differs.
    #[arg(long)]
    check: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Differences that are printed where nobody asks for all.
const SHOWN: usize = 100;

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let folder = home.recording();
    let named: BTreeSet<EntryName> = args.entries.iter().map(|n| EntryName::new(n)).collect();
    let mut which = Which {
        entries: (!named.is_empty()).then_some(named),
        since: args.since,
    };
    let cast = asked(args, &home, &mut which)?;
    let mut cast = Noting {
        cast,
        recorded: AsRecorded::of(policies::loader(&home)?, &folder),
        notes: BTreeSet::new(),
    };
    let mut printing = Printing::new(args);
    let tally = replay::replay(&folder, &which, &mut cast, &mut |news| printing.hear(news));
    printing.end_progress();
    let tally = tally.map_err(|e| {
        let folder = folder.display();
        CliError::failed(format!("cannot read the recording in {folder}: {e}"))
    })?;
    require_any(&tally, args)?;
    let exit = if args.check && tally.different > 0 {
        Exit::Failed
    } else {
        Exit::Done
    };
    if args.json {
        if let Some(trouble) = printing.unprinted {
            return Err(trouble);
        }
        end_json(printing.count, &cast.notes, &tally)?;
        return Ok(exit);
    }
    if !args.all && printing.count > SHOWN {
        let more = printing.count - SHOWN;
        print(&format!("… and {more} more (--all)\n"));
    }
    print(&replayed::tally(&tally));
    for note in &cast.notes {
        print(&format!("{note}\n"));
    }
    Ok(exit)
}

/// Prints differences as they come: there may be more than fit into memory.
struct Printing<'a> {
    args: &'a Args,
    /// Whether the person sees how far it is.
    shows: bool,
    /// The differences so far.
    count: usize,
    /// Why one of them was not printed as JSON.
    unprinted: Option<CliError>,
}

impl<'a> Printing<'a> {
    fn new(args: &'a Args) -> Self {
        Self {
            args,
            shows: terminal::errors_are_seen() && !args.json,
            count: 0,
            unprinted: None,
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Asked(asked) if self.shows && asked % 1_000 == 0 => {
                terminal::progress(&format!("{asked} evaluations "));
            }
            News::Asked(_) => {}
            News::Differs(difference) => self.print(&difference),
        }
    }

    fn print(&mut self, difference: &Difference) {
        self.count += 1;
        if self.args.json {
            let before = if self.count == 1 {
                "{\"differences\":[\n"
            } else {
                ",\n"
            };
            print(before);
            let printed = terminal::print_json_part(difference);
            self.unprinted = self.unprinted.take().or(printed.err());
        } else if self.args.all || self.count <= SHOWN {
            self.end_progress();
            print(&replayed::line(difference));
        }
    }

    fn end_progress(&self) {
        if self.shows {
            terminal::end_progress();
        }
    }
}

/// Who is asked what is recorded.
fn asked(args: &Args, home: &Home, which: &mut Which) -> Result<Box<dyn PolicyResolver>, CliError> {
    let loader = policies::loader(home)?;
    Ok(if let Some(asked) = &args.module {
        if args.entries.len() != 1 {
            return Err(CliError::usage("--module works with one policy entry only")
                .hint("name it: `dayfly replay ENTRY --module MODULE`"));
        }
        Box::new(Other(module(loader, asked)?))
    } else if args.configured || args.config.is_some() {
        let path = args.config.clone().unwrap_or_else(|| home.config());
        if !path.exists() {
            let message = format!("{} does not exist", path.display());
            return Err(CliError::new(Code::NotFound, message));
        }
        let configured = Configured::of(loader, &path)?;
        let entries = which.entries.take();
        which.entries = entries.or_else(|| Some(configured.0.keys().cloned().collect()));
        Box::new(configured)
    } else {
        Box::new(AsRecorded::of(loader, &home.recording()))
    })
}

/// What stands behind the differences.
fn end_json(count: usize, notes: &BTreeSet<String>, tally: &Tally) -> Result<(), CliError> {
    print(if count == 0 {
        "{\"differences\":[]"
    } else {
        "\n]"
    });
    print(",\n\"notes\":");
    terminal::print_json_part(notes)?;
    print(",\n\"tally\":");
    terminal::print_json_part(tally)?;
    print("}\n");
    Ok(())
}

/// Fails where there was nothing to ask.
fn require_any(tally: &Tally, args: &Args) -> Result<(), CliError> {
    if tally.evaluations > 0 {
        return Ok(());
    }
    if let Some((why, _)) = tally.passed_over.first_key_value() {
        let message = format!("Dayfly cannot replay any recorded evaluation: {why}");
        return Err(CliError::failed(message));
    }
    if tally.unreadable > 0 {
        warn(&format!("Dayfly cannot read {} lines", tally.unreadable));
    }
    if !args.entries.is_empty() || args.since.is_some() {
        let message = "the recording has no such evaluations";
        return Err(CliError::new(Code::NotFound, message)
            .hint("run `dayfly replay` without an entry and without --since to replay all"));
    }
    let message = "the recording is empty";
    Err(CliError::new(Code::NotFound, message).hint(
        "set enabled = true in [recording] of dayfly.toml; Dayfly then records every evaluation",
    ))
}

fn module(mut loader: Loader, asked: &str) -> Result<Module, CliError> {
    let here = std::env::current_dir().unwrap_or_default();
    let source = ModuleSource::parse(&here, asked)
        .map_err(|(message, hint)| CliError::usage(message).hint(hint))?;
    policies::loaded(loader.module(&source))
}

/// Each policy as it was.
struct AsRecorded {
    loader: Loader,
    kept: ContentStore,
}

impl AsRecorded {
    fn of(loader: Loader, recording: &Path) -> Self {
        Self {
            loader,
            kept: recording::modules(recording),
        }
    }
}

/// Notes what others ask to hear of that was not asked for then, and so is not in the recording.
struct Noting {
    cast: Box<dyn PolicyResolver>,
    recorded: AsRecorded,
    notes: BTreeSet<String>,
}

impl PolicyResolver for Noting {
    fn is_other(&self) -> bool {
        self.cast.is_other()
    }

    fn policy(&mut self, entry: &EntryName, made_of: &MadeOf) -> Result<Policy, String> {
        let policy = self.cast.policy(entry, made_of)?;
        if self.cast.is_other()
            && let Ok(then) = self.recorded.policy(entry, made_of)
        {
            let unheard = policy.subscriptions().iter();
            let unheard = unheard.filter(|wanted| !then.subscriptions().contains(wanted));
            self.notes.extend(unheard.map(|wanted| {
                let what = wakes_on(wanted);
                format!("{entry} now subscribes to {what}, to which it did not subscribe then")
            }));
        }
        Ok(policy)
    }
}

impl PolicyResolver for AsRecorded {
    fn is_other(&self) -> bool {
        false
    }

    fn policy(&mut self, _entry: &EntryName, made_of: &MadeOf) -> Result<Policy, String> {
        let kept = self.kept.get(&made_of.digest).map_err(|e| e.to_string())?;
        let module = match kept {
            Some(bytes) => self
                .loader
                .load(made_of.module.clone(), &bytes, made_of.wasi)
                .ok(),
            // One that this program carries may be the same still.
            None => ModuleSource::parse(Path::new("/"), &made_of.module)
                .ok()
                .and_then(|source| self.loader.module(&source).ok()),
        };
        let module = module.filter(|module| made_of.digest == module.digest().0.into());
        let module = module.ok_or_else(|| {
            let MadeOf { module, digest, .. } = made_of;
            format!("Dayfly no longer has the component that answered then: {module} ({digest})")
        })?;
        Policy::configure(&module, &made_of.config, made_of.limits).map_err(|e| e.to_string())
    }
}

/// Another component in the place of the one that was.
struct Other(Module);

impl PolicyResolver for Other {
    fn is_other(&self) -> bool {
        true
    }

    fn policy(&mut self, _entry: &EntryName, made_of: &MadeOf) -> Result<Policy, String> {
        Policy::configure(&self.0, &made_of.config, made_of.limits).map_err(|e| e.to_string())
    }
}
