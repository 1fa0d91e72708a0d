//! Asks a process of its own for one answer of a token.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::answer::{Answer, Problem, Request, Work, written};
use crate::child::COMMAND;

/// How long it may take: a person may have to touch the token meanwhile.
const DEADLINE: Duration = Duration::from_secs(60);
/// The longest answer, in bytes.
const ANSWER: u64 = 256 << 10;

/// How variables begin that modules look for.
const VARIABLES: [&str; 9] = [
    "SOFTHSM", "P11_KIT", "PKCS11", "OPENSC", "YKCS11", "YUBIHSM", "TPM2", "CLOUDHSM", "NFAST",
];
/// The same, whole.
const PLACES: [&str; 6] = [
    "HOME",
    "PATH",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "ChrystokiConfigurationPath",
    "LANG",
];

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The token or its module.
    #[error("{0}")]
    Token(Problem),
    /// The process could not be started.
    #[error("Dayfly cannot start the process that loads the module ({0})")]
    NotStarted(String),
    /// It took too long.
    #[error("the token did not answer within {0} s")]
    Deadline(u64),
    /// It ended without an answer.
    #[error("the module ended its process without an answer")]
    Ended,
}

/// The program that runs, also where another has been put in its place meanwhile.
#[must_use]
pub fn own_program() -> PathBuf {
    match cfg!(target_os = "linux") {
        true => PathBuf::from("/proc/self/exe"),
        false => std::env::current_exe().unwrap_or_default(),
    }
}

/// Has a process of `program` do this work with an object of a token.
///
/// # Errors
/// See [`Trouble`].
pub async fn ask(
    program: &Path,
    module: &Path,
    uri: &str,
    work: Work,
    pin: Option<&str>,
) -> Result<Answer, Trouble> {
    let request = Request {
        module: module.to_owned(),
        uri: uri.to_owned(),
        work,
        pin: pin.map(str::to_owned),
    };
    let input = written(&request).ok_or(Trouble::Ended)?;
    drop(request);
    let mut child = Command::new(program)
        .arg(COMMAND)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_for_modules(name)))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Whatever the module starts is not this process's.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| Trouble::NotStarted(e.to_string()))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut output = Vec::new();
    let ends = async {
        if let Some(mut stdin) = stdin {
            stdin.write_all(&input).await?;
            stdin.shutdown().await?;
        }
        if let Some(stdout) = stdout {
            stdout.take(ANSWER).read_to_end(&mut output).await?;
        }
        child.wait().await
    };
    match tokio::time::timeout(DEADLINE, ends).await {
        Err(_) => return Err(Trouble::Deadline(DEADLINE.as_secs())),
        Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Trouble::NotStarted(error.to_string()));
        }
        // How it ended does not matter where it has answered: modules end badly.
        Ok(_) => {}
    }
    let mut lines = output.split(|byte| *byte == b'\n');
    let last = lines.rfind(|line| !line.is_empty());
    let answer = last.and_then(|line| serde_json::from_slice(line).ok());
    match answer {
        Some(Answer::Problem(problem)) => Err(Trouble::Token(problem)),
        Some(answer) => Ok(answer),
        None => Err(Trouble::Ended),
    }
}

fn is_for_modules(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    PLACES.contains(&&*name) || VARIABLES.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_sees_no_secret_of_the_environment() {
        let sees = |name: &str| is_for_modules(&OsString::from(name));
        assert!(sees("HOME") && sees("SOFTHSM2_CONF") && sees("P11_KIT_SERVER_ADDRESS"));
        for name in [
            "AWS_SECRET_ACCESS_KEY",
            "DAYFLY_PASSPHRASE",
            "LD_PRELOAD",
            "HOMEX",
        ] {
            assert!(!sees(name), "{name}");
        }
    }
}
