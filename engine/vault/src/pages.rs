//! Pages of memory for secrets: kept out of the swap, of core files and of processes that are
//! forked, as gpg-agent's secure memory is.
//!
//! The only `unsafe` of this room: the operating system hands memory out by its address. A range
//! that was mapped is never unmapped, so it is given out once as a slice that lives for ever, and
//! whoever holds parts of it needs no `unsafe`.

#![allow(
    unsafe_code,
    reason = "mmap, mlock and madvise take addresses; each is explained below"
)]

use std::io;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mlock, mmap_anonymous};

/// Whole pages, all zero.
pub(crate) struct Pages {
    pub(crate) bytes: &'static mut [u8],
    /// Whether they never reach the swap.
    pub(crate) locked: bool,
}

/// The size of one page.
pub(crate) fn size() -> usize {
    rustix::param::page_size()
}

/// Maps pages for at least `length` bytes.
///
/// That they are not locked, where the limit on locked memory is reached, or not kept out of cores
/// and forks, where the system has no such thing, is no error.
pub(crate) fn map(length: usize) -> io::Result<Pages> {
    let length = length.max(1).next_multiple_of(size());
    // SAFETY: no address is asked for, so nothing that is mapped already is replaced.
    let start = unsafe {
        mmap_anonymous(
            ptr::null_mut(),
            length,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    }?;
    // SAFETY: the range is the one that was mapped just now, and nobody else knows it. Both change
    // what the system does with the pages, never what this process reads in them.
    let locked = unsafe {
        keep_out(start, length);
        mlock(start, length).is_ok()
    };
    // SAFETY: `length` bytes are mapped from `start` on, to be read and written; they are zero; they
    // are never unmapped; and this is the only reference that is ever made to them.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start.cast::<u8>(), length) };
    Ok(Pages { bytes, locked })
}

/// Keeps a range out of cores, and has a forked process find it empty.
///
/// # Safety
/// The range is mapped, and it is the caller's.
#[cfg(target_os = "linux")]
unsafe fn keep_out(start: *mut std::ffi::c_void, length: usize) {
    use rustix::mm::{Advice, madvise};
    for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
        // SAFETY: the caller's word; a kernel that does not know the advice changes nothing.
        let _ = unsafe { madvise(start, length, advice) };
    }
}

#[cfg(not(target_os = "linux"))]
unsafe fn keep_out(_: *mut std::ffi::c_void, _: usize) {}
