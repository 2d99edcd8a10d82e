//! The values of all rows, in as few bytes as they need.

use std::ops::Range;

use super::measures::{COUNT, MEASURES, MOST_COUNTED, SHARE_STEPS, Unit};

const NO_CHARACTERS: u32 = u32::MAX;
const NO_COUNT: u8 = u8::MAX;
const NO_SHARE: u16 = u16::MAX;
const ROWS_PER_BLOCK: usize = 128;

#[derive(Clone, Debug)]
enum Column {
    Characters(Vec<u32>),
    Counts(Vec<u8>),
    Shares(Vec<u16>),
}

/// A column for each measure: 49 bytes a row in all.
#[derive(Clone, Debug)]
pub struct Columns(Vec<Column>);

impl Default for Columns {
    fn default() -> Self {
        Self(
            MEASURES
                .iter()
                .map(|measure| match measure.unit {
                    Unit::Characters => Column::Characters(Vec::new()),
                    Unit::Count => Column::Counts(Vec::new()),
                    Unit::Share => Column::Shares(Vec::new()),
                })
                .collect(),
        )
    }
}

impl Columns {
    /// Appends rows; NaN is no value. Other values are those of `measure_row`, and come back as they are.
    pub fn extend(&mut self, rows: &[[f32; COUNT]]) {
        // Every column reads all rows: in blocks that stay in the first cache.
        rows.chunks(ROWS_PER_BLOCK).for_each(|rows| self.extend_by_block(rows));
    }

    fn extend_by_block(&mut self, rows: &[[f32; COUNT]]) {
        for (place, column) in self.0.iter_mut().enumerate() {
            let values = rows.iter().map(|row| row[place]);
            match column {
                Column::Characters(stored) => {
                    stored.extend(values.map(|value| if value.is_nan() { NO_CHARACTERS } else { value as u32 }));
                }
                Column::Counts(stored) => stored.extend(
                    values.map(
                        |value| {
                            if value.is_nan() { NO_COUNT } else { value.min(f32::from(MOST_COUNTED)) as u8 }
                        },
                    ),
                ),
                Column::Shares(stored) => stored.extend(values.map(|value| {
                    // Rounded, since the product may fall short of the whole number that the value was made of.
                    if value.is_nan() { NO_SHARE } else { (value * f32::from(SHARE_STEPS) + 0.5) as u16 }
                })),
            }
        }
    }

    /// The values of some rows, NaN where there is none.
    #[must_use]
    pub fn values(&self, place: usize, rows: Range<usize>) -> Vec<f32> {
        match &self.0[place] {
            Column::Characters(stored) => {
                stored[rows].iter().map(|&value| if value == NO_CHARACTERS { f32::NAN } else { value as f32 }).collect()
            }
            Column::Counts(stored) => {
                stored[rows].iter().map(|&value| if value == NO_COUNT { f32::NAN } else { f32::from(value) }).collect()
            }
            Column::Shares(stored) => {
                let share = |value: u16| f32::from(value) / f32::from(SHARE_STEPS);
                stored[rows].iter().map(|&value| if value == NO_SHARE { f32::NAN } else { share(value) }).collect()
            }
        }
    }

    /// The value of a row, NaN if there is none.
    #[must_use]
    #[inline]
    pub fn value(&self, place: usize, row: usize) -> f32 {
        match &self.0[place] {
            Column::Characters(stored) if stored[row] == NO_CHARACTERS => f32::NAN,
            Column::Characters(stored) => stored[row] as f32,
            Column::Counts(stored) if stored[row] == NO_COUNT => f32::NAN,
            Column::Counts(stored) => f32::from(stored[row]),
            Column::Shares(stored) if stored[row] == NO_SHARE => f32::NAN,
            Column::Shares(stored) => f32::from(stored[row]) / f32::from(SHARE_STEPS),
        }
    }
}
