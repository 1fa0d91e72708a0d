//! Ports that somebody else has before Dayfly wants them.

use std::io::ErrorKind;
use std::net::TcpListener;

use dayfly_tests::Home;
use serde_json::json;

/// Somebody who has a port, and whether anybody came.
struct Squatter {
    listener: TcpListener,
    port: u16,
}

impl Squatter {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        listener.set_nonblocking(true).expect("it need not wait");
        let port = listener.local_addr().expect("an address").port();
        Self { listener, port }
    }

    fn nobody_came(&self, what: &str) {
        let came = self.listener.accept();
        let nobody = came
            .as_ref()
            .is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
        assert!(nobody, "{what}: somebody came: {came:?}");
    }
}

#[test]
fn the_port_of_a_sign_in_that_somebody_has_is_told_and_no_browser_opens() {
    let home = Home::new();
    let browser = home.path().join("browser");
    std::fs::write(&browser, "#!/bin/sh\ntouch \"$HOME/opened\"\n").expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&browser, mode).expect("a mode");
    home.save_workspace(&json!({
        "idpUrls": [{ "id": "corp", "url": "http://127.0.0.1:9/sso" }],
        "sessions": [{ "sessionId": "fed", "sessionName": "fed", "type": "awsIamRoleFederated",
            "region": "eu-west-1", "profileName": "fed", "roleArn": "arn:aws:iam::123456789012:role/x",
            "idpArn": "arn:aws:iam::123456789012:saml-provider/idp", "idpUrlId": "corp" }],
    }));
    let squatter = Squatter::new();
    let port = squatter.port.to_string();
    home.save_config(&format!("[saml]\nport = {port}\n"));
    for args in [
        &["session", "login", "fed"][..],
        &["session", "login", "fed", "--port", &port],
    ] {
        let output = home
            .command(args)
            .env("BROWSER", &browser)
            .output()
            .expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(
            err.contains(&format!("cannot listen on 127.0.0.1:{port}")),
            "{err}"
        );
        assert!(err.contains("change the port"), "{err}");
        squatter.nobody_came("a sign-in by SAML");
        assert!(
            !home.path().join("opened").exists(),
            "a browser was sent to the squatter"
        );
    }
}

#[test]
fn a_metadata_port_that_somebody_has_is_sent_nothing_and_a_command_has_one_of_its_own() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "one", "sessionName": "one", "type": "localstack", "profileName": "one", "region": "eu-west-1" },
    ]}));
    let squatter = Squatter::new();
    home.save_config(&format!(
        "[imds]\nsession = \"one\"\nport = {}\n",
        squatter.port
    ));
    // With the port of the configuration, an engine says so; nothing of one's own is sent there.
    let once = home.run(["run", "--once"]);
    squatter.nobody_came("run --once");
    assert!(!once.out.contains("panicked") && !once.err.contains("panicked"));
    for args in [&["status"][..], &["doctor"], &["env", "one", "--imds"]] {
        home.run(args);
        squatter.nobody_came(args[0]);
    }
    // A command has a port of its own, and none that somebody has.
    let given = home.run([
        "exec",
        "one",
        "--imds",
        "--",
        "sh",
        "-c",
        "echo $AWS_EC2_METADATA_SERVICE_ENDPOINT",
    ]);
    assert_eq!(given.code, 0, "{}", given.err);
    assert!(given.out.contains("http://127.0.0.1:"), "{}", given.out);
    assert!(
        !given.out.contains(&format!(":{}", squatter.port)),
        "{}",
        given.out
    );
    squatter.nobody_came("exec --imds");
}
