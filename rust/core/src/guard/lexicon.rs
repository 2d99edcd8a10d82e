//! The tables of words, ready to be looked up.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::hash::{self, Hash};
use super::{synonyms, tables};

/// What the tables say of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// It may come and go without a change of what is asked.
    pub filler: bool,
    /// It denies.
    pub denial: bool,
    /// It begins like a denial and is none.
    pub lexicalised: bool,
    /// It begins like a number and is none.
    pub no_number: bool,
    /// It is a verb that asks for something, whatever its part of speech in the dictionary.
    pub request: bool,
    /// It is another thing than the words that begin alike.
    pub distinct: bool,
    /// What comes before it is turned into what comes behind it.
    pub toward: bool,
    /// It has an opposite, which says so wherever it stands.
    pub opposed: bool,
    /// The closed set that it is a member of, from 1; 0 for none.
    pub set: u8,
    /// The line of synonyms that it stands in, by the key of the line's first word.
    pub synonym: Option<u32>,
}

/// Keys are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 << 8) | u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// All tables.
pub struct Lexicon {
    entries: HashMap<u64, Entry, BuildHasherDefault<Identity>>,
    /// Keys of words and their opposites, both ways.
    opposites: HashSet<(u32, u32)>,
}

impl Lexicon {
    /// Reads the tables.
    pub fn new() -> Self {
        let mut lexicon = Self { entries: HashMap::default(), opposites: HashSet::new() };
        lexicon.mark(tables::FILLERS, |entry| entry.filler = true);
        lexicon.mark(tables::DENIALS, |entry| entry.denial = true);
        lexicon.mark(tables::ENGLISH_DENIALS, |entry| entry.denial = true);
        lexicon.mark(tables::LEXICALISED, |entry| entry.lexicalised = true);
        lexicon.mark(tables::NO_NUMBERS, |entry| entry.no_number = true);
        lexicon.mark(tables::DISTINCT, |entry| entry.distinct = true);
        lexicon.mark(tables::TOWARD, |entry| entry.toward = true);
        for requests in std::iter::once(tables::REQUESTS).chain(tables::OPERATIONS.lines()) {
            lexicon.mark(requests, |entry| entry.request = true);
            lexicon.alike(requests);
        }
        for line in synonyms::SYNONYMS.lines() {
            lexicon.alike(line);
        }
        lexicon.oppose();
        lexicon.sets();
        lexicon
    }

    /// Reads the opposites. Those of one character are so common that they say nothing elsewhere than in the same place.
    fn oppose(&mut self) {
        let mut opposed = HashSet::new();
        for line in tables::OPPOSITES.lines() {
            let line = line.split_whitespace();
            opposed.extend(
                line.clone().filter(|word| word.chars().nth(1).is_some()).map(|word| self.key(hash::word(word))),
            );
            let keys: Vec<u32> = line.map(|word| self.key(hash::word(word))).collect();
            let Some((&first, others)) = keys.split_first() else { continue };
            for &other in others.iter().filter(|&&other| other != first) {
                self.opposites.insert((first, other));
                self.opposites.insert((other, first));
            }
        }
        self.mark(tables::OPPOSITES, |_| ());
        self.by_key(|key, entry| entry.opposed = opposed.contains(&key));
    }

    /// Reads the closed sets.
    fn sets(&mut self) {
        let mut sets = HashMap::new();
        for (line, set) in tables::SETS.lines().filter(|line| !line.is_empty()).zip(1_u8..) {
            sets.extend(line.split_whitespace().map(|word| (self.key(hash::word(word)), set)));
        }
        self.mark(tables::SETS, |_| ());
        self.by_key(|key, entry| entry.set = sets.get(&key).copied().unwrap_or(0));
    }

    /// Completes what is known of every word in the tables by the key that it has.
    fn by_key(&mut self, set: impl Fn(u32, &mut Entry)) {
        for (&hash, entry) in &mut self.entries {
            set(entry.synonym.unwrap_or_else(|| hash::fold(hash)), entry);
        }
    }

    /// The words mean the same. A word of several meanings keeps the first.
    fn alike(&mut self, words: &str) {
        let Some(first) = words.split_whitespace().next() else { return };
        let key = hash::word(first).key();
        self.mark(words, |entry| entry.synonym = entry.synonym.or(Some(key)));
    }

    fn mark(&mut self, words: &str, set: impl Fn(&mut Entry)) {
        for word in words.split_whitespace() {
            set(self.entries.entry(hash::word(word).finish()).or_default());
        }
    }

    /// What the tables say of a word; nothing of a word that is in none.
    pub fn entry(&self, word: Hash) -> Entry {
        self.entries.get(&word.finish()).copied().unwrap_or_default()
    }

    /// The key of a word: that of its line of synonyms, or its own.
    pub fn key(&self, word: Hash) -> u32 {
        self.entry(word).synonym.unwrap_or_else(|| word.key())
    }

    /// Whether one word says the opposite of the other.
    pub fn opposite(&self, left: u32, right: u32) -> bool {
        self.opposites.contains(&(left, right))
    }
}
