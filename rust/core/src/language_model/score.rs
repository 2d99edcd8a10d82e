//! What the n-grams of texts are worth, many texts at once and order by order, so that memory answers side by side.

use rayon::prelude::*;

use super::image::LanguageModel;
use super::table::{Bucket, Seen, find, first_hash, home, longer_hash, look, second};
use super::vocabulary::Kind;
use super::{BEGIN, END, LanguageModelError};
use crate::memory::prefetch;
use crate::progress::{Cancelled, Progress};

/// A text's probability.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Natural logarithm of the probability of all its tokens, `</s>` among them.
    pub log_probability: f64,
    /// Number of tokens, `</s>` among them.
    pub tokens: u32,
}

impl Score {
    /// Adds another text.
    pub fn add(&mut self, other: Self) {
        self.log_probability += other.log_probability;
        self.tokens += other.tokens;
    }
}

/// Tokens that are looked up together, or twice as many: what is known of them stays in the first cache.
const BATCH: usize = 512;
/// N-grams between asking for a bucket and looking into it.
const LOOK_AHEAD: usize = 32;

/// A part of a text in a batch.
#[derive(Clone, Copy)]
struct Piece {
    /// Number of the text.
    text: u32,
    /// Its first token in the batch; those before `counted` were counted before, and are there as context.
    start: u32,
    counted: u32,
    end: u32,
}

/// Scores texts one after the other on one thread; reused from text to text.
pub struct Scorer<'a> {
    model: &'a LanguageModel,
    tables: Vec<&'a [Bucket]>,
    tokens: Vec<u32>,
    hashes: Vec<u64>,
    /// The longest n-gram that ends at each token.
    matched: Vec<u8>,
    sums: Vec<i64>,
    /// Tokens whose n-gram of the order before is known.
    found: Vec<u32>,
    /// Tokens whose n-gram may be in another bucket than the first, and its hash.
    late: Vec<(u32, u64)>,
    pieces: Vec<Piece>,
    /// The sum and the number of tokens of each text.
    totals: Vec<(i64, u32)>,
}

impl<'a> Scorer<'a> {
    /// A scorer without texts.
    #[must_use]
    pub fn new(model: &'a LanguageModel) -> Self {
        Self {
            model,
            tables: model.tables(),
            tokens: Vec::with_capacity(BATCH),
            hashes: Vec::new(),
            matched: Vec::new(),
            sums: Vec::new(),
            found: Vec::new(),
            late: Vec::new(),
            pieces: Vec::new(),
            totals: Vec::new(),
        }
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.begin();
        let model = self.model;
        model.vocabulary().each_token(text, |token, _, _| self.token(token));
        self.end();
    }

    /// Adds a text by its tokenizer's numbers.
    pub fn push_ids(&mut self, ids: &[u32]) {
        self.begin();
        for &id in ids {
            self.token(self.model.vocabulary().token(id));
        }
        self.end();
    }

    fn begin(&mut self) {
        if self.tokens.len() >= BATCH {
            self.look_up();
        }
        let start = self.tokens.len() as u32;
        self.pieces.push(Piece { text: self.totals.len() as u32, start, counted: start, end: start });
        self.totals.push((0, 0));
        self.tokens.push(BEGIN);
    }

    #[inline(always)]
    fn token(&mut self, token: u32) {
        if self.tokens.len() >= 2 * BATCH {
            self.look_up();
        }
        self.tokens.push(token);
    }

    fn end(&mut self) {
        self.tokens.push(END);
        if let Some(piece) = self.pieces.last_mut() {
            piece.end = self.tokens.len() as u32;
        }
    }

    /// The scores of all texts that were added since the last call, in their order.
    pub fn finish(&mut self) -> impl Iterator<Item = Score> {
        self.look_up();
        self.tokens.clear();
        self.pieces.clear();
        let model = self.model;
        let scores = self.totals.drain(..);
        scores.map(move |(sum, tokens)| Score { log_probability: model.nats(sum), tokens })
    }

    /// Looks up all tokens of the batch. An unfinished text goes on with the tokens that are context to the next.
    fn look_up(&mut self) {
        let Some(last) = self.pieces.last_mut() else { return };
        let unfinished = last.end == last.start;
        if unfinished {
            last.end = self.tokens.len() as u32;
        }
        let last = *last;
        self.unigrams();
        for order in 1..self.model.order() {
            self.longer(order);
        }
        for piece in &self.pieces {
            let sums = &self.sums[piece.counted as usize..piece.end as usize];
            let total = &mut self.totals[piece.text as usize];
            total.0 += sums.iter().sum::<i64>();
            // `<s>` is no token of the text: it is the first of its first piece, and never counted again.
            total.1 += sums.len() as u32 - u32::from(self.tokens[piece.counted as usize] == BEGIN);
        }
        self.pieces.clear();
        if unfinished {
            let kept = self.tokens.len().min((last.end - last.start) as usize).min(self.model.order() - 1);
            let from = self.tokens.len() - kept;
            self.tokens.copy_within(from.., 0);
            self.tokens.truncate(kept);
            self.pieces.push(Piece { text: last.text, start: 0, counted: kept as u32, end: 0 });
        } else {
            self.tokens.clear();
        }
    }

    fn unigrams(&mut self) {
        let count = self.tokens.len();
        self.hashes.resize(count, 0);
        self.matched.clear();
        self.matched.resize(count, 1);
        self.sums.resize(count, 0);
        let (worth, seed) = (self.model.unigram_worth(), self.model.seed());
        for ((&token, hash), sum) in self.tokens.iter().zip(&mut self.hashes).zip(&mut self.sums) {
            *hash = first_hash(token, seed);
            *sum = i64::from(worth[token as usize]);
        }
        self.found.clear();
        for piece in &self.pieces {
            self.found.extend(piece.start + 1..piece.end);
        }
    }

    /// Looks up the n-grams of one token more than `order`, where both of those of `order` are known.
    ///
    /// Whether an n-gram is known cannot be guessed, so that nothing here branches on it: what is not known adds 0, and
    /// the next one takes its place in the list. The few that may be in a second bucket come last, when memory has had
    /// time to answer: sums of whole numbers do not depend on their order.
    fn longer(&mut self, order: usize) {
        let table = self.tables[order - 1];
        if table.is_empty() {
            self.found.clear();
            return;
        }
        let level = order as u8;
        let mut count = 0;
        for place in 0..self.found.len() {
            let at = self.found[place];
            // A token that is context only may lack those before it: then what it matched is short.
            self.found[count] = at;
            count += usize::from(self.matched[at as usize - 1] >= level);
        }
        let buckets = table.len();
        let (hashes, tokens) = (&mut self.hashes[..], &self.tokens[..]);
        let mut ask = |at: u32| {
            let end = at as usize;
            let hash = longer_hash(hashes[end], tokens[end - order]);
            hashes[end] = hash;
            prefetch(table.as_ptr().wrapping_add(home(hash, buckets)).cast());
            hash
        };
        let mut asked = [0; LOOK_AHEAD];
        for (place, hash) in asked.iter_mut().enumerate().take(count) {
            *hash = ask(self.found[place]);
        }
        let mut kept = 0;
        for place in 0..count {
            let at = self.found[place];
            let waiting = &mut asked[place % LOOK_AHEAD];
            let hash = *waiting;
            if place + LOOK_AHEAD < count {
                *waiting = ask(self.found[place + LOOK_AHEAD]);
            }
            match look(table, hash) {
                Seen::Here(value, known) => {
                    self.sums[at as usize] += i64::from(value);
                    self.matched[at as usize] = level + u8::from(known);
                    self.found[kept] = at;
                    kept += usize::from(known);
                }
                Seen::Further => {
                    prefetch(table.as_ptr().wrapping_add(second(hash, buckets)).cast());
                    self.late.push((at, hash));
                }
            }
        }
        self.found.truncate(kept);
        for (at, hash) in self.late.drain(..) {
            let place = find(table, hash);
            self.matched[at as usize] = level + u8::from(place.is_some());
            if let Some((bucket, slot)) = place {
                self.sums[at as usize] += i64::from(table[bucket].value(slot));
                self.found.push(at);
            }
        }
    }
}

/// Texts that one task scores.
const TEXTS_PER_TASK: usize = 512;

/// The scores of texts.
///
/// # Errors
/// [`LanguageModelError::Unsuitable`], if the model's tokens are pieces; [`LanguageModelError::Cancelled`].
pub fn score_texts(
    model: &LanguageModel,
    texts: &[&str],
    progress: &Progress,
) -> Result<Vec<Score>, LanguageModelError> {
    model.check_texts()?;
    progress.expect(texts.len() as u64);
    let parts = texts.par_chunks(TEXTS_PER_TASK).map(|texts| {
        let mut scorer = Scorer::new(model);
        for text in texts {
            progress.check()?;
            scorer.push(text);
        }
        progress.advance(texts.len() as u64);
        Ok::<_, Cancelled>(scorer.finish().collect::<Vec<_>>())
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
}

/// The scores of texts that a tokenizer has cut: the numbers of all pieces, and where those of each text end.
///
/// # Errors
/// [`LanguageModelError::Unsuitable`], if the model's tokens are no pieces, or the ends do not ascend to the end;
/// [`LanguageModelError::Cancelled`].
pub fn score_ids(
    model: &LanguageModel,
    ids: &[u32],
    ends: &[u64],
    progress: &Progress,
) -> Result<Vec<Score>, LanguageModelError> {
    if model.vocabulary().kind() != Kind::Pieces {
        let kind = model.vocabulary().kind().name();
        return Err(LanguageModelError::Unsuitable(format!("the model's tokens are {kind}: give texts, not numbers")));
    }
    check_ends(ids.len(), ends)?;
    let starts = |text: usize| text.checked_sub(1).map_or(0, |before| ends[before] as usize);
    let tasks: Vec<usize> = (0..ends.len()).step_by(TEXTS_PER_TASK).collect();
    let parts = tasks.into_par_iter().map(|first| {
        progress.check()?;
        let mut scorer = Scorer::new(model);
        for text in first..ends.len().min(first + TEXTS_PER_TASK) {
            scorer.push_ids(&ids[starts(text)..ends[text] as usize]);
        }
        Ok::<_, Cancelled>(scorer.finish().collect::<Vec<_>>())
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Whether the ends of texts ascend, up to the number of tokens.
pub(super) fn check_ends(ids: usize, ends: &[u64]) -> Result<(), LanguageModelError> {
    if ends.is_sorted() && ends.last().copied().unwrap_or(0) == ids as u64 {
        return Ok(());
    }
    Err(LanguageModelError::Unsuitable(format!("the ends of the texts must ascend to the {ids} numbers of pieces")))
}

impl LanguageModel {
    /// Whether texts can be cut into tokens here.
    ///
    /// # Errors
    /// [`LanguageModelError::Unsuitable`], if the tokens are those of a tokenizer.
    pub fn check_texts(&self) -> Result<(), LanguageModelError> {
        if self.vocabulary().kind() == Kind::Pieces {
            return Err(LanguageModelError::Unsuitable("the model's tokens are pieces: give their numbers".to_owned()));
        }
        Ok(())
    }
}
