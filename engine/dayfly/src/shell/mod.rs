//! Lines that a shell evaluates: variables are set and taken away, each value in that shell's quotes.

pub(crate) mod script;

use clap::ValueEnum;
use dayfly_core::text::is_hidden;
use dayfly_dialog::CliError;
use dayfly_endpoints::environment::Environment;
use zeroize::Zeroizing;

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

impl Shell {
    /// The one in `$SHELL`; bash where it is another.
    pub(crate) fn usual() -> Self {
        let shell = std::env::var("SHELL").unwrap_or_default();
        match shell.rsplit('/').next() {
            Some("fish") => Self::Fish,
            Some("pwsh") => Self::Powershell,
            Some("zsh") => Self::Zsh,
            _ => Self::Bash,
        }
    }

    /// The file that this shell reads when it begins, and the line in it that makes `dayfly use` work.
    pub(crate) const fn start_up(self) -> (&'static str, &'static str) {
        match self {
            Self::Bash => ("~/.bashrc", r#"eval "$(dayfly shell init bash)""#),
            Self::Zsh => ("~/.zshrc", r#"eval "$(dayfly shell init zsh)""#),
            Self::Fish => (
                "~/.config/fish/config.fish",
                "dayfly shell init fish | source",
            ),
            Self::Powershell => (
                "$PROFILE",
                "dayfly shell init powershell | Out-String | Invoke-Expression",
            ),
        }
    }

    /// A text as one word that stands for itself.
    pub(crate) fn quoted(self, value: &str) -> String {
        match self {
            Self::Bash | Self::Zsh => format!("'{}'", value.replace('\'', r"'\''")),
            Self::Fish => {
                let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
                format!("'{quoted}'")
            }
            Self::Powershell => format!("'{}'", in_powershell(value)),
        }
    }
}

/// What makes a shell have this environment.
pub(crate) fn lines(
    environment: &Environment,
    shell: Shell,
) -> Result<Zeroizing<String>, CliError> {
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
    // To take away what is not there is a failure for fish, and the last command's is that of them all.
    if shell == Shell::Fish {
        *text += "true\n";
    }
    for (name, value) in environment.pairs() {
        // Shown on a terminal instead of evaluated, it steers that terminal.
        if value.chars().any(is_hidden) {
            let message = format!("the value of {name} contains an invisible character");
            let hint = "`dayfly session show SESSION` shows the values; remove the character in \
                        the Workspace";
            return Err(CliError::failed(message).hint(hint));
        }
        let quoted = Zeroizing::new(shell.quoted(value));
        *text += &match shell {
            Shell::Bash | Shell::Zsh => format!("export {name}={}\n", *quoted),
            Shell::Fish => format!("set -gx {name} {}\n", *quoted),
            Shell::Powershell => format!("$Env:{name} = {}\n", *quoted),
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
    use dayfly_endpoints::environment::At;
    use dayfly_vault::SecretString;

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
            let text = lines(&environment, shell).unwrap();
            text.lines().last().unwrap().to_owned()
        };
        assert!(line(Shell::Bash).ends_with(r"='a'\''b\c; rm -rf $HOME'"));
        assert!(line(Shell::Fish).ends_with(r"'a\'b\\c; rm -rf $HOME'"));
        assert!(line(Shell::Powershell).ends_with(r"'a''b\c; rm -rf $HOME'"));
        let odd = SecretString::from("a\nb".to_owned());
        assert!(lines(&of(&odd), Shell::Bash).is_err());
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
