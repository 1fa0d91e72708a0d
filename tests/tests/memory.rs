//! What is in a core of an engine, and of commands: no secret, whoever takes it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use dayfly_tests::{Daemon, Home, within};
use serde_json::json;

const LONG_LIVED: &str = "canaryLongLivedKeyOfTheVault0000000000000";
const SECRET: &str = "canaryTemporarySecretKey00000000000000000";
const TOKEN: &str = "canarySessionTokenOfTemporaryCredentials0";

/// An STS that gives everybody the same credentials.
fn sts() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                return;
            };
            let mut request = [0; 16 << 10];
            let _ = connection.read(&mut request);
            let body = format!(
                "<GetSessionTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <GetSessionTokenResult><Credentials><AccessKeyId>ASIACANARY</AccessKeyId>\
                 <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>\
                 <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                 </GetSessionTokenResult><ResponseMetadata><RequestId>r</RequestId>\
                 </ResponseMetadata></GetSessionTokenResponse>"
            );
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n",
                body.len()
            );
            let _ = connection.write_all(format!("{head}{body}").as_bytes());
        }
    });
    format!("http://{address}")
}

/// A core of a process, as root or a debugger takes it; none where there is no `gcore`.
fn core(pid: u32, folder: &Path) -> Option<Vec<u8>> {
    let name = folder.join("core");
    let taken = Command::new("gcore")
        .args(["-o".as_ref(), name.as_os_str(), pid.to_string().as_ref()])
        .output()
        .ok()?;
    let path = folder.join(format!("core.{pid}"));
    let core = std::fs::read(&path);
    let _ = std::fs::remove_file(path);
    Some(core.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&taken.stderr))))
}

fn has(core: &[u8], text: &str) -> bool {
    core.windows(text.len()).any(|part| part == text.as_bytes())
}

fn of_kernel(pid: u32, what: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{what}")).expect("a process that runs")
}

/// Whether no core of this process has anything in it.
fn is_private(pid: u32) -> Result<(), String> {
    let filter = of_kernel(pid, "coredump_filter");
    let limits = of_kernel(pid, "limits");
    let limit = limits.lines().find(|l| l.starts_with("Max core file size"));
    let soft = limit.and_then(|l| l.split_whitespace().nth(4));
    match (filter.trim(), soft) {
        ("00000000", Some("0")) => Ok(()),
        found => Err(format!("{found:?}")),
    }
}

#[test]
fn no_core_has_a_secret_and_a_command_of_the_person_has_its_own_again() {
    let mut home = Home::new();
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home.save_config(&format!("[aws]\nsts-endpoint-url = \"{}\"\n", sts()));
    home.save_workspace(
        &json!({ "sessions": [{ "sessionId": "user", "sessionName": "user",
        "type": "awsIamUser", "region": "eu-west-1" }] }),
    );
    let key = format!("AKIACANARY000000\n{LONG_LIVED}\n");
    home.run_with(["secret", "set", "user"], &key).ok();
    let engine = Daemon::start(&home);
    home.run(["session", "start", "user"]).ok();
    let given = home.run(["credential-process", "user"]).ok();
    assert!(given.out.contains(SECRET), "{given:?}");

    let folder = tempfile::tempdir().expect("a folder");
    // The method finds what there is to find.
    let mut control = Command::new("sh")
        .args(["-c", "secret=canaryOfTheControl0000; read line"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    thread::sleep(Duration::from_millis(200));
    let found = core(control.id(), folder.path());
    let _ = control.kill();
    let _ = control.wait();
    let Some(found) = found else {
        eprintln!("not run: there is no gcore");
        return;
    };
    assert!(has(&found, "canaryOfTheControl0000"));
    let found = core(engine.pid(), folder.path()).expect("a core");
    for canary in [LONG_LIVED, SECRET, TOKEN] {
        assert!(!has(&found, canary), "{canary} is in a core of the engine");
    }

    is_private(engine.pid()).expect("the engine keeps its memory to itself");
    let mut follow = home.command(["events", "--follow"]);
    let mut follow = follow.stdout(Stdio::null()).spawn().expect("a command");
    let limit = Duration::from_secs(20);
    within(limit, "the command keeps its memory to itself", || {
        is_private(follow.id())
    });
    let _ = follow.kill();
    let _ = follow.wait();
    // The person's own command can leave cores as ever.
    let shown = "ulimit -c; cat /proc/self/coredump_filter";
    let outside = Command::new("sh")
        .args(["-c", shown])
        .output()
        .expect("a shell");
    let waits = format!("sleep 1; {shown}");
    let inside = home.run(["exec", "user", "--", "sh", "-c", &waits]).ok();
    assert_eq!(inside.out.as_bytes(), outside.stdout);
}
