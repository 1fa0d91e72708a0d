//! `awsSsoRole` end to end: sign-in, roles, credentials, failures.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_tests::portal::accounts;
use dayfly_tests::watch::shown;
use dayfly_tests::{Daemon, Home, Ministack, Portal, aws, until, within};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);
/// Where the AWS CLI looks for the sign-in to the portal of [`Portal::home`]: `sha1sum` of its
/// start address.
const LEGACY: &str = "https://corp.awsapps.com/start";

/// A browser without a screen: it goes where it is sent until a page is shown.
fn browser(home: &Home) -> PathBuf {
    let program = home.path().join("browser");
    let python = std::env::var("DAYFLY_TEST_PYTHON").expect("Python");
    let script = format!(
        "#!{python}\nimport sys, urllib.request\n\
         page = urllib.request.urlopen(sys.argv[1]).read().decode()\n\
         open(sys.argv[0] + '.page', 'w').write(page)\n"
    );
    std::fs::write(&program, script).expect("a file");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("its mode");
    program
}

/// Signs in by the flow of a browser that says yes.
fn sign_in(portal: &Portal, home: &Home) {
    portal.tell(&json!({ "settings": { "auto": "allow" } }));
    let output = home
        .command(["integration", "login", "corp"])
        .env("BROWSER", browser(home))
        .output()
        .expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
}

fn cache_file(home: &Home, name: &str) -> PathBuf {
    let script = "import hashlib, sys; print(hashlib.sha1(sys.argv[1].encode()).hexdigest())";
    let mut command = std::process::Command::new("python3");
    let output = command.args(["-c", script, name]).output();
    let output = output.expect("Python runs");
    let hex = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let folder = home.path().join(".aws/sso/cache");
    folder.join(hex).with_extension("json")
}

fn cached(home: &Home, name: &str) -> Value {
    let text = std::fs::read_to_string(cache_file(home, name)).expect("a sign-in");
    serde_json::from_str(&text).expect("JSON")
}

/// A Workspace with sessions of roles in the first account.
fn with_sessions(home: &Home, roles: &[&str]) {
    let sessions: Vec<Value> = roles
        .iter()
        .map(|role| {
            json!({
                "sessionId": role, "sessionName": role, "type": "awsSsoRole",
                "profileName": role, "region": "us-east-1",
                "roleArn": format!("arn:aws:iam::100000000000/{role}"),
                "awsSsoConfigurationId": "corp-id",
            })
        })
        .collect();
    let text = std::fs::read_to_string(home.workspace()).expect("a Workspace");
    let mut workspace: Value = serde_json::from_str(&text).expect("JSON");
    workspace["sessions"] = Value::from(sessions);
    home.save_workspace(&workspace);
}

#[test]
fn from_the_first_command_to_a_real_client() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let _ = sts.role("Admin");
    let Some(portal) = Portal::start(Some(&sts.endpoint())) else {
        return;
    };
    portal.tell(&json!({ "accounts": accounts(1, &["Admin"]),
        "settings": { "auto": "allow", "pending": 1, "slow_down": 0, "strict": true } }));
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsso-endpoint-url = \"{0}\"\nsso-oidc-endpoint-url = \"{0}\"\n",
        portal.endpoint()
    ));
    home.run([
        "integration",
        "add",
        "corp",
        "--region",
        "us-east-1",
        "--portal-url",
        LEGACY,
    ])
    .ok();
    let list = home.run(["integration", "list", "--json"]).ok().json();
    assert_eq!(list[0]["signedIn"], json!(false));
    let early = home.run(["integration", "sync", "corp"]);
    assert_eq!(early.code, 5, "{}", early.err);
    assert!(
        early.err.contains("dayfly integration login corp"),
        "{}",
        early.err
    );
    // Nothing opens here, so a code is shown.
    let login = home.run(["integration", "login", "corp"]).ok();
    assert!(
        login.out.contains("you sign in with a code"),
        "{}",
        login.out
    );
    assert!(login.out.contains("signed in to corp"), "{}", login.out);
    let list = home.run(["integration", "list", "--json"]).ok().json();
    assert_eq!(list[0]["signedIn"], json!(true));
    // Renewed by itself, and until when that can be.
    assert!(
        list[0]["ends"].as_u64().is_some_and(|ends| ends > 0),
        "{list}"
    );
    let sync = home
        .run(["integration", "sync", "corp", "--json"])
        .ok()
        .json();
    assert_eq!(sync["added"][0]["name"], "account-0/Admin");
    let region = [
        "session",
        "edit",
        "account-0/Admin",
        "--region",
        "us-east-1",
    ];
    home.run(region).ok();
    home.run(["session", "start", "account-0/Admin"]).ok();
    let caller = aws::boto3_caller(&home, "account-0.Admin", &sts.endpoint());
    let caller = caller.expect("boto3 gets in");
    assert!(caller.contains(":assumed-role/Admin/"), "{caller}");
    let mode = cache_file(&home, LEGACY)
        .metadata()
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(portal.count("RegisterClient"), 1);
    home.run(["integration", "login", "corp", "--device"]).ok();
    assert_eq!(
        portal.count("RegisterClient"),
        1,
        "a registration is kept until it ends"
    );
    portal.assert_honest();
}

#[test]
fn a_browser_signs_in_and_nobody_sees_how() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    portal.tell(&json!({ "accounts": accounts(1, &["Admin"]) }));
    let home = portal.home("");
    with_sessions(&home, &["Admin"]);
    sign_in(&portal, &home);
    // The browser writes its page down after it has read it: the command may end before.
    until(SOON, "the browser is told", || {
        std::fs::read_to_string(home.path().join("browser.page"))
            .is_ok_and(|page| page.contains("Signed in") && page.contains("corp"))
    });
    assert_eq!(portal.count("grant authorization_code"), 1);
    let sign_in_file = cached(&home, LEGACY);
    for field in [
        "startUrl",
        "region",
        "accessToken",
        "expiresAt",
        "clientId",
        "clientSecret",
        "registrationExpiresAt",
        "refreshToken",
    ] {
        assert!(sign_in_file[field].is_string(), "{field}: {sign_in_file}");
    }
    assert!(
        sign_in_file["expiresAt"]
            .as_str()
            .is_some_and(|t| t.ends_with('Z') && t.len() == 20)
    );
    home.run(["session", "start", "Admin"]).ok();
    // Who says no is told so, here and in the browser.
    portal.tell(&json!({ "settings": { "auto": "deny" } }));
    let output = home
        .command(["integration", "login", "corp"])
        .env("BROWSER", browser(&home))
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(5));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("you refused it in the browser"), "{err}");
    until(SOON, "the browser is told", || {
        std::fs::read_to_string(home.path().join("browser.page"))
            .is_ok_and(|page| page.contains("Not signed in"))
    });
    let denied = home.run(["integration", "login", "corp", "--device"]);
    assert_eq!(denied.code, 5, "{}", denied.err);
    portal.assert_honest();
}

#[test]
fn signing_out_is_for_all_who_share_the_sign_in() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    portal.tell(&json!({ "accounts": accounts(1, &["Admin"]) }));
    let home = portal.home("");
    with_sessions(&home, &["Admin"]);
    sign_in(&portal, &home);
    let token = cached(&home, LEGACY)["accessToken"].clone();
    home.run(["integration", "logout", "corp"]).ok();
    assert!(!cache_file(&home, LEGACY).exists());
    let told = portal.told();
    assert!(told["revoked"].as_array().expect("a list").contains(&token));
    let start = home.run(["session", "start", "Admin"]);
    assert_eq!(start.code, 5, "{}", start.err);
    assert!(
        start
            .err
            .contains("you are not signed in to integration \"corp\""),
        "{}",
        start.err
    );
    let again = home.run(["integration", "logout", "corp"]).ok();
    assert!(
        again.out.contains("you were not signed in"),
        "{}",
        again.out
    );
    portal.assert_honest();
}

/// Starts a session and says how that failed.
fn failure(home: &Home, session: &str) -> Value {
    let order = home.run(["session", "start", session]);
    assert_ne!(order.code, 0, "{}", order.out);
    json!({ "code": order.code, "says": order.err })
}

fn says(failure: &Value, code: i64, words: &[&str]) {
    assert_eq!(failure["code"], code, "{failure:#}");
    let text = failure["says"].as_str().unwrap_or_default();
    for word in words {
        assert!(text.contains(word), "\"{word}\" is missing: {text}");
    }
}

#[test]
fn each_failure_says_what_it_is_and_old_credentials_serve_until_they_end() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    portal.tell(&json!({ "accounts": accounts(1, &["Admin", "Old"]) }));
    let home = portal.home("");
    with_sessions(&home, &["Admin", "Old", "Other"]);
    sign_in(&portal, &home);
    home.run(["session", "start", "Old"]).ok();
    let before = home.credentials_text();
    assert!(before.contains("[Old]"), "{before}");

    says(
        &failure(&home, "Other"),
        1,
        &[
            "ForbiddenException",
            "No access",
            "integration sync corp",
            "request fake-",
        ],
    );
    let fault = |fault: Value| portal.tell(&json!({ "faults": [fault] }));
    let op = "GetRoleCredentials";
    fault(json!({ "op": op, "status": 429, "type": "TooManyRequestsException", "retryAfter": 30 }));
    says(
        &failure(&home, "Admin"),
        1,
        &["asks for fewer calls", "TooManyRequestsException"],
    );
    fault(json!({ "op": op, "drop": true, "times": 9 }));
    says(&failure(&home, "Admin"), 1, &["could not be reached"]);
    fault(json!({ "op": op, "status": 503, "times": 9 }));
    says(&failure(&home, "Admin"), 1, &["has an outage"]);
    // The portal's clock is 10 minutes behind this machine's, and the credentials are short.
    portal.tell(
        &json!({ "faults": [], "settings": { "credentials_ttl": 300, "credentials_shift": -600 } }),
    );
    says(
        &failure(&home, "Admin"),
        1,
        &[
            "expired",
            "by this machine's clock",
            "set this machine's clock",
        ],
    );
    portal.tell(&json!({ "settings": { "credentials_ttl": 3600, "credentials_shift": 0 } }));
    // A token that the portal takes no more is renewed by itself …
    portal.tell(&json!({ "revoke_access": true }));
    home.run(["session", "start", "Admin"]).ok();
    assert_eq!(portal.count("grant refresh_token"), 1);
    // … unless the renewal is refused as well.
    portal.tell(&json!({ "revoke_access": true, "revoke_refresh": true }));
    let order = home.run(["session", "rotate", "Old"]);
    let failed = json!({ "code": order.code, "says": order.err });
    says(
        &failed,
        5,
        &[
            "no longer accepts the sign-in to integration \"corp\"",
            "dayfly integration login corp",
        ],
    );
    assert_eq!(home.status("Old"), "active");
    let key = |text: &str| {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let at = lines.iter().position(|l| l == "[Old]").expect("a section");
        lines[at + 1..]
            .iter()
            .take_while(|l| !l.starts_with('[') && !l.is_empty())
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        key(&home.credentials_text()),
        key(&before),
        "the old ones stay"
    );
    portal.assert_honest();
}

#[test]
fn sessions_wait_for_a_person_and_all_go_on_by_a_sign_in_that_is_made_elsewhere() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    let roles: Vec<String> = (0..20).map(|n| format!("r{n}")).collect();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    portal.tell(&json!({ "accounts": accounts(1, &roles) }));
    let home = portal.home(
        "[providers.sso]\nrate = 0\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n",
    );
    with_sessions(&home, &roles);
    // Another program's sign-in, as its file will be.
    let elsewhere = portal.home("");
    sign_in(&portal, &elsewhere);
    let file = std::fs::read(cache_file(&elsewhere, LEGACY)).expect("a sign-in");
    portal.tell(&json!({ "reset": true }));
    let _daemon = Daemon::start(&home);
    within(SOON, "all need a person", || {
        let report = home.report();
        let sessions = report["sessions"].as_array().cloned().unwrap_or_default();
        let needs = sessions
            .iter()
            .filter(|s| s["error"]["kind"] == "needs-sign-in");
        if needs.count() == roles.len() {
            Ok(())
        } else {
            Err(report)
        }
    });
    assert_eq!(portal.count("GetRoleCredentials"), 0);
    // Programs that ask are answered at once.
    let asked = std::time::Instant::now();
    let ask = home.run(["credential-process", "r3"]);
    assert_eq!(ask.code, 5, "{}", ask.err);
    assert!(
        ask.err.contains("dayfly integration login corp"),
        "{}",
        ask.err
    );
    assert!(asked.elapsed() < Duration::from_secs(20));
    let folder = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("part.tmp"), &file).expect("a file");
    std::fs::rename(folder.join("part.tmp"), cache_file(&home, LEGACY)).expect("a file");
    within(SOON, "all are active", || {
        let report = home.report();
        let sessions = report["sessions"].as_array().cloned().unwrap_or_default();
        let active = sessions.iter().filter(|s| s["status"] == "active");
        if active.count() == roles.len() {
            Ok(())
        } else {
            Err(report)
        }
    });
    assert_eq!(portal.count("GetRoleCredentials"), roles.len() as u64);
    portal.assert_honest();
}

#[test]
fn secrets_of_a_sign_in_are_in_the_shared_file_and_nowhere_else() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    portal.tell(&json!({ "accounts": accounts(2, &["Admin", "Reader"]) }));
    let home = portal.home("");
    with_sessions(&home, &["Admin", "Other"]);
    let daemon = Daemon::start(&home);
    sign_in(&portal, &home);
    portal.tell(&json!({ "settings": { "auto": "allow" } }));
    let mut said = String::new();
    for args in [
        &["integration", "login", "corp", "--device"][..],
        &["integration", "sync", "corp"],
        &["session", "start", "Admin"],
        &["session", "start", "Other"],
        &["integration", "list", "--json"],
        &["status", "--json"],
        &["events", "--json"],
        &["explain", "Other"],
    ] {
        let ended = home.run(args);
        said += &(ended.out + &ended.err);
    }
    portal.tell(&json!({ "revoke_access": true, "revoke_refresh": true }));
    let failed = home.run(["session", "rotate", "Admin"]);
    said += &(failed.out + &failed.err);
    home.run(["integration", "login", "corp", "--device"]).ok();
    portal.tell(&json!({ "revoke_access": true }));
    home.run(["session", "rotate", "Admin"]).ok();
    said += &daemon.output();
    let secrets = portal.secrets();
    assert!(secrets.len() > 12, "{}", secrets.len());
    let shared = home.path().join(".aws");
    for (path, content) in home.files() {
        // The shared sign-ins, and the credentials where programs look for them.
        if !path.starts_with(&shared) || path.ends_with("config") {
            absent(&secrets, &String::from_utf8_lossy(&content), &path);
        }
    }
    absent(&secrets, &said, Path::new("what the commands said"));
    let tokens = |word: &str| {
        secrets
            .iter()
            .filter(|s| s.starts_with(word))
            .cloned()
            .collect::<Vec<_>>()
    };
    let credentials = home.credentials_text();
    for word in ["at-", "rt-", "cs-", "dc-", "ac-"] {
        absent(&tokens(word), &credentials, &home.credentials());
    }
    assert!(shown("integration"), "commands were seen");
    let long = secrets.iter().filter(|secret| secret.len() > 8);
    assert!(long.clone().count() > 8);
    assert!(!long.clone().any(|secret| shown(secret)));
    portal.assert_honest();
}

fn absent(secrets: &[String], text: &str, place: &Path) {
    for secret in secrets.iter().filter(|s| s.len() > 8) {
        assert!(
            !text.contains(secret.as_str()),
            "{secret} is in {}",
            place.display()
        );
    }
}
