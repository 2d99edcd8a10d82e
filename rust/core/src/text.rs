//! What the duplicate stages compare: the text of a field, folded as the recipe says.

use unicode_normalization::UnicodeNormalization;

use crate::batch::{Role, Turns};
use crate::decode::decode;
use crate::dispatch;

/// The part of a conversation that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Every turn.
    Conversation,
    /// Every turn that is not the model's: what the model is given.
    Prompt,
    /// The model's turns.
    Output,
}

impl Field {
    /// The field of that name: `conversation`, `prompt` or `output`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "conversation" => Some(Self::Conversation),
            "prompt" => Some(Self::Prompt),
            "output" => Some(Self::Output),
            _ => None,
        }
    }

    /// Whether a turn of this role code belongs to the field.
    #[must_use]
    pub fn includes(self, role: i8) -> bool {
        match self {
            Self::Conversation => true,
            Self::Prompt => role != Role::Assistant as i8 && role != Role::Text as i8,
            Self::Output => role == Role::Assistant as i8,
        }
    }
}

/// Differences that a comparison overlooks. None by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fold {
    /// Unicode normalisation form C: `é` written as one character or as two.
    pub composition: bool,
    /// Full-width letters, digits and marks are their half-width forms, and half-width kana the full.
    pub width: bool,
    /// Letters are lower case.
    pub case: bool,
    /// Chinese punctuation is its ASCII counterpart.
    pub punctuation: bool,
    /// Runs of white space are one space, none at the ends.
    pub space: bool,
}

impl Fold {
    /// Whether a text comes out as it went in, whatever it holds.
    #[must_use]
    pub fn is_identity(self) -> bool {
        self == Self::default()
    }

    fn is_composition_only(self) -> bool {
        self == Self { composition: true, ..Self::default() }
    }

    /// Appends the folded text to `out`. Composition comes first, then width, case, punctuation, space.
    pub fn apply(self, text: &str, out: &mut String) {
        if !self.width && !self.case && !self.punctuation && !self.space {
            if self.composition && !is_plainly_composed(text) {
                out.extend(text.nfc());
            } else {
                out.push_str(text);
            }
            return;
        }
        let start = out.len();
        if self.composition && !is_plainly_composed(text) {
            text.nfc().for_each(|character| self.push(character, out));
        } else {
            text.chars().for_each(|character| self.push(character, out));
        }
        if self.space {
            let folded = out[start..].split_whitespace().collect::<Vec<_>>().join(" ");
            out.truncate(start);
            out.push_str(&folded);
        }
    }

    fn push(self, character: char, out: &mut String) {
        if self.width && matches!(character, '\u{3000}' | '\u{ff01}'..='\u{ffee}') {
            for narrow in std::iter::once(character).nfkc() {
                self.push_narrow(narrow, out);
            }
        } else {
            self.push_narrow(character, out);
        }
    }

    fn push_narrow(self, character: char, out: &mut String) {
        let character = if self.punctuation { ascii_punctuation(character) } else { character };
        if self.case {
            out.extend(character.to_lowercase());
        } else {
            out.push(character);
        }
    }
}

/// Reads the field of a row as folded code points, the parts that are not empty joined by a line feed.
///
/// Returns whether the row has any turn of that field; without one `points` is empty.
pub fn field_points(
    turns: Turns<'_>,
    row: usize,
    field: Field,
    fold: Fold,
    folded: &mut String,
    points: &mut Vec<u32>,
) -> bool {
    points.clear();
    let mut found = false;
    for (role, text) in turns.of(row) {
        if !field.includes(role) {
            continue;
        }
        found = true;
        if text.is_empty() {
            continue;
        }
        if !points.is_empty() {
            points.push(u32::from('\n'));
        }
        let start = points.len();
        decode(text, points);
        let unchanged = fold.is_identity() || fold.is_composition_only() && all_plainly_composed(&points[start..]);
        if !unchanged {
            points.truncate(start);
            folded.clear();
            fold.apply(&String::from_utf8_lossy(text), folded);
            decode(folded.as_bytes(), points);
        }
    }
    found
}

/// The ASCII mark that a Chinese one stands for; any other character itself.
fn ascii_punctuation(character: char) -> char {
    match character {
        '，' | '、' => ',',
        '。' | '．' | '｡' => '.',
        '！' => '!',
        '？' => '?',
        '；' => ';',
        '：' => ':',
        '（' => '(',
        '）' => ')',
        '【' | '［' | '〔' => '[',
        '】' | '］' | '〕' => ']',
        '“' | '”' | '＂' | '「' | '」' | '『' | '』' => '"',
        '‘' | '’' | '＇' => '\'',
        '《' | '〈' => '<',
        '》' | '〉' => '>',
        '—' | '–' | '－' => '-',
        '～' | '〜' => '~',
        other => other,
    }
}

/// Whether every character is one that normalisation form C never changes, alone or beside another of these.
///
/// A quick test for the texts there are: ASCII, Latin-1, Chinese, kana, common punctuation. `false` means "ask".
#[must_use]
pub fn is_plainly_composed(text: &str) -> bool {
    text.chars().all(|character| plainly_composed(character.into()))
}

dispatch! {
    fn all_plainly_composed(points: &[u32]) -> bool = all_plainly_composed_body
}

#[inline(always)]
fn all_plainly_composed_body(points: &[u32]) -> bool {
    // Without a way out in the middle the loop becomes vectors.
    points.iter().fold(true, |all, &point| all & plainly_composed(point))
}

#[inline(always)]
fn plainly_composed(point: u32) -> bool {
    let within = |first: u32, last: u32| point.wrapping_sub(first) <= last - first;
    within(0, 0x2ff)
        | within(0x2010, 0x2027)
        | within(0x2030, 0x205e)
        | within(0x3000, 0x3029)
        | within(0x3030, 0x3098)
        | within(0x309b, 0x30ff)
        | within(0x3400, 0x4dbf)
        | within(0x4e00, 0x9fff)
        | within(0xff00, 0xffef)
}

/// Whether a code point is Han, kana or hangul: writing without spaces between words, or of syllable blocks.
#[must_use]
#[inline]
pub fn is_east_asian(point: u32) -> bool {
    matches!(point,
        0x4e00..=0x9fff            // Han
        | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3038..=0x303b // iteration marks, 〇, Hangzhou numerals
        | 0x3041..=0x3096 | 0x309d..=0x309f | 0x30a1..=0x30fa | 0x30fc..=0x30ff | 0x31f0..=0x31ff // kana
        | 0x3400..=0x4dbf          // Han, extension A
        | 0xac00..=0xd7a3 | 0x1100..=0x11ff | 0x3131..=0x318e | 0xa960..=0xa97c | 0xd7b0..=0xd7fb // hangul
        | 0xf900..=0xfaff          // Han, compatibility
        | 0xff66..=0xff9d | 0xffa0..=0xffdc // half-width kana and hangul
        | 0x1b000..=0x1b16f        // kana, supplements
        | 0x20000..=0x3ffff) // Han, the higher planes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plainly_composed_texts_are_composed(text in "[\\x00-\u{2ff}\u{2000}-\u{30ff}\u{fff0}\u{ff00}-\u{ffef}\u{4e00}-\u{4e20}]{0,40}") {
            if is_plainly_composed(&text) {
                prop_assert_eq!(text.nfc().collect::<String>(), text);
            }
        }
    }

    #[test]
    fn every_plainly_composed_character_stays_alone_and_in_pairs() {
        let plain: Vec<char> = ('\0'..=char::MAX).filter(|c| is_plainly_composed(c.encode_utf8(&mut [0; 4]))).collect();
        assert!(plain.len() > 27_000);
        for &character in &plain {
            assert!(std::iter::once(character).nfc().eq([character]), "{character:?}");
        }
        assert!(plain.iter().copied().nfc().eq(plain.iter().copied()));
    }

    #[test]
    fn folding() {
        let fold = |fold: Fold, text: &str| {
            let mut out = String::new();
            fold.apply(text, &mut out);
            out
        };
        let none = Fold::default();
        assert_eq!(fold(none, "Ａ，e\u{301} "), "Ａ，e\u{301} ");
        assert_eq!(fold(Fold { composition: true, ..none }, "e\u{301}，"), "é，");
        assert_eq!(fold(Fold { width: true, ..none }, "Ａ１，ｶ\u{3000}"), "A1,カ ");
        assert_eq!(fold(Fold { case: true, ..none }, "ABC中Σ"), "abc中σ");
        assert_eq!(fold(Fold { punctuation: true, ..none }, "“你好”。"), "\"你好\".");
        assert_eq!(fold(Fold { space: true, ..none }, " a\t\n b "), "a b");
    }
}
