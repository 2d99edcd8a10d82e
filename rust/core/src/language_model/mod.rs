//! An n-gram language model: interpolated modified Kneser-Ney (Chen and Goodman 1998) over characters, the pieces of a
//! tokenizer, or words.
//!
//! `train` counts the n-grams of texts ([`counts`]), estimates their probabilities ([`estimate`]) and lays them out as
//! one image of bytes ([`image`]), which [`LanguageModel`] uses in memory or mapped from a file. [`score`] adds up what
//! the n-grams of a text are worth, [`tokens`] tells the probability of each token; [`arpa`] is the format that other
//! tools read, [`rows`] trains on and scores the rows of a run. Ranges of the last token, and edge cases of `<s>`,
//! `</s>` and `<unk>`, are those of `KenLM`'s `lmplz` (Heafield et al. 2013), so that the same text gives the same model.

pub mod arpa;
mod arpa_names;
mod build;
mod counts;
mod discounts;
mod estimate;
mod image;
mod imported;
pub mod rows;
mod score;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod train;
mod vocabulary;

pub use self::discounts::Discount;
pub use self::estimate::Estimated;
pub use self::image::{Info, LanguageModel};
pub use self::score::{Score, score_ids, score_texts};
pub use self::stream::{Lines, Texts};
pub use self::tokens::Token;
pub use self::train::{Parameters, train, train_ids};
pub use self::vocabulary::{Kind, Vocabulary};

use crate::progress::Cancelled;

/// The longest n-grams of a model.
pub const MOST_ORDER: usize = 6;
/// The number of `<unk>`, which stands for every token that the vocabulary lacks.
pub const UNKNOWN: u32 = 0;
/// The number of `<s>`, before the first token of every text.
pub const BEGIN: u32 = 1;
/// The number of `</s>`, after the last token of every text.
pub const END: u32 = 2;
/// The number of the first token of the vocabulary that is none of these three.
pub const FIRST_TOKEN: u32 = 3;

/// Why there is no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LanguageModelError {
    /// The user pressed Ctrl-C.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A setting is out of range.
    #[error("{name} is {value}: {rule}")]
    Parameter {
        /// The setting.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The limit of memory is too small for the model.
    #[error("the model needs {needed} bytes of memory for {what}, and the limit is {limit}")]
    Memory {
        /// Bytes that would do.
        needed: u64,
        /// Bytes that are allowed.
        limit: u64,
        /// What needs them.
        what: &'static str,
    },
    /// There is nothing to train on.
    #[error("there is no text to train on")]
    NoText,
    /// More tokens or n-grams than numbers of 32 bits can count.
    #[error("too many {0}: at most 4,294,967,294")]
    TooMany(&'static str),
    /// Texts that are not what they must be.
    #[error("line {line} (byte {byte}) is not UTF-8")]
    NotUtf8 {
        /// The line, from 1.
        line: u64,
        /// The first wrong byte, from 0.
        byte: u64,
    },
    /// The bytes are no model, or a damaged one.
    #[error("{0}")]
    Damaged(String),
    /// A line of an ARPA file is wrong.
    #[error("line {line}: {message}")]
    Arpa {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// The model cannot do this.
    #[error("{0}")]
    Unsuitable(String),
}
