//! Asks the person at the terminal for a secret, which is not shown.
//!
//! Ctrl-C ends the command, as everywhere else, and the terminal is as it was before. Of our own: crates that
//! read passwords return plain text, and leave the terminal silent where Ctrl-C ends them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};

use dayfly_vault::SecretString;
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

/// The longest secret, in bytes: what a terminal takes as one line.
const LINE: usize = 4_096;
/// Ctrl-C as a terminal sends it.
const INTERRUPT: u8 = 0x03;
/// Ctrl-\ likewise.
const QUIT: u8 = 0x1c;

/// What the person types before the end of the line.
pub(crate) fn secret(question: &str) -> io::Result<SecretString> {
    let mut terminal = terminal()?;
    let question = dayfly_core::text::visible(question);
    let read = {
        // Before the question: whoever sees it may answer at once.
        let hidden = Hidden::start(&terminal)?;
        let asked = (&terminal).write_all(question.as_bytes());
        let read = asked.and_then(|()| line(&terminal));
        drop(hidden);
        read
    };
    // The line break that was typed is not shown either.
    let _ = terminal.write_all(b"\n");
    match read? {
        Typed::Line(text) => Ok(text),
        Typed::End(signal) => {
            // To the whole job, as the terminal would have sent it.
            let _ = kill_current_process_group(signal);
            Err(io::ErrorKind::Interrupted.into())
        }
    }
}

/// The terminal of this process, whatever its standard input and output are.
pub(crate) fn terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

enum Typed {
    Line(SecretString),
    End(Signal),
}

fn line(mut terminal: &File) -> io::Result<Typed> {
    let mut line = Zeroizing::new(Vec::with_capacity(LINE));
    let mut byte = Zeroizing::new([0]);
    loop {
        match terminal.read(&mut byte[..]) {
            // Ctrl-D at the beginning of a line, or a terminal that is gone.
            Ok(0) if line.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if byte[0] == INTERRUPT => return Ok(Typed::End(Signal::INT)),
            Ok(_) if byte[0] == QUIT => return Ok(Typed::End(Signal::QUIT)),
            Ok(_) if line.len() < LINE => line.push(byte[0]),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::ErrorKind::InvalidData)?;
    let text = text.trim_end_matches('\r');
    Ok(Typed::Line(SecretString::copy_of(text)))
}

/// A terminal that shows nothing of what is typed; as it was before when dropped.
///
/// Ctrl-C would end this process with the terminal left in this state. So it sends no signal here,
/// and ends the line instead.
struct Hidden<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn start(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG);
        modes.local_modes.insert(LocalModes::ICANON);
        modes.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        modes.special_codes[SpecialCodeIndex::VEOL2] = QUIT;
        // What was typed before the question is no answer to it.
        tcsetattr(terminal, OptionalActions::Flush, &modes)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
