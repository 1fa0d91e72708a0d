use std::collections::BTreeMap;

use dayfly_workspace::Workspace;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{Plan, Requirement, Verdict};

/// The machine that the fixtures were made for.
const MACHINE: &str = "0123456789abcdef0123456789abcdef";

fn fixture(version: u32) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/leapp");
    std::fs::read_to_string(folder.join(format!("version-{version}.json"))).unwrap()
}

/// A home with this as Leapp's file, and these shared AWS files.
fn home(file: &str, config: &str, credentials: &str) -> (TempDir, Leapp) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in [".Leapp", ".aws"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    std::fs::write(at(".Leapp/Leapp-lock.json"), file).unwrap();
    let aws = AwsProfiles {
        config: at(".aws/config"),
        credentials: at(".aws/credentials"),
    };
    std::fs::write(&aws.config, config).unwrap();
    std::fs::write(&aws.credentials, credentials).unwrap();
    let mut leapp = Leapp::new(folder.path().to_owned(), aws);
    leapp.machine_id = Some(SecretString::from(format!("{MACHINE}\n")));
    (folder, leapp)
}

fn listed(version: u32, config: &str, credentials: &str) -> Listing {
    let (_folder, leapp) = home(&fixture(version), config, credentials);
    leapp.list().unwrap()
}

fn plan(listing: &Listing) -> Plan {
    let empty = "{ \"sessions\": [] }";
    let empty = Workspace::parse(empty, Path::new("w"), None).unwrap();
    Plan::new(&empty, &[("leapp", listing.clone())])
}

/// The sessions that would be added, by their names.
fn added(listing: &Listing) -> BTreeMap<String, Value> {
    let plan = plan(listing);
    let added = plan.added();
    added
        .map(|(row, object)| (row.candidate.name.clone(), Value::Object(object.clone())))
        .collect()
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

#[test]
fn every_version_comes_wholly() {
    for version in 0..=7 {
        let listing = listed(version, "", "");
        let added = added(&listing);
        let names: Vec<&str> = added.keys().map(String::as_str).collect();
        let wanted = [
            "chained",
            "federated",
            "grandchild",
            "local",
            "prod/Admin",
            "prod/ReadOnly",
            "subscription",
            "user",
        ];
        assert_eq!(names, wanted, "{version}: {listing:#?}");
        let of = |name: &str| &added[name];
        assert_eq!(
            of("user"),
            &json!({
                "sessionId": id(1), "sessionName": "user", "type": "awsIamUser", "profileName": "default",
                "region": "eu-west-1", "mfaDevice": "arn:aws:iam::111111111111:mfa/me",
                "awsAccount": { "accountName": "main", "accountId": "111111111111" },
                "labels": { "pinned": "true" },
            })
        );
        let mut chained = json!({
            "sessionId": id(2), "sessionName": "chained", "type": "awsIamRoleChained", "profileName": "work",
            "parentSessionId": id(1), "region": "eu-central-1", "roleSessionName": "me",
            "roleArn": "arn:aws:iam::222222222222:role/Admin",
        });
        if version > 0 {
            chained["labels"] = json!({ "folder": "daily" });
        }
        assert_eq!(of("chained"), &chained);
        assert_eq!(of("grandchild")["parentSessionId"], json!(id(2)));
        assert_eq!(of("grandchild")["roleSessionName"], "assumed-from-leapp");
        let federated = of("federated");
        assert_eq!(federated["idpUrlId"], "idp-1");
        assert_eq!(federated["durationSeconds"], 7200);
        let sso = of("prod/Admin");
        assert_eq!(sso["roleArn"], "arn:aws:iam::444444444444/Admin");
        assert_eq!(sso["email"], "prod@example.com");
        let of_segment = (version > 0).then(|| json!({ "segment.portal": "true" }));
        assert_eq!(sso.get("labels"), of_segment.as_ref());
        let azure = of("subscription");
        assert_eq!(azure["tenantId"], "11111111-2222-4333-8444-555555555555");
        assert_eq!(
            azure.get("azureIntegrationId").and_then(Value::as_str),
            (version > 0).then_some("az-1")
        );
        assert_eq!(of("local")["endPointUrl"], "http://localhost:4566");
        // What does not come is told.
        let refused: Vec<&str> = listing
            .refused
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(refused, ["orphan", "proxy"], "{version}");
        assert!(!format!("{listing:?}").contains("canary"));
        let renamed = &listing
            .candidates
            .iter()
            .find(|one| one.name == "prod/Admin");
        let told = &renamed.unwrap().not_taken[0].why;
        assert!(told.contains("\"prod\" for 2 sessions"), "{told}");
    }
}

#[test]
fn what_comes_is_a_workspace_without_problems() {
    let listing = listed(7, "", "");
    let text = plan(&listing).apply("{\n  \"sessions\": []\n}\n").unwrap();
    let workspace = Workspace::parse(&text, Path::new("w"), None).unwrap();
    assert_eq!(workspace.problems(), [], "{text}");
    assert_eq!(workspace.idp_urls()[0].url, "https://idp.example.com/start");
    assert_eq!(
        workspace.azure_integrations()[0].region.as_deref(),
        Some("westeurope")
    );
    assert_eq!(
        workspace.aws_sso_integrations()[0].alias.as_deref(),
        Some("Corp")
    );
    // A second import finds all of it there, by its ids.
    let again = Plan::new(&workspace, &[("leapp", listing)]);
    assert_eq!(again.added().count(), 0);
    assert!(
        again
            .rows
            .iter()
            .all(|row| matches!(row.verdict, Verdict::Present(_)))
    );
}

#[test]
fn an_address_or_a_tenant_that_the_workspace_has_is_not_there_twice() {
    let text = r#"{ "sessions": [], "idpUrls": [{ "id": "mine", "url": "https://idp.example.com/start/" }],
        "azureIntegrations": [{ "id": "t", "tenantId": "11111111-2222-4333-8444-555555555555" }] }"#;
    let known = Workspace::parse(text, Path::new("w"), None).unwrap();
    let plan = Plan::new(&known, &[("leapp", listed(7, "", ""))]);
    let of = |name: &str, field: &str| {
        let mut added = plan.added();
        let (_, object) = added.find(|(row, _)| row.candidate.name == name).unwrap();
        object[field].clone()
    };
    assert_eq!(of("federated", "idpUrlId"), "mine");
    assert_eq!(of("subscription", "azureIntegrationId"), "t");
    let after = plan.apply(text).unwrap();
    let after = Workspace::parse(&after, Path::new("w"), None).unwrap();
    assert_eq!(
        (after.idp_urls().len(), after.azure_integrations().len()),
        (1, 1)
    );
    assert_eq!(after.problems(), []);
}

#[test]
fn profiles_that_call_leapp_are_taken_over() {
    let config = format!(
        "[default]\ncredential_process = leapp session generate {}\nregion = eu-west-1\n\
         [profile extra]\ncredential_process = /opt/bin/leapp session generate {}\n\
         [profile again]\ncredential_process = leapp session generate {}\n",
        id(1),
        id(6),
        id(6)
    );
    let listing = listed(7, &config, "");
    let of = |name: &str| {
        listing
            .candidates
            .iter()
            .find(|one| one.name == name)
            .unwrap()
    };
    let lines = |name: &str| -> Vec<String> {
        let lines = of(name).lines.iter();
        lines
            .flat_map(|one| one.keys.iter().map(|key| format!("{}.{key}", one.profile)))
            .collect()
    };
    assert_eq!(lines("user"), ["default.credential_process"]);
    assert_eq!(lines("federated"), [""; 0]);
    assert_eq!(of("federated").profile.as_deref(), Some("default"));
    assert_eq!(of("prod/ReadOnly").profile.as_deref(), Some("again"));
    assert_eq!(lines("prod/ReadOnly"), ["again.credential_process"]);
    let told: Vec<&str> = of("prod/ReadOnly")
        .not_taken
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(told, ["its name", "its named profile", "profile \"extra\""]);
}

#[test]
fn what_leapp_left_in_a_profile_is_set_aside_and_what_is_somebody_elses_is_in_the_way() {
    let left =
        "[default]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n";
    let listing = listed(
        7,
        "[profile work]\nrole_arn = arn:x\nsource_profile = y\n",
        left,
    );
    // The one of them that is listed first has the lines.
    let first = listing
        .candidates
        .iter()
        .find(|one| !one.lines.is_empty())
        .unwrap();
    assert_eq!(first.profile.as_deref(), Some("default"));
    assert_eq!(first.lines[0].keys.len(), 3);
    assert_eq!(
        listing
            .candidates
            .iter()
            .filter(|one| !one.lines.is_empty())
            .count(),
        1
    );
    let refused: Vec<&str> = listing
        .refused
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(refused, ["orphan", "proxy", "chained", "grandchild"]);
    assert!(listing.refused[2].why.contains("\"work\""));
    assert!(listing.refused[3].why.contains("\"chained\", whose"));

    let mine = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n";
    let listing = listed(7, "", mine);
    let left: Vec<&str> = listing
        .candidates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(left, ["subscription"]);
}

#[test]
fn a_file_that_does_not_open_is_told_and_nothing_comes() {
    let whole = fixture(7);
    let told = |file: &str, machine: &str| {
        let (_folder, mut leapp) = home(file, "", "");
        leapp.machine_id = Some(SecretString::copy_of(machine));
        let error = leapp.list().unwrap_err();
        assert!(error.file.ends_with("Leapp-lock.json") && !error.hint.is_empty());
        error.message
    };
    assert!(told(&whole, "other").contains("on another machine"));
    let cut = told(&whole[..whole.len() / 2], MACHINE);
    assert!(cut.contains("the end of"), "{cut}");
    assert!(told("{ \"sessions\": [] }", MACHINE).contains("is no Workspace of Leapp"));
    assert!(told("", MACHINE).contains("is no Workspace of Leapp"));
    // Nothing at all is no error.
    let (folder, leapp) = home(&whole, "", "");
    std::fs::remove_file(folder.path().join(".Leapp/Leapp-lock.json")).unwrap();
    assert_eq!(leapp.list().unwrap().candidates, []);
}

#[test]
fn what_is_no_model_is_told() {
    let told = |json: &str| Model::read(json).unwrap_err();
    assert!(told("{").contains("EOF"));
    assert!(told("[]").contains("no JSON object"));
    assert!(told("{}").contains("no list of sessions"));
    assert!(told(r#"{"_sessions": [], "_workspaceVersion": 8}"#).contains("version is 8"));
    let empty = Model::read(r#"{"_sessions": []}"#).unwrap();
    assert!(empty.sessions.is_empty());
}

#[test]
fn sessions_that_cannot_come_have_their_reasons() {
    let session = |more: Value| {
        let mut session = json!({ "sessionId": "a", "sessionName": "a", "type": "awsIamRoleChained",
            "roleArn": "arn:aws:iam::222222222222:role/A", "parentSessionId": "b" });
        for (field, value) in more.as_object().unwrap() {
            session[field] = value.clone();
        }
        session
    };
    let circle = session(json!({ "sessionId": "b", "sessionName": "b", "parentSessionId": "a" }));
    let google = session(
        json!({ "sessionId": "g", "sessionName": "g", "type": "google", "parentSessionId": null }),
    );
    let agent = session(
        json!({ "sessionId": "u", "sessionName": "u", "type": "awsIamUser", "parentSessionId": null,
        "agentPolicy": {} }),
    );
    let file = json!({ "_sessions": [session(json!({})), circle, google, agent] });
    let model = Model::read(&file.to_string()).unwrap();
    let listing = sessions::list(&LEAPP, &model, "file", None);
    let why: Vec<String> = listing
        .refused
        .iter()
        .map(|one| format!("{}: {}", one.name, one.why))
        .collect();
    assert_eq!(why.len(), 3, "{why:?}");
    assert!(why[0].starts_with("g: Leapp has no way"), "{why:?}");
    assert!(
        why[1].contains("\"b\", whose credentials it uses"),
        "{why:?}"
    );
    assert_eq!(listing.candidates[0].not_taken[0].field, "agentPolicy");
    assert_eq!(listing.candidates[0].requires, [Requirement::Secret]);
}

#[test]
fn a_window_that_runs_is_in_the_way() {
    let (folder, leapp) = home(&fixture(7), "", "");
    assert!(leapp.may_import().is_ok());
    let config = folder.path().join(".config/Leapp");
    std::fs::create_dir_all(&config).unwrap();
    let lock = config.join("SingletonLock");
    std::os::unix::fs::symlink(format!("host-{}", std::process::id()), &lock).unwrap();
    let error = leapp.may_import().unwrap_err();
    assert!(
        error.message.contains("Leapp is running"),
        "{}",
        error.message
    );
    // What it left when it was killed is in nobody's way.
    std::fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(format!("host-{}", i32::MAX), &lock).unwrap();
    assert!(leapp.may_import().is_ok());
}

#[test]
fn hopkey_has_the_same_model_under_other_names() {
    let (folder, leapp) = home(&fixture(7), "", "");
    std::fs::create_dir(folder.path().join(".hopkey")).unwrap();
    std::fs::rename(leapp.file(), folder.path().join(".hopkey/hopkey-lock.json")).unwrap();
    assert_eq!(leapp.list().unwrap().candidates, []);
    let mut hopkey = Leapp::hopkey(folder.path().to_owned(), leapp.aws.clone());
    hopkey.machine_id = Some(SecretString::copy_of(MACHINE));
    let theirs = hopkey.list().unwrap();
    assert_eq!(theirs.candidates.len(), 8);
    // What Hopkey took over from Leapp has the same ids, and comes once.
    let empty = Workspace::parse("{ \"sessions\": [] }", Path::new("w"), None).unwrap();
    let plan = Plan::new(&empty, &[("hopkey", theirs.clone()), ("leapp", theirs)]);
    assert_eq!(plan.added().count(), 8);
    assert!(
        !plan
            .rows
            .iter()
            .any(|row| matches!(row.verdict, Verdict::Collides { .. }))
    );
}
