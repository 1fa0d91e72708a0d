//! A real STS and IAM on loopback that checks signatures, trust policies and expiry.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait::within;

/// The emulator, for as long as this lives.
#[derive(Debug)]
pub struct Ministack {
    child: Option<Child>,
    program: PathBuf,
    port: u16,
    state: tempfile::TempDir,
}

impl Ministack {
    /// Starts the emulator that `DAYFLY_TEST_MINISTACK` names; none where it or
    /// `DAYFLY_TEST_PYTHON` is not set.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let (Some(program), Some(_)) = (
            std::env::var_os("DAYFLY_TEST_MINISTACK"),
            std::env::var_os("DAYFLY_TEST_PYTHON"),
        ) else {
            assert!(
                std::env::var_os("DAYFLY_TEST_ALL").is_none(),
                "the variables that tests/tools prints are not set"
            );
            #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
            {
                eprintln!("not run: needs the variables that tests/tools prints");
            }
            return None;
        };
        for _ in 0..3 {
            // Free now; another program may take it before the emulator does, hence the retries.
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = listener.local_addr().expect("a port").port();
            drop(listener);
            let mut this = Self {
                child: None,
                program: program.clone().into(),
                port,
                state: tempfile::tempdir().expect("a folder"),
            };
            if this.launch() {
                return Some(this);
            }
        }
        panic!("ministack does not start");
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn launch(&mut self) -> bool {
        let child = Command::new(&self.program)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder())
            .env("TMPDIR", self.folder())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", self.port.to_string())
            .env("AUTH", "true")
            .env("PERSIST_STATE", "1")
            .env("STATE_DIR", self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ministack runs");
        let child = self.child.insert(child);
        within(Duration::from_secs(60), "ministack listens", || {
            if child.try_wait().expect("it is ours").is_some() {
                return Ok(false);
            }
            TcpStream::connect(("127.0.0.1", self.port)).map(|_| true)
        })
    }

    fn folder(&self) -> &Path {
        self.state.path()
    }

    /// Stops it in the middle of whatever it does: connections stand, and nothing answers.
    ///
    /// # Panics
    /// It does not run.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// It does not run.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().expect("it runs");
        let pid = i32::try_from(child.id()).ok();
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("an id"), signal).expect("a signal is sent");
    }

    /// A stand-in that refuses connections: the emulator is moved away for a while. Its state
    /// lives in its process, so it is not killed; see [`Gate`].
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate::open(self.port)
    }

    /// Runs a Python script with boto3 against the emulator, as its root or with the
    /// credentials in `env`, and gives back what it printed.
    ///
    /// # Panics
    /// The script fails.
    #[must_use]
    pub fn python(&self, script: &str, env: &[(&str, &str)]) -> String {
        crate::aws::boto3(&self.endpoint(), script, env)
    }

    /// Creates a user who may assume roles, and gives back the user's key: id and secret.
    ///
    /// # Panics
    /// It cannot be created.
    #[must_use]
    pub fn user(&self, name: &str) -> (String, String) {
        let printed = self.python(
            r#"
import boto3, json, os
iam = boto3.client("iam")
name = os.environ["NAME"]
iam.create_user(UserName=name)
iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]}))
key = iam.create_access_key(UserName=name)["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"#,
            &[("NAME", name)],
        );
        let (id, secret) = printed.split_once(' ').expect("an id and a secret");
        (id.to_owned(), secret.to_owned())
    }

    /// Creates a role that everybody of the account may assume, and gives back its ARN.
    #[must_use]
    pub fn role(&self, name: &str) -> String {
        self.python(
            r#"
import boto3, json, os
iam = boto3.client("iam")
name = os.environ["NAME"]
role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]}))["Role"]
iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]}))
print(role["Arn"])
"#,
            &[("NAME", name)],
        )
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A door to the emulator that can be shut: its state lives in its process, so that it cannot be
/// killed and started again; shut, the door refuses connections and cuts those that stand, as a
/// killed server's machine does.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    shared: std::sync::Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    shut: std::sync::atomic::AtomicBool,
    gone: std::sync::atomic::AtomicBool,
    issued: std::sync::atomic::AtomicUsize,
    streams: std::sync::Mutex<Vec<TcpStream>>,
}

impl Gate {
    fn open(to: u16) -> Self {
        use std::sync::atomic::Ordering;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let shared = std::sync::Arc::new(Shared::default());
        let own = std::sync::Arc::clone(&shared);
        std::thread::spawn(move || {
            for inner in listener.incoming() {
                if own.gone.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = inner else { continue };
                if own.shut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else {
                    continue;
                };
                for (from, into) in [(&client, &server), (&server, &client)] {
                    let (Ok(from), Ok(into)) = (from.try_clone(), into.try_clone()) else {
                        continue;
                    };
                    let counts = std::sync::Arc::clone(&own);
                    std::thread::spawn(move || pass_on(from, into, &counts));
                }
                let mut streams = own.streams.lock().expect("nobody panics with it");
                streams.extend([client, server]);
            }
        });
        Self { port, shared }
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests for credentials of a role went through.
    #[must_use]
    pub fn roles_assumed(&self) -> usize {
        self.shared.issued.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Shuts it, and cuts what goes through, or opens it again.
    ///
    /// # Panics
    /// Never.
    pub fn shut(&self, shut: bool) {
        use std::sync::atomic::Ordering;
        self.shared.shut.store(shut, Ordering::SeqCst);
        if shut {
            let mut streams = self.shared.streams.lock().expect("nobody panics with it");
            for stream in streams.drain(..) {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        }
    }
}

/// Copies until the end, and counts requests by their form: each fits into one packet.
fn pass_on(mut from: TcpStream, mut into: TcpStream, counts: &Shared) {
    use std::io::{Read as _, Write as _};
    const ASKS: &[u8] = b"Action=AssumeRole&";
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let part = &buffer[..read];
        let asked = part.windows(ASKS.len()).filter(|w| *w == ASKS).count();
        counts
            .issued
            .fetch_add(asked, std::sync::atomic::Ordering::SeqCst);
        if into.write_all(part).is_err() {
            break;
        }
    }
    let _ = into.shutdown(std::net::Shutdown::Both);
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared
            .gone
            .store(true, std::sync::atomic::Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
