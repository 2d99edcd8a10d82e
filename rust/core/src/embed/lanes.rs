//! Arithmetic on rows of numbers. Every sum has one fixed order, so that each instruction set gives the same bytes.

use super::instructions::compiled;
use super::layout::{BRANCHES, CHANNELS, EMBEDDING, FEATURES};
use super::table::Number;

/// Running sums of one row: number `i` goes to sum `i % LANES`.
const LANES: usize = 64;

/// Adding 1.5 · 2²³ rounds to whole numbers, ties to even, and leaves them in the lowest bits; 128 more makes −128 zero.
const ROUND_TO_BYTE: f32 = 12_582_912.0 + 128.0;

#[inline(always)]
fn fold(mut lanes: [f32; LANES], both: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = both(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn sum(lanes: [f32; LANES]) -> f32 {
    fold(lanes, |left, right| left + right)
}

#[inline(always)]
fn add_row(sums: &mut [f32; LANES], row: &[f32]) {
    for lanes in row.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            sums[lane] += lanes[lane];
        }
    }
}

#[inline(always)]
fn add_squares(sums: &mut [f32; LANES], row: &[f32], mean: f32) {
    for lanes in row.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let difference = lanes[lane] - mean;
            sums[lane] = difference.mul_add(difference, sums[lane]);
        }
    }
}

/// Mean and inverse standard deviation of a row and of `others` more numbers, of which the sums of their values and of
/// their squares are given.
#[inline(always)]
fn moments(row: &[f32], others: usize, [other_sum, other_squares]: [f64; 2], epsilon: f32) -> (f32, f32) {
    let inverse_len = 1.0 / (row.len() + others) as f64;
    let mut lanes = [0.0; LANES];
    add_row(&mut lanes, row);
    let mean = (f64::from(sum(lanes)) + other_sum) * inverse_len;
    let mut lanes = [0.0; LANES];
    add_squares(&mut lanes, row, mean as f32);
    let other_squares = other_squares - mean * (2.0 * other_sum - others as f64 * mean);
    let variance = (f64::from(sum(lanes)) + other_squares) * inverse_len;
    (mean as f32, 1.0 / (variance as f32 + epsilon).sqrt())
}

#[inline(always)]
fn normalise_body(row: &mut [f32; BRANCHES], gamma: &[f32; BRANCHES], beta: &[f32; BRANCHES], epsilon: f32) {
    let (mean, inverse) = moments(row, 0, [0.0; 2], epsilon);
    for at in 0..BRANCHES {
        row[at] = ((row[at] - mean) * inverse).mul_add(gamma[at], beta[at]);
    }
}
compiled! {
    /// Normalises the projection of a piece.
    fn normalise(row: &mut [f32; BRANCHES], gamma: &[f32; BRANCHES], beta: &[f32; BRANCHES], epsilon: f32) = normalise_body
}

#[inline(always)]
fn embed_body(codes: &[u8; EMBEDDING], scale: f32, low: f32, row: &mut [f32; EMBEDDING]) {
    for at in 0..EMBEDDING {
        row[at] = f32::from(codes[at]).mul_add(scale, low);
    }
}
compiled! {
    /// A row of the embedding from its codes.
    fn embed(codes: &[u8; EMBEDDING], scale: f32, low: f32, row: &mut [f32; EMBEDDING]) = embed_body
}

#[inline(always)]
fn positive(value: f32) -> f32 {
    if value > 0.0 { value } else { 0.0 }
}

#[inline(always)]
fn first_layer<const TAPS: usize, T: Number>(
    products: [&[T; CHANNELS]; TAPS],
    residual: &[T; CHANNELS],
    out: &mut [f32; CHANNELS],
) {
    for at in 0..CHANNELS {
        let mut sum = products[0][at].value();
        for product in &products[1..] {
            sum += product[at].value();
        }
        out[at] = positive(sum) + residual[at].value();
    }
}
compiled! {
    /// The first convolution of a branch of two taps, its `ReLU` and residual, from the products of each tap.
    fn first_layer_2<T: Number>(products: [&[T; CHANNELS]; 2], residual: &[T; CHANNELS], out: &mut [f32; CHANNELS]) = first_layer::<2, T>
}
compiled! {
    /// The same with three taps.
    fn first_layer_3<T: Number>(products: [&[T; CHANNELS]; 3], residual: &[T; CHANNELS], out: &mut [f32; CHANNELS]) = first_layer::<3, T>
}
compiled! {
    /// The same with five taps.
    fn first_layer_5<T: Number>(products: [&[T; CHANNELS]; 5], residual: &[T; CHANNELS], out: &mut [f32; CHANNELS]) = first_layer::<5, T>
}

#[inline(always)]
fn rectify_body(row: &mut [f32]) {
    for value in row {
        *value = positive(*value);
    }
}
compiled! {
    /// Negative numbers become zero.
    fn rectify(row: &mut [f32]) = rectify_body
}

#[inline(always)]
fn rectify_sum_body(row: &mut [f32], other: &[f32]) {
    for (value, other) in row.iter_mut().zip(other) {
        *value = positive(*value + *other);
    }
}
compiled! {
    /// Adds another row; negative sums become zero.
    fn rectify_sum(row: &mut [f32], other: &[f32]) = rectify_sum_body
}

/// The embedding of a piece: its numbers are `code · scale + low`.
#[derive(Clone, Copy)]
pub struct Embedding<'a> {
    pub codes: &'a [u8; EMBEDDING],
    pub scale: f32,
    pub low: f32,
    /// Sums of the numbers and of their squares.
    pub moments: [f64; 2],
}

#[inline(always)]
fn pool_body(embedding: Embedding<'_>, branches: &[f32; BRANCHES], epsilon: f32, pool: &mut [f32; FEATURES]) -> f32 {
    let (mean, inverse) = moments(branches, EMBEDDING, embedding.moments, epsilon);
    let (left, right) = pool.split_at_mut(EMBEDDING);
    let scale = embedding.scale * inverse;
    for (sum, &code) in left.iter_mut().zip(embedding.codes) {
        *sum = f32::from(code).mul_add(scale, *sum);
    }
    for (sum, value) in right.iter_mut().zip(branches) {
        *sum = (value - mean).mul_add(inverse, *sum);
    }
    (embedding.low - mean) * inverse
}
compiled! {
    /// Adds a token's features, normalised but for gain and offset, to those of its text. What is left to add to each
    /// number of the embedding is the same for all; that is given back.
    fn pool(embedding: Embedding<'_>, branches: &[f32; BRANCHES], epsilon: f32, pool: &mut [f32; FEATURES]) -> f32 = pool_body
}

#[inline(always)]
fn add_body(row: &mut [f32], value: f32) {
    for number in row {
        *number += value;
    }
}
compiled! {
    /// Adds one number to all of a row.
    fn add(row: &mut [f32], value: f32) = add_body
}

#[inline(always)]
fn affine_body(row: &mut [f32], gain: f32, gains: &[f32], offset: f32, offsets: &[f32]) {
    for (value, (gains, offsets)) in row.iter_mut().zip(gains.iter().zip(offsets)) {
        *value = (*value * gain).mul_add(*gains, offset * offsets);
    }
}
compiled! {
    /// `row · gain · gains + offset · offsets`
    fn affine(row: &mut [f32], gain: f32, gains: &[f32], offset: f32, offsets: &[f32]) = affine_body
}

#[inline(always)]
fn scale_body(row: &mut [f32], factor: f32) {
    for value in row {
        *value *= factor;
    }
}
compiled! {
    /// Multiplies a row.
    fn scale(row: &mut [f32], factor: f32) = scale_body
}

#[inline(always)]
fn quantise_body(row: &[f32], bytes: &mut [u8]) -> f32 {
    let mut largest = [0f32; LANES];
    for lanes in row.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let size = lanes[lane].abs();
            largest[lane] = if size > largest[lane] { size } else { largest[lane] };
        }
    }
    let largest = fold(largest, |left, right| if left > right { left } else { right });
    if largest < f32::MIN_POSITIVE * 128.0 {
        bytes.fill(128);
        return 0.0;
    }
    let inverse = 127.0 / largest;
    for (byte, value) in bytes.iter_mut().zip(row) {
        *byte = value.mul_add(inverse, ROUND_TO_BYTE).to_bits() as u8;
    }
    largest / 127.0
}
compiled! {
    /// Whole numbers of −127 to 127, 128 added, and what one of them is worth. The row has a multiple of 64 numbers.
    fn quantise(row: &[f32], bytes: &mut [u8]) -> f32 = quantise_body
}

/// e^`x` for x of 0 to 87, within two units in the last place.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    // ln 2 in two parts, the first exact in a product with a small whole number.
    let rest = whole.mul_add(-0.693_145_75, x);
    let rest = whole.mul_add(-1.428_606_8e-6, rest);
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = rest.mul_add(sum, coefficient);
    }
    let power = f32::from_bits((shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23);
    sum * power
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    // Beyond 10 the result rounds to 1.
    let size = x.abs();
    let size = if size < 10.0 { size } else { 10.0 };
    let power = exp(2.0 * size);
    ((power - 1.0) / (power + 1.0)).copysign(x)
}

#[inline(always)]
fn finish_body(row: &mut [f32; EMBEDDING], epsilon: f32) {
    for value in row.iter_mut() {
        *value = tanh(*value);
    }
    let mut sums = [0.0; LANES];
    add_squares(&mut sums, row, 0.0);
    let square = sum(sums);
    let inverse = 1.0 / if square > epsilon { square } else { epsilon }.sqrt();
    for value in row.iter_mut() {
        *value *= inverse;
    }
}
compiled! {
    /// Hyperbolic tangent of every number, and the row brought to length one.
    fn finish(row: &mut [f32; EMBEDDING], epsilon: f32) = finish_body
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::instructions::InstructionSet;
    use super::*;

    proptest! {
        #[test]
        fn tanh_is_near_that_of_double_precision(x in -30f32..30.0) {
            prop_assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 2e-7);
        }

        #[test]
        fn bytes_give_the_row_back(row in proptest::collection::vec(-1e3f32..1e3, 128)) {
            let mut bytes = [0; 128];
            let unit = quantise(InstructionSet::current(), &row, &mut bytes);
            for (&byte, &value) in bytes.iter().zip(&row) {
                prop_assert!(byte > 0);
                prop_assert!(((f32::from(byte) - 128.0) * unit - value).abs() <= 0.5001 * unit);
            }
        }

        #[test]
        fn every_set_gives_the_same_bytes(row in proptest::collection::vec(-20f32..20.0, BRANCHES)) {
            let results: Vec<_> = InstructionSet::current().and_plainer().into_iter().map(|set| {
                let mut normal: [f32; BRANCHES] = row[..].try_into().unwrap();
                normalise(set, &mut normal, &[1.5; BRANCHES], &[0.25; BRANCHES], 1e-12);
                let mut end: [f32; EMBEDDING] = row[..EMBEDDING].try_into().unwrap();
                finish(set, &mut end, 1e-12);
                let mut bytes = vec![0; BRANCHES];
                let unit = quantise(set, &row, &mut bytes);
                let mut sum = [0.5; FEATURES];
                let codes = bytes.first_chunk().unwrap();
                let embedding = Embedding { codes, scale: 0.25, low: -32.0, moments: [7.0, 99_000.0] };
                let rest = pool(set, embedding, &normal, 1e-12, &mut sum);
                add(set, &mut sum[..EMBEDDING], rest);
                (normal.map(f32::to_bits), end.map(f32::to_bits), bytes, unit.to_bits(), sum.map(f32::to_bits))
            }).collect();
            prop_assert!(results.iter().all(|result| *result == results[0]));
        }
    }

    #[test]
    fn a_row_of_zeros_stays_one() {
        let mut bytes = [0; 64];
        assert_eq!(quantise(InstructionSet::current(), &[0.0; 64], &mut bytes).to_bits(), 0);
        assert_eq!(bytes, [128; 64]);
    }
}
