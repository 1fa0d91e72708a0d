//! Readiness, liveness and state, as the service manager wants to hear them.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;

/// Tells the service manager; says nothing where there is none.
#[derive(Clone, Debug)]
pub struct Notifier {
    listening: bool,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The service manager of this process, as its environment names it.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            listening: std::env::var_os("NOTIFY_SOCKET").is_some(),
            watchdog: sd_notify::watchdog_enabled(),
        }
    }

    /// Whether a service manager listens.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        self.listening
    }

    /// How often it wants to hear that this process is alive; none: it does not ask. Half of the time after which it
    /// takes the process for stuck, as sd_watchdog_enabled(3) recommends.
    #[must_use]
    pub fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }

    /// The engine answers.
    pub fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// The engine is replaced by a new process under the same id; [`Self::ready`] tells that this one answers.
    pub fn reloading(&self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.tell(&[NotifyState::Reloading, now]);
        }
    }

    /// The engine ends.
    pub fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// The engine is alive.
    pub fn alive(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// A line on what the engine does, for a person who asks the service manager.
    pub fn status(&self, line: &str) {
        // A line break would begin another assignment.
        let line = line.replace(['\n', '\r'], " ");
        self.tell(&[NotifyState::Status(&line)]);
    }

    fn tell(&self, state: &[NotifyState<'_>]) {
        if self.listening {
            // A service manager that does not take it notices by itself that the process is not ready or not alive.
            let _: io::Result<()> = sd_notify::notify(state);
        }
    }
}
