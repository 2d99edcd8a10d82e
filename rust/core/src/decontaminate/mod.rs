//! Rows that hold text of an evaluation set: shared n-grams, and copies with a few edits, also inside longer texts.
//!
//! Texts are folded to their letters and digits. Short runs of characters (seeds), found by a rolling hash and a filter
//! that fits the cache, lead to the evaluation texts that may be near; from the seeds, shared n-grams follow by
//! comparing characters, and the fewest edits by an exact alignment. Nothing is decided by a hash.

mod distance;
mod evaluation;
mod fold;
mod row;
mod windows;

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::batch::{RowScratch, Rows};
use crate::progress::{Cancelled, Progress};
pub use evaluation::{Evaluation, Text};
use row::Finder;

/// Rows that one task looks at.
const ROWS_PER_TASK: usize = 512;
/// Matches of one row that are written down.
pub const MOST_MATCHES: usize = 64;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Characters of an n-gram, 8 to 64; a letter or digit counts a third of a Han character.
    pub ngram: u32,
    /// An n-gram in more evaluation texts than this counts for nothing.
    pub common_texts: u32,
    /// Whether answers of evaluation rows are looked for, too.
    pub answers: bool,
    /// Characters, counted as for n-grams, from which on they are.
    pub shortest_answer: u32,
}

/// Which text of an evaluation row is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A question.
    Prompt,
    /// An answer.
    Answer,
}

/// An evaluation text in a turn of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Match {
    /// The row.
    pub row: u32,
    /// Its turn, from 0.
    pub turn: u32,
    /// First character of what was found in the turn's text.
    pub start: u32,
    /// Behind its last.
    pub end: u32,
    /// The evaluation text.
    pub text: u32,
    /// N-grams in common, those that many evaluation texts share left out.
    pub ngrams: u32,
    /// The longest stretch of these, in characters, of which a letter or digit is a third.
    pub run: u32,
    /// Share of the evaluation text that is in such n-grams of both, of what is in any of its own, where a Han
    /// character counts as three letters; 0 to 1.
    pub covered: f64,
    /// One less the edits that make the evaluation text of this part of the turn, as a share of its characters. 0 if
    /// they are more than a fifth.
    pub similarity: f64,
}

/// Looks at the rows for which `alive` holds (all, without it), and gives the matches ordered by row, turn and text.
///
/// # Errors
/// [`Cancelled`].
pub fn find(
    evaluation: &Evaluation,
    rows: &dyn Rows,
    alive: Option<&[bool]>,
    progress: &Progress,
) -> Result<Vec<Match>, Cancelled> {
    progress.expect(rows.len() as u64);
    let tasks = rows.len().div_ceil(ROWS_PER_TASK);
    let found = (0..tasks)
        .into_par_iter()
        .map_init(
            || (Finder::default(), RowScratch::default()),
            |(finder, scratch), task| {
                progress.check()?;
                let mut found = Vec::new();
                let numbers = task * ROWS_PER_TASK..rows.len().min((task + 1) * ROWS_PER_TASK);
                progress.advance(numbers.len() as u64);
                for row in numbers.filter(|&row| alive.is_none_or(|alive| alive[row])) {
                    let (turns, place) = rows.read(row as u32, scratch);
                    finder.find(evaluation, turns, place, row as u32, &mut found);
                }
                Ok(found)
            },
        )
        .collect::<Result<Vec<_>, Cancelled>>()?;
    Ok(found.into_iter().flatten().collect())
}
