//! How much of an answer is in another language than Chinese.

use whichlang::{Lang, detect_language};
use xxhash_rust::xxh3::xxh3_64;

use crate::text::is_east_asian;

/// Words of another language that an answer needs: fewer are names, terms, formulas.
pub const LEAST_WORDS: usize = 8;
/// Different words that make a text: fewer are sounds, notes, a refrain.
const LEAST_DIFFERENT: usize = 6;
/// An answer of which one line in so many is code is a program.
const LINES_OF_CODE: usize = 4;
/// Characters in which a piece of code, a formula or a tag within a line ends.
const MOST_INLINE: usize = 300;

/// Counts of a text without code, formulas and links.
#[derive(Clone, Debug, Default)]
pub struct Prose {
    /// What is left of the text.
    text: String,
    /// Han characters.
    han: usize,
    /// Kana and hangul characters, which Chinese has not.
    syllables: usize,
    /// Words of other writing, in lower case.
    words: usize,
    /// Hashes of the first few different ones.
    different: Vec<u64>,
}

impl Prose {
    /// The share of units that are not Chinese; 0 if the language is Chinese all the same, or there are too few.
    ///
    /// The writing is counted first, since that costs little; who reads a mixture as which language is left to the
    /// identifier, which sees what is left of the text without code, formulas and links.
    pub fn share_of_other_language(&mut self, text: &str) -> (usize, usize) {
        self.read(text);
        let other = self.words + self.syllables;
        let all = other + self.han;
        let is_text = self.syllables >= LEAST_WORDS || self.different.len() >= LEAST_DIFFERENT;
        if other < LEAST_WORDS || !is_text || detect_language(&self.text) == Lang::Cmn {
            return (0, all);
        }
        (other, all)
    }

    fn read(&mut self, text: &str) {
        self.text.clear();
        (self.han, self.syllables, self.words) = (0, 0, 0);
        self.different.clear();
        let mut rest = text;
        while let Some(at) = rest.find(['`', '$', '<', 'h', 'w', '\\']) {
            let (plain, from) = rest.split_at(at);
            self.text.push_str(plain);
            let skipped = length_of_foreign(from, plain);
            if skipped == 0 {
                let first = from.chars().next().map_or(0, char::len_utf8);
                self.text.push_str(&from[..first]);
                rest = &from[first..];
            } else {
                self.text.push(' ');
                rest = &from[skipped..];
            }
        }
        self.text.push_str(rest);
        let text = std::mem::take(&mut self.text);
        let (mut lines, mut code) = (0, 0);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            lines += 1;
            if looks_like_code(line) {
                code += 1;
                continue;
            }
            for piece in line.split(|character: char| character.is_whitespace() || !is_part_of_name(character)) {
                // A point between letters makes it the name of a site or a file.
                if !piece.trim_end_matches('.').contains('.') {
                    piece.split(['.', '-', '/']).for_each(|word| self.count(word));
                }
            }
        }
        // What stands between lines of a program are its comments.
        if code * LINES_OF_CODE >= lines {
            (self.words, self.syllables) = (0, 0);
        }
        self.text = text;
    }

    /// Counts what stands between two marks or blanks.
    fn count(&mut self, word: &str) {
        let (mut other, mut lower) = (0, true);
        for character in word.chars() {
            let point = u32::from(character);
            match point {
                0x3041..=0x30ff | 0x1100..=0x11ff | 0x3131..=0x318e | 0xac00..=0xd7a3 => self.syllables += 1,
                _ if is_east_asian(point) => self.han += 1,
                _ => {
                    other += 1;
                    lower &= character.is_lowercase() || character == '\'';
                }
            }
        }
        // Names, abbreviations, notes and numbers are the same in every language; a word of a sentence is not.
        if other > 1 && lower {
            self.words += 1;
            let hash = xxh3_64(word.as_bytes());
            if self.different.len() < LEAST_DIFFERENT && !self.different.contains(&hash) {
                self.different.push(hash);
            }
        }
    }
}

/// Whether a character may stand within a word, or within a name of several parts.
fn is_part_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '\'' | '.' | '-' | '/')
}

/// Whether a line is of a program, a formula or a table rather than of a text.
fn looks_like_code(line: &str) -> bool {
    let line = line.trim();
    let holds = ["=", "(\"", "()", "\"\"\"", "->", "::", "</", "||", "&&", "{", "_", "|"];
    let begins = ["import ", "def ", "return ", "print", "for (", "SELECT ", "//"];
    line.ends_with(';')
        || line.ends_with("):")
        || begins.iter().any(|&part| line.starts_with(part))
        || holds.iter().any(|&part| line.contains(part))
}

/// Bytes of the code, formula, tag or link that a text begins with; 0 if it begins with none.
fn length_of_foreign(text: &str, before: &str) -> usize {
    let to_end = |open: &str, close: &str| {
        text.strip_prefix(open)
            .map(|inside| inside.find(close).map_or(text.len(), |end| open.len() + end + close.len()))
    };
    let within_line = |open: char, close: char| {
        let inside = text.strip_prefix(open)?;
        // A sign that is never closed must not make each one after it look through the whole line.
        let near = inside.char_indices().take(MOST_INLINE).take_while(|&(_, character)| character != '\n');
        near.into_iter()
            .find(|&(_, character)| character == close)
            .map(|(end, _)| end)
            .map(|end| open.len_utf8() + end + close.len_utf8())
    };
    let link = || {
        let begins = ["http://", "https://", "www."].iter().any(|&start| text.starts_with(start));
        let inside_word = before.ends_with(|last: char| last.is_ascii_alphanumeric());
        (begins && !inside_word).then(|| text.find(|c: char| c.is_whitespace() || !c.is_ascii()).unwrap_or(text.len()))
    };
    to_end("```", "```")
        .or_else(|| to_end("$$", "$$"))
        .or_else(|| to_end("\\[", "\\]"))
        .or_else(|| to_end("\\(", "\\)"))
        .or_else(|| within_line('`', '`'))
        .or_else(|| within_line('$', '$'))
        .or_else(|| within_line('<', '>'))
        .or_else(link)
        .unwrap_or(0)
}
