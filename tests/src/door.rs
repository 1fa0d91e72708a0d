//! The endpoints that programs find credentials at, asked without an SDK.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::home::Home;

/// Variables and their values.
pub type Environment = BTreeMap<String, String>;

/// What `dayfly env` has a shell export, with these further arguments.
///
/// # Panics
/// It fails.
#[must_use]
pub fn exported(home: &Home, session: &str, more: &[&str]) -> Environment {
    let args = ["env", session, "--shell", "bash"];
    let printed = home.run(args.iter().chain(more)).ok().out;
    let exports = printed.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    });
    exports.collect()
}

/// A command that runs under `dayfly exec` until this is dropped, and its environment.
#[derive(Debug)]
pub struct Exec {
    child: Child,
    input: Option<ChildStdin>,
    /// Its environment.
    pub environment: Environment,
}

impl Exec {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts it, with these arguments before `--`.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(home: &Home, args: &[&str]) -> Self {
        let mut command = home.command(["exec"]);
        command
            .args(args)
            .args(["--", "sh", "-c", "env; echo; read ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let lines = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty());
        let pairs = lines.filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        Self {
            environment: pairs.collect(),
            input: child.stdin.take(),
            child,
        }
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// An endpoint, as an environment names it.
#[derive(Clone, Debug)]
pub struct Door {
    /// `HOST:PORT`
    pub address: String,
    /// The path of the credentials.
    pub path: String,
    opens: Opens,
}

#[derive(Clone, Debug)]
enum Opens {
    Token(String),
    File(PathBuf),
    Metadata,
}

impl Door {
    /// The one that this environment names.
    ///
    /// # Panics
    /// It names none.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let word = |name: &str| environment.get(name).cloned();
        let container = word("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let (url, opens) = match container {
            Some(url) => {
                let file = word("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
                let token = word("AWS_CONTAINER_AUTHORIZATION_TOKEN");
                let opens = match (file, token) {
                    (Some(file), _) => Opens::File(file.into()),
                    (None, Some(token)) => Opens::Token(token),
                    (None, None) => panic!("nothing opens it: {environment:?}"),
                };
                (url, opens)
            }
            None => {
                let url = word("AWS_EC2_METADATA_SERVICE_ENDPOINT").expect("an endpoint");
                (url, Opens::Metadata)
            }
        };
        let rest = url.strip_prefix("http://").expect("plain HTTP on loopback");
        let (address, path) = rest.split_once('/').expect("a path");
        Self {
            address: address.to_owned(),
            path: format!("/{path}"),
            opens,
        }
    }

    /// One request with these header lines beside `Host`; status and body, 0 where nobody answers.
    #[must_use]
    pub fn send(&self, line: &str, headers: &str) -> (u16, String) {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            let host = &self.address;
            let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
            stream.write_all(format!("{head}{headers}\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().unwrap_or_default();
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        (status.unwrap_or(0), body.unwrap_or_default().to_owned())
    }

    /// What is answered to who asks for the credentials as SDKs do.
    ///
    /// # Panics
    /// The file with the token cannot be read.
    #[must_use]
    pub fn ask(&self) -> (u16, Value) {
        let token = match &self.opens {
            Opens::Token(token) => token.clone(),
            Opens::File(file) => std::fs::read_to_string(file).expect("a token"),
            Opens::Metadata => return self.ask_metadata(),
        };
        let line = format!("GET {}", self.path);
        let (status, body) = self.send(&line, &format!("Authorization: {token}\r\n"));
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    fn ask_metadata(&self) -> (u16, Value) {
        let pass = self.pass(60);
        let roles = "/latest/meta-data/iam/security-credentials/";
        let (status, role) = self.send(&format!("GET {roles}"), &pass);
        if status != 200 {
            return (status, Value::Null);
        }
        let (status, body) = self.send(&format!("GET {roles}{role}"), &pass);
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// The header line with a metadata token that is good for so many seconds.
    #[must_use]
    pub fn pass(&self, seconds: u32) -> String {
        let ttl = format!("X-aws-ec2-metadata-token-ttl-seconds: {seconds}\r\n");
        let (_, token) = self.send("PUT /latest/api/token", &ttl);
        format!("X-aws-ec2-metadata-token: {token}\r\n")
    }
}
