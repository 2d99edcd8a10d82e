//! The language of a row, roughly: that of most of its letters. For rows that are compared with their like.

use rayon::prelude::*;
use whichlang::{Lang, detect_language};

use crate::batch::{RowScratch, Rows};
use crate::progress::{Cancelled, Progress};
use crate::text::is_east_asian;

/// Bytes of a row that are looked at: a language shows early.
const LOOKED_AT: usize = 2048;
/// Fewer words of an alphabet tell no language: names, formulas, code.
const LEAST_WORDS: usize = 3;
const ROWS_PER_TASK: usize = 1024;

/// What a row is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Language {
    /// Mostly Han characters.
    Chinese,
    /// Han characters with kana.
    Japanese,
    /// Hangul.
    Korean,
    /// English.
    English,
    /// Any other one.
    Other,
    /// Too few letters to tell: numbers, symbols, nothing.
    None,
}

impl Language {
    /// Names, at the place of each.
    pub const NAMES: [&str; 6] = ["zh", "ja", "ko", "en", "other", "none"];

    /// The language of a text, after its first two thousand bytes.
    ///
    /// A Han character counts as a word, as does a run of letters of an alphabet. East Asian writing decides from a
    /// third of the words on, since technical Chinese is full of Latin words. An empty text is `None`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = &text[..text.floor_char_boundary(LOOKED_AT)];
        let (mut han, mut kana, mut hangul, mut words, mut in_word) = (0, 0, 0, 0, false);
        for character in text.chars() {
            // Nearly every character of most texts, and always a letter.
            if let '\u{4E00}'..='\u{9FFF}' = character {
                (han, in_word) = (han + 1, false);
                continue;
            }
            let is_letter = character.is_alphabetic() && !is_east_asian(character as u32);
            words += usize::from(is_letter && !in_word);
            in_word = is_letter;
            match character as u32 {
                0x3041..=0x30FF | 0x31F0..=0x31FF | 0xFF66..=0xFF9D => kana += 1,
                0x1100..=0x11FF | 0x3130..=0x318F | 0xAC00..=0xD7A3 => hangul += 1,
                _ if character.is_alphabetic() && is_east_asian(character as u32) => han += 1,
                _ => {}
            }
        }
        let eastern = han + kana + hangul;
        if eastern > 0 && 2 * eastern >= words {
            return match () {
                () if 10 * hangul >= 3 * eastern => Self::Korean,
                () if 10 * kana >= eastern => Self::Japanese,
                () => Self::Chinese,
            };
        }
        match detect_language(text) {
            _ if words < LEAST_WORDS => Self::None,
            Lang::Eng => Self::English,
            _ => Self::Other,
        }
    }
}

/// The language of each row that stands, by all of its turns.
///
/// # Errors
/// [`Cancelled`], if `progress` says so.
pub fn languages_of_rows(
    rows: &dyn Rows,
    alive: Option<&[bool]>,
    progress: &Progress,
) -> Result<Vec<(u32, Language)>, Cancelled> {
    let standing: Vec<u32> =
        (0..rows.len() as u32).filter(|&row| alive.is_none_or(|alive| alive[row as usize])).collect();
    let parts = standing.par_chunks(ROWS_PER_TASK).map(|numbers| {
        progress.check()?;
        let (mut scratch, mut text) = (RowScratch::default(), Vec::new());
        let of_row = |&row: &u32| {
            text.clear();
            let (turns, at) = rows.read(row, &mut scratch);
            for (_, turn) in turns.of(at) {
                text.extend_from_slice(&turn[..turn.len().min(LOOKED_AT)]);
                text.push(b'\n');
                if text.len() >= LOOKED_AT {
                    break;
                }
            }
            (row, Language::of(&String::from_utf8_lossy(&text)))
        };
        Ok(numbers.iter().map(of_row).collect::<Vec<_>>())
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn most_letters_decide() {
        for (text, language) in [
            ("今天天气怎么样？", Language::Chinese),
            ("用 Python 写一个 HTTP server，返回 hello world", Language::Chinese),
            ("ありがとうございます、とても助かりました。", Language::Japanese),
            ("안녕하세요, 오늘 날씨가 어떻습니까?", Language::Korean),
            ("How do I bake bread without an oven at home?", Language::English),
            ("Wie kann ich ohne Ofen zu Hause Brot backen?", Language::Other),
            ("3 + 4 = 7", Language::None),
            ("", Language::None),
        ] {
            assert_eq!(Language::of(text), language, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_one(text in any::<String>()) {
            prop_assert!((Language::of(&text) as usize) < Language::NAMES.len());
        }
    }
}
