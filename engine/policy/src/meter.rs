//! Counts what an instance takes, and refuses what is too much.

use wasmtime::ResourceLimiter;

use crate::guest_faults::Overrun;
use crate::limits::Limits;

/// Sums all memories and all tables of one store; the store limits of Wasmtime bound each alone.
#[derive(Debug)]
pub(crate) struct Meter {
    memory: usize,
    memory_limit: usize,
    elements: usize,
    elements_limit: usize,
    instances: usize,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            memory_limit: limits.memory,
            elements: 0,
            elements_limit: limits.table_elements,
            instances: limits.instances,
        }
    }

    /// Bytes of all memories. Memories never shrink, so this is also the peak.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Meter {
    // A growth that is too much ends the call instead of answering -1: a guest without memory can
    // only trap later, and then nobody knows why.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            return Err(Overrun::Memory {
                wanted: total,
                limit: self.memory_limit,
            }
            .into());
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .elements
            .saturating_add(desired.saturating_sub(current));
        if total > self.elements_limit {
            return Err(Overrun::Table {
                wanted: total,
                limit: self.elements_limit,
            }
            .into());
        }
        self.elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_together_count() {
        let limits = Limits {
            memory: 3 << 16,
            ..Limits::default()
        };
        let mut meter = Meter::new(&limits);
        assert!(meter.memory_growing(0, 1 << 16, None).unwrap());
        assert!(meter.memory_growing(0, 1 << 16, None).unwrap());
        assert!(meter.memory_growing(1 << 16, 3 << 16, None).is_err());
        assert!(meter.memory_growing(1 << 16, 2 << 16, None).unwrap());
        assert!(meter.memory_growing(0, 1, None).is_err());
        assert_eq!(meter.memory(), 3 << 16);
        assert!(meter.memory_growing(0, usize::MAX, None).is_err());
    }

    #[test]
    fn all_tables_together_count() {
        let limits = Limits {
            table_elements: 10,
            ..Limits::default()
        };
        let mut meter = Meter::new(&limits);
        assert!(meter.table_growing(0, 6, None).unwrap());
        assert!(meter.table_growing(0, 5, None).is_err());
        assert!(meter.table_growing(6, 10, None).unwrap());
    }
}
