//! What compiling a component may cost: more for a large one, so that an interpreter compiles and a
//! small one that was made to be costly does not.

use std::time::Duration;

const MIB: u64 = 1 << 20;

/// What one compilation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Bytes of address space of the process, this program's own among them.
    pub(crate) memory: u64,
    /// Seconds of a processor.
    pub(crate) cpu: u64,
    /// How long it is waited for, however busy the machine is.
    pub(crate) wall: Duration,
    /// Bytes of the answer.
    pub(crate) answer: u64,
}

impl Bounds {
    /// For a component of so many bytes. Usual ones take some 2 s for each MiB, and four times their
    /// bytes in code.
    pub(crate) fn of(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let mib = bytes.div_ceil(MIB);
        let cpu = 6 + mib.saturating_mul(12).min(600);
        Self {
            memory: bytes
                .saturating_mul(64)
                .saturating_add(384 * MIB)
                .min(3 << 30),
            cpu,
            wall: Duration::from_secs(cpu * 4),
            answer: bytes
                .saturating_mul(16)
                .saturating_add(8 * MIB)
                .min(128 * MIB),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_one_gets_little_and_none_gets_everything() {
        let small = Bounds::of(400 << 10);
        assert!(small.cpu <= 20 && small.memory <= 450 << 20 && small.answer <= 16 << 20);
        let large = Bounds::of(usize::MAX);
        assert!(large.cpu <= 606 && large.memory <= 3 << 30 && large.answer <= 128 << 20);
    }
}
