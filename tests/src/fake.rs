//! A service of ours on loopback that says what it was asked: a Python program of `tests/fakes`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

/// The program, for as long as this lives.
#[derive(Debug)]
pub struct Fake {
    child: Child,
    _held: ChildStdin,
    port: u16,
}

impl Fake {
    /// Starts it; it prints `listening PORT`.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
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
        Self {
            child,
            _held: held,
            port: port.expect("a port"),
        }
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
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
