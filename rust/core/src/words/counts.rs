//! Counts the content words of texts.

use super::content::{Content, ContentWords};
use super::cut::CutBuffers;
use super::names::Names;
use crate::memory::prefetch;

/// How often each content word was in the texts so far.
#[derive(Default)]
pub struct WordCounts {
    /// Of the words of the dictionary, by number.
    known: Vec<u64>,
    names: Names,
    foreign: Vec<u64>,
    /// Words that are still to be counted: their counts were asked for, and memory takes its time.
    waiting: Vec<u32>,
    buffers: CutBuffers,
    lower: String,
}

/// Words that wait.
const WAITING: usize = 32;

impl WordCounts {
    /// Counts the words of a text; those of one letter case are those of the other.
    pub fn add(&mut self, text: &str) {
        let content = ContentWords::shared();
        let Self { known, names, foreign, waiting, buffers, lower } = self;
        known.resize(content.dictionary().places(), 0);
        content.dictionary().cut(text, buffers, |token| match content.of(text, token) {
            Some(Content::Known(word)) => {
                prefetch(known.as_ptr().wrapping_add(word as usize).cast());
                waiting.push(word);
                if waiting.len() == WAITING {
                    waiting.drain(..).for_each(|word| known[word as usize] += 1);
                }
            }
            Some(Content::Foreign(word)) => {
                lower.clear();
                lower.push_str(word);
                lower.make_ascii_lowercase();
                let number = names.number(lower) as usize;
                foreign.resize(names.count(), 0);
                foreign[number] += 1;
            }
            None => {}
        });
        waiting.drain(..).for_each(|word| known[word as usize] += 1);
    }

    /// The words and how often they were there, the most frequent first, equally frequent ones by their text.
    #[must_use]
    pub fn sorted(&self) -> Vec<(String, u64)> {
        let dictionary = ContentWords::shared().dictionary();
        let known = self.known.iter().enumerate().filter(|&(_, &count)| count > 0);
        let known = known.map(|(word, &count)| (dictionary.word(word as u32), count));
        let foreign =
            self.foreign.iter().enumerate().map(|(name, &count)| (self.names.get(name as u32).to_owned(), count));
        let mut counts: Vec<(String, u64)> = known.chain(foreign).collect();
        counts.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        counts
    }
}
