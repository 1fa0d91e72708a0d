//! What to say of a word that cannot come where it does.

use crate::lexer::Word;

/// What to say of a word behind a whole expression.
pub(crate) fn beyond(found: &Word) -> String {
    match found {
        Word::Name(name) => match name.as_str() {
            "and" | "AND" => "write `&&` for and".into(),
            "or" | "OR" => "write `||` for or".into(),
            "is" => "write `==` for is".into(),
            "not" => "write `!` before the condition that must not hold".into(),
            _ => format!("`{name}` follows without an operator; write `&&` or `||` before it"),
        },
        Word::Sign(")") => "there is no `(` for this `)`; take it away, or add one".into(),
        Word::Sign(close @ ("]" | "}")) => {
            format!("nothing is open that `{close}` closes; take it away")
        }
        found => format!(
            "{} follows without an operator; write `&&` or `||` before it",
            shown(found)
        ),
    }
}

pub(crate) fn shown(word: &Word) -> String {
    match word {
        Word::Int(number) => format!("`{number}`"),
        Word::Uint(number) => format!("`{number}u`"),
        Word::Double(_) => "a number".into(),
        Word::Bytes(_) => "a text of bytes".into(),
        Word::Text(text) => format!("\"{text}\""),
        Word::Name(name) => format!("`{name}`"),
        Word::Sign(sign) => format!("`{sign}`"),
        Word::End => "the end".into(),
    }
}
