//! Asks a running engine.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use dayfly_runtime::Home;
use serde::de::DeserializeOwned;

use zeroize::Zeroizing;

use super::protocol::{Answer, LINE, OK, Request};
use crate::trouble::Trouble;

/// How long an answer may take that waits for the cloud.
const PATIENCE: Duration = Duration::from_secs(150);
/// How long an answer may take that waits for nobody.
const PROMPT: Duration = Duration::from_secs(10);

/// Asks; none where no engine runs on this home.
pub(crate) fn ask<T: DeserializeOwned>(
    home: &Home,
    request: &Request,
) -> Option<Result<T, Trouble>> {
    let path = home.socket();
    let stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(e) if gone(&e) => return None,
        Err(e) => {
            let message = format!("cannot reach the running Dayfly at {}: {e}", path.display());
            return Some(Err(Trouble::failed(message)));
        }
    };
    Some(talk(stream, request).unwrap_or_else(|error| Err(unanswered(&error, request))))
}

fn unanswered(error: &io::Error, request: &Request) -> Trouble {
    if matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    ) {
        let seconds = patience(request).as_secs();
        let message = format!("the running Dayfly did not answer within {seconds} s");
        return Trouble::failed(message)
            .hint("it may be stopped (Ctrl-Z), or the machine very busy; if it stays so, end it and start it anew");
    }
    Trouble::failed(format!("the running Dayfly gave no answer: {error}"))
        .hint("see `dayfly status`, and give the command again")
}

const fn patience(request: &Request) -> Duration {
    match request {
        Request::Order(_)
        | Request::Credentials { .. }
        | Request::Token { .. }
        | Request::Respond(_) => PATIENCE,
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

fn talk<T: DeserializeOwned>(
    stream: UnixStream,
    request: &Request,
) -> io::Result<Result<T, Trouble>> {
    let answer = exchange(stream, request)?;
    match serde_json::from_slice(&answer)? {
        Answer::Ok(value) => Ok(Ok(serde_json::from_value(value)?)),
        Answer::Error(trouble) => Ok(Err(trouble)),
    }
}

/// What `credential_process` is to print; none where no engine runs on this home.
pub(crate) fn credentials(
    home: &Home,
    session: &str,
) -> Option<Result<Zeroizing<Vec<u8>>, Trouble>> {
    let path = home.socket();
    let stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(e) if gone(&e) => return None,
        Err(e) => {
            let message = format!("cannot reach the running Dayfly at {}: {e}", path.display());
            return Some(Err(Trouble::failed(message)));
        }
    };
    let session = session.to_owned();
    let request = Request::Credentials { session };
    let answer = exchange(stream, &request);
    Some(match answer {
        // Passed on as it is: nothing of it is needed here.
        Ok(answer) if answer.starts_with(OK) => {
            let end = answer.len().saturating_sub(b"}\n".len());
            Ok(Zeroizing::new(answer[OK.len()..end].to_vec()))
        }
        Ok(answer) => match serde_json::from_slice(&answer) {
            Ok(Answer::Error(trouble)) => Err(trouble),
            _ => Err(Trouble::failed(
                "the running Dayfly gave an answer that is not understood",
            )),
        },
        Err(error) => Err(unanswered(&error, &request)),
    })
}

fn exchange(mut stream: UnixStream, request: &Request) -> io::Result<Zeroizing<Vec<u8>>> {
    stream.set_read_timeout(Some(patience(request)))?;
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
