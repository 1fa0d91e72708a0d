//! What a terminal sends, as keys.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    Erase,
    EraseWord,
    EraseAll,
    Up,
    Down,
    PageUp,
    PageDown,
    Leave,
}

/// Bytes on their way to becoming keys: what has begun and not ended waits for the rest.
#[derive(Debug, Default)]
pub(super) struct Keys {
    waiting: Vec<u8>,
}

const ESCAPE: u8 = 0x1b;
/// The longest sequence that any key sends; what is longer is nonsense.
const SEQUENCE: usize = 32;

impl Keys {
    /// The keys that these bytes complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.waiting.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while let Some((length, key)) = first(&self.waiting) {
            self.waiting.drain(..length);
            keys.extend(key);
        }
        if self.waiting.len() > SEQUENCE {
            self.waiting.clear();
        }
        keys
    }

    /// Whether something has begun that the next bytes may complete.
    pub(super) fn unfinished(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Nothing more comes: an escape that stands alone is the key of that name.
    pub(super) fn end(&mut self) -> Option<Key> {
        let waiting = std::mem::take(&mut self.waiting);
        (waiting == [ESCAPE]).then_some(Key::Leave)
    }
}

/// The first key and how many bytes it has; none where more bytes are needed.
fn first(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    let key = match *bytes.first()? {
        ESCAPE => return sequence(bytes),
        b'\r' | b'\n' => Some(Key::Enter),
        0x7f | 0x08 => Some(Key::Erase),
        // Ctrl-C, Ctrl-D, Ctrl-G, Ctrl-\.
        0x03 | 0x04 | 0x07 | 0x1c => Some(Key::Leave),
        // Ctrl-N and Ctrl-J go down, Ctrl-P and Ctrl-K up; Ctrl-J is a line break, see above.
        0x0e => Some(Key::Down),
        0x10 | 0x0b => Some(Key::Up),
        0x15 => Some(Key::EraseAll),
        0x17 => Some(Key::EraseWord),
        b'\t' => Some(Key::Down),
        0x00..=0x1f => None,
        0x20..=0x7e => bytes.first().map(|byte| Key::Char(char::from(*byte))),
        0x80.. => return character(bytes),
    };
    Some((1, key))
}

/// A character of several bytes; bytes that begin none are nothing.
fn character(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    let length = match bytes.first()? {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return Some((1, None)),
    };
    let whole = bytes.get(..length)?;
    let read = std::str::from_utf8(whole).ok();
    let c = read.and_then(|text| text.chars().next());
    match c {
        Some(c) => Some((length, Some(Key::Char(c)))),
        None => Some((1, None)),
    }
}

/// What begins with an escape.
///
/// Source: ECMA-48, 5.4: a control sequence has parameters (0x30 to 0x3f), intermediate bytes (0x20 to 0x2f) and one
/// final byte (0x40 to 0x7e); xterm sends cursor keys as `ESC O` where applications asked for that.
fn sequence(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    match *bytes.get(1)? {
        b'[' => {
            let last = bytes
                .iter()
                .skip(2)
                .position(|b| !(0x20..=0x3f).contains(b))?;
            let length = last + 3;
            Some((length, cursor(bytes.get(2..length)?)))
        }
        b'O' => {
            bytes.get(2)?;
            Some((3, cursor(bytes.get(2..3)?)))
        }
        ESCAPE => Some((1, Some(Key::Leave))),
        // Alt and a key.
        _ => Some((2, None)),
    }
}

fn cursor(rest: &[u8]) -> Option<Key> {
    match rest {
        b"A" => Some(Key::Up),
        b"B" => Some(Key::Down),
        b"Z" => Some(Key::Up),
        b"5~" => Some(Key::PageUp),
        b"6~" => Some(Key::PageDown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_keys_wherever_they_are_cut() {
        let sent = "aß東\u{1b}[A\u{1b}OB\u{1b}[5~\u{1b}[1;5C\u{7f}\u{15}\r".as_bytes();
        let whole = Keys::default().take(sent);
        let expected = [
            Key::Char('a'),
            Key::Char('ß'),
            Key::Char('東'),
            Key::Up,
            Key::Down,
            Key::PageUp,
            Key::Erase,
            Key::EraseAll,
            Key::Enter,
        ];
        assert_eq!(whole, expected);
        for cut in 1..sent.len() {
            let mut keys = Keys::default();
            let mut got = keys.take(&sent[..cut]);
            got.extend(keys.take(&sent[cut..]));
            assert_eq!(got, expected, "{cut}");
            assert!(!keys.unfinished());
        }
    }

    #[test]
    fn an_escape_alone_leaves_and_nonsense_is_nothing() {
        let mut keys = Keys::default();
        assert_eq!(keys.take(b"\x1b"), []);
        assert!(keys.unfinished());
        assert_eq!(keys.end(), Some(Key::Leave));
        assert_eq!(keys.take(b"\x03"), [Key::Leave]);
        assert_eq!(keys.take(b"\xff\x80\x01"), []);
        assert_eq!(keys.take(&[b"\x1b[".as_slice(), &[b'1'; 100]].concat()), []);
        assert!(!keys.unfinished());
        assert_eq!(keys.take(b"x"), [Key::Char('x')]);
    }
}
