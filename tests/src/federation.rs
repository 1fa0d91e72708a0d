//! What checks MFA codes as AWS does, brings about faults, and sits at a terminal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::home::{Ended, Home, program};
use crate::ministack::Ministack;

/// The Python with pyotp and moto that `tests/tools` installed; none where it is not there.
///
/// # Panics
/// It is not there, and everything has to be.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os("DAYFLY_TEST_FEDERATION").map(PathBuf::from);
    assert!(
        python.is_some() || std::env::var_os("DAYFLY_TEST_ALL").is_none(),
        "the variables that tests/tools prints are not set"
    );
    python
}

/// A file of `tests/federation`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("federation")
        .join(name)
}

/// A port that is free now.
///
/// # Panics
/// There is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("a port").port()
}

/// The code that a device with this seed shows now, by pyotp.
///
/// # Panics
/// There is no Python with pyotp.
#[must_use]
pub fn code(seed: &str) -> String {
    let script = "import pyotp, sys; print(pyotp.TOTP(sys.stdin.read().strip()).now())";
    pyotp(script, seed)
}

/// What a Python script with pyotp prints that reads the seed from its input: arguments are seen by others.
///
/// # Panics
/// There is no Python with pyotp.
#[must_use]
pub fn pyotp(script: &str, seed: &str) -> String {
    let mut child = Command::new(python().expect("a Python"))
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut stdin = child.stdin.take().expect("an input");
    stdin.write_all(seed.as_bytes()).expect("it is taken");
    drop(stdin);
    let output = child.wait_with_output().expect("Python ends");
    let printed = String::from_utf8(output.stdout).expect("digits");
    printed.trim().to_owned()
}

/// A front of an emulator that checks MFA codes; gone when dropped.
#[derive(Debug)]
pub struct Front {
    child: Child,
    port: u16,
}

impl Front {
    /// Starts it for the devices with these serial numbers and seeds.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(sts: &Ministack, devices: &[(&str, &str)]) -> Self {
        let port = free_port();
        let upstream = sts.endpoint();
        let upstream = upstream.rsplit(':').next().expect("a port");
        let mut child = Command::new(python().expect("a Python"))
            .arg(script("front.py"))
            .args([&port.to_string(), upstream])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let seeds: serde_json::Map<String, Value> = devices
            .iter()
            .map(|(serial, seed)| ((*serial).to_owned(), (*seed).into()))
            .collect();
        let mut stdin = child.stdin.take().expect("an input");
        let seeds = Value::Object(seeds).to_string();
        stdin.write_all(seeds.as_bytes()).expect("it is taken");
        drop(stdin);
        let mut ready = String::new();
        let stdout = child.stdout.take().expect("an output");
        BufReader::new(stdout)
            .read_line(&mut ready)
            .expect("a line");
        assert_eq!(ready, "ready\n");
        Self { child, port }
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has it check durations from now on: 15 minutes at least, and no more than these roles allow.
    pub fn limits(&self, roles: &Value) {
        self.ask("POST", "/_limits", &roles.to_string());
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: front\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
        body.to_owned()
    }

    /// What it was asked: action, serial number, role, and whether it refused a code.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        let log = self.ask("GET", "/_log", "");
        serde_json::from_str(&log).expect("JSON")
    }

    /// From now on it is `throttle`, `deny` or `drop`; nothing with an empty word.
    pub fn fault(&self, fault: &str) {
        self.ask("POST", "/_fault", fault);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program at a terminal, where these lines are entered when it asks for a code; `code` is
/// what the device with this seed shows then.
///
/// # Panics
/// It cannot be run.
#[must_use]
pub fn at_terminal(home: &Home, seed: &str, args: &[&str], answers: &[&str]) -> Ended {
    let like = home.command(args);
    let mut command = Command::new(python().expect("a Python"));
    command
        .arg(script("terminal.py"))
        .arg(program())
        .args(args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in like.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let mut child = command.spawn().expect("Python runs");
    let mut stdin = child.stdin.take().expect("an input");
    let lines = [seed].into_iter().chain(answers.iter().copied());
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    stdin.write_all(lines.as_bytes()).expect("it is taken");
    drop(stdin);
    Ended::of(child.wait_with_output().expect("it ends"))
}
