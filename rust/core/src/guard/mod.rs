//! Whether two prompts that are close in meaning differ in what matters: a number, a name or a denial.
//!
//! Sentence embeddings put 法国的首都是什么 near 多米尼加的首都是什么 and 吸烟的好处 near 不吸烟的好处. The guard reads each
//! text once into [`Marks`] and compares the marks of two texts. It answers with the first of three reasons:
//!
//! 1. `number`: the numbers are not the same values as often. 一 and `one` count nothing, as they are articles.
//! 2. `negation`: one text denies more often than the other, or has the opposite word in the same place.
//! 3. `name`: each text has a name or quotation that the other lacks, or another content word in the same place.

mod align;
mod hash;
mod lexicon;
mod negation;
mod numbers;
mod scan;
mod tables;

use std::sync::LazyLock;

use jieba_rs::Jieba;
use lexicon::Lexicon;

#[cfg(test)]
mod tests;

/// What tells two texts apart that are close in meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    /// Another number.
    Number,
    /// A denial on one side only, or a word and its opposite.
    Negation,
    /// Another name, quotation or content word in the same place.
    Name,
}

impl Difference {
    /// The word for it in ledgers and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Negation => "negation",
            Self::Name => "name",
        }
    }
}

/// What a word counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// A value; the key is that of the value.
    Number,
    /// 一 or `one`, which is an article as often as a number.
    One,
    /// A denial.
    Denial,
    /// A proper noun, or a Latin word in Chinese text.
    Name,
    /// The whole of a quoted text.
    Quote,
    /// Another word with content that names something.
    Noun,
    /// A verb.
    Verb,
}

/// A word of a text, as far as the comparison needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    /// Identity of the word, or of the line of synonyms that it stands in.
    key: u32,
    /// Identity of an English word without its denying prefix; that of the word itself otherwise.
    stem: u32,
    /// First character, last but one and last: the low 16 bits; 0 where there is none.
    ends: [u16; 3],
    /// Number of characters, up to 255.
    length: u8,
    /// Whether it stands in a line of synonyms: what it means is known, and it has many forms.
    common: bool,
    /// Whether it is a verb that says what is to be done.
    request: bool,
    /// Whether it is such a verb, and asks for something to be done with what is given.
    operation: bool,
    /// Whether words that begin alike are other things than it.
    distinct: bool,
    class: Class,
}

/// What the guard remembers of a text: at most [`Guard::MAX_WORDS`] words of 20 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    words: Box<[Word]>,
}

impl Marks {
    /// Bytes that the marks hold on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.words)
    }
}

/// The dictionary and the tables of words. Built once (half a second, 40 MB); shared by threads.
pub struct Guard {
    jieba: Jieba,
    lexicon: Lexicon,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::new()
    }
}

impl Guard {
    /// Bytes of a text that are read; what follows is not compared.
    pub const MAX_BYTES: usize = 16_384;
    /// Words of a text that are remembered; what follows is not compared.
    pub const MAX_WORDS: usize = 1_024;

    /// The only one that a program needs, made when it is asked for the first time.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Guard> = LazyLock::new(Guard::new);
        &SHARED
    }

    /// Loads the dictionary.
    #[must_use]
    pub fn new() -> Self {
        Self { jieba: Jieba::new(), lexicon: Lexicon::new() }
    }

    /// What of a text is compared. Empty for a text without words.
    #[must_use]
    pub fn read(&self, text: &str) -> Marks {
        let end = text.floor_char_boundary(text.len().min(Self::MAX_BYTES));
        let mut words = scan::words(self, &text[..end]);
        words.truncate(Self::MAX_WORDS);
        Marks { words: words.into_boxed_slice() }
    }

    /// The first difference that keeps two texts from being duplicates. Symmetric; None for equal texts.
    #[must_use]
    pub fn differs(&self, left: &Marks, right: &Marks) -> Option<Difference> {
        if left == right {
            return None;
        }
        if numbers_differ(left, right) {
            return Some(Difference::Number);
        }
        let denials = |marks: &Marks| marks.words.iter().filter(|word| word.class == Class::Denial).count();
        if denials(left) != denials(right) {
            return Some(Difference::Negation);
        }
        let replaced = align::replaced(self, left, right);
        if replaced.is_some_and(|difference| difference != Difference::Name) {
            return replaced;
        }
        if each_lacks(left, right, Class::Name) || each_lacks(left, right, Class::Quote) {
            return Some(Difference::Name);
        }
        replaced
    }

    /// [`Self::differs`] for two texts that are read for this alone.
    #[must_use]
    pub fn between(&self, left: &str, right: &str) -> Option<Difference> {
        self.differs(&self.read(left), &self.read(right))
    }
}

/// The sorted keys of the words of a class.
fn keys(marks: &Marks, class: Class) -> Vec<u32> {
    let mut keys: Vec<u32> = marks.words.iter().filter(|word| word.class == class).map(|word| word.key).collect();
    keys.sort_unstable();
    keys
}

/// Whether the numbers are other values, or not as often. A `1` may be written 一 or `one`, which alone count nothing.
fn numbers_differ(left: &Marks, right: &Marks) -> bool {
    let one = numbers::Decimal::parse(&[1], &[]).key(false);
    let split = |marks: &Marks| {
        let mut others = keys(marks, Class::Number);
        let all = others.len();
        others.retain(|&key| key != one);
        let ones = all - others.len();
        (others, ones, ones + keys(marks, Class::One).len())
    };
    let (left, left_digits, left_ones) = split(left);
    let (right, right_digits, right_ones) = split(right);
    left != right || left_digits > right_ones || right_digits > left_ones
}

/// Whether each text has a word of the class that the other lacks.
fn each_lacks(left: &Marks, right: &Marks, class: Class) -> bool {
    let (left, right) = (keys(left, class), keys(right, class));
    let lacks = |from: &[u32], to: &[u32]| from.iter().any(|key| to.binary_search(key).is_err());
    lacks(&left, &right) && lacks(&right, &left)
}
