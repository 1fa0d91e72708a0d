use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dayfly_vault::SecretString;
use dayfly_workspace::Workspace;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{AwsProfiles, Parent, Plan, Verdict};

const CONFIG: &str = "\
[default]
mfa_serial = arn:aws:iam::111111111111:mfa/me
region = eu-west-1

[profile work]
mfa_process = pass otp aws

[profile admin]
role_arn = arn:aws:iam::222222222222:role/Admin
source_profile = work
session_tags = team=a, env = prod
transitive_session_tags = team
source_identity = me
include_profile = shared

[profile shared]
region = eu-north-1
mfa_serial = arn:aws:iam::111111111111:mfa/shared

[profile own]
role_arn = arn:aws:iam::333333333333:role/Own

[profile team/prod]
role_arn = arn:aws:iam::444444444444:role/Prod

[profile asks]
credential_process = aws-vault export --format=json work
region = us-east-1

[profile lost]
credential_process = /usr/bin/aws-vault exec --json gone

[profile other]
role_arn = arn:aws:iam::555555555555:role/Other
source_profile = nowhere
";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/aws-vault/keys")
}

fn ring(files: PathBuf, passphrase: Option<&'static str>) -> GoKeyring {
    GoKeyring {
        tool: "aws-vault",
        // No keyring of whoever runs the tests.
        collection: "none".to_owned(),
        pass: (PathBuf::from("/nonexistent"), String::new()),
        pass_program: "pass".to_owned(),
        files,
        only: Some("file".to_owned()),
        variable: "AWS_VAULT_FILE_PASSPHRASE",
        ask: Box::new(move |_| passphrase.map(SecretString::copy_of)),
        unlock_within: None,
        given: OnceLock::new(),
    }
}

fn source(config: &str, ring: GoKeyring) -> (TempDir, AwsVault) {
    let folder = tempfile::tempdir().unwrap();
    let aws = AwsProfiles {
        config: folder.path().join("config"),
        credentials: folder.path().join("credentials"),
    };
    std::fs::write(&aws.config, config).unwrap();
    (folder, AwsVault { aws, ring })
}

#[test]
fn profiles_whose_keys_aws_vault_has_come_with_all_that_is_chained_to_them() {
    let (_folder, vault) = source(CONFIG, ring(fixtures(), Some("correct horse")));
    let listing = vault.list().unwrap();
    let names: Vec<&str> = listing
        .candidates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["work", "admin", "team/prod-key", "team/prod", "asks"],
        "{listing:#?}"
    );
    let of = |name: &str| {
        listing
            .candidates
            .iter()
            .find(|one| one.name == name)
            .unwrap()
    };
    let work = of("work");
    assert_eq!(
        (work.kind.as_str(), work.kept_as.as_deref()),
        ("awsIamUser", Some("work"))
    );
    assert_eq!(work.fields["mfaDevice"], "arn:aws:iam::111111111111:mfa/me");
    assert_eq!(work.fields["region"], "eu-west-1");
    assert_eq!(work.not_taken[0].field, "mfa_process");
    let admin = of("admin");
    assert_eq!(admin.parent, Some(Parent::Candidate("work".into())));
    assert_eq!(
        admin.fields["mfaDevice"],
        "arn:aws:iam::111111111111:mfa/shared"
    );
    assert_eq!(admin.fields["tags"], json!({ "team": "a", "env": "prod" }));
    assert_eq!(admin.fields["transitiveTagKeys"], json!(["team"]));
    assert_eq!(admin.fields["sourceIdentity"], "me");
    assert_eq!(admin.fields["region"], "eu-north-1");
    // A profile with a role whose own key aws-vault has is two sessions.
    assert_eq!(
        of("team/prod").parent,
        Some(Parent::Candidate("team/prod#key".into()))
    );
    assert_eq!(of("team/prod-key").profile, None);
    let asks = of("asks");
    assert_eq!(asks.kept_as.as_deref(), Some("work"));
    assert_eq!(asks.lines[0].keys, ["credential_process"]);
    let refused: Vec<&str> = listing
        .refused
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(refused, ["lost"]);

    let key = vault.key(work).unwrap().unwrap();
    assert_eq!(key.access_key_id, "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(key.secret_access_key.expose(), "canary/aws-vault/secret");
    assert_eq!(
        vault
            .key(of("team/prod-key"))
            .unwrap()
            .unwrap()
            .access_key_id,
        "AKIAIOSFODNN7OTHER00"
    );
    assert!(!format!("{vault:?}{key:?}").contains("canary"));
}

#[test]
fn what_the_aws_source_cannot_bring_is_brought_once() {
    let (_folder, vault) = source(CONFIG, ring(fixtures(), None));
    let empty = Workspace::parse("{ \"sessions\": [] }", Path::new("w"), None).unwrap();
    let listings = [
        ("aws", vault.aws.list().unwrap()),
        ("aws-vault", vault.list().unwrap()),
    ];
    let plan = Plan::new(&empty, &listings);
    let refused: Vec<&str> = plan
        .refused
        .iter()
        .map(|(_, one)| one.name.as_str())
        .collect();
    assert_eq!(
        refused,
        ["default", "shared", "own", "lost", "other", "lost"]
    );
    assert_eq!(plan.added().count(), 5);
    // The same lines from two sources are one session.
    let twice = [
        ("aws-vault", vault.list().unwrap()),
        ("x", vault.list().unwrap()),
    ];
    let plan = Plan::new(&empty, &twice);
    assert_eq!(plan.added().count(), 5);
    assert!(
        !plan
            .rows
            .iter()
            .any(|row| matches!(row.verdict, Verdict::Collides { .. }))
    );
}

#[test]
fn keys_that_do_not_open_are_told() {
    let told = |ring: GoKeyring| {
        let (_folder, vault) = source(CONFIG, ring);
        let listing = vault.list().unwrap();
        let error = vault.key(&listing.candidates[0]).unwrap_err();
        assert!(!error.hint.is_empty() && !error.message.contains("horse"));
        error.message
    };
    assert!(told(ring(fixtures(), Some("wrong"))).contains("the passphrase does not open"));
    assert!(told(ring(fixtures(), None)).contains("nobody can be asked"));
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read_to_string(fixtures().join("work")).unwrap();
    std::fs::write(folder.path().join("work"), &whole[..whole.len() / 2]).unwrap();
    let cut = told(ring(folder.path().to_owned(), Some("correct horse")));
    assert!(cut.contains("is damaged"), "{cut}");
}

#[test]
fn keys_come_out_of_pass() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("store/aws/team")).unwrap();
    for name in [
        "store/aws/work.gpg",
        "store/aws/team/prod.gpg",
        "store/mail.gpg",
    ] {
        std::fs::write(at(name), "sealed").unwrap();
    }
    // A `pass` that says what it was asked for, and has what the real one would print.
    let item = json!({ "Key": "work", "Data": data_encoding::BASE64.encode(
        br#"{"AccessKeyID":"AKIA1","SecretAccessKey":"canary"}"#) });
    let program = at("pass");
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2\" = 'show aws/work' ] && [ \"$PASSWORD_STORE_DIR\" = '{}' ] && echo '{item}'\n",
        at("store").display()
    );
    std::fs::write(&program, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).unwrap();
    let ring = GoKeyring {
        pass: (at("store"), "aws".to_owned()),
        pass_program: program.display().to_string(),
        only: Some("pass".to_owned()),
        ..ring(PathBuf::new(), None)
    };
    let (_folder, vault) = source(CONFIG, ring);
    let listing = vault.list().unwrap();
    let of = |name: &str| {
        listing
            .candidates
            .iter()
            .find(|one| one.name == name)
            .unwrap()
    };
    assert_eq!(
        vault.key(of("work")).unwrap().unwrap().access_key_id,
        "AKIA1"
    );
    let error = vault.key(of("team/prod-key")).unwrap_err();
    assert!(
        error.message.contains("`pass show aws/team/prod`"),
        "{}",
        error.message
    );
}

#[test]
fn the_profile_that_is_asked_for_is_found() {
    for (process, profile) in [
        ("aws-vault export --format=json work", Some("work")),
        ("/opt/bin/aws-vault exec -j work", Some("work")),
        ("aws-vault --backend=file exec work --json", Some("work")),
        ("aws-vault list", None),
        ("leapp session generate x", None),
        ("", None),
    ] {
        assert_eq!(profile_of(process), profile, "{process}");
    }
}
