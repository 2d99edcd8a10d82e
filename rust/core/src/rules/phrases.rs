//! Phrases that rules look for, all found in one pass over a text's code points.
//!
//! The first two characters of each phrase stand in a table of bits, so that most places of a text are passed by after
//! one look. What a phrase means for a row is decided in `context.rs`, with what stands around it.

use std::sync::OnceLock;

use super::phrase_lists::{
    ASKS_LANGUAGE, ASKS_MARKUP, ASKS_SPEECH, ASKS_TEMPLATE, BROKEN, CANNOT, HELPS, LINK, MAY_SAY_AI,
    MAY_SAY_AI_ARTICLE, MAY_SAY_AI_BEFORE, MAY_SAY_AI_NOUN, MISREAD, OPENS_CONTENT, OPENS_NAME, PICTURE, REFUSES,
    SAYS_AI, SHOWN, SORRY,
};
use crate::dispatch;

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
    starts: Starts,
}

#[derive(Debug)]
struct Pattern {
    key: u64,
    points: Vec<u32>,
    phrase: Phrase,
}

const BITS: usize = 1 << 16;

/// Which characters, and which pairs of characters, a phrase may begin with; other ones may have the same bit.
#[derive(Debug)]
pub struct Starts {
    singles: Vec<u64>,
    pairs: Vec<u64>,
}

/// Stands for the second character of a phrase that has only one.
const NO_SECOND: u32 = u32::MAX;

fn key(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

#[inline(always)]
fn folded(point: u32) -> u32 {
    if point.wrapping_sub(u32::from('A')) < 26 { point | 0x20 } else { point }
}

#[inline(always)]
fn pair_bit(first: u32, second: u32) -> usize {
    ((first.wrapping_mul(0x9e37_79b1) ^ second.wrapping_mul(0x85eb_ca6b)) >> 16) as usize % BITS
}

#[inline(always)]
fn bit(bits: &[u64], at: usize) -> u64 {
    bits[at / 64] >> (at % 64) & 1
}

dispatch! {
    fn candidates(points: &[u32], starts: &Starts, found: &mut Vec<u32>) -> usize = candidates_body
}

/// Writes the places at which a phrase may begin, and says how many these are.
#[inline(always)]
fn candidates_body(points: &[u32], starts: &Starts, found: &mut Vec<u32>) -> usize {
    // Room for all, so that writing needs no branch.
    if found.len() < points.len() {
        found.resize(points.len(), 0);
    }
    let (Some(singles), Some(pairs)) = (starts.singles.get(..BITS / 64), starts.pairs.get(..BITS / 64)) else {
        return 0;
    };
    let mut count = 0;
    let mut first = points.first().map_or(0, |&point| folded(point));
    for at in 0..points.len() {
        let second = points.get(at + 1).map_or(0, |&point| folded(point));
        let hit = bit(pairs, pair_bit(first, second)) | bit(singles, first as usize % BITS);
        found[count] = at as u32;
        count += hit as usize;
        first = second;
    }
    count
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
        let mut starts = Starts { singles: vec![0; BITS / 64], pairs: vec![0; BITS / 64] };
        let mut patterns = Vec::new();
        for &(sign, list) in lists {
            for text in list {
                let points: Vec<u32> = text.chars().map(|character| folded(character.into())).collect();
                let word = sign == Sign::MaySayAi || is_short_word(text);
                let (first, second) = match points[..] {
                    [] => continue,
                    [only] => {
                        starts.singles[only as usize % BITS / 64] |= 1 << (only % 64);
                        (only, NO_SECOND)
                    }
                    [first, second, ..] => {
                        let at = pair_bit(first, second);
                        starts.pairs[at / 64] |= 1 << (at % 64);
                        (first, second)
                    }
                };
                patterns.push(Pattern { key: key(first, second), points, phrase: Phrase { sign, word } });
            }
        }
        patterns.sort_by_key(|pattern| pattern.key);
        Self { patterns, starts }
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
                let from = self.patterns.partition_point(|pattern| pattern.key < key);
                for pattern in self.patterns[from..].iter().take_while(|pattern| pattern.key == key) {
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
