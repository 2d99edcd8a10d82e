//! Reads models in the ARPA format, those of other tools too.
//!
//! What scoring relies on must hold of the n-grams that are read: whatever an n-gram begins or ends with is known too.
//! Pruned models may lack such n-grams; they are added with the probability that backing off gives and no back-off
//! weight of their own, which changes no score.

use std::collections::HashMap;

use memchr::memchr;
use rayon::prelude::*;

use super::arpa_names::character_of;
use super::estimate::{Estimated, EstimatedLevel, Tasks, find_prefixes};
use super::vocabulary::{Kind, Vocabulary};
use super::{BEGIN, END, LanguageModelError, MOST_ORDER, UNKNOWN};
use crate::progress::Progress;

/// The longest line that an ARPA file may have.
const LONGEST_LINE: usize = 1 << 16;
/// Bits of a token in a key.
const TOKEN_BITS: u32 = 21;
/// Logarithm to the base of ten of the probability of unknown tokens, where the file does not tell it.
const NO_UNKNOWN: f64 = -100.0;
/// A logarithm beyond this counts as this.
const FARTHEST: f64 = 1000.0;
/// Lines between two looks at whether to stop.
const LINES_AT_ONCE: u64 = 1 << 14;

/// An n-gram: its tokens packed from the last to the first, the last one highest.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    key: u128,
    log_probability: f32,
    backoff: f32,
    /// Not in the file, but needed.
    added: bool,
}

/// The words of a model with what it says about each, and their numbers by name.
type Unigrams<'a> = (Vocabulary, Vec<Entry>, HashMap<&'a str, u32>);

/// Reads a model.
///
/// # Errors
/// [`LanguageModelError::Arpa`] with the number of the line that is wrong; [`LanguageModelError::Cancelled`].
pub fn read(bytes: &[u8], progress: &Progress) -> Result<Estimated, LanguageModelError> {
    progress.expect(bytes.len() as u64);
    let mut lines = Lines { rest: bytes, number: 0, text: "", progress, before: bytes.len() };
    let sizes = lines.sizes()?;
    let (vocabulary, unigrams, ids) = lines.unigrams(sizes[0], sizes.len() == 1)?;
    let mut orders = vec![unigrams];
    for (order, &size) in sizes.iter().enumerate().skip(1) {
        orders.push(lines.ngrams(order + 1, size, order + 1 == sizes.len(), &ids)?);
    }
    if lines.text != "\\end\\" {
        return lines.wrong("the file has no \\end\\ here: more n-grams than it said, or it breaks off");
    }
    drop(ids);
    complete(&mut orders);
    arrange(orders, vocabulary, progress)
}

struct Lines<'a> {
    rest: &'a [u8],
    number: u64,
    text: &'a str,
    progress: &'a Progress,
    before: usize,
}

impl<'a> Lines<'a> {
    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, LanguageModelError> {
        Err(LanguageModelError::Arpa { line: self.number.max(1), message: message.into() })
    }

    /// The next line, without white space at its ends; an error at the end of the file.
    fn next(&mut self) -> Result<&'a str, LanguageModelError> {
        if self.rest.is_empty() {
            return self.wrong("the file ends here, before \\end\\");
        }
        self.number += 1;
        if self.number.is_multiple_of(LINES_AT_ONCE) {
            self.progress.check()?;
            self.progress.advance((self.before - self.rest.len()) as u64);
            self.before = self.rest.len();
        }
        let window = &self.rest[..self.rest.len().min(LONGEST_LINE + 1)];
        let (line, rest) = match memchr(b'\n', window) {
            Some(at) => (&self.rest[..at], &self.rest[at + 1..]),
            None if window.len() <= LONGEST_LINE => (self.rest, &[][..]),
            None => return self.wrong(format!("the line is longer than {LONGEST_LINE} bytes")),
        };
        self.rest = rest;
        match std::str::from_utf8(line) {
            Ok(text) => self.text = text.trim_matches([' ', '\t', '\r']),
            Err(_) => return self.wrong("the line is not UTF-8"),
        }
        Ok(self.text)
    }

    /// The next line that is not empty.
    fn filled(&mut self) -> Result<&'a str, LanguageModelError> {
        loop {
            let text = self.next()?;
            if !text.is_empty() {
                return Ok(text);
            }
        }
    }

    /// The numbers of n-grams; the line after them is the current one.
    fn sizes(&mut self) -> Result<Vec<usize>, LanguageModelError> {
        // Some tools write comments before the header.
        while self.next()? != "\\data\\" {
            if self.number > 1000 || self.text.starts_with("ngram ") {
                return self.wrong("no ARPA file: it has no \\data\\ before this line");
            }
        }
        let mut sizes = Vec::new();
        while let Some(rest) = self.filled()?.strip_prefix("ngram ") {
            let size =
                rest.split_once('=').map(|(order, size)| (order.trim().parse::<usize>(), size.trim().parse::<u32>()));
            match size {
                Some((Ok(order), Ok(size))) if order == sizes.len() + 1 => sizes.push(size as usize),
                _ => return self.wrong(format!("`ngram {}=` and a number must stand here", sizes.len() + 1)),
            }
        }
        if !(1..=MOST_ORDER).contains(&sizes.len()) {
            return self.wrong(format!("the model has {} orders: 1 to {MOST_ORDER} can be read", sizes.len()));
        }
        Ok(sizes)
    }

    fn heading(&self, order: usize) -> Result<(), LanguageModelError> {
        let wanted = format!("\\{order}-grams:");
        if self.text == wanted { Ok(()) } else { self.wrong(format!("{wanted} must stand here")) }
    }

    /// Probability, words, and back-off weight of the current line.
    fn fields(&self, order: usize, last: bool) -> Result<(f32, [&'a str; MOST_ORDER], f32), LanguageModelError> {
        let mut fields = self.text.split([' ', '\t']).filter(|field| !field.is_empty());
        let log_probability = self.number_of(fields.next())?;
        if log_probability > 0.0 {
            return self.wrong("the logarithm of a probability is above 0");
        }
        let mut words = [""; MOST_ORDER];
        for word in &mut words[..order] {
            match fields.next() {
                Some(field) => *word = field,
                None => return self.wrong(format!("the line has fewer than {order} words")),
            }
        }
        let backoff = match fields.next() {
            None => 0.0,
            field => self.number_of(field)?,
        };
        if fields.next().is_some() || (last && backoff != 0.0) {
            return self.wrong("the line has more than a probability, its words and a back-off weight of a context");
        }
        Ok((log_probability, words, backoff))
    }

    /// A logarithm to the base of ten as a natural one.
    fn number_of(&self, field: Option<&str>) -> Result<f32, LanguageModelError> {
        let value = field.and_then(|field| field.parse::<f64>().ok()).filter(|value| !value.is_nan());
        let Some(value) = value else { return self.wrong(format!("no number: {:?}", field.unwrap_or_default())) };
        Ok((value.clamp(-FARTHEST, FARTHEST) * std::f64::consts::LN_10) as f32)
    }

    /// Goes over the lines of an order; the line after them is the current one.
    fn each(
        &mut self,
        order: usize,
        size: usize,
        last: bool,
        mut take: impl FnMut(&Self, f32, &[&'a str], f32) -> Result<(), LanguageModelError>,
    ) -> Result<(), LanguageModelError> {
        self.heading(order)?;
        for seen in 0..size {
            if self.filled()?.starts_with('\\') {
                return self.wrong(format!("{seen} n-grams of order {order}, and the file said {size}"));
            }
            let (log_probability, words, backoff) = self.fields(order, last)?;
            take(self, log_probability, &words[..order], backoff)?;
        }
        self.filled().map(drop)
    }

    fn unigrams(&mut self, size: usize, last: bool) -> Result<Unigrams<'a>, LanguageModelError> {
        let mut ids: HashMap<&'a str, u32> = HashMap::new();
        let mut names = Vec::new();
        let entry =
            |key: u32, log_probability, backoff| Entry { key: u128::from(key), log_probability, backoff, added: false };
        let mut entries: Vec<Entry> = (0..3).map(|token| entry(token, f32::NAN, 0.0)).collect();
        self.each(1, size, last, |lines, log_probability, words, backoff| {
            let word = words[0];
            let token = match word {
                "<unk>" | "<UNK>" => UNKNOWN,
                "<s>" => BEGIN,
                "</s>" => END,
                _ => {
                    names.push(word);
                    entries.push(entry(entries.len() as u32, 0.0, 0.0));
                    entries.len() as u32 - 1
                }
            };
            if entries.len() > 1 << TOKEN_BITS {
                return lines.wrong(format!("more than {} words", 1 << TOKEN_BITS));
            }
            if ids.insert(word, token).is_some() {
                return lines.wrong(format!("the word {word:?} comes twice"));
            }
            entries[token as usize] = entry(token, log_probability, backoff);
            Ok(())
        })?;
        for (token, name) in [(BEGIN, "<s>"), (END, "</s>")] {
            let own = &mut entries[token as usize].log_probability;
            if own.is_nan() {
                return self.wrong(format!("the unigrams before this line lack {name}"));
            }
            // No text has it; other tools give it whatever number they like.
            if token == BEGIN {
                *own = 0.0;
            }
        }
        let unknown = &mut entries[UNKNOWN as usize].log_probability;
        if unknown.is_nan() {
            *unknown = (NO_UNKNOWN * std::f64::consts::LN_10) as f32;
        }
        let characters: Option<Vec<char>> = names.iter().map(|name| character_of(name)).collect();
        let vocabulary = match characters {
            Some(characters) => {
                let tokens = characters.into_iter().map(|one| (u32::from(one), String::from(one)));
                Vocabulary::new(Kind::Characters, tokens)
            }
            None => Vocabulary::new(Kind::Words, names.iter().map(|&name| (0, name))),
        };
        Ok((vocabulary?, entries, ids))
    }

    fn ngrams(
        &mut self,
        order: usize,
        size: usize,
        last: bool,
        ids: &HashMap<&'a str, u32>,
    ) -> Result<Vec<Entry>, LanguageModelError> {
        // The file may say any number.
        let mut entries = Vec::with_capacity(size.min(self.rest.len() / 8));
        self.each(order, size, last, |lines, log_probability, words, backoff| {
            let mut key = 0;
            for (place, word) in words.iter().rev().enumerate() {
                let Some(&token) = ids.get(word) else {
                    return lines.wrong(format!("the word {word:?} is not among the unigrams"));
                };
                if (token == BEGIN && place + 1 < order) || (token == END && place > 0) {
                    return lines.wrong("<s> may only come first, and </s> only last");
                }
                key = key << TOKEN_BITS | u128::from(token);
            }
            entries.push(Entry { key, log_probability, backoff, added: false });
            Ok(())
        })?;
        entries.par_sort_unstable_by_key(|entry| entry.key);
        if entries.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return self.wrong(format!("an n-gram of order {order} comes twice before this line"));
        }
        Ok(entries)
    }
}

/// Adds the n-grams that others begin or end with.
fn complete(orders: &mut [Vec<Entry>]) {
    for order in (2..orders.len()).rev() {
        let (below, above) = orders.split_at_mut(order);
        let (lower, upper) = (&mut below[order - 1], &above[0]);
        // The highest token is the last one: without it an n-gram is what it begins with, without the lowest what it
        // ends with.
        let begins = (1_u128 << (TOKEN_BITS * order as u32)) - 1;
        let needed = upper.par_iter().flat_map_iter(|entry| [entry.key >> TOKEN_BITS, entry.key & begins]);
        let known = |key: &u128| lower.binary_search_by_key(key, |entry| entry.key).is_ok();
        let mut missing: Vec<u128> = needed.filter(|key| !known(key)).collect();
        missing.par_sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            let added = missing.into_iter().map(|key| Entry { key, log_probability: 0.0, backoff: 0.0, added: true });
            lower.extend(added);
            lower.par_sort_unstable_by_key(|entry| entry.key);
        }
    }
}

/// Brings complete orders into the form in which models are laid out.
fn arrange(
    orders: Vec<Vec<Entry>>,
    vocabulary: Vocabulary,
    progress: &Progress,
) -> Result<Estimated, LanguageModelError> {
    let last = orders.len() - 1;
    let mut levels: Vec<EstimatedLevel> = Vec::new();
    let mut before: Vec<u128> = Vec::new();
    for (order, entries) in orders.into_iter().enumerate() {
        progress.check()?;
        if entries.len() >= u32::MAX as usize {
            return Err(LanguageModelError::TooMany("n-grams"));
        }
        let mut level = EstimatedLevel {
            tokens: entries.iter().map(|entry| entry.key as u32 & ((1 << TOKEN_BITS) - 1)).collect(),
            first_child: Vec::new(),
            log_probability: entries.iter().map(|entry| entry.log_probability).collect(),
            backoff: if order < last { entries.iter().map(|entry| entry.backoff).collect() } else { Vec::new() },
            prefix: Vec::new(),
            worth: Vec::new(),
        };
        if let Some(contexts) = levels.last_mut() {
            let mut at = 0;
            contexts.first_child = before
                .iter()
                .map(|&parent| {
                    let first = at;
                    while entries.get(at).is_some_and(|entry| entry.key >> TOKEN_BITS == parent) {
                        at += 1;
                    }
                    first as u32
                })
                .collect();
            contexts.first_child.push(at as u32);
            debug_assert_eq!(at, entries.len());
            link(&mut levels, &mut level);
            back_off(&levels, &mut level, &entries);
        }
        before = entries.iter().map(|entry| entry.key).collect();
        levels.push(level);
    }
    Ok(Estimated { vocabulary, levels, discounts: Vec::new() })
}

/// Finds what each n-gram of a level begins with.
fn link(below: &mut [EstimatedLevel], level: &mut EstimatedLevel) {
    if let [.., lower, contexts] = below {
        level.prefix = vec![0; level.tokens.len()];
        let tasks = Tasks::of(&contexts.first_child);
        tasks.cut(&mut level.prefix).into_par_iter().zip(&tasks.parents).for_each(|(prefix, parents)| {
            find_prefixes(
                parents.clone(),
                &contexts.first_child,
                &level.tokens,
                &contexts.prefix,
                &lower.first_child,
                &contexts.tokens,
                prefix,
            );
        });
    } else {
        level.prefix.clone_from(&level.tokens);
    }
}

/// Gives the n-grams that were added the probability that backing off gives.
fn back_off(below: &[EstimatedLevel], level: &mut EstimatedLevel, entries: &[Entry]) {
    let Some(contexts) = below.last() else { return };
    for parent in 0..contexts.tokens.len() {
        let children = contexts.first_child[parent] as usize..contexts.first_child[parent + 1] as usize;
        for (at, entry) in children.clone().zip(&entries[children]) {
            if entry.added {
                let weight = contexts.backoff[level.prefix[at] as usize];
                level.log_probability[at] = contexts.log_probability[parent] + weight;
            }
        }
    }
}
