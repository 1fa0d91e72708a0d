//! `dayfly policy verify`

use dayfly_dialog::{CliError, Code, Exit};
use dayfly_host::paths;
use dayfly_runtime::config::{Config, ModuleSource};
use dayfly_sharing::acquire;
use dayfly_store::{bundle, trust};

use crate::terminal::print;

/// Verify the signature of a component or a bundle; exit code 4 if the key did not sign it.
///
/// With --key, that key must have signed it; otherwise a key that [[trust]] in dayfly.toml lists
/// for its source.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy verify stop-idle.wasm --key RWQ…\n  dayfly policy verify oci://registry.example/team/stop-idle:1"
)]
pub(crate) struct Args {
    /// A component, the folder of a project or a bundle, or a source.
    what: String,
    /// A public key; repeat the option for several keys.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    if let Some(bad) = args.key.iter().find(|key| !trust::is_public_key(key)) {
        return Err(CliError::usage(format!(
            "\"{bad}\" is not a minisign public key"
        )));
    }
    let source = acquire::source(&args.what)?;
    let config = Config::load(&home.config()).map_err(|e| CliError::failed(e.to_string()))?;
    if args.key.is_empty() {
        let acquired = acquire::acquire(&home, &config, &source)?;
        return match acquired.signer {
            Some(trusted) => good(&args.what, &trusted),
            None => Err(CliError::new(
                Code::NotFound,
                format!("[[trust]] in dayfly.toml has no key for {source}"),
            )
            .hint("give a key with --key")),
        };
    }
    let acquired = acquire::acquire(&home, &Config::default(), &source)?;
    let content = acquired.found.content();
    let mut signatures = acquired.signatures.clone();
    if let ModuleSource::Path(path) = &source
        && path.is_dir()
    {
        signatures.extend(acquire::signatures(&path.join(bundle::FILE))?);
    }
    let mut problem = format!("{} is not signed", args.what);
    for signature in &signatures {
        match trust::verify(content, signature, &args.key) {
            Ok(trusted) => return good(&args.what, &trusted),
            Err(why) => problem = format!("{}: {why}", args.what),
        }
    }
    Err(CliError::new(Code::Refused, problem))
}

fn good(what: &str, trusted: &trust::Trusted) -> Result<Exit, CliError> {
    let comment = dayfly_dialog::sanitize(&trusted.comment);
    print(&format!("{what}: {comment}, signed by {}\n", trusted.key));
    Ok(Exit::Done)
}
