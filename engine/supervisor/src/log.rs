//! Lines of a log, with their levels where the log wants them.

use std::os::fd::AsFd;

/// How urgent a line is.
///
/// Source: sd-daemon(3), the numbers of syslog(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something needs attention.
    Warning,
    /// What happened.
    Info,
}

impl Level {
    const fn number(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Info => 6,
        }
    }
}

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// A journal, which notes the time by itself and reads levels.
    Journal,
    /// A terminal, a file or a pipe.
    Plain,
}

impl Log {
    /// What this descriptor of the process writes to.
    ///
    /// Source: systemd.exec(5), `JOURNAL_STREAM`: device and inode of the journal's stream.
    #[must_use]
    pub fn of(output: impl AsFd) -> Self {
        let stream = std::env::var("JOURNAL_STREAM").ok();
        let own = rustix::fs::fstat(output).ok();
        match stream.zip(own) {
            Some((stream, own)) if stream == format!("{}:{}", own.st_dev, own.st_ino) => {
                Self::Journal
            }
            _ => Self::Plain,
        }
    }

    /// The line as it is written there: `when` stands before it where the log does not know the time.
    #[must_use]
    pub fn line(self, level: Level, when: &str, text: &str) -> String {
        match self {
            Self::Plain => format!("{when} {text}"),
            Self::Journal => self.marked(level, text),
        }
    }

    /// The text with its level before each line, where the log reads such.
    #[must_use]
    pub fn marked(self, level: Level, text: &str) -> String {
        if self == Self::Plain {
            return text.to_owned();
        }
        let level = level.number();
        let lines = text.lines().map(|line| format!("<{level}>{line}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_gets_levels_and_no_time() {
        let line = |log: Log| log.line(Level::Warning, "12:00:00", "one\ntwo");
        assert_eq!(line(Log::Plain), "12:00:00 one\ntwo");
        assert_eq!(line(Log::Journal), "<4>one\n<4>two");
    }
}
