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
mod product_f32;
mod product_i8;
mod table;
pub mod unigram;
pub mod weights;

pub use encoder::{Buffers, DIMENSIONS, Encoder, Precision};
pub use unigram::Unigram;
pub use weights::{Array, Weights};

/// What is wrong with the files of a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No sentencepiece model, or one of another kind than the encoder was trained with.
    #[error(transparent)]
    Vocabulary(#[from] crate::vocab::ModelError),
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
