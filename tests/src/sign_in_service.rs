//! The sign-in service of AWS (`aws login`) on loopback: a fake of ours, which checks PKCE and the proofs
//! of DPoP, held against the service model of AWS and against botocore.

use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::home::Home;
use crate::ministack::Ministack;

/// ARN of who signs in, as a rule.
pub const WHO: &str = "arn:aws:iam::123456789012:user/me";

/// The fake, for as long as this lives.
#[derive(Debug)]
pub struct SignInService(Fake);

/// The Python with botocore, the Common Runtime and cryptography; none where `tests/tools` did not say it.
///
/// # Panics
/// It is not there although everything has to be.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os("DAYFLY_TEST_LOGIN").map(PathBuf::from);
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

impl SignInService {
    /// Starts it. It gives credentials of this role, from an STS that checks them.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(sts: &Ministack, role: &str) -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(python()?);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .arg(here.join("fakes").join("sign_in_service.py"))
            .args(["--sts", &sts.endpoint(), "--role", role]);
        Some(Self(Fake::start(&mut command)))
    }

    /// A home with one session `console` of whom signs in, published under `console`, and a browser that
    /// goes where it is sent.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn home(&self, sts: &Ministack) -> Home {
        let mut home = Home::new();
        home.set("AWS_ENDPOINT_URL_SIGNIN", self.endpoint());
        home.set("BROWSER", browser(&home));
        home.save_config(&format!(
            "[aws]\nsts-endpoint-url = \"{}\"\n",
            sts.endpoint()
        ));
        home.save_workspace(&json!({ "sessions": [session()] }));
        home
    }

    /// The sign-in as the shared file has it.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn shared(&self, home: &Home) -> Value {
        let text = std::fs::read_to_string(file(home)).expect("a sign-in");
        serde_json::from_str(&text).expect("JSON")
    }
}

impl Deref for SignInService {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.0
    }
}

/// The session of [`SignInService::home`].
#[must_use]
pub fn session() -> Value {
    json!({
        "sessionId": "id-console", "sessionName": "console", "type": "awsLogin",
        "region": "us-east-1", "profileName": "console", "loginSession": WHO,
    })
}

/// Where the AWS CLI has the sign-in of [`WHO`]: `printf %s ARN | sha256sum`.
#[must_use]
pub fn file(home: &Home) -> PathBuf {
    let name = "286187707741fc2ccb93cf9e56dbd0ee0a16208feed5fbc8ae1baa86d44c283f.json";
    home.path().join(".aws/login/cache").join(name)
}

/// A browser without a screen: it goes where it is sent until a page is shown.
fn browser(home: &Home) -> PathBuf {
    let program = home.path().join("browser");
    let python = python().expect("Python");
    let script = format!(
        "#!{}\nimport sys, urllib.request\n\
         page = urllib.request.urlopen(sys.argv[1]).read().decode()\n\
         open(sys.argv[0] + '.page', 'w').write(page)\n",
        python.display()
    );
    std::fs::write(&program, script).expect("a file");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("its mode");
    program
}
