//! Keeps the memory of this process to itself: no core file is written of it, and no other process
//! of the same user may look into it, as ssh-agent and gpg-agent have it.
//!
//! It holds for the whole of the memory, so also for what libraries copy on a secret's way: buffers of
//! TLS and HTTP, texts that are taken apart, keys of ciphers. What is kept from swap and what is
//! overwritten is said in SECURITY.md.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What was in force before, for the commands of others that this process starts.
#[derive(Clone, Debug)]
struct Before {
    core: Rlimit,
    filter: Option<String>,
}

static BEFORE: OnceLock<Before> = OnceLock::new();

/// Takes this process's memory out of core files and out of others' sight. To be called before any
/// secret is there. What a system does not have is done without: nothing depends on it but this.
pub fn keep_memory_private() {
    BEFORE.get_or_init(|| {
        let core = getrlimit(Resource::Core);
        let filter = linux::without_memory();
        let none = Rlimit {
            current: Some(0),
            maximum: core.maximum,
        };
        // A lower limit is always granted.
        let _ = setrlimit(Resource::Core, none);
        linux::not_dumpable();
        Before { core, filter }
    });
}

/// Gives a command of somebody else that this process started its core files back.
pub fn release(child: u32) {
    if let Some(before) = BEFORE.get() {
        linux::release(child, before);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use rustix::process::{DumpableBehavior, Pid, Resource, prlimit, set_dumpable_behavior};

    use super::Before;

    /// Which of its memory a process puts into a core file, core(5): a core that somebody takes who
    /// may do so (`gcore` of root) has none of it then.
    const FILTER: &str = "/proc/self/coredump_filter";

    pub(super) fn without_memory() -> Option<String> {
        let before = fs::read_to_string(FILTER).ok()?;
        // A kernel without it writes no such cores.
        let _ = fs::write(FILTER, "0");
        Some(before)
    }

    pub(super) fn not_dumpable() {
        // Nothing but the value could be wrong.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }

    pub(super) fn release(child: u32, before: &Before) {
        // One that has ended needs nothing.
        let pid = i32::try_from(child).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = prlimit(Some(pid), Resource::Core, before.core);
        }
        if let Some(filter) = &before.filter {
            let value = format!("0x{}", filter.trim());
            let _ = fs::write(format!("/proc/{child}/coredump_filter"), value);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    use super::Before;

    pub(super) fn without_memory() -> Option<String> {
        None
    }

    pub(super) fn not_dumpable() {}

    pub(super) fn release(_: u32, _: &Before) {}
}
