//! What the program says, as lists that a person reads: every help page, every sentence in the
//! sources, and what is said in situations that go wrong.
//!
//! A difference fails. Accept it with
//! `INSTA_UPDATE=always cargo nextest run -p dayfly-tests --test messages`, and read what changed.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod help;
mod layers;
mod sentences;
mod situations;
mod sources;

/// Compares a list with the one that is kept under this name.
fn compare(name: &str, list: &str) {
    let mut settings = insta::Settings::new();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("lists");
    settings.bind(|| insta::assert_snapshot!(name, list));
}
