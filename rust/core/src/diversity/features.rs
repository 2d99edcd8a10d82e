//! How much each row has of each word, in whole units: sums of these do not depend on their order.

use rayon::prelude::*;

use crate::memory::{prefetch, zeroed};
use crate::progress::{Cancelled, Progress};
use crate::words::{RowWords, TURN_END};

/// Units that a word of an answer counts in a row of [`MIDDLE_LENGTH`] words.
const UNITS: f64 = 64.0;
/// The root of a unit: a power of two, so that roots may be multiplied by it at any time.
pub(super) const ROOT_OF_UNIT: f64 = 0.125;
/// The length that normalisation leaves as it is, in weighted words.
const MIDDLE_LENGTH: f64 = 32.0;
/// Rows whose words are counted by one task.
const ROWS_PER_TASK: usize = 1 << 12;

/// How words are weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// A word of a prompt counts as so many of an answer; 0 leaves the prompts out.
    pub prompt_weight: f64,
    /// A row counts by its number of words to this power less: 0 leaves it as it is, 1 makes all rows count the same.
    pub length_normalisation: f64,
}

/// Row weights that are none.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RowWeightError {
    /// One for each row is needed.
    #[error("{weights} weights for {rows} rows")]
    Count {
        /// Weights that were given.
        weights: usize,
        /// Rows that there are.
        rows: usize,
    },
    /// It must be a number from 0 to 1000.
    #[error("the weight of row {row} is {weight}: it must be from 0 to 1000")]
    Value {
        /// Its row.
        row: u32,
        /// The weight.
        weight: f64,
    },
}

/// The words of rows and how much the rows have of them: 6 bytes for each different word of a row, 8 a row.
#[derive(Clone, Debug, Default)]
pub struct Features {
    starts: Vec<u64>,
    words: Vec<u32>,
    units: Vec<u16>,
    /// Numbers of words are below.
    pub(super) word_numbers: usize,
}

/// Where the words of a row stand, and how many different ones it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u64,
    words: u32,
}

impl Features {
    /// Weighs the words of rows. `weights` are of the rows of `words`, or all 1.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so; [`RowWeightError`] within.
    pub fn new(
        words: &RowWords,
        settings: Settings,
        weights: Option<&[f64]>,
        progress: &Progress,
    ) -> Result<Result<Self, RowWeightError>, Cancelled> {
        if let Some(weights) = weights {
            if weights.len() != words.len() {
                return Ok(Err(RowWeightError::Count { weights: weights.len(), rows: words.len() }));
            }
            let wrong = weights.iter().zip(words.rows()).find(|&(weight, _)| !(0.0..=1000.0).contains(weight));
            if let Some((&weight, &row)) = wrong {
                return Ok(Err(RowWeightError::Value { row, weight }));
            }
        }
        let rows: Vec<usize> = (0..words.len()).collect();
        let parts: Vec<(Vec<u32>, Vec<u16>, Vec<usize>)> = rows
            .par_chunks(ROWS_PER_TASK)
            .map(|rows| {
                progress.check()?;
                Ok(weighed(words, rows, settings, weights))
            })
            .collect::<Result<_, Cancelled>>()?;
        let all = parts.iter().map(|part| part.0.len()).sum();
        let mut features =
            Self { starts: vec![0], words: zeroed(all), units: zeroed(all), word_numbers: words.counts().len() };
        features.starts.reserve_exact(words.len());
        let (mut all_words, mut all_units) = (&mut features.words[..], &mut features.units[..]);
        let mut copies = Vec::with_capacity(parts.len());
        let mut before = 0;
        for (words, units, ends) in &parts {
            let (own_words, words_after) = std::mem::take(&mut all_words).split_at_mut(words.len());
            let (own_units, units_after) = std::mem::take(&mut all_units).split_at_mut(units.len());
            copies.push((own_words, words, own_units, units));
            (all_words, all_units) = (words_after, units_after);
            features.starts.extend(ends.iter().map(|end| (before + end) as u64));
            before += words.len();
        }
        copies.into_par_iter().for_each(|(own_words, words, own_units, units)| {
            own_words.copy_from_slice(words);
            own_units.copy_from_slice(units);
        });
        Ok(Ok(features))
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The words of a row, ascending, and how much the row has of each.
    #[inline]
    pub fn of(&self, row: usize) -> impl Iterator<Item = (u32, u16)> {
        let range = self.starts[row] as usize..self.starts[row + 1] as usize;
        self.words[range.clone()].iter().copied().zip(self.units[range].iter().copied())
    }

    /// Where the words of a row stand.
    #[inline]
    pub(super) fn span(&self, row: usize) -> Span {
        Span { start: self.starts[row], words: (self.starts[row + 1] - self.starts[row]) as u32 }
    }

    /// Words and units side by side.
    #[inline]
    pub(super) fn slices(&self, span: Span) -> (&[u32], &[u16]) {
        let range = span.start as usize..span.start as usize + span.words as usize;
        (&self.words[range.clone()], &self.units[range])
    }

    /// Asks the processor for the words of a row that is looked at soon.
    #[inline]
    pub(super) fn prefetch(&self, span: Span) {
        let (words, units) = self.slices(span);
        for words in words.chunks(16) {
            prefetch(words.as_ptr().cast());
        }
        for units in units.chunks(32) {
            prefetch(units.as_ptr().cast());
        }
    }

    /// What is maximised, of some rows.
    #[must_use]
    pub fn objective(&self, rows: &[u32]) -> f64 {
        let mut amounts = vec![0_u64; self.word_numbers];
        for &row in rows {
            self.of(row as usize).for_each(|(word, units)| amounts[word as usize] += u64::from(units));
        }
        amounts.iter().map(|&amount| root(amount)).sum()
    }
}

/// The concave function, of an amount in units.
#[inline]
pub(super) fn root(amount: u64) -> f64 {
    (amount as f64).sqrt() * ROOT_OF_UNIT
}

fn weighed(
    words: &RowWords,
    rows: &[usize],
    settings: Settings,
    weights: Option<&[f64]>,
) -> (Vec<u32>, Vec<u16>, Vec<usize>) {
    let (mut found, mut units, mut ends) = (Vec::new(), Vec::new(), Vec::with_capacity(rows.len()));
    // The word, and in the lowest bit whether it stands in an answer. Numbers of words are below 2^31.
    let mut own: Vec<u32> = Vec::new();
    let mut amounts: Vec<(u32, f64)> = Vec::new();
    for &row in rows {
        own.clear();
        amounts.clear();
        let (prompts, answers) = words.of(row);
        for (words, answer) in [(prompts, 0), (answers, 1)] {
            own.extend(words.iter().filter(|&&word| word != TURN_END).map(|&word| word << 1 | answer));
        }
        own.sort_unstable();
        for same in own.chunk_by(|left, right| left >> 1 == right >> 1) {
            let of_answers = same.iter().filter(|&&one| one & 1 == 1).count();
            let amount = of_answers as f64 + (same.len() - of_answers) as f64 * settings.prompt_weight;
            amounts.push((same[0] >> 1, amount));
        }
        let length: f64 = amounts.iter().map(|(_, amount)| amount).sum();
        let weight = weights.map_or(1.0, |weights| weights[row]);
        let scale = UNITS * weight * (MIDDLE_LENGTH / length.max(1.0)).powf(settings.length_normalisation);
        // Most words of a row have the same amount as the one before.
        let mut before = (0_u64, 0_u16);
        for &(word, amount) in amounts.iter().filter(|(_, amount)| *amount > 0.0) {
            if amount.to_bits() != before.0 {
                let least = if weight > 0.0 { 1.0 } else { 0.0 };
                before = (amount.to_bits(), (amount * scale).round().clamp(least, u16::MAX.into()) as u16);
            }
            if before.1 > 0 {
                found.push(word);
                units.push(before.1);
            }
        }
        ends.push(found.len());
    }
    (found, units, ends)
}
