//! Rules that judge each row by itself: what a row is measured in, and from which value on it goes.
//!
//! Values come from the texts in one pass. Decisions need nothing but values and thresholds, so that a threshold can be
//! changed later, without the texts. `measures.rs` lists the rules in the order in which they are asked.

mod classes;
mod columns;
mod context;
mod language;
mod letters;
pub mod measures;
// One phrase a line would be 700 lines.
#[rustfmt::skip]
mod phrase_lists;
mod phrases;
pub mod repetition;
mod row;
mod starts;
#[cfg(test)]
mod tests;
pub mod units;

use std::ops::Range;

use rayon::prelude::*;

use crate::batch::Turns;
use columns::Columns;
pub use measures::{COUNT, Fires, MEASURES, Measure, REASONS, ThresholdError, Thresholds, Unit};
pub use row::{RowMeasures, Span};

/// Rows that one task measures.
const ROWS_PER_TASK: usize = 256;

/// A row that goes, and the reason, a place in [`REASONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The removed row.
    pub row: u32,
    /// Why.
    pub reason: u8,
}

/// The values of all rows of a corpus.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rows: Vec<u32>,
    columns: Columns,
    measured: Vec<[f32; COUNT]>,
}

impl Rules {
    /// Nothing scanned yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of rows scanned.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row was scanned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Measures the rows of a batch. `numbers` are their row numbers; `non_text_parts` may be empty for none.
    pub fn scan(&mut self, turns: Turns<'_>, numbers: &[u32], non_text_parts: &[u16]) {
        self.measured.clear();
        self.measured.resize(numbers.len(), [f32::NAN; COUNT]);
        self.measured.par_chunks_mut(ROWS_PER_TASK).enumerate().for_each_init(
            RowMeasures::default,
            |measures, (task, values)| {
                for (offset, values) in values.iter_mut().enumerate() {
                    let row = task * ROWS_PER_TASK + offset;
                    measures.measure(turns, row, non_text_parts.get(row).copied().unwrap_or(0));
                    *values = measures.values;
                }
            },
        );
        self.columns.extend(&self.measured);
        self.rows.extend_from_slice(numbers);
    }

    /// The rows that go, of those for which `alive` holds (all, without it), in the order in which they were scanned.
    #[must_use]
    pub fn finish(&self, thresholds: &Thresholds, alive: Option<&[bool]>) -> Vec<Removal> {
        let stands = |row: u32| alive.is_none_or(|alive| alive.get(row as usize).copied().unwrap_or(false));
        (0..self.rows.len())
            .into_par_iter()
            .filter(|&index| stands(self.rows[index]))
            .filter_map(|index| {
                let fired = thresholds.first_fired(|place| self.columns.value(place, index))?;
                Some(Removal { row: self.rows[index], reason: MEASURES[fired].reason })
            })
            .collect()
    }

    /// Numbers of some of the rows, in the order in which they were scanned. A range beyond the end is cut.
    #[must_use]
    pub fn numbers(&self, range: Range<usize>) -> &[u32] {
        let end = range.end.min(self.rows.len());
        &self.rows[range.start.min(end)..end]
    }

    /// The values of one measure for some of the rows, NaN where there is none. A range beyond the end is cut.
    #[must_use]
    pub fn values(&self, place: usize, range: Range<usize>) -> Vec<f32> {
        let end = range.end.min(self.rows.len());
        self.columns.values(place, range.start.min(end)..end)
    }
}
