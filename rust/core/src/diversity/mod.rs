//! Chooses rows whose content words are spread most evenly.
//!
//! What is maximised is a sum of concave functions of word counts, `f(S) = Σ_w √(Σ_{r in S} m(r, w))`, a feature-based
//! submodular function (Lin and Bilmes 2011, "A class of submodular functions for document summarization"): a word adds
//! the less, the more often it is there already. `m(r, w)` is how often a row has a word, in its prompts times a weight,
//! times the row's own weight, over a power of the row's length.

mod cap;
mod features;
mod greedy;

pub use features::{Features, RowWeightError, Settings};
pub use greedy::GREEDY_LOSS;

use crate::progress::{Cancelled, Progress};

/// What was decided of the rows, by their places in [`crate::words::RowWords`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The rows that stay, in the order in which they were taken.
    pub chosen: Vec<u32>,
    /// Of each row: what it added when it was taken, or would add to all that stay; in [`Choice::by_cap`] the share of
    /// its words that were seen often, when it was looked at. Not a number for a row that was not looked at.
    pub values: Vec<f64>,
    /// Rows that went because of the cap; ascending.
    pub often: Vec<u32>,
    /// Of each word, by its number: how much of it the chosen rows have, as [`Features`] counts it.
    pub amounts: Vec<u64>,
}

impl Choice {
    /// Takes `target` rows, or all: always one whose gain is within [`GREEDY_LOSS`] of the largest, of such the first in
    /// `order`. A smaller target gives the first of these rows.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn greedy(features: &Features, order: &[u32], target: usize, progress: &Progress) -> Result<Self, Cancelled> {
        greedy::choose(features, order, target, progress)
    }

    /// Goes through the rows in `order`: one stays if at least half of its words are in fewer than `cap` rows that stay,
    /// as long as there are fewer than `target`. A row without words stays.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn by_cap(
        features: &Features,
        order: &[u32],
        cap: u64,
        target: usize,
        progress: &Progress,
    ) -> Result<Self, Cancelled> {
        cap::choose(features, order, cap, target, progress)
    }

    /// The words of a row of which the chosen rows have most, as numbers, at most so many.
    #[must_use]
    pub fn commonest(&self, features: &Features, row: usize, most: usize) -> Vec<u32> {
        let mut words: Vec<(std::cmp::Reverse<u64>, u32)> =
            features.of(row).map(|(word, _)| (std::cmp::Reverse(self.amounts[word as usize]), word)).collect();
        if words.len() > most {
            words.select_nth_unstable(most);
            words.truncate(most);
        }
        words.sort_unstable();
        words.into_iter().map(|(_, word)| word).collect()
    }
}

#[cfg(test)]
mod tests;
