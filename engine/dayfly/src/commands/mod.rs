//! The tree of commands.

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
mod init;
mod integration_add;
mod integration_list;
mod integration_login;
mod integration_logout;
mod integration_remove;
mod integration_sync;
pub(crate) mod policy_accept;
mod policy_add;
mod policy_build;
mod policy_check;
mod policy_disable;
mod policy_enable;
pub(crate) mod policy_inspect;
mod policy_keygen;
mod policy_list;
mod policy_new;
mod policy_pull;
mod policy_push;
mod policy_remove;
pub(crate) mod policy_sign;
pub(crate) mod policy_simulate;
mod policy_test;
pub(crate) mod policy_update;
mod policy_verify;
pub(crate) mod replay;
mod respond;
mod run;
mod secret_accept;
mod secret_import_aws;
mod secret_list;
mod secret_rekey;
mod secret_remove;
mod secret_set;
mod secret_totp;
mod session_add;
mod session_edit;
mod session_fields;
mod session_list;
mod session_login;
mod session_order;
mod session_release;
mod session_remove;
mod session_show;
mod status;
mod workspace_schema;
mod workspace_validate;

pub(crate) use integration_add::refused;
pub(crate) use integration_list::Standing;

pub(crate) use crate::terminal::{print, print_json, warn};

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use dayfly_core::policy::Action;

use crate::exit::Exit;
use crate::terminal;
use crate::trouble::Trouble;

/// Keeps temporary cloud credentials alive exactly as long as rules say they should be.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER)]
pub(crate) struct Dayfly {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused by a policy or grant, \
5 needs a person.
`dayfly status` also tells by its exit code whether all is well: 0 an engine runs and nothing is wrong with \
it, 1 something is wrong, 3 no engine runs.
DAYFLY_HOME names the folder of the Workspace and the configuration; without it that is `dayfly` \
in the platform's folder for configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Run(run::Args),
    Status(status::Args),
    /// Look at sessions; add, change and remove, start, stop and rotate them.
    #[command(subcommand)]
    Session(Session),
    /// Sign in to portals and tenants, and take their accounts and roles over as sessions.
    #[command(subcommand)]
    Integration(Integration),
    Exec(exec::Args),
    Env(env::Args),
    Console(console::Args),
    CredentialProcess(credential_process::Args),
    Respond(respond::Args),
    /// Keep long-lived secrets in the encrypted vault.
    #[command(subcommand)]
    Secret(Secret),
    /// Look at policies, try them out, and write your own.
    #[command(subcommand)]
    Policy(Policy),
    Events(events::Args),
    Explain(explain::Args),
    Replay(replay::Args),
    Doctor(doctor::Args),
    Emit(emit::Args),
    /// Look at the Workspace file.
    #[command(subcommand)]
    Workspace(Workspace),
    Completions(completions::Args),
}

#[derive(Debug, Subcommand)]
enum Session {
    List(session_list::Args),
    Show(session_show::Args),
    Add(session_add::Args),
    Edit(session_edit::Args),
    Remove(session_remove::Args),
    /// Obtain temporary credentials and put them where cloud SDKs look.
    #[command(
        after_help = "Examples:\n  dayfly session start dev\n  dayfly session start dev --for 2h"
    )]
    Start(session_order::Args),
    /// Remove the credentials of a session from where cloud SDKs look. Policies leave it stopped
    /// until you start or release it.
    #[command(
        after_help = "Examples:\n  dayfly session stop prod\n  dayfly session stop prod --for 1h"
    )]
    Stop(session_order::Args),
    /// Obtain new credentials and substitute them for the old.
    #[command(after_help = "Example:\n  dayfly session rotate dev")]
    Rotate(session_order::Args),
    Login(session_login::Args),
    Release(session_release::Args),
}

#[derive(Debug, Subcommand)]
enum Integration {
    List(integration_list::Args),
    Add(integration_add::Args),
    Remove(integration_remove::Args),
    Login(integration_login::Args),
    Sync(integration_sync::Args),
    Logout(integration_logout::Args),
}

#[derive(Debug, Subcommand)]
enum Secret {
    Set(secret_set::Args),
    ImportAws(secret_import_aws::Args),
    List(secret_list::Args),
    Remove(secret_remove::Args),
    Rekey(secret_rekey::Args),
    Accept(secret_accept::Args),
}

#[derive(Debug, Subcommand)]
enum Policy {
    List(policy_list::Args),
    Inspect(policy_inspect::Args),
    Enable(policy_enable::Args),
    Simulate(policy_simulate::Args),
    Test(policy_test::Args),
    New(policy_new::Args),
    Build(policy_build::Args),
    Check(policy_check::Args),
    Add(policy_add::Args),
    Remove(policy_remove::Args),
    Disable(policy_disable::Args),
    Update(policy_update::Args),
    Accept(policy_accept::Args),
    Pull(policy_pull::Args),
    Push(policy_push::Args),
    Keygen(policy_keygen::Args),
    Sign(policy_sign::Args),
    Verify(policy_verify::Args),
}

#[derive(Debug, Subcommand)]
enum Workspace {
    Validate(workspace_validate::Args),
    Schema(workspace_schema::Args),
}

impl Dayfly {
    /// Does what the command line says.
    pub(crate) fn run(self) -> Exit {
        match self.command {
            Command::Demo(args) => end(demo::run(&args)),
            Command::Init(args) => end(init::run(&args)),
            Command::Completions(args) => end(completions::run(&args)),
            Command::Run(args) => end(run::run(&args)),
            Command::Status(args) => end(status::run(&args)),
            Command::Session(Session::List(args)) => end(session_list::run(&args)),
            Command::Session(Session::Show(args)) => end(session_show::run(&args)),
            Command::Session(Session::Add(args)) => end(session_add::run(&args)),
            Command::Session(Session::Edit(args)) => end(session_edit::run(&args)),
            Command::Session(Session::Remove(args)) => end(session_remove::run(&args)),
            Command::Session(Session::Start(args)) => order(&args, Action::Start),
            Command::Session(Session::Stop(args)) => order(&args, Action::Stop),
            Command::Session(Session::Rotate(args)) => order(&args, Action::Rotate),
            Command::Session(Session::Login(args)) => end(session_login::run(&args)),
            Command::Session(Session::Release(args)) => end(session_release::run(&args)),
            Command::Integration(Integration::List(args)) => end(integration_list::run(&args)),
            Command::Integration(Integration::Add(args)) => end(integration_add::run(&args)),
            Command::Integration(Integration::Remove(args)) => end(integration_remove::run(&args)),
            Command::Integration(Integration::Login(args)) => end(integration_login::run(&args)),
            Command::Integration(Integration::Sync(args)) => end(integration_sync::run(&args)),
            Command::Integration(Integration::Logout(args)) => end(integration_logout::run(&args)),
            Command::Exec(args) => end(exec::run(&args)),
            Command::Env(args) => end(env::run(&args)),
            Command::Console(args) => end(console::run(&args)),
            Command::CredentialProcess(args) => end(credential_process::run(&args)),
            Command::Respond(args) => end(respond::run(&args)),
            Command::Secret(Secret::Set(args)) => end(secret_set::run(&args)),
            Command::Secret(Secret::ImportAws(args)) => end(secret_import_aws::run(&args)),
            Command::Secret(Secret::List(args)) => end(secret_list::run(&args)),
            Command::Secret(Secret::Remove(args)) => end(secret_remove::run(&args)),
            Command::Secret(Secret::Rekey(args)) => end(secret_rekey::run(&args)),
            Command::Secret(Secret::Accept(args)) => end(secret_accept::run(&args)),
            Command::Policy(Policy::List(args)) => end(policy_list::run(&args)),
            Command::Policy(Policy::Inspect(args)) => end(policy_inspect::run(&args)),
            Command::Policy(Policy::Enable(args)) => end(policy_enable::run(&args)),
            Command::Policy(Policy::Simulate(args)) => end(policy_simulate::run(&args)),
            Command::Policy(Policy::Test(args)) => end(policy_test::run(&args)),
            Command::Policy(Policy::New(args)) => end(policy_new::run(&args)),
            Command::Policy(Policy::Build(args)) => end(policy_build::run(&args)),
            Command::Policy(Policy::Check(args)) => end(policy_check::run(&args)),
            Command::Policy(Policy::Add(args)) => end(policy_add::run(&args)),
            Command::Policy(Policy::Remove(args)) => end(policy_remove::run(&args)),
            Command::Policy(Policy::Disable(args)) => end(policy_disable::run(&args)),
            Command::Policy(Policy::Update(args)) => end(policy_update::run(&args)),
            Command::Policy(Policy::Accept(args)) => end(policy_accept::run(&args)),
            Command::Policy(Policy::Pull(args)) => end(policy_pull::run(&args)),
            Command::Policy(Policy::Push(args)) => end(policy_push::run(&args)),
            Command::Policy(Policy::Keygen(args)) => end(policy_keygen::run(&args)),
            Command::Policy(Policy::Sign(args)) => end(policy_sign::run(&args)),
            Command::Policy(Policy::Verify(args)) => end(policy_verify::run(&args)),
            Command::Events(args) => end(events::run(&args)),
            Command::Doctor(args) => end(doctor::run(&args)),
            Command::Explain(args) => end(explain::run(&args)),
            Command::Replay(args) => end(replay::run(&args)),
            Command::Emit(args) => end(emit::run(&args)),
            Command::Workspace(Workspace::Validate(args)) => end(workspace_validate::run(&args)),
            Command::Workspace(Workspace::Schema(args)) => end(workspace_schema::run(&args)),
        }
    }
}

fn order(args: &session_order::Args, action: Action) -> Exit {
    end(session_order::run(args, action))
}

/// `dayfly credential-process SESSION` without the parser of the command line, which is most of
/// its time; none where this is another command, or one that the parser should explain.
pub(crate) fn short_cut() -> Option<Exit> {
    let mut args = std::env::args_os().skip(1);
    let command = args.next()?;
    if command == dayfly_policy::compiler::COMMAND {
        let length = args.next()?;
        // Whoever started it sees that it ended without an answer, and says so.
        let served = dayfly_policy::compiler::serve(length.to_str()?);
        return Some(served.map_or(Exit::Failed, |()| Exit::Done));
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
fn end(result: Result<Exit, Trouble>) -> Exit {
    match result {
        // What was to be told was not.
        Ok(Exit::Done) if terminal::lost_something() => Exit::Failed,
        Ok(exit) => exit,
        Err(trouble) => {
            terminal::say(&trouble.to_string());
            trouble.exit()
        }
    }
}
