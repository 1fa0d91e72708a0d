//! What the shells' completion asks for: commands and options as the parser has them, and names of sessions,
//! profiles, integrations and policies as they stand in the files at this moment.

use std::ffi::OsString;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, complete};
use dayfly_dialog::{Exit, sanitize};

use crate::complete::bash;
use crate::complete::names::{Names, names_of};
use crate::shell::Shell;
use crate::terminal::print_data;

/// The hidden command by which the scripts of `dayfly shell init` ask.
pub(crate) const COMMAND: &str = "complete-words";

/// What the last of these words may become. A person who completes is told of no trouble.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>, tree: clap::Command) -> Option<Exit> {
    let shell = args.next()?;
    let shell = <Shell as clap::ValueEnum>::from_str(shell.to_str()?, false).ok()?;
    let given: Vec<OsString> = args.collect();
    let mut text = String::new();
    if shell == Shell::Bash {
        let [line, word] = given.as_slice() else {
            return None;
        };
        let typed = bash::Typed::read(line.to_str()?, word.to_str()?);
        let words = typed.words.iter().skip(1).map(OsString::from).collect();
        for candidate in candidates(words, tree) {
            if let Some(completed) = typed.completed(&candidate.0) {
                text += &format!("{completed}\n");
            }
        }
    } else {
        for (value, help) in candidates(given, tree) {
            // zsh and fish quote what they complete by themselves.
            let value = match shell {
                Shell::Powershell if !bare(&value) => shell.quoted(&value),
                _ => value,
            };
            text += &match help.is_empty() {
                true => format!("{value}\n"),
                false => format!("{value}\t{help}\n"),
            };
        }
    }
    print_data(text.as_bytes());
    Some(Exit::Done)
}

/// Whether PowerShell takes a word for itself without quotes.
fn bare(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+".contains(c);
    value.chars().all(plain)
}

/// What the last word may become, and what there is to say of it.
fn candidates(words: Vec<OsString>, tree: clap::Command) -> Vec<(String, String)> {
    let last = words.len();
    let mut tree = with_names(tree);
    let all = std::iter::once(OsString::from("dayfly"))
        .chain(words)
        .collect();
    let here = std::env::current_dir().ok();
    let found = complete(&mut tree, all, last, here.as_deref()).unwrap_or_default();
    let visible = found.iter().any(|one| !one.is_hide_set());
    found
        .iter()
        .filter(|one| !visible || !one.is_hide_set())
        .filter_map(|one| {
            let value = one.get_value().to_str()?;
            let help = one.get_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let line = help.lines().next().unwrap_or_default();
            // What a terminal does not show as it is cannot be typed either.
            let plain = !value.chars().any(dayfly_core::text::is_hidden);
            plain.then(|| (value.to_owned(), sanitize(line)))
        })
        .collect()
}

/// The tree, in which arguments that are names know where those stand.
fn with_names(tree: clap::Command) -> clap::Command {
    below("", tree)
}

/// The same of a command that stands behind this one.
fn below(parent: &str, command: clap::Command) -> clap::Command {
    let own = command.get_name().to_owned();
    let named = |arg: clap::Arg| match names_of(parent, arg.get_id().as_str()) {
        Some(names) => arg.add(ArgValueCandidates::new(move || listed(names))),
        None => arg,
    };
    command
        .mut_args(named)
        .mut_subcommands(|command| below(&own, command))
}

fn listed(names: Names) -> Vec<CompletionCandidate> {
    let candidate = |(name, help): (String, String)| {
        let help = Some(help).filter(|help| !help.is_empty());
        CompletionCandidate::new(name).help(help.map(Into::into))
    };
    names.list().into_iter().map(candidate).collect()
}
