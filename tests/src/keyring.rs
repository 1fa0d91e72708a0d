//! A real Secret Service (GNOME Keyring) on a bus of its own, with what other programs keep in it.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use secret_service::EncryptionType;
use secret_service::blocking::SecretService;

use crate::home::Home;
use crate::wait;

/// A session bus with a keyring, for as long as this lives.
#[derive(Debug)]
pub struct Keyring {
    bus: Child,
    daemon: Child,
    // Dropped after the children are gone.
    folder: tempfile::TempDir,
}

impl Keyring {
    /// An unlocked keyring; none where `DAYFLY_TEST_SECRET_SERVICE` is not set.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    #[allow(clippy::print_stdout, reason = "a test says what it did not do")]
    pub fn start() -> Option<Self> {
        if std::env::var_os("DAYFLY_TEST_SECRET_SERVICE").is_none() {
            println!("not run: needs the variables that tests/tools prints");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("bus.conf");
        let address = format!("unix:path={}", folder.path().join("bus").display());
        let text = format!(
            r#"<busconfig><type>session</type><listen>{address}</listen>
            <policy context="default"><allow send_destination="*" eavesdrop="true"/>
            <allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#
        );
        std::fs::write(&config, text).expect("the folder can be written");
        let quiet = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("the program starts")
        };
        let bus = quiet(
            Command::new("dbus-daemon")
                .args(["--nofork", "--nopidfile", "--nosyslog"])
                .arg(format!("--config-file={}", config.display())),
        );
        let socket = folder.path().join("bus");
        wait::until(Duration::from_secs(20), "the bus", || socket.exists());
        let mut daemon = quiet(
            Command::new("gnome-keyring-daemon")
                .args(["--foreground", "--unlock", "--components=secrets"])
                .env("DBUS_SESSION_BUS_ADDRESS", &address)
                .env("XDG_RUNTIME_DIR", folder.path())
                .env("HOME", folder.path())
                .stdin(Stdio::piped()),
        );
        // An empty password would make it ask on a display.
        let mut stdin = daemon.stdin.take().expect("stdin is a pipe");
        stdin.write_all(b"login\n").expect("it reads its password");
        drop(stdin);
        let keyring = Self {
            bus,
            daemon,
            folder,
        };
        wait::until(Duration::from_secs(20), "the keyring", || {
            keyring
                .ask("ReadAlias", "string:default")
                .contains("collection/login")
        });
        Some(keyring)
    }

    /// The address of its bus.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("bus")
    }

    /// Whatever is run on this home from now on has this keyring.
    pub fn serve(&self, home: &mut Home) {
        home.set("DBUS_SESSION_BUS_ADDRESS", self.address());
    }

    /// Stores an item as another program does.
    ///
    /// # Panics
    /// The keyring does not take it.
    pub fn store(&self, label: &str, attributes: &[(&str, &str)], secret: &str) {
        // The library finds the bus by the environment of its process, which is not this test's alone.
        let bus = zbus::blocking::connection::Builder::address(self.address().as_str());
        let bus = bus
            .and_then(|builder| builder.build())
            .expect("the bus answers");
        let service = SecretService::connect_with_existing(EncryptionType::Plain, bus);
        let service = service.expect("the keyring answers");
        let collection = service.get_default_collection().expect("it has a keyring");
        let attributes: HashMap<&str, &str> = attributes.iter().copied().collect();
        let stored =
            collection.create_item(label, attributes, secret.as_bytes(), true, "text/plain");
        stored.expect("the item is stored");
    }

    /// Locks it.
    ///
    /// # Panics
    /// It does not lock.
    pub fn lock(&self) {
        self.ask(
            "Lock",
            "array:objpath:/org/freedesktop/secrets/collection/login",
        );
    }

    fn ask(&self, method: &str, argument: &str) -> String {
        let output = Command::new("dbus-send")
            .args([
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.secrets",
            ])
            .arg("/org/freedesktop/secrets")
            .arg(format!("org.freedesktop.Secret.Service.{method}"))
            .arg(argument)
            .env("DBUS_SESSION_BUS_ADDRESS", self.address())
            .output()
            .expect("dbus-send runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for child in [&mut self.daemon, &mut self.bus] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
