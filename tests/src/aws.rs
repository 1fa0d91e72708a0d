//! The real AWS CLI and boto3.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::home::Home;

/// The AWS CLI that `tests/tools` installed.
fn cli() -> Option<PathBuf> {
    std::env::var_os("DAYFLY_TEST_AWS").map(PathBuf::from)
}

/// A command with nothing but this home's files to find credentials in.
fn command(program: PathBuf, home: &Home, endpoint: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", endpoint);
    command
}

/// Who `aws sts get-caller-identity --profile PROFILE` is.
///
/// # Errors
/// What the AWS CLI says.
///
/// # Panics
/// There is no AWS CLI.
pub fn caller(home: &Home, profile: &str, endpoint: &str) -> Result<String, String> {
    let cli = cli().expect("DAYFLY_TEST_AWS names the AWS CLI");
    let output = command(cli, home, endpoint)
        .args(["sts", "get-caller-identity", "--output", "json"])
        .args(["--profile", profile])
        .output()
        .expect("the AWS CLI runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let answer: Value = serde_json::from_slice(&output.stdout).expect("the AWS CLI prints JSON");
    Ok(answer["Arn"].as_str().unwrap_or_default().to_owned())
}

/// Who boto3 is under this profile.
///
/// # Errors
/// What boto3 says.
///
/// # Panics
/// There is no Python with boto3.
pub fn boto3_caller(home: &Home, profile: &str, endpoint: &str) -> Result<String, String> {
    let python = std::env::var_os("DAYFLY_TEST_PYTHON").expect("DAYFLY_TEST_PYTHON is set");
    let script = "import boto3, sys\n\
        print(boto3.Session(profile_name=sys.argv[1]).client('sts').get_caller_identity()['Arn'])";
    let output = command(python.into(), home, endpoint)
        .args(["-c", script, profile])
        .output()
        .expect("Python runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a Python script with boto3 against an emulator, as its root or with the credentials in `env`,
/// and gives back what it printed.
///
/// # Panics
/// The script fails.
#[must_use]
pub fn boto3(endpoint: &str, script: &str, env: &[(&str, &str)]) -> String {
    let python = std::env::var_os("DAYFLY_TEST_PYTHON").expect("DAYFLY_TEST_PYTHON is set");
    let output = Command::new(python)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .envs(env.iter().copied())
        .args(["-c", script])
        .output()
        .expect("Python runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().to_owned()
}
