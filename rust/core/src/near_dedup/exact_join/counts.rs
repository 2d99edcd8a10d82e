//! How often each shingle occurs, roughly: the order in which prefixes take them.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::memory::{prefetch, zeroed};
use crate::near_dedup::shingle::mix;

/// A counter per group of shingles. Never below the number of occurrences while that is below [`STEADY`].
///
/// The counts only rank shingles: any of them gives the same pairs, so their rounding may depend on the threads.
pub struct Counts {
    counters: Vec<AtomicU8>,
    shift: u32,
}

/// Up to here every occurrence counts; above, one in ever more, so that a byte tells a thousand from a million.
pub const STEADY: u8 = 192;
/// Counts above [`STEADY`] after which only half as many occurrences count.
pub const HALVING: u8 = 4;

impl Counts {
    /// Zeros for about as many occurrences: a byte for each, within 64 KiB and 128 MiB.
    pub fn new(occurrences: usize) -> Self {
        let bits = occurrences.clamp(1 << 16, 1 << 27).next_power_of_two().trailing_zeros();
        let bytes = std::mem::ManuallyDrop::new(zeroed::<u8>(1 << bits));
        let (start, len, capacity) = (bytes.as_ptr().cast_mut(), bytes.len(), bytes.capacity());
        // SAFETY: an `AtomicU8` has the size, alignment and bit patterns of a `u8`, and the vector is not used again.
        let counters = unsafe { Vec::from_raw_parts(start.cast::<AtomicU8>(), len, capacity) };
        Self { counters, shift: 64 - bits }
    }

    #[inline]
    fn counter(&self, hash: u64) -> &AtomicU8 {
        &self.counters[(hash >> self.shift) as usize]
    }

    /// Asks the processor for the counters that are needed soon.
    #[inline]
    pub fn prefetch(&self, hashes: &[u64]) {
        for &hash in hashes {
            prefetch(self.counter(hash).as_ptr().cast_const());
        }
    }

    /// Counts an occurrence of each shingle of a row. With `alone` no other thread may count.
    pub fn add(&self, hashes: &[u64], row: u32, alone: bool) {
        for &hash in hashes {
            let counter = self.counter(hash);
            let mut count = counter.load(Relaxed);
            loop {
                if count == u8::MAX || (count >= STEADY && !counts_above(count, hash, row)) {
                    break;
                }
                if alone {
                    counter.store(count + 1, Relaxed);
                    break;
                }
                match counter.compare_exchange_weak(count, count + 1, Relaxed, Relaxed) {
                    Ok(_) => break,
                    Err(now) => count = now,
                }
            }
        }
    }

    /// The rank of a shingle, rarest first: its count, then the upper 56 bits of its hash.
    ///
    /// Shingles that agree in these bits have equal keys. A prefix filter over keys as a multiset loses no pair by it.
    #[inline]
    pub fn key(&self, hash: u64) -> u64 {
        u64::from(self.counter(hash).load(Relaxed)) << 56 | hash >> 8
    }
}

#[cold]
fn counts_above(count: u8, hash: u64, row: u32) -> bool {
    mix(hash ^ u64::from(row)).trailing_zeros() > u32::from((count - STEADY) / HALVING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rank_and_never_fall_short() {
        let counts = Counts::new(0);
        let count = |hash: u64| counts.key(hash) >> 56;
        for (times, hash) in [(1, mix(1)), (5, mix(2)), (191, mix(3)), (5_000, mix(4)), (100_000, mix(5))] {
            for row in 0..times {
                counts.add(&[hash], row, row % 2 == 0);
            }
        }
        assert_eq!([1, 2, 3].map(|number| count(mix(number))), [1, 5, 191]);
        assert!(count(mix(4)) > 192 && count(mix(5)) > count(mix(4)));
        assert_eq!(count(mix(6)), 0);
    }
}
