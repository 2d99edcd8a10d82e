//! The texts of the evaluation rows, folded and indexed.

use std::collections::HashMap;

use super::fold::{Folded, weight_of};
use super::windows::{Hashes, Size, each_run};
use super::{Part, Settings};
use crate::batch::{Role, RowScratch, Rows};
use crate::progress::{Cancelled, Progress};

/// A seed in more texts than this leads to none of them: a phrase of templates. Other seeds do.
const MOST_TEXTS_OF_SEED: usize = 256;
/// Places of one seed in one text that lead to it; more are in texts that repeat themselves.
const MOST_PLACES_OF_SEED: usize = 4;

/// A text of one or more evaluation rows.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its letters and digits.
    pub points: Vec<u32>,
    /// Whether the rows ask it or answer it.
    pub part: Part,
    /// The rows, ascending.
    pub rows: Vec<u32>,
    /// For each place where an n-gram begins, its end.
    pub ngrams: Vec<u32>,
    /// Which of these stand in so many texts that they count for nothing.
    pub common: Vec<bool>,
    /// Weight of the characters in n-grams that count.
    pub counted: u32,
    /// Whether it is so short that it is only compared whole.
    pub short: bool,
}

/// Where a seed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The text.
    pub text: u32,
    /// The seed's first character in it.
    pub offset: u32,
}

/// The texts, and what finds them.
#[derive(Debug)]
pub struct Evaluation {
    /// The texts, by part and content: their order does not depend on that of the rows.
    pub texts: Vec<Text>,
    /// The settings.
    pub settings: Settings,
    rows: usize,
    filter: Vec<u64>,
    shift: u32,
    table: HashMap<u64, (u32, u32), BuildIdentity>,
    places: Vec<Place>,
    whole: HashMap<Vec<u32>, Vec<u32>>,
}

/// Hashes that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuildIdentity;

/// See [`BuildIdentity`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity(u64);

impl std::hash::BuildHasher for BuildIdentity {
    type Hasher = Identity;
    fn build_hasher(&self) -> Identity {
        Identity(0)
    }
}

impl std::hash::Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Evaluation {
    /// Reads and indexes the evaluation rows.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn new(rows: &dyn Rows, settings: Settings, progress: &Progress) -> Result<Self, Cancelled> {
        let texts = read_texts(rows, settings, progress)?;
        let mut evaluation = Self {
            texts,
            settings,
            rows: rows.len(),
            filter: Vec::new(),
            shift: 63,
            table: HashMap::default(),
            places: Vec::new(),
            whole: HashMap::new(),
        };
        evaluation.mark_common(progress)?;
        evaluation.index_seeds(progress)?;
        for (text, found) in evaluation.texts.iter().enumerate().filter(|(_, found)| found.short) {
            evaluation.whole.entry(found.points.clone()).or_default().push(text as u32);
        }
        Ok(evaluation)
    }

    /// Number of evaluation rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether rows are compared with each evaluation row: those without a text that is long enough are not.
    #[must_use]
    pub fn compared(&self) -> Vec<bool> {
        let mut compared = vec![false; self.rows];
        for row in self.texts.iter().flat_map(|text| &text.rows) {
            compared[*row as usize] = true;
        }
        compared
    }

    /// The texts that are, with signs, this short one.
    #[must_use]
    pub fn whole(&self, points: &[u32]) -> &[u32] {
        self.whole.get(points).map_or(&[], Vec::as_slice)
    }

    /// Whether there are texts that are compared whole.
    #[must_use]
    pub fn has_short(&self) -> bool {
        !self.whole.is_empty()
    }

    /// Whether a seed may stand anywhere: a look at two bits of a word.
    #[inline]
    #[must_use]
    pub fn may_have(&self, seed: u64) -> bool {
        let bits = bits_of(seed);
        self.filter[(seed >> self.shift) as usize] & bits == bits
    }

    /// Where a seed stands.
    #[must_use]
    pub fn places(&self, seed: u64) -> &[Place] {
        self.table.get(&seed).map_or(&[], |&(start, end)| &self.places[start as usize..end as usize])
    }

    /// Marks the n-grams that many texts share, and counts the characters of the others.
    fn mark_common(&mut self, progress: &Progress) -> Result<(), Cancelled> {
        let mut texts_of: HashMap<u64, (u32, u32), BuildIdentity> = HashMap::default();
        let mut hashes = Hashes::default();
        for (number, text) in self.texts.iter().enumerate() {
            progress.check()?;
            hashes.set(&text.points);
            for (start, &end) in text.ngrams.iter().enumerate() {
                let (last, count) = texts_of.entry(hashes.part(start, end as usize)).or_insert((u32::MAX, 0));
                if *last != number as u32 {
                    (*last, *count) = (number as u32, *count + 1);
                }
            }
        }
        let most = self.settings.common_texts;
        for text in &mut self.texts {
            progress.check()?;
            hashes.set(&text.points);
            let part = |(start, &end): (usize, &u32)| hashes.part(start, end as usize);
            let counts =
                text.ngrams.iter().enumerate().map(part).map(|hash| texts_of.get(&hash).map_or(0, |one| one.1));
            text.common = counts.map(|count| count > most).collect();
            let mut behind = 0;
            for (start, &end) in text.ngrams.iter().enumerate().filter(|&(start, _)| !text.common[start]) {
                text.counted += weight_of(&text.points[behind.max(start as u32) as usize..end as usize]);
                behind = end;
            }
        }
        Ok(())
    }

    fn index_seeds(&mut self, progress: &Progress) -> Result<(), Cancelled> {
        let mut seeds: Vec<(u64, Place)> = Vec::new();
        let mut hashes = Hashes::default();
        for (number, text) in self.texts.iter().enumerate().filter(|(_, text)| !text.short) {
            progress.check()?;
            hashes.set(&text.points);
            each_run(&text.points, Size::SEED, |start, end| {
                seeds.push((hashes.part(start, end), Place { text: number as u32, offset: start as u32 }));
            });
        }
        seeds.sort_unstable();
        progress.check()?;
        for same in seeds.chunk_by(|one, other| one.0 == other.0) {
            let texts = same.chunk_by(|one, other| one.1.text == other.1.text);
            if texts.clone().count() > MOST_TEXTS_OF_SEED {
                continue;
            }
            let start = self.places.len();
            self.places.extend(texts.flat_map(|places| places.iter().take(MOST_PLACES_OF_SEED)).map(|seed| seed.1));
            self.table.insert(same[0].0, (start as u32, self.places.len() as u32));
        }
        // 16 to 32 bits for each seed: for a thousand evaluation rows it fits the second-level cache.
        let words = (self.table.len() / 4).next_power_of_two().clamp(2, 1 << 22);
        self.filter = vec![0; words];
        self.shift = 64 - words.trailing_zeros();
        for &seed in self.table.keys() {
            self.filter[(seed >> self.shift) as usize] |= bits_of(seed);
        }
        Ok(())
    }
}

/// The two bits of a seed in its word of the filter.
#[inline]
fn bits_of(seed: u64) -> u64 {
    1 << (seed & 63) | 1 << (seed >> 6 & 63)
}

/// The texts of all rows, equal ones joined.
fn read_texts(rows: &dyn Rows, settings: Settings, progress: &Progress) -> Result<Vec<Text>, Cancelled> {
    let mut scratch = RowScratch::default();
    let mut folded = Folded::default();
    let mut found: Vec<(Part, Vec<u32>, bool, u32)> = Vec::new();
    let least = Size::ngram(settings.ngram).least;
    for row in 0..rows.len() as u32 {
        progress.check()?;
        let (turns, place) = rows.read(row, &mut scratch);
        let prompts = turns.of(place).filter(|&(role, _)| is_prompt(role)).count();
        for (role, text) in turns.of(place) {
            let part = if is_prompt(role) {
                Part::Prompt
            } else if role == Role::Assistant as i8 && settings.answers {
                Part::Answer
            } else {
                continue;
            };
            folded.fold(text);
            let weight = weight_of(&folded.points);
            if weight >= if part == Part::Prompt { least } else { least.max(3 * settings.shortest_answer) } {
                found.push((part, folded.points.clone(), false, row));
            } else if part == Part::Prompt && prompts == 1 {
                // One of several short questions means nothing without the others.
                folded.fold_with_signs(text);
                if !folded.is_empty() {
                    found.push((part, folded.points.clone(), true, row));
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    let mut texts: Vec<Text> = Vec::new();
    for (part, points, short, row) in found {
        match texts.last_mut().filter(|last| last.part == part && last.short == short && last.points == points) {
            Some(same) => same.rows.push(row),
            None => texts.push(text_of(points, part, short, row, settings)),
        }
    }
    Ok(texts)
}

fn text_of(points: Vec<u32>, part: Part, short: bool, row: u32, settings: Settings) -> Text {
    let mut ngrams = Vec::new();
    if !short {
        each_run(&points, Size::ngram(settings.ngram), |_, end| ngrams.push(end as u32));
    }
    Text { points, part, rows: vec![row], common: Vec::new(), ngrams, counted: 0, short }
}

/// Whether a turn of this role is what a model is asked.
#[must_use]
pub fn is_prompt(role: i8) -> bool {
    role == Role::User as i8 || role == Role::Text as i8
}
