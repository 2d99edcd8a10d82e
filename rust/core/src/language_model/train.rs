//! From texts to a model.

use super::counts::{Room, count};
use super::estimate::Estimated;
use super::image::LanguageModel;
use super::score::check_ends;
use super::stream::{self, Stream, Texts};
use super::vocabulary::{Vocabulary, of_characters};
use super::{LanguageModelError, MOST_ORDER};
use crate::progress::Progress;

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Tokens of the longest n-grams, 1 to [`MOST_ORDER`].
    pub order: usize,
    /// Bytes of memory that may be used at most, those of the model among them.
    pub memory: u64,
}

/// Bytes for what does not grow with the texts: tables of characters, buffers, the vocabulary.
const FIXED: u64 = 24 << 20;

impl Parameters {
    fn check(&self) -> Result<(), LanguageModelError> {
        if (1..=MOST_ORDER).contains(&self.order) {
            return Ok(());
        }
        Err(LanguageModelError::Parameter { name: "order", value: self.order.to_string(), rule: "it must be 1 to 6" })
    }
}

/// Trains a model on the characters of texts.
///
/// The result depends on the texts alone: not on their order, the memory, or the number of threads.
///
/// # Errors
/// [`LanguageModelError::NoText`], if there is none; [`LanguageModelError::Memory`], if the limit is too small;
/// [`LanguageModelError::Cancelled`].
pub fn train(
    texts: &(impl Texts + ?Sized),
    parameters: Parameters,
    progress: &Progress,
) -> Result<Estimated, LanguageModelError> {
    parameters.check()?;
    let counted = stream::count(texts, progress)?;
    let total: u64 = counted.lengths.iter().map(|&length| length as u64).sum();
    let vocabulary = of_characters(&counted.characters)?;
    check_room(total, &vocabulary, parameters)?;
    let stream = Stream::read(texts, &counted.lengths, &vocabulary, progress)?;
    estimate(stream, total, vocabulary, parameters, progress)
}

/// Trains a model on texts that a tokenizer has cut: the numbers of all pieces, and where those of each text end. The
/// vocabulary says which piece is which token.
///
/// # Errors
/// As [`train`], and [`LanguageModelError::Unsuitable`] for ends that do not ascend.
pub fn train_ids(
    ids: &[u32],
    ends: &[u64],
    vocabulary: Vocabulary,
    parameters: Parameters,
    progress: &Progress,
) -> Result<Estimated, LanguageModelError> {
    parameters.check()?;
    check_ends(ids.len(), ends)?;
    let total = (ids.len() + ends.len()) as u64;
    check_room(total, &vocabulary, parameters)?;
    let stream = Stream::of_ids(ids, ends, &vocabulary);
    estimate(stream, total, vocabulary, parameters, progress)
}

fn check_room(tokens: u64, vocabulary: &Vocabulary, parameters: Parameters) -> Result<(), LanguageModelError> {
    if tokens == 0 {
        return Err(LanguageModelError::NoText);
    }
    let needed = FIXED + tokens * Stream::token_bytes(vocabulary.len());
    if needed > parameters.memory {
        return Err(LanguageModelError::Memory { needed, limit: parameters.memory, what: "the texts alone" });
    }
    Ok(())
}

fn estimate(
    stream: Stream,
    tokens: u64,
    vocabulary: Vocabulary,
    parameters: Parameters,
    progress: &Progress,
) -> Result<Estimated, LanguageModelError> {
    let names = vocabulary.len() as u64 * 64;
    let after = |ngrams: &[u64]| {
        let own: u64 = ngrams.iter().map(|ngrams| 20 * ngrams).sum();
        FIXED + names + Estimated::memory(ngrams).max(own + LanguageModel::image_bytes(ngrams))
    };
    let room = Room {
        limit: parameters.memory,
        held: FIXED + names + tokens * Stream::token_bytes(vocabulary.len()),
        after: &after,
    };
    let counts = count(&stream, vocabulary.len(), parameters.order, &room, progress)?;
    drop(stream);
    Estimated::of(counts, vocabulary, progress)
}
