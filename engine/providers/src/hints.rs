//! What hints of several errors have in common.

/// What to do where the clock is to blame.
pub(crate) const CLOCK_HINT: &str =
    "set this machine's clock (it may be wrong for a while after a sleep)";

/// The command that stores the key of a session.
pub(crate) fn set_secret(session: &str) -> String {
    format!("store it with `dayfly secret set {}`", quoted(session))
}

/// A word as a shell takes it. Not the crate `shlex`: it also quotes words with `=` and `,`, which
/// names in IAM may have and no shell takes for anything else.
pub(crate) fn quoted(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.,:/@+=".contains(c));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn hints_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("prod-admin"), "prod-admin");
        assert_eq!(quoted("Prod admin"), "'Prod admin'");
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(quoted(""), "''");
    }
}
