//! Memory for secrets, in pieces: many secrets share a page, so that ten thousand of them need
//! megabytes and not ten thousand pages.
//!
//! A piece is overwritten when it is given back, and given out again. Pages are not returned to
//! the system: what is held is bounded by the most secrets that there were at one time.

use std::mem;
use std::sync::{Mutex, PoisonError};

use zeroize::{Zeroize as _, Zeroizing};

use crate::pages;

/// The smallest piece, in bytes.
const SMALLEST: usize = 32;
/// How many sizes there are; each second one is twice the one before it, so that the largest has
/// 1 MiB. What is larger is no secret that stays, and lies elsewhere.
const SIZES: usize = 31;
/// How far the ranges grow that are mapped for one size: to 64 pages.
const GROWTH: u32 = 6;

/// How much memory there is for secrets in this process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What never reaches the swap.
    pub locked: usize,
    /// What the system would not lock.
    pub unlocked: usize,
}

struct Pool {
    free: [Vec<&'static mut [u8]>; SIZES],
    ranges: [u32; SIZES],
    kept: Kept,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    free: [const { Vec::new() }; SIZES],
    ranges: [0; SIZES],
    kept: Kept {
        locked: 0,
        unlocked: 0,
    },
});

/// How much memory there is for secrets in this process.
#[must_use]
pub fn kept() -> Kept {
    POOL.lock().unwrap_or_else(PoisonError::into_inner).kept
}

/// The size of pieces of one kind: 32, 48, 64, 96, 128 …
const fn size(kind: usize) -> usize {
    let whole = SMALLEST << (kind / 2);
    if kind.is_multiple_of(2) {
        whole
    } else {
        whole + whole / 2
    }
}

impl Pool {
    /// A piece of at least this length; none where no size is so large or there is no memory.
    fn take(&mut self, length: usize) -> Option<&'static mut [u8]> {
        let kind = (0..SIZES).find(|kind| size(*kind) >= length)?;
        if self.free[kind].is_empty() {
            self.grow(kind);
        }
        self.free[kind].pop()
    }

    fn grow(&mut self, kind: usize) {
        let pages = pages::size() << self.ranges[kind].min(GROWTH);
        let Ok(mapped) = pages::map(pages.max(size(kind))) else {
            return;
        };
        self.ranges[kind] += 1;
        if mapped.locked {
            self.kept.locked += mapped.bytes.len();
        } else {
            self.kept.unlocked += mapped.bytes.len();
        }
        self.free[kind].extend(mapped.bytes.chunks_exact_mut(size(kind)));
    }

    fn give_back(&mut self, piece: &'static mut [u8]) {
        if let Some(kind) = (0..SIZES).find(|kind| size(*kind) == piece.len()) {
            self.free[kind].push(piece);
        }
    }
}

/// A secret in its piece of memory.
pub(crate) struct Piece {
    place: Place,
    length: usize,
}

enum Place {
    Pool(&'static mut [u8]),
    /// Where the pool has no place: overwritten all the same.
    Heap(Zeroizing<Box<[u8]>>),
}

impl Piece {
    /// A copy of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let length = bytes.len();
        let taken = match length {
            0 => Some(Default::default()),
            _ => POOL
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(length),
        };
        let place = match taken {
            Some(piece) => {
                piece[..length].copy_from_slice(bytes);
                Place::Pool(piece)
            }
            None => Place::Heap(Zeroizing::new(bytes.into())),
        };
        Self { place, length }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.place {
            Place::Pool(piece) => &piece[..self.length],
            Place::Heap(bytes) => bytes,
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Place::Pool(piece) = &mut self.place {
            let piece = mem::take(piece);
            piece[..self.length].zeroize();
            let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
            pool.give_back(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel says of the mapping that an address lies in.
    #[cfg(target_os = "linux")]
    fn mapping(of: &[u8]) -> String {
        let at = of.as_ptr() as usize;
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        let mut found = String::new();
        for line in maps.lines() {
            let range = line.split_whitespace().next().unwrap_or_default();
            if let Some((from, to)) = range.split_once('-') {
                let number = |text| usize::from_str_radix(text, 16).unwrap();
                inside = (number(from)..number(to)).contains(&at);
            }
            if inside {
                found += line;
                found += "\n";
            }
        }
        found
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn secrets_lie_in_pages_that_stay_out_of_the_swap_of_cores_and_of_forks() {
        for length in [1, 40, 1_100, 70_000] {
            let piece = Piece::of(&vec![b's'; length]);
            let mapping = mapping(piece.bytes());
            let flags = mapping.lines().find_map(|l| l.strip_prefix("VmFlags:"));
            let flags: Vec<_> = flags.unwrap().split_whitespace().collect();
            for flag in ["dd", "wf"] {
                assert!(flags.contains(&flag), "{length}: no {flag} in {flags:?}");
            }
            let told = kept().unlocked > 0;
            assert!(flags.contains(&"lo") || told, "{length}: {flags:?}");
        }
    }

    #[test]
    fn what_is_given_back_is_overwritten_and_given_out_again() {
        let mut pool = Pool {
            free: [const { Vec::new() }; SIZES],
            ranges: [0; SIZES],
            kept: Kept::default(),
        };
        let piece = pool.take(40).unwrap();
        let (at, length) = (piece.as_ptr(), piece.len());
        assert_eq!(length, 48);
        pool.give_back(piece);
        assert_eq!(pool.take(41).unwrap().as_ptr(), at);
        assert!(pool.take(size(SIZES - 1) + 1).is_none());

        let length = 300;
        drop(Piece::of(&vec![b'x'; length]));
        let pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = (0..SIZES).find(|kind| size(*kind) >= length).unwrap();
        assert!(!pool.free[kind].is_empty());
        for piece in &pool.free[kind] {
            assert!(piece.iter().all(|b| *b == 0));
        }
    }

    #[test]
    fn many_secrets_share_pages() {
        let before = kept();
        let secrets: Vec<Piece> = (0..10_000)
            .map(|n: u32| Piece::of(format!("{n:0>700}").as_bytes()))
            .collect();
        let now = kept();
        let took = now.locked + now.unlocked - before.locked - before.unlocked;
        assert!(took < 10_000 * 1_200, "{took}");
        for (n, secret) in (0..10_000).zip(&secrets) {
            assert_eq!(secret.bytes(), format!("{n:0>700}").as_bytes());
        }
    }

    #[test]
    fn sizes_grow_to_a_mebibyte_and_what_is_larger_is_kept_too() {
        let sizes: Vec<_> = (0..SIZES).map(size).collect();
        assert!(sizes.is_sorted());
        assert_eq!(sizes[..5], [32, 48, 64, 96, 128]);
        assert_eq!(sizes[SIZES - 1], 1 << 20);
        let large = vec![7; (1 << 20) + 1];
        assert_eq!(Piece::of(&large).bytes(), large);
        assert_eq!(Piece::of(&[]).bytes(), b"");
    }
}
