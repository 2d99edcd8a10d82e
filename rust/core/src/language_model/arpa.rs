//! Models in the ARPA format, which other tools read and write.

use std::fmt::Write as _;

use super::arpa_names::write_name;
use super::estimate::Estimated;
use super::{BEGIN, LanguageModelError};
use crate::progress::Progress;

pub use super::imported::read;

/// Bytes that are handed over at once.
const CHUNK: usize = 1 << 20;
/// What stands for the probability of `<s>`, which no text can have: ten to the power of this, as other tools write it.
const NEVER: f64 = -99.0;

/// Writes a model, in pieces of about a MiB. What `take` answers is false ends it.
///
/// # Errors
/// [`LanguageModelError::Cancelled`], if `progress` or `take` says so.
pub fn write(
    estimated: &Estimated,
    progress: &Progress,
    take: &mut dyn FnMut(&[u8]) -> Result<(), crate::progress::Cancelled>,
) -> Result<(), LanguageModelError> {
    progress.expect(estimated.levels.iter().map(|level| level.tokens.len() as u64).sum());
    let mut writer = Writer { estimated, out: Vec::with_capacity(2 * CHUNK), number: String::new(), progress, take };
    writer.out.extend_from_slice(b"\\data\\\n");
    for (order, level) in (1..).zip(&estimated.levels) {
        writer.out.extend_from_slice(format!("ngram {order}={}\n", level.tokens.len()).as_bytes());
    }
    for order in 0..estimated.levels.len() {
        writer.out.extend_from_slice(format!("\n\\{}-grams:\n", order + 1).as_bytes());
        let mut path = Vec::new();
        for unigram in 0..estimated.levels[0].tokens.len() {
            writer.below(order, 0, unigram, &mut path)?;
        }
    }
    writer.out.extend_from_slice(b"\n\\end\\\n");
    let last = std::mem::take(&mut writer.out);
    (writer.take)(&last)?;
    Ok(())
}

struct Writer<'a> {
    estimated: &'a Estimated,
    out: Vec<u8>,
    number: String,
    progress: &'a Progress,
    take: &'a mut dyn FnMut(&[u8]) -> Result<(), crate::progress::Cancelled>,
}

impl Writer<'_> {
    /// Writes the n-grams of an order that end with an n-gram of the order `at`.
    fn below(&mut self, order: usize, at: usize, ngram: usize, path: &mut Vec<u32>) -> Result<(), LanguageModelError> {
        let level = &self.estimated.levels[at];
        path.push(level.tokens[ngram]);
        if at == order {
            self.line(order, ngram, path)?;
        } else {
            for child in level.first_child[ngram]..level.first_child[ngram + 1] {
                self.below(order, at + 1, child as usize, path)?;
            }
        }
        path.pop();
        Ok(())
    }

    fn line(&mut self, order: usize, ngram: usize, path: &[u32]) -> Result<(), LanguageModelError> {
        let level = &self.estimated.levels[order];
        let begin = order == 0 && path[0] == BEGIN;
        let probability = if begin { NEVER } else { ten(level.log_probability[ngram]) };
        self.number(probability);
        for (place, &token) in path.iter().rev().enumerate() {
            self.out.push(if place == 0 { b'\t' } else { b' ' });
            write_name(self.estimated.vocabulary.name(token), &mut self.out);
        }
        if let Some(&weight) = level.backoff.get(ngram) {
            self.out.push(b'\t');
            self.number(ten(weight));
        }
        self.out.push(b'\n');
        if self.out.len() >= CHUNK {
            self.progress.check()?;
            (self.take)(&self.out)?;
            self.out.clear();
        }
        if ngram % 4096 == 4095 {
            self.progress.advance(4096);
        }
        Ok(())
    }

    fn number(&mut self, value: f64) {
        self.number.clear();
        // A string takes any number.
        let _ = write!(self.number, "{value}");
        self.out.extend_from_slice(self.number.as_bytes());
    }
}

/// A natural logarithm as one to the base of ten, with seven digits after the point; 0 has no sign.
fn ten(value: f32) -> f64 {
    let rounded = (f64::from(value) * std::f64::consts::LOG10_E * 1e7).round() / 1e7;
    if rounded == 0.0 { 0.0 } else { rounded }
}
