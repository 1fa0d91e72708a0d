//! A real Secret Service (GNOME Keyring) on a bus of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LOGIN: &str = "/org/freedesktop/secrets/collection/login";

/// A session bus, for as long as this lives.
pub(crate) struct Session {
    bus: Child,
    keyring: Option<Child>,
    // Dropped after the children are gone.
    folder: tempfile::TempDir,
}

impl Session {
    /// A bus with an unlocked keyring; none where `DAYFLY_TEST_SECRET_SERVICE` is not set.
    pub(crate) fn start() -> Option<Self> {
        let mut session = Self::without_keyring()?;
        let mut keyring = session
            .command("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon starts");
        // An empty password would make it ask on a display.
        let mut stdin = keyring.stdin.take().expect("stdin is a pipe");
        stdin.write_all(b"login\n").expect("it reads its password");
        drop(stdin);
        session.keyring = Some(keyring);
        session.wait_for("the keyring", |session| {
            let mut ask = session.command("dbus-send");
            let answer = ask
                .args(call("ReadAlias"))
                .arg("string:default")
                .output()
                .expect("dbus-send runs");
            String::from_utf8_lossy(&answer.stdout).contains(LOGIN)
        });
        Some(session)
    }

    /// A bus that starts no services; none where `DAYFLY_TEST_SECRET_SERVICE` is not set.
    pub(crate) fn without_keyring() -> Option<Self> {
        if std::env::var_os("DAYFLY_TEST_SECRET_SERVICE").is_none() {
            println!("not run: needs the variables that tests/tools prints");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("bus.conf");
        let text = format!(
            r#"<busconfig><type>session</type><listen>unix:path={}</listen>
            <policy context="default"><allow send_destination="*" eavesdrop="true"/>
            <allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#,
            folder.path().join("bus").display()
        );
        std::fs::write(&config, text).expect("the folder can be written");
        let bus = Command::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--nosyslog"])
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon starts");
        let mut session = Self {
            bus,
            keyring: None,
            folder,
        };
        session.wait_for("the bus", |session| session.socket().exists());
        Some(session)
    }

    /// Runs the test of this name again, inside this session.
    pub(crate) fn run(&self, test: &str) {
        let address = self.address();
        let env = [
            ("DBUS_SESSION_BUS_ADDRESS", Path::new(&address)),
            ("XDG_RUNTIME_DIR", self.folder.path()),
            ("HOME", self.folder.path()),
        ];
        let output = super::support::again(test, &env);
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("bus")
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("DBUS_SESSION_BUS_ADDRESS", self.address())
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("HOME", self.folder.path());
        command
    }

    fn wait_for(&mut self, what: &str, ready: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !ready(self) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{what} is late");
            // Sleeps between two looks, until the deadline.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in self.keyring.iter_mut().chain([&mut self.bus]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Locks the keyring of the session that this process runs in.
pub(crate) fn lock() {
    let status = Command::new("dbus-send")
        .args(call("Lock"))
        .arg(format!("array:objpath:{LOGIN}"))
        .stdout(Stdio::null())
        .status()
        .expect("dbus-send runs");
    assert!(status.success());
}

fn call(method: &str) -> [String; 5] {
    [
        "--session".to_owned(),
        "--print-reply".to_owned(),
        "--dest=org.freedesktop.secrets".to_owned(),
        "/org/freedesktop/secrets".to_owned(),
        format!("org.freedesktop.Secret.Service.{method}"),
    ]
}
