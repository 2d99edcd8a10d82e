//! Every similar pair within a set of rows, by a prefix filter join.
//!
//! All rows put their shingles into one order, rarest first. Two rows that share `least` shingles share one of the
//! first `size - least + 1` of each. Of the smaller row fewer are needed (a similar row is then no smaller), so the
//! index holds those, and every row asks it with its longer prefix for rows that come before it by size. Before a
//! candidate's texts are read, the two longer prefixes bound what can be shared.

use rayon::prelude::*;

use super::Edge;
use super::counts::Counts;
use super::index::{Index, Prefixes, RowPrefix, STRETCH, Stretch};
use super::reader::{LOOK_AHEAD, ReadBuffers, Reader};
use crate::near_dedup::verify::ShingleSet;
use crate::progress::{Cancelled, Progress};

/// Rows that one task reads.
const ROWS_PER_TASK: usize = 512;
/// Rows that stand for all when sizes are guessed.
const SAMPLE: usize = 512;
/// Shingles of prefixes that are held at a time, 8 bytes each and 8 more in the index; beyond, they take turns.
const MOST_HELD: usize = 1 << 27;

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
    let (mut read, mut shingles, mut held) = (ReadBuffers::default(), 0, 0);
    let step = rows.len().div_ceil(SAMPLE).max(1);
    for &row in rows.iter().step_by(step) {
        let size = reader.distinct(row, &mut read).len();
        shingles += step * size;
        held += step * (size - reader.least_with_any(size) + 1);
    }
    audit_in_parts(reader, rows, Counts::new(shingles), held.div_ceil(MOST_HELD).max(1), progress)
}

/// The same with a number of turns, each for a part of all shingles.
pub(super) fn audit_in_parts(
    reader: &Reader<'_>,
    rows: &[u32],
    counts: Counts,
    parts: usize,
    progress: &Progress,
) -> Result<Audit, Cancelled> {
    progress.expect(rows.len() as u64);
    let alone = rayon::current_num_threads() == 1;
    rows.par_chunks(ROWS_PER_TASK).try_for_each_init(Passing::default, |passing, rows| {
        passing.each_row(reader, rows, &counts, progress, |at, read, _| counts.add(read.hashes(), rows[at], alone))
    })?;
    let mut edges = Vec::new();
    for part in 0..parts {
        progress.expect(2 * rows.len() as u64);
        let mine = |key: u64| parts == 1 || (key >> 40) as usize % parts == part;
        let prefixes = prefixes(reader, rows, &counts, mine, progress)?;
        let index = Index::of(&prefixes, |size| size - reader.least_with_larger(size) + 1, progress)?;
        edges.append(&mut Join { reader, rows, prefixes: &prefixes, index: &index }.ask(progress)?);
    }
    Ok(Audit { edges, counts })
}

/// Two rows' buffers: while one is worked on, the counters of the next are on their way.
#[derive(Default)]
struct Passing {
    now: ReadBuffers,
    next: ReadBuffers,
    keys: Vec<u64>,
}

impl Passing {
    fn each_row(
        &mut self,
        reader: &Reader<'_>,
        rows: &[u32],
        counts: &Counts,
        progress: &Progress,
        mut work: impl FnMut(usize, &mut ReadBuffers, &mut Vec<u64>),
    ) -> Result<(), Cancelled> {
        progress.check()?;
        for (at, &row) in rows.iter().enumerate() {
            if let Some(&ahead) = rows.get(at + LOOK_AHEAD) {
                reader.rows.prefetch(ahead);
            }
            reader.read(row, &mut self.next);
            counts.prefetch(self.next.hashes());
            if at > 0 {
                work(at - 1, &mut self.now, &mut self.keys);
            }
            std::mem::swap(&mut self.now, &mut self.next);
        }
        if !rows.is_empty() {
            work(rows.len() - 1, &mut self.now, &mut self.keys);
        }
        progress.advance(rows.len() as u64);
        Ok(())
    }
}

/// The longer prefix of every row, of the shingles that are `mine`.
fn prefixes(
    reader: &Reader<'_>,
    rows: &[u32],
    counts: &Counts,
    mine: impl Fn(u64) -> bool + Sync,
    progress: &Progress,
) -> Result<Prefixes, Cancelled> {
    let stretches = rows.par_chunks(STRETCH).map_init(Passing::default, |passing, rows| {
        let mut prefixes = Stretch::default();
        for rows in rows.chunks(ROWS_PER_TASK) {
            passing.each_row(reader, rows, counts, progress, |_, read, keys| {
                let hashes = read.drop_repeats();
                let size = hashes.len();
                keys.clear();
                keys.extend(hashes.iter().map(|&hash| counts.key(hash)));
                // What only this row has comes first and is in no other; most of a prefix need not be held.
                let unique = keys.extract_if(.., |key| *key >> 56 <= 1).filter(|&key| mine(key)).count();
                let left = (size - reader.least_with_any(size) + 1).saturating_sub(size - keys.len()).min(keys.len());
                if (1..keys.len()).contains(&left) {
                    keys.select_nth_unstable(left - 1);
                }
                keys.truncate(left);
                keys.retain(|&key| mine(key));
                keys.sort_unstable();
                prefixes.push(RowPrefix { size, unique, keys });
            })?;
        }
        prefixes.shrink();
        Ok(prefixes)
    });
    Ok(Prefixes::of_stretches(stretches.collect::<Result<_, Cancelled>>()?))
}

struct Join<'a> {
    reader: &'a Reader<'a>,
    rows: &'a [u32],
    prefixes: &'a Prefixes,
    index: &'a Index,
}

#[derive(Default)]
struct JoinBuffers {
    read: ReadBuffers,
    other: ReadBuffers,
    candidates: Vec<u32>,
    /// Places of rows that are compared.
    pairs: Vec<(u32, u32)>,
    set: ShingleSet,
}

impl Join<'_> {
    /// Asks the index for every row and verifies what comes back.
    fn ask(&self, progress: &Progress) -> Result<Vec<Edge>, Cancelled> {
        let tasks = self.rows.len().div_ceil(ROWS_PER_TASK);
        (0..tasks)
            .into_par_iter()
            .try_fold(
                || (JoinBuffers::default(), Vec::new()),
                |(mut buffers, mut edges), task| {
                    progress.check()?;
                    let places = task * ROWS_PER_TASK..self.rows.len().min((task + 1) * ROWS_PER_TASK);
                    let rows = places.len();
                    self.find_pairs(places, &mut buffers);
                    self.verify(&mut buffers, &mut edges, progress)?;
                    progress.advance(rows as u64);
                    Ok((buffers, edges))
                },
            )
            .map(|part| part.map(|(_, edges)| edges))
            .try_reduce(Vec::new, |mut left, mut right| {
                left.append(&mut right);
                Ok(left)
            })
    }

    /// The pairs of these rows and those that come before and may be similar, each once.
    fn find_pairs(&self, places: std::ops::Range<usize>, buffers: &mut JoinBuffers) {
        let JoinBuffers { candidates, pairs, .. } = buffers;
        pairs.clear();
        for place in places {
            let prefix = self.prefixes.of(place);
            let first = self.index.first_rank_of(self.reader.least_with_any(prefix.size));
            let rank = self.index.rank_of(place);
            candidates.clear();
            self.index.prefetch(prefix.keys);
            for (position, &key) in (prefix.unique..).zip(prefix.keys) {
                for (other, other_position) in self.index.rows_with(key, first, rank) {
                    let other_size = self.index.size_of(other);
                    // From the first shared shingle on, no more can be shared than the rest of either row.
                    let rest = (prefix.size - position).min(other_size - other_position);
                    if self.reader.may_suffice(rest, prefix.size + other_size) {
                        candidates.push(other);
                    }
                }
            }
            candidates.sort_unstable();
            candidates.dedup();
            for &other in candidates.iter() {
                let other = self.index.place_of(other);
                let other_prefix = self.prefixes.of(other as usize);
                if self.reader.may_suffice(prefix.most_shared(&other_prefix), prefix.size + other_prefix.size) {
                    pairs.push((place as u32, other));
                }
            }
        }
    }

    fn verify(&self, buffers: &mut JoinBuffers, edges: &mut Vec<Edge>, progress: &Progress) -> Result<(), Cancelled> {
        let JoinBuffers { read, other, pairs, set, .. } = buffers;
        let mut held = None;
        for (at, &(left, right)) in pairs.iter().enumerate() {
            if at % ROWS_PER_TASK == 0 {
                progress.check()?;
            }
            if let Some(&(left, right)) = pairs.get(at + LOOK_AHEAD) {
                self.reader.rows.prefetch(self.rows[left as usize]);
                self.reader.rows.prefetch(self.rows[right as usize]);
            }
            let row = self.rows[left as usize];
            if held != Some(row) {
                held = Some(row);
                set.set_keeper(self.reader.distinct(row, read));
            }
            let other_row = self.rows[right as usize];
            let (shared, all) = set.overlap(read.hashes(), self.reader.distinct(other_row, other));
            let similarity = shared as f64 / all as f64;
            if similarity >= self.reader.parameters.threshold {
                edges.push(Edge { left: row, right: other_row, similarity });
            }
        }
        Ok(())
    }
}

impl RowPrefix<'_> {
    /// As much as two rows can share, by what is known of both: all common shingles up to the first end of a prefix, and
    /// no more behind than the smaller rest.
    fn most_shared(&self, other: &Self) -> usize {
        let (left, right) = (self.keys, other.keys);
        let (mut at, mut other_at, mut shared) = (0, 0, 0);
        while at < left.len() && other_at < right.len() {
            let (key, other_key) = (left[at], right[other_at]);
            shared += usize::from(key == other_key);
            at += usize::from(key <= other_key);
            other_at += usize::from(key >= other_key);
        }
        shared + (self.size - self.unique - at).min(other.size - other.unique - other_at)
    }
}
