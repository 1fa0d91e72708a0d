//! How Dayfly speaks with a person, whatever it speaks about: why something was not done and what to do
//! next, exit codes, tables, moments and spans, and texts of others made safe for a terminal.
//!
//! It prints nothing: the crate `dayfly` does.

mod error;
mod exit;
mod fit;
mod table;
pub mod time;

pub use error::{CliError, Code, indented};
pub use exit::Exit;
pub use fit::{columns, fit};
pub use table::Table;

/// What other programs wrote, as a part of one line: characters that steer a terminal or that nobody
/// sees are shown escaped, line breaks too.
pub fn sanitize(text: &str) -> String {
    dayfly_core::text::visible(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_told_what_to_do() {
        assert_eq!(sanitize("a\x1b[2Jb\nc"), r"a\u{1b}[2Jb\nc");
    }
}
