//! How much a policy may use and say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds on one call of one policy. Whatever is left of a bound at the end of a call is not
/// carried over.
///
/// The defaults suit a compiled guest (Rust, C) with pages of up to 10,000 sessions, and leave
/// room for one that carries an interpreter (JavaScript, Python).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Limits {
    /// Bytes of all linear memories together. Default 64 MiB; at most
    /// [`HostConfig::memory_ceiling`](crate::HostConfig::memory_ceiling).
    pub memory: usize,
    /// Elements of all tables together. Default 40,000: StarlingMonkey's takes 7,700.
    pub table_elements: usize,
    /// Core instances in one component instance. Default 64: Python's component has 38.
    pub instances: usize,
    /// Wall time. Default 1 s. A backstop only: it depends on how busy the machine is, and stops a
    /// guest up to two [ticks](crate::HostConfig::tick) late.
    pub deadline: Duration,
    /// Wasm instructions, roughly: the bound that does not depend on the machine. Default
    /// 2,000,000,000, about half a second; the built-in policies take 60 to 80 million for 10,000
    /// sessions. Counting costs 3 % of a call with one session and 10 % of one with 10,000.
    pub fuel: u64,
    /// Bytes that one crossing from guest to host may carry, counted as what the host has to
    /// allocate for them; bounds the verdict too. Default 16 MiB, enough for 30,000 proposals.
    pub crossing_bytes: usize,
    /// Handles of component resources. The contract has none, a guest may have its own.
    /// Default 1,024.
    pub handles: usize,
    /// Calls of `workspace` and `state`. Default 50,000: a `get` and a `set` for each of 10,000
    /// sessions, twice.
    pub host_calls: u32,
    /// Sessions that one `find` answers with. Default 1,000.
    pub page: u32,
    /// Sessions that all answers of `workspace` together carry. Default 200,000.
    pub answered_sessions: u32,
    /// Bytes of the configuration, JSON text. Default 256 KiB.
    pub config_bytes: usize,
    /// Subscriptions that `configure` may answer. Default 64.
    pub subscriptions: usize,
    /// Effects in a verdict. Default 32,768.
    pub effects: usize,
    /// Wake-ups that a verdict may ask for. Default 16,384.
    pub wakes: usize,
    /// Messages to the person in a verdict. Default 64.
    pub notices: usize,
    /// Bytes of a short text: an id, a key, a reason's code. Default 256.
    pub short_text: usize,
    /// Bytes of a sentence: a reason's message, a notice, a piece of evidence. Default 2 KiB.
    pub long_text: usize,
    /// Pieces of evidence for one reason. Default 16.
    pub evidence: usize,
    /// Log lines; more are dropped and counted. Default 64.
    pub log_lines: usize,
    /// Bytes of all log lines; more are dropped and counted. Default 16 KiB.
    pub log_bytes: usize,
    /// Bytes of one log line; longer ones are cut. Default 1 KiB.
    pub log_line_bytes: usize,
    /// Bytes of the entry's state, keys and values together. Default 256 KiB. What the policy's
    /// descriptor asks for counts where it is less.
    pub state_bytes: usize,
    /// Values in the entry's state. Default 20,000.
    pub state_values: usize,
    /// Bytes of one key of the state. Default 128.
    pub state_key_bytes: usize,
    /// Bytes of one value of the state. Default 64 KiB.
    pub state_value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            table_elements: 40_000,
            instances: 64,
            deadline: Duration::from_secs(1),
            fuel: 2_000_000_000,
            crossing_bytes: 16 << 20,
            handles: 1_024,
            host_calls: 50_000,
            page: 1_000,
            answered_sessions: 200_000,
            config_bytes: 256 << 10,
            subscriptions: 64,
            effects: 32_768,
            wakes: 16_384,
            notices: 64,
            short_text: 256,
            long_text: 2 << 10,
            evidence: 16,
            log_lines: 64,
            log_bytes: 16 << 10,
            log_line_bytes: 1 << 10,
            state_bytes: 256 << 10,
            state_values: 20_000,
            state_key_bytes: 128,
            state_value_bytes: 64 << 10,
        }
    }
}
