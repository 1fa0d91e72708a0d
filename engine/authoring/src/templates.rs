//! What a new project begins with.
//!
//! The contract and the guest crate are those of this repository, word for word, so that what a project
//! begins with is what this program speaks.

use crate::lang::Lang;

/// The contract.
pub const WIT: [(&str, &str); 3] = [
    ("imports.wit", include_str!("../../../wit/imports.wit")),
    ("policy.wit", include_str!("../../../wit/policy.wit")),
    ("types.wit", include_str!("../../../wit/types.wit")),
];

/// The guest crate for Rust.
const SDK: [(&str, &str); 18] = [
    (
        "arena.rs",
        include_str!("../../../policies/sdk/src/arena.rs"),
    ),
    (
        "bindings.rs",
        include_str!("../../../policies/sdk/src/bindings.rs"),
    ),
    (
        "config.rs",
        include_str!("../../../policies/sdk/src/config.rs"),
    ),
    (
        "duration.rs",
        include_str!("../../../policies/sdk/src/duration.rs"),
    ),
    (
        "export.rs",
        include_str!("../../../policies/sdk/src/export.rs"),
    ),
    (
        "happening.rs",
        include_str!("../../../policies/sdk/src/happening.rs"),
    ),
    ("lib.rs", include_str!("../../../policies/sdk/src/lib.rs")),
    (
        "matching.rs",
        include_str!("../../../policies/sdk/src/matching.rs"),
    ),
    (
        "moment.rs",
        include_str!("../../../policies/sdk/src/moment.rs"),
    ),
    (
        "occasion.rs",
        include_str!("../../../policies/sdk/src/occasion.rs"),
    ),
    (
        "policy.rs",
        include_str!("../../../policies/sdk/src/policy.rs"),
    ),
    (
        "suggestion.rs",
        include_str!("../../../policies/sdk/src/suggestion.rs"),
    ),
    (
        "testing.rs",
        include_str!("../../../policies/sdk/src/testing.rs"),
    ),
    (
        "verdict.rs",
        include_str!("../../../policies/sdk/src/verdict.rs"),
    ),
    (
        "wildcard.rs",
        include_str!("../../../policies/sdk/src/wildcard.rs"),
    ),
    (
        "words.rs",
        include_str!("../../../policies/sdk/src/words.rs"),
    ),
    (
        "workspace.rs",
        include_str!("../../../policies/sdk/src/workspace.rs"),
    ),
    ("zone.rs", include_str!("../../../policies/sdk/src/zone.rs")),
];

/// Where the guest crate goes: as deep in the project as it lies in this repository, so that it finds
/// the contract.
const SDK_FOLDER: &str = "vendor/dayfly-policy-sdk";

/// The files of a new project, with their paths in it.
pub fn files(name: &str, lang: Lang) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut add = |path: &str, template: &str| {
        files.push((path.to_owned(), filled(template, name, lang)));
    };
    add("policy.toml", include_str!("templates/common/policy.toml"));
    add("README.md", include_str!("templates/common/README.md"));
    add(".gitignore", include_str!("templates/common/gitignore"));
    for (file, template) in [
        (
            "dayfly.toml",
            include_str!("templates/common/test/dayfly.toml"),
        ),
        (
            "workspace.json",
            include_str!("templates/common/test/workspace.json"),
        ),
        (
            "first-day.toml",
            include_str!("templates/common/test/first-day.toml"),
        ),
    ] {
        add(&format!("test/{file}"), template);
    }
    for (path, template) in own(lang) {
        add(path, template);
    }
    if lang == Lang::Rust {
        let manifest = include_str!("templates/rust/sdk-Cargo.toml");
        add(&format!("{SDK_FOLDER}/Cargo.toml"), manifest);
    }
    let as_they_are = |folder: &str, list: &[(&str, &str)]| {
        let one = |(file, text): &(&str, &str)| (format!("{folder}/{file}"), (*text).to_owned());
        list.iter().map(one).collect::<Vec<_>>()
    };
    files.extend(as_they_are("wit", &WIT));
    if lang == Lang::Rust {
        files.extend(as_they_are(&format!("{SDK_FOLDER}/src"), &SDK));
    }
    files
}

/// The templates of a language, with their paths in the project.
fn own(lang: Lang) -> &'static [(&'static str, &'static str)] {
    match lang {
        Lang::Rust => &[
            ("Cargo.toml", include_str!("templates/rust/Cargo.toml")),
            ("src/lib.rs", include_str!("templates/rust/src/lib.rs")),
        ],
        Lang::Js => &[
            ("package.json", include_str!("templates/js/package.json")),
            ("policy.js", include_str!("templates/js/policy.js")),
        ],
        Lang::Python => &[
            (
                "requirements.txt",
                include_str!("templates/python/requirements.txt"),
            ),
            ("policy.py", include_str!("templates/python/policy.py")),
        ],
        Lang::C => &[
            ("policy.c", include_str!("templates/c/policy.c")),
            (
                "runtime/runtime.c",
                include_str!("templates/c/runtime/runtime.c"),
            ),
            (
                "runtime/stdlib.h",
                include_str!("templates/c/runtime/stdlib.h"),
            ),
            (
                "runtime/string.h",
                include_str!("templates/c/runtime/string.h"),
            ),
        ],
    }
}

fn filled(template: &str, name: &str, lang: Lang) -> String {
    let config = if lang.configurable() {
        "config = { label = \"auto\" }\n"
    } else {
        ""
    };
    template
        .replace("{{name}}", name)
        .replace("{{lang}}", lang.word())
        .replace("{{source}}", lang.source())
        .replace("{{setup}}", lang.setup())
        .replace("{{config}}", config)
        .replace("{{sdk-version}}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn names(list: &[(&str, &str)]) -> BTreeSet<String> {
        list.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn in_repository(folder: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.ends_with(".wit") || name.ends_with(".rs"))
            .collect()
    }

    /// What is shipped is compiled in, so it has the content of the repository; here it is made sure
    /// that no file is forgotten.
    #[test]
    fn the_whole_contract_and_the_whole_guest_crate_are_shipped() {
        assert_eq!(names(&WIT), in_repository("wit"));
        assert_eq!(names(&SDK), in_repository("policies/sdk/src"));
    }

    /// Both manifests of the guest crate want the same of others.
    #[test]
    fn the_shipped_manifest_is_that_of_the_guest_crate() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        let read = |path: &str| -> toml::Table {
            let text = std::fs::read_to_string(root.join(path)).unwrap();
            text.parse().unwrap()
        };
        let shared = read("Cargo.toml")["workspace"]["dependencies"].clone();
        let own = read("sdk/Cargo.toml")["dependencies"].clone();
        let shipped: toml::Table = include_str!("templates/rust/sdk-Cargo.toml")
            .parse()
            .unwrap();
        let shipped = shipped["dependencies"].as_table().unwrap().clone();
        assert_eq!(shipped.len(), own.as_table().unwrap().len());
        for (name, wanted) in shipped {
            assert_eq!(wanted, shared[&name], "{name}");
        }
    }

    #[test]
    fn nothing_of_a_template_is_left_open() {
        for lang in Lang::ALL {
            for (path, text) in files("stop-idle", lang) {
                let generic = path.starts_with("wit/") || path.starts_with("vendor/");
                assert!(generic || !text.contains("{{"), "{lang:?} {path}");
                assert!(!path.contains("{{"), "{path}");
            }
            let readme = files("x", lang).remove(1).1;
            assert!((10..=20).contains(&readme.lines().count()), "{readme}");
        }
    }
}
