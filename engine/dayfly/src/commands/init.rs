//! `dayfly init`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::paths;
use dayfly_runtime::Home;
use dayfly_vault::private_file;
use dayfly_workspace::WorkspaceFile;

use crate::terminal::print;

/// Create an empty Workspace and a commented configuration. Existing files are not changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly init")]
pub(crate) struct Args {}

const WORKSPACE: &str = "{\n  \"sessions\": []\n}\n";
const CONFIG: &str = include_str!("init.toml");

pub(crate) fn run(_: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let mut text = String::new();
    let mut tell = |path: std::path::PathBuf, made: bool| {
        let word = if made { "made" } else { "kept" };
        text += &format!("{word}  {}\n", path.display());
    };
    let workspace = home.workspace();
    let made = !workspace.exists();
    if made {
        make_workspace(&home)?;
    }
    tell(workspace, made);
    let config = home.config();
    let made = private_file::create(&config, CONFIG.as_bytes())
        .map_err(|e| CliError::failed(e.to_string()))?;
    tell(config, made);
    text += "\nnext:\n  dayfly session add --help    add a session for each account and role\n  \
             dayfly secret set SESSION    store the access key of an IAM user\n  dayfly \
             run                   start the engine\n";
    print(&text);
    Ok(Exit::Done)
}

/// Makes what `dayfly init` makes, of what is not there; for commands that a person may begin with.
pub(crate) fn make_home(home: &Home) -> Result<(), CliError> {
    if home.workspace().exists() {
        return Ok(());
    }
    make_workspace(home)?;
    private_file::create(&home.config(), CONFIG.as_bytes())
        .map(drop)
        .map_err(|e| CliError::failed(e.to_string()))
}

/// Makes an empty Workspace.
pub(crate) fn make_workspace(home: &Home) -> Result<(), CliError> {
    private_file::create_folder(home.folder()).map_err(|e| CliError::failed(e.to_string()))?;
    WorkspaceFile::at(&home.workspace())
        .create(WORKSPACE)
        .map(drop)
        .map_err(|e| CliError::failed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use dayfly_core::delivery::Place;
    use dayfly_runtime::Config;

    use super::*;

    #[test]
    fn the_starter_only_says_where_credentials_go_and_its_examples_are_right() {
        let path = std::path::Path::new("dayfly.toml");
        let starter = Config {
            delivery: Some([Place::CredentialProcess].into()),
            ..Config::default()
        };
        assert_eq!(Config::parse(path, CONFIG).unwrap(), starter);
        // Examples are what stands behind "#" without a blank.
        let lines = CONFIG.lines();
        let examples: Vec<&str> = lines
            .filter_map(|l| l.strip_prefix('#'))
            .filter(|l| !l.starts_with(' '))
            .collect();
        let config = Config::parse(path, &examples.join("\n")).unwrap();
        assert_eq!(config.policies.len(), 4);
        assert!(config.policies[3].shadow);
        assert!(config.aws.default_region.is_some());
    }
}
