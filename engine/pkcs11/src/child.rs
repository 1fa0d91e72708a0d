//! The process that loads a module: it hears one request, answers it, and ends.

use std::io::{self, Read as _, Write as _};

use zeroize::Zeroizing;

use crate::answer::{Answer, Problem, Request};
use crate::module;

/// The argument with which a program is to call [`serve`] and do nothing else.
pub const COMMAND: &str = "use-token";

/// The longest request, in bytes.
const REQUEST: u64 = 256 << 10;

/// Answers the request on the standard input on the standard output.
///
/// # Errors
/// There is no request, or the answer cannot be written.
pub fn serve() -> io::Result<()> {
    confine()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    io::stdin().take(REQUEST).read_to_end(&mut bytes)?;
    // What the parser says could quote the PIN.
    let request: Request = serde_json::from_slice(&bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "no request"))?;
    drop(bytes);
    let answer = module::answer(&request).unwrap_or_else(Answer::Problem);
    drop(request);
    let mut line = serde_json::to_vec(&answer).map_err(io::Error::other)?;
    line.push(b'\n');
    // A module may have written there too, without an end of its line.
    line.insert(0, b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line)?;
    output.flush()
}

/// No core has the PIN, nobody looks into this process, and it ends with whoever started it.
fn confine() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Signal};
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(())
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
