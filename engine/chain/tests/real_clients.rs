//! The credentials file as botocore and the AWS CLI read and edit it.
//!
//! `DAYFLY_TEST_PYTHON` names a Python that has both; without it these tests only say so.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dayfly_chain::{ChainError, Change, CredentialsFile, Profiles, Target};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

mod support;
use support::{credentials, publish, retract};

/// Runs the cases; how many the clients could judge, none where there is no Python.
fn judge(folder: &Path, cases: &[Value]) -> Option<usize> {
    let Some(python) = std::env::var_os("DAYFLY_TEST_PYTHON") else {
        println!("DAYFLY_TEST_PYTHON is not set, so the real clients were not asked");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_clients.py");
    let mut command = Command::new(python);
    // Nothing of whoever runs the tests may be found.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let child = command
        .arg(script)
        .env("AWS_CONFIG_FILE", folder.join("config"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("DAYFLY_TEST_PYTHON can be started");
    let mut input = child.stdin.take().unwrap();
    for case in cases {
        // Where the script ended early its own message says more than a broken pipe.
        if writeln!(input, "{case}").is_err() {
            break;
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let count = String::from_utf8(output.stdout).unwrap();
    Some(count.trim().parse().unwrap())
}

fn wanted(n: u64) -> Value {
    json!([
        format!("ASIA{n:016}"),
        format!("secret{n}"),
        format!("token{n}")
    ])
}

#[test]
fn botocore_and_the_aws_cli_read_what_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    let target = CredentialsFile::new(path.clone());
    fs::write(
        &path,
        "[mine]\naws_access_key_id = AKIA\naws_secret_access_key = s\n",
    )
    .unwrap();
    fs::write(folder.path().join("config"), "").unwrap();
    let names = ["default", "a profile", "größe", "x:y", "a.b/c@d"];
    let publications = names.iter().zip(1..);
    let changes: Vec<Change> = publications
        .map(|(name, n)| publish(name, name, n))
        .collect();
    assert!(target.apply(&changes).iter().all(Result::is_ok));
    let mut cases: Vec<Value> = names
        .iter()
        .zip(1..)
        .map(|(name, n)| json!({"kind": "credentials", "path": path, "profile": name, "wanted": wanted(n)}))
        .collect();
    cases.push(json!({
        "kind": "credentials", "path": path, "profile": "mine", "wanted": ["AKIA", "s", null],
    }));
    cases.push(json!({
        "kind": "cli-get", "path": path, "profile": "default", "key": "aws_session_token",
        "wanted": "token1",
    }));
    if let Some(judged) = judge(folder.path(), &cases) {
        assert_eq!(judged, cases.len());
    }
}

#[test]
fn what_the_aws_cli_edits_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    let target = CredentialsFile::new(path.clone());
    fs::write(folder.path().join("config"), "").unwrap();
    let changes = [publish("s1", "default", 1), publish("s2", "other", 2)];
    assert!(target.apply(&changes).iter().all(Result::is_ok));
    // The AWS CLI writes only keys of credentials into this file: long-lived ones over ours.
    let set = |key: &str, value: &str| json!({"kind": "cli-set", "path": path, "profile": "default", "key": key, "value": value});
    let edits = [
        set("aws_access_key_id", "AKIAMINE"),
        set("aws_secret_access_key", "only-copy"),
    ];
    if judge(folder.path(), &edits).is_none() {
        return;
    }
    let results = target.apply(&[publish("s1", "default", 3), publish("s2", "other", 4)]);
    assert!(matches!(results[0], Err(ChainError::ForeignProfile { .. })));
    assert!(results[1].is_ok());
    assert!(target.apply(&[retract("s1")]).remove(0).is_ok());
    let cases = [
        json!({"kind": "credentials", "path": path, "profile": "default",
            "wanted": ["AKIAMINE", "only-copy", null]}),
        json!({"kind": "credentials", "path": path, "profile": "other", "wanted": wanted(4)}),
    ];
    assert_eq!(judge(folder.path(), &cases), Some(2));
    let seen = target.observe().unwrap();
    assert_eq!(
        (seen.len(), seen[0].credentials.as_ref()),
        (1, Some(&credentials(4)))
    );
}

/// Whatever stands around our section, botocore reads the rest as before and ours as meant.
#[test]
fn botocore_reads_everything_else_as_before() {
    let line = select(vec![
        "",
        "  ",
        "# c",
        "  ; c",
        "[default]",
        "[a]",
        "[b]",
        "  [c]",
        "\t[d]",
        "k = v",
        "l=w=x",
        "m : n",
        "  nested = 1",
        "\to = p",
        "s3 =",
        "  max = 2",
        "region = us-east-1",
    ]);
    let text = (
        proptest::collection::vec((line, select(vec!["\n", "\r\n"])), 0..10),
        any::<bool>(),
    );
    let mut runner = TestRunner::deterministic();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config"), "").unwrap();
    let mut cases = Vec::new();
    for n in 0..1500u64 {
        let (lines, cut) = text.new_tree(&mut runner).unwrap().current();
        let mut text: String = lines.iter().flat_map(|(line, end)| [*line, *end]).collect();
        if cut {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        let before = folder.path().join(format!("{n}-before"));
        let after = folder.path().join(format!("{n}-after"));
        fs::write(&before, &text).unwrap();
        let profile = ["default", "new"][usize::from(n.is_multiple_of(3))];
        let mut profiles = Profiles::parse(&after, text.as_bytes());
        // What botocore refuses is refused here too, so botocore can read all that is left.
        if profiles.apply(&publish("s1", profile, n)).is_ok() {
            fs::write(&after, &*profiles.render()).unwrap();
            cases.push(json!({
                "kind": "edit", "before": before, "after": after, "profile": profile,
                "wanted": wanted(n),
            }));
        }
    }
    if let Some(judged) = judge(folder.path(), &cases) {
        assert_eq!(judged, cases.len());
        assert!(judged > 100, "{judged}");
    }
}
