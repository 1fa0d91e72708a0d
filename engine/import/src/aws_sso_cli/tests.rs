use std::path::Path;

use dayfly_workspace::Workspace;
use serde_json::json;

use super::*;
use crate::Plan;

const CONFIG: &str = "\
SSOConfig:
  Default:
    SSORegion: us-east-1
    StartUrl: https://corp.awsapps.com/start
    DefaultRegion: eu-west-1
    Accounts:
      2561799549:
        Name: Sandbox
        Tags:
          Env: test
        Roles:
          Admin:
            Profile: sandbox-admin
            Tags:
              Env: prod
              Team: a
          Deploy:
            Via: arn:aws:iam::002561799549:role/Admin
            ExternalId: abc
            SourceIdentity: me
            DefaultRegion: eu-north-1
          Lost:
            Via: arn:aws:iam::999999999999:user/x
  Other:
    SSORegion: eu-central-1
    StartUrl: https://other.awsapps.com/start
  Broken:
    StartUrl: https://broken.awsapps.com/start
UrlAction: open
SecureStore: file
";
const AWS: &str = "\
# BEGIN_AWS_SSO_CLI
[profile prod:ReadOnly]
credential_process = /opt/homebrew/bin/aws-sso -u open -S \"Other\" process --arn arn:aws:iam::444444444444:role/ReadOnly
region = ap-south-1

[profile again]
credential_process = aws-sso -u open -S \"Other\" process --arn arn:aws:iam::444444444444:role/ReadOnly

[profile gone]
credential_process = aws-sso -S Gone process --arn arn:aws:iam::444444444444:role/ReadOnly
# END_AWS_SSO_CLI
";

fn source(config: &str) -> (tempfile::TempDir, AwsSsoCli) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("config.yaml"), config).unwrap();
    std::fs::write(at("aws"), AWS).unwrap();
    let source = AwsSsoCli {
        config: at("config.yaml"),
        cache: at("cache.json"),
        aws: AwsProfiles {
            config: at("aws"),
            credentials: at("credentials"),
        },
    };
    (folder, source)
}

#[test]
fn roles_of_the_configuration_and_of_profiles_that_call_it_come() {
    let (_folder, cli) = source(CONFIG);
    let listing = cli.list().unwrap();
    let names: Vec<&str> = listing
        .candidates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["sandbox-admin", "prod:ReadOnly", "Sandbox:Deploy"],
        "{listing:#?}"
    );
    let of = |name: &str| {
        listing
            .candidates
            .iter()
            .find(|one| one.name == name)
            .unwrap()
    };
    let admin = of("sandbox-admin");
    assert_eq!(admin.fields["roleArn"], "arn:aws:iam::002561799549/Admin");
    assert_eq!(
        admin.fields["labels"],
        json!({ "Env": "prod", "Team": "a" })
    );
    assert_eq!(admin.fields["region"], "eu-west-1");
    let deploy = of("Sandbox:Deploy");
    assert_eq!(deploy.kind.as_str(), "awsIamRoleChained");
    assert_eq!(deploy.parent, Some(Parent::Candidate(admin.key.clone())));
    assert_eq!(
        deploy.fields["roleArn"],
        "arn:aws:iam::002561799549:role/Deploy"
    );
    assert_eq!(
        (
            &deploy.fields["externalId"],
            &deploy.fields["sourceIdentity"]
        ),
        (&json!("abc"), &json!("me"))
    );
    assert_eq!(deploy.fields["region"], "eu-north-1");
    let prod = of("prod:ReadOnly");
    assert_eq!(prod.lines[0].keys, ["credential_process"]);
    assert_eq!(prod.fields["region"], "ap-south-1");
    assert!(
        prod.not_taken
            .iter()
            .any(|one| one.field == "profile \"again\"")
    );
    let refused: Vec<&str> = listing
        .refused
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(refused, ["Broken", "gone", "Sandbox:Lost"]);

    let empty = "{\n  \"sessions\": []\n}\n";
    let known = Workspace::parse(empty, Path::new("w"), None).unwrap();
    let text = Plan::new(&known, &[("aws-sso-cli", listing)])
        .apply(empty)
        .unwrap();
    let after = Workspace::parse(&text, Path::new("w"), None).unwrap();
    assert_eq!(after.problems(), [], "{text}");
    assert_eq!(after.aws_sso_integrations().len(), 2);
}

#[test]
fn roles_that_go_by_each_other_do_not_come() {
    let circle = "SSOConfig:\n  Default:\n    SSORegion: r\n    StartUrl: https://x.example\n    Accounts:\n      111111111111:\n        \
        Roles:\n          A: {Via: 'arn:aws:iam::111111111111:role/B'}\n          B: {Via: 'arn:aws:iam::111111111111:role/A'}\n";
    let (_folder, cli) = source(circle);
    let listing = cli.list().unwrap();
    assert_eq!(listing.candidates, []);
    let told = |name: &str| {
        listing
            .refused
            .iter()
            .any(|one| one.name == name && one.why.contains("goes by"))
    };
    assert!(
        told("111111111111:A") && told("111111111111:B"),
        "{listing:#?}"
    );
}

#[test]
fn a_configuration_that_is_none_is_told() {
    let (folder, cli) = source("SSOConfig: [\n");
    assert!(
        cli.list()
            .unwrap_err()
            .message
            .contains("no configuration of aws-sso-cli")
    );
    std::fs::remove_file(folder.path().join("config.yaml")).unwrap();
    assert_eq!(cli.list().unwrap(), Listing::default());
}

#[test]
fn roles_that_stand_only_in_the_cache_come_along() {
    let (folder, cli) = source(CONFIG);
    // Written by the tool: `Cache` with its version, portals by name, accounts without their first zeros.
    let role =
        |account: &str, name: &str| json!({ "Arn": format!("arn:aws:iam::{account}:role/{name}") });
    let mut chained = role("111111111111", "Chained");
    chained["Via"] = json!("arn:aws:iam::111111111111:role/Base");
    let cache = json!({
        "Version": 4, "ConfigCreatedAt": 1,
        "SSO": {
            "Default": { "LastUpdate": 1, "History": [], "Roles": {
                "SSORegion": "us-east-1", "StartUrl": "https://corp.awsapps.com/start", "DefaultRegion": "eu-west-1",
                "Accounts": {
                    "2561799549": { "Alias": "sandbox-at-aws", "EmailAddress": "a@example.com", "Roles": {
                        // The configuration says more of this one.
                        "Admin": role("002561799549", "Admin"),
                        "ViewOnly": role("002561799549", "ViewOnly"),
                    }},
                    "111111111111": { "Alias": "shop", "Tags": { "Env": "live" }, "DefaultRegion": "eu-south-1",
                        "Roles": { "Base": role("111111111111", "Base"), "Chained": chained } },
                },
            }},
            "Removed": { "Roles": { "Accounts": { "222222222222": { "Roles": { "X": role("222222222222", "X") } } } } },
        },
    });
    std::fs::write(folder.path().join("cache.json"), cache.to_string()).unwrap();
    let listing = cli.list().unwrap();
    let of = |name: &str| {
        let found = listing.candidates.iter().find(|one| one.name == name);
        found.unwrap_or_else(|| panic!("{name}: {listing:#?}"))
    };
    let names: Vec<&str> = listing
        .candidates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let wanted = [
        "sandbox-admin",
        "Sandbox:ViewOnly",
        "shop:Base",
        "prod:ReadOnly",
        "Sandbox:Deploy",
        "shop:Chained",
    ];
    assert_eq!(names.len(), wanted.len(), "{names:?}");
    for name in wanted {
        of(name);
    }
    assert_eq!(of("sandbox-admin").fields["labels"]["Team"], "a");
    assert_eq!(of("Sandbox:ViewOnly").fields["region"], "eu-west-1");
    let base = of("shop:Base");
    assert_eq!(base.fields["roleArn"], "arn:aws:iam::111111111111/Base");
    assert_eq!(base.fields["region"], "eu-south-1");
    assert_eq!(base.fields["labels"], json!({ "Env": "live" }));
    assert_eq!(base.fields["awsAccount"]["accountName"], "shop");
    let chained = of("shop:Chained");
    assert_eq!(chained.parent, Some(Parent::Candidate(base.key.clone())));
    assert!(listing.files.contains(&folder.path().join("cache.json")));

    // One that is cut off costs its own roles, and says so.
    std::fs::write(folder.path().join("cache.json"), "{\"SSO\": {").unwrap();
    let listing = cli.list().unwrap();
    assert_eq!(listing.candidates.len(), 3);
    let told = listing
        .refused
        .iter()
        .find(|one| one.name.contains("cache"))
        .unwrap();
    assert!(told.why.contains("no cache of aws-sso-cli"), "{told:?}");
}
