//! Vectors of texts by the multilingual Universal Sentence Encoder, from weights that the caller hands over.
//!
//! [`unigram`] cuts a text into pieces, [`encoder`] turns the pieces into 512 numbers of length one. A text's vector
//! is the same bytes on every instruction set, for any number of threads and whatever other texts stand beside it.

mod aligned;
mod convolution;
pub mod encoder;
mod head;
pub mod instructions;
mod lanes;
mod layout;
mod normaliser;
mod product_f32;
mod product_i8;
mod proto;
mod table;
pub mod unigram;
pub mod weights;

pub use encoder::{Buffers, DIMENSIONS, Encoder, Precision};
pub use unigram::Unigram;
pub use weights::{Array, Weights};

/// What is wrong with the files of a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The bytes are no sentencepiece model.
    #[error("not a sentencepiece model: {rule} (at byte {byte})")]
    Malformed {
        /// What was expected.
        rule: &'static str,
        /// Where in the file, or in the field that holds the mistake.
        byte: usize,
    },
    /// A sentencepiece model of another kind than the encoder was trained with.
    #[error("a sentencepiece model that the encoder cannot use: {rule}")]
    Unsupported {
        /// What the encoder needs.
        rule: String,
    },
    /// An array is not there.
    #[error("the weights have no array `{name}`")]
    Missing {
        /// The array's name.
        name: String,
    },
    /// An array has another shape or type, or values that are no numbers.
    #[error("the weights' array `{name}` must be {expected}, not {found}")]
    WrongArray {
        /// The array's name.
        name: String,
        /// Type and shape that the encoder needs.
        expected: String,
        /// What it is.
        found: String,
    },
}
