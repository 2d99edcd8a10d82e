//! Every similar pair between many rows and a few.

use rayon::prelude::*;

use super::Edge;
use super::counts::Counts;
use super::reader::{LOOK_AHEAD, ReadBuffers, Reader};
use crate::near_dedup::verify::ShingleSet;
use crate::progress::{Cancelled, Progress};

/// Rows that one task reads.
const ROWS_PER_TASK: usize = 512;

/// The few rows, by the shingles one of which a similar row must have.
struct Targets {
    /// Shingles and the targets' numbers, sorted.
    entries: Vec<(u64, u32)>,
    /// A bit for the lower bits of every shingle in `entries`.
    filter: Vec<u64>,
    mask: u64,
    hashes: Vec<u64>,
    starts: Vec<usize>,
}

impl Targets {
    fn of(reader: &Reader<'_>, targets: &[u32], counts: &Counts) -> Self {
        let (mut entries, mut hashes, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        let mut buffers = ReadBuffers::default();
        for (number, &target) in (0..).zip(targets) {
            let distinct = reader.distinct(target, &mut buffers);
            // Rarest first; any order will do, as the other rows are asked for all of their shingles.
            distinct.sort_by_cached_key(|&hash| counts.key(hash));
            let prefix = distinct.len() - reader.least_with_any(distinct.len()) + 1;
            entries.extend(distinct[..prefix].iter().map(|&hash| (hash, number)));
            hashes.extend_from_slice(distinct);
            starts.push(hashes.len());
        }
        entries.sort_unstable();
        let bits = (entries.len() * 16).next_power_of_two().clamp(1 << 12, 1 << 30);
        let mask = bits as u64 - 1;
        let mut filter = vec![0; bits / 64];
        for &(hash, _) in &entries {
            filter[((hash & mask) / 64) as usize] |= 1 << (hash % 64);
        }
        Self { entries, filter, mask, hashes, starts }
    }

    fn hashes(&self, target: u32) -> &[u64] {
        &self.hashes[self.starts[target as usize]..self.starts[target as usize + 1]]
    }

    /// The numbers of the targets that may be similar to a row, each once.
    fn find(&self, hashes: &[u64], candidates: &mut Vec<u32>) {
        candidates.clear();
        for &hash in hashes {
            if self.filter[((hash & self.mask) / 64) as usize] >> (hash % 64) & 1 != 0 {
                let from = self.entries.partition_point(|entry| entry.0 < hash);
                candidates.extend(self.entries[from..].iter().take_while(|entry| entry.0 == hash).map(|entry| entry.1));
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
    }
}

/// Finds every similar pair of a row in `rows` (left) and a different one in `targets` (right).
///
/// # Errors
/// [`Cancelled`], if `progress` says so.
pub fn matches(
    reader: &Reader<'_>,
    rows: &[u32],
    targets: &[u32],
    counts: &Counts,
    progress: &Progress,
) -> Result<Vec<Edge>, Cancelled> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    progress.expect(rows.len() as u64);
    let threshold = reader.parameters.threshold;
    let few = Targets::of(reader, targets, counts);
    rows.par_chunks(ROWS_PER_TASK)
        .try_fold(
            || (ReadBuffers::default(), ShingleSet::default(), Vec::new(), Vec::new()),
            |(mut buffers, mut set, mut candidates, mut edges), rows| {
                for (at, &row) in rows.iter().enumerate() {
                    progress.check()?;
                    if let Some(&next) = rows.get(at + LOOK_AHEAD) {
                        reader.rows.prefetch(next);
                    }
                    let hashes = reader.distinct(row, &mut buffers);
                    few.find(hashes, &mut candidates);
                    if !candidates.is_empty() {
                        set.set_keeper(hashes);
                    }
                    for &target in &candidates {
                        let other = few.hashes(target);
                        // What is shared over the larger row is as much as the similarity can be.
                        let most = hashes.len().min(other.len()) as f64 / hashes.len().max(other.len()) as f64;
                        if targets[target as usize] == row || most < threshold {
                            continue;
                        }
                        let (shared, all) = set.overlap(hashes, other);
                        let similarity = shared as f64 / all as f64;
                        if similarity >= threshold {
                            edges.push(Edge { left: row, right: targets[target as usize], similarity });
                        }
                    }
                }
                progress.advance(rows.len() as u64);
                Ok((buffers, set, candidates, edges))
            },
        )
        .map(|part| part.map(|(.., edges)| edges))
        .try_reduce(Vec::new, |mut left, mut right| {
            left.append(&mut right);
            Ok(left)
        })
}
