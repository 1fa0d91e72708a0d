//! Commands that need no cloud, as a user types them.

use dayfly_tests::Home;
use dayfly_tests::home::Ended;
use serde_json::Value;

const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";

fn fails(ended: &Ended, code: i32, part: &str) {
    assert_eq!(ended.code, code, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains(part), "{part}: {}", ended.err);
}

#[test]
fn init_makes_a_home_and_overwrites_nothing() {
    let home = Home::new();
    let first = home.run(["init"]).ok();
    assert_eq!(first.out.matches("made  ").count(), 2, "{}", first.out);
    home.save_config("# mine\n");
    let second = home.run(["init"]).ok();
    assert_eq!(second.out.matches("kept  ").count(), 2, "{}", second.out);
    let config = std::fs::read_to_string(home.path().join("dayfly.toml")).unwrap();
    assert_eq!(config, "# mine\n");
    home.run(["workspace", "validate"]).ok();
    home.run(["run", "--once"]).ok();
}

#[test]
fn every_access_method_can_be_added() {
    let home = Home::new();
    // Without `init` as well: the first session makes the Workspace.
    let add = |args: &[&str]| home.run([&["session", "add"], args].concat()).ok();
    add(&[
        "main",
        "--type",
        "awsIamUser",
        "--profile",
        "main",
        "--duration",
        "12h",
        "--mfa-device",
        "GAHT12345678",
    ]);
    add(&[
        "deploy",
        "--type",
        "awsIamRoleChained",
        "--parent",
        "main",
        "--role-arn",
        ROLE,
        "--external-id",
        "tenant:42",
        "--tag",
        "project=dayfly",
        "--label",
        "work",
        "--label",
        "stage=prod",
        "--source-identity",
        "jo",
    ]);
    add(&[
        "web",
        "--type",
        "awsIamRoleWebIdentity",
        "--role-arn",
        ROLE,
        "--token-command",
        "gcloud auth print-identity-token",
    ]);
    add(&[
        "azure",
        "--type",
        "azure",
        "--subscription-id",
        "6d3f5c0e-1111-4222-8333-444455556666",
        "--tenant-id",
        "contoso.onmicrosoft.com",
    ]);
    add(&[
        "größe ☂",
        "--type",
        "localstack",
        "--endpoint-url",
        "http://127.0.0.1:4566",
    ]);
    let validated = home.run(["workspace", "validate"]).ok();
    assert!(
        validated
            .out
            .contains("sessions: 5, errors: 0, warnings: 0"),
        "{}",
        validated.out
    );
    let deploy = home
        .run(["session", "show", "deploy", "--json"])
        .ok()
        .json();
    assert_eq!(deploy["labels"]["stage"], "prod");
    let main = home.run(["session", "show", "main", "--json"]).ok().json();
    assert_eq!(deploy["parent"], main["id"]);
    home.run(["session", "show", "größe ☂"]).ok();
    // What is wrong is named by its flag, and changes nothing.
    let before = std::fs::read(home.workspace()).unwrap();
    for (args, part) in [
        (
            &["x", "--type", "awsIamRoleChained", "--role-arn", ROLE][..],
            "requires --parent",
        ),
        (
            &[
                "x",
                "--type",
                "azure",
                "--profile",
                "p",
                "--subscription-id",
                "a",
                "--tenant-id",
                "b",
            ],
            "does not accept --profile",
        ),
        (&["x", "--type", "aws"], "the choices are awsIamUser"),
        (
            &[
                "x",
                "--type",
                "awsIamRoleChained",
                "--parent",
                "main",
                "--role-arn",
                "arn:x",
            ],
            "roleArn",
        ),
    ] {
        fails(&home.run([&["session", "add"], args].concat()), 2, part);
    }
    assert_eq!(std::fs::read(home.workspace()).unwrap(), before);
}

#[test]
fn an_edit_changes_nothing_else() {
    let home = Home::new();
    let text = "{\r\n\t\"extra\": 1.50,\r\n\t\"sessions\": [ {\"type\":\"localstack\",   \"sessionId\":\"a\", \"sessionName\":\"one\",\"odd\":[1,\r\n2]},\r\n\t\t{ \"sessionId\": \"b\", \"sessionName\": \"two\", \"type\": \"localstack\", \"region\": \"eu-west-1\" } ]\r\n}";
    home.save(&home.workspace(), text);
    home.run(["session", "edit", "two", "--region", "us-east-1"])
        .ok();
    let wanted = text.replace("eu-west-1", "us-east-1");
    assert_eq!(std::fs::read_to_string(home.workspace()).unwrap(), wanted);
    home.run(["session", "edit", "two", "--region", "us-east-1"])
        .ok();
    assert_eq!(std::fs::read_to_string(home.workspace()).unwrap(), wanted);
    fails(
        &home.run(["session", "edit", "two", "--unset", "type"]),
        2,
        "cannot be removed",
    );
    fails(
        &home.run(["session", "edit", "two"]),
        2,
        "there is nothing to change",
    );
    fails(
        &home.run(["session", "edit", "tow", "--region", "x"]),
        3,
        "two",
    );
}

#[test]
fn a_removed_session_leaves_no_credentials_behind() {
    let home = Home::new();
    home.run([
        "session",
        "add",
        "local",
        "--type",
        "localstack",
        "--profile",
        "local",
    ])
    .ok();
    home.run(["session", "add", "main", "--type", "awsIamUser"])
        .ok();
    home.run([
        "session",
        "add",
        "child",
        "--type",
        "awsIamRoleChained",
        "--parent",
        "main",
        "--role-arn",
        ROLE,
    ])
    .ok();
    fails(
        &home.run(["session", "remove", "main", "--yes"]),
        2,
        "child",
    );
    fails(&home.run(["session", "remove", "local"]), 2, "--yes");
    home.run(["session", "start", "local"]).ok();
    assert!(home.credentials_text().contains("[local]"));
    home.run(["session", "remove", "local", "--yes"]).ok();
    assert_eq!(home.credentials_text(), "");
    home.run(["session", "remove", "main", "child", "--yes"])
        .ok();
    let left = home.run(["session", "list", "--json"]).ok().json();
    assert_eq!(left, Value::Array(Vec::new()));
}

#[test]
fn a_secret_is_kept_and_never_shown() {
    const CANARY: &str = "s3cr3t/canary+value";
    let home = Home::new();
    home.run(["session", "add", "main", "--type", "awsIamUser"])
        .ok();
    let mut said = String::new();
    let inputs = [
        (
            format!("AKIAIOSFODNN7EXAMPLE\n{CANARY}\n"),
            vec!["secret", "set", "main"],
        ),
        (
            CANARY.to_owned(),
            vec![
                "secret",
                "set",
                "main",
                "--access-key-id",
                "AKIAIOSFODNN7EXAMPL2",
            ],
        ),
        (
            format!(
                r#"{{"AccessKey":{{"AccessKeyId":"AKIAIOSFODNN7EXAMPL3","SecretAccessKey":"{CANARY}"}}}}"#
            ),
            vec!["secret", "set", "main"],
        ),
    ];
    for (input, args) in inputs {
        let ended = home.run_with(args, &input).ok();
        said += &(ended.out + &ended.err);
    }
    for args in [
        &["secret", "list"][..],
        &["secret", "list", "--json"],
        &["session", "list", "--json"],
        &["session", "show", "main"],
    ] {
        let ended = home.run(args).ok();
        said += &(ended.out + &ended.err);
    }
    assert!(said.contains("AKIAIOSFODNN7EXAMPL3"), "{said}");
    // Nor when something is wrong with it.
    for input in [
        format!("{CANARY}\nAKIAIOSFODNN7EXAMPLE"),
        format!("{{\"AccessKeyId\":\"{CANARY}\""),
        format!("{CANARY} {CANARY}"),
    ] {
        let ended = home.run_with(["secret", "set", "main"], &input);
        assert_eq!(ended.code, 2);
        said += &(ended.out + &ended.err);
    }
    assert!(!said.contains("canary"), "{said}");
    for (path, content) in home.files() {
        let found = content.windows(6).any(|w| w == b"canary");
        assert!(!found, "a secret is in {}", path.display());
    }
    home.run(["secret", "remove", "main"]).ok();
    fails(&home.run(["secret", "remove", "main"]), 3, "secret list");
}

#[test]
fn the_vault_moves_behind_a_passphrase_and_back() {
    let home = Home::new();
    home.run(["session", "add", "main", "--type", "awsIamUser"])
        .ok();
    home.run_with(["secret", "set", "main"], "AKIAIOSFODNN7EXAMPLE\nsecret\n")
        .ok();
    let file = home.path().join("passphrase");
    std::fs::write(&file, "correct horse\n").unwrap();
    let with = |args: &[&str]| {
        let output = home
            .command(args)
            .env("DAYFLY_PASSPHRASE_FILE", &file)
            .output()
            .unwrap();
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert_eq!(with(&["secret", "rekey", "passphrase"]).0, 0);
    fails(&home.run(["secret", "list"]), 1, "passphrase");
    assert_eq!(with(&["secret", "list"]).0, 0);
    std::fs::write(&file, "wrong\n").unwrap();
    let (code, told) = with(&["secret", "list"]);
    assert_eq!(code, 1);
    assert!(
        told.contains("passphrase") && !told.contains("wrong\n"),
        "{told}"
    );
    std::fs::write(&file, "correct horse\n").unwrap();
    assert_eq!(with(&["secret", "rekey", "file"]).0, 0);
    let list = home.run(["secret", "list"]).ok();
    assert!(list.out.contains("AKIAIOSFODNN7EXAMPLE"), "{}", list.out);
}

#[test]
fn policies_are_shown_with_what_they_ask_for_and_get() {
    let home = Home::new();
    home.save_config(
        "[[policy]]\nname = \"hours\"\nmodule = \"builtin:business-hours\"\ntier = \"team\"\npriority = 5\n\
         config = { timezone = \"UTC\", hours = \"08:00-18:00\" }\n\
         grant = { sessions = { labels = [\"prod\"] }, actions = [\"start\", \"stop\"], hold = true }\n\
         [[policy]]\nname = \"odd\"\nmodule = \"builtin:keep-active\"\nconfig = { nope = 1 }\n",
    );
    let list = home.run(["policy", "list"]);
    assert_eq!(list.code, 1, "{}", list.out);
    for part in [
        "hours",
        "team +5",
        "start, stop, hold",
        "policy entry \"odd\"",
        "nope",
    ] {
        assert!(list.out.contains(part), "{part}: {}", list.out);
    }
    let shown = home.run(["policy", "inspect", "hours"]).ok();
    for part in [
        "to propose   start, stop, hold  start, stop, hold",
        "labels prod",
        "timezone",
    ] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let json = home
        .run(["policy", "inspect", "builtin:keep-active", "--json"])
        .ok()
        .json();
    assert_eq!(json["asksFor"]["actions"][0], "start");
    assert_eq!(home.run(["policy", "inspect", "odd"]).code, 1);
}

#[test]
fn the_doctor_finds_what_hides_or_blocks_credentials() {
    let home = Home::new();
    home.run(["init"]).ok();
    let well = home.run(["doctor"]).ok();
    assert!(!well.out.contains('✗'), "{}", well.out);
    home.run([
        "session",
        "add",
        "main",
        "--type",
        "awsIamUser",
        "--profile",
        "taken",
    ])
    .ok();
    std::fs::create_dir_all(home.path().join(".aws")).unwrap();
    let own = "[taken]\naws_access_key_id = AKIAOWN\naws_secret_access_key = canary\n[default]\nrole_arn = x\n";
    std::fs::write(home.credentials(), own).unwrap();
    home.save_config("[[policy]]\nname = \"odd\"\nmodule = \"builtin:nope\"\n");
    let mut command = home.command(["doctor", "--offline"]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAX")
        .env("AWS_PROFILE", "gone");
    let output = command.output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    for part in [
        "dayfly secret set main",
        "AWS_ACCESS_KEY_ID, set in this shell, hides",
        "AWS_PROFILE names profile \"gone\"",
        "the profile default",
        "profile \"taken\"",
        "has mode 644",
        "chmod 600",
        "no built-in policy \"nope\"",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(!out.contains("canary"), "{out}");
    assert_eq!(home.credentials_text(), own);
    let json = home.run(["doctor", "--offline", "--json"]).json();
    assert!(
        json.as_array()
            .unwrap()
            .iter()
            .any(|f| f["grade"] == "wrong")
    );
}
