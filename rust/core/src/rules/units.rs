//! A text as the units that repetition and language are counted in.

use std::sync::OnceLock;

use super::classes::Classes;
use crate::dispatch::{Level, level};
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
    /// Units that are words, by their place among all.
    pub words: Vec<u32>,
    /// Letters of all units.
    pub letters: usize,
    /// Letters before each unit, and before the end; only filled on demand, and if there are words.
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
        self.letters_before.get(unit).map_or(unit, |&letters| letters as usize)
    }

    /// Makes [`Self::letters_before`] known.
    pub fn count_letters(&mut self) {
        self.letters_before.clear();
        if self.words.is_empty() {
            return;
        }
        // Before and after a word each unit has one letter more than the one before it.
        let (mut first, mut more) = (0, 0);
        for &place in &self.words {
            self.letters_before.extend((first..=place).map(|unit| unit + more));
            more += self.word_letters[(self.ids[place as usize] - WORDS) as usize] - 1;
            first = place + 1;
        }
        self.letters_before.extend((first..=self.ids.len() as u32).map(|unit| unit + more));
    }

    /// Reads a text. What lies between two lines of three backticks is code and has no units.
    ///
    /// `starts` stay empty unless asked for.
    pub fn read(&mut self, points: &[u32], with_starts: bool) {
        self.ids.clear();
        self.ids.reserve(points.len() + STEP);
        self.starts.clear();
        self.lines.clear();
        self.words.clear();
        self.word_letters.clear();
        self.letters = 0;
        let mut place = Place { at: 0, code: false };
        while place.at < points.len() {
            if !with_starts && !place.code {
                place.at = self.read_characters(points, place.at);
            }
            self.read_slowly(points, &mut place, STEP, with_starts);
        }
    }

    /// Reads characters and marks, in whole steps, for as long as nothing else comes. Gives where it stopped.
    fn read_characters(&mut self, points: &[u32], at: usize) -> usize {
        #[cfg(target_arch = "x86_64")]
        {
            if level() == Level::Avx512 {
                let known = self.ids.len();
                // SAFETY: `level()` is never above what the processor was found to have.
                let end = unsafe { x86::read_characters_avx512(points, at, &mut self.ids) };
                self.letters += self.ids.len() - known;
                return end;
            }
        }
        at
    }

    /// Reads whatever comes, `most` code points of it or up to the end of the last word.
    fn read_slowly(&mut self, points: &[u32], place: &mut Place, most: usize, with_starts: bool) {
        let kinds = kinds();
        let end = points.len().min(place.at + most);
        while place.at < end {
            let start = place.at;
            let point = points[start];
            place.at += 1;
            let is_han = point.wrapping_sub(0x4e00) < 0x5200;
            let kind = if is_han { Kind::Character } else { kind_of(kinds, point) };
            match kind {
                Kind::Character => {
                    if place.code {
                        continue;
                    }
                    self.ids.push(point);
                    self.letters += 1;
                }
                Kind::Word => {
                    let mut hash = u64::from(point) ^ 0x3c6e_f372_fe94_f82b;
                    while let Some(&next) = points.get(place.at)
                        && kind_of(kinds, next) == Kind::Word
                    {
                        hash = (hash.rotate_left(5) ^ u64::from(next)).wrapping_mul(0xd6e8_feb8_6659_fd93);
                        place.at += 1;
                    }
                    if place.code {
                        continue;
                    }
                    if self.words.is_empty() {
                        self.known_words.reset(points.len() / 2 + 1);
                    }
                    let class = self.known_words.class(mix(hash));
                    if class as usize == self.word_letters.len() {
                        self.word_letters.push((place.at - start) as u32);
                    }
                    self.words.push(self.ids.len() as u32);
                    self.ids.push(WORDS + class);
                    self.letters += place.at - start;
                }
                Kind::Other => {
                    if point == u32::from('\n') {
                        if self.lines.last().copied().unwrap_or(0) < self.ids.len() as u32 {
                            self.lines.push(self.ids.len() as u32);
                        }
                    } else if point == u32::from('`') && points[place.at..].starts_with(&[point; 2]) {
                        place.code = !place.code;
                        place.at += 2;
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

/// Where reading is.
struct Place {
    at: usize,
    /// Whether that is between two lines of three backticks.
    code: bool,
}

/// Code points read at once.
const STEP: usize = 16;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, __mmask16, _mm512_cmple_epu32_mask, _mm512_loadu_si512, _mm512_mask_compressstoreu_epi32,
        _mm512_set1_epi32, _mm512_sub_epi32,
    };

    use super::STEP;

    /// Appends the Han characters of the text from `at` on, and stops before the first step that holds anything but
    /// these and marks. `ids` has room for the code points left.
    #[target_feature(enable = "avx512f,bmi1,popcnt")]
    pub(super) fn read_characters_avx512(points: &[u32], mut at: usize, ids: &mut Vec<u32>) -> usize {
        debug_assert!(ids.capacity() - ids.len() >= points.len() - at);
        while at + STEP <= points.len() {
            // SAFETY: sixteen code points are left.
            let block = unsafe { _mm512_loadu_si512(points.as_ptr().add(at).cast()) };
            let han = within(block, 0x4e00, 0x9fff);
            if han | marks(block) != __mmask16::MAX {
                break;
            }
            // SAFETY: at most one id is written for a code point, and the caller made room for all.
            unsafe {
                _mm512_mask_compressstoreu_epi32(ids.as_mut_ptr().add(ids.len()).cast(), han, block);
                ids.set_len(ids.len() + han.count_ones() as usize);
            }
            at += STEP;
        }
        at
    }

    /// Marks and spaces that mean nothing to units and are common: of ASCII without the backtick, of CJK, full-width.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn marks(block: __m512i) -> __mmask16 {
        let ascii = within(block, 0x20, 0x2f) | within(block, 0x3a, 0x40) | within(block, 0x5b, 0x5f);
        let wide = within(block, 0xff01, 0xff0f) | within(block, 0xff1a, 0xff20);
        ascii | wide | within(block, 0x3001, 0x3002) | within(block, 0x3008, 0x3011) | within(block, 0x2018, 0x2026)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn within(block: __m512i, first: i32, last: i32) -> __mmask16 {
        _mm512_cmple_epu32_mask(_mm512_sub_epi32(block, _mm512_set1_epi32(first)), _mm512_set1_epi32(last - first))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn steps_of_characters_change_nothing(text in "[\u{4e00}-\u{4e80}，。“”…、（）「：a1 `\n]{0,120}|[\u{20}-\u{7f}\u{2010}-\u{2030}\u{2ff0}-\u{3020}\u{ff00}-\u{ff30}中文]{0,99}") {
            let points: Vec<u32> = text.chars().map(u32::from).collect();
            let (mut fast, mut slow) = (Units::default(), Units::default());
            fast.read(&points, false);
            // Whoever asks for the starts gets every unit read by itself.
            slow.read(&points, true);
            prop_assert_eq!(&fast.ids, &slow.ids);
            prop_assert_eq!(&fast.lines, &slow.lines);
            prop_assert_eq!(&fast.words, &slow.words);
            prop_assert_eq!(fast.letters, slow.letters);
            fast.count_letters();
            let mut letters = 0;
            for (unit, &id) in fast.ids.iter().enumerate() {
                prop_assert_eq!(fast.letters_before(unit), letters);
                letters += if id < WORDS { 1 } else { fast.word_letters[(id - WORDS) as usize] as usize };
            }
            prop_assert_eq!(fast.letters_before(fast.ids.len()), letters);
            prop_assert_eq!(fast.letters, letters);
        }
    }
}
