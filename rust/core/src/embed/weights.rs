//! The encoder's weights: named arrays from the caller, checked and laid out for the products.

use std::collections::HashMap;

use super::ModelError;
use super::head::Head;
use super::layout::{BRANCHES, CHANNELS, EMBEDDING, FEATURES, HIDDEN, PARTS, WINDOWS};
use super::product_f32::MatrixF32;
use super::product_i8::MatrixI8;
use crate::memory::prefetch_slice;

/// Numbers of an array, in the order in which the last index runs fastest.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floating-point numbers.
    F32(Vec<f32>),
    /// Codes of the embedding.
    U8(Vec<u8>),
    /// Numbers of a type that the encoder has no use for; its name.
    Other(String),
}

/// An array of any number of dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The numbers, as many as the product of the lengths.
    pub values: Values,
}

/// The arrays of a model by their names; those that the encoder does not use may be there.
pub type Weights = HashMap<String, Array>;

/// A matrix in both precisions.
pub(super) struct Matrix {
    pub f32: MatrixF32,
    pub i8: MatrixI8,
}

impl Matrix {
    pub fn new(rows: &[f32], taps: usize, columns: usize, bias: &[f32]) -> Self {
        Self { f32: MatrixF32::new(rows, columns, bias), i8: MatrixI8::new(rows, taps, columns, bias) }
    }
}

/// Everything that is multiplied or added.
pub(super) struct Parameters {
    /// Codes of the embedding, `uint8 [pieces, EMBEDDING]`.
    codes: Vec<u8>,
    scales: Vec<f32>,
    lows: Vec<f32>,
    pub projection: MatrixF32,
    pub gamma: [f32; BRANCHES],
    pub beta: [f32; BRANCHES],
    /// For each branch, from a normalised projection to the products of each tap.
    pub first: Vec<MatrixF32>,
    pub second: Vec<Matrix>,
    pub head: Head,
    pub epsilon: f32,
}

impl Parameters {
    /// From a model's arrays.
    pub fn new(weights: &Weights) -> Result<Self, ModelError> {
        let weights = Reader(weights);
        let projections = weights.of_branches("proj", &[EMBEDDING, CHANNELS])?;
        let first = weights.of_taps("w1_")?;
        let first_bias = weights.of_branches("b1_", &[CHANNELS])?;
        let second = weights.of_taps("w2_")?;
        let second_bias = weights.of_branches("b2_", &[CHANNELS])?;
        let beside = |left: &[f32], right: &[f32], widths: [usize; 2]| -> Vec<f32> {
            let rows = left.chunks_exact(widths[0]).zip(right.chunks_exact(widths[1]));
            rows.flat_map(|(left, right)| left.iter().chain(right)).copied().collect()
        };
        let two = beside(projections[0], projections[1], [CHANNELS, CHANNELS]);
        let projection = beside(&two, projections[2], [2 * CHANNELS, CHANNELS]);
        let head = Head {
            gamma: weights.f32("ln_g", &[FEATURES])?.to_vec(),
            beta: weights.f32("ln_b", &[FEATURES])?.to_vec(),
            output: Matrix::new(
                weights.f32("cnn_W", &[FEATURES, EMBEDDING])?,
                1,
                EMBEDDING,
                weights.f32("cnn_b", &[EMBEDDING])?,
            ),
            both: plain(
                &beside(
                    weights.f32("d0", &[EMBEDDING, HIDDEN])?,
                    weights.f32("p1", &[EMBEDDING, HIDDEN])?,
                    [HIDDEN, HIDDEN],
                ),
                2 * HIDDEN,
            ),
            second: plain(weights.f32("d1", &[HIDDEN, HIDDEN])?, HIDDEN),
            third: plain(weights.f32("d2", &[HIDDEN, EMBEDDING])?, EMBEDDING),
            last: plain(
                &[weights.f32("p3", &[HIDDEN, EMBEDDING])?, weights.f32("d3", &[EMBEDDING, EMBEDDING])?].concat(),
                EMBEDDING,
            ),
        };
        Ok(Self {
            codes: weights.codes()?,
            scales: weights.f32("scale", &[PARTS])?.to_vec(),
            lows: weights.f32("lo", &[PARTS])?.to_vec(),
            projection: MatrixF32::new(&projection, BRANCHES, &weights.joined("proj_b")?),
            gamma: weights.joined("ln_g")?,
            beta: weights.joined("ln_b")?,
            first: first.iter().zip(first_bias).map(|(rows, bias)| taps_side_by_side(rows, bias)).collect(),
            second: (0..WINDOWS.len())
                .map(|branch| Matrix::new(second[branch], WINDOWS[branch].taps, CHANNELS, second_bias[branch]))
                .collect(),
            head,
            epsilon: weights.f32("eps", &[])?[0],
        })
    }

    /// How many pieces have a row.
    pub fn pieces(&self) -> usize {
        self.codes.len() / EMBEDDING
    }

    /// Codes of a piece, what one is worth, and what code 0 stands for. A piece that has no row is the unknown one.
    pub fn embedding(&self, piece: u32) -> (&[u8; EMBEDDING], f32, f32) {
        let rows = self.codes.as_chunks::<EMBEDDING>().0;
        let piece = if (piece as usize) < rows.len() { piece as usize } else { 0 };
        (&rows[piece], self.scales[piece % PARTS], self.lows[piece % PARTS])
    }

    /// Asks for the codes of a piece.
    pub fn prefetch_embedding(&self, piece: u32) {
        prefetch_slice(self.embedding(piece).0);
    }
}

fn plain(rows: &[f32], columns: usize) -> Matrix {
    Matrix::new(rows, 1, columns, &vec![0.0; columns])
}

/// A convolution as a matrix that gives the products of each tap beside each other; the bias goes with the token's own.
fn taps_side_by_side(rows: &[f32], bias: &[f32]) -> MatrixF32 {
    let taps = rows.len() / (CHANNELS * CHANNELS);
    let mut side_by_side = Vec::with_capacity(rows.len());
    for channel in 0..CHANNELS {
        for tap in 0..taps {
            side_by_side.extend_from_slice(&rows[(tap * CHANNELS + channel) * CHANNELS..][..CHANNELS]);
        }
    }
    let mut biases = vec![0.0; taps * CHANNELS];
    for branch in WINDOWS.iter().filter(|branch| branch.taps == taps) {
        biases[branch.left * CHANNELS..][..CHANNELS].copy_from_slice(bias);
    }
    MatrixF32::new(&side_by_side, taps * CHANNELS, &biases)
}

/// Arrays by name and shape.
struct Reader<'a>(&'a Weights);

impl<'a> Reader<'a> {
    fn array(&self, name: &str) -> Result<&'a Array, ModelError> {
        self.0.get(name).ok_or_else(|| ModelError::Missing { name: name.to_owned() })
    }

    /// Finite numbers of a shape; without a dimension, one number in any shape.
    fn f32(&self, name: &str, shape: &[usize]) -> Result<&'a [f32], ModelError> {
        let array = self.array(name)?;
        let expected = || format!("float32 {shape:?}");
        match &array.values {
            Values::F32(values)
                if values.len() == shape.iter().product::<usize>() && (shape.is_empty() || array.shape == shape) =>
            {
                match values.iter().find(|value| !value.is_finite()) {
                    Some(value) => Err(wrong(name, "finite numbers".into(), format!("with {value} among them"))),
                    None => Ok(values),
                }
            }
            _ => Err(wrong(name, expected(), describe(array))),
        }
    }

    /// One array for each branch, by the name with its number of taps.
    fn of_branches(&self, name: &str, shape: &[usize]) -> Result<Vec<&'a [f32]>, ModelError> {
        WINDOWS.iter().map(|branch| self.f32(&format!("{name}{}", branch.taps), shape)).collect()
    }

    fn of_taps(&self, name: &str) -> Result<Vec<&'a [f32]>, ModelError> {
        let matrix = |taps: usize| self.f32(&format!("{name}{taps}"), &[taps * CHANNELS, CHANNELS]);
        WINDOWS.iter().map(|branch| matrix(branch.taps)).collect()
    }

    fn joined(&self, name: &str) -> Result<[f32; BRANCHES], ModelError> {
        let mut joined = [0.0; BRANCHES];
        for (part, values) in joined.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(self.of_branches(name, &[CHANNELS])?)
        {
            part.copy_from_slice(values);
        }
        Ok(joined)
    }

    /// The codes of all parts, in the order of the pieces.
    fn codes(&self) -> Result<Vec<u8>, ModelError> {
        let mut parts = Vec::new();
        for number in 1..=PARTS {
            let name = format!("q{number}");
            let array = self.array(&name)?;
            let rows = array.shape.first().copied().unwrap_or_default();
            let expected_rows = parts.first().map_or(rows, |part: &&[[u8; EMBEDDING]]| part.len());
            match &array.values {
                Values::U8(values)
                    if rows == expected_rows
                        && array.shape == [rows, EMBEDDING]
                        && rows.checked_mul(EMBEDDING) == Some(values.len())
                        && rows > 0 =>
                {
                    parts.push(values.as_chunks::<EMBEDDING>().0);
                }
                _ => {
                    let rows = if parts.is_empty() { "rows".to_owned() } else { expected_rows.to_string() };
                    return Err(wrong(&name, format!("uint8 [{rows}, {EMBEDDING}]"), describe(array)));
                }
            }
        }
        let rows = parts.first().map_or(0, |part| part.len());
        let mut codes = Vec::with_capacity(rows * PARTS * EMBEDDING);
        for row in 0..rows {
            for part in &parts {
                codes.extend_from_slice(&part[row]);
            }
        }
        Ok(codes)
    }
}

fn wrong(name: &str, expected: String, found: String) -> ModelError {
    ModelError::WrongArray { name: name.to_owned(), expected, found }
}

fn describe(array: &Array) -> String {
    let (kind, len) = match &array.values {
        Values::F32(values) => ("float32", Some(values.len())),
        Values::U8(values) => ("uint8", Some(values.len())),
        Values::Other(name) => (&name[..], None),
    };
    let product = array.shape.iter().try_fold(1usize, |product, &len| product.checked_mul(len));
    match len {
        Some(len) if product != Some(len) => format!("{kind} {:?} of {len} numbers", array.shape),
        _ => format!("{kind} {:?}", array.shape),
    }
}
