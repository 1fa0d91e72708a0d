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
