//! The memory of one call: a region that is there from the start, and the usual allocator behind it.
//!
//! An instance lives for one call, most calls are small, and to grow a memory and to shrink it again
//! costs the engine more than such a call itself. So what fits is laid into the region one behind the
//! other, and only the last is ever taken back; what does not fit comes from the usual allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::ptr;

/// Bytes of the region: several times what a call with a few sessions takes.
const SIZE: usize = 128 << 10;

/// A region, and where its free part begins, before the allocator `A`.
pub(crate) struct Arena<A> {
    region: UnsafeCell<[u8; SIZE]>,
    next: Cell<usize>,
    rest: A,
}

// A component has one thread.
#[cfg(target_arch = "wasm32")]
unsafe impl<A> Sync for Arena<A> {}

impl<A> Arena<A> {
    /// An empty region before this allocator.
    pub(crate) const fn new(rest: A) -> Self {
        Self {
            region: UnsafeCell::new([0; SIZE]),
            next: Cell::new(0),
            rest,
        }
    }

    fn start(&self) -> *mut u8 {
        self.region.get().cast()
    }

    /// Where in the region this lies; none: it came from the usual allocator.
    fn offset(&self, at: *mut u8) -> Option<usize> {
        let offset = (at as usize).checked_sub(self.start() as usize)?;
        (offset < SIZE).then_some(offset)
    }

    /// The first place for this in what is free from `from` on; none: it does not fit.
    fn fit(&self, from: usize, layout: Layout) -> Option<usize> {
        let start = self.start() as usize;
        let at = (start + from).checked_next_multiple_of(layout.align())? - start;
        (layout.size() <= SIZE.checked_sub(at)?).then_some(at)
    }
}

// SAFETY: a block of the region lies between `next` before and after it was handed out, and `next`
// goes back only over the block that ends there; all other blocks are those of `rest`.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Arena<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.fit(self.next.get(), layout) {
            Some(at) => {
                self.next.set(at + layout.size());
                // SAFETY: `fit` answers with places within the region.
                unsafe { self.start().add(at) }
            }
            // SAFETY: the caller's promises are passed on.
            None => unsafe { self.rest.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(at) if at + layout.size() == self.next.get() => self.next.set(at),
            Some(_) => {}
            // SAFETY: it is not of the region, so it is of `rest`.
            None => unsafe { self.rest.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(at) = self.offset(block) else {
            // SAFETY: it is not of the region, so it is of `rest`.
            return unsafe { self.rest.realloc(block, layout, size) };
        };
        if at + layout.size() == self.next.get() && size <= SIZE - at {
            self.next.set(at + size);
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller promises that the size is right for the alignment; the old block is at
        // least as long as what is copied, and the new one lies elsewhere.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size());
                self.dealloc(block, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use proptest::prelude::*;

    use super::*;

    /// A block that is in use, and the byte that it is filled with.
    struct Block {
        at: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Block {
        fn fill(&self) {
            // SAFETY: it is in use and so long.
            unsafe { ptr::write_bytes(self.at, self.fill, self.layout.size()) }
        }

        fn is_whole(&self, size: usize) -> bool {
            // SAFETY: it is in use, and was filled to this size.
            let bytes = unsafe { std::slice::from_raw_parts(self.at, size) };
            bytes.iter().all(|byte| *byte == self.fill)
        }
    }

    proptest! {
        #[test]
        fn blocks_are_aligned_and_keep_what_is_in_them(
            deeds in proptest::collection::vec((0_u8..4, any::<prop::sample::Index>(), 1_usize..20_000, 0_u32..5), 1..300)
        ) {
            let arena = Arena::new(System);
            let mut blocks: Vec<Block> = Vec::new();
            let mut fill = 0_u8;
            for (deed, which, size, align) in deeds {
                fill = fill.wrapping_add(1);
                if deed < 2 || blocks.is_empty() {
                    let layout = Layout::from_size_align(size, 1 << align).unwrap();
                    // SAFETY: the size is not zero.
                    let at = unsafe { arena.alloc(layout) };
                    prop_assert!(!at.is_null() && (at as usize).is_multiple_of(layout.align()));
                    blocks.push(Block { at, layout, fill });
                    blocks.last().unwrap().fill();
                } else if deed == 2 {
                    let index = which.index(blocks.len());
                    let block = &mut blocks[index];
                    let kept = block.layout.size().min(size);
                    // SAFETY: the block is in use, and the size is not zero.
                    block.at = unsafe { arena.realloc(block.at, block.layout, size) };
                    prop_assert!(!block.at.is_null() && block.is_whole(kept));
                    prop_assert!((block.at as usize).is_multiple_of(block.layout.align()));
                    block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                    block.fill();
                } else {
                    let block = blocks.swap_remove(which.index(blocks.len()));
                    prop_assert!(block.is_whole(block.layout.size()));
                    // SAFETY: the block is in use, and then no more.
                    unsafe { arena.dealloc(block.at, block.layout) };
                }
            }
            for block in blocks {
                prop_assert!(block.is_whole(block.layout.size()));
                // SAFETY: the block is in use, and then no more.
                unsafe { arena.dealloc(block.at, block.layout) };
            }
        }
    }

    #[test]
    fn what_does_not_fit_comes_from_elsewhere_and_the_last_is_taken_back() {
        let arena = Arena::new(System);
        let layout = Layout::from_size_align(SIZE / 2, 8).unwrap();
        // SAFETY: sizes are not zero, and each block is freed once.
        unsafe {
            let first = arena.alloc(layout);
            let second = arena.alloc(layout);
            assert!(arena.offset(first).is_some() && arena.offset(second).is_some());
            let third = arena.alloc(layout);
            assert!(arena.offset(third).is_none());
            arena.dealloc(second, layout);
            let again = arena.alloc(layout);
            assert_eq!(again, second);
            arena.dealloc(third, layout);
        }
    }
}
