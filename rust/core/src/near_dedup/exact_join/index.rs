//! The prefixes of all rows, and which rows have a shingle in theirs.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use crate::memory::prefetch;
use crate::progress::{Cancelled, Progress};

/// What is known of one row.
#[derive(Clone, Copy)]
pub struct RowPrefix<'a> {
    /// Distinct shingles of the row.
    pub size: usize,
    /// Shingles that no other row has; they come before `keys`.
    pub unique: usize,
    /// The others of the prefix, in order.
    pub keys: &'a [u64],
}

/// The prefixes of all rows, by place: in stretches, each filled by one thread, so that nothing is copied.
pub struct Prefixes(Vec<Stretch>);

/// The prefixes of [`STRETCH`] rows, fewer at the end.
#[derive(Default)]
pub struct Stretch {
    sizes: Vec<u32>,
    uniques: Vec<u32>,
    /// Where the keys of each row end.
    ends: Vec<usize>,
    keys: Vec<u64>,
}

/// Rows of a stretch.
pub const STRETCH: usize = 1 << 12;

impl Stretch {
    /// Appends a row.
    pub fn push(&mut self, row: RowPrefix<'_>) {
        self.sizes.push(row.size as u32);
        self.uniques.push(row.unique as u32);
        self.keys.extend_from_slice(row.keys);
        self.ends.push(self.keys.len());
    }

    /// Gives back what was reserved and is not used.
    pub fn shrink(&mut self) {
        self.keys.shrink_to_fit();
    }

    fn row(&self, at: usize) -> RowPrefix<'_> {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        RowPrefix {
            size: self.sizes[at] as usize,
            unique: self.uniques[at] as usize,
            keys: &self.keys[start..self.ends[at]],
        }
    }
}

impl Prefixes {
    /// From stretches in order.
    pub fn of_stretches(stretches: Vec<Stretch>) -> Self {
        Self(stretches)
    }

    /// The prefix of the row at a place.
    #[inline]
    pub fn of(&self, place: usize) -> RowPrefix<'_> {
        self.0[place / STRETCH].row(place % STRETCH)
    }

    /// For every row the first so many of its prefix: `work(place, keys, position of the first of these)`.
    fn each_start(
        &self,
        shorter: impl Fn(usize) -> usize + Sync,
        progress: &Progress,
        work: impl Fn(u32, &[u64], usize) + Sync,
    ) -> Result<(), Cancelled> {
        self.0.par_iter().enumerate().try_for_each(|(number, stretch)| {
            progress.check()?;
            for at in 0..stretch.sizes.len() {
                let RowPrefix { size, unique, keys } = stretch.row(at);
                let len = shorter(size).saturating_sub(unique).min(keys.len());
                work((number * STRETCH + at) as u32, &keys[..len], unique);
            }
            Ok(())
        })
    }
}

/// Which rows have a shingle near the start of their prefix. Rows go by rank: by size, then by place.
pub struct Index {
    /// Place, by rank.
    places: Vec<u32>,
    /// Distinct shingles, by rank.
    sizes: Vec<u32>,
    /// Rank, by place.
    ranks: Vec<u32>,
    /// Where the entries of each bucket begin, and where the last ends.
    starts: Vec<usize>,
    entries: Vec<u64>,
    shift: u32,
}

/// One shingle of one row: 24 bits that tell it from others of its bucket, the rank in 32, the position in the row's
/// order in 8, at most 255.
fn entry(key: u64, rank: u32, position: usize) -> u64 {
    key << 40 | u64::from(rank) << 8 | position.min(255) as u64
}

impl Index {
    /// From the first `shorter(size)` shingles of every row.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn of(
        prefixes: &Prefixes,
        shorter: impl Fn(usize) -> usize + Sync,
        progress: &Progress,
    ) -> Result<Self, Cancelled> {
        let (places, sizes, ranks) = ranked(prefixes);
        let len = AtomicU64::new(0);
        prefixes.each_start(&shorter, progress, |_, keys, _| {
            len.fetch_add(keys.len() as u64, Relaxed);
        })?;
        let len = len.into_inner() as usize;
        let bits = (len / 4).clamp(2, 1 << 30).next_power_of_two().trailing_zeros();
        let mut index = Self { places, sizes, ranks, starts: Vec::new(), entries: Vec::new(), shift: 64 - bits };
        let cursors: Vec<AtomicU32> = (0..1usize << bits).map(|_| AtomicU32::new(0)).collect();
        prefixes.each_start(&shorter, progress, |_, keys, _| {
            for &key in keys {
                cursors[index.bucket(key)].fetch_add(1, Relaxed);
            }
        })?;
        index.starts.reserve_exact(cursors.len() + 1);
        index.starts.push(0);
        let mut end = 0;
        for cursor in &cursors {
            end += cursor.swap(0, Relaxed) as usize;
            index.starts.push(end);
        }
        let entries: Vec<AtomicU64> = (0..len).map(|_| AtomicU64::new(0)).collect();
        prefixes.each_start(&shorter, progress, |place, keys, first| {
            let rank = index.ranks[place as usize];
            for (position, &key) in (first..).zip(keys) {
                let bucket = index.bucket(key);
                let at = index.starts[bucket] + cursors[bucket].fetch_add(1, Relaxed) as usize;
                entries[at].store(entry(key, rank, position), Relaxed);
            }
        })?;
        index.entries = entries.into_iter().map(AtomicU64::into_inner).collect();
        index.sort(progress)?;
        Ok(index)
    }

    /// Sorts every bucket: by shingle, then rank.
    fn sort(&mut self, progress: &Progress) -> Result<(), Cancelled> {
        const BUCKETS_PER_TASK: usize = 1 << 12;
        let mut tasks = Vec::new();
        let mut rest = self.entries.as_mut_slice();
        for starts in self.starts[..self.starts.len() - 1].chunks(BUCKETS_PER_TASK) {
            let first = tasks.len() * BUCKETS_PER_TASK;
            let ends = &self.starts[first + 1..=first + starts.len()];
            let (buckets, after) = rest.split_at_mut(ends[ends.len() - 1] - starts[0]);
            tasks.push((buckets, starts, ends));
            rest = after;
        }
        tasks.into_par_iter().try_for_each(|(buckets, starts, ends)| {
            progress.check()?;
            for (&start, &end) in starts.iter().zip(ends) {
                buckets[start - starts[0]..end - starts[0]].sort_unstable();
            }
            Ok(())
        })
    }

    /// By the hash: the lower 56 bits of a key.
    #[inline]
    fn bucket(&self, key: u64) -> usize {
        ((key << 8) >> self.shift) as usize
    }

    /// Asks the processor for what is needed soon of these shingles' entries.
    pub fn prefetch(&self, keys: &[u64]) {
        for &key in keys {
            prefetch(self.starts[self.bucket(key)..].as_ptr().cast());
        }
        for &key in keys {
            prefetch(self.entries[self.starts[self.bucket(key)]..].as_ptr().cast());
        }
    }

    /// Ranks from `first` on and before `before` of the rows with a shingle, each with the shingle's position in it or a
    /// smaller one. A few rows may come that have another shingle.
    #[inline]
    pub fn rows_with(&self, key: u64, first: u32, before: u32) -> impl Iterator<Item = (u32, usize)> {
        let bucket = self.bucket(key);
        let bucket = &self.entries[self.starts[bucket]..self.starts[bucket + 1]];
        let (from, end) = (entry(key, first, 0), entry(key, before, 0));
        let start = bucket.partition_point(|&entry| entry < from);
        let found = bucket[start..].iter().take_while(move |&&entry| entry < end);
        found.map(|&entry| ((entry >> 8) as u32, (entry & 0xff) as usize))
    }

    /// The first rank of a row with at least that many shingles.
    pub fn first_rank_of(&self, size: usize) -> u32 {
        self.sizes.partition_point(|&other| (other as usize) < size) as u32
    }

    /// The rank of the row at a place.
    #[inline]
    pub fn rank_of(&self, place: usize) -> u32 {
        self.ranks[place]
    }

    /// The place of the row with a rank.
    #[inline]
    pub fn place_of(&self, rank: u32) -> u32 {
        self.places[rank as usize]
    }

    /// Distinct shingles of the row with a rank.
    #[inline]
    pub fn size_of(&self, rank: u32) -> usize {
        self.sizes[rank as usize] as usize
    }
}

/// Places by rank, sizes by rank, ranks by place.
fn ranked(prefixes: &Prefixes) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let sizes = prefixes.0.iter().flat_map(|stretch| &stretch.sizes);
    let mut sorted: Vec<u64> = (0..).zip(sizes).map(|(place, &size)| u64::from(size) << 32 | place).collect();
    sorted.par_sort_unstable();
    let places: Vec<u32> = sorted.iter().map(|&entry| entry as u32).collect();
    let mut ranks = vec![0; places.len()];
    for (rank, &place) in (0..).zip(&places) {
        ranks[place as usize] = rank;
    }
    (places, sorted.iter().map(|&entry| (entry >> 32) as u32).collect(), ranks)
}
