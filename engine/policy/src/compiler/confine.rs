//! Takes from a process what it does not need for compiling: files, network, other processes, and
//! time and memory without end.

use std::io;

use super::bounds::Bounds;

/// Holds this process to its bounds, for good.
///
/// # Errors
/// A bound cannot be set. What the kernel does not have (Landlock before 5.13, filters of system
/// calls on a processor that the filter's author does not know) is done without: the others hold.
#[cfg(unix)]
pub(crate) fn confine(bounds: &Bounds) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    for (resource, most) in [
        (Resource::As, bounds.memory),
        (Resource::Cpu, bounds.cpu),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 16),
        (Resource::Nproc, 0),
    ] {
        let own = getrlimit(resource).maximum;
        let most = own.map_or(most, |own| own.min(most));
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    #[cfg(target_os = "linux")]
    linux::confine()?;
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn confine(_: &Bounds) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, Scope,
    };

    pub(super) fn confine() -> io::Result<()> {
        use rustix::process::{DumpableBehavior, Signal};
        // It ends with whoever started it, and nobody looks into it.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        no_places().map_err(io::Error::other)?;
        few_calls()
    }

    /// No file, no folder, no port, no other process. Best effort: an old kernel has less of it.
    fn no_places() -> Result<(), RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::from_all(ABI::V5))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .restrict_self()?;
        Ok(())
    }

    /// Memory, the two pipes, an end: nothing else is asked of the kernel.
    #[cfg(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    ))]
    fn few_calls() -> io::Result<()> {
        use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
        let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let rules = CALLS.iter().map(|call| (*call, Vec::new())).collect();
        let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
        let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch);
        let filter = filter.map_err(io::Error::other)?;
        let program = BpfProgram::try_from(filter).map_err(io::Error::other)?;
        match seccompiler::apply_filter(&program) {
            // A kernel that is built without filters.
            Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
                if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
            {
                Ok(())
            }
            applied => applied.map_err(io::Error::other),
        }
    }

    #[cfg(not(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )))]
    fn few_calls() -> io::Result<()> {
        Ok(())
    }

    #[cfg(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    ))]
    const CALLS: &[libc::c_long] = &[
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_fstat,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_madvise,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_read,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
        libc::SYS_tgkill,
        libc::SYS_write,
        libc::SYS_writev,
    ];
}
