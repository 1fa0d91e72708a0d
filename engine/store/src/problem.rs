//! What is wrong with a text of others, in words that show nothing of the text.
//!
//! A file may be something else than it says: a link to a file of secrets in the folder of somebody
//! else. So the place is told, and the line itself is not.

/// The most characters of a message.
const MESSAGE: usize = 400;

/// What is wrong with a text that is to be TOML, and where.
#[must_use]
pub fn of_toml(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim_end().replace('\n', ", ");
    // It may quote a value.
    let message: String = message.chars().take(MESSAGE).collect();
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return message;
    };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default();
    format!(
        "line {line}, column {}: {message}",
        column.chars().count() + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_told_and_the_text_is_not() {
        let text = "[default]\naws_secret_access_key = CANARY\n";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        let told = of_toml(text, &error);
        assert!(told.starts_with("line 2, column 25: "), "{told}");
        assert!(!told.contains("CANARY"), "{told}");
    }
}
