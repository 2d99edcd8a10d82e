//! Components of many rows, such as the rows of one template, without comparing every pair.
//!
//! In blocks, in the order of keeping, every row looks for the first kept row that it is a near duplicate of. Kept rows are
//! found by a prefix filter (Bayardo et al. 2007): two rows at or above the threshold share one of their first shingles,
//! rarest in the component first, and what the rows of a template have in common is frequent. A candidate then passes
//! the same test as in a small component, so the decisions are the same.
//!
//! The rows of a block ask in parallel for rows that were kept before the block. What still stands is then decided one
//! by one, against the rows that were kept since the block began; the answer does not depend on the threads.

mod kept;
mod pool;
mod postings;

use rayon::prelude::*;

use self::kept::{Kept, Limits, Prefix};
use self::pool::Pool;
use super::decide::Context;
use super::exact_join::counts::Counts;
use super::exact_join::reader::{LOOK_AHEAD, ReadBuffers, Reader};
use super::sketch::equal_lanes;
use super::verify::ShingleSet;
use super::{Gathered, MOST_HELD_MISSES, NEAR, Removal};
use crate::progress::{Cancelled, Progress};

/// A row that nothing has removed.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Its signature's index.
    pub index: u32,
    /// Its number.
    pub row: u32,
}

/// Steps that [`decide_large`] reports for each row: counting its shingles and deciding it.
pub const STEPS_PER_ROW: u64 = 2;

/// Rows that one thread takes at a time.
const ROWS_PER_TASK: usize = 32;
/// Rows of the first block; until keepers are known, rows are decided one by one.
const FIRST_BLOCK: usize = 2 * ROWS_PER_TASK;

/// Decides over rows in the order of keeping.
///
/// # Errors
/// [`Cancelled`], if `progress` says so.
pub fn decide_large(
    context: &Context<'_>,
    standing: &[Standing],
    progress: &Progress,
    gathered: &mut Gathered,
) -> Result<(), Cancelled> {
    decide_within(context, standing, &Limits::DEFAULT, progress, gathered)
}

fn decide_within(
    context: &Context<'_>,
    standing: &[Standing],
    limits: &Limits,
    progress: &Progress,
    gathered: &mut Gathered,
) -> Result<(), Cancelled> {
    let reader = Reader { parameters: context.parameters, rows: context.rows };
    let buffers = Pool::default();
    let (counts, lengths) = count(&reader, standing, &buffers, progress)?;
    let entries = lengths.iter().map(|&length| length as usize - reader.least_with_any(length as usize) + 1).sum();
    let mut decision =
        Decision { context, reader, counts, standing, buffers, kept: Kept::for_about(entries, limits), progress };
    let (mut start, mut rows) = (0, FIRST_BLOCK);
    while start < standing.len() {
        let end = limits.end_of_block(&lengths, start, rows);
        decision.decide_block(start..end, gathered)?;
        start = end;
        rows = rows.saturating_mul(2);
    }
    Ok(())
}

/// How often each shingle occurs, and how many shingles each row has, repeats included.
fn count(
    reader: &Reader<'_>,
    standing: &[Standing],
    buffers: &Pool<Buffers>,
    progress: &Progress,
) -> Result<(Counts, Vec<u32>), Cancelled> {
    /// Rows that stand for all when the number of shingles is guessed.
    const SAMPLE: usize = 64;
    let sample: usize = buffers.with(|buffers| {
        let length = |row: &Standing| {
            reader.read(row.row, &mut buffers.read);
            buffers.read.hashes().len()
        };
        standing.iter().take(SAMPLE).map(length).sum()
    });
    let counts = Counts::new(sample / standing.len().clamp(1, SAMPLE) * standing.len());
    let alone = rayon::current_num_threads() == 1;
    let mut lengths = vec![0u32; standing.len()];
    standing.par_chunks(ROWS_PER_TASK).zip(lengths.par_chunks_mut(ROWS_PER_TASK)).try_for_each(|(rows, lengths)| {
        buffers.with(|Buffers { read, .. }| {
            for (at, (row, length)) in rows.iter().zip(lengths).enumerate() {
                progress.check()?;
                if let Some(next) = rows.get(at + LOOK_AHEAD) {
                    reader.rows.prefetch(next.row);
                }
                reader.read(row.row, read);
                *length = read.hashes().len() as u32;
                counts.add(read.hashes(), row.row, alone);
            }
            progress.advance(rows.len() as u64);
            Ok(())
        })
    })?;
    Ok((counts, lengths))
}

/// What one thread needs.
#[derive(Default)]
struct Buffers {
    read: ReadBuffers,
    keys: Vec<u64>,
    hits: Vec<u16>,
    candidates: Vec<u32>,
    compare: CompareBuffers,
}

#[derive(Default)]
struct CompareBuffers {
    other: ReadBuffers,
    set: ShingleSet,
    near_misses: Vec<Removal>,
}

struct Decision<'a> {
    context: &'a Context<'a>,
    reader: Reader<'a>,
    counts: Counts,
    standing: &'a [Standing],
    buffers: Pool<Buffers>,
    kept: Kept,
    progress: &'a Progress,
}

/// What became of the rows of one task.
#[derive(Default)]
struct Part {
    removals: Vec<Removal>,
    near_misses: Vec<Removal>,
    undecided: Vec<Undecided>,
    keys: Vec<u64>,
    hashes: Vec<u64>,
}

/// A row that no row kept before its block removes.
struct Undecided {
    row: Standing,
    size: usize,
    unique: usize,
    /// Where its keys and its hashes end in the part.
    keys_end: usize,
    hashes_end: usize,
    /// Where its near misses end in the part.
    misses_end: usize,
}

/// The hashes of the rows that were kept since the block began.
struct Fresh<'a> {
    /// The first of these rows.
    first: u32,
    hashes: Vec<&'a [u64]>,
}

impl Decision<'_> {
    fn decide_block(&mut self, block: std::ops::Range<usize>, gathered: &mut Gathered) -> Result<(), Cancelled> {
        let this = &*self;
        let parts = this.standing[block]
            .par_chunks(ROWS_PER_TASK)
            .map(|rows| this.buffers.with(|buffers| this.ask(rows, buffers)))
            .collect::<Result<Vec<Part>, Cancelled>>()?;
        let mut buffers = self.buffers.take();
        let mut fresh = Fresh { first: self.kept.len(), hashes: Vec::new() };
        for part in &parts {
            gathered.removals.extend_from_slice(&part.removals);
            self.decide_part(part, &mut fresh, &mut buffers, gathered)?;
        }
        gathered.trim(MOST_HELD_MISSES);
        self.buffers.give(buffers);
        self.kept.hold(&fresh.hashes);
        Ok(())
    }

    /// Compares rows with those that were kept before the block.
    fn ask(&self, rows: &[Standing], buffers: &mut Buffers) -> Result<Part, Cancelled> {
        let mut part = Part::default();
        let none_fresh = Fresh { first: self.kept.len(), hashes: Vec::new() };
        let Buffers { read, keys, hits, candidates, compare } = buffers;
        for (at, row) in rows.iter().enumerate() {
            self.progress.check()?;
            if let Some(next) = rows.get(at + LOOK_AHEAD) {
                self.reader.rows.prefetch(next.row);
            }
            let hashes = &*self.reader.distinct(row.row, read);
            let prefix = Prefix::of(&self.reader, &self.counts, hashes, keys);
            self.kept.candidates(&self.reader, &prefix, 0, hits, candidates);
            let found = self.first_match(*row, hashes, &prefix, candidates, &none_fresh, compare)?;
            if let Some(removal) = found {
                part.removals.push(removal);
            } else {
                part.near_misses.extend_from_slice(&compare.near_misses);
                part.keys.extend_from_slice(prefix.keys);
                part.hashes.extend_from_slice(hashes);
                part.undecided.push(Undecided {
                    row: *row,
                    size: prefix.size,
                    unique: prefix.unique,
                    keys_end: part.keys.len(),
                    hashes_end: part.hashes.len(),
                    misses_end: part.near_misses.len(),
                });
            }
        }
        self.progress.advance(rows.len() as u64);
        Ok(part)
    }

    /// Decides the rows of a part, all parts before it being decided.
    fn decide_part<'p>(
        &mut self,
        part: &'p Part,
        fresh: &mut Fresh<'p>,
        buffers: &mut Buffers,
        gathered: &mut Gathered,
    ) -> Result<(), Cancelled> {
        let (mut keys_start, mut hashes_start, mut misses_start) = (0, 0, 0);
        for row in &part.undecided {
            self.progress.check()?;
            let keys = &part.keys[keys_start..row.keys_end];
            let hashes = &part.hashes[hashes_start..row.hashes_end];
            let misses = &part.near_misses[misses_start..row.misses_end];
            (keys_start, hashes_start, misses_start) = (row.keys_end, row.hashes_end, row.misses_end);
            let prefix = Prefix { size: row.size, unique: row.unique, keys };
            let Buffers { hits, candidates, compare, .. } = buffers;
            self.kept.candidates(&self.reader, &prefix, fresh.first, hits, candidates);
            if let Some(removal) = self.first_match(row.row, hashes, &prefix, candidates, fresh, compare)? {
                gathered.removals.push(removal);
            } else {
                gathered.near_misses.extend_from_slice(misses);
                gathered.near_misses.extend_from_slice(&compare.near_misses);
                self.kept.push(&self.reader, row.row, &prefix);
                fresh.hashes.push(hashes);
            }
        }
        Ok(())
    }

    /// The first of the candidates, which are in the order of keeping, that the row is a near duplicate of. Those that
    /// it nearly is one of are in the buffers afterwards.
    fn first_match(
        &self,
        row: Standing,
        hashes: &[u64],
        prefix: &Prefix<'_>,
        candidates: &[u32],
        fresh: &Fresh<'_>,
        CompareBuffers { other, set, near_misses }: &mut CompareBuffers,
    ) -> Result<Option<Removal>, Cancelled> {
        near_misses.clear();
        let (signatures, parameters) = (self.context.signatures, self.context.parameters);
        let mut set_is_rows = false;
        for &candidate in candidates {
            if !self.kept.may_match(&self.reader, prefix, candidate) {
                continue;
            }
            let kept = self.kept.row(candidate);
            let (left, right) = (kept.index as usize, row.index as usize);
            let lanes = equal_lanes(signatures.signature(left), signatures.signature(right));
            if lanes < self.context.least_equal || !signatures.share_band(left, right, parameters.bands) {
                continue;
            }
            self.progress.check()?;
            if !set_is_rows {
                set.set_keeper(hashes);
                set_is_rows = true;
            }
            let kept_hashes = if candidate >= fresh.first {
                fresh.hashes[(candidate - fresh.first) as usize]
            } else if let Some(held) = self.kept.held(candidate) {
                held
            } else {
                self.reader.distinct(kept.row, other)
            };
            let (shared, all) = set.overlap(hashes, kept_hashes);
            let similarity = shared as f64 / all as f64;
            let pair = Removal { row: row.row, kept_row: kept.row, similarity, equal_lanes: lanes as u16 };
            if similarity >= parameters.threshold {
                return Ok(Some(pair));
            }
            if similarity >= parameters.threshold - NEAR {
                near_misses.push(pair);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
