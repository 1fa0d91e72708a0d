use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dayfly_vault::SecretString;

use super::*;

#[test]
fn profiles_of_granted_come_with_their_portal_or_their_key() {
    let config = "\
[profile dev]
granted_sso_start_url = https://corp.awsapps.com/start
granted_sso_region = eu-west-1
granted_sso_account_id = 333333333333
granted_sso_role_name = Developer
granted_sso_registration_scopes = sso:account:access
common_fate_generated_from = aws-sso
credential_process = granted credential-process --profile dev
region = eu-central-1

[profile chained]
role_arn = arn:aws:iam::222222222222:role/Admin
source_profile = dev

[profile work]
credential_process = /usr/local/bin/granted credential-process --profile work

[profile lost]
credential_process = granted credential-process --profile lost

[profile half]
granted_sso_account_id = 333333333333
granted_sso_role_name = Developer

[profile plain]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 444444444444
sso_role_name = Reader
";
    let folder = tempfile::tempdir().unwrap();
    let aws = AwsProfiles {
        config: folder.path().join("config"),
        credentials: folder.path().join("credentials"),
    };
    std::fs::write(&aws.config, config).unwrap();
    let granted = Granted {
        aws,
        ring: GoKeyring {
            tool: "Granted",
            collection: "none".to_owned(),
            pass: (PathBuf::from("/nonexistent"), String::new()),
            pass_program: "pass".to_owned(),
            files: Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/aws-vault/keys"),
            only: Some("file".to_owned()),
            variable: "CF_KEYRING_FILE_PASSWORD",
            ask: Box::new(|_| Some(SecretString::copy_of("correct horse"))),
            unlock_within: None,
            given: OnceLock::new(),
        },
    };
    let listing = granted.list().unwrap();
    let names: Vec<&str> = listing
        .candidates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["dev", "chained", "work"], "{listing:#?}");
    let dev = &listing.candidates[0];
    assert_eq!(dev.fields["roleArn"], "arn:aws:iam::333333333333/Developer");
    assert_eq!(listing.portals[0].url, "https://corp.awsapps.com/start");
    // All that Granted reads is set aside, and the region stays.
    let mut aside = dev.lines[0].keys.clone();
    aside.sort();
    let wanted = [
        "credential_process",
        "granted_sso_account_id",
        "granted_sso_region",
        "granted_sso_registration_scopes",
        "granted_sso_role_name",
        "granted_sso_start_url",
    ];
    assert_eq!(aside, wanted);
    assert_eq!(dev.not_taken.len(), 1);
    let work = &listing.candidates[2];
    assert_eq!(
        granted.key(work).unwrap().unwrap().access_key_id,
        "AKIAIOSFODNN7EXAMPLE"
    );
    let refused: Vec<&str> = listing
        .refused
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(refused, ["lost", "half"]);
}
