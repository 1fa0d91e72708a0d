use std::path::Path;

use dayfly_workspace::Workspace;

use super::*;
use crate::{Candidate, Plan, Verdict};

const AWS: &str = "\
[default]
region = eu-west-1
mfa_serial = arn:aws:iam::111111111111:mfa/me

[profile admin]
role_arn = arn:aws:iam::222222222222:role/Admin
source_profile = default

[profile short]
role_arn = arn:aws:iam::222222222222:role/Short
source_profile = default
duration_seconds = 900
role_session_name = own
mfa_serial = arn:aws:iam::111111111111:mfa/other
";
const KEY: &str =
    "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s\n";

fn source(config: &str) -> (tempfile::TempDir, Awsume) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("config.yaml"), config).unwrap();
    std::fs::write(at("aws"), AWS).unwrap();
    std::fs::write(at("credentials"), KEY).unwrap();
    let awsume = Awsume {
        config: at("config.yaml"),
        aws: AwsProfiles {
            config: at("aws"),
            credentials: at("credentials"),
        },
    };
    (folder, awsume)
}

#[test]
fn roles_have_what_the_configuration_adds_and_come_once() {
    let (_folder, awsume) =
        source("colors: true\nfuzzy-match: false\nrole-duration: '7200'\nrole-session-name: me\n");
    let listing = awsume.list().unwrap();
    let of = |name: &str| -> &Candidate {
        let mut all = listing.candidates.iter();
        all.find(|one| one.name == name).unwrap()
    };
    assert_eq!(of("admin").fields["durationSeconds"], 7200);
    assert_eq!(of("admin").fields["roleSessionName"], "me");
    assert_eq!(
        of("admin").fields["mfaDevice"],
        "arn:aws:iam::111111111111:mfa/me"
    );
    assert_eq!(of("admin").requires, [Requirement::MfaCode]);
    // The key that it takes comes along; what says all itself is for the other source.
    let names: Vec<&str> = listing
        .candidates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["default", "admin"]);

    let empty = Workspace::parse("{ \"sessions\": [] }", Path::new("w"), None).unwrap();
    let plan = Plan::new(
        &empty,
        &[
            ("awsume", listing.clone()),
            ("aws", awsume.aws.list().unwrap()),
        ],
    );
    let added: Vec<&str> = plan
        .added()
        .map(|(row, _)| row.candidate.name.as_str())
        .collect();
    assert_eq!(added, ["default", "admin", "short"]);
    assert!(
        !plan
            .rows
            .iter()
            .any(|row| matches!(row.verdict, Verdict::Collides { .. }))
    );
    let (_, admin) = plan.added().nth(1).unwrap();
    assert_eq!(admin["durationSeconds"], 7200);
}

#[test]
fn a_configuration_that_is_none_is_told_and_one_that_adds_nothing_brings_nothing() {
    let (_folder, awsume) = source("role-duration: [\n");
    assert!(
        awsume
            .list()
            .unwrap_err()
            .message
            .contains("no configuration of awsume")
    );
    let (_folder, awsume) = source("role-duration: 60\n");
    let listing = awsume.list().unwrap();
    assert!(
        listing
            .refused
            .iter()
            .any(|one| one.why.contains("role-duration is 60")),
        "{listing:#?}"
    );
    let (folder, awsume) = source("");
    std::fs::write(
        folder.path().join("aws"),
        AWS.replace("mfa_serial = arn:aws:iam::111111111111:mfa/me\n", ""),
    )
    .unwrap();
    assert_eq!(awsume.list().unwrap().candidates, []);
}
