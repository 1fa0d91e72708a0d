//! The tree of commands.

mod complete_words;
mod completions;
mod console;
mod credential_process;
mod demo;
mod doctor;
mod emit;
mod env;
mod events;
mod exec;
mod explain;
mod federated;
mod import;
mod init;
pub(crate) mod integration;
pub(crate) mod layer;
mod leapp;
pub(crate) mod policy;
mod prompt;
pub(crate) mod replay;
mod respond;
mod run;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod session;
pub(crate) mod shell;
mod status;
mod use_session;
pub(crate) mod workspace;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser, Subcommand};
use dayfly_core::policy::Action;
use dayfly_dialog::{CliError, Exit};

use crate::terminal;

/// Keeps temporary cloud credentials alive exactly as long as rules say they should be.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER)]
pub(crate) struct Dayfly {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused by a policy or grant, 5 needs a person.
`dayfly status` also tells by its exit code whether all is well: 0 an engine runs and nothing is wrong with it, 1 something is wrong, 3 no engine is running.
DAYFLY_HOME names the folder of the Workspace and the configuration; without it that is `dayfly` in the platform's folder for configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Import(import::Args),
    Run(run::Args),
    Status(status::Args),
    /// Have the service manager of this system run the engine.
    #[command(subcommand)]
    Service(Service),
    /// List, add, change and remove sessions; start, stop and rotate them.
    #[command(subcommand)]
    Session(Session),
    /// Sign in to portals and tenants, and import their accounts and roles as sessions.
    #[command(subcommand)]
    Integration(Integration),
    /// Merge the Workspaces of others into yours, and keep them up to date.
    #[command(subcommand)]
    Layer(Layer),
    Use(use_session::Args),
    Prompt(prompt::Args),
    Exec(exec::Args),
    Env(env::Args),
    Console(console::Args),
    CredentialProcess(credential_process::Args),
    Respond(respond::Args),
    /// Store long-lived secrets in the encrypted vault.
    #[command(subcommand)]
    Secret(Secret),
    /// List, inspect, simulate, install and write policies.
    #[command(subcommand)]
    Policy(Policy),
    Events(events::Args),
    Explain(explain::Args),
    Replay(replay::Args),
    Doctor(doctor::Args),
    Emit(emit::Args),
    Leapp(leapp::Args),
    /// Check the Workspace file, and export sessions for others.
    #[command(subcommand)]
    Workspace(Workspace),
    /// Prepare your shell for `dayfly use`.
    #[command(subcommand)]
    Shell(Shell),
    Completions(completions::Args),
}

#[derive(Debug, Subcommand)]
enum Session {
    List(session::list::Args),
    Show(session::show::Args),
    Add(session::add::Args),
    Edit(session::edit::Args),
    Remove(session::remove::Args),
    /// Get temporary credentials and publish them for cloud SDKs.
    #[command(
        after_help = "Examples:\n  dayfly session start dev\n  dayfly session start dev --for 2h"
    )]
    Start(session::order::Args),
    /// Remove the credentials of a session from the files of the cloud SDKs. Policies do not start
    /// it until you start or release it.
    #[command(
        after_help = "Examples:\n  dayfly session stop prod\n  dayfly session stop prod --for 1h"
    )]
    Stop(session::order::Args),
    /// Get new credentials and replace the old ones.
    #[command(after_help = "Example:\n  dayfly session rotate dev")]
    Rotate(session::order::Args),
    Login(session::login::Args),
    Release(session::release::Args),
}

#[derive(Debug, Subcommand)]
enum Integration {
    List(integration::list::Args),
    Add(integration::add::Args),
    Remove(integration::remove::Args),
    Login(integration::login::Args),
    Sync(integration::sync::Args),
    Logout(integration::logout::Args),
}

#[derive(Debug, Subcommand)]
enum Layer {
    List(layer::list::Args),
    Add(layer::add::Args),
    Update(layer::update::Args),
    Remove(layer::remove::Args),
    Push(layer::push::Args),
}

#[derive(Debug, Subcommand)]
enum Secret {
    Set(secret::set::Args),
    ImportAws(secret::import_aws::Args),
    List(secret::list::Args),
    Remove(secret::remove::Args),
    Rotate(secret::rotate::Args),
    Rekey(secret::rekey::Args),
    Accept(secret::accept::Args),
}

#[derive(Debug, Subcommand)]
enum Policy {
    List(policy::list::Args),
    Inspect(policy::inspect::Args),
    Enable(policy::enable::Args),
    Simulate(policy::simulate::Args),
    Test(policy::test::Args),
    New(policy::new::Args),
    Build(policy::build::Args),
    Check(policy::check::Args),
    Add(policy::add::Args),
    Remove(policy::remove::Args),
    Disable(policy::disable::Args),
    Update(policy::update::Args),
    Accept(policy::accept::Args),
    Pull(policy::pull::Args),
    Push(policy::push::Args),
    Keygen(policy::keygen::Args),
    Sign(policy::sign::Args),
    Verify(policy::verify::Args),
}

#[derive(Debug, Subcommand)]
enum Service {
    Install(service::install::Args),
    /// Start the service, and the socket that starts it when a command asks.
    #[command(after_help = "Example:\n  dayfly service start")]
    Start(service::control::Args),
    /// End the service, and the socket that would start it again.
    #[command(after_help = "Example:\n  dayfly service stop")]
    Stop(service::control::Args),
    /// Have the program that is installed now take over: programs that ask for credentials meanwhile wait.
    #[command(after_help = "Example:\n  dayfly service reload    # after an upgrade")]
    Reload(service::control::Args),
    Status(service::status::Args),
    Logs(service::logs::Args),
    Uninstall(service::uninstall::Args),
}

#[derive(Debug, Subcommand)]
enum Shell {
    Init(shell::init::Args),
}

#[derive(Debug, Subcommand)]
enum Workspace {
    Validate(workspace::validate::Args),
    Schema(workspace::schema::Args),
    Export(workspace::export::Args),
}

impl Dayfly {
    /// Does what the command line says.
    pub(crate) fn run(self) -> Exit {
        match self.command {
            Command::Demo(args) => end(demo::run(&args)),
            Command::Init(args) => end(init::run(&args)),
            Command::Import(args) => end(import::run(&args)),
            Command::Completions(args) => end(completions::run(&args, Self::command())),
            Command::Run(args) => end(run::run(&args)),
            Command::Status(args) => end(status::run(&args)),
            Command::Service(command) => command.run(),
            Command::Session(Session::List(args)) => end(session::list::run(&args)),
            Command::Session(Session::Show(args)) => end(session::show::run(&args)),
            Command::Session(Session::Add(args)) => end(session::add::run(&args)),
            Command::Session(Session::Edit(args)) => end(session::edit::run(&args)),
            Command::Session(Session::Remove(args)) => end(session::remove::run(&args)),
            Command::Session(Session::Start(args)) => order(&args, Action::Start),
            Command::Session(Session::Stop(args)) => order(&args, Action::Stop),
            Command::Session(Session::Rotate(args)) => order(&args, Action::Rotate),
            Command::Session(Session::Login(args)) => end(session::login::run(&args)),
            Command::Session(Session::Release(args)) => end(session::release::run(&args)),
            Command::Integration(Integration::List(args)) => end(integration::list::run(&args)),
            Command::Integration(Integration::Add(args)) => end(integration::add::run(&args)),
            Command::Integration(Integration::Remove(args)) => end(integration::remove::run(&args)),
            Command::Integration(Integration::Login(args)) => end(integration::login::run(&args)),
            Command::Integration(Integration::Sync(args)) => end(integration::sync::run(&args)),
            Command::Integration(Integration::Logout(args)) => end(integration::logout::run(&args)),
            Command::Layer(Layer::List(args)) => end(layer::list::run(&args)),
            Command::Layer(Layer::Add(args)) => end(layer::add::run(&args)),
            Command::Layer(Layer::Update(args)) => end(layer::update::run(&args)),
            Command::Layer(Layer::Remove(args)) => end(layer::remove::run(&args)),
            Command::Layer(Layer::Push(args)) => end(layer::push::run(&args)),
            Command::Use(args) => end(use_session::run(&args)),
            Command::Shell(Shell::Init(args)) => end(shell::init::run(&args)),
            Command::Prompt(args) => end(prompt::run(&args)),
            Command::Exec(args) => end(exec::run(&args)),
            Command::Env(args) => end(env::run(&args)),
            Command::Console(args) => end(console::run(&args)),
            Command::CredentialProcess(args) => end(credential_process::run(&args)),
            Command::Respond(args) => end(respond::run(&args)),
            Command::Secret(Secret::Set(args)) => end(secret::set::run(&args)),
            Command::Secret(Secret::ImportAws(args)) => end(secret::import_aws::run(&args)),
            Command::Secret(Secret::List(args)) => end(secret::list::run(&args)),
            Command::Secret(Secret::Remove(args)) => end(secret::remove::run(&args)),
            Command::Secret(Secret::Rotate(args)) => end(secret::rotate::run(&args)),
            Command::Secret(Secret::Rekey(args)) => end(secret::rekey::run(&args)),
            Command::Secret(Secret::Accept(args)) => end(secret::accept::run(&args)),
            Command::Policy(command) => command.run(),
            Command::Events(args) => end(events::run(&args)),
            Command::Doctor(args) => end(doctor::run(&args)),
            Command::Explain(args) => end(explain::run(&args)),
            Command::Replay(args) => end(replay::run(&args)),
            Command::Emit(args) => end(emit::run(&args)),
            Command::Leapp(args) => end(leapp::run(&args)),
            Command::Workspace(Workspace::Validate(args)) => end(workspace::validate::run(&args)),
            Command::Workspace(Workspace::Schema(args)) => end(workspace::schema::run(&args)),
            Command::Workspace(Workspace::Export(args)) => end(workspace::export::run(&args)),
        }
    }
}

impl Service {
    fn run(self) -> Exit {
        use service::control::Verb;
        match self {
            Self::Install(args) => end(service::install::run(&args)),
            Self::Start(args) => end(service::control::run(&args, Verb::Start)),
            Self::Stop(args) => end(service::control::run(&args, Verb::Stop)),
            Self::Reload(args) => end(service::control::run(&args, Verb::Reload)),
            Self::Status(args) => end(service::status::run(&args)),
            Self::Logs(args) => end(service::logs::run(&args)),
            Self::Uninstall(args) => end(service::uninstall::run(&args)),
        }
    }
}

impl Policy {
    fn run(self) -> Exit {
        match self {
            Self::List(args) => end(policy::list::run(&args)),
            Self::Inspect(args) => end(policy::inspect::run(&args)),
            Self::Enable(args) => end(policy::enable::run(&args)),
            Self::Simulate(args) => end(policy::simulate::run(&args)),
            Self::Test(args) => end(policy::test::run(&args)),
            Self::New(args) => end(policy::new::run(&args)),
            Self::Build(args) => end(policy::build::run(&args)),
            Self::Check(args) => end(policy::check::run(&args)),
            Self::Add(args) => end(policy::add::run(&args)),
            Self::Remove(args) => end(policy::remove::run(&args)),
            Self::Disable(args) => end(policy::disable::run(&args)),
            Self::Update(args) => end(policy::update::run(&args)),
            Self::Accept(args) => end(policy::accept::run(&args)),
            Self::Pull(args) => end(policy::pull::run(&args)),
            Self::Push(args) => end(policy::push::run(&args)),
            Self::Keygen(args) => end(policy::keygen::run(&args)),
            Self::Sign(args) => end(policy::sign::run(&args)),
            Self::Verify(args) => end(policy::verify::run(&args)),
        }
    }
}

fn order(args: &session::order::Args, action: Action) -> Exit {
    end(session::order::run(args, action))
}

/// The words of the command line. A program that is called by the name `leapp` takes the commands of Leapp.
pub(crate) fn words() -> Vec<OsString> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let name = words.first().map(Path::new).and_then(Path::file_name);
    if name.is_some_and(|name| name == "leapp") {
        words.insert(1, "leapp".into());
    }
    words
}

/// Commands that do without the parser of the command line, which is most of their time; none where
/// this is another command, or one that the parser should explain.
pub(crate) fn short_cut() -> Option<Exit> {
    let mut args = std::env::args_os().skip(1);
    let command = args.next()?;
    if command == dayfly_policy::compiler::COMMAND {
        let length = args.next()?;
        // Whoever started it sees that it ended without an answer, and says so.
        let served = dayfly_policy::compiler::serve(length.to_str()?);
        return Some(served.map_or(Exit::Failed, |()| Exit::Done));
    }
    if command == dayfly_pkcs11::COMMAND {
        // The same.
        return Some(dayfly_pkcs11::serve().map_or(Exit::Failed, |()| Exit::Done));
    }
    if command == "prompt" {
        return prompt::Args::plain(args).map(|args| end(prompt::run(&args)));
    }
    if command == complete_words::COMMAND {
        return complete_words::run(args, Dayfly::command());
    }
    if command != "credential-process" {
        return None;
    }
    let mut first = args.next()?;
    let mut home = None;
    if first == "--home" {
        home = Some(PathBuf::from(args.next()?));
        first = args.next()?;
    }
    let session = first.to_str().filter(|s| !s.starts_with('-'))?;
    if args.next().is_some() {
        return None;
    }
    Some(end(credential_process::print(session, home.as_deref())))
}

/// Says what went wrong, where something did.
fn end(result: Result<Exit, CliError>) -> Exit {
    match result {
        // What was to be told was not.
        Ok(Exit::Done) if terminal::lost_something() => Exit::Failed,
        Ok(exit) => exit,
        Err(trouble) => {
            terminal::fail(&trouble.to_string());
            trouble.exit()
        }
    }
}
