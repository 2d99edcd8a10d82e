//! Phrases that rules look for, all found in one pass over a text's code points.
//!
//! The first two characters of each phrase stand in a table of bits, so that most places of a text are passed by after
//! one look. What a phrase means for a row is decided in `context.rs`, with what stands around it.

use std::ops::Range;
use std::sync::OnceLock;

use super::phrase_lists::{
    ASKS_LANGUAGE, ASKS_MARKUP, ASKS_SPEECH, ASKS_TEMPLATE, BROKEN, CANNOT, HELPS, LINK, MAY_SAY_AI,
    MAY_SAY_AI_ARTICLE, MAY_SAY_AI_BEFORE, MAY_SAY_AI_NOUN, MISREAD, OPENS_CONTENT, OPENS_NAME, PICTURE, REFUSES,
    SAYS_AI, SHOWN, SORRY,
};
use super::starts::{Starts, candidates, folded};

/// What a phrase is a sign of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// An answer: the model names itself, whatever follows.
    SaysAi,
    /// An answer: the model names itself, if `context.rs` finds the sentence to go on as such sentences do.
    MaySayAi,
    /// An answer: how refusals begin.
    Sorry,
    /// An answer: what makes a beginning a refusal.
    Cannot,
    /// An answer: a refusal as it stands, at the beginning.
    Refuses,
    /// An answer: what follows a refusal that helps all the same.
    Helps,
    /// An answer: the beginning of a gap for a name or a date; `context.rs` looks for its end.
    OpensName,
    /// An answer: the beginning of a gap for what was asked for.
    OpensContent,
    /// Any text: the beginning of a link.
    Link,
    /// Any text: a picture.
    Picture,
    /// A prompt: something to look at that is not there.
    Shown,
    /// Any text: bytes of a character that a wrong decoding has left.
    Broken,
    /// Any text: a character that Chinese read with the wrong table is full of, and that is rare otherwise.
    Misread,
    /// A prompt: other languages, code, formulas are asked for.
    AsksLanguage,
    /// A prompt: a text with gaps to fill in is asked for.
    AsksTemplate,
    /// A prompt: what people say to each other is asked for, an apology or a tale too.
    AsksSpeech,
    /// A prompt: markup is asked for.
    AsksMarkup,
}

/// A phrase and what it is a sign of; `word`: no letter or digit of ASCII may touch it.
#[derive(Clone, Copy, Debug)]
pub struct Phrase {
    /// What it is a sign of.
    pub sign: Sign,
    /// Whether it is a whole word.
    pub word: bool,
}

/// Phrases that are looked for together.
#[derive(Debug)]
pub struct Phrases {
    /// By their first two characters, see [`key`].
    patterns: Vec<Pattern>,
    /// Where the patterns of a key are; open addressing, an empty range in a free slot.
    slots: Vec<Slot>,
    starts: Starts,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    key: u64,
    patterns: Range<u32>,
}

#[derive(Debug)]
struct Pattern {
    key: u64,
    points: Vec<u32>,
    phrase: Phrase,
}

/// Stands for the second character of a phrase that has only one.
const NO_SECOND: u32 = u32::MAX;

fn key(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

/// English words of these lists are matched as whole words if they are short enough to be part of others.
fn is_short_word(text: &str) -> bool {
    text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The phrases of prompts and those of answers.
#[derive(Debug)]
pub struct AllPhrases {
    /// Those that mean something in what the model is given.
    pub prompt: Phrases,
    /// Those that mean something in what it answers, and in plain text.
    pub answer: Phrases,
}

impl AllPhrases {
    /// The phrases, built once for the process.
    pub fn get() -> &'static Self {
        static PHRASES: OnceLock<AllPhrases> = OnceLock::new();
        PHRASES.get_or_init(|| {
            let may_say_ai: Vec<String> = MAY_SAY_AI_BEFORE
                .iter()
                .flat_map(|before| MAY_SAY_AI_ARTICLE.iter().map(move |article| format!("{before}{article}")))
                .flat_map(|before| MAY_SAY_AI_NOUN.iter().map(move |noun| format!("{before}{noun}")))
                .chain(MAY_SAY_AI.iter().map(ToString::to_string))
                .collect();
            let may_say_ai: Vec<&str> = may_say_ai.iter().map(String::as_str).collect();
            Self {
                prompt: Phrases::build(&[
                    (Sign::Link, LINK),
                    (Sign::Picture, PICTURE),
                    (Sign::Shown, SHOWN),
                    (Sign::Broken, BROKEN),
                    (Sign::Misread, MISREAD),
                    (Sign::AsksLanguage, ASKS_LANGUAGE),
                    (Sign::AsksTemplate, ASKS_TEMPLATE),
                    (Sign::AsksSpeech, ASKS_SPEECH),
                    (Sign::AsksMarkup, ASKS_MARKUP),
                ]),
                answer: Phrases::build(&[
                    (Sign::SaysAi, SAYS_AI),
                    (Sign::MaySayAi, &may_say_ai),
                    (Sign::Sorry, SORRY),
                    (Sign::Cannot, CANNOT),
                    (Sign::Refuses, REFUSES),
                    (Sign::Helps, HELPS),
                    (Sign::OpensName, OPENS_NAME),
                    (Sign::OpensContent, OPENS_CONTENT),
                    (Sign::Link, LINK),
                    (Sign::Picture, PICTURE),
                    (Sign::Broken, BROKEN),
                    (Sign::Misread, MISREAD),
                ]),
            }
        })
    }
}

impl Phrases {
    fn build(lists: &[(Sign, &[&str])]) -> Self {
        let mut starts = Starts::new();
        let mut patterns = Vec::new();
        for &(sign, list) in lists {
            for text in list {
                let points: Vec<u32> = text.chars().map(|character| folded(character.into())).collect();
                let word = sign == Sign::MaySayAi || is_short_word(text);
                let (first, second) = match points[..] {
                    [] => continue,
                    [only] => {
                        starts.add_single(only);
                        (only, NO_SECOND)
                    }
                    [first, second, ..] => {
                        starts.add_pair(first, second);
                        (first, second)
                    }
                };
                patterns.push(Pattern { key: key(first, second), points, phrase: Phrase { sign, word } });
            }
        }
        patterns.sort_by_key(|pattern| pattern.key);
        let slots = slots_of(&patterns);
        Self { patterns, slots, starts }
    }

    /// The patterns that begin with these two characters.
    #[inline]
    fn of_key(&self, key: u64) -> &[Pattern] {
        let mut at = slot_of(key, self.slots.len());
        loop {
            let slot = &self.slots[at];
            if slot.key == key || slot.patterns.is_empty() {
                return &self.patterns[slot.patterns.start as usize..slot.patterns.end as usize];
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Calls `found` with every phrase in a text, its first byte and the byte after its last, by where they begin.
    ///
    /// `points` are the code points of `text`; `places` is room that is used again.
    pub fn find(
        &self,
        text: &[u8],
        points: &[u32],
        places: &mut Vec<u32>,
        mut found: impl FnMut(Phrase, usize, usize),
    ) {
        let count = candidates(points, &self.starts, places);
        let (mut point, mut byte) = (0, 0);
        for &place in &places[..count] {
            let place = place as usize;
            let first = folded(points[place]);
            let second = points.get(place + 1).map(|&point| folded(point));
            let keys = [Some(key(first, NO_SECOND)), second.map(|second| key(first, second))];
            for key in keys.into_iter().flatten() {
                for pattern in self.of_key(key) {
                    if !pattern.stands_at(points, place) {
                        continue;
                    }
                    byte += bytes(&points[point..place]);
                    point = place;
                    let end = byte + bytes(&points[place..place + pattern.points.len()]);
                    found(pattern.phrase, byte.min(text.len()), end.min(text.len()));
                }
            }
        }
    }
}

fn slot_of(key: u64, slots: usize) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (slots - 1)
}

/// Four slots for each key, so that most keys are found, or not, at the first look.
fn slots_of(patterns: &[Pattern]) -> Vec<Slot> {
    let mut slots = vec![Slot::default(); (patterns.len() * 4).next_power_of_two().max(4)];
    for (place, pattern) in patterns.iter().enumerate() {
        let mut at = slot_of(pattern.key, slots.len());
        while slots[at].key != pattern.key && !slots[at].patterns.is_empty() {
            at = (at + 1) & (slots.len() - 1);
        }
        let slot = &mut slots[at];
        if slot.patterns.is_empty() {
            *slot = Slot { key: pattern.key, patterns: place as u32..place as u32 };
        }
        slot.patterns.end += 1;
    }
    slots
}

impl Pattern {
    fn stands_at(&self, points: &[u32], place: usize) -> bool {
        let end = place + self.points.len();
        let Some(here) = points.get(place..end) else { return false };
        here.iter().zip(&self.points).all(|(&point, &wanted)| folded(point) == wanted)
            && (!self.phrase.word || is_whole_word(points, place, end))
    }
}

/// Bytes of some code points in UTF-8.
#[must_use]
pub fn bytes(points: &[u32]) -> usize {
    points.iter().map(|&point| char::from_u32(point).map_or(1, char::len_utf8)).sum()
}

fn is_whole_word(points: &[u32], start: usize, end: usize) -> bool {
    let is_letter =
        |point: Option<&u32>| point.is_some_and(|&point| point < 0x80 && (point as u8).is_ascii_alphanumeric());
    let first = is_letter(points.get(start)) && is_letter(points[..start].last());
    let last = is_letter(points[..end].last()) && is_letter(points.get(end));
    !first && !last
}
