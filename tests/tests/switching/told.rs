//! What `exec` and `env` tell of the session.

use dayfly_tests::door::{Environment, exported};
use dayfly_tests::{Daemon, Exec, Home, Ministack, home::program};
use serde_json::json;

fn cloud_home(sts: &Ministack) -> Home {
    let (id, secret) = sts.user("alice");
    let role = sts.role("app");
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser" },
        { "sessionId": "app-id", "sessionName": "app", "type": "awsIamRoleChained", "profileName": "app",
          "region": "eu-west-1", "roleArn": role, "parentSessionId": "user" },
    ]}));
    let endpoint = sts.endpoint();
    home.save_config(&format!("[aws]\nsts-endpoint-url = \"{endpoint}\"\n"));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
    home
}

#[test]
fn a_shell_and_a_command_know_their_session_and_until_when() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = cloud_home(&sts);
    let is_moment =
        |text: &str| text.starts_with("20") && text.ends_with('Z') && text.contains('T');
    let told = |environment: &Environment, fixed: bool| {
        assert_eq!(environment["DAYFLY_SESSION"], "app");
        let until = &environment["AWS_SESSION_EXPIRATION"];
        assert!(is_moment(until), "{until}");
        // SDKs read this one, and only beside keys.
        let for_sdks = environment.get("AWS_CREDENTIAL_EXPIRATION");
        assert_eq!(for_sdks, fixed.then_some(until));
    };
    told(&exported(&home, "app", &[]), true);
    let daemon = Daemon::start(&home);
    told(&exported(&home, "app", &[]), false);
    told(&exported(&home, "app", &["--static"]), true);
    // A session that several are called by is told by its id.
    let mut exec = Exec::start(&home, &["app-i"]);
    told(&exec.environment, false);
    drop(exec);
    exec = Exec::start(&home, &["app", "--static"]);
    told(&exec.environment, true);
    // What another tool told of a session is not true any more.
    let mut command = home.command(["exec", "app", "--", "env"]);
    for name in [
        "AWS_SSO_PROFILE",
        "AWSUME_PROFILE",
        "AWSUME_EXPIRATION",
        "AWSU_PROFILE",
    ] {
        command.env(name, "of-another-tool");
    }
    let out = String::from_utf8(command.output().expect("it runs").stdout).expect("UTF-8");
    assert!(!out.contains("of-another-tool"), "{out}");
    // The prompt of a shell within `exec` says the same, and how long it is.
    let within = [
        "exec",
        "app",
        "--",
        program().to_str().expect("UTF-8"),
        "prompt",
        "--json",
    ]
    .map(str::to_owned);
    let shown = home.run(&within).ok().json();
    assert_eq!(
        (&shown["session"], &shown["status"]),
        (&json!("app"), &json!("active"))
    );
    let left = shown["secondsLeft"].as_u64().expect("a number");
    assert!((60..=3_600).contains(&left), "{shown}");
    drop(exec);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_name_that_does_not_name_one_session_is_told_as_its_id() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "first", "sessionName": "twice", "type": "localstack" },
        { "sessionId": "second", "sessionName": "twice", "type": "localstack" },
        { "sessionId": "hidden", "sessionName": "a\u{1b}[2Jb", "type": "localstack" },
    ]}));
    for id in ["first", "second", "hidden"] {
        assert_eq!(exported(&home, id, &[])["DAYFLY_SESSION"], id);
    }
}

/// `exec` hides shared files from its command by their variables. Dayfly itself, run by that command, would take these
/// for the places where it publishes.
#[test]
fn files_that_are_hidden_from_a_command_are_not_hidden_from_dayfly() {
    let home = super::home();
    let text = "[default]\naws_access_key_id = AKIAMINE\naws_secret_access_key = mine\n";
    std::fs::create_dir_all(home.credentials().parent().expect("a folder")).expect("it is made");
    std::fs::write(home.credentials(), text).expect("it is written");
    let exec = Exec::start(&home, &["deploy"]);
    let hidden = &exec.environment;
    assert_eq!(hidden["AWS_SHARED_CREDENTIALS_FILE"], "/dev/null");
    assert_eq!(
        hidden["DAYFLY_HIDDEN_CREDENTIALS_FILE"],
        home.credentials().to_str().expect("UTF-8")
    );
    drop(exec);
    let program = program();
    let program = program.to_str().expect("UTF-8");
    let start = [
        "exec",
        "deploy",
        "--",
        program,
        "session",
        "start",
        "Acme Dev/Admin",
    ];
    home.run(start).ok();
    let published = home.credentials_text();
    assert!(published.contains("[profile-one]"), "{published}");
    assert!(published.starts_with(text), "{published}");
    // The same file is hidden from the command of a command.
    let env = [
        "exec", "deploy", "--", program, "exec", "deploy", "--", "env",
    ];
    let out = home.run(env).ok().out;
    assert!(
        out.contains("AWS_SHARED_CREDENTIALS_FILE=/dev/null"),
        "{out}"
    );
}
