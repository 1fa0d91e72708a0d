//! `dayfly layer add`

use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::paths;
use dayfly_runtime::config::{IncludeSettings, ModuleSource};
use dayfly_sharing::config_edit::Edit;
use dayfly_sharing::layers::{self, How};
use dayfly_store::Remote;

use crate::commands::init;
use crate::consent::TALK;
use crate::terminal::{print, print_json};

/// Merge the Workspace of others into yours: shows what would come, then asks for confirmation.
///
/// A source is the path of a Workspace or of a folder of them, git:FOLDER//FILE?ref=REVISION, or
/// oci://HOST/REPOSITORY:TAG. Where a
/// `[[trust]]` table of dayfly.toml names it, the Workspace has to be signed. Your own sessions and the fields
/// that you change in theirs stay yours; `dayfly layer update` brings the rest up to date.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly layer add ~/team/workspace.json\n  dayfly layer add git:~/team//cloud/workspace.json?ref=main --name cloud\n  dayfly layer add oci://registry.example/team/cloud:stable"
)]
pub(crate) struct Args {
    /// The source.
    source: String,
    /// The name of the layer; by default the name of the file or folder.
    #[arg(long)]
    name: Option<String>,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    init::make_home(&home)?;
    let here = std::env::current_dir()
        .map_err(|e| CliError::failed(format!("there is no current folder: {e}")))?;
    let source = IncludeSettings::source(&here, &args.source)
        .map_err(|(message, hint)| CliError::usage(message).hint(hint))?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => usual_name(&source)?,
    };
    let (mut edit, config) = Edit::open(&home.config())?;
    if config.includes.iter().any(|one| one.name == name) {
        let message = format!("there is already a layer \"{}\"", sanitize(&name));
        return Err(CliError::usage(message).hint(format!(
            "`dayfly layer update {}` brings it up to date; --name gives this one another name",
            shell_word(&name)
        )));
    }
    edit.add_layer(&name, &source.to_string())?;
    let config = edit.config()?;
    let include = IncludeSettings { name, source };
    let how = How {
        yes: args.yes,
        quiet: args.json,
        ..How::default()
    };
    let report = layers::merge(&home, &config, &include, how, &TALK)?;
    edit.save()?;
    if args.json {
        return print_json(&report);
    }
    print(&format!("added layer {}\n", include.name));
    Ok(Exit::Done)
}

/// The name of the repository, file or folder, without an extension; for a `workspace.json` that of its folder.
fn usual_name(source: &ModuleSource) -> Result<String, CliError> {
    let text = match source {
        ModuleSource::Remote(Remote::Oci(oci)) => oci.repository.clone(),
        other => other.to_string(),
    };
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let mut words = path.rsplit('/').filter(|word| !word.is_empty());
    let plain = |word: &str| word.strip_suffix(".json").unwrap_or(word).to_owned();
    let first = words.next().map(plain).filter(|word| word != "workspace");
    let name = first.or_else(|| words.next().map(plain));
    name.ok_or_else(|| {
        CliError::usage(format!("Dayfly cannot name the layer from {path}"))
            .hint("pass --name NAME")
    })
}
