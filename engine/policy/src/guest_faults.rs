//! Turns what stopped a guest into a fault with words for a person.

use dayfly_core::policy::{Fault, FaultKind};
use thiserror::Error;
use wasmtime::Trap;

use crate::limits::Limits;

/// A bound of the host's own that a guest ran into.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Overrun {
    /// Too much memory.
    #[error("it asked for {wanted} bytes of memory; {limit} are allowed")]
    Memory {
        /// In all.
        wanted: usize,
        /// Allowed.
        limit: usize,
    },
    /// Too many table elements.
    #[error("it asked for {wanted} table elements; {limit} are allowed")]
    Table {
        /// In all.
        wanted: usize,
        /// Allowed.
        limit: usize,
    },
    /// Too many questions.
    #[error("it called `workspace` and `state` more than the {0} times that are allowed")]
    HostCalls(u32),
    /// Too many sessions.
    #[error("it asked `workspace` for more than the {0} sessions that are allowed")]
    AnsweredSessions(u32),
    /// Too many random bytes at once.
    #[error("it asked for more than {0} random bytes at once")]
    Random(u64),
    /// An import that is not there at this point.
    #[error("it called `{0}`, which only `evaluate` may call")]
    Early(&'static str),
}

/// The fault for an error that Wasmtime reports from a call or an instantiation.
pub(crate) fn fault(error: &wasmtime::Error, limits: &Limits) -> Fault {
    if let Some(overrun) = error.downcast_ref::<Overrun>() {
        let kind = match overrun {
            Overrun::Early(_) => FaultKind::Trap,
            _ => FaultKind::Limit,
        };
        return new(kind, format!("Dayfly stopped the policy: {overrun}"));
    }
    if error
        .downcast_ref::<wasmtime::PoolConcurrencyLimitError>()
        .is_some()
    {
        return new(
            FaultKind::Host,
            format!("Dayfly had no free slot to run the policy: {error}"),
        );
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trapped(trap, limits);
    }
    described(&format!("{error:#}"), limits)
}

/// The fault for a trap.
fn trapped(trap: &Trap, limits: &Limits) -> Fault {
    match trap {
        Trap::Interrupt => new(
            FaultKind::Deadline,
            format!(
                "Dayfly stopped the policy: it ran longer than the {} ms that are allowed",
                limits.deadline.as_millis()
            ),
        ),
        Trap::OutOfFuel => new(
            FaultKind::Deadline,
            format!(
                "Dayfly stopped the policy: it took more than the {} instructions that are allowed",
                limits.fuel
            ),
        ),
        Trap::UnreachableCodeReached => new(
            FaultKind::Trap,
            "the policy aborted (it reached `unreachable`, as a panic does); its log may say why"
                .into(),
        ),
        Trap::StackOverflow => new(
            FaultKind::Trap,
            "the policy failed: its calls are nested too deeply".into(),
        ),
        other => new(FaultKind::Trap, format!("the policy failed: {other}")),
    }
}

/// The fault for an error that Wasmtime only describes: its type is private, so tests hold the wording.
fn described(text: &str, limits: &Limits) -> Fault {
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return new(
            FaultKind::Limit,
            format!(
                "Dayfly stopped the policy: it passed more than the {} bytes that are allowed in \
                 one call",
                limits.crossing_bytes
            ),
        );
    }
    if let Some(at) = text.find("unknown import: ") {
        let what = text[at..].split('`').nth(1).unwrap_or("an import");
        return new(
            FaultKind::Trap,
            format!("Dayfly stopped the policy: it called `{what}`, which no policy may call"),
        );
    }
    if text.contains("resource limit exceeded") {
        return new(
            FaultKind::Limit,
            format!("the policy is too large to run: {text}"),
        );
    }
    // What is left are values that break the canonical ABI.
    new(
        FaultKind::BadAnswer,
        format!("the policy passed an invalid value: {text}"),
    )
}

pub(crate) fn new(kind: FaultKind, message: String) -> Fault {
    Fault { kind, message }
}
