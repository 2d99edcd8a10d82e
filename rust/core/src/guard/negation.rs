//! Denials: words that turn a statement round, and the words that only look like them.

use super::lexicon::Entry;

/// The characters that deny at the start of a word.
const STARTS: &[char] = &['不', '没', '未', '无', '非', '别', '無', '沒', '別'];

/// Prefixes that turn an English word into its opposite.
const PREFIXES: &[&str] = &["un", "in", "im", "ir", "il", "dis", "non", "anti"];

/// Whether a Chinese dictionary word denies. `before` is the word before it: 能 不能 asks, as 能不能 does.
pub fn chinese(word: &str, entry: Entry, before: Option<&str>, after: Option<&str>) -> bool {
    if entry.denial {
        // Inside of a text these are parts of words more often: only 与否 and 莫慌 deny.
        return !matches!(word, "否" | "弗" | "莫") || before.is_none() || after.is_none();
    }
    let mut characters = word.chars();
    let Some(first) = characters.next().filter(|first| STARTS.contains(first)) else { return false };
    let rest = characters.as_str();
    if entry.lexicalised {
        return false;
    }
    if matches!(first, '别' | '別' | '非')
        && rest.is_empty()
        && after.is_none_or(|after| after.starts_with(['的', '常']))
    {
        return false;
    }
    // 能不能, 有没有 and 会不会 in two or three words.
    let asked = if rest.is_empty() { after } else { Some(rest) };
    let alternative =
        before.zip(asked).is_some_and(|(before, asked)| matches!(first, '不' | '没') && before.ends_with(asked));
    !alternative
}

/// Whether an English word in lower case denies.
pub fn english(word: &str, entry: Entry, before: Option<&str>, after: Option<&str>) -> bool {
    if word.ends_with("n't") || word.ends_with("n’t") {
        return true;
    }
    // "not only", "whether or not" deny nothing.
    entry.denial && !(word == "not" && (after == Some("only") || before == Some("or")))
}

/// An English word without its denying prefix: unhealthy is healthy turned round. None for other words.
pub fn stem(word: &str) -> Option<&str> {
    if !word.as_bytes().first().is_some_and(u8::is_ascii_lowercase) {
        return None;
    }
    let stem = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix))?;
    (stem.len() > 3 && stem.is_ascii()).then_some(stem)
}
