//! `dayfly env`

use clap::ValueEnum;
use dayfly_control::client;
use dayfly_control::protocol::{Access, By, Request};
use dayfly_core::session::{Session, SessionType};
use dayfly_core::text::is_hidden;
use dayfly_dialog::{CliError, Exit};
use dayfly_endpoints::azure_environment;
use dayfly_endpoints::environment::{At, Environment};
use dayfly_endpoints::hiding::hiding_files;
use dayfly_endpoints::imds::WARNING;
use dayfly_host::{azure, direct, paths, vault, workspace};
use dayfly_runtime::Home;
use dayfly_vault::SecretString;
use dayfly_workspace::Workspace;
use zeroize::Zeroizing;

use crate::terminal::{print_data, warn};

/// Print the environment variables that give a shell the credentials of a session.
///
/// If an engine is running, these are the address of its endpoint and a token for this session, so
/// programs keep working across rotations. Otherwise, or with --static, these are the credentials
/// themselves, which Dayfly does not renew.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eval \"$(dayfly env dev)\"\n  dayfly env dev --shell fish | source\n  dayfly env dev --shell powershell | Invoke-Expression"
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let session = workspace::session(&workspace, &args.session)?;
    let region = session.region.as_deref().or(workspace.default_region());
    if session.session_type() == SessionType::Azure {
        return run_azure(args, &home, &workspace, session);
    }
    // Whether there are credentials is told here and now, not by the first program.
    let given = direct::attended(&home, &vault::open(&home)?, session.id.as_str())?;
    let by = match (args.token_file, args.imds) {
        (true, _) => By::TokenFile,
        (_, true) => By::Imds,
        _ => By::Token,
    };
    let request = Request::Endpoint {
        session: session.id.to_string(),
        by,
        renew: args.new_token,
    };
    let access = if args.fixed {
        None
    } else {
        client::ask::<Access>(&home, &request)
    };
    let environment = match access {
        Some(access) => of_endpoint(access?, region),
        None if by != By::Token || args.new_token => {
            return Err(
                CliError::failed("no engine is running, so there is no endpoint").hint(
                    "start one with `dayfly run`, or use `dayfly exec`, which opens its own \
                       endpoint",
                ),
            );
        }
        None => Environment::fixed(&given, region),
    };
    if by == By::Imds {
        warn(WARNING);
    }
    let shell = args.shell.unwrap_or_else(usual_shell);
    print_data(text(&environment, shell)?.as_bytes());
    Ok(Exit::Done)
}

fn of_endpoint(access: Access, region: Option<&str>) -> Environment {
    let Access {
        url,
        token,
        token_file,
    } = access;
    let token = token.map(SecretString::from);
    let at = match (&token, &token_file) {
        (Some(token), _) => At::Container { url: &url, token },
        (None, Some(file)) => At::ContainerFile { url: &url, file },
        (None, None) => At::Metadata { url: &url },
    };
    Environment::endpoint(at, region, &hiding_files())
}

/// The same for a session of Azure. There is no way to hand a token itself to the SDKs.
fn run_azure(
    args: &Args,
    home: &Home,
    workspace: &Workspace,
    session: &Session,
) -> Result<Exit, CliError> {
    if args.fixed || args.imds || args.token_file {
        return Err(azure_environment::no_other_way());
    }
    let authority = azure::authority(home, workspace, session)?;
    let vault = vault::open(home)?;
    azure::token(home, &vault, &session.id, &authority.resource_manager)?;
    let request = Request::Endpoint {
        session: session.id.to_string(),
        by: By::Azure,
        renew: args.new_token,
    };
    let Some(access) = client::ask::<Access>(home, &request) else {
        let message =
            "the Azure SDKs get tokens from an endpoint, and no engine is running to provide one";
        let hint =
            "start one with `dayfly run`, or use `dayfly exec`, which opens its own endpoint";
        return Err(CliError::failed(message).hint(hint));
    };
    let Access { url, token, .. } = access?;
    let host = authority.host.as_deref();
    let header = SecretString::from(token.unwrap_or_default());
    let environment = azure_environment::environment(session, &url, &header, host);
    let shell = args.shell.unwrap_or_else(usual_shell);
    print_data(text(&environment, shell)?.as_bytes());
    Ok(Exit::Done)
}

fn usual_shell() -> Shell {
    let shell = std::env::var("SHELL").unwrap_or_default();
    match shell.rsplit('/').next() {
        Some("fish") => Shell::Fish,
        Some("pwsh") => Shell::Powershell,
        Some("zsh") => Shell::Zsh,
        _ => Shell::Bash,
    }
}

fn text(environment: &Environment, shell: Shell) -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::with_capacity(8_192));
    for name in environment.unset() {
        *text += &match shell {
            Shell::Bash | Shell::Zsh => format!("unset {name}\n"),
            Shell::Fish => format!("set -e {name}\n"),
            Shell::Powershell => {
                format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue\n")
            }
        };
    }
    for (name, value) in environment.pairs() {
        // Shown on a terminal instead of evaluated, it steers that terminal.
        if value.chars().any(is_hidden) {
            let message = format!("the value of {name} contains an invisible character");
            let hint = "`dayfly session show SESSION` shows the values; remove the character in \
                        the Workspace";
            return Err(CliError::failed(message).hint(hint));
        }
        *text += &match shell {
            Shell::Bash | Shell::Zsh => {
                format!("export {name}='{}'\n", value.replace('\'', r"'\''"))
            }
            Shell::Fish => {
                let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
                format!("set -gx {name} '{quoted}'\n")
            }
            Shell::Powershell => format!("$Env:{name} = '{}'\n", in_powershell(value)),
        };
    }
    Ok(text)
}

/// A text as it stands between single quotes. PowerShell takes typographic ones for quotes as well.
///
/// Of our own: crates that quote for shells know neither PowerShell nor fish, and for sh it is one replacement.
///
/// Source: PowerShell language specification, 2.3.5.2 "String literals": single-quote-character is
/// U+0027, U+2018, U+2019, U+201A or U+201B, and two of them stand for one, which is the first.
fn in_powershell(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if is_powershell_quote(c) {
            text.push(c);
        }
        text.push(c);
    }
    text
}

const fn is_powershell_quote(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}'..='\u{201b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_their_quotes() {
        let token = SecretString::from(r"a'b\c; rm -rf $HOME".to_owned());
        let of = |token| {
            let url = "http://127.0.0.1:1/creds/x";
            Environment::endpoint(At::Container { url, token }, None, &[])
        };
        let environment = of(&token);
        let line = |shell| {
            let text = text(&environment, shell).unwrap();
            text.lines().last().unwrap().to_owned()
        };
        assert!(line(Shell::Bash).ends_with(r"='a'\''b\c; rm -rf $HOME'"));
        assert!(line(Shell::Fish).ends_with(r"'a\'b\\c; rm -rf $HOME'"));
        assert!(line(Shell::Powershell).ends_with(r"'a''b\c; rm -rf $HOME'"));
        let odd = SecretString::from("a\nb".to_owned());
        assert!(super::text(&of(&odd), Shell::Bash).is_err());
    }

    /// Reads a string between single quotes as PowerShell does; none where it ends before its end.
    fn read_by_powershell(quoted: &str) -> Option<String> {
        let mut text = String::new();
        let mut rest = quoted.chars().peekable();
        rest.next().filter(|c| is_powershell_quote(*c))?;
        while let Some(c) = rest.next() {
            let ends =
                is_powershell_quote(c) && rest.next_if(|next| is_powershell_quote(*next)).is_none();
            if ends {
                return rest.next().is_none().then_some(text);
            }
            text.push(c);
        }
        None
    }

    #[test]
    fn powershell_reads_what_was_meant() {
        for value in [
            "plain",
            "a'b",
            "\u{2019}; rm x; \u{2018}",
            "''\u{201a}\u{201b}'",
            "`$(x) \" #",
        ] {
            let line = format!("'{}'", in_powershell(value));
            assert_eq!(read_by_powershell(&line).as_deref(), Some(value), "{line}");
        }
    }
}
