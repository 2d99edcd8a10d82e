//! Every similar pair within a set of rows, by a prefix filter join.
//!
//! All rows put their shingles into one order, rarest first. Two rows that share `least` shingles share one of the
//! first `size - least + 1` of each. Of the smaller row fewer are needed (a similar row is then no smaller), so the
//! index holds those, and every row asks it with its longer prefix for rows that come before it by size.

use rayon::prelude::*;

use super::Edge;
use super::counts::Counts;
use super::reader::{LOOK_AHEAD, ReadBuffers, Reader};
use crate::memory::prefetch;
use crate::near_dedup::verify::ShingleSet;
use crate::progress::{Cancelled, Progress};

/// Rows that one task reads.
const ROWS_PER_TASK: usize = 512;
/// Rows whose mean size stands for all.
const SAMPLE: usize = 512;
/// Entries of the index at a time, 8 bytes each and 12 more while it is made; beyond, the shingles take turns.
const MOST_ENTRIES: usize = 1 << 26;
const SHARDS: usize = 256;

/// What an audit found.
pub struct Audit {
    /// Every similar pair, in no order.
    pub edges: Vec<Edge>,
    /// How often each shingle occurs in the rows.
    pub counts: Counts,
}

/// Finds every similar pair among different `rows`.
///
/// # Errors
/// [`Cancelled`], if `progress` says so.
pub fn audit(reader: &Reader<'_>, rows: &[u32], progress: &Progress) -> Result<Audit, Cancelled> {
    let sample: usize = sampled(rows).map(|row| reader.distinct(row, &mut ReadBuffers::default()).len()).sum();
    let counts = Counts::new(sample / sampled(rows).count().max(1) * rows.len());
    progress.expect(rows.len() as u64);
    let sizes = count(reader, rows, &counts, progress)?;
    let ranks = Ranks::of(&sizes);
    let entries: usize =
        sizes.par_iter().map(|&size| size as usize - reader.least_with_larger(size as usize) + 1).sum();
    let parts = entries.div_ceil(MOST_ENTRIES).clamp(1, SHARDS) as u64;
    let mut edges = Vec::new();
    for part in 0..parts {
        progress.expect(2 * rows.len() as u64);
        let join = Join { reader, rows, counts: &counts, ranks: &ranks, parts, part };
        let (index, asking) = join.index(progress)?;
        edges.append(&mut join.ask(&index, &asking, progress)?);
    }
    Ok(Audit { edges, counts })
}

fn sampled(rows: &[u32]) -> impl Iterator<Item = u32> {
    rows.iter().copied().step_by(rows.len().div_ceil(SAMPLE).max(1))
}

/// Counts the shingles of all rows and returns how many distinct ones each has.
fn count(reader: &Reader<'_>, rows: &[u32], counts: &Counts, progress: &Progress) -> Result<Vec<u32>, Cancelled> {
    let alone = rayon::current_num_threads() == 1;
    let mut sizes = vec![0; rows.len()];
    rows.par_chunks(ROWS_PER_TASK).zip(sizes.par_chunks_mut(ROWS_PER_TASK)).try_for_each_init(
        ReadBuffers::default,
        |buffers, (rows, sizes)| {
            progress.check()?;
            for (at, (&row, size)) in rows.iter().zip(sizes).enumerate() {
                if let Some(&next) = rows.get(at + LOOK_AHEAD) {
                    reader.rows.prefetch(next);
                }
                let hashes = reader.distinct(row, buffers);
                counts.prefetch(hashes);
                counts.add(hashes, row, alone);
                *size = hashes.len() as u32;
            }
            progress.advance(rows.len() as u64);
            Ok(())
        },
    )?;
    Ok(sizes)
}

/// The rows by size, ascending.
struct Ranks {
    /// Place in the list of rows, by rank.
    places: Vec<u32>,
    /// Distinct shingles, by rank.
    sizes: Vec<u32>,
    /// Rank, by place.
    of_place: Vec<u32>,
}

impl Ranks {
    fn of(sizes: &[u32]) -> Self {
        let mut sorted: Vec<u64> = (0..).zip(sizes).map(|(place, &size)| u64::from(size) << 32 | place).collect();
        sorted.par_sort_unstable();
        let places: Vec<u32> = sorted.iter().map(|&entry| entry as u32).collect();
        let mut of_place = vec![0; sizes.len()];
        for (rank, &place) in (0..).zip(&places) {
            of_place[place as usize] = rank;
        }
        Self { places, sizes: sorted.iter().map(|&entry| (entry >> 32) as u32).collect(), of_place }
    }

    /// The first rank with at least that size.
    fn first_of(&self, size: usize) -> u32 {
        self.sizes.partition_point(|&other| (other as usize) < size) as u32
    }
}

/// Where a shingle's entries are: which shard, where in it, and a tag that tells it from others there.
#[derive(Clone, Copy)]
struct Address {
    shard: usize,
    place: u32,
    tag: u64,
}

impl Address {
    /// From the lower 56 bits of a key.
    fn of(key: u64) -> Self {
        Self { shard: (key >> 48) as usize & (SHARDS - 1), place: (key >> 16) as u32, tag: key & 0xff_ffff }
    }
}

/// One shingle of one row: the tag in 24 bits, the rank in 32, the place in the row's order in 8, at most 255.
fn entry(tag: u64, rank: u32, position: usize) -> u64 {
    tag << 40 | u64::from(rank) << 8 | position.min(255) as u64
}

/// The entries of the shingles that have the same upper 8 bits.
#[derive(Default)]
struct Shard {
    /// Where the entries of each bucket begin, and where the last ends.
    starts: Vec<u32>,
    entries: Vec<u64>,
    shift: u32,
}

impl Shard {
    /// From entries and their places. Each bucket is sorted by tag, then rank.
    fn of(unplaced: &[Vec<(u32, u64)>]) -> Self {
        let len: usize = unplaced.iter().map(Vec::len).sum();
        let bits = (len / 4).clamp(2, 1 << 24).next_power_of_two().trailing_zeros();
        let shift = 32 - bits;
        let mut starts = vec![0u32; (1 << bits) + 1];
        for &(place, _) in unplaced.iter().flatten() {
            starts[(place >> shift) as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut fill = starts.clone();
        let mut entries = vec![0; len];
        for &(place, entry) in unplaced.iter().flatten() {
            let at = &mut fill[(place >> shift) as usize];
            entries[*at as usize] = entry;
            *at += 1;
        }
        for bucket in starts.windows(2) {
            entries[bucket[0] as usize..bucket[1] as usize].sort_unstable();
        }
        Self { starts, entries, shift }
    }

    fn bucket(&self, address: Address) -> &[u64] {
        let bucket = (address.place >> self.shift) as usize;
        &self.entries[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }

    fn prefetch_start(&self, address: Address) {
        prefetch(self.starts[(address.place >> self.shift) as usize..].as_ptr().cast());
    }
}

/// One turn: the shingles whose hash falls to `part` of `parts`.
struct Join<'a> {
    reader: &'a Reader<'a>,
    rows: &'a [u32],
    counts: &'a Counts,
    ranks: &'a Ranks,
    parts: u64,
    part: u64,
}

#[derive(Default)]
struct JoinBuffers {
    read: ReadBuffers,
    other: ReadBuffers,
    keys: Vec<u64>,
    candidates: Vec<u32>,
    set: ShingleSet,
}

impl Join<'_> {
    fn mine(&self, key: u64) -> bool {
        Address::of(key).shard as u64 % self.parts == self.part
    }

    /// The index, and for each row whether it has any shingle to ask for.
    fn index(&self, progress: &Progress) -> Result<(Vec<Shard>, Vec<bool>), Cancelled> {
        let mut asking = vec![false; self.rows.len()];
        // One list of shards for each of a few long stretches of rows, so that their lists are long too.
        let stretch = self.rows.len().div_ceil(rayon::current_num_threads() * 4).next_multiple_of(ROWS_PER_TASK).max(1);
        let lists = self
            .rows
            .par_chunks(stretch)
            .zip(asking.par_chunks_mut(stretch))
            .enumerate()
            .map(|(number, (rows, asking))| {
                let mut buffers = JoinBuffers::default();
                let mut shards: Vec<Vec<(u32, u64)>> = vec![Vec::new(); SHARDS];
                for (at, (&row, asking)) in rows.iter().zip(asking).enumerate() {
                    if at % ROWS_PER_TASK == 0 {
                        progress.check()?;
                        progress.advance(ROWS_PER_TASK.min(rows.len() - at) as u64);
                    }
                    if let Some(&next) = rows.get(at + LOOK_AHEAD) {
                        self.reader.rows.prefetch(next);
                    }
                    let size = self.reader.distinct(row, &mut buffers.read).len();
                    let longer = size - self.reader.least_with_any(size) + 1;
                    let alone = self.prefix(longer, &mut buffers);
                    *asking = buffers.keys.iter().any(|&key| self.mine(key));
                    let prefix = size - self.reader.least_with_larger(size) + 1;
                    let rank = self.ranks.of_place[number * stretch + at];
                    for (position, &key) in (alone..prefix).zip(&buffers.keys) {
                        if self.mine(key) {
                            let address = Address::of(key);
                            shards[address.shard].push((address.place, entry(address.tag, rank, position)));
                        }
                    }
                }
                Ok(shards)
            })
            .collect::<Result<Vec<_>, Cancelled>>()?;
        let mut by_shard: Vec<Vec<Vec<(u32, u64)>>> = vec![Vec::new(); SHARDS];
        for list in lists {
            for (shard, part) in by_shard.iter_mut().zip(list) {
                shard.push(part);
            }
        }
        progress.check()?;
        Ok((by_shard.into_par_iter().map(|parts| Shard::of(&parts)).collect(), asking))
    }

    /// Puts the keys of a row's prefix, in order, into `keys`, save for those at its head that no other row has: how
    /// many these are.
    fn prefix(&self, len: usize, buffers: &mut JoinBuffers) -> usize {
        let hashes = &buffers.read.distinct_hashes();
        let keys = &mut buffers.keys;
        keys.clear();
        self.counts.prefetch(hashes);
        keys.extend(hashes.iter().map(|&hash| self.counts.key(hash)).filter(|&key| key >> 56 > 1));
        let alone = hashes.len() - keys.len();
        let left = len.saturating_sub(alone).min(keys.len());
        if left < keys.len() && left > 0 {
            keys.select_nth_unstable(left - 1);
        }
        keys.truncate(left);
        keys.sort_unstable();
        alone
    }

    /// Asks the index for every row that has a reason to, and verifies what comes back.
    fn ask(&self, index: &[Shard], asking: &[bool], progress: &Progress) -> Result<Vec<Edge>, Cancelled> {
        self.rows
            .par_chunks(ROWS_PER_TASK)
            .zip(asking.par_chunks(ROWS_PER_TASK))
            .zip(self.ranks.of_place.par_chunks(ROWS_PER_TASK))
            .try_fold(
                || (JoinBuffers::default(), Vec::new()),
                |(mut buffers, mut edges), ((rows, asking), ranks)| {
                    progress.check()?;
                    for (at, ((&row, &asking), &rank)) in rows.iter().zip(asking).zip(ranks).enumerate() {
                        if let Some(&next) = rows.get(at + LOOK_AHEAD) {
                            self.reader.rows.prefetch(next);
                        }
                        if asking {
                            let size = self.reader.distinct(row, &mut buffers.read).len();
                            let alone = self.prefix(size - self.reader.least_with_any(size) + 1, &mut buffers);
                            self.find_candidates(index, rank, size, alone, &mut buffers);
                            self.verify(row, &mut buffers, &mut edges, progress)?;
                        }
                    }
                    progress.advance(rows.len() as u64);
                    Ok((buffers, edges))
                },
            )
            .map(|part| part.map(|(_, edges)| edges))
            .try_reduce(Vec::new, |mut left, mut right| {
                left.append(&mut right);
                Ok(left)
            })
    }

    /// The ranks of the rows that come before and may be similar, each once.
    fn find_candidates(&self, index: &[Shard], rank: u32, size: usize, alone: usize, buffers: &mut JoinBuffers) {
        let JoinBuffers { keys, candidates, .. } = buffers;
        candidates.clear();
        for &key in keys.iter() {
            let address = Address::of(key);
            index[address.shard].prefetch_start(address);
        }
        for &key in keys.iter() {
            let address = Address::of(key);
            prefetch(index[address.shard].bucket(address).as_ptr().cast());
        }
        let first = self.ranks.first_of(self.reader.least_with_any(size));
        for (position, &key) in (alone..).zip(keys.iter()).filter(|&(_, &key)| self.mine(key)) {
            let address = Address::of(key);
            let bucket = index[address.shard].bucket(address);
            let from = bucket.partition_point(|&other| other < entry(address.tag, first, 0));
            let last = entry(address.tag, rank, 0);
            for &other in bucket[from..].iter().take_while(|&&other| other < last) {
                let other_rank = (other >> 8) as u32;
                let other_size = self.ranks.sizes[other_rank as usize] as usize;
                // From the first shared shingle on, no more can be shared than the rest of either row.
                let rest = (size - position).min(other_size - (other & 0xff) as usize);
                if self.may_suffice(rest, size + other_size) {
                    candidates.push(other_rank);
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
    }

    /// Whether rows of `both` shingles that share at most `rest` may be similar; in doubt, yes.
    fn may_suffice(&self, rest: usize, both: usize) -> bool {
        const ROUNDING: f64 = 1.0 - 1e-9;
        let threshold = self.reader.parameters.threshold;
        rest as f64 * (1.0 + threshold) >= both as f64 * threshold * ROUNDING
    }

    fn verify(
        &self,
        row: u32,
        buffers: &mut JoinBuffers,
        edges: &mut Vec<Edge>,
        progress: &Progress,
    ) -> Result<(), Cancelled> {
        let JoinBuffers { read, other, candidates, set, .. } = buffers;
        let row_of = |rank: u32| self.rows[self.ranks.places[rank as usize] as usize];
        let hashes = read.distinct_hashes();
        if !candidates.is_empty() {
            set.set_keeper(hashes);
        }
        for (at, &rank) in candidates.iter().enumerate() {
            if at % ROWS_PER_TASK == 0 {
                progress.check()?;
            }
            if let Some(&next) = candidates.get(at + LOOK_AHEAD) {
                self.reader.rows.prefetch(row_of(next));
            }
            let left = row_of(rank);
            let (shared, all) = set.overlap(hashes, self.reader.distinct(left, other));
            let similarity = shared as f64 / all as f64;
            if similarity >= self.reader.parameters.threshold {
                edges.push(Edge { left, right: row, similarity });
            }
        }
        Ok(())
    }
}
