//! A real STS and IAM on loopback that checks signatures, trust policies and expiry.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The emulator, for as long as this lives.
pub(crate) struct Ministack {
    child: Child,
    python: PathBuf,
    /// Where it listens.
    pub(crate) endpoint: String,
    // Dropped after the child is gone.
    _state: tempfile::TempDir,
}

impl Ministack {
    /// Starts the emulator that `DAYFLY_TEST_MINISTACK` names; none where it or
    /// `DAYFLY_TEST_PYTHON` is not set.
    pub(crate) fn start() -> Option<Self> {
        let (Some(program), Some(python)) = (
            std::env::var_os("DAYFLY_TEST_MINISTACK"),
            std::env::var_os("DAYFLY_TEST_PYTHON"),
        ) else {
            println!("not run: needs the variables that tests/tools prints");
            return None;
        };
        let started = (0..3).find_map(|_| Self::try_start(Path::new(&program), Path::new(&python)));
        Some(started.expect("ministack does not start"))
    }

    fn try_start(program: &Path, python: &Path) -> Option<Self> {
        // Free now; another program may take it before the emulator does, hence the retries.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let state = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", state.path())
            .env("TMPDIR", state.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("AUTH", "true")
            .env("STATE_DIR", state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut this = Self {
            child,
            python: python.to_owned(),
            endpoint: format!("http://127.0.0.1:{port}"),
            _state: state,
        };
        let give_up = Instant::now() + Duration::from_secs(30);
        while Instant::now() < give_up {
            if this.child.try_wait().unwrap().is_some() {
                return None;
            }
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(this);
            }
            // Sleeps between two looks, until the deadline.
            std::thread::sleep(Duration::from_millis(30));
        }
        None
    }

    /// Runs a Python script with boto3 against the emulator, as its root or with the
    /// credentials in `env`, and gives back what it printed.
    pub(crate) fn python(&self, script: &str, env: &[(&str, &str)]) -> String {
        let output = Command::new(&self.python)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .envs(env.iter().copied())
            .args(["-c", script])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Creates a user who may assume roles, and gives back the user's key.
    pub(crate) fn user(&self) -> (String, String) {
        let printed = self.python(
            r#"
import boto3, json
iam = boto3.client("iam")
iam.create_user(UserName="alice")
iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]}))
key = iam.create_access_key(UserName="alice")["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"#,
            &[],
        );
        let (id, secret) = printed.split_once(' ').unwrap();
        (id.to_owned(), secret.to_owned())
    }

    /// Creates a role that `principal` may assume under `condition` (JSON), and may itself
    /// assume others. Gives back its ARN.
    pub(crate) fn role(&self, name: &str, principal: &str, condition: &str) -> String {
        self.python(
            r#"
import boto3, json, os
iam = boto3.client("iam")
statement = {"Effect": "Allow", "Principal": {"AWS": os.environ["PRINCIPAL"]},
    "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    "Condition": json.loads(os.environ["CONDITION"])}
role = iam.create_role(RoleName=os.environ["NAME"], AssumeRolePolicyDocument=json.dumps(
    {"Version": "2012-10-17", "Statement": [statement]}))["Role"]
iam.put_role_policy(RoleName=os.environ["NAME"], PolicyName="p", PolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]}))
print(role["Arn"])
"#,
            &[
                ("NAME", name),
                ("PRINCIPAL", principal),
                ("CONDITION", condition),
            ],
        )
    }

    /// Who boto3 is, with these credentials.
    pub(crate) fn caller(&self, (id, secret, token): (&str, &str, &str)) -> String {
        self.python(
            r#"import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])"#,
            &[
                ("AWS_ACCESS_KEY_ID", id),
                ("AWS_SECRET_ACCESS_KEY", secret),
                ("AWS_SESSION_TOKEN", token),
            ],
        )
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
