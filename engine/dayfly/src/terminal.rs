//! The one place that writes to the standard output and the standard error.
//!
//! What Dayfly prints is full of other people's words: names in a Workspace, answers of a cloud,
//! messages of a policy, bytes of a file. Here every text for a person is made safe for a terminal
//! on its way out; nothing prints around it, which `tests/tests/tidy.rs` holds. What is printed for
//! a program goes through [`print_data`] or [`print_json`], and has an escaping of its own.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use dayfly_core::text;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::person::Person;
use dayfly_supervisor::{Level, Log};
use dayfly_vault::SecretString;

use crate::prompt;

/// Whether something could not be written to the standard output.
static UNWRITTEN: AtomicBool = AtomicBool::new(false);

/// Prints text for a person to the standard output. Its line breaks are kept.
pub(crate) fn print(text: &str) {
    write_out(text::visible_lines(text).as_bytes());
}

/// Where [`print()`] goes: lines of a log have levels where a journal reads it.
pub(crate) fn output() -> Log {
    Log::of(io::stdout())
}

/// Prints what a program reads to the standard output as it is: lines for a shell, a script of
/// completions. Whoever calls this has escaped what others wrote, as that program wants it.
pub(crate) fn print_data(data: &[u8]) {
    write_out(data);
}

/// Prints a value as JSON that is indented.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<Exit, CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|e| not_json(&e))?;
    write_out((text::visible_json(&text).into_owned() + "\n").as_bytes());
    Ok(Exit::Done)
}

/// Prints a value as one line of JSON.
pub(crate) fn print_json_line(value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string(value).map_err(|e| not_json(&e))?;
    write_out((text::visible_json(&text).into_owned() + "\n").as_bytes());
    Ok(())
}

/// Prints a value as JSON that is a part of more; nothing stands behind it.
pub(crate) fn print_json_part(value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string(value).map_err(|e| not_json(&e))?;
    write_out(text::visible_json(&text).as_bytes());
    Ok(())
}

fn not_json(error: &serde_json::Error) -> CliError {
    CliError::failed(format!("cannot be printed as JSON: {error}"))
}

/// Prints JSON that a program waits for, and says whether that worked.
pub(crate) fn print_answer(json: &[u8]) -> io::Result<()> {
    let out = io::stdout().lock();
    match std::str::from_utf8(json) {
        Ok(text) if !text.is_ascii() => put(&out, text::visible_json(text).as_bytes())?,
        _ => put(&out, json)?,
    }
    put(&out, b"\n")
}

/// Writes at once: the buffer that the standard library has for the output lives as long as the
/// process, and what is printed can be a secret.
fn put(out: &io::StdoutLock<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Where nobody reads the output any more, that is no failure.
fn write_out(bytes: &[u8]) {
    let written = put(&io::stdout().lock(), bytes);
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
        && !UNWRITTEN.swap(true, Ordering::Relaxed)
    {
        warn(&format!("Dayfly cannot write its output: {error}"));
    }
}

/// Whether something that was to be printed was not.
pub(crate) fn lost_something() -> bool {
    UNWRITTEN.load(Ordering::Relaxed)
}

/// Tells the person something beside what a command prints.
pub(crate) fn warn(text: &str) {
    log(Level::Warning, &format!("warning: {text}"));
}

/// Tells what a command failed with.
pub(crate) fn fail(text: &str) {
    log(Level::Error, text);
}

fn log(level: Level, text: &str) {
    say(&Log::of(io::stderr()).marked(level, text));
}

/// Tells the person at the standard error something, on lines of its own.
pub(crate) fn say(text: &str) {
    write_err(&text::visible_lines(text), "\n");
}

/// Asks the person at the standard error something; the answer is on the same line.
pub(crate) fn ask(question: &str) {
    write_err(&text::visible_lines(question), "");
}

/// Shows how far something has come, in place of what was shown before.
pub(crate) fn progress(text: &str) {
    write_err(&format!("{REDRAW}{}", text::visible(text)), "");
}

/// Takes away what [`progress`] showed.
pub(crate) fn end_progress() {
    write_err(REDRAW, "");
}

/// Back to the beginning of an empty line.
///
/// Source: ECMA-48, EL with 2: the whole line.
const REDRAW: &str = "\r\x1b[2K";

fn write_err(text: &str, end: &str) {
    let mut err = io::stderr().lock();
    // A terminal that is gone needs no line.
    let _ = err
        .write_all(text.as_bytes())
        .and_then(|()| err.write_all(end.as_bytes()))
        .and_then(|()| err.flush());
}

/// Whether a person sees the standard error.
pub(crate) fn errors_are_seen() -> bool {
    io::stderr().is_terminal()
}

/// Whether a person sits at this terminal, and can be asked there.
pub(crate) fn somebody() -> bool {
    io::stdin().is_terminal() && errors_are_seen()
}

/// How wide the terminal of the standard output is, where it is one.
pub(crate) fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Shows a person at the standard error what a program says that Dayfly runs for them, line by line.
pub(crate) fn relay(from: Box<dyn io::Read + Send>) {
    let mut from = io::BufReader::new(from);
    let mut line = Vec::new();
    // What never ends its line is shown in pieces.
    while let Ok(1..) = (&mut from).take(LINE).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        let end = if text.ends_with('\n') { "\n" } else { "" };
        let text = text.trim_end_matches(['\n', '\r']);
        write_err(&text::visible_lines(text), end);
        line.clear();
    }
}

/// Bytes of a line that are shown at once.
const LINE: u64 = 16 << 10;

/// The person at this terminal, for the crates that tell and ask.
#[derive(Debug)]
pub(crate) struct AtTerminal;

impl Person for AtTerminal {
    fn is_there(&self) -> bool {
        somebody()
    }

    fn can_type(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn say(&self, text: &str) {
        say(text);
    }

    fn warn(&self, text: &str) {
        warn(text);
    }

    fn ask(&self, question: &str) -> io::Result<SecretString> {
        ask(question);
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(SecretString::from(line))
    }

    fn ask_secret(&self, question: &str) -> io::Result<SecretString> {
        prompt::secret(question)
    }
}
