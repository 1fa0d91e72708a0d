//! What is taken from the person's environment, and what never is.
//!
//! The environment of a process cannot be changed safely while it runs, so the test starts
//! itself again with the one to be tested.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::support::stub::{Stub, sts_credentials};
use crate::support::{issue, key, providers, user};

const CHILD: &str = "DAYFLY_TEST_CHILD";
const EXPLICIT: &str = "DAYFLY_TEST_ENDPOINT";

/// In the child: one call, its outcome on stdout.
fn be_the_child() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let explicit = std::env::var(EXPLICIT).ok();
    let providers = providers(
        explicit.as_deref(),
        key("AKIDSESSION", "the-session's-secret"),
    );
    match runtime.block_on(issue(&providers, &user(None), None)) {
        Ok(_) => println!("outcome: issued"),
        Err(error) => println!("outcome: {error}"),
    }
}

/// Runs the child with this environment alone.
fn child(test: &str, home: &Path, env: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env_clear()
        .env(CHILD, "1")
        .env("HOME", home)
        .env("AWS_ACCESS_KEY_ID", "AKIDCANARY")
        .env("AWS_SECRET_ACCESS_KEY", "canary")
        .env("AWS_SESSION_TOKEN", "canary-token")
        .env("AWS_REGION", "ap-south-2")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
        .lines()
        .find_map(|line| line.split_once("outcome: "))
        .unwrap_or_else(|| panic!("no outcome in: {stdout}"))
        .1
        .to_owned()
}

/// A home whose files hold canaries instead of what Dayfly must use.
fn home(config: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let aws = home.path().join(".aws");
    std::fs::create_dir(&aws).unwrap();
    std::fs::write(aws.join("config"), config).unwrap();
    std::fs::write(
        aws.join("credentials"),
        "[default]\naws_access_key_id = AKIDCANARY\naws_secret_access_key = canary\n",
    )
    .unwrap();
    home
}

#[test]
fn endpoint_settings_are_taken_and_credentials_are_not() {
    if std::env::var_os(CHILD).is_some() {
        return be_the_child();
    }
    let stub = Stub::start(|_, _| sts_credentials("2999-01-01T00:00:00Z"));
    let other = Stub::start(|_, _| sts_credentials("2999-01-01T00:00:00Z"));
    let (here, wrong) = (stub.endpoint.as_str(), other.endpoint.as_str());
    let profile = format!("[default]\nendpoint_url = {here}\n");
    let services = format!(
        "[default]\nservices = local\nendpoint_url = {wrong}\n\
         [services local]\nsts =\n  endpoint_url = {here}\n"
    );
    let cases: [(&str, &[(&str, &str)]); 6] = [
        ("", &[("AWS_ENDPOINT_URL", here)]),
        (
            "",
            &[("AWS_ENDPOINT_URL_STS", here), ("AWS_ENDPOINT_URL", wrong)],
        ),
        (&profile, &[]),
        (&services, &[]),
        ("", &[(EXPLICIT, here), ("AWS_ENDPOINT_URL_STS", wrong)]),
        // An endpoint on this machine is not looked for behind the proxy.
        ("", &[("AWS_ENDPOINT_URL", here), ("HTTP_PROXY", wrong)]),
    ];
    for (n, (config, env)) in cases.into_iter().enumerate() {
        let home = home(config);
        let outcome = child(
            "environment::endpoint_settings_are_taken_and_credentials_are_not",
            home.path(),
            env,
        );
        assert_eq!(outcome, "issued", "case {n}");
        assert_eq!(stub.count(), n + 1, "case {n}");
    }
    assert_eq!(other.count(), 0);
    for request in stub.requests.lock().unwrap().iter() {
        let authorization = request.header("authorization").unwrap();
        // The session's key and region, whatever the environment says.
        assert!(
            authorization.contains("Credential=AKIDSESSION/")
                && authorization.contains("/eu-west-1/sts/"),
            "{authorization}"
        );
        let whole = format!("{request:?}");
        assert!(!whole.to_lowercase().contains("canary"), "{whole}");
        assert!(request.header("x-amz-security-token").is_none());
        assert!(
            request
                .header("user-agent")
                .unwrap()
                .contains("app/dayfly-")
        );
    }
}

#[test]
fn the_proxy_is_asked_for_the_regional_endpoint() {
    if std::env::var_os(CHILD).is_some() {
        return be_the_child();
    }
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[], "sts.eu-west-1.amazonaws.com:443"),
        (
            &[("AWS_USE_DUALSTACK_ENDPOINT", "true")],
            "sts.eu-west-1.api.aws:443",
        ),
        (
            &[("AWS_USE_FIPS_ENDPOINT", "true")],
            "sts-fips.eu-west-1.amazonaws.com:443",
        ),
        (
            &[
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
                ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
            ],
            "sts.eu-west-1.amazonaws.com:443",
        ),
    ];
    for (env, host) in cases {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", proxy.local_addr().unwrap());
        // Says no, so that nothing leaves this machine.
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = proxy.accept().unwrap();
            let mut request = [0; 1_024];
            let length = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let home = home("");
        let mut env = env.to_vec();
        env.push(("HTTPS_PROXY", &url));
        let outcome = child(
            "environment::the_proxy_is_asked_for_the_regional_endpoint",
            home.path(),
            &env,
        );
        assert_ne!(outcome, "issued");
        let asked = asked.join().unwrap();
        assert!(asked.starts_with(&format!("CONNECT {host} ")), "{asked}");
    }
}
