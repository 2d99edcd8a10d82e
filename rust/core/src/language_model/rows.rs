//! Models of the rows of a run, and scores of rows.

use std::ops::Range;

use rayon::prelude::*;

use super::image::LanguageModel;
use super::score::{Score, Scorer};
use super::stream::Texts;
use super::train::{Parameters, train};
use super::{Estimated, LanguageModelError};
use crate::batch::{RowScratch, Rows};
use crate::near_dedup::shingle::mix;
use crate::progress::{Cancelled, Progress};
use crate::text::Field;

/// Rows that one task reads.
const ROWS_PER_TASK: usize = 256;
/// Apart from the content hash of rows, so that neither folds nor samples go with the order of keeping.
const FOLD_SEED: u64 = 0x6c62_272e_07bb_0142;
const SAMPLE_SEED: u64 = 0x27d4_eb2f_1656_67c5;

/// A share of the rows, drawn by the hash of their content: rows with the same turns are in the same fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Number of the fold, from 0.
    pub fold: u32,
    /// How many folds there are.
    pub folds: u32,
}

impl Fold {
    fn check(self) -> Result<(), LanguageModelError> {
        if self.fold < self.folds {
            return Ok(());
        }
        let value = format!("{} of {}", self.fold, self.folds);
        Err(LanguageModelError::Parameter { name: "fold", value, rule: "it must be below the number of folds" })
    }

    fn holds(self, hash: u64) -> bool {
        (u128::from(mix(hash ^ FOLD_SEED)) * u128::from(self.folds)) >> 64 == u128::from(self.fold)
    }
}

/// Which rows are trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The rows that stand; all, without it.
    pub alive: Option<&'a [bool]>,
    /// The fold that is left out, to be scored.
    pub but: Option<Fold>,
    /// Train on so many characters at most, of rows drawn by the hash of their content.
    pub most_characters: Option<u64>,
}

/// Trains a model on the texts of rows, each turn by itself.
///
/// # Errors
/// As [`train`], and for a fold that is none.
pub fn train_rows(
    rows: &dyn Rows,
    chosen: Chosen<'_>,
    parameters: Parameters,
    progress: &Progress,
) -> Result<Estimated, LanguageModelError> {
    let numbers = choose(rows, chosen, progress)?;
    train(&Turns { rows, numbers: &numbers }, parameters, progress)
}

/// The numbers of the rows, ascending.
fn choose(rows: &dyn Rows, chosen: Chosen<'_>, progress: &Progress) -> Result<Vec<u32>, LanguageModelError> {
    if let Some(fold) = chosen.but {
        fold.check()?;
    }
    let all: Vec<u32> = standing(rows, chosen.alive);
    if chosen.but.is_none() && chosen.most_characters.is_none() {
        return Ok(all);
    }
    let read = all.par_chunks(ROWS_PER_TASK).map(|numbers| {
        progress.check()?;
        let mut scratch = RowScratch::default();
        let measured = |&row: &u32| {
            let (turns, at) = rows.read(row, &mut scratch);
            let hash = turns.content_hash(at);
            if chosen.but.is_some_and(|fold| fold.holds(hash)) {
                return None;
            }
            let characters = |text: &[u8]| text.iter().filter(|&&byte| byte.cast_signed() >= -64).count() as u64;
            let length: u64 = turns.of(at).map(|(_, text)| characters(text)).sum();
            Some((mix(hash ^ SAMPLE_SEED), row, length))
        };
        Ok::<_, Cancelled>(numbers.iter().filter_map(measured).collect::<Vec<_>>())
    });
    let mut kept = read.collect::<Result<Vec<_>, _>>()?.concat();
    if let Some(most) = chosen.most_characters {
        kept.par_sort_unstable();
        let mut sum = 0_u64;
        // Rows with one hash have the same turns: which of them are taken makes no difference.
        let fits = kept.iter().take_while(|&&(_, _, length)| {
            sum = sum.saturating_add(length);
            sum <= most
        });
        let count = fits.count();
        kept.truncate(count);
    }
    let mut numbers: Vec<u32> = kept.into_iter().map(|(_, row, _)| row).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn standing(rows: &dyn Rows, alive: Option<&[bool]>) -> Vec<u32> {
    (0..rows.len() as u32).filter(|&row| alive.is_none_or(|alive| alive[row as usize])).collect()
}

/// The turns of some rows, each a text.
struct Turns<'a> {
    rows: &'a dyn Rows,
    numbers: &'a [u32],
}

impl Turns<'_> {
    fn part(&self, part: usize) -> Range<usize> {
        part * ROWS_PER_TASK..self.numbers.len().min((part + 1) * ROWS_PER_TASK)
    }
}

impl Texts for Turns<'_> {
    fn parts(&self) -> usize {
        self.numbers.len().div_ceil(ROWS_PER_TASK)
    }

    fn read(&self, part: usize, take: &mut dyn FnMut(&str) -> Result<(), Cancelled>) -> Result<(), Cancelled> {
        let mut scratch = RowScratch::default();
        for &row in &self.numbers[self.part(part)] {
            let (turns, at) = self.rows.read(row, &mut scratch);
            for (_, text) in turns.of(at) {
                take(&String::from_utf8_lossy(text))?;
            }
        }
        Ok(())
    }
}

/// The scores of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowScore {
    /// The row.
    pub row: u32,
    /// The turns before and between the answers: all that are neither the model's nor text that nobody speaks.
    pub prompt: Score,
    /// The model's turns, and text that nobody speaks.
    pub answer: Score,
}

/// Scores rows, each turn by itself: those that stand and are in the fold, ascending.
///
/// # Errors
/// [`LanguageModelError::Unsuitable`], if the model's tokens are pieces; for a fold that is none;
/// [`LanguageModelError::Cancelled`].
pub fn score_rows(
    model: &LanguageModel,
    rows: &dyn Rows,
    alive: Option<&[bool]>,
    fold: Option<Fold>,
    progress: &Progress,
) -> Result<Vec<RowScore>, LanguageModelError> {
    model.check_texts()?;
    if let Some(fold) = fold {
        fold.check()?;
    }
    let numbers = standing(rows, alive);
    progress.expect(numbers.len() as u64);
    let parts = numbers.par_chunks(ROWS_PER_TASK).map(|numbers| {
        progress.check()?;
        let mut scratch = RowScratch::default();
        let mut scorer = Scorer::new(model);
        let mut lines = Vec::with_capacity(numbers.len());
        // For each text the place of its row among the scored ones, and whether it is part of the prompt.
        let mut belongs = Vec::new();
        for &row in numbers {
            let (turns, at) = rows.read(row, &mut scratch);
            if fold.is_some_and(|fold| !fold.holds(turns.content_hash(at))) {
                continue;
            }
            for (role, text) in turns.of(at) {
                belongs.push((lines.len(), Field::Prompt.includes(role)));
                scorer.push(&String::from_utf8_lossy(text));
            }
            lines.push(RowScore { row, ..RowScore::default() });
        }
        for ((place, prompt), score) in belongs.into_iter().zip(scorer.finish()) {
            let row: &mut RowScore = &mut lines[place];
            if prompt { row.prompt.add(score) } else { row.answer.add(score) }
        }
        progress.advance(numbers.len() as u64);
        Ok::<_, Cancelled>(lines)
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
}
