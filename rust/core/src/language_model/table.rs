//! A hash table of n-grams in buckets of one cache line.
//!
//! A bucket holds nine n-grams, each as a fingerprint of 31 bits and a value of 24. What does not fit goes to the next
//! bucket of the same region, and a bit in the filter of the full bucket says so. Regions are filled one by one in the
//! order of the n-grams, so that the bytes do not depend on threads.

/// N-grams in a bucket.
pub const SLOTS: usize = 9;
/// Buckets in a region, save for the last one.
pub const REGION: usize = 1 << 12;
/// N-grams for each bucket when a table is made: three quarters of what it holds.
const LOAD: f64 = 6.75;

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Bucket {
    /// Fingerprints; 0 is a free place. Little-endian.
    prints: [u32; SLOTS],
    /// Values of three bytes, little-endian, signed.
    values: [u8; 3 * SLOTS],
    /// Which of the n-grams that began here are in another bucket: a bit for each eighth of them.
    filter: u8,
}

/// A free bucket.
#[cfg(test)]
pub const FREE: Bucket = Bucket { prints: [0; SLOTS], values: [0; 3 * SLOTS], filter: 0 };

/// Buckets for so many n-grams.
#[must_use]
pub fn buckets(ngrams: u64) -> u64 {
    (ngrams as f64 / LOAD).ceil() as u64
}

/// The hash of the unigram of a token.
#[inline(always)]
#[must_use]
pub fn first_hash(token: u32, seed: u64) -> u64 {
    longer_hash(seed ^ 0x9e37_79b9_7f4a_7c15, token)
}

/// The hash of an n-gram with one more token before it.
#[inline(always)]
#[must_use]
pub fn longer_hash(hash: u64, token: u32) -> u64 {
    let product = u128::from(hash ^ 0xa076_1d64_78bd_642f) * u128::from(u64::from(token) ^ 0xe703_7ed1_a0b4_28db);
    (product >> 64) as u64 ^ product as u64
}

/// The bucket in which the search for a hash begins.
#[inline(always)]
#[must_use]
pub fn home(hash: u64, buckets: usize) -> usize {
    (((hash >> 32) * buckets as u64) >> 32) as usize
}

/// The fingerprint of a hash, never 0.
#[inline(always)]
#[must_use]
pub fn print_of(hash: u64) -> u32 {
    hash as u32 | 1 << 31
}

#[inline(always)]
fn filter_bit(print: u32) -> u8 {
    1 << (print >> 28 & 7)
}

/// The bucket that takes what does not fit into another.
#[inline(always)]
fn next(bucket: usize, buckets: usize) -> usize {
    let after = bucket + 1;
    if after.is_multiple_of(REGION) || after == buckets { bucket & !(REGION - 1) } else { after }
}

impl Bucket {
    /// Which places hold the fingerprint, a bit each.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn matches(&self, print: u32) -> u32 {
        use std::arch::x86_64::{
            __m128i, _mm_cmpeq_epi32, _mm_load_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32,
            _mm_set1_epi32, _mm_setzero_si128,
        };
        let lanes = std::ptr::from_ref(self).cast::<__m128i>();
        // SAFETY: SSE2 is part of every x86-64 processor; a bucket is 64 bytes at a multiple of 64, and these are its
        // first 48.
        let mask = unsafe {
            let wanted = _mm_set1_epi32(print.cast_signed());
            let equal = |at: usize| _mm_cmpeq_epi32(_mm_load_si128(lanes.add(at)), wanted);
            let first = _mm_packs_epi32(equal(0), equal(1));
            let second = _mm_packs_epi32(equal(2), _mm_setzero_si128());
            _mm_movemask_epi8(_mm_packs_epi16(first, second))
        };
        mask as u32 & ((1 << SLOTS) - 1)
    }

    /// Which places hold the fingerprint, a bit each.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    fn matches(&self, print: u32) -> u32 {
        (0..SLOTS).map(|slot| u32::from(u32::from_le(self.prints[slot]) == print) << slot).sum()
    }

    /// The value at a place.
    #[inline(always)]
    pub fn value(&self, slot: usize) -> i32 {
        let at = 3 * slot.min(SLOTS - 1);
        i32::from_le_bytes([0, self.values[at], self.values[at + 1], self.values[at + 2]]) >> 8
    }
}

/// Where the n-gram with a hash stands: bucket and place in it.
#[inline(always)]
#[must_use]
pub fn find(table: &[Bucket], hash: u64) -> Option<(usize, usize)> {
    let print = print_of(hash);
    let mut bucket = home(hash, table.len());
    let one = table.get(bucket)?;
    let found = one.matches(print);
    if found != 0 {
        return Some((bucket, found.trailing_zeros() as usize));
    }
    if one.filter & filter_bit(print) == 0 {
        return None;
    }
    // A region may be full of bits in a file that somebody made up: it is gone through once.
    for _ in 0..REGION {
        bucket = next(bucket, table.len());
        let one = &table[bucket];
        let found = one.matches(print);
        if found != 0 {
            return Some((bucket, found.trailing_zeros() as usize));
        }
        if one.filter & filter_bit(print) == 0 {
            return None;
        }
    }
    None
}

/// What the bucket in which the search begins says of an n-gram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Its value and whether it is there; without it the value is 0.
    Here(i32, bool),
    /// It is not there, but may be in the buckets after it: [`find`] tells.
    Further,
}

/// Looks into one bucket, without branches that cannot be guessed.
#[inline(always)]
#[must_use]
pub fn look(table: &[Bucket], hash: u64) -> Seen {
    let print = print_of(hash);
    let one = &table[home(hash, table.len())];
    let found = one.matches(print);
    if found == 0 && one.filter & filter_bit(print) != 0 {
        return Seen::Further;
    }
    // Without it the last place is read, and nothing of it taken.
    let slot = (found | 1 << (SLOTS - 1)).trailing_zeros() as usize;
    let known = i32::from(found != 0);
    Seen::Here(one.value(slot) & -known, found != 0)
}

/// The bucket in which the search for a hash goes on.
#[inline(always)]
#[must_use]
pub fn second(hash: u64, buckets: usize) -> usize {
    next(home(hash, buckets), buckets)
}

/// Two n-grams look the same, or a region is full: the table must be made with another seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collision;

/// A part of a table, whole regions, that one thread fills.
pub struct Part<'a> {
    /// Number of the first bucket.
    pub first: usize,
    /// Buckets of the whole table.
    pub buckets: usize,
    /// The part's buckets.
    pub table: &'a mut [Bucket],
}

impl Part<'_> {
    /// The bucket in which the search for a hash begins, if it is in this part.
    #[inline(always)]
    #[must_use]
    pub fn home(&self, hash: u64) -> Option<usize> {
        let home = home(hash, self.buckets);
        (home >= self.first && home - self.first < self.table.len()).then_some(home)
    }

    /// Enters an n-gram whose home is here. Gives its bucket in the whole table, and its place in it.
    ///
    /// # Errors
    /// [`Collision`], if it cannot be told from another, or there is no free place.
    pub fn enter(&mut self, hash: u64, value: i32) -> Result<(usize, usize), Collision> {
        let print = print_of(hash);
        let mut bucket = home(hash, self.buckets);
        for _ in 0..REGION {
            let one = self.table.get_mut(bucket.wrapping_sub(self.first)).ok_or(Collision)?;
            if one.matches(print) != 0 {
                return Err(Collision);
            }
            let free = one.matches(0);
            if free != 0 {
                let slot = free.trailing_zeros() as usize;
                one.prints[slot] = print.to_le();
                one.values[3 * slot..3 * slot + 3].copy_from_slice(&value.to_le_bytes()[..3]);
                return Ok((bucket, slot));
            }
            one.filter |= filter_bit(print);
            bucket = next(bucket, self.buckets);
        }
        Err(Collision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_entered_is_found() {
        let mut further = 0;
        for ngrams in [1_usize, 9, 10, 500, 60_000] {
            let mut table = vec![FREE; buckets(ngrams as u64) as usize];
            let hash = |at: usize| longer_hash(first_hash(at as u32, 7), 3);
            for (first, part) in (0..).step_by(REGION).zip(table.clone().chunks_mut(REGION)) {
                let mut part = Part { first, buckets: table.len(), table: part };
                for at in 0..ngrams {
                    if part.home(hash(at)).is_some() {
                        assert!(part.enter(hash(at), at as i32 - 100).is_ok());
                    }
                }
                assert!(part.home(hash(0)).is_none() || part.enter(hash(0), 1).is_err());
                table[first..][..part.table.len()].copy_from_slice(part.table);
            }
            for at in 0..ngrams {
                let (bucket, slot) = find(&table, hash(at)).unwrap_or_default();
                assert_eq!(table[bucket].value(slot), at as i32 - 100);
                let here = home(hash(at), table.len()) == bucket;
                let wanted = if here { Seen::Here(at as i32 - 100, true) } else { Seen::Further };
                assert_eq!(look(&table, hash(at)), wanted);
                further += usize::from(!here);
            }
            for at in ngrams..ngrams + 10_000 {
                assert_eq!(find(&table, hash(at)), None);
                assert!(matches!(look(&table, hash(at)), Seen::Here(0, false) | Seen::Further));
            }
        }
        assert!(further > 1000);
        assert_eq!(find(&[], 5), None);
    }

    #[test]
    fn a_table_of_nothing_but_bits_ends_the_search() {
        let full = Bucket { filter: 255, ..FREE };
        assert_eq!(find(&vec![full; 3 * REGION + 5], u64::MAX), None);
    }
}
