//! Files are read as botocore reads them, and refused where it refuses them, at the same line.
//!
//! `DAYFLY_TEST_PYTHON` names a Python that has botocore; without it this test only says so.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use dayfly_awsfiles::{AwsFile, Kind, Section, Value, What, raw};
use serde_json::{Value as Json, json};

mod corpus;

const FILES: usize = 6000;

/// What botocore makes of the files; none where there is no Python.
fn judged(files: &[Vec<u8>]) -> Option<Vec<Json>> {
    let Some(python) = std::env::var_os("DAYFLY_TEST_PYTHON") else {
        println!("DAYFLY_TEST_PYTHON is not set, so botocore was not asked");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    for (n, text) in files.iter().enumerate() {
        std::fs::write(folder.path().join(n.to_string()), text).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder.path())
        // As on any system that is not set to another encoding.
        .env("PYTHONUTF8", "1")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn keys(section: &Section) -> Json {
    let value = |value: &Value| match value {
        Value::Text(text) => json!(text.as_str()),
        Value::Nested(keys) => {
            let keys = keys.iter().map(|(k, v)| (k.clone(), json!(v.as_str())));
            Json::Object(keys.collect())
        }
    };
    let keys = section.keys.iter();
    Json::Object(
        keys.map(|(name, key)| (name.clone(), value(&key.value)))
            .collect(),
    )
}

fn named<'a>(found: impl Iterator<Item = (&'a str, &'a Section)>) -> Json {
    found
        .map(|(name, section)| json!([name, keys(section)]))
        .collect()
}

#[test]
fn files_are_read_as_botocore_reads_them() {
    let files = corpus::files(20_261_129, FILES);
    let Some(judged) = judged(&files) else {
        return;
    };
    assert_eq!(judged.len(), files.len());
    let (mut read, mut refused) = (0, 0);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (text, judged) in files.iter().zip(&judged) {
        let shown = String::from_utf8_lossy(text);
        let config = AwsFile::read(text, Kind::Config);
        match raw(text) {
            Ok(sections) => {
                read += 1;
                let own = sections.iter().map(|s| (s.name.as_str(), s));
                assert_eq!(named(own), judged["sections"], "{shown:?}");
                let config = config.unwrap();
                assert_eq!(named(config.profiles()), judged["profiles"], "{shown:?}");
                assert_eq!(
                    named(config.sso_sessions()),
                    judged["sso_sessions"],
                    "{shown:?}"
                );
                let credentials = AwsFile::read(text, Kind::Credentials).unwrap();
                assert_eq!(
                    named(credentials.profiles()),
                    judged["sections"],
                    "{shown:?}"
                );
            }
            Err(faults) => {
                for fault in faults.all() {
                    *kinds.entry(word(&fault.what)).or_default() += 1;
                }
                // The one thing that botocore may read and this does not.
                if faults.first().what == What::Nul {
                    continue;
                }
                refused += 1;
                assert_eq!(judged["refused"], true, "{faults:?} in {shown:?}");
                let line = judged["line"].as_u64();
                let here = |line: u64| faults.all().any(|fault| fault.line as u64 == line);
                let encoding = matches!(
                    faults.first().what,
                    What::Wide | What::ByteOrderMark | What::NotUtf8(_)
                );
                assert!(
                    encoding || line.is_none_or(here),
                    "botocore refuses line {line:?}, this {faults:?} in {shown:?}"
                );
            }
        }
    }
    println!("{read} files are read alike, {refused} refused alike; faults: {kinds:?}");
    assert!(read > FILES / 3 && refused > FILES / 4, "{read}, {refused}");
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}

fn word(what: &What) -> &'static str {
    match what {
        What::Wide => "wide",
        What::ByteOrderMark => "mark",
        What::NotUtf8(_) => "not-utf8",
        What::Nul => "nul",
        What::NoSection => "no-section",
        What::NoSign => "no-sign",
        What::NoName => "no-name",
        What::KeyTwice { .. } => "key-twice",
        What::SectionTwice { .. } => "section-twice",
        What::NestedNoSign => "nested-no-sign",
    }
}
