//! The list on a terminal that can move its cursor. Nothing but the lines below the cursor is touched, and they are
//! gone in the end.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_dialog::CliError;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};

use super::choices::Choice;
use super::keys::Keys;
use super::view::{Step, View};
use crate::{prompt, signals};

/// The most sessions that are shown at once.
const ROWS: usize = 15;
/// How long the rest of a sequence may take, in tenths of a second: terminals send it at once.
const REST: u8 = 1;

/// A terminal that hands over each key at once, and shows nothing of it by itself; as it was before when dropped.
pub(super) struct Screen {
    terminal: File,
    /// How it was; none once it is so again.
    before: Arc<Mutex<Option<Termios>>>,
    /// While keys are waited for.
    modes: Termios,
    colors: bool,
}

impl Screen {
    /// The terminal of this process; none where there is none.
    pub(super) fn open() -> Option<Self> {
        let terminal = prompt::terminal().ok()?;
        let before = tcgetattr(&terminal).ok()?;
        let mut modes = before.clone();
        modes.local_modes.remove(
            LocalModes::ECHO
                | LocalModes::ECHONL
                | LocalModes::ICANON
                | LocalModes::ISIG
                | LocalModes::IEXTEN,
        );
        modes.input_modes.remove(InputModes::IXON);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        let before = Arc::new(Mutex::new(Some(before)));
        // A signal that ends this process is to leave a terminal that shows what is typed.
        let (kept, shown) = (Arc::clone(&before), terminal.try_clone().ok()?);
        signals::before_end(move || give_back(&shown, &kept)).ok()?;
        // What was typed ahead is meant for the list.
        tcsetattr(&terminal, OptionalActions::Now, &modes).ok()?;
        let colors = std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        Some(Self {
            terminal,
            before,
            modes,
            colors,
        })
    }

    /// Which one the person chooses; none where they leave.
    pub(super) fn choose(
        mut self,
        question: &str,
        choices: &[Choice],
    ) -> Result<Option<usize>, CliError> {
        let mut view = View::new(question, choices);
        let chosen = self.talk(&mut view);
        // From here on the terminal is the next one's.
        drop(self);
        chosen.map_err(|e| CliError::failed(format!("the terminal cannot be read: {e}")))
    }

    fn talk(&mut self, view: &mut View<'_>) -> io::Result<Option<usize>> {
        let mut keys = Keys::default();
        let mut bytes = [0; 256];
        loop {
            self.draw(view)?;
            let read = match self.terminal.read(&mut bytes) {
                // A terminal that is gone.
                Ok(0) => return Ok(None),
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            let mut pressed = keys.take(&bytes[..read]);
            while keys.unfinished() {
                match self.rest(&mut bytes)? {
                    0 => pressed.extend(keys.end()),
                    more => pressed.extend(keys.take(&bytes[..more])),
                }
            }
            for key in pressed {
                match view.press(key) {
                    Step::Stay => {}
                    Step::Chosen(at) => return Ok(Some(at)),
                    Step::Left => return Ok(None),
                }
            }
        }
    }

    /// What else is sent within a moment, as the rest of a sequence is.
    fn rest(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut modes = self.modes.clone();
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = REST;
        tcsetattr(&self.terminal, OptionalActions::Now, &modes)?;
        let read = self.terminal.read(bytes);
        tcsetattr(&self.terminal, OptionalActions::Now, &self.modes)?;
        read
    }

    /// Draws it from the line of the cursor on, and leaves the cursor where the next letter comes.
    ///
    /// Source: ECMA-48: EL (`K`) and ED (`J`) clear to the end of the line and of the page, CUU (`A`) goes up, CUF
    /// (`C`) to the right, SGR (`m`) 1 is bold and 0 is none.
    fn draw(&mut self, view: &mut View<'_>) -> io::Result<()> {
        let size = tcgetwinsize(&self.terminal)?;
        let known = |cells: u16, usual: usize| match cells {
            0 => usual,
            cells => usize::from(cells),
        };
        let (width, height) = (known(size.ws_col, 80), known(size.ws_row, 24));
        // A letter in the last column would wrap on some terminals.
        let width = width.saturating_sub(1).max(1);
        let (lines, pointed) = view.lines(width, height.saturating_sub(2).clamp(1, ROWS));
        let mut text = format!("\r{}\x1b[K", view.head(width));
        for (n, line) in lines.iter().enumerate() {
            let _ = match n == pointed && self.colors {
                true => write!(text, "\r\n\x1b[1m{line}\x1b[0m\x1b[K"),
                false => write!(text, "\r\n{line}\x1b[K"),
            };
        }
        let _ = write!(text, "\x1b[J\x1b[{}A\r", lines.len());
        if let right @ 1.. = view.cursor(width) {
            let _ = write!(text, "\x1b[{right}C");
        }
        self.terminal.write_all(text.as_bytes())
    }
}

/// Takes the list away and leaves the terminal as it was, once.
fn give_back(mut terminal: &File, before: &Mutex<Option<Termios>>) {
    let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(before) = before.take() {
        let _ = terminal.write_all(b"\r\x1b[J");
        let _ = tcsetattr(terminal, OptionalActions::Now, &before);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back(&self.terminal, &self.before);
    }
}
