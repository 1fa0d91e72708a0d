//! The list as plain lines, for terminals that cannot move their cursor and for screen readers: letters make it
//! shorter, a number chooses.

use std::io;

use dayfly_dialog::CliError;

use super::choices::{Choice, matching};
use super::view::{row, widths};
use crate::terminal;

/// The most sessions that are listed at once.
const ROWS: usize = 20;

/// Which one the person chooses; none where they say nothing.
pub(super) fn choose(question: &str, choices: &[Choice]) -> Result<Option<usize>, CliError> {
    let mut found = matching(choices, "");
    loop {
        terminal::say(&list(choices, &found));
        terminal::ask(&format!("{question} number, or a part of its name: "));
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let read = read.map_err(|e| CliError::failed(format!("no answer can be read: {e}")))?;
        let said = line.trim();
        if read == 0 {
            // Nobody ended the line of the question.
            terminal::say("");
        }
        if said.is_empty() {
            return Ok(None);
        }
        match answer(choices, &found, said) {
            Answer::Chosen(at) => return Ok(Some(at)),
            Answer::These(shorter) => found = shorter,
            Answer::Nothing => {
                terminal::say(&format!("no session matches \"{said}\""));
                found = matching(choices, "");
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Chosen(usize),
    These(Vec<usize>),
    Nothing,
}

/// What an answer to a list of those found means. A number is that of the list.
fn answer(choices: &[Choice], found: &[usize], said: &str) -> Answer {
    let shown = found.iter().take(ROWS);
    let number = said.parse::<usize>().ok();
    let chosen = number.and_then(|number| shown.clone().nth(number.checked_sub(1)?));
    if let Some(at) = chosen {
        return Answer::Chosen(*at);
    }
    let shorter = matching(choices, said);
    match shorter.is_empty() {
        true => Answer::Nothing,
        false => Answer::These(shorter),
    }
}

fn list(choices: &[Choice], found: &[usize]) -> String {
    let shown: Vec<&Choice> = found
        .iter()
        .take(ROWS)
        .filter_map(|at| choices.get(*at))
        .collect();
    let widths = widths(&shown);
    let mut text = String::new();
    for (n, choice) in shown.iter().enumerate() {
        text += &format!("{:>3}  {}\n", n + 1, row(choice, &widths));
    }
    if found.len() > ROWS {
        text += &format!("     and {} more\n", found.len() - ROWS);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::choices::tests::named;
    use super::*;

    #[test]
    fn a_number_chooses_and_letters_make_the_list_shorter() {
        let names: Vec<String> = (0..30).map(|n| format!("name-{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let choices = named(&names);
        let all = matching(&choices, "");
        assert_eq!(answer(&choices, &all, "2"), Answer::Chosen(1));
        assert_eq!(answer(&choices, &all, "zz"), Answer::Nothing);
        // Beyond what is shown, a number is a part of a name.
        assert_eq!(answer(&choices, &all, "29"), Answer::These(vec![29]));
        assert_eq!(answer(&choices, &[29], "1"), Answer::Chosen(29));
        let text = list(&choices, &all);
        assert!(
            text.contains("  1  name-00") && text.ends_with("and 10 more"),
            "{text}"
        );
    }
}
