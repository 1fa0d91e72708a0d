//! A real OpenID provider in the shape of Entra ID, a resource manager beside it, and the clients
//! that talk to them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::home::Home;

/// The tenant.
pub const TENANT: &str = "11111111-1111-1111-1111-111111111111";
/// An application with a secret.
pub const APPLICATION: &str = "22222222-2222-2222-2222-222222222222";
/// Its secret.
pub const SECRET: &str = "s3cr3t-of-the-application";
/// An application with a certificate.
pub const CERTIFIED: &str = "33333333-3333-3333-3333-333333333333";

/// The provider; ended when dropped.
#[derive(Debug)]
pub struct Entra {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    control: u16,
}

/// What `tests/tools` installed; none where it could not, which fails where all is wanted.
fn installed(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        let wanted = std::env::var_os("DAYFLY_TEST_ALL").is_some();
        assert!(!wanted, "{variable} is not set: run tests/tools");
        #[expect(clippy::print_stdout, reason = "so that nobody takes it for a pass")]
        {
            println!("skipped: {variable} is not set");
        }
    }
    found
}

impl Entra {
    /// Starts it; access tokens live so many seconds. None where it is not installed.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(seconds: u32) -> Option<Self> {
        let node = installed("DAYFLY_TEST_NODE")?;
        let packages = installed("DAYFLY_TEST_ENTRA")?;
        let python = installed("DAYFLY_TEST_AZURE_PYTHON")?;
        let folder = tempfile::Builder::new().prefix("dayfly-entra-").tempdir();
        let folder = folder.expect("a folder");
        let path = folder.path();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/azure");
        for script in [
            "entra.mjs",
            "sign_in.mjs",
            "hold.mjs",
            "hold.py",
            "certificates.py",
        ] {
            std::fs::copy(scripts.join(script), path.join(script)).expect("a script is copied");
        }
        std::os::unix::fs::symlink(packages.join("node_modules"), path.join("node_modules"))
            .expect("a link is made");
        let mut made = Command::new(python);
        let made = made.arg(path.join("certificates.py")).arg(path).status();
        assert!(made.expect("Python runs").success(), "no certificates");
        let log = std::fs::File::create(path.join("entra.log")).expect("a log");
        let mut child = Command::new(node)
            .arg(path.join("entra.mjs"))
            .arg(path)
            .arg(seconds.to_string())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("Node runs");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("an output"));
        out.read_line(&mut line).expect("it tells its ports");
        let said = || std::fs::read_to_string(path.join("entra.log")).unwrap_or_default();
        let mut ports = line.split_whitespace().map(str::parse);
        let (Some(Ok(port)), Some(Ok(control))) = (ports.next(), ports.next()) else {
            panic!("it does not start: {line}{}", said());
        };
        Some(Self {
            child,
            folder,
            port,
            control,
        })
    }

    /// Where it is, and what its resource manager's tokens are for.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A file of its folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An integration with it, in the words of the Workspace.
    #[must_use]
    pub fn integration(&self, id: &str, credential: &str) -> Value {
        json!({
            "id": id, "alias": id, "tenantId": TENANT, "credential": credential,
            "authorityHost": self.origin(), "resourceManagerUrl": self.origin(),
        })
    }

    /// A command on this home that trusts it.
    #[must_use]
    pub fn command(&self, home: &Home, args: &[&str]) -> Command {
        let mut command = home.command(args);
        self.trusted(&mut command);
        command
    }

    /// Has a command, and what it runs, trust its certificates.
    pub fn trusted(&self, command: &mut Command) {
        command.envs(self.trust());
    }

    /// Has everything that is run on this home from now on trust its certificates.
    pub fn trusted_by(&self, home: &mut Home) {
        for (name, authority) in self.trust() {
            home.set(name, authority);
        }
    }

    fn trust(&self) -> [(&'static str, PathBuf); 3] {
        ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"]
            .map(|name| (name, self.file("ca.pem")))
    }

    /// Asks it something on behalf of the test.
    ///
    /// # Panics
    /// It gives no answer.
    pub fn ask(&self, what: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control)).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a deadline");
        write!(
            stream,
            "POST /_test/{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{what}: {answer}");
        // One chunk, with its length before it.
        let body = body.find(['{', '[']).map_or("", |at| &body[at..]);
        let end = body.rfind(['}', ']']).map_or(0, |at| at + 1);
        serde_json::from_str(&body[..end]).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }

    /// Has every call fail from now on, in the way that this says; none: not any more.
    pub fn fault(&self, fault: Option<Value>) {
        self.ask("fault", &fault.map(|f| f.to_string()).unwrap_or_default());
    }

    /// How many tokens were asked for with this grant.
    ///
    /// # Panics
    /// It gives no answer.
    #[must_use]
    pub fn calls(&self, grant: &str) -> usize {
        let calls = self.ask("calls", "");
        let calls = calls.as_array().expect("a list").iter();
        calls.filter(|call| call["grant"] == grant).count()
    }

    /// Everything secret that it gave away.
    ///
    /// # Panics
    /// It gives no answer.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let secrets = self.ask("secrets", "");
        let secrets = secrets.as_array().expect("a list").iter();
        secrets
            .filter_map(|s| s.as_str().map(str::to_owned))
            .collect()
    }

    /// A person signs in in a browser with this code.
    ///
    /// # Panics
    /// That fails.
    pub fn sign_in(&self, address: &str, code: &str) {
        let chromium = installed("DAYFLY_TEST_CHROMIUM").expect("a browser is installed");
        let node = installed("DAYFLY_TEST_NODE").expect("Node is installed");
        let output = Command::new(node)
            .arg(self.file("sign_in.mjs"))
            .args([address, code])
            .env("CHROMIUM", chromium)
            .env("HOME", self.folder.path())
            .output()
            .expect("Node runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

/// What a token says of itself, unchecked.
///
/// # Panics
/// It is no token.
#[must_use]
pub fn claims(token: &str) -> Value {
    let python = installed("DAYFLY_TEST_AZURE_PYTHON").expect("Python is installed");
    let script = "import base64, sys\n\
        text = sys.stdin.read().split('.')[1]\n\
        print(base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)).decode())";
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut stdin = child.stdin.take().expect("an input");
    stdin.write_all(token.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("Python ends");
    serde_json::from_slice(&output.stdout).expect("a token has claims")
}

impl Drop for Entra {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
