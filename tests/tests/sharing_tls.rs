//! A registry that is not on this machine's loopback is talked to over TLS, and only where its certificate holds.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};

use dayfly_tests::Home;
use dayfly_tests::authoring::{Registry, prebuilt, tool};
use serde_json::json;

/// An address of this machine that is not loopback; none where it has none.
fn address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: this asks for the way out only (an address for documentation, RFC 5737).
    socket.connect("203.0.113.1:9").ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback() && !own.is_unspecified()).then(|| own.to_string())
}

fn openssl(folder: &Path, args: &str) {
    let made = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success(), "openssl {args}");
}

/// An authority of its own, `ca.pem`, and a certificate for this address by it.
fn certificates(folder: &Path, address: &str) {
    let extensions = format!("subjectAltName=IP:{address}\nbasicConstraints=CA:FALSE\n");
    std::fs::write(folder.join("extensions"), extensions).unwrap();
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
    );
    openssl(
        folder,
        "req -new -newkey rsa:2048 -nodes -subj /CN=registry -keyout server.key -out server.csr",
    );
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
         -extfile extensions -out server.pem",
    );
}

#[test]
fn a_registry_elsewhere_has_to_show_a_certificate_that_is_trusted() {
    let (Some(_), Some(_)) = (tool("openssl"), tool("docker-registry")) else {
        return;
    };
    let Some(address) = address() else {
        println!("skipped: this machine has no address but loopback");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path(), &address);
    let file = |name: &str| folder.path().join(name);
    let tls = format!(
        "  tls:\n    certificate: {}\n    key: {}\n",
        file("server.pem").display(),
        file("server.key").display()
    );
    let Some(registry) = Registry::at(&address, &tls) else {
        return;
    };
    let to = format!("oci://{}/team/keep:1", registry.host);
    let home = || {
        let home = Home::new();
        home.save_workspace(&json!({ "sessions": [
            { "sessionId": "tools", "sessionName": "tools", "type": "localstack",
              "profileName": "tools", "labels": { "auto": "" } },
        ]}));
        home
    };

    let mut author = home();
    author.set("SSL_CERT_FILE", file("ca.pem"));
    let module = prebuilt("keep-active");
    author
        .run(["policy", "push", module.to_str().unwrap(), &to])
        .ok();

    let mut user = home();
    openssl(
        folder.path(),
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=another -keyout other.key -out other.pem",
    );
    user.set("SSL_CERT_FILE", file("other.pem"));
    let refused = user.run(["policy", "add", &to, "--yes"]);
    assert_ne!(refused.code, 0, "{}", refused.out);
    let said = "could not prove its identity: invalid peer certificate";
    assert!(refused.err.contains(said), "{}", refused.err);
    assert!(!user.path().join("dayfly.lock").exists());

    user.set("SSL_CERT_FILE", file("ca.pem"));
    user.run(["policy", "add", &to, "--yes"]).ok();
    user.run(["run", "--once"]).ok();
    assert_eq!(user.status("tools"), "active");
}

#[test]
fn a_registry_elsewhere_is_not_talked_to_without_tls() {
    let Some(address) = address() else {
        return;
    };
    let Some(registry) = Registry::at(&address, "") else {
        return;
    };
    let home = Home::new();
    let to = format!("oci://{}/team/keep:1", registry.host);
    let module = prebuilt("keep-active");
    let refused = home.run(["policy", "push", module.to_str().unwrap(), &to]);
    assert_ne!(refused.code, 0, "{}", refused.out);
    assert!(
        refused.err.contains("does not speak TLS"),
        "{}",
        refused.err
    );
}
