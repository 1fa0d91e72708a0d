//! What all guests of a host share.

use std::time::Duration;

use crate::cache::CodeCache;
use crate::compiler::Compiler;
use crate::limits::Limits;

/// What all guests of a host share.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Bytes of a component. Default 40 MiB: Python's has 18.
    pub module_bytes: usize,
    /// Bytes of one memory that no [`Limits`] can exceed. Default 256 MiB.
    pub memory_ceiling: usize,
    /// Guests that may run at once, at least 1; further calls wait for a place. Default 32. A pool sets
    /// about 32 GiB of address space aside for each, but no memory.
    pub places: u32,
    /// How long a call waits for a place. Default 10 s.
    pub patience: Duration,
    /// How often the wall time of running guests is looked at, at least 1 ms. Default 5 ms. Nothing is looked at
    /// while none runs.
    pub tick: Duration,
    /// Whether to set address space aside for instances, where that works. Default true.
    pub pooling: bool,
    /// The limits of `describe`. Default [`Limits::default`].
    pub describe: Limits,
    /// Where compiled code is kept. Default none: it is compiled again in each process.
    pub cache: Option<CodeCache>,
    /// Where components are compiled. Default [`Compiler::InProcess`], which is for components that
    /// one made oneself: whoever loads those of others says [`Compiler::own_program`].
    pub compiler: Compiler,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            module_bytes: 40 << 20,
            memory_ceiling: 256 << 20,
            places: 32,
            patience: Duration::from_secs(10),
            tick: Duration::from_millis(5),
            pooling: true,
            describe: Limits::default(),
            cache: None,
            compiler: Compiler::InProcess,
        }
    }
}
