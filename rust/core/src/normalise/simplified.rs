//! Traditional Chinese to Simplified Chinese, with `OpenCC`'s dictionaries.

use std::collections::HashMap;
use std::sync::LazyLock;

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;

/// Characters that `OpenCC` changes alone, but which Simplified Chinese keeps in some words: 乾坤, 宫商角徵羽, 哪吒, 毕昇.
///
/// They do not show that a text is Traditional: alone they are left, beside Traditional characters `OpenCC` decides.
const KEPT_IN_WORDS: &str = "乾濛吒徵於昇薹苧麽";

/// Han characters that `OpenCC`'s dictionaries can hold.
const HAN: [std::ops::RangeInclusive<char>; 2] = ['\u{3400}'..='\u{9fff}', '\u{20000}'..='\u{323af}'];

struct Converter {
    /// Nothing if the dictionaries, which are part of the program, cannot be read.
    words: Option<OpenCC>,
    /// Each Traditional character and its Simplified one, which is not Traditional.
    characters: HashMap<char, char>,
}

static CONVERTER: LazyLock<Converter> = LazyLock::new(|| {
    let words = OpenCC::from_config(BuiltinConfig::T2s).ok();
    let mut characters = HashMap::new();
    if let Some(words) = &words {
        for range in HAN {
            // On a line of its own no character is part of a word.
            let lines: String = range.flat_map(|character| [character, '\n']).collect();
            let pairs = lines.lines().zip(words.convert(&lines).lines().map(str::to_owned).collect::<Vec<_>>());
            characters.extend(pairs.filter_map(|(from, to)| changed(from, &to)));
        }
    }
    // A character that leads to a Traditional one would not be done after one step.
    let ends = |mut to: char| {
        for _ in 0..characters.len() {
            match characters.get(&to) {
                Some(&next) => to = next,
                None => return Some(to),
            }
        }
        None
    };
    let characters = characters.iter().filter_map(|(&from, &to)| Some((from, ends(to)?))).collect();
    Converter { words, characters }
});

fn changed(from: &str, to: &str) -> Option<(char, char)> {
    let (mut before, mut after) = (from.chars(), to.chars());
    let (from, to) = (before.next()?, after.next()?);
    (from != to && after.next().is_none() && !KEPT_IN_WORDS.contains(from)).then_some((from, to))
}

/// Whether a character is one that Simplified Chinese does not have.
pub(super) fn is_traditional(character: char) -> bool {
    CONVERTER.characters.contains_key(&character)
}

/// The text in Simplified Chinese; nothing if no character of it is Traditional.
///
/// The longest words of `OpenCC`'s dictionary first. What it leaves Traditional is changed character by character, so
/// that the result has no Traditional character and is therefore left as it is when it comes again.
pub(super) fn convert(text: &str) -> Option<String> {
    if !text.chars().any(is_traditional) {
        return None;
    }
    let by_words = CONVERTER.words.as_ref()?.convert(text);
    let simplified = |character| CONVERTER.characters.get(&character).copied().unwrap_or(character);
    Some(by_words.chars().map(simplified).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide_where_a_character_does_not() {
        let cases = [
            ("乾隆年間的乾燥氣候", Some("乾隆年间的干燥气候")),
            ("頭髮與發展", Some("头发与发展")),
            ("瞭解後面的皇后", Some("了解后面的皇后")),
            ("乾清宫的萧乾", None),
            ("简体中文，没有繁体字。", None),
            ("한국어 텍스트 English", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(convert(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn every_traditional_character_becomes_one_that_stays() {
        assert!(CONVERTER.words.is_some());
        assert!(CONVERTER.characters.len() > 4000, "{}", CONVERTER.characters.len());
        for (from, to) in &CONVERTER.characters {
            assert!(!is_traditional(*to), "{from} {to}");
        }
    }
}
