//! A text as the words that count: numbers, denials, names and other content, fillers left out.

use super::{Class, Guard, Word, hash, negation, numbers, tables};
use numbers::{Decimal, Numeral, numeral};

/// Opening and closing marks of titles and quotations.
const QUOTES: &[(char, char)] = &[('《', '》'), ('“', '”'), ('「', '」'), ('『', '』'), ('"', '"'), ('〈', '〉')];

/// Longest quotation whose whole is compared, in bytes; longer ones are compared word by word only.
const MAX_QUOTE: usize = 120;

/// Where the words of a text are collected.
struct Scan<'a> {
    guard: &'a Guard,
    text: &'a str,
    words: Vec<Word>,
    /// Lower-case form of the word that is read.
    folded: String,
    /// Whether the text has a Chinese character: every Latin word in it is then a name.
    han: bool,
}

/// The words of a text in order.
pub fn words(guard: &Guard, text: &str) -> Vec<Word> {
    let han = text.chars().any(is_han);
    let mut scan = Scan { guard, text, words: Vec::with_capacity(16), folded: String::new(), han };
    scan.run();
    scan.words
}

/// Whether a character is written Chinese: the main block, its extensions, and 〇.
fn is_han(character: char) -> bool {
    matches!(character, '\u{4e00}'..='\u{9fff}' | '〇' | '\u{3400}'..='\u{4dbf}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The ASCII form of a full-width character.
fn narrow(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(character as u32 - 0xfee0).unwrap_or(character),
        '’' => '\'',
        '−' | '–' => '-',
        _ => character,
    }
}

/// Whether a character is a letter of a word that is not Chinese.
fn is_letter(character: char) -> bool {
    character.is_alphabetic() && !is_han(character)
}

impl Scan<'_> {
    fn run(&mut self) {
        let mut at = 0;
        let mut line_start = true;
        let mut before = ' ';
        while let Some(found) = self.text[at..].chars().next() {
            let character = narrow(found);
            let start = at;
            if character.is_ascii_digit() {
                at = self.digits(at, before, line_start);
            } else if is_han(found) {
                at = self.end_of(at, is_han);
                self.chinese(start, at);
            } else if is_letter(character) {
                at = self.latin(at, before);
            } else {
                at += found.len_utf8();
                self.mark(found, start, at);
            }
            line_start = found == '\n' || (line_start && character.is_whitespace());
            before = self.text[..at].chars().next_back().map_or(' ', narrow);
        }
    }

    /// Where the run of characters of one kind ends that begins at `at`.
    fn end_of(&self, at: usize, kind: impl Fn(char) -> bool) -> usize {
        self.text[at..].find(|character| !kind(character)).map_or(self.text.len(), |length| at + length)
    }

    /// A mark of punctuation: a quotation begins, or an exponent, an operation between numbers.
    fn mark(&mut self, found: char, start: usize, end: usize) {
        if let Some(digit) = superscript(found) {
            self.push(Class::Number, Decimal::parse(&[digit], &[]).key(false), '^');
        } else if let Some(&(_, close)) = QUOTES.iter().find(|(open, _)| *open == found) {
            self.quote(end, close);
        } else if matches!(narrow(found), '+' | '*' | '×' | '÷' | '=' | '<' | '>' | '^') {
            let digit = |character: Option<char>| character.is_some_and(|character| narrow(character).is_ascii_digit());
            if digit(self.text[..start].trim_end().chars().next_back())
                && digit(self.text[end..].trim_start().chars().next())
            {
                let operation = if narrow(found) == '×' { '*' } else { narrow(found) };
                let mut hash = hash::Hash::new(b'o');
                hash.byte(operation as u32 as u8);
                self.push(Class::Number, hash.finish(), operation);
            }
        }
    }

    /// The quotation whose content begins at `start`.
    fn quote(&mut self, start: usize, close: char) {
        let end = self.text.floor_char_boundary(self.text.len().min(start + MAX_QUOTE));
        let Some(length) = self.text[start..end].find(close) else { return };
        let mut hash = hash::Hash::new(b'q');
        let mut empty = true;
        let mut buffer = [0; 4];
        for character in self.text[start..start + length].chars().map(narrow).filter(|found| found.is_alphanumeric()) {
            for lower in character.to_lowercase() {
                hash.text(lower.encode_utf8(&mut buffer));
                empty = false;
            }
        }
        if !empty {
            self.push(Class::Quote, hash.finish(), close);
        }
    }

    /// A number in digits, with fraction, percent sign and 万 or 亿; gives where it ends.
    fn digits(&mut self, start: usize, before: char, line_start: bool) -> usize {
        let (mut whole, mut fraction): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
        let mut at = start;
        let mut point = false;
        while let Some(found) = self.text[at..].chars().next() {
            let character = narrow(found);
            let next = at + found.len_utf8();
            if let Some(digit) = character.to_digit(10) {
                if point { &mut fraction } else { &mut whole }.push(digit as u8);
            } else if character == ',' && !point && self.thousands(next) {
                // The comma of 1,000 says nothing.
            } else if character == '.' && !point && self.digit_at(next) {
                point = true;
            } else {
                break;
            }
            at = next;
        }
        let mut number = Decimal::parse(&whole, &fraction);
        let mut rest = self.text[at..].chars();
        let following = rest.next();
        if line_start && !point && following.is_some_and(|found| matches!(narrow(found), '.' | ')' | '、')) {
            // The mark of an item of a list.
            return at;
        }
        let mut percent = self.text[..start].ends_with("百分之");
        if following.is_some_and(|found| narrow(found) == '%') {
            percent = true;
        } else {
            at = self.units(at, &mut number);
        }
        // A sign, not a dash between two things.
        let negative = before == '-' && {
            let stem = self.text[..start].trim_end_matches(['-', '−', '－', '–']);
            stem.is_empty()
                || stem.ends_with(|found: char| "(（=[,，:：".contains(found) || is_han(found) || found == ' ')
                    && !stem.trim_end().ends_with(|found: char| narrow(found).is_ascii_digit())
        };
        let key = number.key(percent);
        self.push(Class::Number, if negative { !key } else { key }, '0');
        at
    }

    /// Chinese units right behind digits: 3万, 20亿, 5百万; but not 千米 or 百科.
    fn units(&self, start: usize, number: &mut Decimal) -> usize {
        let mut at = start;
        for _ in 0..3 {
            let mut rest = self.text[at..].chars();
            let Some((unit, Numeral::Unit(power))) = rest.next().and_then(|unit| Some((unit, numeral(unit)?))) else {
                break;
            };
            let after = rest.next().unwrap_or(' ');
            if (unit == '千' && "克米瓦卡赫字".contains(after)) || (unit == '百' && after == '科') {
                break;
            }
            number.shift(power);
            at += unit.len_utf8();
        }
        at
    }

    fn digit_at(&self, at: usize) -> bool {
        self.text[at..].chars().next().is_some_and(|found| narrow(found).is_ascii_digit())
    }

    /// Whether exactly three digits follow.
    fn thousands(&self, at: usize) -> bool {
        self.text[at..].chars().take(4).map(|found| narrow(found).is_ascii_digit()).take_while(|&digit| digit).count()
            == 3
    }

    /// A word of letters; gives where it ends.
    fn latin(&mut self, start: usize, before: char) -> usize {
        let inside = |character: char| is_letter(character) || narrow(character) == '\'';
        let end = self.end_of(start, inside);
        let written = &self.text[start..end];
        let capital = written.chars().next().is_some_and(char::is_uppercase);
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        folded.extend(written.chars().map(narrow).flat_map(char::to_lowercase));
        let after = self.text[end..].trim_start().split(|found: char| !found.is_ascii_alphabetic()).next();
        self.latin_word(folded.trim_end_matches('\'').trim_end_matches("'s"), before, after, capital);
        self.folded = folded;
        end
    }

    fn latin_word(&mut self, word: &str, before: char, after: Option<&str>, capital: bool) {
        let _ = before;
        if word.is_empty() {
            return;
        }
        if !self.han {
            if let Some((value, _)) = numbers::english(word) {
                if value == 1 {
                    self.push(Class::One, 0, '1');
                } else {
                    let digits: Vec<u8> = value.to_string().bytes().map(|byte| byte - b'0').collect();
                    self.push(Class::Number, Decimal::parse(&digits, &[]).key(false), '0');
                }
                return;
            }
            if negation::english(word, None, after) {
                self.push(Class::Denial, 0, '!');
                return;
            }
            if self.guard.fillers.contains(word) {
                return;
            }
        }
        let class = if self.han || capital { Class::Name } else { Class::Noun };
        self.content(word, class);
    }

    /// A run of Chinese characters.
    fn chinese(&mut self, start: usize, end: usize) {
        let run = &self.text[start..end];
        let tagged = self.guard.jieba.tag(run, false);
        let mut pending: Vec<Numeral> = Vec::new();
        let mut percent = false;
        for (at, tag) in tagged.iter().enumerate() {
            let word = tag.word;
            let counts =
                (tag.tag.starts_with('m') || tag.tag == "t" || word.chars().all(|found| numeral(found).is_some()))
                    && !tables::NO_NUMBERS.contains(&word);
            if counts && word.starts_with(|found| numeral(found).is_some() || found == '第' || found == '百') {
                let numerals = match word.strip_prefix("百分之") {
                    Some(rest) => {
                        self.number(&mut pending, percent);
                        percent = true;
                        rest
                    }
                    None => word.trim_start_matches('第'),
                };
                for found in numerals.chars() {
                    match numeral(found) {
                        Some(value) => pending.push(value),
                        None => self.number(&mut pending, std::mem::take(&mut percent)),
                    }
                }
                continue;
            }
            self.number(&mut pending, std::mem::take(&mut percent));
            let before = at.checked_sub(1).map(|at| tagged[at].word);
            let after = tagged.get(at + 1).map(|tag| tag.word);
            self.chinese_word(word, tag.tag, before, after);
        }
        self.number(&mut pending, percent);
    }

    /// Ends a run of numerals.
    fn number(&mut self, pending: &mut Vec<Numeral>, percent: bool) {
        if pending.is_empty() {
            return;
        }
        if pending[..] == [Numeral::Digit(1)] && !percent {
            self.push(Class::One, 0, '1');
        } else if let Some(number) = numbers::chinese(pending, &[]) {
            self.push(Class::Number, number.key(percent), '0');
        }
        pending.clear();
    }

    fn chinese_word(&mut self, word: &str, tag: &str, before: Option<&str>, after: Option<&str>) {
        if negation::chinese(word, before, after) {
            self.push(Class::Denial, 0, '!');
            return;
        }
        if self.guard.fillers.contains(word) {
            return;
        }
        let class = match tag {
            "ns" | "nr" | "nt" | "nrt" | "nz" | "nrfg" => Class::Name,
            "v" | "vd" | "vq" | "vi" | "d" | "ad" | "z" | "r" | "p" | "c" | "y" | "u" | "uv" | "ud" | "uz" | "ug"
            | "k" => Class::Verb,
            _ => Class::Noun,
        };
        self.content(word, class);
    }

    /// A word with content.
    fn content(&mut self, word: &str, class: Class) {
        let place = word.strip_suffix(tables::PLACE_ENDINGS).filter(|rest| {
            class == Class::Name && rest.chars().nth(1).is_some() && !self.guard.synonyms.contains_key(word)
        });
        let word = place.unwrap_or(word);
        let synonym = self.guard.synonyms.get(word).copied();
        let key = synonym.unwrap_or_else(|| hash::word(word));
        let stem = negation::stem(word).map_or(key, hash::word);
        let end = |found: Option<char>| found.map_or(0, |found| found as u32 as u16);
        let ends = [end(word.chars().next()), end(word.chars().next_back())];
        self.words.push(Word { key, stem, ends, class });
    }

    fn push(&mut self, class: Class, key: u32, shown: char) {
        self.words.push(Word { key, stem: key, ends: [shown as u32 as u16; 2], class });
    }
}

/// The value of a raised digit: x² is not x³.
fn superscript(character: char) -> Option<u8> {
    Some(match character {
        '¹' => 1,
        '²' => 2,
        '³' => 3,
        '⁰' => 0,
        '⁴'..='⁹' => (character as u32 - '⁰' as u32) as u8,
        _ => return None,
    })
}
