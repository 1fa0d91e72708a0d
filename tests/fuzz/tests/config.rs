//! `dayfly.toml`: read, or refused with a place in the text.

use std::path::Path;

use dayfly_fuzz::{fuzz, repository, seeds};
use dayfly_runtime::Config;

const WORDS: [&str; 20] = [
    "[[policy]]\n",
    "name = \"a\"\n",
    "module = \"builtin:keep-active\"\n",
    "module = \"./x.wasm\"\n",
    "config = { }\n",
    "grant = { sessions = \"labels.env == 'x'\" }\n",
    "where = \"name == 'a'\"\n",
    "tier = \"guard-rail\"\n",
    "mode = \"shadow\"\n",
    "priority = -2147483648\n",
    "[policy.limits]\n",
    "fuel = 9223372036854775807\n",
    "[aws]\n",
    "[engine]\n",
    "[delivery]\n",
    "[vault]\n",
    "\"\"\"",
    "= [",
    "\u{0}",
    "1979-05-27",
];

#[test]
fn config() {
    let mut seeds = seeds(
        "config",
        &["examples", "engine/dayfly/src/commands"],
        ".toml",
    );
    // The README's, between its fences.
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("a README");
    seeds.extend(
        readme
            .split("```toml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .map(|text| text.as_bytes().to_vec()),
    );
    fuzz!(&seeds, &WORDS, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if let Err(error) = Config::parse(Path::new("dayfly.toml"), text) {
            let lines = text.split('\n').count();
            assert!(error.line <= lines, "{error}");
            assert!(!error.message.is_empty());
            assert_eq!(error.line == 0, error.column == 0, "{error}");
        }
    });
}
