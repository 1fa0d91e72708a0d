//! What a program says of its failure, fit to be shown: its last words, without anything that could be
//! a secret.
//!
//! Nobody knows what a program prints. So each run of characters that keys and tokens are made of goes
//! where it is as long as they are and no word of a language, and so does whatever stands behind a name
//! for a secret, and the query of an address.

use dayfly_vault::SecretString;

use crate::answer::clean;

/// The shortest run of characters that may be a secret.
const RUN: usize = 16;
/// What stands instead.
const REDACTED: &str = "[redacted]";
/// Words that a secret stands behind.
const NAMES: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "code",
    "pin",
];

/// The last line of what it said, and the one before where that one is short.
pub(crate) fn said(errors: &[u8], secrets: &[SecretString]) -> String {
    let text = String::from_utf8_lossy(errors);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines.get(lines.len().saturating_sub(2)..).unwrap_or(&[]);
    // Those that are known first, as they stand.
    let known = clean(&last.join(" "), secrets);
    let mut hidden = false;
    let words = known.split(' ').map(|word| {
        let shown = match hidden {
            true => REDACTED.to_owned(),
            false => without_secrets(word),
        };
        hidden = names_a_secret(word);
        shown
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether what follows this word may be a secret: `Password:`, `--secret-key`, `token=`.
fn names_a_secret(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let opens = word.ends_with([':', '=']) || word.starts_with("--");
    let name = word
        .trim_end_matches([':', '='])
        .trim_matches(['-', '"', '\'']);
    opens && NAMES.iter().any(|known| name.contains(known))
}

/// A word without the query of an address, the value of `name=value` for a secret, and long runs.
fn without_secrets(word: &str) -> String {
    if let Some((name, value)) = word.split_once(['=', ':'])
        && !value.is_empty()
        && !value.starts_with("//")
        && NAMES
            .iter()
            .any(|known| name.to_ascii_lowercase().contains(known))
    {
        let sign = &word[name.len()..=name.len()];
        return format!("{name}{sign}{REDACTED}");
    }
    let (word, query) = match word.split_once('?') {
        Some((address, query)) if !query.is_empty() && address.contains("://") => {
            (address, "?[redacted]")
        }
        _ => (word, ""),
    };
    let mut shown = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let of_run = |c: char| c.is_ascii_alphanumeric() || "+/=_-.~".contains(c);
        let end = rest.find(|c| !of_run(c)).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        shown += if may_be_secret(run) { REDACTED } else { run };
        let next = behind.chars().next();
        shown.extend(next);
        rest = behind.get(next.map_or(0, char::len_utf8)..).unwrap_or("");
    }
    shown + query
}

/// Whether a run is as long as a key and no word: keys have digits, or change between small and large
/// letters.
fn may_be_secret(run: &str) -> bool {
    let digits = run.bytes().any(|b| b.is_ascii_digit());
    let changes = run
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
        .count();
    run.len() >= RUN && (digits || changes > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        said(text.as_bytes(), &[SecretString::copy_of("canary-known")])
    }

    #[test]
    fn the_last_words_are_told() {
        assert_eq!(of(""), "");
        assert_eq!(
            of("Traceback:\n  line 3\n\nerror: no such profile \"dev\"\n"),
            "line 3 error: no such profile \"dev\""
        );
        assert_eq!(
            of("connection to https://idp.example.com/app refused (os error 111)"),
            "connection to https://idp.example.com/app refused (os error 111)"
        );
        assert_eq!(
            of("\u{1b}[31mred\u{7}"),
            of("\u{1b}[31mred\u{7}").replace('\u{1b}', "")
        );
    }

    #[test]
    fn nothing_that_could_be_a_secret_is() {
        for text in [
            "bad key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY here",
            "AKIAIOSFODNN7EXAMPLE was refused",
            "token eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl is old",
            "see https://idp.example.com/cb?code=canary&state=x",
            "password=canary",
            "Password: canary",
            "--client-secret canary",
            "secret:canary",
            "it was canary-known",
            "FwoGZXIvYXdzEJr//////////wEaDPqx",
            "key \"wJalrXUtnFEMIKMDENGbPxRfiCYEXAMPLE\"",
        ] {
            let shown = of(text);
            assert!(shown.contains(REDACTED), "{shown}");
            for part in ["canary", "wJalr", "AKIAIO", "eyJ", "c2lnb", "FwoG", "PxRfi"] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
    }
}
