//! Looks for the evaluation texts in one text of a row.

use super::Match;
use super::distance::{Aligner, common};
use super::evaluation::{Evaluation, Text, is_prompt};
use super::fold::{Folded, weight, weight_of};
use super::windows::{Hashes, Size, each_run};
use crate::batch::Turns;

/// Seeds found in one text before they are looked at: a bound on memory for texts that repeat themselves.
const MOST_SEEDS: usize = 1 << 20;
/// Characters compared for the stretches of one text, the same bound on time.
const MOST_COMPARED: usize = 1 << 22;
/// Edits in a hundred characters up to which no copy is missed.
const SURE_EDITS: usize = 10;
/// Edits in a hundred characters that are measured at most.
const MOST_EDITS: usize = 20;
/// Share of a text's n-grams, in characters, from which on a match is written down.
const LEAST_COVERED: f64 = 0.1;

/// A seed that a text of the data shares with an evaluation text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seed {
    text: u32,
    /// Place in the data less place in the evaluation text.
    diagonal: i32,
    /// Place in the evaluation text.
    offset: u32,
}

/// A stretch that both texts have, character for character.
#[derive(Clone, Copy, Debug)]
struct Run {
    diagonal: i64,
    start: usize,
    end: usize,
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Finder {
    folded: Folded,
    signs: Folded,
    hashes: Hashes,
    seeds: Vec<Seed>,
    runs: Vec<Run>,
    shared: Vec<bool>,
    aligner: Aligner,
    pairs: Pairs,
}

/// Counts pairs of neighbouring characters: an edit takes at most two away, so few in common mean many edits.
#[derive(Debug)]
struct Pairs(Vec<u32>);

impl Default for Pairs {
    fn default() -> Self {
        Self(vec![0; 1 << 11])
    }
}

impl Pairs {
    /// How many of the pairs of `text` the other one lacks at least.
    fn missing(&mut self, text: &[u32], other: &[u32]) -> usize {
        let place =
            |pair: &[u32]| (pair[0].wrapping_mul(0x9e37_79b1) ^ pair[1].wrapping_mul(0x85eb_ca77)) as usize >> 21;
        for pair in text.windows(2) {
            let count = &mut self.0[place(pair)];
            *count = count.saturating_add(1);
        }
        let mut found = 0;
        for pair in other.windows(2) {
            let count = &mut self.0[place(pair)];
            found += usize::from(*count > 0);
            *count = count.saturating_sub(1);
        }
        for pair in text.windows(2) {
            self.0[place(pair)] = 0;
        }
        (text.len().max(1) - 1).saturating_sub(found)
    }
}

impl Finder {
    /// Appends what the turns of a row share with evaluation texts, ordered by turn and text.
    pub fn find(&mut self, evaluation: &Evaluation, turns: Turns<'_>, place: usize, row: u32, found: &mut Vec<Match>) {
        let first = found.len();
        for (turn, (role, text)) in turns.of(place).enumerate() {
            self.folded.fold(text);
            let blank = Match { row, turn: turn as u32, ..Match::default() };
            if evaluation.has_short() && is_prompt(role) {
                self.compare_whole(evaluation, text, blank, found);
            }
            self.seeds.clear();
            let Self { folded, hashes, seeds, .. } = self;
            hashes.set(&folded.points);
            let mut full = false;
            each_run(&folded.points, Size::SEED, |start, end| {
                let seed = hashes.part(start, end);
                if evaluation.may_have(seed) && !full {
                    for place in evaluation.places(seed) {
                        let diagonal = start as i32 - place.offset as i32;
                        seeds.push(Seed { text: place.text, diagonal, offset: place.offset });
                    }
                    full = seeds.len() >= MOST_SEEDS;
                }
            });
            if !self.seeds.is_empty() {
                self.look_at_seeds(evaluation, blank, found);
            }
        }
        keep_best(found, first);
    }

    /// Finds the short texts that a turn is.
    fn compare_whole(&mut self, evaluation: &Evaluation, text: &[u8], blank: Match, found: &mut Vec<Match>) {
        if self.folded.len() > 3 * evaluation.settings.ngram as usize {
            return;
        }
        self.signs.fold_with_signs(text);
        for &number in evaluation.whole(&self.signs.points) {
            let places = &self.signs.places;
            let (start, end) = (places.first().copied().unwrap_or(0), places.last().map_or(0, |last| last + 1));
            found.push(Match { text: number, start, end, similarity: 1.0, ..blank });
        }
    }

    fn look_at_seeds(&mut self, evaluation: &Evaluation, blank: Match, found: &mut Vec<Match>) {
        let mut seeds = std::mem::take(&mut self.seeds);
        seeds.sort_unstable();
        seeds.dedup();
        for of_text in seeds.chunk_by(|one, other| one.text == other.text) {
            let text = &evaluation.texts[of_text[0].text as usize];
            let mut one = Match { text: of_text[0].text, ..blank };
            self.share_ngrams(text, of_text, &mut one);
            self.align(text, of_text, &mut one);
            if one.similarity > 0.0 || one.covered >= LEAST_COVERED {
                found.push(one);
            }
        }
        self.seeds = seeds;
    }

    /// Finds the n-grams that the text shares: their number, what share of the text they cover, the longest stretch.
    fn share_ngrams(&mut self, text: &Text, seeds: &[Seed], one: &mut Match) {
        self.find_runs(text, seeds);
        self.shared.clear();
        self.shared.resize(text.points.len(), false);
        let mut longest = 0;
        for run in &self.runs {
            let mut covered = 0;
            let mut behind = run.start;
            for start in run.start..run.end {
                let Some(&end) = text.ngrams.get(start) else { break };
                let end = end as usize;
                if end > run.end {
                    break;
                }
                if !text.common[start] {
                    one.ngrams += 1;
                    covered += weight_of(&text.points[behind.max(start)..end]);
                    self.shared[behind.max(start)..end].fill(true);
                    behind = end;
                }
            }
            if covered > longest {
                longest = covered;
                let place = |at: usize| self.folded.places[(at as i64 + run.diagonal) as usize];
                (one.start, one.end) = (place(run.start), place(run.end - 1) + 1);
            }
        }
        one.run = longest / 3;
        if text.counted > 0 {
            let shared = text.points.iter().zip(&self.shared).filter(|(_, shared)| **shared);
            let covered: u32 = shared.map(|(&point, _)| weight(point)).sum();
            one.covered = f64::from(covered) / f64::from(text.counted);
        }
    }

    /// The longest stretches in common around the seeds; each once.
    fn find_runs(&mut self, text: &Text, seeds: &[Seed]) {
        self.runs.clear();
        let mut compared = 0;
        for seed in seeds {
            if compared > MOST_COMPARED {
                return;
            }
            let (diagonal, offset) = (i64::from(seed.diagonal), seed.offset as usize);
            if self.runs.last().is_some_and(|run| run.diagonal == diagonal && offset < run.end) {
                continue;
            }
            let at = (offset as i64 + diagonal) as usize;
            let points = &self.folded.points;
            let before = text.points[..offset]
                .iter()
                .rev()
                .zip(points[..at].iter().rev())
                .take_while(|(left, right)| left == right)
                .count();
            let end = offset + common(&text.points[offset..], &points[at..]);
            // Two texts whose seeds have one hash and nothing else in common.
            compared += before + end - offset;
            if end > offset {
                self.runs.push(Run { diagonal, start: offset - before, end });
            }
        }
    }

    /// Finds the part of the data that is the text with the fewest edits.
    fn align(&mut self, text: &Text, seeds: &[Seed], one: &mut Match) {
        let characters = text.points.len();
        let most = characters * MOST_EDITS / 100;
        let needed = seeds_of_copy(characters, longest_seed(text));
        let reach = (most as i32).max(2);
        let mut best: Option<super::distance::Aligned> = None;
        for near in seeds.chunk_by(|one, other| other.diagonal - one.diagonal <= reach) {
            if near.len() < needed {
                continue;
            }
            let (low, high) = (near[0].diagonal, near[near.len() - 1].diagonal);
            let diagonals = i64::from(low) - most as i64..=i64::from(high) + most as i64;
            let limit = best.map_or(most, |best| best.edits);
            if self.pairs.missing(&text.points, part(&self.folded.points, &diagonals, characters)) > 2 * limit {
                continue;
            }
            let aligned = self.aligner.align(&text.points, &self.folded.points, diagonals, limit);
            if let Some(aligned) = aligned.filter(|aligned| best.is_none_or(|best| aligned.edits < best.edits)) {
                best = Some(aligned);
            }
        }
        let Some(aligned) = best.filter(|aligned| aligned.end > aligned.start) else { return };
        one.similarity = 1.0 - aligned.edits as f64 / characters as f64;
        one.start = self.folded.places[aligned.start];
        one.end = self.folded.places[aligned.end - 1] + 1;
    }
}

/// What of a text lies on some diagonals beside so many characters.
fn part<'a>(points: &'a [u32], diagonals: &std::ops::RangeInclusive<i64>, characters: usize) -> &'a [u32] {
    let at = |place: i64| usize::try_from(place).unwrap_or(0).min(points.len());
    let end = at(diagonals.end().saturating_add(characters as i64));
    &points[at(*diagonals.start()).min(end)..end]
}

/// Characters of the longest seed that may stand in a text.
fn longest_seed(text: &Text) -> usize {
    if text.points.iter().all(|&point| weight(point) > 1) { 6 } else { 8 }
}

/// Seeds that a copy with [`SURE_EDITS`] shares at least, by the q-gram lemma; half of that, as its texts may be uneven.
fn seeds_of_copy(characters: usize, seed: usize) -> usize {
    let edits = characters * SURE_EDITS / 100;
    let kept = (characters - edits) as i64 - ((seed - 1) * (edits + 1)) as i64;
    (kept / 2).max(1) as usize
}

/// Leaves of a row's matches the best, in the order in which they were found.
fn keep_best(found: &mut Vec<Match>, first: usize) {
    if found.len() - first <= super::MOST_MATCHES {
        return;
    }
    let strength = |one: &Match| one.similarity.max(one.covered).max(f64::from(one.run) * 1e-9);
    let mut order: Vec<Match> = found.split_off(first);
    order.sort_by(|one, other| strength(other).total_cmp(&strength(one)).then(one.text.cmp(&other.text)));
    order.truncate(super::MOST_MATCHES);
    order.sort_by_key(|one| (one.turn, one.text));
    found.extend(order);
}
