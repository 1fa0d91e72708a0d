//! What a person has in other tools becomes sessions, and real clients go on under the same names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dayfly_tests::{Daemon, Home, Keyring, Ministack, aws};
use serde_json::{Value, json};

/// What `/etc/machine-id` says on the machine of the person.
const MACHINE: &str = "0123456789abcdef0123456789abcdef";

/// A file below the home.
fn write(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// What a program makes of an input.
fn piped(program: &mut Command, input: &str) -> String {
    let child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// What Leapp would write on that machine: CryptoJS has the format of OpenSSL.
fn leapp_file(workspace: &Value) -> String {
    let digest = piped(Command::new("sha256sum").arg("-"), MACHINE);
    let key = digest.split_whitespace().next().unwrap();
    let mut seal = Command::new("openssl");
    seal.args(["enc", "-aes-256-cbc", "-md", "md5", "-a", "-A", "-pass"]);
    piped(seal.arg(format!("pass:{key}")), &workspace.to_string())
}

/// Files by which nothing of the sources may have changed.
fn read(paths: &[&Path]) -> Vec<Vec<u8>> {
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn sts_home(sts: &Ministack) -> Home {
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    home
}

#[test]
fn sessions_of_leapp_go_on_under_their_names_and_their_profiles_come_back() {
    let (Some(sts), Some(keyring)) = (Ministack::start(), Keyring::start()) else {
        return;
    };
    let (key, secret) = sts.user("alice");
    let role = sts.role("admin");
    let mut home = sts_home(&sts);
    keyring.serve(&mut home);
    home.set("DAYFLY_MACHINE_ID", MACHINE);
    let item = |half: &str, text: &str| {
        let account = format!("id-user-iam-user-aws-session-{half}");
        keyring.store(
            "Leapp",
            &[("service", "Leapp"), ("account", &account)],
            text,
        );
    };
    item("access-key-id", &key);
    item("secret-access-key", &secret);
    let workspace = json!({
        "_workspaceVersion": 7,
        "_profiles": [{ "id": "p1", "name": "default" }, { "id": "p2", "name": "work" }],
        "_sessions": [
            { "sessionId": "id-role", "sessionName": "role", "type": "awsIamRoleChained", "status": 2, "roleArn": role,
              "parentSessionId": "id-user", "profileId": "p2", "region": "eu-west-1", "roleSessionName": "from-leapp" },
            { "sessionId": "id-user", "sessionName": "user", "type": "awsIamUser", "status": 0, "profileId": "p1",
              "region": "eu-west-1" },
        ],
    });
    let file = write(&home, ".Leapp/Leapp-lock.json", &leapp_file(&workspace));
    let config = write(
        &home,
        ".aws/config",
        "[profile work]\r\ncredential_process = leapp session generate id-role\r\nregion = eu-west-1\r\n",
    );
    let before = read(&[&file, &config]);

    // A locked keyring: nothing is half imported.
    keyring.lock();
    let locked = home.run(["import", "--apply"]);
    assert_eq!(locked.code, 1, "{}", locked.out);
    assert!(
        locked.err.contains("the keyring is locked"),
        "{}",
        locked.err
    );
    assert!(!home.workspace().exists());
    assert_eq!(read(&[&file, &config]), before);
    drop(keyring);
    let Some(keyring) = Keyring::start() else {
        return;
    };
    keyring.serve(&mut home);
    let item = |half: &str, text: &str| {
        let account = format!("id-user-iam-user-aws-session-{half}");
        keyring.store(
            "Leapp",
            &[("service", "Leapp"), ("account", &account)],
            text,
        );
    };
    item("access-key-id", &key);
    item("secret-access-key", &secret);

    let shown = home.run(["import"]).ok().out;
    assert!(shown.contains("2 sessions would be added"), "{shown}");
    // While Leapp runs, it would go on with the same sessions.
    let lock = home.path().join(".config/Leapp/SingletonLock");
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(format!("here-{}", std::process::id()), &lock).unwrap();
    let running = home.run(["import", "leapp", "--apply"]);
    assert_eq!(running.code, 1, "{}", running.out);
    assert!(running.err.contains("Leapp is running"), "{}", running.err);
    std::fs::remove_file(&lock).unwrap();

    let told = home.run(["import", "--apply"]).ok().out;
    assert!(
        told.contains("added 2 sessions; copied 1 key into the vault"),
        "{told}"
    );
    let again = home.run(["import", "--apply", "--json"]).ok().json();
    assert!(
        again["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["status"] == "present"),
        "{again:#}"
    );
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "role"]).ok();
    let who = aws::boto3_caller(&home, "work", &sts.endpoint()).unwrap();
    assert!(who.contains(":assumed-role/admin/from-leapp"), "{who}");
    home.run(["session", "start", "user"]).ok();
    let who = aws::caller(&home, "default", &sts.endpoint()).unwrap();
    assert!(who.contains(":user/alice"), "{who}");
    home.nowhere(&[&secret], &[]);
    for name in ["role", "user"] {
        home.run(["session", "stop", name]).ok();
    }
    home.run(["import", "--undo"]).ok();
    assert_eq!(read(&[&file, &config]), before);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn sessions_that_share_a_profile_hand_its_lines_on() {
    let mut home = Home::new();
    home.set("DAYFLY_MACHINE_ID", MACHINE);
    home.save_config("[delivery]\ntargets = [\"credentials-file\"]\n");
    let session = |id: &str| json!({ "sessionId": id, "sessionName": id, "type": "localstack", "profileId": "p" });
    let workspace = json!({
        "_profiles": [{ "id": "p", "name": "shared" }],
        "_sessions": [session("one"), session("two"), session("three")],
    });
    write(&home, ".Leapp/Leapp-lock.json", &leapp_file(&workspace));
    // What Leapp left there stands where Dayfly writes.
    let left = "[shared]\r\naws_access_key_id = ASIA1\r\naws_secret_access_key = s\r\naws_session_token = t\r\n";
    let left = write(&home, ".aws/credentials", left);
    let before = read(&[&left]);
    home.run(["import", "--apply"]).ok();
    for (gone, next) in [("one", "two"), ("two", "three")] {
        home.run(["session", "remove", gone, "--yes"]).ok();
        // The profile is still Dayfly's, for those that are left.
        home.run(["session", "start", next]).ok();
        assert!(home.credentials_text().contains("dayfly_session"));
        home.run(["session", "stop", next]).ok();
    }
    home.run(["import", "--undo"]).ok();
    assert_eq!(read(&[&left]), before);
}

#[test]
fn what_a_file_of_somebody_else_says_reaches_no_terminal_as_it_stands() {
    let mut home = Home::new();
    home.set("DAYFLY_MACHINE_ID", MACHINE);
    let escape = "a\u{1b}]0;owned\u{7}\u{1b}[2J\r\nb";
    let role = |id: &str, name: &str, parent: &str| {
        json!({ "sessionId": id, "sessionName": name, "type": "awsIamRoleChained", "profileId": "p",
            "roleArn": format!("arn:aws:iam::111111111111:role/{escape}"), "parentSessionId": parent, escape: escape })
    };
    let workspace = json!({
        "_profiles": [{ "id": "p", "name": escape }],
        "_proxyConfiguration": { "proxyUrl": escape },
        "_sessions": [
            { "sessionId": "u", "sessionName": escape, "type": "awsIamUser", "profileId": "p", escape: escape },
            role("r", escape, "u"), role("s", escape, escape), role(escape, escape, "u"),
            { "sessionId": "x", "sessionName": escape, "type": escape },
        ],
    });
    write(&home, ".Leapp/Leapp-lock.json", &leapp_file(&workspace));
    write(
        &home,
        ".aws-sso/config.yaml",
        "SSOConfig: {\"\\e[2J\": {StartUrl: \"\\e[2J\"}}\n",
    );
    for args in [
        &["import"][..],
        &["import", "--apply"],
        &["import", "--apply", "--without-keys"],
    ] {
        let run = home.run(args);
        let said = format!("{}{}", run.out, run.err);
        assert!(
            !said.is_empty() && !said.contains(['\u{1b}', '\u{7}', '\r']),
            "{said:?}"
        );
    }
}

#[test]
fn scripts_that_were_written_for_leapp_go_on() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (key, secret) = sts.user("alice");
    let mut home = sts_home(&sts);
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "id-admin", "sessionName": "prod/Admin", "type": "awsIamRoleChained", "profileName": "work",
          "roleArn": sts.role("Admin"), "parentSessionId": "id-user", "region": "eu-west-1" },
        { "sessionId": "id-reader", "sessionName": "prod/Reader", "type": "awsIamRoleChained",
          "roleArn": sts.role("Reader"), "parentSessionId": "id-user", "region": "eu-west-1" },
        { "sessionId": "id-user", "sessionName": "user", "type": "awsIamUser", "region": "eu-west-1" },
    ] }));
    home.run_with(["secret", "set", "user"], &format!("{key}\n{secret}\n"))
        .ok();
    // A link of that name, which the script and the profile find.
    let folder = home.path().join("bin");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(dayfly_tests::home::program(), folder.join("leapp")).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    home.set("PATH", format!("{}:{path}", folder.display()));
    let leapp = |line: &str| {
        let mut command = home.command([""; 0]);
        let mut script = Command::new("sh");
        script.env_clear().args(["-c", line]);
        for (name, value) in command.env("HOME", home.path()).get_envs() {
            if let Some(value) = value {
                script.env(name, value);
            }
        }
        dayfly_tests::home::Ended::of(script.output().unwrap())
    };
    let daemon = Daemon::start(&home);
    let several = leapp("leapp session start prod --noInteractive");
    assert!(
        several.code != 0 && several.err.contains("prod/Admin, prod/Reader"),
        "{}",
        several.err
    );
    leapp("leapp session start prod --sessionRole Admin").ok();
    assert_eq!(home.status("prod/Admin"), "active");
    let who = aws::boto3_caller(&home, "work", &sts.endpoint()).unwrap();
    assert!(who.contains(":assumed-role/Admin/"), "{who}");
    let given = leapp("leapp session generate id-reader").ok().json();
    assert_eq!(given["Version"], 1);
    assert!(given["SessionToken"].is_string());
    let listed = leapp("leapp session list -x --output json --filter 'Session Name=prod'")
        .ok()
        .json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0]["id"], "id-admin");
    assert_eq!(listed[0]["status"], "active");
    let table = leapp("leapp session list").ok().out;
    assert!(
        table.contains("Session Name") && table.contains("AWS IAM Role Chained"),
        "{table}"
    );
    leapp("leapp session stop --sessionId id-admin").ok();
    assert_eq!(home.status("prod/Admin"), "inactive");
    assert_eq!(leapp("leapp session stop --sessionId gone").code, 3);
    assert_eq!(
        home.run(["leapp", "session", "list", "--filter", "Colour=red"])
            .code,
        2
    );
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_file_of_leapp_from_another_machine_is_told() {
    let mut home = Home::new();
    let fixture = include_str!("../../engine/import/fixtures/leapp/version-7.json");
    write(&home, ".Leapp/Leapp-lock.json", fixture);
    let other = home.run(["import", "--apply"]);
    assert_eq!(other.code, 1, "{}", other.out);
    for told in [
        "on another machine",
        "nothing was imported",
        "DAYFLY_MACHINE_ID",
    ] {
        assert!(other.err.contains(told), "{}", other.err);
    }
    home.set("DAYFLY_MACHINE_ID", MACHINE);
    // There is no keyring here, and one session has a key.
    let none = home.run(["import", "--apply"]);
    assert_eq!(none.code, 1, "{}", none.out);
    assert!(
        none.err.contains("cannot reach the keyring") && none.err.contains("--without-keys"),
        "{}",
        none.err
    );
    assert!(!home.workspace().exists());
    let told = home.run(["import", "--apply", "--without-keys"]).ok().out;
    assert!(
        told.contains("added 8 sessions") && told.contains("dayfly secret set"),
        "{told}"
    );
    assert_eq!(home.report()["sessions"].as_array().unwrap().len(), 8);
    // A key that was stored by hand since does not go.
    let key = "AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";
    home.run_with(["secret", "set", "user"], key).ok();
    let edited = home.run(["import", "--undo"]);
    assert_eq!(edited.code, 1, "{}", edited.out);
    assert!(
        edited
            .err
            .contains("a key was stored for session \"user\" since"),
        "{}",
        edited.err
    );
    home.run(["secret", "remove", "user"]).ok();
    home.run(["import", "--undo"]).ok();
    let after: Value =
        serde_json::from_str(&std::fs::read_to_string(home.workspace()).unwrap()).unwrap();
    for list in [
        "sessions",
        "idpUrls",
        "azureIntegrations",
        "awsSsoIntegrations",
    ] {
        assert_eq!(after[list], json!([]), "{list}");
    }
}

#[test]
fn keys_of_aws_vault_come_out_of_each_of_its_keyrings() {
    let (Some(sts), Some(keyring)) = (Ministack::start(), Keyring::start()) else {
        return;
    };
    let role = sts.role("admin");
    let item = |name: &str, (id, secret): &(String, String)| {
        let credentials = json!({ "AccessKeyID": id, "SecretAccessKey": secret, "SessionToken": "",
            "Source": "", "CanExpire": false, "Expires": "0001-01-01T00:00:00Z" });
        let data = piped(Command::new("base64").arg("-w0"), &credentials.to_string());
        json!({ "Key": name, "Data": data, "Label": format!("aws-vault ({name})"), "Description": "" }).to_string()
    };
    let (alice, bob) = (sts.user("alice"), sts.user("bob"));
    let mut home = sts_home(&sts);
    keyring.serve(&mut home);
    home.set("AWS_VAULT_SECRET_SERVICE_COLLECTION_NAME", "login");
    keyring.store("work", &[("profile", "work")], &item("work", &alice));
    // `pass` with a key of its own, as a person has it.
    let gpg = home.path().join("gpg");
    std::fs::create_dir(&gpg).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&gpg, private).unwrap();
    home.set("GNUPGHOME", &gpg);
    let run = |program: &str, args: &[&str], input: &str| {
        let mut command = Command::new(program);
        command
            .args(args)
            .env("GNUPGHOME", &gpg)
            .env("HOME", home.path());
        piped(&mut command, input)
    };
    let has_pass = Command::new("pass").arg("version").output().is_ok();
    if has_pass {
        run(
            "gpg",
            &[
                "--batch",
                "--passphrase",
                "",
                "--quick-gen-key",
                "me@example.com",
            ],
            "",
        );
        run("pass", &["init", "me@example.com"], "");
        run(
            "pass",
            &["insert", "-m", "-f", "other"],
            &item("other", &bob),
        );
    }
    let config = format!(
        "[profile work]\nregion = eu-west-1\n[profile admin]\nrole_arn = {role}\nsource_profile = work\n\
         region = eu-west-1\n[profile asks]\ncredential_process = aws-vault export --format=json work\nregion = eu-west-1\n\
         [profile other]\nregion = eu-west-1\n"
    );
    let config = write(&home, ".aws/config", &config);
    let before = read(&[&config]);
    let told = home.run(["import", "--apply"]).ok().out;
    // Two sessions have the one key.
    let (sessions, keys) = if has_pass { (4, 3) } else { (3, 2) };
    let wanted = format!("added {sessions} sessions; copied {keys} keys into the vault");
    assert!(told.contains(&wanted), "{told}");
    let daemon = Daemon::start(&home);
    for (profile, who) in [
        ("admin", ":assumed-role/admin/"),
        ("asks", ":user/alice"),
        ("other", ":user/bob"),
    ] {
        if profile == "other" && !has_pass {
            continue;
        }
        home.run(["session", "start", profile]).ok();
        let caller = aws::boto3_caller(&home, profile, &sts.endpoint()).unwrap();
        assert!(caller.contains(who), "{profile}: {caller}");
        home.run(["session", "stop", profile]).ok();
    }
    home.nowhere(&[&alice.1, &bob.1], &[]);
    home.run(["session", "stop", "work"]).ok();
    home.run(["import", "--undo"]).ok();
    assert_eq!(read(&[&config]), before);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn encrypted_files_of_aws_vault_open_with_their_passphrase_alone() {
    let mut home = Home::new();
    let keys =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/import/fixtures/aws-vault/keys/work");
    write(
        &home,
        ".awsvault/keys/work",
        &std::fs::read_to_string(keys).unwrap(),
    );
    write(&home, ".aws/config", "[profile work]\nregion = eu-west-1\n");
    let refused = |home: &Home, told: &str| {
        let run = home.run(["import", "aws-vault", "--apply"]);
        assert_eq!(run.code, 1, "{}", run.out);
        assert!(
            run.err.contains(told) && run.err.contains("nothing was imported"),
            "{}",
            run.err
        );
        assert!(!home.workspace().exists());
    };
    refused(&home, "nobody can be asked for the passphrase");
    home.set("AWS_VAULT_FILE_PASSPHRASE", "wrong");
    refused(&home, "the passphrase does not open");
    home.set("AWS_VAULT_FILE_PASSPHRASE", "correct horse");
    let told = home.run(["import", "--apply"]).ok().out;
    assert!(told.contains("added 1 session; copied 1 key"), "{told}");
    let kept = home.run(["secret", "list"]).ok().out;
    assert!(
        kept.contains("AKIAIOSFODNN7EXAMPLE") || kept.contains("work"),
        "{kept}"
    );
    home.nowhere(&["canary/aws-vault/secret"], &[]);
}
