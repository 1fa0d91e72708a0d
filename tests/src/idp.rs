//! A real SAML identity provider, an STS that reads assertions, and a person's browser.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::federation::{free_port, python};
use crate::wait::until;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("federation")
        .join(name)
}

fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).map(PathBuf::from);
    assert!(
        value.is_some() || std::env::var_os("DAYFLY_TEST_ALL").is_none(),
        "{name} is not set, as tests/tools does"
    );
    value
}

fn listens(port: u16, what: &str) {
    until(Duration::from_secs(60), what, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
}

/// `SimpleSAMLphp`; gone when dropped.
#[derive(Debug)]
pub struct Idp {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Idp {
    /// Starts it; none where it is not installed. Alice may have these roles (`ROLE,PROVIDER`), Bob
    /// none; assertions are brought to `acs`.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(acs: &str, roles: &[String]) -> Option<Self> {
        let www = variable("DAYFLY_TEST_SIMPLESAMLPHP")?;
        let work = tempfile::tempdir().expect("a folder");
        for name in ["cert", "log", "data", "tmp"] {
            std::fs::create_dir(work.path().join(name)).expect("a folder");
        }
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=idp", "-keyout", "cert/server.pem"])
            .args(["-out", "cert/server.crt"])
            .current_dir(work.path())
            .stderr(Stdio::null())
            .status()
            .expect("openssl runs");
        assert!(made.success());
        let port = free_port();
        let child = Command::new("php")
            .args(["-S", &format!("127.0.0.1:{port}"), "-t"])
            .arg(&www)
            .env("SIMPLESAMLPHP_CONFIG_DIR", folder("saml/config"))
            .env("DAYFLY_IDP_FOLDER", work.path())
            .env("DAYFLY_IDP_URL", format!("http://127.0.0.1:{port}"))
            .env("DAYFLY_IDP_ACS", acs)
            .env("DAYFLY_IDP_ROLES", roles.join(" "))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("php runs");
        listens(port, "the identity provider listens");
        Some(Self {
            child,
            port,
            _folder: work,
        })
    }

    /// Where a person signs in to AWS.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "http://127.0.0.1:{}/saml2/idp/SSOService.php?spentityid=urn:amazon:webservices",
            self.port
        )
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// moto, which takes assertions; gone when dropped.
#[derive(Debug)]
pub struct Moto {
    child: Child,
    port: u16,
}

impl Moto {
    /// Starts it; none where it is not installed.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let python = python()?;
        let program = python.with_file_name("moto_server");
        let port = free_port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto runs");
        listens(port, "moto listens");
        Some(Self { child, port })
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a person's browser needs: a program for `BROWSER` and its environment; none where there is
/// no browser.
///
/// # Panics
/// The program cannot be written.
#[must_use]
pub fn browser(
    place: &Path,
    who: &str,
    password: &str,
) -> Option<(PathBuf, Vec<(String, String)>)> {
    use std::os::unix::fs::PermissionsExt as _;
    let (chromium, playwright) = (
        variable("DAYFLY_TEST_CHROMIUM")?,
        variable("DAYFLY_TEST_PLAYWRIGHT")?,
    );
    let program = place.join("browser");
    let script = folder("sign_in.mjs");
    let text = format!("#!/bin/sh\nexec node {} \"$@\"\n", script.display());
    std::fs::write(&program, text).expect("a file is written");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&program, mode).expect("a mode is set");
    let shown = |path: PathBuf| path.display().to_string();
    let environment = [
        ("DAYFLY_TEST_CHROMIUM", shown(chromium)),
        ("DAYFLY_TEST_PLAYWRIGHT", shown(playwright)),
        ("SIGN_IN_AS", who.to_owned()),
        ("SIGN_IN_WITH", password.to_owned()),
        ("SIGN_IN_SHOWN", shown(place.join("shown"))),
        ("SIGN_IN_PICTURE", shown(place.join("picture.png"))),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    Some((program, environment.into()))
}
