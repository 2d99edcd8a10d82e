//! Vocabularies: models of sentencepiece as they are stored, and the ids of texts by those of the kind BPE.
//!
//! [`model`] reads a model, [`normaliser`] brings a text into the form that its pieces have. [`symbols`] finds which
//! pieces can come about and from which pairs, [`trie`] which start at a place of a text. [`walk`] goes over a text,
//! [`matches`] cuts it where no piece goes on and merges what is between, [`queue`] merges what is long. [`words`] are
//! short and ASCII and looked up in a [`memo`]; [`new_words`] are not there yet. [`texts`] does many texts on many threads.

mod characters;
pub mod encoder;
mod lines;
mod matcher;
mod matches;
mod memo;
mod merges;
pub(crate) mod model;
mod new_words;
mod node;
pub(crate) mod normaliser;
mod pair_table;
mod pieces;
pub(crate) mod proto;
mod queue;
mod sink;
mod symbols;
#[cfg(test)]
mod tests;
mod texts;
mod trie;
mod unused;
mod walk;
mod word_trie;
mod words;

pub use encoder::BytePairEncoder;
pub use lines::Lines;
pub use texts::Encoded;

/// What is wrong with a model of sentencepiece.
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
    /// A sentencepiece model of another kind than is needed.
    #[error("a sentencepiece model that the encoder cannot use: {rule}")]
    Unsupported {
        /// What the encoder needs.
        rule: String,
    },
}

fn unsupported(rule: String) -> ModelError {
    ModelError::Unsupported { rule }
}
