//! `[policy.limits]`

use std::time::Duration;

use dayfly_policy::Limits;
use serde::Deserialize;

/// `[policy.limits]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitSettings {
    /// Megabytes of memory.
    pub memory_megabytes: Option<usize>,
    /// Milliseconds of a call.
    pub deadline_ms: Option<u64>,
    /// Instructions of a call.
    pub fuel: Option<u64>,
    /// Bytes of state.
    pub state_bytes: Option<usize>,
    /// Elements of all tables together.
    pub table_elements: Option<usize>,
    /// Core instances.
    pub instances: Option<usize>,
    /// Handles of component resources.
    pub handles: Option<usize>,
    /// Bytes that one crossing from guest to host may carry; bounds the answer.
    pub crossing_bytes: Option<usize>,
    /// Calls of `workspace` and `state`.
    pub host_calls: Option<u32>,
    /// Proposals, wake-ups and messages of an answer together.
    pub effects: Option<usize>,
    /// Wake-ups of an answer.
    pub wakes: Option<usize>,
    /// Messages of an answer.
    pub notices: Option<usize>,
    /// Bytes of an id, a key or a code.
    pub short_text: Option<usize>,
    /// Bytes of a reason or a message.
    pub long_text: Option<usize>,
    /// Log lines of a call.
    pub log_lines: Option<usize>,
    /// Bytes of them.
    pub log_bytes: Option<usize>,
    /// Values in the state.
    pub state_values: Option<usize>,
    /// Bytes of a key of the state.
    pub state_key_bytes: Option<usize>,
    /// Bytes of a value of the state.
    pub state_value_bytes: Option<usize>,
}

impl LimitSettings {
    /// The default limits with these in their place.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            memory: self
                .memory_megabytes
                .map_or(default.memory, |m| m.saturating_mul(1 << 20)),
            deadline: self
                .deadline_ms
                .map_or(default.deadline, Duration::from_millis),
            fuel: self.fuel.unwrap_or(default.fuel),
            state_bytes: self.state_bytes.unwrap_or(default.state_bytes),
            table_elements: self.table_elements.unwrap_or(default.table_elements),
            instances: self.instances.unwrap_or(default.instances),
            handles: self.handles.unwrap_or(default.handles),
            crossing_bytes: self.crossing_bytes.unwrap_or(default.crossing_bytes),
            host_calls: self.host_calls.unwrap_or(default.host_calls),
            effects: self.effects.unwrap_or(default.effects),
            wakes: self.wakes.unwrap_or(default.wakes),
            notices: self.notices.unwrap_or(default.notices),
            short_text: self.short_text.unwrap_or(default.short_text),
            long_text: self.long_text.unwrap_or(default.long_text),
            log_lines: self.log_lines.unwrap_or(default.log_lines),
            log_bytes: self.log_bytes.unwrap_or(default.log_bytes),
            state_values: self.state_values.unwrap_or(default.state_values),
            state_key_bytes: self.state_key_bytes.unwrap_or(default.state_key_bytes),
            state_value_bytes: self.state_value_bytes.unwrap_or(default.state_value_bytes),
            ..default
        }
    }
}
