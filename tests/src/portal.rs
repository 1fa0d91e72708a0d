//! A portal of AWS IAM Identity Center on loopback: a fake of ours, held against the service models
//! of AWS and against real clients that sign in to it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::home::Home;

/// The fake, for as long as this lives.
#[derive(Debug)]
pub struct Portal(Fake);

/// Where the fake's program is.
#[must_use]
pub fn program() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("fakes").join("sso_portal.py")
}

/// The Python that has botocore; none where `tests/tools` did not say it.
///
/// # Panics
/// It is not there although everything has to be.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os("DAYFLY_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        assert!(
            std::env::var_os("DAYFLY_TEST_ALL").is_none(),
            "the variables that tests/tools prints are not set"
        );
        #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
        {
            eprintln!("not run: needs the variables that tests/tools prints");
        }
    }
    python
}

impl Portal {
    /// Starts it. Credentials of roles come from this STS, or are made up where there is none.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(sts: Option<&str>) -> Option<Self> {
        let mut command = Command::new(python()?);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .arg(program());
        if let Some(sts) = sts {
            command.args(["--sts", sts]);
        }
        Some(Self(Fake::start(&mut command)))
    }

    /// A home whose configuration names this portal, with one integration `corp` in it.
    #[must_use]
    pub fn home(&self, config: &str) -> Home {
        let home = Home::new();
        home.save_config(&format!(
            "[aws]\nsso-endpoint-url = \"{0}\"\nsso-oidc-endpoint-url = \"{0}\"\n{config}",
            self.endpoint()
        ));
        home.save_workspace(&json!({
            "sessions": [],
            "awsSsoIntegrations": [{
                "id": "corp-id", "alias": "corp", "region": "us-east-1",
                "portalUrl": "https://corp.awsapps.com/start",
            }],
        }));
        home
    }
}

impl Deref for Portal {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.0
    }
}

/// Accounts named `account-N` with these roles each.
#[must_use]
pub fn accounts(count: usize, roles: &[&str]) -> Value {
    (0..count)
        .map(|n| {
            json!({
                "id": format!("{:012}", 100_000_000_000_u64 + n as u64),
                "name": format!("account-{n}"),
                "email": format!("account-{n}@example.com"),
                "roles": roles,
            })
        })
        .collect()
}
