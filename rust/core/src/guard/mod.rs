//! Whether two prompts that are close in meaning differ in what matters: a number, a name or a denial.
//!
//! Sentence embeddings put 法国的首都是什么 near 多米尼加的首都是什么 and 吸烟的好处 near 不吸烟的好处. The guard reads each
//! text once into [`Marks`] and compares the marks of two texts. It answers with the first of three reasons:
//!
//! 1. `number`: the numbers are not the same values as often. 一 and `one` count nothing, as they are articles.
//! 2. `negation`: one text denies more often than the other, or has the opposite word.
//! 3. `name`: each text has a name, a quotation or a member of a closed set (colours, languages, units) that the other
//!    lacks, or another content word in the same place; one goes from A to B, the other from B to A; what is given below
//!    the first line is other words for the most part.

mod align;
mod hash;
mod lexicon;
mod negation;
mod numbers;
mod phrases;
mod scan;
mod synonyms;
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
    /// A value that may come and go, as it says again how many there are: 猫和狗这两个.
    Again,
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

impl Class {
    /// Its bit in [`Marks::classes`].
    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The place of the bit in [`Marks::classes`] that stands for words with an opposite.
const OPPOSED: u16 = 14;
/// The place of the bit that stands for members of closed sets.
const MEMBER: u16 = 15;

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
    /// Whether words that begin alike are other things than it.
    distinct: bool,
    /// Whether something goes or turns into it: Z in 从 A 到 Z.
    target: bool,
    /// Whether it has an opposite of which it is told apart wherever it stands.
    opposed: bool,
    /// The closed set that it is a member of; 0 for none.
    set: u8,
    class: Class,
}

/// What the guard remembers of a text: at most [`Guard::MAX_WORDS`] words of 24 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    words: Box<[Word]>,
    /// How many of the words stand in the first line that has any; those behind are what is given to work on.
    first_line: u32,
    /// The classes that occur, a bit each, so that what neither text has is not searched for.
    classes: u16,
}

impl Marks {
    /// Bytes that the marks hold on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    /// The words below the first line.
    fn given(&self) -> &[Word] {
        self.words.get(self.first_line as usize..).unwrap_or_default()
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
        let (mut words, first_line) = scan::words(self, &text[..end]);
        words.truncate(Self::MAX_WORDS);
        let classes = words.iter().fold(0, |classes, word| {
            classes | word.class.bit() | u16::from(word.opposed) << OPPOSED | u16::from(word.set > 0) << MEMBER
        });
        Marks { first_line: first_line.min(words.len()) as u32, classes, words: words.into_boxed_slice() }
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
        if (left.classes | right.classes) & Class::Denial.bit() != 0 && denials(left) != denials(right) {
            return Some(Difference::Negation);
        }
        let replaced = align::replaced(self, left, right);
        if replaced.is_some_and(|difference| difference != Difference::Name) {
            return replaced;
        }
        if opposed(self, left, right) {
            return Some(Difference::Negation);
        }
        if each_lacks(left, right, Class::Name)
            || each_lacks(left, right, Class::Quote)
            || other_members(left, right)
            || align::other_given(left.given(), right.given())
        {
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

/// Whether the numbers are other values, or not as often. A `1` may be written 一 or `one`, which alone count nothing, as
/// does a number that says something again.
fn numbers_differ(left: &Marks, right: &Marks) -> bool {
    let counting = Class::Number.bit() | Class::Again.bit();
    if (left.classes | right.classes) & counting == 0 {
        return false;
    }
    let one = numbers::Decimal::parse(&[1], &[]).key(false);
    let allowed = |marks: &Marks| {
        let mut allowed = keys(marks, Class::Number);
        allowed.extend(keys(marks, Class::Again));
        allowed.extend(keys(marks, Class::One).iter().map(|_| one));
        allowed.sort_unstable();
        allowed
    };
    // Both are sorted: whether each number of `numbers` has its own among those of the other text.
    let within = |numbers: Vec<u32>, allowed: Vec<u32>| {
        let mut allowed = allowed.into_iter();
        numbers.into_iter().all(|key| allowed.any(|other| other == key))
    };
    if each_lacks(left, right, Class::Again) {
        return true;
    }
    !within(keys(left, Class::Number), allowed(right)) || !within(keys(right, Class::Number), allowed(left))
}

/// Whether each text has a word of the class that the other lacks.
fn each_lacks(left: &Marks, right: &Marks, class: Class) -> bool {
    if left.classes & right.classes & class.bit() == 0 {
        return false;
    }
    let (left, right) = (keys(left, class), keys(right, class));
    let lacks = |from: &[u32], to: &[u32]| from.iter().any(|key| to.binary_search(key).is_err());
    lacks(&left, &right) && lacks(&right, &left)
}

/// Most words of a text that are searched for opposites and members of sets.
const MAX_SEARCHED: usize = 32;

/// Whether one text has a word and the other its opposite, neither has both, wherever they stand.
fn opposed(guard: &Guard, left: &Marks, right: &Marks) -> bool {
    if left.classes & right.classes & (1 << OPPOSED) == 0 {
        return false;
    }
    let keys = |marks: &Marks| -> Vec<u32> {
        marks.words.iter().filter(|word| word.opposed).map(|word| word.key).take(MAX_SEARCHED).collect()
    };
    let (left, right) = (keys(left), keys(right));
    left.iter()
        .filter(|key| !right.contains(key))
        .any(|&key| right.iter().any(|&other| !left.contains(&other) && guard.lexicon.opposite(key, other)))
}

/// Whether each text has a member of a closed set that the other lacks: one speaks of winter, the other of summer.
fn other_members(left: &Marks, right: &Marks) -> bool {
    if left.classes & right.classes & (1 << MEMBER) == 0 {
        return false;
    }
    let members = |marks: &Marks| -> Vec<(u8, u32)> {
        marks.words.iter().filter(|word| word.set > 0).map(|word| (word.set, word.key)).take(MAX_SEARCHED).collect()
    };
    let (left, right) = (members(left), members(right));
    let lacking = |from: &[(u8, u32)], to: &[(u8, u32)]| -> Vec<u8> {
        from.iter().filter(|member| !to.contains(member)).map(|&(set, _)| set).collect()
    };
    let lacks = lacking(&left, &right);
    !lacks.is_empty() && lacking(&right, &left).iter().any(|set| lacks.contains(set))
}
