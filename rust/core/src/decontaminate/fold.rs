//! What of a text is compared: its letters and digits, without width, case, accents, spaces and punctuation.

use unicode_normalization::UnicodeNormalization;

use crate::decode::decode;
use crate::text::is_east_asian;

/// A folded text, and where each of its characters stands in the text.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    /// Letters and digits as code points.
    pub points: Vec<u32>,
    /// For each of them the character of the text, from 0, that it comes from.
    pub places: Vec<u32>,
    decoded: Vec<u32>,
}

/// Marks that tell short texts apart: `3+5` is not `3×5`. ASCII only; others are alike after folding or kept as they are.
const SIGNS: &str = "+-*/=<>%^#$&@~|\\";

impl Folded {
    /// Folds a text, instead of the one before. It must be UTF-8; other bytes give other characters.
    pub fn fold(&mut self, text: &[u8]) {
        self.fold_with(text, false);
    }

    /// The same with signs kept, and without places: what short texts are compared by.
    pub fn fold_with_signs(&mut self, text: &[u8]) {
        self.fold_with(text, true);
    }

    fn fold_with(&mut self, text: &[u8], signs: bool) {
        self.points.clear();
        self.places.clear();
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.clear();
        decode(text, &mut decoded);
        self.points.reserve(decoded.len());
        self.places.reserve(decoded.len());
        for (place, &point) in decoded.iter().enumerate() {
            // Han, the most of all, and lower case letters and digits stay what they are.
            if matches!(point, 0x4e00..=0x9fff | 0x61..=0x7a | 0x30..=0x39) {
                self.points.push(point);
                self.places.push(place as u32);
            } else if point < 0x80 {
                let character = point as u8;
                if character.is_ascii_uppercase() || signs && SIGNS.as_bytes().contains(&character) {
                    self.points.push(u32::from(character.to_ascii_lowercase()));
                    self.places.push(place as u32);
                }
            } else if !matches!(point, 0x2010..=0x2027 | 0x3000..=0x3002 | 0x3008..=0x3011 | 0xff0c) {
                self.push_other(point, place as u32, signs);
            }
        }
        self.decoded = decoded;
    }

    #[cold]
    fn push_other(&mut self, point: u32, place: u32, signs: bool) {
        let Some(character) = char::from_u32(point) else { return };
        let one = std::iter::once(character);
        // Accents go with the decomposition; kana and hangul would lose more than that.
        if point < 0x2000 {
            self.push_parts(one.nfkd(), place, signs);
        } else {
            self.push_parts(one.nfkc(), place, signs);
        }
    }

    fn push_parts(&mut self, parts: impl Iterator<Item = char>, place: u32, signs: bool) {
        for part in parts.flat_map(char::to_lowercase) {
            let sign = signs && (SIGNS.contains(part) || is_sign(part));
            if part.is_alphanumeric() || sign {
                self.points.push(u32::from(part));
                self.places.push(place);
            }
        }
    }

    /// Number of characters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether nothing is left of the text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

/// Arithmetic, relations, arrows, currency: signs that carry meaning by themselves.
fn is_sign(character: char) -> bool {
    matches!(character, '×' | '÷' | '±' | '¬' | '£' | '¥' | '¢' | '€' | '\u{2190}'..='\u{22ff}')
}

/// How much a character says: three for Han, kana and hangul, one for a letter or digit.
#[must_use]
#[inline]
pub fn weight(point: u32) -> u32 {
    if is_wide(point) { 3 } else { 1 }
}

/// Whether a character is Han, kana or hangul; quick for letters.
#[must_use]
#[inline]
pub fn is_wide(point: u32) -> bool {
    point >= 0x1100 && is_east_asian(point)
}

/// The weight of a text.
#[must_use]
pub fn weight_of(points: &[u32]) -> u32 {
    points.iter().map(|&point| weight(point)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str, signs: bool) -> (String, Vec<u32>) {
        let mut folded = Folded::default();
        folded.fold_with(text.as_bytes(), signs);
        (folded.points.iter().filter_map(|&point| char::from_u32(point)).collect(), folded.places)
    }

    #[test]
    fn letters_and_digits_stay() {
        assert_eq!(folded("Ａb，ｃ é！１２\n春　天", false), ("abce12春天".into(), vec![0, 1, 3, 5, 7, 8, 10, 12]));
        assert_eq!(folded("3+5＝8，×", false).0, "358");
        assert_eq!(folded("3+5＝8，×", true).0, "3+5=8×");
        assert_eq!(folded("ﬁ ⅷ", false), ("fiviii".into(), vec![0, 0, 2, 2, 2, 2]));
        assert_eq!(folded("が한", false).0, "が한");
        assert_eq!(folded("", false), (String::new(), vec![]));
    }
}
