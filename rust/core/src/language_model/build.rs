//! Lays a model out as an image.

use rayon::prelude::*;

use super::estimate::{Estimated, EstimatedLevel};
use super::image::{BACKOFF, Draft, Header, LanguageModel};
use super::table::{Bucket, Collision, Part, REGION, first_hash, home, longer_hash};
use super::{LanguageModelError, MOST_ORDER};
use crate::memory::prefetch;
use crate::progress::{Cancelled, Progress};

/// The finest unit of values, in bits after the point.
const FINEST: u32 = 18;
/// Values of tables have so many bits before and after the point, beside the sign.
const VALUE_BITS: u32 = 23;
/// The largest value of a table.
const LARGEST: i32 = (1 << VALUE_BITS) - 1;
/// N-grams between asking for a bucket and entering what belongs there.
const LOOK_AHEAD: usize = 32;
/// Seeds that are tried. Two n-grams in a hundred million look the same by chance; so the second seed does.
const SEEDS: u64 = 32;

impl LanguageModel {
    /// Bytes of the image of a model with so many n-grams of each order, without names and notes.
    #[must_use]
    pub fn image_bytes(ngrams: &[u64]) -> u64 {
        let header =
            Header { kind: super::Kind::Characters, scale: 0, seed: 0, ngrams: ngrams.to_vec(), names: 0, notes: 0 };
        header.layout().map_or(u64::MAX, |layout| layout.len as u64)
    }

    /// Lays out what was estimated.
    ///
    /// # Errors
    /// [`LanguageModelError::Cancelled`]; [`LanguageModelError::TooMany`], if no memory could hold it.
    pub fn of(estimated: &mut Estimated, notes: &[u8], progress: &Progress) -> Result<Self, LanguageModelError> {
        estimated.settle(progress)?;
        let scale = scale(&estimated.levels);
        let fixed = |value: f32| (f64::from(value) * f64::from(1_u32 << scale)).round_ties_even() as i32;
        let unigrams = &estimated.levels[0];
        let backoff: Vec<i32> = match &unigrams.backoff[..] {
            [] => vec![0; unigrams.tokens.len()],
            weights => weights.iter().map(|&weight| fixed(weight)).collect(),
        };
        let worth: Vec<i32> = unigrams
            .log_probability
            .iter()
            .zip(&backoff)
            .map(|(&own, &weight)| fixed(own).saturating_add(weight))
            .collect();
        let ngrams: Vec<u64> = estimated.levels.iter().map(|level| level.tokens.len() as u64).collect();
        progress.expect(ngrams.iter().sum());
        let names = estimated.vocabulary.names().len() as u64;
        for seed in 0..SEEDS {
            let header = Header {
                kind: estimated.vocabulary.kind(),
                scale,
                seed,
                ngrams: ngrams.clone(),
                names,
                notes: notes.len() as u64,
            };
            let mut draft = Draft::new(header, &estimated.vocabulary, notes, [&worth, &backoff])?;
            let fill = Fill { levels: &estimated.levels, seed, scale, progress };
            if fill.all(&mut draft)?.is_ok() {
                return draft.finish();
            }
        }
        Err(LanguageModelError::Unsuitable("no seed tells all n-grams apart".to_owned()))
    }
}

/// The finest unit in which all values of tables fit into their bits.
fn scale(levels: &[EstimatedLevel]) -> u32 {
    let largest = |values: &[f32]| values.par_iter().copied().map(f32::abs).reduce(|| 0.0, f32::max);
    let of_level = |level: &EstimatedLevel| largest(&level.worth).max(largest(&level.backoff));
    // The unigrams have more bits, so that they bound nothing here.
    let most = levels[1..].iter().map(of_level).fold(1.0, f32::max);
    let bits = most.log2().floor() as u32 + 1;
    FINEST.min(VALUE_BITS.saturating_sub(bits))
}

struct Fill<'a> {
    levels: &'a [EstimatedLevel],
    seed: u64,
    scale: u32,
    progress: &'a Progress,
}

/// The parts of the tables that one thread fills, with the back-off weights beside them.
struct Task<'a> {
    parts: Vec<(Part<'a>, &'a mut [u8])>,
    waiting: [(u8, u64, i32, i32); LOOK_AHEAD],
    entered: usize,
}

impl Fill<'_> {
    fn all(&self, draft: &mut Draft) -> Result<Result<(), Collision>, Cancelled> {
        // Each task goes over all n-grams and enters its own: more tasks than threads would only go over more.
        let threads = rayon::current_num_threads();
        let mut tasks: Vec<Vec<(Part<'_>, &mut [u8])>> = (0..threads).map(|_| Vec::new()).collect();
        for (mut table, mut weights) in draft.tables() {
            let (buckets, with_weights) = (table.len(), !weights.is_empty());
            let share = buckets.div_ceil(REGION).div_ceil(threads) * REGION;
            let mut first = 0;
            for task in &mut tasks {
                let count = share.min(table.len());
                let (part, rest) = table.split_at_mut(count);
                let (part_weights, weights_rest) = weights.split_at_mut(if with_weights { count * BACKOFF } else { 0 });
                task.push((Part { first, buckets, table: part }, part_weights));
                (table, weights) = (rest, weights_rest);
                first += count;
            }
        }
        let results: Vec<Result<Result<(), Collision>, Cancelled>> = tasks
            .into_par_iter()
            .enumerate()
            .map(|(number, parts)| {
                let mut task = Task { parts, waiting: [(0, 0, 0, 0); LOOK_AHEAD], entered: 0 };
                for unigram in 0..self.levels[0].tokens.len() {
                    if unigram % 64 == 0 {
                        self.progress.check()?;
                    }
                    let hash = first_hash(unigram as u32, self.seed);
                    if let Err(collision) = self.children(0, unigram, hash, &mut task) {
                        return Ok(Err(collision));
                    }
                    if number == 0 {
                        self.advance(unigram);
                    }
                }
                for _ in 0..LOOK_AHEAD {
                    if let Err(collision) = task.push((0, 0, 0, 0)) {
                        return Ok(Err(collision));
                    }
                }
                Ok(Ok(()))
            })
            .collect();
        for result in results {
            if let Err(collision) = result? {
                return Ok(Err(collision));
            }
        }
        Ok(Ok(()))
    }

    /// Reports the n-grams that end with a token, as far as its first two orders tell.
    fn advance(&self, unigram: usize) {
        let first = &self.levels[0].first_child;
        let bigrams = first.get(unigram + 1).map_or(0, |&end| u64::from(end - first[unigram]));
        let all: u64 = self.levels.iter().map(|level| level.tokens.len() as u64).sum();
        let share = all / self.levels.get(1).map_or(1, |level| level.tokens.len().max(1)) as u64;
        self.progress.advance(bigrams * share);
    }

    /// Enters the n-grams that end with the n-gram `parent`, and all that end with these.
    fn children(&self, order: usize, parent: usize, hash: u64, task: &mut Task<'_>) -> Result<(), Collision> {
        let Some(&first) = self.levels[order].first_child.get(parent) else { return Ok(()) };
        let level = &self.levels[order + 1];
        debug_assert!(order + 1 < MOST_ORDER);
        for child in first as usize..self.levels[order].first_child[parent + 1] as usize {
            let hash = longer_hash(hash, level.tokens[child]);
            if task.parts[order].0.home(hash).is_some() {
                let fixed = |value: f32| {
                    let rounded = (f64::from(value) * f64::from(1_u32 << self.scale)).round_ties_even() as i32;
                    rounded.clamp(-LARGEST, LARGEST)
                };
                let backoff = level.backoff.get(child).map_or(0, |&weight| fixed(weight));
                task.push((order as u8 + 1, hash, fixed(level.worth[child]), backoff))?;
            }
            self.children(order + 1, child, hash, task)?;
        }
        Ok(())
    }
}

impl Task<'_> {
    /// Asks for the bucket of an n-gram, and enters the one that was pushed some time before.
    fn push(&mut self, next: (u8, u64, i32, i32)) -> Result<(), Collision> {
        if let Some((part, _)) = (next.0 as usize).checked_sub(1).and_then(|order| self.parts.get(order)) {
            let place = part.table.as_ptr().wrapping_add(home(next.1, part.buckets).wrapping_sub(part.first));
            prefetch(place.cast());
        }
        let place = self.entered % LOOK_AHEAD;
        self.entered += 1;
        let (order, hash, value, backoff) = std::mem::replace(&mut self.waiting[place], next);
        if let Some((part, weights)) = (order as usize).checked_sub(1).and_then(|order| self.parts.get_mut(order)) {
            let (bucket, slot) = part.enter(hash, value)?;
            let at = (bucket - part.first) * BACKOFF + 3 * slot;
            if let Some(place) = weights.get_mut(at..at + 3) {
                place.copy_from_slice(&backoff.to_le_bytes()[..3]);
            }
        }
        Ok(())
    }
}

/// So that the type of a table's entries is that of the image.
const _: () = assert!(size_of::<Bucket>() == 64);
