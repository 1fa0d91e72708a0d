//! Signals that a command waits for.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

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
        LISTENED.store(true, Ordering::SeqCst);
        Self::take(kind)
    }

    fn take(kind: SignalKind) -> io::Result<Self> {
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

/// Whether a command listens: what a signal does is its business from then on.
static LISTENED: AtomicBool = AtomicBool::new(false);

/// Has something done before a signal ends this process, as it goes on to do.
pub(crate) fn before_end(first: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build()?;
    let mut taken = {
        let _entered = runtime.enter();
        [
            Listener::take(SignalKind::terminate())?,
            Listener::take(SignalKind::hangup())?,
            Listener::take(SignalKind::interrupt())?,
            Listener::take(SignalKind::quit())?,
        ]
    };
    let thread = std::thread::Builder::new().name("dayfly-signals".into());
    let waiting = thread.spawn(move || {
        runtime.block_on(async move {
            let [terminate, hangup, interrupt, quit] = &mut taken;
            loop {
                let number = tokio::select! {
                    () = terminate.sent() => SignalKind::terminate(),
                    () = hangup.sent() => SignalKind::hangup(),
                    () = interrupt.sent() => SignalKind::interrupt(),
                    () = quit.sent() => SignalKind::quit(),
                };
                if !LISTENED.load(Ordering::SeqCst) {
                    first();
                    // As shells say that a signal ended a program.
                    std::process::exit(128 + number.as_raw_value());
                }
            }
        });
    });
    waiting.map(drop)
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
