//! The two convolutions and the sum over a text's tokens, for a batch of places at a time.

use super::encoder::Precision;
use super::instructions::InstructionSet;
use super::lanes;
use super::layout::{BRANCHES, CHANNELS, EMBEDDING, FEATURES, MARGIN, WINDOWS};
use super::product_i8::Rows;
use super::table::{Row, Spill, Table};
use super::weights::Parameters;

/// Rows of a batch, save for the margins of its last text: what fits into the second cache with a panel of a matrix.
const ROWS: usize = 256;

/// A row of the batch: a token of a text, or nothing, between texts.
#[derive(Clone, Copy)]
enum Place {
    Between,
    Token { token: usize, first: usize, end: usize },
}

/// Tokens of a text whose rows follow each other in the batch.
struct Segment {
    text: usize,
    row: usize,
    first_token: usize,
    tokens: usize,
}

/// Memory of the batches of one thread.
#[derive(Default)]
pub struct Scratch {
    places: Vec<Place>,
    segments: Vec<Segment>,
    missing: Vec<u32>,
    spill: Spill,
    first: Vec<f32>,
    second: Vec<f32>,
    bytes: Vec<u8>,
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
        scratch.begin();
        for (text, bound) in bounds.windows(2).enumerate() {
            let (first, end) = (bound[0], bound[1]);
            let mut token = first;
            while token < end {
                if scratch.places.len() + (end - token) > ROWS && !scratch.segments.is_empty() {
                    check()?;
                    self.batch(tokens, scratch, sums);
                    scratch.begin();
                }
                let until = end.min(token + ROWS);
                scratch.append(text, token..until, first..end);
                token = until;
            }
        }
        if !scratch.segments.is_empty() {
            check()?;
            self.batch(tokens, scratch, sums);
        }
        Ok(())
    }

    fn batch(&self, tokens: &[u32], scratch: &mut Scratch, sums: &mut [f32]) {
        self.find_rows(tokens, scratch);
        let rows = scratch.places.len() - 2 * MARGIN;
        scratch.first.resize(scratch.places.len() * CHANNELS, 0.0);
        scratch.second.resize(rows * BRANCHES, 0.0);
        for branch in 0..WINDOWS.len() {
            self.first_layer(branch, tokens, scratch);
            self.second_layer(branch, rows, scratch);
        }
        let mut embedding = [0.0; EMBEDDING];
        let sums = sums.as_chunks_mut::<FEATURES>().0;
        let features = scratch.second.as_chunks::<BRANCHES>().0;
        for segment in &scratch.segments {
            for at in 0..segment.tokens {
                let (codes, scale, low) = self.parameters.embedding(tokens[segment.first_token + at]);
                lanes::embed(self.set, codes, scale, low, &mut embedding);
                let branches = &features[segment.row - MARGIN + at];
                lanes::pool(self.set, &embedding, branches, self.parameters.epsilon, &mut sums[segment.text]);
            }
        }
    }

    /// Sees to it that every token in a window has its row.
    fn find_rows(&self, tokens: &[u32], scratch: &mut Scratch) {
        scratch.spill.clear();
        scratch.missing.clear();
        for place in &scratch.places {
            if let &Place::Token { token, first, end } = place {
                let window = token.saturating_sub(MARGIN).max(first)..(token + MARGIN + 1).min(end);
                scratch.missing.extend(tokens[window].iter().copied().filter(|&piece| !self.table.has(piece)));
            }
        }
        scratch.missing.sort_unstable();
        scratch.missing.dedup();
        self.table.add(self.set, self.parameters, &scratch.missing, &mut scratch.spill);
    }

    fn first_layer(&self, branch: usize, tokens: &[u32], scratch: &mut Scratch) {
        let outputs = scratch.first.as_chunks_mut::<CHANNELS>().0;
        for (place, out) in scratch.places.iter().zip(outputs) {
            match place {
                &Place::Token { token, first, end } => {
                    let row = |at: usize| self.table.row(tokens[at], &scratch.spill);
                    match branch {
                        0 => lanes::first_layer_2(
                            self.set,
                            window(branch, token, first, end, row),
                            own(row(token), branch),
                            out,
                        ),
                        1 => lanes::first_layer_3(
                            self.set,
                            window(branch, token, first, end, row),
                            own(row(token), branch),
                            out,
                        ),
                        _ => lanes::first_layer_5(
                            self.set,
                            window(branch, token, first, end, row),
                            own(row(token), branch),
                            out,
                        ),
                    }
                }
                Place::Between => out.fill(0.0),
            }
        }
    }

    fn second_layer(&self, branch: usize, rows: usize, scratch: &mut Scratch) {
        let skipped = MARGIN - WINDOWS[branch].left;
        let matrix = &self.parameters.second[branch];
        let out = &mut scratch.second[branch * CHANNELS..];
        if self.precision == Precision::Float32 {
            let left = &scratch.first[skipped * CHANNELS..];
            matrix.f32.multiply::<CHANNELS>(self.set, left, rows, out, BRANCHES);
        } else {
            let first = scratch.first.as_chunks::<CHANNELS>().0;
            scratch.bytes.resize(first.len() * CHANNELS, 0);
            scratch.scales.clear();
            for (row, bytes) in first.iter().zip(scratch.bytes.chunks_exact_mut(CHANNELS)) {
                scratch.scales.push(lanes::quantise(self.set, row, bytes));
            }
            let left = Rows { bytes: &scratch.bytes[skipped * CHANNELS..], scales: &scratch.scales[skipped..] };
            matrix.i8.multiply::<CHANNELS>(self.set, left, rows, out, BRANCHES);
        }
        let residuals = &scratch.first.as_chunks::<CHANNELS>().0[MARGIN..];
        for (row, residual) in out.chunks_mut(BRANCHES).zip(residuals) {
            if let Some(row) = row.first_chunk_mut() {
                lanes::rectify_and_add(self.set, row, residual);
            }
        }
    }
}

static NOTHING: [f32; CHANNELS] = [0.0; CHANNELS];

/// The products of a branch's taps with the tokens around one; none beyond the text.
fn window<'a, const TAPS: usize>(
    branch: usize,
    token: usize,
    first: usize,
    end: usize,
    row: impl Fn(usize) -> Option<&'a Row>,
) -> [&'a [f32; CHANNELS]; TAPS] {
    let branch = WINDOWS[branch];
    std::array::from_fn(|tap| {
        let at = token + tap;
        if at < first + branch.left || at >= end + branch.left {
            return &NOTHING;
        }
        row(at - branch.left).map_or(&NOTHING, |row| &row.products[branch.first_tap + tap])
    })
}

fn own(row: Option<&Row>, branch: usize) -> &[f32; CHANNELS] {
    row.map_or(&NOTHING, |row| &row.projection[branch])
}

impl Scratch {
    fn begin(&mut self) {
        self.places.clear();
        self.segments.clear();
        self.places.resize(MARGIN, Place::Between);
    }

    /// Takes in tokens of the text that has the tokens `all`, with a margin on both sides.
    fn append(&mut self, text: usize, tokens: std::ops::Range<usize>, all: std::ops::Range<usize>) {
        let place = |token: usize| Place::Token { token, first: all.start, end: all.end };
        let before = tokens.start.saturating_sub(MARGIN).max(all.start)..tokens.start;
        // The margin that is there lies between texts, so one that holds tokens needs rows of its own.
        if !before.is_empty() {
            self.places.resize(self.places.len() + MARGIN - before.len(), Place::Between);
            self.places.extend(before.map(place));
        }
        let row = self.places.len();
        self.segments.push(Segment { text, row, first_token: tokens.start, tokens: tokens.len() });
        self.places.extend(tokens.clone().map(place));
        let after = tokens.end..(tokens.end + MARGIN).min(all.end);
        let empty = if after.is_empty() { MARGIN } else { 2 * MARGIN - after.len() };
        self.places.extend(after.map(place));
        self.places.resize(self.places.len() + empty, Place::Between);
    }
}
