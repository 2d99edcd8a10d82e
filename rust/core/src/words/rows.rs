//! The content words of rows as flat numbers: read in one pass, measured and chosen from as often as wanted.

use rayon::prelude::*;

use super::content::{Content, ContentWords};
use super::cut::CutBuffers;
use super::names::Names;
use crate::batch::{RowScratch, Rows};
use crate::progress::{Cancelled, Progress};
use crate::text::Field;

/// Stands where a turn ends: words on its two sides are no pair.
pub const TURN_END: u32 = u32::MAX;
/// While reading: numbers from here on are of words that are in no dictionary.
const FOREIGN: u32 = 1 << 31;
/// Rows that are read before their words are put together.
const ROWS_AT_ONCE: usize = 1 << 15;
/// Rows that one task reads.
const ROWS_PER_TASK: usize = 256;

/// The content words of rows, in the order of their texts: 4 bytes a word and turn, 28 a row, and the words themselves.
///
/// Words are numbered from 0 by how many there are in these rows, the most frequent first, equally frequent ones by
/// their text: the numbers do not depend on the order of rows.
#[derive(Clone, Debug, Default)]
pub struct RowWords {
    /// The rows that were read, ascending.
    rows: Vec<u32>,
    /// The places of these rows in the order of keeping.
    order: Vec<u32>,
    starts: Vec<u64>,
    /// Where the answers begin among a row's words.
    answers: Vec<u32>,
    characters: Vec<u32>,
    words: Vec<u32>,
    counts: Vec<u64>,
    spelled: Vec<u8>,
    spelled_ends: Vec<usize>,
}

/// What one task has read.
struct Part {
    words: Vec<u32>,
    ends: Vec<usize>,
    answers: Vec<u32>,
    characters: Vec<u32>,
    names: Names,
}

impl Part {
    fn read(rows: &dyn Rows, numbers: &[u32], content: &ContentWords) -> Self {
        let mut part = Self {
            words: Vec::new(),
            ends: Vec::with_capacity(numbers.len()),
            answers: Vec::with_capacity(numbers.len()),
            characters: Vec::with_capacity(numbers.len()),
            names: Names::default(),
        };
        let (mut scratch, mut buffers, mut lower) = (RowScratch::default(), CutBuffers::default(), String::new());
        for &row in numbers {
            let (turns, at) = rows.read(row, &mut scratch);
            let start = part.words.len();
            let mut characters = 0;
            for prompts in [true, false] {
                for (_, text) in turns.of(at).filter(|&(role, _)| Field::Prompt.includes(role) == prompts) {
                    let text = String::from_utf8_lossy(text);
                    characters += part.add(&text, content, &mut buffers, &mut lower);
                }
                if prompts {
                    part.answers.push((part.words.len() - start) as u32);
                }
            }
            part.characters.push(characters);
            part.ends.push(part.words.len());
        }
        part
    }

    /// Adds the words of a turn; gives its characters.
    fn add(&mut self, text: &str, content: &ContentWords, buffers: &mut CutBuffers, lower: &mut String) -> u32 {
        let Self { words, names, .. } = self;
        let before = words.len();
        content.dictionary().cut(text, buffers, |token| match content.of(text, token) {
            Some(Content::Known(word)) => words.push(word),
            Some(Content::Foreign(word)) => {
                lower.clear();
                lower.push_str(word);
                lower.make_ascii_lowercase();
                words.push(FOREIGN | names.number(lower));
            }
            None => {}
        });
        if words.len() > before {
            words.push(TURN_END);
        }
        text.chars().count() as u32
    }
}

impl RowWords {
    /// Reads the rows for which `alive` holds, or all.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn read(rows: &dyn Rows, alive: Option<&[bool]>, progress: &Progress) -> Result<Self, Cancelled> {
        let content = ContentWords::shared();
        let stands = |&row: &u32| alive.is_none_or(|alive| alive[row as usize]);
        let order: Vec<u32> = (0..rows.len() as u32).filter(stands).collect();
        progress.expect(order.len() as u64);
        let mut read = Self { starts: vec![0], ..Self::default() };
        let mut names = Names::default();
        for numbers in order.chunks(ROWS_AT_ONCE) {
            progress.check()?;
            let parts: Vec<Part> =
                numbers.par_chunks(ROWS_PER_TASK).map(|numbers| Part::read(rows, numbers, content)).collect();
            for part in &parts {
                read.append(part, &mut names);
            }
            progress.advance(numbers.len() as u64);
        }
        progress.check()?;
        read.order = (0..order.len() as u32).collect();
        read.order.par_sort_unstable_by(|&left, &right| rows.keep_order(order[left as usize], order[right as usize]));
        read.rows = order;
        read.renumber(content, &names);
        Ok(read)
    }

    fn append(&mut self, part: &Part, names: &mut Names) {
        let known: Vec<u32> =
            (0..part.names.count() as u32).map(|name| FOREIGN | names.number(part.names.get(name))).collect();
        let before = self.words.len() as u64;
        self.words.extend(part.words.iter().map(|&word| {
            let foreign = word & FOREIGN != 0 && word != TURN_END;
            if foreign { known[(word ^ FOREIGN) as usize] } else { word }
        }));
        self.starts.extend(part.ends.iter().map(|&end| before + end as u64));
        self.answers.extend_from_slice(&part.answers);
        self.characters.extend_from_slice(&part.characters);
    }

    /// Numbers the words by how often they occur.
    fn renumber(&mut self, content: &ContentWords, names: &Names) {
        let places = content.dictionary().places();
        let place = |word: u32| if word & FOREIGN == 0 { word as usize } else { places + (word ^ FOREIGN) as usize };
        let mut counts = vec![0_u64; places + names.count()];
        for &word in self.words.iter().filter(|&&word| word != TURN_END) {
            counts[place(word)] += 1;
        }
        let mut spelled: Vec<(u64, String, usize)> = (0..counts.len())
            .filter(|&at| counts[at] > 0)
            .map(|at| {
                let word = match at.checked_sub(places) {
                    None => content.dictionary().word(at as u32),
                    Some(name) => names.get(name as u32).to_owned(),
                };
                (counts[at], word, at)
            })
            .collect();
        spelled.par_sort_unstable_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        let mut number = vec![TURN_END; counts.len()];
        for (new, (count, word, at)) in spelled.into_iter().enumerate() {
            number[at] = new as u32;
            self.counts.push(count);
            self.spelled.extend_from_slice(word.as_bytes());
            self.spelled_ends.push(self.spelled.len());
        }
        self.words.par_iter_mut().filter(|word| **word != TURN_END).for_each(|word| *word = number[place(*word)]);
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows that were read, ascending. Elsewhere here a row is named by its place among these.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The rows in the order of keeping, which is that of a hash of their content: the first of it are a choice by chance.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// So many rows with the most characters; of equally long ones the first in the order of keeping.
    #[must_use]
    pub fn longest(&self, most: usize) -> Vec<u32> {
        let mut order = self.order.clone();
        order.par_sort_by_key(|&at| std::cmp::Reverse(self.characters[at as usize]));
        order.truncate(most);
        order
    }

    /// The words of a row, [`TURN_END`] after each turn with any: those of the prompts, then those of the answers.
    #[must_use]
    pub fn of(&self, at: usize) -> (&[u32], &[u32]) {
        let words = &self.words[self.starts[at] as usize..self.starts[at + 1] as usize];
        words.split_at(self.answers[at] as usize)
    }

    /// Characters of each row's turns.
    #[must_use]
    pub fn characters(&self) -> &[u32] {
        &self.characters
    }

    /// How often each word occurs in all rows; never 0.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The word of a number; empty if there is none.
    #[must_use]
    pub fn word(&self, number: u32) -> &str {
        let at = number as usize;
        let start = at.checked_sub(1).and_then(|before| self.spelled_ends.get(before)).copied().unwrap_or(0);
        let word = self.spelled_ends.get(at).and_then(|&end| self.spelled.get(start..end)).unwrap_or_default();
        std::str::from_utf8(word).unwrap_or_default()
    }
}
