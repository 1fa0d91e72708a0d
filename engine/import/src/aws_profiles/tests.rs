use std::path::Path;

use dayfly_core::session::{Access, SessionType};
use dayfly_workspace::Workspace;
use serde_json::Value;

use super::*;
use crate::{Candidate, Parent, Plan, Requirement, Verdict};

/// The source with these texts as its files.
fn listed(config: &str, credentials: &str) -> Listing {
    let folder = tempfile::tempdir().unwrap();
    let files = AwsProfiles {
        config: folder.path().join("config"),
        credentials: folder.path().join("credentials"),
    };
    std::fs::write(&files.config, config).unwrap();
    std::fs::write(&files.credentials, credentials).unwrap();
    let before = (config.as_bytes().to_vec(), credentials.as_bytes().to_vec());
    let listing = files.list().unwrap();
    let read = |path| std::fs::read(path).unwrap();
    assert_eq!(before, (read(&files.config), read(&files.credentials)));
    listing
}

fn find<'a>(listing: &'a Listing, key: &str) -> &'a Candidate {
    let found = listing
        .candidates
        .iter()
        .find(|candidate| candidate.key == key);
    found.unwrap_or_else(|| panic!("no {key} in {listing:#?}"))
}

fn why(listing: &Listing, name: &str) -> String {
    let found = listing.refused.iter().find(|refused| refused.name == name);
    found
        .unwrap_or_else(|| panic!("{name} is not refused: {listing:#?}"))
        .why
        .clone()
}

const KEY: &str =
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG\n";

#[test]
fn each_way_to_sign_in_becomes_its_access_method() {
    let config = "\
[default]
region = eu-west-1
output = json
mfa_serial = arn:aws:iam::111111111111:mfa/me

[profile admin]
role_arn = arn:aws:iam::222222222222:role/Admin
source_profile = default
external_id = abc
duration_seconds = 3600
role_session_name = me
mfa_serial = arn:aws:iam::111111111111:mfa/me
region = eu-central-1
cli_pager =

[profile ci]
role_arn = arn:aws:iam::222222222222:role/Ci
web_identity_token_file = /run/token

[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access

[profile dev]
sso_session = corp
sso_account_id = 333333333333
sso_role_name = Developer
s3 =
  max_concurrent_requests = 20

[profile old]
sso_start_url = https://corp.awsapps.com/start#/
sso_region = eu-west-1
sso_account_id = 444444444444
sso_role_name = Reader
";
    let listing = listed(config, &format!("[default]\n{KEY}"));
    assert_eq!(listing.refused, []);
    let user = find(&listing, "default");
    assert_eq!(user.kind.as_str(), "awsIamUser");
    assert_eq!(user.fields["mfaDevice"], "arn:aws:iam::111111111111:mfa/me");
    assert_eq!(user.fields["region"], "eu-west-1");
    assert_eq!(
        user.secret.as_ref().unwrap().access_key_id,
        "AKIAIOSFODNN7EXAMPLE"
    );
    assert_eq!(user.requires, [Requirement::Secret, Requirement::MfaCode]);
    assert!(!format!("{listing:?}").contains("wJalrXUtnFEMI"));
    let admin = find(&listing, "admin");
    assert_eq!(admin.kind.as_str(), "awsIamRoleChained");
    assert_eq!(admin.parent, Some(Parent::Candidate("default".into())));
    let fields = serde_json::json!({
        "roleArn": "arn:aws:iam::222222222222:role/Admin", "externalId": "abc", "roleSessionName": "me",
        "durationSeconds": 3600, "mfaDevice": "arn:aws:iam::111111111111:mfa/me", "region": "eu-central-1",
    });
    assert_eq!(Value::Object(admin.fields.clone()), fields);
    assert_eq!(admin.not_taken, []);
    let ci = find(&listing, "ci");
    assert_eq!(
        (ci.kind.as_str(), &ci.fields["tokenFile"]),
        ("awsIamRoleWebIdentity", &Value::from("/run/token"))
    );
    // Both forms of one portal are one sign-in.
    assert_eq!(listing.portals.len(), 1);
    assert_eq!(listing.portals[0].alias, "corp");
    let (dev, old) = (find(&listing, "dev"), find(&listing, "old"));
    assert_eq!(dev.fields["roleArn"], "arn:aws:iam::333333333333/Developer");
    assert_eq!(
        (dev.portal.as_deref(), dev.portal == old.portal),
        (Some("https://corp.awsapps.com/start"), true)
    );
    let not_taken: Vec<_> = dev.not_taken.iter().map(|n| n.field.as_str()).collect();
    assert_eq!(not_taken, ["s3"]);
}

#[test]
fn a_profile_with_a_key_and_a_role_is_two_sessions() {
    let config = "[profile both]\nrole_arn = arn:aws:iam::222222222222:role/A\nsource_profile = both\n\
                  mfa_serial = arn:aws:iam::111111111111:mfa/me\n\
                  [profile leaf]\nrole_arn = arn:aws:iam::333333333333:role/B\nsource_profile = both\n";
    let listing = listed(config, &format!("[both]\n{KEY}"));
    let keys: Vec<_> = listing.candidates.iter().map(|c| c.key.as_str()).collect();
    assert_eq!(keys, ["both#key", "both", "leaf"]);
    let key = find(&listing, "both#key");
    assert_eq!(
        (key.profile.as_deref(), key.name.as_str()),
        (None, "both-key")
    );
    assert!(!key.fields.contains_key("mfaDevice"));
    assert_eq!(
        find(&listing, "both").parent,
        Some(Parent::Candidate("both#key".into()))
    );
    // As a source, the key counts and not the role: as the AWS CLI does it.
    assert_eq!(
        find(&listing, "leaf").parent,
        Some(Parent::Candidate("both#key".into()))
    );
}

#[test]
fn what_a_program_prints_and_what_the_machine_has_are_sessions() {
    let config = "[profile tool]\ncredential_process = /usr/bin/my-tool --for \"a b\"\nregion = eu-west-1\n\
                  [profile leaf]\nrole_arn = arn:aws:iam::222222222222:role/L\nsource_profile = tool\n\
                  [profile m1]\nrole_arn = arn:aws:iam::222222222222:role/M\ncredential_source = Ec2InstanceMetadata\n\
                  [profile m2]\nrole_arn = arn:aws:iam::333333333333:role/M\ncredential_source=ec2instancemetadata\n";
    let listing = listed(config, "");
    assert_eq!(listing.refused, []);
    let keys: Vec<_> = listing.candidates.iter().map(|c| c.key.as_str()).collect();
    assert_eq!(keys, ["tool", "leaf", "#Ec2InstanceMetadata", "m1", "m2"]);
    let tool = find(&listing, "tool");
    assert_eq!(tool.kind, SessionType::Process);
    assert_eq!(
        tool.fields["command"],
        serde_json::json!(["/usr/bin/my-tool", "--for", "a b"])
    );
    assert_eq!(tool.lines[0].keys, ["credential_process"]);
    assert_eq!(
        find(&listing, "leaf").parent,
        Some(Parent::Candidate("tool".into()))
    );
    let machine = Some(Parent::Candidate("#Ec2InstanceMetadata".into()));
    for name in ["m1", "m2"] {
        let role = find(&listing, name);
        assert_eq!(role.parent, machine, "{name}");
        assert!(role.lines[0].keys.contains(&"credential_source".to_owned()));
    }
    let empty = "{\n  \"sessions\": []\n}\n";
    let plan = Plan::new(&workspace(empty), &[("aws", listing)]);
    let after = workspace(&plan.apply(empty).unwrap());
    assert_eq!(after.sessions().len(), 5);
}

#[test]
fn what_cannot_come_is_told_with_the_reason() {
    let config = "\
[profile a]
role_arn = arn:aws:iam::222222222222:role/A
source_profile = b
[profile b]
role_arn = arn:aws:iam::222222222222:role/B
source_profile = a
[profile self]
role_arn = arn:aws:iam::222222222222:role/S
source_profile = self
[profile lost]
role_arn = arn:aws:iam::222222222222:role/L
source_profile = nowhere
[profile machine]
role_arn = arn:aws:iam::222222222222:role/M
credential_source = Ec2Instance
[profile tool]
credential_process = /usr/bin/my-tool '--x
[profile vaulted]
credential_process = aws-vault export --format=json work
[profile login]
login_session = me
[profile sso]
sso_session = gone
sso_account_id = 333333333333
sso_role_name = R
[profile long]
role_arn = arn:aws:iam::222222222222:role/X
source_profile = user
duration_seconds = 90000
[profile empty]
region = eu-west-1
[profile over]
role_arn = arn:aws:iam::222222222222:role/X
source_profile = temporary
";
    let credentials = format!(
        "[user]\n{KEY}[temporary]\n{KEY}aws_session_token = x\n[half]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
    );
    let listing = listed(config, &credentials);
    let keys: Vec<_> = listing.candidates.iter().map(|c| c.key.as_str()).collect();
    assert_eq!(keys, ["user"]);
    for (name, reason) in [
        ("a", "source_profile \"b\" cannot come"),
        ("b", "leads back to it"),
        ("self", "source_profile is itself"),
        ("lost", "\"nowhere\" does not exist"),
        (
            "machine",
            "\"Ec2Instance\"; there are Environment, EcsContainer, Ec2InstanceMetadata",
        ),
        ("tool", "cannot be taken apart"),
        ("vaulted", "aws-vault gives"),
        ("login", "not the ARN of who signs in"),
        ("sso", "no [sso-session gone]"),
        ("long", "AWS takes 900 to 43200"),
        ("empty", "no way to sign in"),
        ("over", "\"temporary\" cannot come"),
        ("temporary", "temporary"),
        ("half", "half a key"),
    ] {
        let told = why(&listing, name);
        assert!(told.contains(reason), "{name}: {told}");
    }
    // Every profile is either there or refused, once.
    assert_eq!(listing.candidates.len() + listing.refused.len(), 15);
}

fn workspace(text: &str) -> Workspace {
    let workspace = Workspace::parse(text, Path::new("w"), None).unwrap();
    assert_eq!(workspace.problems(), [], "{text}");
    workspace
}

#[test]
fn a_second_import_adds_nothing_and_what_is_in_the_way_is_told() {
    let config = "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
                  [profile dev]\nsso_session = corp\nsso_account_id = 333333333333\nsso_role_name = R\n\
                  [profile taken]\nrole_arn = arn:aws:iam::222222222222:role/A\nsource_profile = user\n\
                  [profile child]\nrole_arn = arn:aws:iam::222222222222:role/C\nsource_profile = taken\n";
    let listing = || listed(config, &format!("[user]\n{KEY}"));
    let empty = "{\n  \"sessions\": []\n}\n";
    let plan = Plan::new(&workspace(empty), &[("aws", listing())]);
    let text = plan.apply(empty).unwrap();
    let after = workspace(&text);
    assert_eq!(after.sessions().len(), 4);
    let again = Plan::new(&after, &[("aws", listing())]);
    assert_eq!(again.added().count(), 0);
    assert_eq!(again.apply(&text).unwrap(), text);

    let mine = r#"{"sessions": [
      {"sessionId": "x", "sessionName": "mine", "type": "localstack", "profileName": "taken"}
    ]}"#;
    let plan = Plan::new(&workspace(mine), &[("aws", listing())]);
    let told = |key: &str| {
        let row = plan
            .rows
            .iter()
            .find(|row| row.candidate.key == key)
            .unwrap();
        match &row.verdict {
            Verdict::Collides { why, .. } => why.clone(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(
        told("taken"),
        "its named profile is that of session \"mine\" of the Workspace"
    );
    assert_eq!(
        told("child"),
        "\"taken\", whose credentials it uses, does not come"
    );
    assert_eq!(plan.added().count(), 2);
    workspace(&plan.apply(mine).unwrap());
}

#[test]
fn a_sign_in_to_the_console_comes_with_its_arn_and_roles_upon_it() {
    let config = "[profile console]\nlogin_session = arn:aws:sts::222222222222:assumed-role/Admin/me\n\
                  region = eu-west-1\n[profile child]\nsource_profile = console\n\
                  role_arn = arn:aws:iam::222222222222:role/C\n";
    let empty = "{\n  \"sessions\": []\n}\n";
    let plan = Plan::new(&workspace(empty), &[("aws", listed(config, ""))]);
    let text = plan.apply(empty).unwrap();
    let after = workspace(&text);
    let of = |name: &str| {
        let mut sessions = after.sessions().iter().map(|entry| &entry.session);
        sessions.find(|session| session.name == name).unwrap()
    };
    assert_eq!(
        of("console").access,
        Access::AwsLogin {
            login_session: "arn:aws:sts::222222222222:assumed-role/Admin/me".to_owned()
        }
    );
    assert_eq!(of("console").account.as_deref(), Some("222222222222"));
    assert_eq!(of("child").parent(), Some(&of("console").id));
    let again = Plan::new(&after, &[("aws", listed(config, ""))]);
    assert_eq!(again.added().count(), 0);
}

#[test]
fn a_role_for_longer_than_its_parent_can_give_does_not_come_and_why_is_told() {
    let role = |name: &str, parent: &str, seconds: u32| {
        format!(
            "[profile {name}]\nrole_arn = arn:aws:iam::222222222222:role/{name}\n\
             source_profile = {parent}\nduration_seconds = {seconds}\n"
        )
    };
    let config = format!(
        "{}{}{}[profile console]\nlogin_session = arn:aws:iam::222222222222:user/me\n{}",
        role("of-user", "user", 7_200),
        role("of-role", "of-user", 7_200),
        role("an-hour", "of-user", 3_600),
        role("of-login", "console", 7_200),
    );
    let listing = listed(&config, &format!("[user]\n{KEY}"));
    let plan = Plan::new(&workspace("{\"sessions\": []}"), &[("aws", listing)]);
    let comes: Vec<_> = plan
        .added()
        .map(|(row, _)| row.candidate.key.as_str())
        .collect();
    assert_eq!(comes, ["user", "of-user", "an-hour", "console"]);
    for (key, parent) in [("of-role", "of-user"), ("of-login", "console")] {
        let row = plan.rows.iter().find(|row| row.candidate.key == key);
        let told = format!("{:?}", row.unwrap().verdict);
        let part = format!(
            "its parent \\\"{parent}\\\" has temporary credentials: AWS allows at most 3600"
        );
        assert!(told.contains(&part), "{told}");
    }
}

#[test]
fn what_the_aws_cli_cannot_read_is_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let files = AwsProfiles {
        config: folder.path().join("config"),
        credentials: folder.path().join("credentials"),
    };
    assert_eq!(files.list().unwrap().candidates, []);
    std::fs::write(&files.config, "[profile a]\nregion\n").unwrap();
    let told = files.list().unwrap_err();
    assert_eq!(told.file, files.config);
    assert!(told.message.contains("line 2"), "{told}");
}
