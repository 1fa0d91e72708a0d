//! `dayfly use`

use dayfly_control::protocol::SessionOrder;
use dayfly_core::policy::Action;
use dayfly_core::session::Session;
use dayfly_dialog::{CliError, Code, Exit, sanitize, time};
use dayfly_endpoints::environment::{Environment, SESSION};
use dayfly_endpoints::hiding::hidden_files;
use dayfly_host::{orders, paths, uses, workspace};
use dayfly_runtime::{Home, clock};
use dayfly_workspace::Workspace;

use crate::environment::{self, Gives, Way};
use crate::picker::{self, Asked};
use crate::shell::{self, Shell};
use crate::terminal::{print_data, say};

/// Make a session the session of this shell; without a name, choose it from a list.
///
/// Dayfly starts the session if it is not active. If an engine is running, programs in the shell
/// keep working across rotations; otherwise they get credentials that Dayfly does not renew. A
/// program cannot change the environment of its shell, so this needs the shell function that
/// `dayfly shell init` prints.
///
/// The list begins with the sessions that you use most. Type any part of the name, profile, account,
/// role, region or labels. Set DAYFLY_PICKER=list for a numbered list, which suits screen readers.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly use\n  dayfly use deploy\n  dayfly use --clear\n  eval \"$(dayfly use deploy --print)\"\n\nTo have the shell function, add this line to ~/.bashrc (or ~/.zshrc with zsh):\n  eval \"$(dayfly shell init bash)\""
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name; without it you choose from a list.
    session: Option<String>,
    /// Remove the session from this shell, which gets back the region and profile that it had before. The session
    /// stays active.
    #[arg(long, conflicts_with = "session")]
    clear: bool,
    /// Give the shell the credentials themselves, for tools that do not support the endpoint.
    #[arg(long = "static", conflicts_with = "clear")]
    fixed: bool,
    /// Print the lines that the shell function evaluates.
    #[arg(long)]
    print: bool,
    /// The shell that the lines are for; by default the one in $SHELL.
    #[arg(long, value_name = "SHELL", requires = "print")]
    shell: Option<Shell>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let shell = args.shell.unwrap_or_else(Shell::usual);
    if !args.print {
        return Err(no_function(shell));
    }
    if args.clear {
        return clear(shell);
    }
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let id = match &args.session {
        Some(asked) => workspace::session(&workspace, asked)?.id.clone(),
        None => {
            let asked = Asked {
                question: "use which session?",
                fits: &|_| true,
                piped: true,
            };
            picker::session(&home, &workspace, &asked)?
        }
    };
    let session = workspace::session(&workspace, id.as_str())?;
    let way = Way {
        fixed: args.fixed,
        ..Way::USUAL
    };
    let gives = started(&home, &workspace, session, way)?;
    let environment = gives.environment.alone().keeping_own(variable);
    let lines = shell::lines(&environment, shell)?;
    uses::note(&home, &session.id, clock::now());
    print_data(lines.as_bytes());
    say(&told(session, gives.until, gives.renewed));
    Ok(Exit::Done)
}

/// What the shell gets of the session, which is started where somebody stopped it.
fn started(
    home: &Home,
    workspace: &Workspace,
    session: &Session,
    way: Way,
) -> Result<Gives, CliError> {
    match environment::of(home, workspace, session, way) {
        // A program is refused what the person stopped; here the person wants it again.
        Err(trouble) if trouble.code == Code::Refused => {
            let order = SessionOrder::plain(session.id.as_str(), Action::Start);
            orders::order(home, &order)?;
            environment::of(home, workspace, session, way)
        }
        gives => gives,
    }
}

fn told(session: &Session, until: Option<dayfly_core::time::Timestamp>, renewed: bool) -> String {
    let name = sanitize(&session.name);
    let now = clock::now();
    let until = until.map(|until| {
        let left = time::relative(until, now);
        format!("valid until {} ({left})", time::clock(until))
    });
    match (until, renewed) {
        (Some(until), true) => {
            format!("this shell uses {name}; {until}, and the engine renews it")
        }
        (None, true) => format!("this shell uses {name}; the engine renews its credentials"),
        (Some(until), false) => format!(
            "this shell uses {name}; {until}. No engine is running to renew it: start one with \
             `dayfly run`, then use it again"
        ),
        (None, false) => format!("this shell uses {name}"),
    }
}

fn clear(shell: Shell) -> Result<Exit, CliError> {
    let had = std::env::var(SESSION).ok().filter(|had| !had.is_empty());
    let Some(had) = had else {
        // What is set then is the person's own.
        say("this shell uses no session");
        return Ok(Exit::Done);
    };
    let environment = Environment::none()
        .showing(&hidden_files())
        .giving_back_own(variable);
    print_data(shell::lines(&environment, shell)?.as_bytes());
    say(&format!("this shell no longer uses {}", sanitize(&had)));
    Ok(Exit::Done)
}

/// A variable of the shell.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn no_function(shell: Shell) -> CliError {
    let (file, line) = shell.start_up();
    CliError::usage("a program cannot change the environment of the shell that runs it").hint(
        format!(
            "add this line to {file} and open a new shell; then `dayfly use` works:\n{line}\nor, \
             just once, have the shell evaluate what `dayfly use --print` prints"
        ),
    )
}
