//! An allocator that overwrites all memory that is given back to it.
//!
//! Libraries copy secrets on their way: buffers of HTTP and TLS, texts that are taken apart, keys of
//! ciphers. They cannot be told to overwrite each copy, so all that is freed is. What is still in use,
//! and the stacks of threads, it does not reach.

#![allow(
    unsafe_code,
    reason = "an allocator hands out addresses; it passes them on to the system's, whose contract it keeps"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// The system's allocator, which is given nothing back that can be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wiping;

// SAFETY: every block comes from the system's allocator and goes back to it with the layout that it
// was asked for with. Blocks are written to only before they go back, within their length.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block has this length and is nobody's any more.
        unsafe { wipe(block, layout.size()) };
        // SAFETY: the caller's word is passed on.
        unsafe { System.dealloc(block, layout) }
    }

    // `realloc` is the one that the trait provides: a new block, a copy, and the old one given back
    // above. The system's would leave the old one as it was where it moves it.
}

/// Overwrites a block, also where the compiler sees that nobody reads it again.
///
/// # Safety
/// `length` bytes from `block` on are to be written, and nobody else uses them.
#[inline]
unsafe fn wipe(block: *mut u8, length: usize) {
    // SAFETY: the caller's word.
    unsafe { ptr::write_bytes(block, 0, length) };
    // SAFETY: it is empty. The compiler has to assume that it reads what was written.
    unsafe { std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags)) };
}

/// How much of the stack a cipher may use, in bytes.
const STACK: usize = 64 << 10;

/// Does something with a secret, and then overwrites the part of the stack that it used, where ciphers
/// leave their last blocks; as libgcrypt does with `burn_stack`.
pub(crate) fn burning<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    burn();
    done
}

/// In a frame of its own, so that the frame of [`burn`] lies in the same place.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn burn() {
    let mut room = [0_u8; STACK];
    std::hint::black_box(&mut room);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_overwritten_within_its_length_alone() {
        let mut bytes = *b"secretsecretsecret";
        // SAFETY: the middle of an array that is nobody else's.
        unsafe { wipe(bytes.as_mut_ptr().add(6), 6) };
        assert_eq!(&bytes, b"secret\0\0\0\0\0\0secret");
    }
}
