//! A text as the units that repetition and language are counted in.

use std::sync::OnceLock;

use super::classes::Classes;
use crate::near_dedup::shingle::mix;
use crate::text::is_east_asian;

/// The units of one text, in order.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// A number for each unit: the code point of a Han, kana or hangul character, a number above those for a word.
    pub ids: Vec<u32>,
    /// Code point at which each unit begins; only filled on demand.
    pub starts: Vec<u32>,
    /// Units before each end of line.
    pub lines: Vec<u32>,
    /// Units that are words.
    pub words: usize,
    /// Letters of all units.
    pub letters: usize,
    /// Letters before each unit, and before the end; only filled on demand.
    letters_before: Vec<u32>,
    /// Letters of each different word.
    word_letters: Vec<u32>,
    known_words: Classes,
}

/// First number of a word: above every code point.
const WORDS: u32 = 0x0020_0000;

impl Units {
    /// Letters of the units before one, once [`Self::count_letters`] was called.
    #[inline]
    #[must_use]
    pub fn letters_before(&self, unit: usize) -> usize {
        self.letters_before.get(unit).map_or(0, |&letters| letters as usize)
    }

    /// Makes [`Self::letters_before`] known.
    pub fn count_letters(&mut self) {
        let mut letters = 0;
        self.letters_before.clear();
        self.letters_before.push(0);
        self.letters_before.extend(self.ids.iter().map(|&id| {
            letters += id.checked_sub(WORDS).map_or(1, |word| self.word_letters[word as usize]);
            letters
        }));
    }

    /// Reads a text. What lies between two lines of three backticks is code and has no units.
    ///
    /// `starts` stay empty unless asked for.
    pub fn read(&mut self, points: &[u32], with_starts: bool) {
        let kinds = kinds();
        self.ids.clear();
        self.ids.reserve(points.len());
        self.starts.clear();
        self.lines.clear();
        self.word_letters.clear();
        (self.words, self.letters) = (0, 0);
        let mut words_known = false;
        let mut code = false;
        let mut at = 0;
        while let Some(&point) = points.get(at) {
            let start = at;
            at += 1;
            let is_han = point.wrapping_sub(0x4e00) < 0x5200;
            let kind = if is_han { Kind::Character } else { kind_of(kinds, point) };
            match kind {
                Kind::Character => {
                    if code {
                        continue;
                    }
                    self.ids.push(point);
                    self.letters += 1;
                }
                Kind::Word => {
                    let mut hash = u64::from(point) ^ 0x3c6e_f372_fe94_f82b;
                    while let Some(&next) = points.get(at)
                        && kind_of(kinds, next) == Kind::Word
                    {
                        hash = (hash.rotate_left(5) ^ u64::from(next)).wrapping_mul(0xd6e8_feb8_6659_fd93);
                        at += 1;
                    }
                    if code {
                        continue;
                    }
                    if !words_known {
                        self.known_words.reset(points.len() / 2 + 1);
                        words_known = true;
                    }
                    let class = self.known_words.class(mix(hash));
                    if class as usize == self.word_letters.len() {
                        self.word_letters.push((at - start) as u32);
                    }
                    self.ids.push(WORDS + class);
                    self.words += 1;
                    self.letters += at - start;
                }
                Kind::Other => {
                    if point == u32::from('\n') {
                        if self.lines.last().copied().unwrap_or(0) < self.ids.len() as u32 {
                            self.lines.push(self.ids.len() as u32);
                        }
                    } else if point == u32::from('`') && points[at..].starts_with(&[point; 2]) {
                        code = !code;
                        at += 2;
                    }
                    continue;
                }
            }
            if with_starts {
                self.starts.push(start as u32);
            }
        }
    }
}

/// What a code point is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Other,
    /// A unit by itself.
    Character,
    Word,
}

/// The kinds of the first 65,536 code points: asking Unicode's tables for each would take longer than all else.
fn kinds() -> &'static [Kind] {
    static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
    KINDS.get_or_init(|| (0..0x1_0000).map(slow_kind).collect())
}

fn slow_kind(point: u32) -> Kind {
    if is_east_asian(point) {
        Kind::Character
    } else if char::from_u32(point).is_some_and(char::is_alphanumeric) {
        Kind::Word
    } else {
        Kind::Other
    }
}

#[inline(always)]
fn kind_of(kinds: &[Kind], point: u32) -> Kind {
    kinds.get(point as usize).copied().unwrap_or_else(|| slow_kind(point))
}

/// Whether a code point belongs to a word: any letter or digit that is not east Asian.
#[inline]
#[must_use]
pub fn is_word(point: u32) -> bool {
    kind_of(kinds(), point) == Kind::Word
}

/// Whether a code point belongs to any unit.
#[inline]
#[must_use]
pub fn is_letter(point: u32) -> bool {
    kind_of(kinds(), point) != Kind::Other
}
