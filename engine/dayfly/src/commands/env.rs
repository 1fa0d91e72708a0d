//! `dayfly env`

use clap::ValueEnum;
use dayfly_vault::SecretString;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::clients::direct;
use crate::clients::environment::Environment;
use crate::clients::given::Given;
use crate::clients::shadow::shadowing;
use crate::commands::print;
use crate::control::client;
use crate::control::protocol::{Request, not_found};
use crate::exit::Exit;
use crate::trouble::Trouble;
use crate::{engine, locate};

/// Print what a shell has to set for the credentials of a session.
///
/// With a running Dayfly that is the address of its endpoint, and a token for this session alone, so
/// that programs keep working across rotations. Without one, or with --static, it is the
/// credentials themselves, which are not renewed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eval \"$(dayfly env dev)\"\n  dayfly env dev --shell fish | source\n  dayfly env dev --shell powershell | Invoke-Expression"
)]
pub(crate) struct Args {
    /// An id, the beginning of one, or a unique name.
    session: String,
    /// The shell; without this, the one of $SHELL.
    #[arg(long, value_name = "SHELL")]
    shell: Option<Shell>,
    /// Print the credentials themselves, for tools that know no endpoint.
    #[arg(long = "static")]
    fixed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// What a running engine tells of its endpoint.
#[derive(Deserialize)]
struct Access {
    url: String,
    token: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let workspace = engine::require(&home)?;
    let session = &workspace
        .resolve(&args.session)
        .map_err(|e| not_found(&e))?
        .session;
    let region = session.region.as_deref().or(workspace.default_region());
    // Whether there are credentials is told here and now, not by the first program.
    let given = Given::parse(&direct::credentials(&home, session.id.as_str())?)?;
    let request = Request::Endpoint {
        session: session.id.to_string(),
    };
    let access = if args.fixed {
        None
    } else {
        client::ask::<Access>(&home, &request)
    };
    let environment = match access {
        Some(access) => {
            let Access { url, token } = access?;
            Environment::endpoint(&url, &SecretString::from(token), region, &shadowing())
        }
        None => Environment::fixed(&given, region),
    };
    let shell = args.shell.unwrap_or_else(usual_shell);
    print(&text(&environment, shell)?);
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

fn text(environment: &Environment, shell: Shell) -> Result<Zeroizing<String>, Trouble> {
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
        if value.chars().any(char::is_control) {
            return Err(Trouble::failed(format!(
                "the value of {name} has a control character in it"
            )));
        }
        *text += &match shell {
            Shell::Bash | Shell::Zsh => {
                format!("export {name}='{}'\n", value.replace('\'', r"'\''"))
            }
            Shell::Fish => {
                let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
                format!("set -gx {name} '{quoted}'\n")
            }
            Shell::Powershell => format!("$Env:{name} = '{}'\n", value.replace('\'', "''")),
        };
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_their_quotes() {
        let token = SecretString::from(r"a'b\c; rm -rf $HOME".to_owned());
        let environment = Environment::endpoint("http://127.0.0.1:1/creds/x", &token, None, &[]);
        let line = |shell| {
            let text = text(&environment, shell).unwrap();
            text.lines().last().unwrap().to_owned()
        };
        assert!(line(Shell::Bash).ends_with(r"='a'\''b\c; rm -rf $HOME'"));
        assert!(line(Shell::Fish).ends_with(r"'a\'b\\c; rm -rf $HOME'"));
        assert!(line(Shell::Powershell).ends_with(r"'a''b\c; rm -rf $HOME'"));
        let odd = SecretString::from("a\nb".to_owned());
        assert!(super::text(&Environment::endpoint("u", &odd, None, &[]), Shell::Bash).is_err());
    }
}
