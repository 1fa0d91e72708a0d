//! A portal of AWS IAM Identity Center on loopback: a fake of ours, held against the service models
//! of AWS and against real clients that sign in to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use crate::home::Home;

/// The fake, for as long as this lives.
#[derive(Debug)]
pub struct Portal {
    child: Child,
    _held: ChildStdin,
    port: u16,
}

/// Where the fake's program is.
#[must_use]
pub fn program() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("fakes").join("sso_portal.py")
}

/// The Python that has botocore; none where `tests/tools` did not say it.
///
/// # Panics
/// It is not there although everything has to be.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os("DAYFLY_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        assert!(
            std::env::var_os("DAYFLY_TEST_ALL").is_none(),
            "the variables that tests/tools prints are not set"
        );
        #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
        {
            eprintln!("not run: needs the variables that tests/tools prints");
        }
    }
    python
}

impl Portal {
    /// Starts it. Credentials of roles come from this STS, or are made up where there is none.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(sts: Option<&str>) -> Option<Self> {
        let mut command = Command::new(python()?);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .arg(program());
        if let Some(sts) = sts {
            command.args(["--sts", sts]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let held = child.stdin.take().expect("it has an input");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it prints"))
            .read_line(&mut line)
            .expect("it says where it listens");
        let port = line
            .trim()
            .strip_prefix("listening ")
            .and_then(|p| p.parse().ok());
        Some(Self {
            child,
            _held: held,
            port: port.expect("a port"),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes settings, accounts and faults.
    ///
    /// # Panics
    /// It does not answer.
    pub fn tell(&self, orders: &Value) {
        let _ = self.ask("POST", &orders.to_string());
    }

    /// What happened so far.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn told(&self) -> Value {
        self.ask("GET", "")
    }

    /// How often an operation, or a grant as `grant refresh_token`, was asked for.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.told()["counts"][what].as_u64().unwrap_or(0)
    }

    /// What it handed out or was given that nobody else may see.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let told = self.told();
        let secrets = told["secrets"].as_array().cloned().unwrap_or_default();
        secrets
            .iter()
            .filter_map(|s| s.as_str().map(str::to_owned))
            .collect()
    }

    /// Fails the test where a request or an answer was not as the service model of AWS has it.
    ///
    /// # Panics
    /// One was not.
    pub fn assert_honest(&self) {
        let told = self.told();
        assert_eq!(told["violations"], json!([]), "{:#}", told["violations"]);
    }

    fn ask(&self, method: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let request = format!(
            "{method} /fake HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("it answers");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}{body}");
        serde_json::from_str(body).expect("it answers JSON")
    }

    /// A home whose configuration names this portal, with one integration `corp` in it.
    #[must_use]
    pub fn home(&self, config: &str) -> Home {
        let home = Home::new();
        home.save_config(&format!(
            "[aws]\nsso-endpoint-url = \"{0}\"\nsso-oidc-endpoint-url = \"{0}\"\n{config}",
            self.endpoint()
        ));
        home.save_workspace(&json!({
            "sessions": [],
            "awsSsoIntegrations": [{
                "id": "corp-id", "alias": "corp", "region": "us-east-1",
                "portalUrl": "https://corp.awsapps.com/start",
            }],
        }));
        home
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Accounts named `account-N` with these roles each.
#[must_use]
pub fn accounts(count: usize, roles: &[&str]) -> Value {
    (0..count)
        .map(|n| {
            json!({
                "id": format!("{:012}", 100_000_000_000_u64 + n as u64),
                "name": format!("account-{n}"),
                "email": format!("account-{n}@example.com"),
                "roles": roles,
            })
        })
        .collect()
}
