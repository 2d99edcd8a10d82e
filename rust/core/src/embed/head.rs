//! From the sum of a text's features to its vector.

use super::aligned::Aligned;
use super::encoder::{DIMENSIONS, Precision};
use super::instructions::InstructionSet;
use super::lanes;
use super::layout::{EMBEDDING, FEATURES, HIDDEN};
use super::product_i8::Rows;
use super::weights::Matrix;

/// The layers after the sum.
pub struct Head {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    /// From features to the text's embedding.
    pub output: Matrix,
    /// To the first hidden layer, and past it to the second.
    pub both: Matrix,
    /// From the first hidden layer to the second.
    pub second: Matrix,
    /// From the second hidden layer to the third.
    pub third: Matrix,
    /// From the second and the third hidden layer to the result.
    pub last: Matrix,
}

/// Memory of a product.
#[derive(Default)]
pub struct Scratch {
    bytes: Aligned<u8>,
    scales: Vec<f32>,
    left: Aligned<f32>,
    right: Aligned<f32>,
    /// All rows.
    rows: Vec<u32>,
}

/// Rows on the left lie this far apart in all layers.
const STRIDE: usize = FEATURES;

impl Head {
    /// Sets the rows of `out` to the vectors of texts, from the sums of their features and numbers of tokens.
    #[expect(clippy::too_many_arguments, reason = "a text's sums and length, the result, and how it is done")]
    pub fn run(
        &self,
        set: InstructionSet,
        precision: Precision,
        epsilon: f32,
        sums: &mut [f32],
        tokens: &[u32],
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let count = tokens.len();
        for (sum, &tokens) in sums.chunks_exact_mut(STRIDE).zip(tokens) {
            lanes::affine(set, sum, 1.0 / tokens as f32, &self.gamma, 1.0, &self.beta);
        }
        let (mut left, mut right) = (std::mem::take(&mut scratch.left), std::mem::take(&mut scratch.right));
        left.resize(count * STRIDE);
        right.resize(count * STRIDE);
        scratch.rows.clear();
        scratch.rows.extend(0..count as u32);
        multiply(&self.output, set, precision, sums, FEATURES, scratch, &mut left);
        for (row, &tokens) in left.chunks_exact_mut(STRIDE).zip(tokens) {
            lanes::scale(set, &mut row[..EMBEDDING], (tokens as f32).sqrt());
        }
        multiply(&self.both, set, precision, &left, EMBEDDING, scratch, &mut right);
        for row in right.chunks_exact_mut(STRIDE) {
            lanes::rectify(set, &mut row[..HIDDEN]);
        }
        multiply(&self.second, set, precision, &right, HIDDEN, scratch, &mut left);
        for (row, past) in left.chunks_exact_mut(STRIDE).zip(right.chunks_exact(STRIDE)) {
            lanes::rectify_sum(set, &mut row[..HIDDEN], &past[HIDDEN..2 * HIDDEN]);
        }
        multiply(&self.third, set, precision, &left, HIDDEN, scratch, &mut right);
        for (row, third) in left.chunks_exact_mut(STRIDE).zip(right.chunks_exact_mut(STRIDE)) {
            lanes::rectify(set, &mut third[..EMBEDDING]);
            row[HIDDEN..HIDDEN + EMBEDDING].copy_from_slice(&third[..EMBEDDING]);
        }
        multiply(&self.last, set, precision, &left, HIDDEN + EMBEDDING, scratch, &mut right);
        for (row, result) in out.as_chunks_mut::<DIMENSIONS>().0.iter_mut().zip(right.chunks_exact(STRIDE)) {
            row.copy_from_slice(&result[..DIMENSIONS]);
            lanes::finish(set, row, epsilon);
        }
        (scratch.left, scratch.right) = (left, right);
    }
}

fn multiply(
    matrix: &Matrix,
    set: InstructionSet,
    precision: Precision,
    left: &[f32],
    inner: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    if precision == Precision::Float32 {
        return matrix.f32.multiply::<STRIDE>(set, left, &scratch.rows, out, STRIDE, None);
    }
    scratch.bytes.resize(scratch.rows.len() * STRIDE);
    scratch.scales.clear();
    for (row, bytes) in left.chunks_exact(STRIDE).zip(scratch.bytes.chunks_exact_mut(STRIDE)) {
        scratch.scales.push(lanes::quantise(set, &row[..inner], &mut bytes[..inner]));
    }
    let left = Rows { bytes: &scratch.bytes, scales: &scratch.scales };
    matrix.i8.multiply::<STRIDE>(set, left, &scratch.rows, out, STRIDE, None);
}
