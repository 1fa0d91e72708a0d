//! A proxy that reads what goes through it, with an authority of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::federation::free_port;
use crate::wait::until;

/// The proxy, for as long as this lives.
#[derive(Debug)]
pub struct Inspecting {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Inspecting {
    /// Starts one that asks for these hosts at these addresses; none where it is not installed and need
    /// not be.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(upstream: &[(&str, &str)]) -> Option<Self> {
        let program = crate::authoring::variable("DAYFLY_TEST_MITMDUMP")?;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("inspected"), "").expect("a file is written");
        let upstream: Vec<String> = upstream.iter().map(|(a, b)| format!("{a}={b}")).collect();
        let port = free_port();
        let addon = Path::new(env!("CARGO_MANIFEST_DIR")).join("fakes/inspecting.py");
        let child = Command::new(program)
            .args(["-q", "--listen-host", "127.0.0.1"])
            .args(["-p", &port.to_string()])
            // Nobody is asked for a certificate to imitate.
            .args(["--set", "connection_strategy=lazy"])
            .args(["--set", "upstream_cert=false"])
            .arg("--set")
            .arg(format!("confdir={}", folder.path().display()))
            .arg("-s")
            .arg(addon)
            .env("INSPECTED", folder.path().join("inspected"))
            .env("UPSTREAM", upstream.join(" "))
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mitmdump runs");
        let this = Self {
            child,
            port,
            folder,
        };
        until(Duration::from_secs(60), "mitmdump listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() && this.authority().exists()
        });
        Some(this)
    }

    /// Its address, as `HTTPS_PROXY` has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The certificate that its own are signed by.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("mitmproxy-ca-cert.pem")
    }

    /// What it read: `HOST PATH` each.
    ///
    /// # Panics
    /// Its list cannot be read.
    #[must_use]
    pub fn read(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("inspected")).expect("a list");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Inspecting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
