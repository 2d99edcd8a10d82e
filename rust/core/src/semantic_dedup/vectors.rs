//! The vectors that are compared, as the caller has them.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::settings::{MOST_DIMENSIONS, SearchError};
use crate::progress::{Cancelled, Progress};

/// Normalised vectors of one length, row after row in the order of keeping.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    values: &'a [f32],
    dimensions: usize,
    places: Option<&'a [u32]>,
}

/// Rows between two looks at whether to go on.
const ROWS_PER_TASK: usize = 1024;

impl<'a> Vectors<'a> {
    /// `values` is `float32 [rows, dimensions]`; there may be no rows.
    ///
    /// # Errors
    /// [`SearchError::Shape`], if the values are no matrix of that kind.
    pub fn new(values: &'a [f32], dimensions: usize) -> Result<Self, SearchError> {
        let whole = (1..=MOST_DIMENSIONS).contains(&dimensions) && values.len().is_multiple_of(dimensions);
        if !whole || values.len() / dimensions >= u32::MAX as usize {
            return Err(SearchError::Shape { values: values.len(), dimensions });
        }
        Ok(Self { values, dimensions, places: None })
    }

    /// The same vectors in another order: row `i` is the vector that stood at `places[i]`. One may stand for many.
    ///
    /// # Errors
    /// [`SearchError::Shape`], if there is no vector at one of the places, or there are too many.
    pub fn at(self, places: &'a [u32]) -> Result<Self, SearchError> {
        let rows = self.len();
        if places.len() >= u32::MAX as usize || places.iter().any(|&place| place as usize >= rows) {
            return Err(SearchError::Shape { values: self.values.len(), dimensions: self.dimensions });
        }
        Ok(Self { places: Some(places), ..self })
    }

    /// Rows that the search itself made.
    pub(super) fn of_rows(values: &'a [f32], dimensions: usize) -> Self {
        Self { values, dimensions, places: None }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.map_or(self.values.len() / self.dimensions, <[u32]>::len)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of each.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector of a row.
    #[must_use]
    #[inline]
    pub fn row(&self, row: u32) -> &'a [f32] {
        let place = self.places.map_or(row, |places| places[row as usize]);
        &self.values[place as usize * self.dimensions..][..self.dimensions]
    }

    /// A hash of each vector's bytes, by which a damaged one is noticed: `uint64 [rows]`.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn checksums(&self, progress: &Progress) -> Result<Vec<u64>, Cancelled> {
        (0..self.len() as u32)
            .into_par_iter()
            .with_min_len(ROWS_PER_TASK)
            .map_init(Vec::new, |bytes: &mut Vec<u8>, row| {
                progress.check()?;
                bytes.clear();
                bytes.extend(self.row(row).iter().flat_map(|value| value.to_le_bytes()));
                Ok(xxh3_64(bytes))
            })
            .collect()
    }

    /// Whether every vector is normalised or zero.
    ///
    /// # Errors
    /// [`SearchError::Norm`] with the first that is not; [`SearchError::Cancelled`], if `progress` says so.
    pub fn check(&self, progress: &Progress) -> Result<(), SearchError> {
        let first = AtomicU32::new(u32::MAX);
        (0..self.len().div_ceil(ROWS_PER_TASK)).into_par_iter().try_for_each(|task| {
            progress.check()?;
            let rows = task * ROWS_PER_TASK..((task + 1) * ROWS_PER_TASK).min(self.len());
            if let Some(row) = rows.into_iter().find(|&row| !self.is_normalised(row as u32)) {
                first.fetch_min(row as u32, Relaxed);
            }
            Ok::<(), Cancelled>(())
        })?;
        match first.into_inner() {
            u32::MAX => Ok(()),
            row => Err(SearchError::Norm { row, norm: squares(self.row(row)).sqrt() }),
        }
    }

    fn is_normalised(&self, row: u32) -> bool {
        let squares = squares(self.row(row));
        squares == 0.0 || (squares - 1.0).abs() <= 1e-3
    }
}

/// The square of the length.
pub fn squares(vector: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 16];
    for values in vector.chunks(16) {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    lanes.iter().sum()
}
