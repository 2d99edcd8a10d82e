//! Words of texts: cut as jieba does without its hidden Markov model, counted, and measured.
//!
//! The dictionary is that of the crate jieba-rs; the words are the same as its `cut(text, false)`.

mod content;
mod counts;
mod cut;
mod dictionary;
mod measures;
mod names;
mod rows;

pub use content::{Content, ContentWords};
pub use counts::WordCounts;
pub use cut::{CutBuffers, Token};
pub use dictionary::Dictionary;
pub use measures::Measures;
pub use rows::{RowWords, TURN_END};

#[cfg(test)]
mod tests;
