//! Programs of the person that print a secret: an MFA code, a SAML assertion, a web identity token, the
//! password of a registry.
//!
//! A helper that others could have written is not run. It gets the standard input that it is to be
//! told, and no other; what it says on its standard error is not kept, as it may hold
//! what it was asked for, unless the caller knows how to show it ([`hear`]). It has a deadline, and its output a bound; both ends with it, and with
//! whatever it started, being killed.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::secret::SecretString;

/// A configured helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// The program and its arguments. No shell takes part.
    pub command: Vec<String>,
    /// How long a request waits for its answer before it says that a person is needed; the helper
    /// goes on, and its answer is used when it comes.
    pub wait: Duration,
    /// How long it may take at all.
    pub deadline: Duration,
}

/// Why a helper brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelperError {
    /// There is no program.
    #[error("the command has no program")]
    Nothing,
    /// It could not be started.
    #[error("Dayfly cannot run {program} ({problem})")]
    NotRun {
        /// The program.
        program: String,
        /// What the operating system said.
        problem: String,
    },
    /// It ended with an error.
    #[error("{program} {how}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        how: String,
    },
    /// It took too long.
    #[error("{program} did not answer within {seconds} s")]
    Deadline {
        /// The program.
        program: String,
        /// How long it had.
        seconds: u64,
    },
    /// It printed too much.
    #[error("{program} printed more than {bytes} bytes")]
    TooMuch {
        /// The program.
        program: String,
        /// How much is read.
        bytes: usize,
    },
    /// It printed nothing, or no text.
    #[error("{program} printed {what}")]
    Unusable {
        /// The program.
        program: String,
        /// What it printed instead of a text.
        what: &'static str,
    },
}

/// What a helper did that ended by itself.
#[derive(Debug)]
pub struct Ended {
    /// What it printed.
    pub output: Zeroizing<Vec<u8>>,
    /// How it ended, where it was not well.
    pub failure: Option<HelperError>,
    /// The end of what it said on its standard error, where that was asked for. May hold a secret.
    pub errors: Zeroizing<Vec<u8>>,
}

/// Runs a helper and gives back what it printed, without the blanks around it.
///
/// # Errors
/// It cannot be run, fails, takes too long, prints too much or no text.
pub async fn run(
    command: &[String],
    environment: &[(&str, &str)],
    bytes: usize,
    deadline: Duration,
) -> Result<SecretString, HelperError> {
    let ended = ask(command, environment, None, bytes, deadline).await?;
    if let Some(failure) = ended.failure {
        return Err(failure);
    }
    let unusable = |what| HelperError::Unusable {
        program: command.first().map_or_else(String::new, |name| shown(name)),
        what,
    };
    let text = std::str::from_utf8(&ended.output).map_err(|_| unusable("no text"))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(unusable("nothing"));
    }
    Ok(SecretString::from(text.to_owned()))
}

/// Runs a helper and tells it something on its standard input; what it printed, at most so many
/// bytes, and how it ended.
///
/// # Errors
/// It cannot be run, takes too long or prints too much.
pub async fn ask(
    command: &[String],
    environment: &[(&str, &str)],
    input: Option<&[u8]>,
    bytes: usize,
    deadline: Duration,
) -> Result<Ended, HelperError> {
    hear(command, environment, input, bytes, deadline, 0).await
}

/// The same, with the last `errors` bytes of what it said on its standard error.
///
/// # Errors
/// As [`ask`].
pub async fn hear(
    command: &[String],
    environment: &[(&str, &str)],
    input: Option<&[u8]>,
    bytes: usize,
    deadline: Duration,
    errors: usize,
) -> Result<Ended, HelperError> {
    let (program, arguments) = command.split_first().ok_or(HelperError::Nothing)?;
    let shown = || shown(program);
    if let Some(path) = located(program) {
        // Whoever can write it, or a folder that it is in, would run as this person.
        dayfly_fs::trusted::inspect(&path).map_err(|e| HelperError::NotRun {
            program: shown(),
            problem: e.to_string(),
        })?;
    }
    let mut child =
        started(program, arguments, environment, input.is_some(), errors > 0).map_err(|e| {
            HelperError::NotRun {
                program: shown(),
                problem: problem(&e),
            }
        })?;
    let group = Group(child.id());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut heard = Heard::new(errors);
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut output = Zeroizing::new(Vec::with_capacity(bytes + 1));
    let ends = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // One that does not want to hear it is no fault.
            let _ = stdin.write_all(input).await;
        }
        if let Some(stdout) = stdout {
            let bound = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(1);
            stdout.take(bound).read_to_end(&mut output).await?;
        }
        if output.len() > bytes {
            return Ok(None);
        }
        child.wait().await.map(Some)
    };
    let ends = tokio::time::timeout(deadline, ends);
    let status = heard.until(ends, stderr, group).await;
    let status: io::Result<Option<ExitStatus>> = status.map_err(|_| HelperError::Deadline {
        program: shown(),
        seconds: deadline.as_secs(),
    })?;
    let status = status.map_err(|e| HelperError::NotRun {
        program: shown(),
        problem: problem(&e),
    })?;
    let status = status.ok_or_else(|| HelperError::TooMuch {
        program: shown(),
        bytes,
    })?;
    let failure = (!status.success()).then(|| HelperError::Failed {
        program: shown(),
        how: how(status),
    });
    Ok(Ended {
        output,
        failure,
        errors: heard.last(),
    })
}

/// Starts a program, without a shell and with nothing of ours but what it is to have.
fn started(
    program: &str,
    arguments: &[String],
    environment: &[(&str, &str)],
    told: bool,
    heard: bool,
) -> io::Result<tokio::process::Child> {
    let stream = |wanted| match wanted {
        true => Stdio::piped(),
        false => Stdio::null(),
    };
    Command::new(resolved(program))
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(stream(told))
        .stdout(Stdio::piped())
        .stderr(stream(heard))
        // Whatever it starts is ended with it.
        .process_group(0)
        .spawn()
}

/// How long the last words of one that has ended are waited for.
const LISTEN_ON: Duration = Duration::from_secs(1);

/// The end of what somebody says who may say more than anybody wants to keep.
struct Heard {
    most: usize,
    kept: Zeroizing<Vec<u8>>,
}

impl Heard {
    fn new(most: usize) -> Self {
        // Room for all of it at once: a vector that grows leaves copies behind.
        Self {
            most,
            kept: Zeroizing::new(Vec::with_capacity(most.saturating_mul(3))),
        }
    }

    async fn listen(&mut self, stream: Option<tokio::process::ChildStderr>) {
        let Some(mut stream) = stream else { return };
        let mut piece = Zeroizing::new(vec![0; self.most]);
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            if self.kept.len() + read > self.most * 2 {
                let surplus = self.kept.len().saturating_sub(self.most);
                self.kept.drain(..surplus);
            }
            self.kept.extend_from_slice(&piece[..read]);
        }
    }

    /// Listens until something ends, and to what is left to be heard once all that was started is gone.
    async fn until<T>(
        &mut self,
        ends: impl Future<Output = T>,
        stream: Option<tokio::process::ChildStderr>,
        group: Group,
    ) -> T {
        let mut listening = std::pin::pin!(self.listen(stream));
        let mut ends = std::pin::pin!(ends);
        let mut silent = false;
        let end = loop {
            tokio::select! {
                end = &mut ends => break end,
                () = &mut listening, if !silent => silent = true,
            }
        };
        drop(group);
        if !silent {
            let _ = tokio::time::timeout(LISTEN_ON, listening).await;
        }
        end
    }

    /// The last of it.
    fn last(mut self) -> Zeroizing<Vec<u8>> {
        let surplus = self.kept.len().saturating_sub(self.most);
        self.kept.drain(..surplus);
        self.kept
    }
}

/// A program's name for a message: never its arguments, which may hold anything.
fn shown(program: &str) -> String {
    let name = Path::new(program).file_name();
    name.map_or_else(|| program.to_owned(), |n| n.to_string_lossy().into_owned())
}

fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

fn problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such program".to_owned(),
        io::ErrorKind::PermissionDenied => "it is not executable".to_owned(),
        _ => error.to_string(),
    }
}

/// `~/` at the beginning is the person's own folder; no shell is there to say so.
fn resolved(program: &str) -> OsString {
    own(program).map_or_else(|| OsString::from(program), PathBuf::into_os_string)
}

/// Where the program stands that will be run; none where there is none.
fn located(program: &str) -> Option<PathBuf> {
    let named = PathBuf::from(resolved(program));
    if program.contains('/') {
        return Some(named);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The path behind `~/`; none for others.
#[must_use]
pub fn own(path: &str) -> Option<PathBuf> {
    let rest = path.strip_prefix("~/")?;
    Some(std::env::home_dir()?.join(rest))
}

/// The helper and what it started; killed when dropped, ended or not.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // One that has ended is gone already.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    async fn told(script: &str) -> Result<String, String> {
        let answer = run(
            &shell(script),
            &[("DAYFLY_TOLD", "it")],
            64,
            Duration::from_secs(30),
        )
        .await;
        answer
            .map(|text| text.expose().to_owned())
            .map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn what_is_printed_is_the_answer() {
        assert_eq!(told("echo \" $DAYFLY_TOLD \"").await, Ok("it".to_owned()));
        assert_eq!(told("cat").await, Err("sh printed nothing".to_owned()));
    }

    #[tokio::test]
    async fn failures_say_how_and_never_what() {
        let all = [
            told("echo canary; echo canary >&2; exit 3").await,
            told("kill -9 $$").await,
            told("yes canary").await,
            told("printf '\\377canary'").await,
        ];
        assert_eq!(
            all.map(Result::unwrap_err),
            [
                "sh ended with status 3",
                "sh was ended by signal 9",
                "sh printed more than 64 bytes",
                "sh printed no text",
            ]
        );
        let none = [String::from("/nowhere/canary-helper"), "canary".into()];
        let error = run(&none, &[], 8, Duration::from_secs(30)).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "Dayfly cannot run canary-helper (there is no such program)"
        );
    }

    #[tokio::test]
    async fn the_end_of_its_errors_is_heard_where_that_is_asked_for() {
        let hear = async |script: &str, errors| {
            let minute = Duration::from_secs(60);
            let ended = hear(&shell(script), &[], None, 64, minute, errors).await;
            String::from_utf8(ended.unwrap().errors.to_vec()).unwrap()
        };
        assert_eq!(hear("echo why >&2; exit 3", 16).await, "why\n");
        assert_eq!(hear("echo why >&2; exit 3", 0).await, "");
        // It may say as much as it likes, and is not held up by it.
        let much =
            "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done >&2; printf end >&2";
        assert_eq!(hear(much, 16).await, "9\n0123456789\nend");
        // What it leaves behind holds up nobody either.
        assert_eq!(
            hear("echo why >&2; sleep 600 >/dev/null & exit 3", 16).await,
            "why\n"
        );
    }

    #[tokio::test]
    async fn a_program_that_others_could_have_written_is_not_run() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("helper");
        std::fs::write(&file, "#!/bin/sh\necho ran\n").unwrap();
        let command = [file.display().to_string()];
        for (mode, runs) in [(0o755, true), (0o757, false)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let answer = run(&command, &[], 8, Duration::from_secs(30)).await;
            match answer {
                Ok(_) => assert!(runs, "{mode:o}"),
                Err(e) => assert!(!runs && e.to_string().contains("chmod go-w"), "{e}"),
            }
        }
    }

    #[tokio::test]
    async fn what_takes_too_long_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! >{}; wait", file.display());
        let begin = Instant::now();
        let ended = run(&shell(&script), &[], 8, Duration::from_millis(900)).await;
        assert!(matches!(ended, Err(HelperError::Deadline { .. })));
        assert!(begin.elapsed() < Duration::from_secs(60));
        let pid: i32 = std::fs::read_to_string(file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let give_up = Instant::now() + Duration::from_secs(30);
        while !gone() && Instant::now() < give_up {
            tokio::task::yield_now().await;
        }
        assert!(gone());
    }
}
