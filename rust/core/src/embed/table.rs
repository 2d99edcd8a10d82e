//! What of the encoder depends on a piece alone, computed once for each piece that is used.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::instructions::InstructionSet;
use super::lanes;
use super::layout::{BRANCHES, CHANNELS, EMBEDDING, FEATURES, TAPS, WINDOWS};
use super::weights::Parameters;

/// The normalised projection of a piece, and its products with each tap of the first convolutions.
#[repr(align(64))]
pub struct Row {
    pub projection: [[f32; CHANNELS]; 3],
    pub products: [[f32; CHANNELS]; TAPS],
}

/// The row of what stands between texts.
pub static NOTHING: Row = Row { projection: [[0.0; CHANNELS]; 3], products: [[0.0; CHANNELS]; TAPS] };

/// Pieces whose rows are computed together.
const BUILD: usize = 96;

/// Rows of the pieces seen so far, up to a limit; a piece beyond it is computed again for each use.
pub struct Table {
    rows: Vec<OnceLock<Box<Row>>>,
    room: AtomicUsize,
}

/// Rows that the table has no room for.
pub type Spill = HashMap<u32, Box<Row>>;

impl Table {
    pub fn new(pieces: usize, bytes: usize) -> Self {
        let room = AtomicUsize::new(bytes / size_of::<Row>());
        Self { rows: (0..pieces).map(|_| OnceLock::new()).collect(), room }
    }

    pub fn has(&self, piece: u32) -> bool {
        self.rows.get(piece as usize).is_some_and(|row| row.get().is_some())
    }

    /// A piece's row: that of the table or of the spill.
    #[inline]
    pub fn row<'a>(&'a self, piece: u32, spill: &'a Spill) -> Option<&'a Row> {
        match self.rows.get(piece as usize).and_then(OnceLock::get) {
            Some(row) => Some(row),
            None => spill.get(&piece).map(|row| &**row),
        }
    }

    /// Computes the rows of pieces that are not there, and keeps them here or in `spill`.
    pub fn add(&self, set: InstructionSet, parameters: &Parameters, pieces: &[u32], spill: &mut Spill) {
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

fn compute(set: InstructionSet, parameters: &Parameters, pieces: &[u32]) -> Vec<Box<Row>> {
    let count = pieces.len();
    let mut embeddings = vec![0.0; count * FEATURES];
    for (row, &piece) in embeddings.as_chunks_mut::<FEATURES>().0.iter_mut().zip(pieces) {
        let (codes, scale, low) = parameters.embedding(piece);
        if let Some(row) = row.first_chunk_mut::<EMBEDDING>() {
            lanes::embed(set, codes, scale, low, row);
        }
    }
    let mut projections = vec![0.0; count * BRANCHES];
    parameters.projection.multiply::<FEATURES>(set, &embeddings, count, &mut projections, BRANCHES, None);
    let mut rows: Vec<Box<Row>> = Vec::with_capacity(count);
    for row in projections.as_chunks_mut::<BRANCHES>().0 {
        lanes::normalise(set, row, &parameters.gamma, &parameters.beta, parameters.epsilon);
        let mut new = Box::new(Row { projection: [[0.0; CHANNELS]; 3], products: [[0.0; CHANNELS]; TAPS] });
        new.projection.as_flattened_mut().copy_from_slice(row);
        rows.push(new);
    }
    let mut products = Vec::new();
    for (number, (branch, matrix)) in WINDOWS.iter().zip(&parameters.first).enumerate() {
        let width = branch.taps * CHANNELS;
        products.resize(count * width, 0.0);
        matrix.multiply::<BRANCHES>(set, &projections[number * CHANNELS..], count, &mut products, width, None);
        for (row, products) in rows.iter_mut().zip(products.chunks_exact(width)) {
            row.products[branch.first_tap..][..branch.taps].as_flattened_mut().copy_from_slice(products);
        }
    }
    rows
}
