//! A text as the units that repetition and language are counted in.

use super::classes::Classes;
use crate::near_dedup::shingle::mix;
use crate::text::is_east_asian;

/// The units of one text, in order.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// A number for each unit: the code point of a Han, kana or hangul character, a number above those for a word.
    pub ids: Vec<u32>,
    /// Letters before each unit, and in all after the last.
    letters: Vec<u32>,
    /// Code point at which each unit begins.
    pub starts: Vec<u32>,
    /// Units before each end of line.
    pub lines: Vec<u32>,
    /// Units that are words.
    pub words: usize,
    /// Code points in the longest run of one character that is no white space, and where it begins.
    pub run: (usize, usize),
    known_words: Classes,
}

/// First number of a word: above every code point.
const WORDS: u32 = 0x0020_0000;

impl Units {
    /// Letters of the units before one.
    #[inline]
    #[must_use]
    pub fn letters_before(&self, unit: usize) -> usize {
        self.letters.get(unit).map_or(0, |&letters| letters as usize)
    }

    /// Letters of all units.
    #[must_use]
    pub fn all_letters(&self) -> usize {
        self.letters.last().map_or(0, |&letters| letters as usize)
    }

    /// Reads a text. What lies between two lines of three backticks is code and has no units.
    pub fn read(&mut self, points: &[u32]) {
        self.ids.clear();
        self.letters.clear();
        self.starts.clear();
        self.lines.clear();
        self.words = 0;
        self.known_words.reset(points.len() / 2 + 1);
        let mut letters = 0;
        let mut code = false;
        let mut at = 0;
        while at < points.len() {
            let point = points[at];
            let start = at;
            at += 1;
            if (0x4e00..=0x9fff).contains(&point) || point > 0x10ff && is_east_asian(point) {
                if !code {
                    self.push(point, start, letters);
                    letters += 1;
                }
            } else if is_word(point) {
                let mut hash = mix(u64::from(point));
                while let Some(&next) = points.get(at)
                    && is_word(next)
                {
                    hash = (hash ^ u64::from(next)).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(31);
                    at += 1;
                }
                if !code {
                    let class = self.known_words.class(mix(hash));
                    self.push(WORDS + class, start, letters);
                    self.words += 1;
                    letters += (at - start) as u32;
                }
            } else if point == u32::from('\n') {
                if self.lines.last().copied().unwrap_or(0) < self.ids.len() as u32 {
                    self.lines.push(self.ids.len() as u32);
                }
            } else if point == u32::from('`') && points[at..].starts_with(&[point; 2]) {
                code = !code;
                at += 2;
            }
        }
        self.letters.push(letters);
        self.run = longest_run(points);
    }

    #[inline(always)]
    fn push(&mut self, id: u32, start: usize, letters: u32) {
        self.ids.push(id);
        self.letters.push(letters);
        self.starts.push(start as u32);
    }
}

/// Whether a code point belongs to a word: any letter or digit that is not east Asian.
#[inline]
#[must_use]
pub fn is_word(point: u32) -> bool {
    if point < 0x80 {
        return (point as u8).is_ascii_alphanumeric();
    }
    // Punctuation, symbols, full-width marks: what Chinese texts have many of.
    if (0x2000..=0x206f).contains(&point) || (0x3000..=0x303f).contains(&point) {
        return false;
    }
    char::from_u32(point).is_some_and(char::is_alphanumeric) && !is_east_asian(point)
}

/// Length and start of the longest run of one character, white space left out.
fn longest_run(points: &[u32]) -> (usize, usize) {
    let mut longest = (0, 0);
    let mut start = 0;
    for at in 1..=points.len() {
        if points.get(at) != Some(&points[start]) {
            if at - start > longest.0 && !char::from_u32(points[start]).is_some_and(char::is_whitespace) {
                longest = (at - start, start);
            }
            start = at;
        }
    }
    longest
}
