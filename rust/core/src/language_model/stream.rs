//! Texts as one stream of tokens.

use std::collections::HashMap;

use memchr::memchr;
use rayon::prelude::*;

use super::vocabulary::Vocabulary;
use super::{END, LanguageModelError};
use crate::progress::{Cancelled, Progress};

/// Texts that can be read more than once, in parts that threads read side by side.
pub trait Texts: Sync {
    /// Number of parts.
    fn parts(&self) -> usize;

    /// Hands over the texts of a part; the same ones each time.
    ///
    /// # Errors
    /// [`Cancelled`], as `take` gives it.
    fn read(&self, part: usize, take: &mut dyn FnMut(&str) -> Result<(), Cancelled>) -> Result<(), Cancelled>;
}

/// Bytes of lines that one task reads.
const PART_BYTES: usize = 1 << 20;

/// The lines of a buffer, each a text without its line feed (and carriage return).
pub struct Lines<'a> {
    parts: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    /// Cuts the buffer into parts.
    ///
    /// # Errors
    /// [`LanguageModelError::NotUtf8`] where it is not UTF-8.
    pub fn new(bytes: &'a [u8]) -> Result<Self, LanguageModelError> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut text = match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => std::str::from_utf8(bytes).map_err(|error| {
                let byte = error.valid_up_to();
                let line = 1 + memchr::memchr_iter(b'\n', &bytes[..byte]).count() as u64;
                LanguageModelError::NotUtf8 { line, byte: byte as u64 }
            })?,
        };
        let mut parts = Vec::new();
        while !text.is_empty() {
            let from = text.len().min(PART_BYTES);
            let end = memchr(b'\n', &text.as_bytes()[from..]).map_or(text.len(), |at| from + at + 1);
            let (part, rest) = text.split_at(end);
            parts.push(part);
            text = rest;
        }
        Ok(Self { parts })
    }
}

impl Texts for Lines<'_> {
    fn parts(&self) -> usize {
        self.parts.len()
    }

    fn read(&self, part: usize, take: &mut dyn FnMut(&str) -> Result<(), Cancelled>) -> Result<(), Cancelled> {
        self.parts[part].lines().try_for_each(take)
    }
}

impl Texts for [&str] {
    fn parts(&self) -> usize {
        self.len().div_ceil(STRINGS_PER_PART)
    }

    fn read(&self, part: usize, take: &mut dyn FnMut(&str) -> Result<(), Cancelled>) -> Result<(), Cancelled> {
        let start = part * STRINGS_PER_PART;
        self[start..self.len().min(start + STRINGS_PER_PART)].iter().try_for_each(|text| take(text))
    }
}

const STRINGS_PER_PART: usize = 4096;

/// How many tokens the texts have: for each part its tokens and texts, and how often each character comes.
pub struct Counted {
    /// Tokens of each part, the end of each text counted as one.
    pub lengths: Vec<usize>,
    /// Code points that come, ascending, and how often.
    pub characters: Vec<(u32, u64)>,
}

/// The counts of one thread: a table for the characters that Chinese is written in, and a map for the others.
struct Tally {
    plain: Vec<u64>,
    others: HashMap<u32, u64>,
}

impl Tally {
    fn new() -> Self {
        Self { plain: vec![0; 1 << 16], others: HashMap::new() }
    }

    fn add(&mut self, point: u32, count: u64) {
        match self.plain.get_mut(point as usize) {
            Some(entry) => *entry += count,
            None => *self.others.entry(point).or_default() += count,
        }
    }
}

/// Counts characters and texts.
pub fn count(texts: &(impl Texts + ?Sized), progress: &Progress) -> Result<Counted, Cancelled> {
    let parts: Vec<usize> = (0..texts.parts()).collect();
    let share = parts.len().div_ceil(rayon::current_num_threads()).max(1);
    let counted: Vec<(Vec<usize>, Tally)> = parts
        .par_chunks(share)
        .map(|parts| {
            let mut tally = Tally::new();
            let mut lengths = Vec::with_capacity(parts.len());
            for &part in parts {
                progress.check()?;
                let mut length = 0;
                texts.read(part, &mut |text| {
                    length += 1;
                    for character in text.chars() {
                        tally.add(u32::from(character), 1);
                        length += 1;
                    }
                    Ok(())
                })?;
                lengths.push(length);
            }
            Ok((lengths, tally))
        })
        .collect::<Result<_, _>>()?;
    let mut all = Tally::new();
    for (_, tally) in &counted {
        for (point, &count) in tally.plain.iter().enumerate().filter(|&(_, &count)| count > 0) {
            all.add(point as u32, count);
        }
        tally.others.iter().for_each(|(&point, &count)| all.add(point, count));
    }
    let plain =
        all.plain.iter().enumerate().filter(|&(_, &count)| count > 0).map(|(point, &count)| (point as u32, count));
    let mut characters: Vec<(u32, u64)> = plain.chain(all.others).collect();
    characters.sort_unstable();
    Ok(Counted { lengths: counted.into_iter().flat_map(|(lengths, _)| lengths).collect(), characters })
}

/// A number of a token as it is held in a stream.
pub trait Narrow: Copy + Send + Sync + Into<u32> {
    /// The number, which fits.
    fn of(token: u32) -> Self;
}

impl Narrow for u16 {
    fn of(token: u32) -> Self {
        token as Self
    }
}

impl Narrow for u32 {
    fn of(token: u32) -> Self {
        token
    }
}

/// The tokens of all texts, each text with [`END`] after it, and one before the first.
pub enum Stream {
    /// Of a vocabulary of at most 65,536 tokens.
    Small(Vec<u16>),
    /// Of a larger one.
    Large(Vec<u32>),
}

impl Stream {
    /// Bytes of one token of such a vocabulary.
    pub fn token_bytes(vocabulary: usize) -> u64 {
        if vocabulary <= 1 << 16 { 2 } else { 4 }
    }

    /// Reads the texts once more. `lengths` are those that [`count`] found.
    pub fn read(
        texts: &(impl Texts + ?Sized),
        lengths: &[usize],
        vocabulary: &Vocabulary,
        progress: &Progress,
    ) -> Result<Self, Cancelled> {
        Ok(if vocabulary.len() <= 1 << 16 {
            Self::Small(read(texts, lengths, vocabulary, progress)?)
        } else {
            Self::Large(read(texts, lengths, vocabulary, progress)?)
        })
    }

    /// From the tokens of texts one after the other; `ends` says where each text ends.
    pub fn of_ids(ids: &[u32], ends: &[u64], vocabulary: &Vocabulary) -> Self {
        fn stream<T: Narrow>(ids: &[u32], ends: &[u64], vocabulary: &Vocabulary) -> Vec<T> {
            let mut tokens = Vec::with_capacity(ids.len() + ends.len() + 1);
            tokens.push(T::of(END));
            let mut start = 0;
            for &end in ends {
                tokens.extend(ids[start..end as usize].iter().map(|&id| T::of(vocabulary.token(id))));
                tokens.push(T::of(END));
                start = end as usize;
            }
            tokens
        }
        if vocabulary.len() <= 1 << 16 {
            Self::Small(stream(ids, ends, vocabulary))
        } else {
            Self::Large(stream(ids, ends, vocabulary))
        }
    }
}

fn read<T: Narrow>(
    texts: &(impl Texts + ?Sized),
    lengths: &[usize],
    vocabulary: &Vocabulary,
    progress: &Progress,
) -> Result<Vec<T>, Cancelled> {
    let total: usize = lengths.iter().sum();
    let mut tokens = vec![T::of(END); total + 1];
    let mut rest = &mut tokens[1..];
    let mut spaces = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let (space, after) = rest.split_at_mut(length);
        spaces.push(space);
        rest = after;
    }
    spaces.into_par_iter().enumerate().try_for_each(|(part, space)| {
        progress.check()?;
        // Texts that changed meanwhile leave ends of texts, or are cut.
        let mut space = space.iter_mut();
        texts.read(part, &mut |text| {
            vocabulary.each_token(text, |token, _, _| {
                if let Some(place) = space.next() {
                    *place = T::of(token);
                }
            });
            if let Some(place) = space.next() {
                *place = T::of(END);
            }
            Ok(())
        })
    })?;
    Ok(tokens)
}
