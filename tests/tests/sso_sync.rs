//! `dayfly integration sync`: thousands of roles, at the portal's pace, and nothing of the person's
//! is touched.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use dayfly_tests::portal::accounts;
use dayfly_tests::{Daemon, Home, Portal, until};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

fn signed_in(portal: &Portal, config: &str) -> Home {
    portal.tell(&json!({ "settings": { "auto": "allow" } }));
    let home = portal.home(config);
    home.run(["integration", "login", "corp", "--device"]).ok();
    home
}

fn sync(home: &Home, args: &[&str]) -> Value {
    let all = [&["integration", "sync", "corp", "--json"], args].concat();
    home.run(all).ok().json()
}

fn count(outcome: &Value, what: &str) -> usize {
    outcome[what].as_array().map_or(0, Vec::len)
}

fn workspace(home: &Home) -> String {
    std::fs::read_to_string(home.workspace()).expect("a Workspace")
}

#[test]
fn two_thousand_roles_come_within_the_rate_and_a_second_sync_writes_nothing() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    let roles: Vec<String> = (0..80).map(|n| format!("Role{n:02}")).collect();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    portal.tell(&json!({
        "accounts": accounts(25, &roles), "settings": { "accounts_page": 10 },
    }));
    let home = signed_in(&portal, "");
    let outcome = sync(&home, &[]);
    assert_eq!(count(&outcome, "added"), 2_000);
    assert_eq!(outcome["accounts"], 25);
    // 3 pages of accounts and one of roles for each account, at 5 a second after a burst of 5.
    let told = portal.told();
    let times = told["times"].as_array().expect("times");
    let times: Vec<f64> = times.iter().filter_map(Value::as_f64).collect();
    assert_eq!(times.len(), 28);
    for (n, start) in times.iter().enumerate() {
        let close = times[n..].iter().filter(|at| **at < start + 2.0).count();
        assert!(close <= 16, "{close} calls in 2 s");
    }
    let text = workspace(&home);
    let meta = std::fs::metadata(home.workspace()).expect("a file");
    home.save_config(&format!(
        "[aws]\nsso-endpoint-url = \"{0}\"\nsso-oidc-endpoint-url = \"{0}\"\n\
         [providers.sso]\nrate = 0\n",
        portal.endpoint()
    ));
    let outcome = sync(&home, &[]);
    assert_eq!(outcome["unchanged"], 2_000);
    for what in ["added", "changed", "removed"] {
        assert_eq!(count(&outcome, what), 0);
    }
    let after = std::fs::metadata(home.workspace()).expect("a file");
    assert_eq!(
        (after.ino(), after.mtime_nsec()),
        (meta.ino(), meta.mtime_nsec())
    );
    assert_eq!(workspace(&home), text);
    home.run(["workspace", "validate"]).ok();
    portal.assert_honest();
}

#[test]
fn what_the_person_changed_stays_and_the_portal_is_followed() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    portal.tell(&json!({ "accounts": accounts(2, &["Admin", "Reader"]) }));
    let home = signed_in(&portal, "[providers.sso]\nrate = 0\n");
    let before = workspace(&home);
    let dry = sync(&home, &["--dry-run"]);
    assert_eq!(count(&dry, "added"), 4);
    assert_eq!(workspace(&home), before, "a dry run changes nothing");
    sync(&home, &[]);
    let edit = ["session", "edit", "account-0/Admin", "--name", "boss"];
    let also = [
        "--label",
        "env=prod",
        "--profile",
        "mine",
        "--region",
        "eu-west-1",
    ];
    home.run([&edit[..], &also, &["--delivery", "none"]].concat())
        .ok();
    let edited = workspace(&home);
    let mut renamed = accounts(2, &["Admin", "Reader"]);
    renamed[0]["name"] = json!("renamed");
    renamed[1]["roles"] = json!(["Admin", "Brand New"]);
    portal.tell(&json!({ "accounts": renamed }));
    let outcome = sync(&home, &[]);
    let names = |what: &str| -> Vec<String> {
        let list = outcome[what].as_array().cloned().unwrap_or_default();
        let name = |one: &Value| one["name"].as_str().unwrap_or_default().to_owned();
        let mut names: Vec<String> = list.iter().map(name).collect();
        names.sort();
        names
    };
    assert_eq!(names("added"), ["account-1/Brand New"]);
    assert_eq!(names("changed"), ["account-0/Reader", "boss"]);
    assert_eq!(names("removed"), ["account-1/Reader"]);
    let find = |text: &str, name: &str| -> Value {
        let workspace: Value = serde_json::from_str(text).expect("JSON");
        let sessions = workspace["sessions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut sessions = sessions.into_iter();
        sessions
            .find(|s| s["sessionName"] == name)
            .expect("a session")
    };
    let (mut was, is) = (find(&edited, "boss"), find(&workspace(&home), "boss"));
    was["awsAccount"]["accountName"] = json!("renamed");
    assert_eq!(is, was, "only the account's name follows the portal");
    portal.assert_honest();
}

#[test]
fn a_role_that_was_lost_is_stopped_before_its_session_goes() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    for with_engine in [false, true] {
        portal.tell(&json!({ "accounts": accounts(1, &["Admin", "Reader"]) }));
        let home = signed_in(&portal, "[providers.sso]\nrate = 0\n");
        let _daemon = with_engine.then(|| Daemon::start(&home));
        sync(&home, &[]);
        home.run(["session", "start", "account-0/Admin"]).ok();
        home.run(["session", "start", "account-0/Reader"]).ok();
        assert!(home.credentials_text().contains("account-0.Reader"));
        portal.tell(&json!({ "accounts": accounts(1, &["Admin"]) }));
        let outcome = sync(&home, &[]);
        assert_eq!(count(&outcome, "removed"), 1);
        let credentials = home.credentials_text();
        assert!(!credentials.contains("account-0.Reader"), "{credentials}");
        assert!(credentials.contains("account-0.Admin"), "{credentials}");
        until(SOON, "the other is as it was", || {
            home.status("account-0/Admin") == "active"
        });
        // A portal that lists nothing at all is not believed without a word.
        portal.tell(&json!({ "accounts": [] }));
        let empty = home.run(["integration", "sync", "corp"]);
        assert_eq!(empty.code, 1, "{}", empty.err);
        assert!(empty.err.contains("--remove-all"), "{}", empty.err);
        let all = sync(&home, &["--remove-all"]);
        assert_eq!(count(&all, "removed"), 1);
        home.run(["integration", "remove", "corp"]).ok();
    }
    portal.assert_honest();
}

#[test]
fn a_portal_that_wants_fewer_calls_gets_them_and_half_a_list_changes_nothing() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    portal.tell(&json!({
        "accounts": accounts(12, &["Admin"]), "settings": { "portal_rate": 8 },
    }));
    let home = signed_in(&portal, "[providers.sso]\nrate = 60\nburst = 20\n");
    let outcome = sync(&home, &[]);
    assert_eq!(count(&outcome, "added"), 12);
    let before = workspace(&home);
    let refuse = json!({ "op": "ListAccountRoles", "status": 404,
        "type": "ResourceNotFoundException", "words": "gone" });
    portal.tell(&json!({
        "accounts": accounts(6, &["Admin"]), "faults": [refuse],
        "settings": { "portal_rate": null },
    }));
    let failed = home.run(["integration", "sync", "corp"]);
    assert_eq!(failed.code, 1, "{}", failed.err);
    assert_eq!(workspace(&home), before);
    // What passes is waited for.
    let drop = json!({ "op": "ListAccountRoles", "drop": true, "times": 2 });
    portal.tell(&json!({ "faults": [drop] }));
    let outcome = sync(&home, &[]);
    assert_eq!(count(&outcome, "removed"), 6);
    portal.assert_honest();
}

/// Roles for which a person has profiles already.
const GROWN: &str = "# mine\n[profile prod-admin]\nsso_session = corp\nsso_account_id = 111111111111\n\
    sso_role_name = Admin\nregion = us-east-1\n\n[profile other]\nregion = eu-west-1\n";

fn grown(portal: &Portal) -> (Home, std::path::PathBuf, String) {
    portal.tell(&json!({ "accounts": [
        { "id": "111111111111", "name": "Acme Prod", "email": "p@acme.example", "roles": ["Admin", "Reader"] },
        { "id": "222222222222", "name": "Acme Dev", "email": "d@acme.example", "roles": ["Admin"] }] }));
    let home = signed_in(portal, "");
    let mut workspace: Value = serde_json::from_str(&workspace(&home)).expect("JSON");
    let corp = &mut workspace["awsSsoIntegrations"][0];
    corp["profileTemplate"] = json!("{account_name}/{role}");
    let (url, region) = (corp["portalUrl"].clone(), corp["region"].clone());
    home.save_workspace(&workspace);
    let config = home.path().join(".aws").join("config");
    let text = format!(
        "{GROWN}\n[sso-session corp]\nsso_start_url = {}\nsso_region = {}\n",
        url.as_str().expect("a URL"),
        region.as_str().expect("a region")
    );
    std::fs::create_dir_all(config.parent().expect("a folder")).expect("it is made");
    std::fs::write(&config, &text).expect("it is written");
    (home, config, text)
}

fn profiles(home: &Home) -> Vec<(String, String)> {
    let listed = home.run(["session", "list", "--json"]).ok().json();
    let sessions = listed.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    sessions
        .iter()
        .map(|session| (text(&session["name"]), text(&session["profile"])))
        .collect()
}

#[test]
fn profiles_are_called_as_the_template_says_or_as_they_are_called_already() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    let (home, config, before) = grown(&portal);
    let wanted = sync(&home, &["--dry-run"]);
    let counts = |outcome: &Value| {
        ["adopted", "added", "changed", "removed"].map(|what| count(outcome, what))
    };
    assert_eq!(counts(&wanted), [1, 2, 0, 0], "{wanted}");
    assert_eq!(std::fs::read_to_string(&config).expect("a file"), before);
    let outcome = sync(&home, &[]);
    assert_eq!(counts(&outcome), [1, 2, 0, 0], "{outcome}");
    let expected = [
        ("Acme Dev/Admin", "Acme-Dev/Admin"),
        ("Acme Prod/Reader", "Acme-Prod/Reader"),
        ("prod-admin", "prod-admin"),
    ];
    let expected = expected.map(|(name, profile)| (name.to_owned(), profile.to_owned()));
    assert_eq!(profiles(&home), expected);
    let again = sync(&home, &[]);
    assert_eq!(
        (counts(&again), &again["unchanged"]),
        ([0; 4], &json!(3)),
        "{again}"
    );
    // The session is published under the name that the person has always used.
    home.run(["session", "start", "prod-admin"]).ok();
    let published = std::fs::read_to_string(&config).expect("a file") + &home.credentials_text();
    assert!(
        published.contains("[profile other]\nregion = eu-west-1\n"),
        "{published}"
    );
    assert_eq!(home.status("prod-admin"), "active");
    let session = home.session("prod-admin").expect("it is there");
    let delivered = session["delivery"].as_array().expect("places");
    assert!(
        !delivered.is_empty() && delivered.iter().all(|place| place.get("error").is_none()),
        "{session}"
    );
    // Once the role is not listed any more, the lines are the person's again.
    portal.tell(&json!({ "accounts": [
        { "id": "222222222222", "name": "Acme Dev", "email": "d@acme.example", "roles": ["Admin"] }] }));
    let outcome = sync(&home, &[]);
    assert_eq!(count(&outcome, "removed"), 2, "{outcome}");
    assert_eq!(std::fs::read_to_string(&config).expect("a file"), before);
}

#[test]
fn new_profiles_leave_the_shared_files_alone_and_a_wrong_template_changes_nothing() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    let (home, config, before) = grown(&portal);
    let outcome = sync(&home, &["--new-profiles"]);
    assert_eq!(
        (count(&outcome, "adopted"), count(&outcome, "added")),
        (0, 3),
        "{outcome}"
    );
    assert_eq!(std::fs::read_to_string(&config).expect("a file"), before);
    let (home, config, before) = grown(&portal);
    let text = workspace(&home).replace("{account_name}/{role}", "{account}/{role}");
    home.save(&home.workspace(), &text);
    let refused = home.run(["integration", "sync", "corp"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains("{account}, which does not exist"),
        "{refused:?}"
    );
    assert_eq!(workspace(&home), text);
    assert_eq!(std::fs::read_to_string(&config).expect("a file"), before);
    let added = home.run([
        "integration",
        "add",
        "x",
        "--portal-url",
        "https://x.example/start",
        "--region",
        "eu-west-1",
        "--profile-template",
        "{role}",
    ]);
    assert_eq!(added.code, 2, "{added:?}");
}
