//! Asks a running engine.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_runtime::Home;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::credentials::Given;
use crate::protocol::{Answer, LINE, OK, Request};

/// How long an answer may take that waits for the cloud.
const TIMEOUT: Duration = Duration::from_secs(150);
/// How long an answer may take that waits for nobody.
const PROMPT: Duration = Duration::from_secs(10);

/// Asks; none where no engine runs on this home.
pub fn ask<T: DeserializeOwned>(home: &Home, request: &Request) -> Option<Result<T, CliError>> {
    ask_within(home, request, patience(request))
}

/// The same, for one who waits this long and no longer.
pub fn ask_within<T: DeserializeOwned>(
    home: &Home,
    request: &Request,
    patience: Duration,
) -> Option<Result<T, CliError>> {
    let stream = match connect(home)? {
        Ok(stream) => stream,
        Err(trouble) => return Some(Err(trouble)),
    };
    let answer = exchange(stream, request, patience).and_then(|answer| read(&answer));
    Some(answer.unwrap_or_else(|error| Err(unanswered(&error, patience))))
}

/// A connection to the engine of this home; none where nobody listens.
///
/// Whoever listens has to be this user: a request may hold a code or an assertion, and what is
/// answered may become somebody's credentials.
fn connect(home: &Home) -> Option<Result<UnixStream, CliError>> {
    let path = home.socket();
    let stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(e) if gone(&e) => return None,
        Err(e) => return Some(Err(unreached(home, &path, &e))),
    };
    let own = rustix::process::geteuid().as_raw();
    match owner(&stream, &path) {
        // The system's service manager listens for engines that it starts. Against this user nothing keeps it out.
        Ok(user) if user == own || user == 0 => Some(Ok(stream)),
        Ok(user) => Some(Err(of_another(user))),
        Err(e) => Some(Err(unreached(home, &path, &e))),
    }
}

/// Whose process listens.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn owner(stream: &UnixStream, _path: &Path) -> io::Result<u32> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(peer.uid.as_raw())
}

/// Whose socket it is: who may make one in a folder is told by the folder.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn owner(_stream: &UnixStream, path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::symlink_metadata(path).map(|meta| meta.uid())
}

fn unreached(home: &Home, path: &Path, error: &io::Error) -> CliError {
    use std::os::unix::fs::MetadataExt as _;
    let own = rustix::process::geteuid().as_raw();
    let owners = [home.state(), home.folder()].map(|folder| {
        let meta = std::fs::symlink_metadata(folder).ok()?;
        Some(meta.uid()).filter(|user| *user != own)
    });
    if let Some(user) = owners.into_iter().flatten().next() {
        return of_another(user);
    }
    let message = format!(
        "cannot reach the running engine at {}: {error}",
        path.display()
    );
    CliError::failed(message)
}

/// The engine belongs to another user.
pub(crate) fn of_another(user: u32) -> CliError {
    let name = user_name(user);
    let message = format!("this engine belongs to {name} and answers no other user");
    CliError::failed(message).hint(format!(
        "run the command as {name}, or set DAYFLY_HOME to a folder of your own"
    ))
}

/// A user as a person knows them.
fn user_name(user: u32) -> String {
    let name = dayfly_fs::users::name_of(user);
    name.unwrap_or_else(|| format!("user {user}"))
}

fn unanswered(error: &io::Error, patience: Duration) -> CliError {
    if matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    ) {
        let span = dayfly_dialog::time::span(patience);
        let message = format!("the running engine did not answer within {span}");
        return CliError::failed(message)
            .hint("it may be suspended (Ctrl-Z) or overloaded; if this persists, end it and start it again");
    }
    CliError::failed(format!("the running engine did not answer: {error}"))
        .hint("check `dayfly status`, then run the command again")
}

const fn patience(request: &Request) -> Duration {
    match request {
        Request::Order(_)
        | Request::Credentials { .. }
        | Request::Token { .. }
        | Request::Respond(_) => TIMEOUT,
        _ => PROMPT,
    }
}

/// Whether nobody listens: no socket, or one that a killed engine left.
fn gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> io::Result<Result<T, CliError>> {
    match serde_json::from_slice(answer)? {
        Answer::Ok(value) => Ok(Ok(serde_json::from_value(value)?)),
        Answer::Error(trouble) => Ok(Err(trouble)),
    }
}

/// The credentials of a session; none where no engine runs on this home.
pub fn credentials(home: &Home, session: &str) -> Option<Result<Given, CliError>> {
    let stream = match connect(home)? {
        Ok(stream) => stream,
        Err(trouble) => return Some(Err(trouble)),
    };
    let session = session.to_owned();
    let request = Request::Credentials { session };
    let answer = exchange(stream, &request, patience(&request));
    Some(match answer {
        Ok(answer) if answer.starts_with(OK) => {
            let end = answer.len().saturating_sub(b"}\n".len());
            Given::parse(answer.get(OK.len()..end).unwrap_or_default())
        }
        Ok(answer) => match serde_json::from_slice(&answer) {
            Ok(Answer::Error(trouble)) => Err(trouble),
            _ => Err(CliError::failed(
                "Dayfly does not understand the answer of the running engine",
            )),
        },
        Err(error) => Err(unanswered(&error, patience(&request))),
    })
}

fn exchange(
    mut stream: UnixStream,
    request: &Request,
    patience: Duration,
) -> io::Result<Zeroizing<Vec<u8>>> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    // It may hold a secret. Room for all of it at once: a vector that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(request.size()));
    serde_json::to_writer(&mut *line, request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = Zeroizing::new(Vec::with_capacity(4_096));
    let bound = u64::try_from(LINE).unwrap_or(u64::MAX);
    BufReader::new(stream.take(bound)).read_until(b'\n', &mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}
