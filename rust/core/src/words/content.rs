//! Which words say what a text is about, and which are the same.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::cut::Token;
use super::dictionary::{Dictionary, FLAGS_SHIFT};

/// Function words of Chinese and English: ours, see the file.
static STOP_WORDS: &str = include_str!("stop_words.txt");
/// The word says something.
const CONTENT: u32 = 1 << FLAGS_SHIFT;
/// The word is another one in lower case.
const FOLDED: u32 = 2 << FLAGS_SHIFT;
/// A token of more bytes is no word of anybody's language.
const LONGEST_FOREIGN: usize = 40;

/// A token that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A word of the dictionary, by its number.
    Known(u32),
    /// Letters and digits that are none; in lower case they are the word.
    Foreign(&'a str),
}

/// Words with what is known of them.
pub struct ContentWords {
    dictionary: Dictionary,
    /// Words that have a lower-case form in the dictionary, with it; ascending.
    folded: Vec<(u32, u32)>,
    stop_words: HashSet<&'static str>,
    /// For each length in bytes which letters, from a to z, a function word of English begins with.
    stop_beginnings: [u32; LONGEST_FOREIGN + 1],
}

impl ContentWords {
    /// Those of the dictionary of jieba-rs, made when they are first asked for: in about a tenth of a second.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<ContentWords> = LazyLock::new(|| ContentWords::new(Dictionary::jieba()));
        &SHARED
    }

    fn new(mut dictionary: Dictionary) -> Self {
        let stop_words: HashSet<&str> =
            STOP_WORDS.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
        let numbers: Vec<u32> = dictionary.numbers().collect();
        let mut folded = Vec::new();
        for number in numbers {
            let word = dictionary.word(number);
            if !stop_words.contains(word.as_str()) && !word.chars().all(is_digit) {
                dictionary.set_flags(number, CONTENT);
            }
            if word.bytes().any(|byte| byte.is_ascii_uppercase())
                && let Some(lower) = dictionary.number(&word.to_ascii_lowercase())
            {
                dictionary.set_flags(number, FOLDED);
                folded.push((number, lower));
            }
        }
        let mut stop_beginnings = [0; LONGEST_FOREIGN + 1];
        for word in &stop_words {
            if let (Some(letters), Some(first)) = (stop_beginnings.get_mut(word.len()), word.bytes().next()) {
                *letters |= letter_bit(first);
            }
        }
        Self { dictionary, folded, stop_words, stop_beginnings }
    }

    /// The dictionary by which texts are cut.
    #[must_use]
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// Function words.
    pub fn stop_words(&self) -> impl Iterator<Item = &'static str> {
        self.stop_words.iter().copied()
    }

    /// What a token of a text says: None for a function word, a number, punctuation, a single letter, and for what is
    /// too long for a word.
    #[inline]
    #[must_use]
    pub fn of<'a>(&self, text: &'a str, token: Token) -> Option<Content<'a>> {
        match token.word() {
            Some(number) if token.has(CONTENT) => {
                Some(Content::Known(if token.has(FOLDED) { self.lower(number) } else { number }))
            }
            Some(_) => None,
            None => self.foreign(text.get(token.start..token.end)?).map(Content::Foreign),
        }
    }

    #[cold]
    fn lower(&self, number: u32) -> u32 {
        self.folded.binary_search_by_key(&number, |&(word, _)| word).map_or(number, |at| self.folded[at].1)
    }

    fn foreign<'a>(&self, word: &'a str) -> Option<&'a str> {
        let bytes = word.as_bytes();
        let named = (2..=LONGEST_FOREIGN).contains(&bytes.len())
            && bytes.iter().all(u8::is_ascii_alphanumeric)
            && bytes.iter().any(u8::is_ascii_alphabetic);
        if !named {
            return None;
        }
        // Most words are seen not to be function words without looking them up.
        let stop = self.stop_beginnings[bytes.len()] & letter_bit(bytes[0]) != 0 && self.is_stop_word(bytes);
        (!stop).then_some(word)
    }

    fn is_stop_word(&self, bytes: &[u8]) -> bool {
        let mut lower = [0; LONGEST_FOREIGN];
        let lower = &mut lower[..bytes.len()];
        lower.copy_from_slice(bytes);
        lower.make_ascii_lowercase();
        std::str::from_utf8(lower).is_ok_and(|lower| self.stop_words.contains(lower))
    }
}

/// A bit for each letter of ASCII, whatever its case; no bit for any other byte.
#[inline]
fn letter_bit(byte: u8) -> u32 {
    let letter = byte.to_ascii_lowercase().wrapping_sub(b'a');
    if letter < 26 { 1 << letter } else { 0 }
}

/// A character of a number.
fn is_digit(character: char) -> bool {
    character.is_numeric() || "〇零一二三四五六七八九十百千万亿两".contains(character)
}
