//! Roles that a person has in Granted, aws-sso-cli and awsume go on under their names, with real clients.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;

use dayfly_tests::portal::accounts;
use dayfly_tests::{Daemon, Home, Ministack, Portal, aws};
use serde_json::json;

/// A file below the home.
fn write(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// A portal with one role, and a home that finds it and the STS behind it.
fn with_portal(sts: &Ministack) -> Option<(Portal, Home)> {
    let _ = sts.role("Admin");
    let portal = Portal::start(Some(&sts.endpoint()))?;
    portal.tell(&json!({ "accounts": accounts(1, &["Admin"]), "settings": { "auto": "allow" } }));
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsso-endpoint-url = \"{0}\"\nsso-oidc-endpoint-url = \"{0}\"\nsts-endpoint-url = \"{1}\"\n",
        portal.endpoint(),
        sts.endpoint()
    ));
    Some((portal, home))
}

/// Imports, signs in to the one portal, starts the session of a profile, and says who a real client is then.
fn imported(home: &Home, sts: &Ministack, integration: &str, profile: &str) -> String {
    let config = home.path().join(".aws/config");
    let before = std::fs::read(&config).unwrap();
    home.run(["import", "--apply"]).ok();
    let daemon = Daemon::start(home);
    home.run(["integration", "login", integration]).ok();
    home.run(["session", "start", profile]).ok();
    let who = aws::boto3_caller(home, profile, &sts.endpoint()).unwrap();
    home.run(["session", "stop", profile]).ok();
    home.run(["import", "--undo"]).ok();
    assert_eq!(std::fs::read(&config).unwrap(), before);
    assert_eq!(daemon.terminate(), 0);
    who
}

#[test]
fn a_profile_of_granted_goes_on_under_its_name() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let Some((_portal, home)) = with_portal(&sts) else {
        return;
    };
    write(
        &home,
        ".aws/config",
        "[profile dev]\ngranted_sso_start_url = https://corp.awsapps.com/start\ngranted_sso_region = us-east-1\n\
         granted_sso_account_id = 100000000000\ngranted_sso_role_name = Admin\nregion = eu-west-1\n\
         credential_process = granted credential-process --profile dev\n",
    );
    write(
        &home,
        ".granted/config",
        "DefaultBrowser = \"FIREFOX\"\n[Keyring]\nBackend = \"file\"\n",
    );
    let who = imported(&home, &sts, "corp", "dev");
    assert!(who.contains(":assumed-role/Admin/"), "{who}");
}

#[test]
fn a_profile_of_aws_sso_cli_goes_on_under_its_name() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let Some((_portal, home)) = with_portal(&sts) else {
        return;
    };
    write(
        &home,
        ".aws/config",
        "[profile sandbox:Admin]\nregion = eu-west-1\n\
         credential_process = /usr/bin/aws-sso -u open -S \"Corp\" process --arn arn:aws:iam::100000000000:role/Admin\n",
    );
    write(
        &home,
        ".config/aws-sso/config.yaml",
        "SSOConfig:\n  Corp:\n    SSORegion: us-east-1\n    StartUrl: https://corp.awsapps.com/start\n",
    );
    let who = imported(&home, &sts, "Corp", "sandbox:Admin");
    assert!(who.contains(":assumed-role/Admin/"), "{who}");
}

#[test]
fn a_role_has_what_awsume_adds() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (key, secret) = sts.user("alice");
    let role = sts.role("admin");
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    let config = write(
        &home,
        ".aws/config",
        &format!(
            "[profile admin]\nrole_arn = {role}\nsource_profile = default\nregion = eu-west-1\n"
        ),
    );
    write(
        &home,
        ".aws/credentials",
        &format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"),
    );
    write(
        &home,
        ".awsume/config.yaml",
        "colors: true\nrole-session-name: by-awsume\nrole-duration: 3600\n",
    );
    let before = std::fs::read(&config).unwrap();
    let told = home.run(["import", "--apply"]).ok().out;
    assert!(
        told.contains("added 2 sessions; moved 1 key") && !told.contains("in the way"),
        "{told}"
    );
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "admin"]).ok();
    let who = aws::boto3_caller(&home, "admin", &sts.endpoint()).unwrap();
    assert!(who.contains(":assumed-role/admin/by-awsume"), "{who}");
    for name in ["admin", "default"] {
        home.run(["session", "stop", name]).ok();
    }
    home.run(["import", "--undo"]).ok();
    assert_eq!(std::fs::read(&config).unwrap(), before);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_and_nothing_comes() {
    for (file, text, told) in [
        (
            ".config/aws-sso/config.yaml",
            "SSOConfig: [\n",
            "no configuration of aws-sso-cli",
        ),
        (
            ".awsume/config.yaml",
            "a: [\n",
            "no configuration of awsume",
        ),
        (".granted/config", "Keyring = [\n", "cannot read"),
        (
            ".saml2aws",
            "[default]\nurl\n",
            "no configuration of saml2aws",
        ),
        (
            ".azure/azureProfile.json",
            "\u{feff}{\"subscriptions\": [",
            "no list of the Azure CLI",
        ),
    ] {
        let home = Home::new();
        write(&home, file, text);
        let good =
            "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s\n";
        write(&home, ".aws/credentials", good);
        let run = home.run(["import", "--apply"]);
        assert_eq!(run.code, 1, "{file}: {}", run.out);
        assert!(
            run.err.contains(told) && run.err.contains("nothing was imported"),
            "{file}: {}",
            run.err
        );
        assert!(!home.workspace().exists(), "{file}");
        // One source is not in the way of another that is named.
        let alone = home.run(["import", "aws", "--apply"]);
        assert_eq!(alone.code, 0, "{file}: {}", alone.err);
    }
}

#[test]
fn an_account_of_saml2aws_goes_on_with_the_program_itself() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let role = sts.role("Dev");
    let answer = sts.python(
        r#"
import boto3, json, os
got = boto3.client("sts").assume_role(RoleArn=os.environ["ROLE"], RoleSessionName="me")["Credentials"]
print(json.dumps({"Version": 1, "AccessKeyId": got["AccessKeyId"], "SecretAccessKey": got["SecretAccessKey"],
    "SessionToken": got["SessionToken"], "Expiration": got["Expiration"].isoformat()}))
"#,
        &[("ROLE", &role)],
    );
    let mut home = Home::new();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    // In the place of the real one, which cannot be had here: it answers to its own command line alone.
    let wanted = format!(
        "login --idp-account work --role {role} --profile saml --skip-prompt --quiet --credential-process"
    );
    write(&home, "answer", &answer);
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = '{wanted}' ] && cat '{}/answer'\n",
        home.path().display()
    );
    let program = write(&home, "bin/saml2aws", &script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    home.set(
        "PATH",
        format!("{}:{path}", program.parent().unwrap().display()),
    );
    let account = format!(
        "[work]\nurl         = https://id.example.com\nprovider    = Okta\nrole_arn    = {role}\n\
         aws_profile = saml\nregion      = eu-west-1\n"
    );
    write(&home, ".saml2aws", &account);
    // What it left there by itself.
    let left = "[saml]\naws_access_key_id = ASIAOLD\naws_secret_access_key = old\naws_session_token = old\n\
                x_security_token_expires = 2020-01-01T00:00:00Z\n";
    let credentials = write(&home, ".aws/credentials", left);
    let told = home.run(["import", "--apply"]).ok().out;
    assert!(told.contains("added 1 session"), "{told}");
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "saml"]).ok();
    let who = aws::boto3_caller(&home, "saml", &sts.endpoint()).unwrap();
    assert!(who.contains(":assumed-role/Dev/me"), "{who}");
    home.run(["session", "stop", "saml"]).ok();
    home.run(["import", "--undo"]).ok();
    assert_eq!(std::fs::read_to_string(&credentials).unwrap(), left);
    assert_eq!(daemon.terminate(), 0);
}
