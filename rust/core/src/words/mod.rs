//! Words of texts: cut as jieba does without its hidden Markov model, counted, and measured.
//!
//! The dictionary is that of the crate jieba-rs; the words are the same as its `cut(text, false)`.

mod content;
mod cut;
mod dictionary;

pub use content::{Content, ContentWords};
pub use cut::{CutBuffers, Token};
pub use dictionary::Dictionary;

#[cfg(test)]
mod tests;
