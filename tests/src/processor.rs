//! What a process takes of the processor: what a command costs, however busy the machine is.

use std::time::Duration;

/// The processor time that a process has used; none where it has ended.
#[must_use]
pub fn used(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> = after_name
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    // In ticks of ten milliseconds, in user and in system mode.
    let ticks = fields.get(11).zip(fields.get(12));
    Duration::from_millis(ticks.map_or(0, |(user, system)| (user + system) * 10))
}
