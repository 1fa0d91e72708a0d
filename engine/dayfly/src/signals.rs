//! Signals that a command waits for.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for a signal; for ever where this process was started to ignore it.
///
/// Whoever starts a program with a signal ignored, as nohup(1) does with SIGHUP, means that it is to
/// outlive that signal, and so are the programs that it starts: a handler would undo both.
#[derive(Debug)]
pub(crate) struct Listener(Option<Signal>);

impl Listener {
    /// Takes the signal from now on, unless it is ignored.
    pub(crate) fn start(kind: SignalKind) -> io::Result<Self> {
        if is_ignored(kind) {
            return Ok(Self(None));
        }
        signal(kind).map(|signal| Self(Some(signal)))
    }

    /// The signal was sent.
    pub(crate) async fn sent(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Whether this process ignores a signal. Where the system does not tell, it does not.
///
/// Source: proc(5), `/proc/pid/status`, `SigIgn`: a mask in hexadecimal, of which the lowest bit is
/// signal 1.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores(&status, kind.as_raw_value())
}

fn ignores(status: &str, number: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(number - 1)
        .ok()
        .and_then(|bit| 1u64.checked_shl(bit));
    mask.zip(bit).is_some_and(|(mask, bit)| mask & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_tells_which_are_ignored() {
        let status = "Name:\tdayfly\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, 1) && ignores(status, 13));
        assert!(!ignores(status, 2) && !ignores(status, 0) && !ignores(status, 65));
        assert!(!ignores("", 1));
    }
}
