//! What a machine has of itself: its environment, a container's endpoint, served by a program that nobody
//! here wrote, and the metadata service, which another engine is for it (what the SDKs take it for, the
//! suite `conformance` shows), with an STS that checks what is signed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dayfly_tests::{Daemon, Home, Ministack, aws, until};
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);
const TOKEN: &str = "a-token-of-the-container";

/// `aws-export-credentials`, serving credentials for as long as this lives.
struct Machine {
    child: Child,
    _folder: tempfile::TempDir,
    origin: String,
}

impl Machine {
    /// Serves credentials of this role as the endpoint of a container.
    fn serve(sts: &Ministack, role: &str) -> Option<Self> {
        let Some(program) = std::env::var_os("DAYFLY_TEST_MACHINE") else {
            assert!(
                std::env::var_os("DAYFLY_TEST_ALL").is_none(),
                "the variables that tests/tools prints are not set"
            );
            return None;
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let at = format!("127.0.0.1:{port}");
        let folder = tempfile::tempdir().unwrap();
        let at_folder = |name: &str| folder.path().join(name);
        std::fs::write(at_folder("printed"), assumed(sts, role)).unwrap();
        let config = format!(
            "[profile machine]\ncredential_process = cat {}\n",
            at_folder("printed").display()
        );
        std::fs::write(at_folder("config"), config).unwrap();
        let mut command = Command::new(program);
        command.args(["--profile", "machine"]);
        command.args(["--container", &at, TOKEN]);
        let child = command
            .env("HOME", folder.path())
            .env("AWS_CONFIG_FILE", at_folder("config"))
            .env("AWS_ENDPOINT_URL", sts.endpoint())
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until(MINUTE, "the machine answers", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self {
            child,
            _folder: folder,
            origin: format!("http://{at}"),
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn assumed(sts: &Ministack, role: &str) -> String {
    sts.python(
        r#"
import boto3, json, os
got = boto3.client("sts").assume_role(RoleArn=os.environ["ROLE"], RoleSessionName="machine")["Credentials"]
print(json.dumps({"Version": 1, "AccessKeyId": got["AccessKeyId"], "SecretAccessKey": got["SecretAccessKey"],
    "SessionToken": got["SessionToken"], "Expiration": got["Expiration"].isoformat()}))
"#,
        &[("ROLE", role)],
    )
}

/// The machine's own session, and a role that it assumes.
fn home(sts: &Ministack, source: &str, next: &str) -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "id-machine", "sessionName": "machine", "type": "awsInstance",
          "region": "eu-west-1", "profileName": "machine", "credentialSource": source },
        { "sessionId": "id-role", "sessionName": "role", "type": "awsIamRoleChained",
          "region": "eu-west-1", "profileName": "role", "roleArn": next,
          "parentSessionId": "id-machine" },
    ] }));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    home
}

fn both_work(home: &Home, sts: &Ministack) {
    for (name, role) in [("role", "next"), ("machine", "machine")] {
        home.run(["session", "start", name]).ok();
        let caller = aws::boto3_caller(home, name, &sts.endpoint()).unwrap();
        assert!(
            caller.contains(&format!(":assumed-role/{role}/")),
            "{caller}"
        );
        assert!(!home.session(name).unwrap()["expiresAt"].is_null());
    }
    home.run(["session", "rotate", "machine"]).ok();
}

#[test]
fn the_metadata_service_gives_a_session_and_a_parent() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (own, next) = (sts.role("machine"), sts.role("next"));
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let machine = Home::new();
    machine.save(&machine.path().join("printed"), &assumed(&sts, &own));
    machine.save_workspace(&json!({ "sessions": [
        { "sessionId": "id-own", "sessionName": "own", "type": "process", "region": "eu-west-1",
          "profileName": "own", "command": ["cat", machine.path().join("printed")] },
    ] }));
    machine.save_config(&format!("[imds]\nsession = \"own\"\nport = {port}\n"));
    let serves = Daemon::start(&machine);
    machine.run(["session", "start", "own"]).ok();

    let mut home = home(&sts, "Ec2InstanceMetadata", &next);
    home.set(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        format!("http://127.0.0.1:{port}/"),
    );
    let daemon = Daemon::start(&home);
    both_work(&home, &sts);
    drop(serves);
    let refused = home.run(["session", "rotate", "machine"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused
            .err
            .contains("the EC2 metadata service did not answer"),
        "{}",
        refused.err
    );
    assert_eq!(home.session("machine").unwrap()["error"]["kind"], "network");
    assert_eq!(home.status("machine"), "active");
    drop(daemon);
}

#[test]
fn a_containers_endpoint_gives_a_session_and_a_parent() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (own, next) = (sts.role("machine"), sts.role("next"));
    let Some(machine) = Machine::serve(&sts, &own) else {
        return;
    };
    let mut home = home(&sts, "EcsContainer", &next);
    let daemon = Daemon::start(&home);
    let refused = home.run(["session", "start", "machine"]);
    assert!(
        refused.err.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        "{}",
        refused.err
    );
    assert_eq!(daemon.terminate(), 0);
    home.set(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        format!("{}/", machine.origin),
    );
    home.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN);
    let daemon = Daemon::start(&home);
    both_work(&home, &sts);
    drop(daemon);
}

#[test]
fn the_environment_gives_a_parent_and_a_key_in_it_is_exchanged() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let next = sts.role("next");
    let (id, secret) = sts.user("machine");
    let mut home = home(&sts, "Environment", &next);
    home.set("AWS_ACCESS_KEY_ID", &id);
    home.set("AWS_SECRET_ACCESS_KEY", &secret);
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "role"]).ok();
    let caller = aws::boto3_caller(&home, "role", &sts.endpoint()).unwrap();
    assert!(caller.contains(":assumed-role/next/"), "{caller}");
    home.run(["session", "start", "machine"]).ok();
    assert!(!home.credentials_text().contains(&id));
    assert!(!home.credentials_text().contains(&secret));
    drop(daemon);
}
