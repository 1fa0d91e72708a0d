//! `dayfly env`

use dayfly_control::protocol::By;
use dayfly_dialog::{CliError, Exit};
use dayfly_endpoints::imds::WARNING;
use dayfly_host::{paths, workspace};

use crate::environment::{self, Way};
use crate::shell::{self, Shell};
use crate::terminal::{print_data, warn};

/// Print the environment variables that give a shell the credentials of a session.
///
/// If an engine is running, these are the address of its endpoint and a token for this session, so
/// programs keep working across rotations. Otherwise, or with --static, these are the credentials
/// themselves, which Dayfly does not renew. DAYFLY_SESSION names the session, and
/// AWS_SESSION_EXPIRATION is the time at which its present credentials end.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eval \"$(dayfly env dev)\"\n  dayfly env dev --shell fish | source\n  dayfly env dev --shell powershell | Invoke-Expression\n\n`dayfly use` does this for the shell you are in, and tells your prompt."
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// The shell; by default the one in $SHELL.
    #[arg(long, value_name = "SHELL")]
    shell: Option<Shell>,
    /// Print the credentials themselves, for tools that do not support the endpoint.
    #[arg(long = "static", conflicts_with_all = ["imds", "token_file", "new_token"])]
    fixed: bool,
    /// Print the path of a file with the token, which Dayfly updates, instead of the token. Clients
    /// from before 2024 do not support this.
    #[arg(long, conflicts_with = "imds")]
    token_file: bool,
    /// Print the address of the metadata endpoint that `[imds]` in dayfly.toml opens, for tools
    /// that support nothing else. Some clients keep using its credentials after they expire.
    #[arg(long)]
    imds: bool,
    /// Replace the tokens of the session: the endpoint refuses earlier ones from now on.
    #[arg(long)]
    new_token: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let session = workspace::session(&workspace, &args.session)?;
    let by = match (args.token_file, args.imds) {
        (true, _) => By::TokenFile,
        (_, true) => By::Imds,
        _ => By::Token,
    };
    let way = Way {
        by,
        fixed: args.fixed,
        renew: args.new_token,
    };
    let gives = environment::of(&home, &workspace, session, way)?;
    if by == By::Imds {
        warn(WARNING);
    }
    let shell = args.shell.unwrap_or_else(Shell::usual);
    print_data(shell::lines(&gives.environment, shell)?.as_bytes());
    Ok(Exit::Done)
}
