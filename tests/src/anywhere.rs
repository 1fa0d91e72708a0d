//! IAM Roles Anywhere on loopback: a verifier in Python that shares no code with Dayfly, with an authority and
//! its certificates.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

/// The verifier, for as long as this lives.
#[derive(Debug)]
pub struct Anywhere {
    child: Child,
    _held: ChildStdin,
    python: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

/// A variable of `tests/tools`; none where it is not set, which is said.
///
/// # Panics
/// It is not there although everything has to be.
#[must_use]
pub fn component(name: &str) -> Option<PathBuf> {
    let there = std::env::var_os(name).map(PathBuf::from);
    if there.is_none() {
        assert!(
            std::env::var_os("DAYFLY_TEST_ALL").is_none(),
            "{name} is not set, which tests/tools prints"
        );
        #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
        {
            eprintln!("not run: needs {name}, which tests/tools prints");
        }
    }
    there
}

fn script() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("fakes").join("rolesanywhere.py")
}

impl Anywhere {
    /// Starts it, with a certificate for a key of this kind: `rsa`, `p256` or `p384`. Credentials come from this
    /// STS, or are made up where there is none.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(kind: &str, sts: Option<&str>) -> Option<Self> {
        let python = component("DAYFLY_TEST_ROLESANYWHERE")?;
        let folder = tempfile::tempdir().expect("a folder");
        let made = Command::new(&python)
            .arg(script())
            .arg("pki")
            .arg(folder.path())
            .arg(kind)
            .output()
            .expect("Python runs");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "no certificates: {said}");
        let mut child = Command::new(&python)
            .arg(script())
            .arg("serve")
            .arg(folder.path())
            .args(sts)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let held = child.stdin.take().expect("its input");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a port");
        let port = line.trim().parse().expect("a port");
        Some(Self {
            child,
            _held: held,
            python,
            folder,
            port,
        })
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A file of the authority: `leaf.pem`, `leaf.key`, `middle.pem`, `hidden.key`, `leaf.p12`, and the spoilt
    /// certificates.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How it answers from now on: `well`, `empty`, `none`, `past`, `throttled`, `other`.
    ///
    /// # Panics
    /// It cannot be told.
    pub fn answer(&self, mode: &str) {
        std::fs::write(self.file("mode"), mode).expect("a file");
    }

    /// What it was asked, request by request.
    ///
    /// # Panics
    /// It wrote no JSON.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file("asked")).unwrap_or_default();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// What AWS's own client for Python is answered with the same certificate.
    ///
    /// # Panics
    /// It does not run.
    #[must_use]
    pub fn second_client(&self) -> String {
        let ended = Command::new(&self.python)
            .arg(script())
            .arg("second")
            .arg(self.endpoint())
            .arg(self.folder.path())
            .output()
            .expect("Python runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}");
        String::from_utf8_lossy(&ended.stdout).trim().to_owned()
    }
}

impl Drop for Anywhere {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
