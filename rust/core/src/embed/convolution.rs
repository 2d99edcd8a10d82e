//! The two convolutions and the sum over a text's tokens, for a batch of places at a time.

use std::ops::Range;

use super::aligned::Aligned;
use super::encoder::Precision;
use super::instructions::InstructionSet;
use super::lanes;
use super::layout::{BRANCHES, Branch, CHANNELS, EMBEDDING, FEATURES, MARGIN, WINDOWS};
use super::product_f32::{Part, Residual};
use super::product_i8::Rows;
use super::table::{Number, Row, Spill, Table};
use super::weights::Parameters;
use crate::memory::prefetch;

/// Rows of a batch, save for margins: so many that a panel of a matrix is read for many rows, and few enough that the
/// batch stays in the second cache beside all panels of a branch.
const fn rows(precision: Precision) -> usize {
    match precision {
        Precision::Float32 => 128,
        Precision::Int8 => 72,
    }
}

/// Places between the row of the table that is read and the one that is asked for: most are not in any cache.
const AHEAD: usize = 10;

/// Instead of a piece: nothing, between texts.
const BETWEEN: u32 = u32::MAX;

/// Tokens of a text whose places follow each other in the batch.
struct Segment {
    text: usize,
    place: usize,
    tokens: usize,
}

/// Memory of the batches of one thread.
pub struct Scratch<T> {
    /// The piece of each place.
    places: Vec<u32>,
    segments: Vec<Segment>,
    missing: Vec<u32>,
    spill: Spill<T>,
    first: Aligned<f32>,
    second: Aligned<f32>,
    bytes: Aligned<u8>,
    scales: Vec<f32>,
    /// The results that a segment asks for: those between texts are not computed.
    wanted: Vec<u32>,
    grouped: Grouped,
    /// For each text, what is still to be added to every number of the embedding.
    rests: Vec<f32>,
}

/// Results by how much of a branch's window lies between texts: first those of which nothing does.
#[derive(Default)]
struct Grouped {
    rows: Vec<u32>,
    /// Of the others the number of taps before the text and after it, and the result.
    edges: Vec<(u8, u8, u32)>,
}

/// What all batches of a call share.
pub struct Convolution<'a, T> {
    pub set: InstructionSet,
    pub precision: Precision,
    pub parameters: &'a Parameters,
    pub table: &'a Table<T>,
}

impl<T: Number> Convolution<'_, T> {
    /// Adds the features of every token to the row of its text in `sums`, `FEATURES` numbers each.
    ///
    /// `bounds` are the first tokens of each text in `tokens`, and the end. Calls `check` before each batch.
    ///
    /// A text's tokens are added one after the other, so it makes no difference how texts are cut into batches.
    pub fn run<E>(
        &self,
        tokens: &[u32],
        bounds: &[usize],
        scratch: &mut Scratch<T>,
        sums: &mut [f32],
        mut check: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let rows = rows(self.precision);
        self.fill_table(tokens, scratch);
        scratch.rests.clear();
        scratch.rests.resize(bounds.len() - 1, 0.0);
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
        for (sum, &rest) in sums.as_chunks_mut::<FEATURES>().0.iter_mut().zip(&scratch.rests) {
            lanes::add(self.set, &mut sum[..EMBEDDING], rest);
        }
        Ok(())
    }

    fn batch(&self, scratch: &mut Scratch<T>, sums: &mut [f32]) {
        let Scratch { places, segments, missing, spill, first, second, bytes, scales, wanted, grouped, rests } =
            scratch;
        self.find_rows(places, missing, spill);
        let row = |&piece: &u32| self.table.row(piece, spill).unwrap_or(T::NOTHING);
        let rows: Vec<&Row<T>> = places.iter().map(row).collect();
        let results = segments.iter().flat_map(|segment| segment.place..segment.place + segment.tokens);
        wanted.clear();
        wanted.extend(results.map(|place| (place - MARGIN) as u32));
        first.resize(places.len() * CHANNELS);
        second.resize(places.len() * BRANCHES);
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
                let parts = parts(&WINDOWS[branch], places, wanted, grouped);
                matrix.f32.multiply_parts::<CHANNELS>(self.set, left, &parts, out, BRANCHES, residual);
            } else {
                let left = Rows { bytes: &bytes[skipped * CHANNELS..], scales: &scales[skipped..] };
                matrix.i8.multiply::<CHANNELS>(self.set, left, wanted, out, BRANCHES, residual);
            }
        }
        let sums = sums.as_chunks_mut::<FEATURES>().0;
        let features = second.as_chunks::<BRANCHES>().0;
        for segment in segments {
            for place in segment.place..segment.place + segment.tokens {
                if let Some((&next, row)) = places.get(place + AHEAD).zip(rows.get(place + AHEAD)) {
                    self.parameters.prefetch_embedding(next);
                    prefetch((&raw const row.embedding).cast());
                }
                let (piece, row, branches) = (places[place], rows[place], &features[place - MARGIN]);
                let (codes, scale, low) = self.parameters.embedding(piece);
                let embedding = lanes::Embedding { codes, scale, low, moments: row.embedding };
                let sum = &mut sums[segment.text];
                rests[segment.text] += lanes::pool(self.set, embedding, branches, self.parameters.epsilon, sum);
            }
        }
    }

    /// Computes as many rows of all texts' pieces as the table has room for: many together take far less time than the
    /// few new ones of each batch.
    fn fill_table(&self, tokens: &[u32], scratch: &mut Scratch<T>) {
        let Scratch { missing, spill, .. } = scratch;
        self.find_missing(tokens, missing);
        missing.truncate(self.table.room());
        self.table.add(self.set, self.parameters, missing, spill);
        spill.clear();
    }

    fn find_missing(&self, places: &[u32], missing: &mut Vec<u32>) {
        missing.clear();
        missing.extend(places.iter().copied().filter(|&piece| piece != BETWEEN && !self.table.has(piece)));
        missing.sort_unstable();
        missing.dedup();
    }

    /// Sees to it that every piece has its row.
    fn find_rows(&self, places: &[u32], missing: &mut Vec<u32>, spill: &mut Spill<T>) {
        spill.clear();
        self.find_missing(places, missing);
        self.table.add(self.set, self.parameters, missing, spill);
    }

    /// The first convolution of a branch; for `Int8` also in whole numbers.
    fn first_layer(
        &self,
        branch: usize,
        places: &[u32],
        rows: &[&Row<T>],
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
            if let Some(next) = rows.get(place + AHEAD) {
                next.prefetch(branch);
            }
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
fn window<'a, const TAPS: usize, T>(branch: usize, place: usize, rows: &[&'a Row<T>]) -> [&'a [T; CHANNELS]; TAPS] {
    let branch = WINDOWS[branch];
    std::array::from_fn(|tap| &rows[place + tap - branch.left].products[branch.first_tap + tap])
}

/// The wanted results by the taps of a branch at which there is a token; `grouped` has their numbers.
fn parts<'a>(branch: &Branch, places: &[u32], wanted: &[u32], grouped: &'a mut Grouped) -> Vec<Part<'a>> {
    let Grouped { rows, edges } = grouped;
    rows.clear();
    edges.clear();
    for &row in wanted {
        let first = row as usize + MARGIN - branch.left;
        let window = &places[first..first + branch.taps];
        if window[0] != BETWEEN && window[branch.taps - 1] != BETWEEN {
            rows.push(row);
            continue;
        }
        // The token itself stands in the window, so that neither count goes beyond it.
        let between = |piece: &&u32| **piece == BETWEEN;
        let before = window.iter().take_while(between).count();
        let after = window.iter().rev().take_while(between).count();
        edges.push((before as u8, after as u8, row));
    }
    edges.sort_unstable();
    let inside = rows.len();
    rows.extend(edges.iter().map(|&(_, _, row)| row));
    let (whole, mut rest) = rows.split_at(inside);
    let mut found = vec![Part { rows: whole, inner: 0..branch.taps * CHANNELS }];
    for same in edges.chunk_by(|left, right| (left.0, left.1) == (right.0, right.1)) {
        let (rows, after) = rest.split_at(same.len());
        rest = after;
        let (before, behind, _) = same[0];
        let taps = usize::from(before)..branch.taps - usize::from(behind);
        found.push(Part { rows, inner: taps.start * CHANNELS..taps.end * CHANNELS });
    }
    found
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            segments: Vec::new(),
            missing: Vec::new(),
            spill: Spill::new(),
            first: Aligned::default(),
            second: Aligned::default(),
            bytes: Aligned::default(),
            scales: Vec::new(),
            wanted: Vec::new(),
            grouped: Grouped::default(),
            rests: Vec::new(),
        }
    }
}

impl<T> Scratch<T> {
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
