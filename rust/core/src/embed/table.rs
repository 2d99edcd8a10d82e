//! What of the encoder depends on a piece alone, computed once for each piece that is used.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::instructions::InstructionSet;
use super::lanes;
use super::layout::{BRANCHES, Branch, CHANNELS, EMBEDDING, FEATURES, TAPS, WINDOWS};
use super::weights::Parameters;
use crate::memory;

/// A number of a row.
pub trait Number: Copy + Send + Sync + 'static {
    const ZERO: Self;
    /// The row of what stands between texts.
    const NOTHING: &'static Row<Self>;

    /// The nearest, the even one of two.
    fn of(value: f32) -> Self;
    fn value(self) -> f32;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
    const NOTHING: &'static Row<Self> = &NOTHING;

    #[inline(always)]
    fn of(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn value(self) -> f32 {
        self
    }
}

/// The upper half of a finite f32 (bfloat16). What it loses is a hundredth of what the eight bits lose that come after
/// it, and a table of half the size is read in little more than half the time.
#[derive(Clone, Copy)]
pub struct Short(u16);

impl Number for Short {
    const ZERO: Self = Self(0);
    const NOTHING: &'static Row<Self> = &SHORT_NOTHING;

    #[inline(always)]
    fn of(value: f32) -> Self {
        let bits = value.to_bits();
        Self(((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16)
    }

    #[inline(always)]
    fn value(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

/// The normalised projection of a piece, and its products with each tap of the first convolutions.
#[repr(align(64))]
pub struct Row<T> {
    /// Sums of the embedding's numbers and of their squares.
    pub embedding: [f64; 2],
    pub projection: [[T; CHANNELS]; 3],
    pub products: [[T; CHANNELS]; TAPS],
}

static NOTHING: Row<f32> =
    Row { embedding: [0.0; 2], projection: [[0.0; CHANNELS]; 3], products: [[0.0; CHANNELS]; TAPS] };
static SHORT_NOTHING: Row<Short> =
    Row { embedding: [0.0; 2], projection: [[Short(0); CHANNELS]; 3], products: [[Short(0); CHANNELS]; TAPS] };

impl<T> Row<T> {
    /// Asks for what a branch reads.
    #[inline]
    pub fn prefetch(&self, branch: usize) {
        let Branch { taps, first_tap, .. } = WINDOWS[branch];
        let products = self.products[first_tap..first_tap + taps].as_flattened();
        for line in [products, &self.projection[branch]].into_iter().flat_map(|all| all.chunks(LINE / size_of::<T>())) {
            memory::prefetch(line.as_ptr().cast());
        }
    }
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Pieces whose rows are computed together.
const BUILD: usize = 96;

/// Rows of the pieces seen so far, up to a limit; a piece beyond it is computed again for each use.
pub struct Table<T> {
    rows: Vec<OnceLock<Box<Row<T>>>>,
    room: AtomicUsize,
}

/// Rows that the table has no room for.
pub type Spill<T> = HashMap<u32, Box<Row<T>>>;

impl<T: Number> Table<T> {
    pub fn new(pieces: usize, bytes: usize) -> Self {
        let room = AtomicUsize::new(bytes / size_of::<Row<T>>());
        Self { rows: (0..pieces).map(|_| OnceLock::new()).collect(), room }
    }

    pub fn has(&self, piece: u32) -> bool {
        self.rows.get(piece as usize).is_some_and(|row| row.get().is_some())
    }

    /// For how many rows there is room.
    pub fn room(&self) -> usize {
        self.room.load(Relaxed)
    }

    /// A piece's row: that of the table or of the spill.
    #[inline]
    pub fn row<'a>(&'a self, piece: u32, spill: &'a Spill<T>) -> Option<&'a Row<T>> {
        match self.rows.get(piece as usize).and_then(OnceLock::get) {
            Some(row) => Some(row),
            None => spill.get(&piece).map(|row| &**row),
        }
    }

    /// Computes the rows of pieces that are not there, and keeps them here or in `spill`.
    pub fn add(&self, set: InstructionSet, parameters: &Parameters, pieces: &[u32], spill: &mut Spill<T>) {
        for pieces in pieces.chunks(BUILD) {
            for (&piece, row) in pieces.iter().zip(compute(set, parameters, pieces)) {
                let taken = self.room.fetch_update(Relaxed, Relaxed, |room| room.checked_sub(1)).is_ok();
                match self.rows.get(piece as usize) {
                    Some(place) if taken => {
                        if place.set(row).is_err() {
                            self.room.fetch_add(1, Relaxed);
                        }
                    }
                    _ => {
                        spill.insert(piece, row);
                    }
                }
            }
        }
    }
}

fn compute<T: Number>(set: InstructionSet, parameters: &Parameters, pieces: &[u32]) -> Vec<Box<Row<T>>> {
    let count = pieces.len();
    let mut embeddings = vec![0.0; count * FEATURES];
    for (row, &piece) in embeddings.as_chunks_mut::<FEATURES>().0.iter_mut().zip(pieces) {
        let (codes, scale, low) = parameters.embedding(piece);
        if let Some(row) = row.first_chunk_mut::<EMBEDDING>() {
            lanes::embed(set, codes, scale, low, row);
        }
    }
    let mut projections = vec![0.0; count * BRANCHES];
    let every: Vec<u32> = (0..count as u32).collect();
    parameters.projection.multiply::<FEATURES>(set, &embeddings, &every, &mut projections, BRANCHES, None);
    let mut rows: Vec<Box<Row<T>>> = Vec::with_capacity(count);
    let embeddings = embeddings.as_chunks::<FEATURES>().0;
    for (row, embedding) in projections.as_chunks_mut::<BRANCHES>().0.iter_mut().zip(embeddings) {
        lanes::normalise(set, row, &parameters.gamma, &parameters.beta, parameters.epsilon);
        let mut new = Box::new(Row {
            embedding: [0.0; 2],
            projection: [[T::ZERO; CHANNELS]; 3],
            products: [[T::ZERO; CHANNELS]; TAPS],
        });
        new.embedding = embedding[..EMBEDDING].iter().fold([0.0; 2], |[sum, squares], &value| {
            let value = f64::from(value);
            [sum + value, squares + value * value]
        });
        set_all(new.projection.as_flattened_mut(), row);
        rows.push(new);
    }
    let mut products = Vec::new();
    for (number, (branch, matrix)) in WINDOWS.iter().zip(&parameters.first).enumerate() {
        let width = branch.taps * CHANNELS;
        products.resize(count * width, 0.0);
        matrix.multiply::<BRANCHES>(set, &projections[number * CHANNELS..], &every, &mut products, width, None);
        for (row, products) in rows.iter_mut().zip(products.chunks_exact(width)) {
            set_all(row.products[branch.first_tap..][..branch.taps].as_flattened_mut(), products);
        }
    }
    rows
}

fn set_all<T: Number>(row: &mut [T], values: &[f32]) {
    for (number, &value) in row.iter_mut().zip(values) {
        *number = T::of(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_short_number_is_the_nearest(value in -1e30f32..1e30) {
            let short = Short::of(value);
            let error = |bits: u16| (f64::from(Short(bits).value()) - f64::from(value)).abs();
            for other in [short.0 - 1, short.0 + 1] {
                prop_assert!(error(short.0) <= error(other));
            }
            prop_assert_eq!(Short::of(short.value()).0, short.0);
        }
    }

    #[test]
    fn of_two_that_are_as_near_the_even_one_is_taken() {
        assert_eq!(Short::of(f32::from_bits(0x3F80_8000)).0, 0x3F80);
        assert_eq!(Short::of(f32::from_bits(0x3F81_8000)).0, 0x3F82);
        assert_eq!(Short::of(-0.0).value().to_bits(), (-0.0f32).to_bits());
    }
}
