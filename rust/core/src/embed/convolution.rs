//! The two convolutions and the sum over a text's tokens, for a batch of places at a time.

use std::ops::Range;

use super::aligned::Aligned;
use super::encoder::Precision;
use super::instructions::InstructionSet;
use super::lanes;
use super::layout::{BRANCHES, CHANNELS, EMBEDDING, FEATURES, MARGIN, WINDOWS};
use super::product_f32::Residual;
use super::product_i8::Rows;
use super::table::{NOTHING, Row, Spill, Table};
use super::weights::Parameters;

/// Rows of a batch, save for margins: so many that a panel of a matrix is read for many rows, and few enough that the
/// batch stays in the second cache beside it.
const fn rows(precision: Precision) -> usize {
    match precision {
        Precision::Float32 => 256,
        Precision::Int8 => 144,
    }
}

/// Instead of a piece: nothing, between texts.
const BETWEEN: u32 = u32::MAX;

/// Tokens of a text whose places follow each other in the batch.
struct Segment {
    text: usize,
    place: usize,
    tokens: usize,
}

/// Memory of the batches of one thread.
#[derive(Default)]
pub struct Scratch {
    /// The piece of each place.
    places: Vec<u32>,
    segments: Vec<Segment>,
    missing: Vec<u32>,
    spill: Spill,
    first: Aligned<f32>,
    second: Aligned<f32>,
    bytes: Aligned<u8>,
    scales: Vec<f32>,
}

/// What all batches of a call share.
pub struct Convolution<'a> {
    pub set: InstructionSet,
    pub precision: Precision,
    pub parameters: &'a Parameters,
    pub table: &'a Table,
}

impl Convolution<'_> {
    /// Adds the features of every token to the row of its text in `sums`, `FEATURES` numbers each.
    ///
    /// `bounds` are the first tokens of each text in `tokens`, and the end. Calls `check` before each batch.
    ///
    /// A text's tokens are added one after the other, so it makes no difference how texts are cut into batches.
    pub fn run<E>(
        &self,
        tokens: &[u32],
        bounds: &[usize],
        scratch: &mut Scratch,
        sums: &mut [f32],
        mut check: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let rows = rows(self.precision);
        scratch.begin();
        for (text, bound) in bounds.windows(2).enumerate() {
            let all = &tokens[bound[0]..bound[1]];
            let mut token = 0;
            while token < all.len() {
                if scratch.places.len() + (all.len() - token) > rows && !scratch.segments.is_empty() {
                    check()?;
                    self.batch(scratch, sums);
                    scratch.begin();
                }
                let until = all.len().min(token + rows);
                scratch.append(text, all, token..until);
                token = until;
            }
        }
        if !scratch.segments.is_empty() {
            check()?;
            self.batch(scratch, sums);
        }
        Ok(())
    }

    fn batch(&self, scratch: &mut Scratch, sums: &mut [f32]) {
        let Scratch { places, segments, missing, spill, first, second, bytes, scales } = scratch;
        self.find_rows(places, missing, spill);
        let row = |&piece: &u32| self.table.row(piece, spill).unwrap_or(&NOTHING);
        let rows: Vec<&Row> = places.iter().map(row).collect();
        let results = places.len() - 2 * MARGIN;
        first.resize(places.len() * CHANNELS);
        second.resize(results * BRANCHES);
        bytes.resize(places.len() * CHANNELS);
        scales.resize(places.len(), 0.0);
        for branch in 0..WINDOWS.len() {
            self.first_layer(branch, places, &rows, first, bytes, scales);
            let skipped = MARGIN - WINDOWS[branch].left;
            let matrix = &self.parameters.second[branch];
            let out = &mut second[branch * CHANNELS..];
            let residual = Some(Residual { rows: &first[MARGIN * CHANNELS..], stride: CHANNELS });
            if self.precision == Precision::Float32 {
                let left = &first[skipped * CHANNELS..];
                matrix.f32.multiply::<CHANNELS>(self.set, left, results, out, BRANCHES, residual);
            } else {
                let left = Rows { bytes: &bytes[skipped * CHANNELS..], scales: &scales[skipped..] };
                matrix.i8.multiply::<CHANNELS>(self.set, left, results, out, BRANCHES, residual);
            }
        }
        let mut embedding = [0.0; EMBEDDING];
        let sums = sums.as_chunks_mut::<FEATURES>().0;
        let features = second.as_chunks::<BRANCHES>().0;
        for segment in segments {
            for place in segment.place..segment.place + segment.tokens {
                let (codes, scale, low) = self.parameters.embedding(places[place]);
                lanes::embed(self.set, codes, scale, low, &mut embedding);
                let branches = &features[place - MARGIN];
                lanes::pool(self.set, &embedding, branches, self.parameters.epsilon, &mut sums[segment.text]);
            }
        }
    }

    /// Sees to it that every piece has its row.
    fn find_rows(&self, places: &[u32], missing: &mut Vec<u32>, spill: &mut Spill) {
        spill.clear();
        missing.clear();
        missing.extend(places.iter().copied().filter(|&piece| piece != BETWEEN && !self.table.has(piece)));
        missing.sort_unstable();
        missing.dedup();
        self.table.add(self.set, self.parameters, missing, spill);
    }

    /// The first convolution of a branch; for `Int8` also in whole numbers.
    fn first_layer(
        &self,
        branch: usize,
        places: &[u32],
        rows: &[&Row],
        first: &mut [f32],
        bytes: &mut [u8],
        scales: &mut [f32],
    ) {
        let outputs = first.as_chunks_mut::<CHANNELS>().0.iter_mut();
        let outputs = outputs.zip(bytes.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(scales));
        for (place, (out, (bytes, scale))) in outputs.enumerate() {
            if places[place] == BETWEEN {
                out.fill(0.0);
                bytes.fill(128);
                *scale = 0.0;
                continue;
            }
            let own = &rows[place].projection[branch];
            match branch {
                0 => lanes::first_layer_2(self.set, window(branch, place, rows), own, out),
                1 => lanes::first_layer_3(self.set, window(branch, place, rows), own, out),
                _ => lanes::first_layer_5(self.set, window(branch, place, rows), own, out),
            }
            if self.precision == Precision::Int8 {
                *scale = lanes::quantise(self.set, out, bytes);
            }
        }
    }
}

/// The products of a branch's taps with the pieces around a place that is none of the first or last `MARGIN`.
fn window<'a, const TAPS: usize>(branch: usize, place: usize, rows: &[&'a Row]) -> [&'a [f32; CHANNELS]; TAPS] {
    let branch = WINDOWS[branch];
    std::array::from_fn(|tap| &rows[place + tap - branch.left].products[branch.first_tap + tap])
}

impl Scratch {
    fn begin(&mut self) {
        self.places.clear();
        self.segments.clear();
        self.places.resize(MARGIN, BETWEEN);
    }

    /// Takes in some tokens of a text, after the margin that stands there, and a margin after them.
    fn append(&mut self, text: usize, all: &[u32], tokens: Range<usize>) {
        // Each convolution looks a margin further. The outermost places have wrong results, which nobody reads.
        let before = tokens.start.saturating_sub(2 * MARGIN)..tokens.start;
        let after = tokens.end..(tokens.end + 2 * MARGIN).min(all.len());
        self.places.extend_from_slice(&all[before]);
        self.segments.push(Segment { text, place: self.places.len(), tokens: tokens.len() });
        self.places.extend_from_slice(&all[tokens]);
        self.places.extend_from_slice(&all[after]);
        self.places.resize(self.places.len() + MARGIN, BETWEEN);
    }
}
