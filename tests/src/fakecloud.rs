//! A real STS and IAM on loopback that checks MFA codes, trust policies and durations.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::authoring::variable;
use crate::aws::boto3;

/// The emulator, for as long as this lives.
#[derive(Debug)]
pub struct Fakecloud {
    child: Child,
    port: u16,
}

impl Fakecloud {
    /// Starts the emulator that `DAYFLY_TEST_FAKECLOUD` names; none where it or `DAYFLY_TEST_PYTHON`
    /// is not set.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        variable("DAYFLY_TEST_PYTHON")?;
        let mut child = Command::new(variable("DAYFLY_TEST_FAKECLOUD")?)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("fakecloud runs");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("an output"));
        out.read_line(&mut line).expect("it tells its port");
        let port = line.trim().parse().expect("a port");
        Some(Self { child, port })
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Creates a user with a virtual MFA device, who may do anything; the user's key (id and secret), the
    /// device's serial number and its seed. The codes that enable the device are by pyotp.
    #[must_use]
    pub fn user_with_device(&self, name: &str) -> [String; 4] {
        let made = boto3(
            &self.endpoint(),
            r#"
import boto3, json, os
iam = boto3.client("iam")
name = os.environ["NAME"]
iam.create_user(UserName=name)
iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": "*"}]}))
key = iam.create_access_key(UserName=name)["AccessKey"]
device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
print(key["AccessKeyId"], key["SecretAccessKey"], device["SerialNumber"], device["Base32StringSeed"].decode())
"#,
            &[("NAME", name)],
        );
        let made: Vec<String> = made.split(' ').map(str::to_owned).collect();
        let made: [String; 4] = made.try_into().expect("a key, a number and a seed");
        let script = "import pyotp, sys, time; t = pyotp.TOTP(sys.stdin.read()); now = time.time();\
                      print(t.at(now - 30), t.at(now))";
        let codes = crate::federation::pyotp(script, &made[3]);
        let (one, two) = codes.split_once(' ').expect("two codes");
        let enabled = boto3(
            &self.endpoint(),
            "import boto3, os; e = os.environ; boto3.client('iam').enable_mfa_device(UserName=e['NAME'],\
             SerialNumber=e['DEVICE'], AuthenticationCode1=e['ONE'], AuthenticationCode2=e['TWO'])",
            &[
                ("NAME", name),
                ("DEVICE", &made[2]),
                ("ONE", one),
                ("TWO", two),
            ],
        );
        assert_eq!(enabled, "");
        made
    }

    /// Creates a role that the account may assume who has shown an MFA code, for at most so many seconds; its ARN.
    #[must_use]
    pub fn role_with_code(&self, name: &str, seconds: u32) -> String {
        boto3(
            &self.endpoint(),
            r#"
import boto3, json, os
role = boto3.client("iam").create_role(
    RoleName=os.environ["NAME"], MaxSessionDuration=int(os.environ["SECONDS"]),
    AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}]}))["Role"]
print(role["Arn"])
"#,
            &[("NAME", name), ("SECONDS", &seconds.to_string())],
        )
    }
}

impl Drop for Fakecloud {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
