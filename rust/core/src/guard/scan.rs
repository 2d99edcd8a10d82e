//! A text as the words that count: numbers, denials, names and other content, fillers left out.

use super::lexicon::Entry;
use jieba_rs::Tag;

use super::{Class, Guard, Word, hash, negation, numbers, phrases, tables};
use numbers::{Decimal, Numeral, Spelled, Spelling, numeral};

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
    /// A number in English words that is not at its end yet.
    spelled: Spelled,
    /// How many words the first line has that has any, once it is at its end.
    first_line: Option<usize>,
    /// Whether the next word is what something goes or turns into.
    toward: bool,
    /// What 两 counted last: as often as it comes back, it is the same two.
    pair: Option<u32>,
}

/// The words of a text in order, and how many of them stand in the first line that has any.
pub fn words(guard: &Guard, text: &str) -> (Vec<Word>, usize) {
    let mut scan = Scan {
        guard,
        text,
        words: Vec::with_capacity(16),
        folded: String::new(),
        han: text.chars().any(is_han),
        spelled: Spelled::default(),
        first_line: None,
        toward: false,
        pair: None,
    };
    scan.run();
    (scan.words, scan.first_line.unwrap_or(usize::MAX))
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
    match character {
        '\0'..='\u{7f}' => character.is_ascii_alphabetic(),
        // The marks of Chinese text, before the search through all of Unicode.
        '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{301f}' => false,
        _ => !is_han(character) && character.is_alphabetic(),
    }
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
                at = self.latin(at);
            } else {
                at += found.len_utf8();
                self.mark(found, start, at);
            }
            if !(is_letter(found) || character == '-' || character == ' ') {
                self.end_spelled();
            }
            if found == '\n' && self.first_line.is_none() && !self.words.is_empty() {
                self.first_line = Some(self.words.len());
            }
            line_start = found == '\n' || (line_start && character.is_whitespace());
            before = self.text[..at].chars().next_back().map_or(' ', narrow);
        }
        self.end_spelled();
    }

    /// Where the run of characters of one kind ends that begins at `at`.
    fn end_of(&self, at: usize, kind: impl Fn(char) -> bool) -> usize {
        self.text[at..].find(|character| !kind(character)).map_or(self.text.len(), |length| at + length)
    }

    /// A mark of punctuation: a quotation begins, or an exponent, an operation between numbers.
    fn mark(&mut self, found: char, start: usize, end: usize) {
        if let Some(digit) = superscript(found) {
            self.push(Class::Number, Decimal::parse(&[digit], &[]).key(false));
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
                self.push(Class::Number, hash.key());
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
            self.push(Class::Quote, hash.key());
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
        if before == '-' && ends_with_covid(&self.text[..start]) {
            return at;
        }
        let mut number = Decimal::parse(&whole, &fraction);
        let mut rest = self.text[at..].chars();
        let following = rest.next();
        if line_start && !point && following.is_some_and(|found| matches!(narrow(found), '.' | ')' | '、' | '。')) {
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
        self.push(Class::Number, if negative { !key } else { key });
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
    fn latin(&mut self, start: usize) -> usize {
        let inside = |character: char| is_letter(character) || narrow(character) == '\'';
        let end = self.end_of(start, inside);
        let written = &self.text[start..end];
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        folded.extend(written.chars().map(narrow).flat_map(char::to_lowercase));
        let word = folded.trim_end_matches('\'');
        let word = word.strip_suffix("'s").unwrap_or(word);
        if self.han {
            // Among Chinese words a Latin one is a name, a term or a thing to work on.
            let hash = hash::word(word);
            self.content(word, hash, self.guard.lexicon.entry(hash), Class::Name);
        } else {
            self.english(word, start, end);
        }
        self.folded = folded;
        end
    }

    /// A word of a text that has no Chinese in it.
    fn english(&mut self, word: &str, start: usize, end: usize) {
        if self.spelled.take_in(word) {
            return;
        }
        self.end_spelled();
        if self.spelled.take_in(word) {
            return;
        }
        let hash = hash::word(word);
        let entry = self.guard.lexicon.entry(hash);
        let letters = |found: char| !found.is_alphabetic();
        let before = self.text[..start].trim_end().rsplit(letters).next();
        let after = self.text[end..].trim_start().split(letters).next();
        if negation::english(word, entry, before, after) {
            self.push(Class::Denial, 0);
        } else if entry.filler {
            self.toward |= entry.toward;
        } else {
            let capital = self.text[start..].starts_with(char::is_uppercase);
            let opens = self.text[..start].trim_end().ends_with(['.', '?', '!', ':', '"', '“', '\'']);
            let name = capital && !opens && !self.words.is_empty();
            self.content(word, hash, entry, if name { Class::Name } else { Class::Noun });
        }
    }

    /// Ends a number in English words.
    fn end_spelled(&mut self) {
        match self.spelled.take() {
            Some(1) => self.push(Class::One, 0),
            Some(value) => {
                let digits: Vec<u8> = value.to_string().bytes().map(|byte| byte - b'0').collect();
                self.push(Class::Number, Decimal::parse(&digits, &[]).key(false));
            }
            None => {}
        }
    }

    /// A run of Chinese characters.
    fn chinese(&mut self, start: usize, end: usize) {
        let digit = |found: char| narrow(found).is_ascii_digit();
        let mut run = &self.text[start..end];
        if self.text[..start].trim_end_matches(' ').ends_with(digit) && !run.starts_with("个位") {
            // What counts the thing is no part of its word: 20个人 is not 20 个人.
            run = run.strip_prefix(phrases::measure).unwrap_or(run);
        }
        let followed = self.text[end..].trim_start_matches(' ').starts_with(digit);
        let tagged = self.guard.jieba.tag(run, false);
        let mut spelling = Spelling::default();
        let mut offset = 0;
        let mut at = 0;
        while at < tagged.len() {
            let mut length = 1;
            if let Some((meant, words)) = phrases::phrase(&tagged, at, followed) {
                self.number(&mut spelling);
                if !meant.is_empty() {
                    let hash = hash::word(meant);
                    self.content(meant, hash, self.guard.lexicon.entry(hash), Class::Noun);
                }
                length = words;
            } else {
                self.dictionary_word(&tagged, at, &run[offset..], &mut spelling);
            }
            offset += tagged[at..].iter().take(length).map(|tag| tag.word.len()).sum::<usize>();
            at += length;
        }
        self.number(&mut spelling);
    }

    /// The word at `at` of a run of Chinese characters; `rest` is the run from it on.
    fn dictionary_word(&mut self, tagged: &[Tag], at: usize, rest: &str, spelling: &mut Spelling) {
        let Tag { word, tag, .. } = tagged[at];
        let hash = hash::word(word);
        let entry = self.guard.lexicon.entry(hash);
        let before = at.checked_sub(1).map(|at| tagged[at].word);
        let after = tagged.get(at + 1).map(|tag| tag.word);
        if let Some(day) = phrases::weekday(word) {
            self.number(spelling);
            let mut hash = hash::Hash::new(b'd');
            hash.byte(day);
            self.push(Class::Number, hash.key());
        } else if (!entry.no_number && phrases::counts(word, tag))
            || (word == "十分" && after.is_some_and(|after| after.starts_with('制')))
        {
            let again = self.says_again(tagged, at);
            if again {
                self.number(spelling);
                spelling.again = true;
            }
            self.numerals(spelling, word, rest);
            if again {
                self.number(spelling);
            }
        } else if let Some((end, thing)) =
            phrases::counted(word).filter(|_| !entry.no_number && entry.synonym.is_none())
        {
            self.numerals(spelling, &word[..end], rest);
            self.number(spelling);
            let hash = hash::word(&word[thing..]);
            let entry = self.guard.lexicon.entry(hash);
            if !entry.filler {
                self.content(&word[thing..], hash, entry, Class::Noun);
            }
        } else {
            self.number(spelling);
            // An idiom says something else than its first character: 不以为然, 无微不至.
            let idiom = tag == "i" && word.chars().nth(3).is_some();
            if !idiom && negation::chinese(word, entry, before, after) {
                if !phrases::alternative(tagged, at) {
                    self.push(Class::Denial, 0);
                }
            } else if entry.filler {
                self.toward |= entry.toward;
            } else {
                self.content(word, hash, entry, class(tag));
            }
        }
    }

    /// Whether a number only says again how many there are, as does 两 before what it has counted already.
    fn says_again(&mut self, tagged: &[Tag], at: usize) -> bool {
        if phrases::restates(tagged, at) {
            return true;
        }
        let Some(after) = tagged.get(at + 1).filter(|_| tagged[at].word.starts_with('两')) else { return false };
        let counted = Some(self.guard.lexicon.key(hash::word(after.word)));
        std::mem::replace(&mut self.pair, counted) == counted
    }

    /// A dictionary word that counts; `rest` is the run from it on.
    fn numerals(&mut self, spelling: &mut Spelling, word: &str, rest: &str) {
        let mut numerals = word.trim_start_matches('第');
        if let Some(behind) = word.strip_prefix("百分之") {
            self.number(spelling);
            spelling.percent = true;
            numerals = behind;
        }
        let skipped = word.len() - numerals.len();
        for (at, found) in numerals.char_indices() {
            let mut next = rest[skipped + at + found.len_utf8()..].chars().map(numeral);
            let fraction = matches!(next.next(), Some(Some(Numeral::Digit(_))))
                && !matches!(next.next(), Some(Some(Numeral::Unit(1))));
            match numeral(found) {
                Some(value) => spelling.push(value),
                // 三点五, but not 三点五十 and not 三点 alone.
                None if found == '点' && fraction && spelling.open() => spelling.point(),
                None => self.number(spelling),
            }
        }
    }

    /// Ends a number in Chinese numerals.
    fn number(&mut self, spelling: &mut Spelling) {
        if spelling.is_one() {
            self.push(Class::One, 0);
        } else if let Some(key) = spelling.key() {
            self.push(if spelling.again { Class::Again } else { Class::Number }, key);
        }
        spelling.clear();
    }

    /// A word with content.
    fn content(&mut self, word: &str, hash: hash::Hash, entry: Entry, class: Class) {
        let lexicon = &self.guard.lexicon;
        let mut key = entry.synonym.unwrap_or_else(|| hash.key());
        let mut stem = key;
        if let Some(bare) = negation::stem(word) {
            stem = lexicon.key(hash::word(bare));
        } else if class == Class::Name && entry.synonym.is_none() {
            // A word in the tables stays as it is: 德国 is not 德.
            if let Some(place) = word.strip_suffix(tables::PLACE_ENDINGS).filter(|rest| rest.chars().nth(1).is_some()) {
                key = lexicon.key(hash::word(place));
                stem = key;
            }
        }
        let end = |found: Option<char>| found.map_or(0, |found| found as u32 as u16);
        let mut backward = word.chars().rev();
        let (last, penultimate) = (end(backward.next()), end(backward.next()));
        let length = word.chars().take(255).count() as u8;
        let class = if entry.request { Class::Verb } else { class };
        self.words.push(Word {
            key,
            stem,
            ends: [end(word.chars().next()), penultimate, last],
            length,
            common: entry.synonym.is_some(),
            request: entry.request,
            distinct: entry.distinct || entry.set > 0 || class == Class::Name,
            target: std::mem::replace(&mut self.toward, entry.toward),
            opposed: entry.opposed,
            set: entry.set,
            class,
        });
    }

    fn push(&mut self, class: Class, key: u32) {
        self.words.push(Word {
            key,
            stem: key,
            ends: [0; 3],
            length: 0,
            common: false,
            request: false,
            distinct: false,
            target: false,
            opposed: false,
            set: 0,
            class,
        });
    }
}

/// Whether a text ends with the name of the disease of 2019, whose year counts nothing.
fn ends_with_covid(text: &str) -> bool {
    text.char_indices().rev().nth(5).is_some_and(|(at, _)| text[at..].eq_ignore_ascii_case("covid-"))
}

/// What a word of the dictionary counts as, by its part of speech.
fn class(tag: &str) -> Class {
    match tag.as_bytes() {
        [b'n', b's' | b'r' | b't' | b'z', ..] => Class::Name,
        // Verbs, adverbs, pronouns, prepositions, conjunctions, particles and words of state.
        [b'v' | b'd' | b'r' | b'p' | b'c' | b'y' | b'u' | b'k', ..] | b"ad" | b"z" if tag != "vn" => Class::Verb,
        _ => Class::Noun,
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
