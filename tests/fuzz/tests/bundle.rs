//! `bundle.toml` of somebody else: read or refused, and no file outside of the bundle is named by it.

use std::path::{Component, Path};

use dayfly_fuzz::{fuzz, seeds};
use dayfly_store::Bundle;

const WORDS: [&str; 20] = [
    "[bundle]\n",
    "name = \"a\"\n",
    "version = \"1\"\n",
    "summary = \"\"\n",
    "[[policy]]\n",
    "module = \"builtin:keep-active\"\n",
    "module = \"a/b.wasm\"\n",
    "module = \"../b.wasm\"\n",
    "digest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n",
    "config = { }\n",
    "tier = \"team\"\n",
    "priority = 1\n",
    "grant = { sessions = \"true\" }\n",
    "limits = { }\n",
    "[policy.grant]\n",
    "/",
    "..",
    "\\",
    "\\u0000",
    "./",
];

#[test]
fn bundle() {
    fuzz!(&seeds("bundle", &[], ""), &WORDS, |bytes| {
        match Bundle::parse(bytes) {
            Ok(bundle) => {
                for file in bundle.files() {
                    let inside = Path::new(file)
                        .components()
                        .all(|part| matches!(part, Component::Normal(_)));
                    assert!(inside && !file.contains(['\\', '\0']), "{file:?}");
                }
                assert!(!bundle.policies.is_empty());
            }
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
    });
}
