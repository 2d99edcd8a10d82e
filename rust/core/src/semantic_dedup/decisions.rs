//! Who goes for whom, given the pairs that were found.

use std::sync::OnceLock;

use rayon::prelude::*;

use super::refused::{REASONS, Refusal, RefusedPair, RefusedPairs};
use super::settings::Settings;
use super::{Decided, Statistics};
use crate::progress::{Cancelled, Progress};

/// Says whether a pair is one of duplicates, and how similar it is.
///
/// It must always say the same of a pair, whatever else it was asked; it may be asked of pairs that do not matter.
pub trait Judge: Sync {
    /// The similarity that counts, if the pair is one of duplicates, or why it is not. `cosine` is at least
    /// `threshold - margin`.
    ///
    /// # Errors
    /// [`Refusal`], if the pair is not one of duplicates.
    fn judge(&self, later: u32, earlier: u32, cosine: f32) -> Result<f32, Refusal>;
}

/// Every pair at or above a cosine is one of duplicates.
#[derive(Clone, Copy, Debug)]
pub struct AtLeast(pub f32);

impl Judge for AtLeast {
    fn judge(&self, _later: u32, _earlier: u32, cosine: f32) -> Result<f32, Refusal> {
        if cosine >= self.0 { Ok(cosine) } else { Err(Refusal { similarity: cosine, why: 0 }) }
    }
}

/// Two rows and their cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The row that may go.
    pub later: u32,
    /// The row that was before it in the order of keeping.
    pub earlier: u32,
    /// The product of their vectors.
    pub cosine: f32,
}

/// For each row the one it goes for, if any.
#[derive(Debug)]
pub struct Decisions {
    /// [`KEPT`], or the kept row that the row goes for.
    pub kept_row: Vec<u32>,
    /// The similarity to the kept row; 0 where the row stays.
    pub similarity: Vec<f32>,
    /// The cosine to the kept row, by which a later pair is preferred or not.
    cosine: Vec<f32>,
    clear: f32,
    /// Pairs that were judged.
    judged: u64,
    refused: RefusedPairs,
}

/// In place of a kept row, where the row itself is kept.
pub const KEPT: u32 = u32::MAX;

/// What came of judging a row's candidates.
#[derive(Default)]
struct Verdict {
    removal: Option<(Pair, f32)>,
    judged: u64,
    refused: [u64; REASONS],
    /// Those that may be among the nearest.
    near: Vec<RefusedPair>,
}

/// Pairs that are judged at once, in parallel, before they are decided over one after the other.
const JUDGED_AT_ONCE: usize = 1 << 16;

impl Decisions {
    /// All rows are kept.
    pub fn new(rows: usize, settings: &Settings) -> Self {
        Self {
            kept_row: vec![KEPT; rows],
            similarity: vec![0.0; rows],
            cosine: vec![0.0; rows],
            clear: settings.threshold + settings.margin,
            judged: 0,
            refused: RefusedPairs::default(),
        }
    }

    /// Whether the row is kept, or undecided.
    pub fn is_kept(&self, row: u32) -> bool {
        self.kept_row[row as usize] == KEPT
    }

    /// Decides over rows whose earlier rows in `pairs` are all kept.
    pub fn apply_to_kept(
        &mut self,
        mut pairs: Vec<Pair>,
        judge: &impl Judge,
        progress: &Progress,
    ) -> Result<(), Cancelled> {
        sort(&mut pairs);
        let groups: Vec<&[Pair]> = pairs.chunk_by(|a, b| a.later == b.later).collect();
        let verdicts: Vec<Verdict> = groups
            .par_iter()
            .map(|pairs| {
                progress.check()?;
                Ok(self.verdict(pairs, |at| judge.judge(pairs[at].later, pairs[at].earlier, pairs[at].cosine)))
            })
            .collect::<Result<_, Cancelled>>()?;
        for verdict in verdicts {
            self.enter(verdict);
        }
        Ok(())
    }

    /// Decides over rows one after the other: earlier rows in `pairs` may be decided here too.
    pub fn apply_in_order(
        &mut self,
        mut pairs: Vec<Pair>,
        judge: &impl Judge,
        progress: &Progress,
    ) -> Result<(), Cancelled> {
        sort(&mut pairs);
        let mut rest = &pairs[..];
        while let Some(last) = rest.get(JUDGED_AT_ONCE.min(rest.len()).saturating_sub(1)) {
            let (part, others) = rest.split_at(rest.partition_point(|pair| pair.later <= last.later));
            let groups: Vec<&[Pair]> = part.chunk_by(|a, b| a.later == b.later).collect();
            // To judge takes long, to decide does not: the first time the answers are made, on every thread, the second
            // time they are there. Rows that go meanwhile make some of them needless, but never wrong.
            let answers: Vec<Vec<OnceLock<Result<f32, Refusal>>>> =
                groups.iter().map(|pairs| vec![OnceLock::new(); pairs.len()]).collect();
            let verdict = |decisions: &Self, group: usize| {
                let pairs = groups[group];
                decisions.verdict(pairs, |at| {
                    *answers[group][at]
                        .get_or_init(|| judge.judge(pairs[at].later, pairs[at].earlier, pairs[at].cosine))
                })
            };
            (0..groups.len()).into_par_iter().try_for_each(|group| {
                progress.check()?;
                verdict(self, group);
                Ok(())
            })?;
            for group in 0..groups.len() {
                let verdict = verdict(self, group);
                self.enter(verdict);
            }
            rest = others;
        }
        Ok(())
    }

    /// Judges pairs of one row, the highest cosine first; `ask` judges the one at a place. Earlier rows that go count
    /// nothing.
    ///
    /// The first pair that is surely above the threshold and judged to be one of duplicates decides. Only if there is
    /// none, all that are within the margin of the threshold are judged, and the highest similarity decides.
    #[expect(clippy::float_cmp, reason = "only cosines with equal bits are ties")]
    fn verdict(&self, pairs: &[Pair], ask: impl Fn(usize) -> Result<f32, Refusal>) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(row) = pairs.first().map(|pair| pair.later as usize) else { return verdict };
        let mut best = (self.kept_row[row], self.cosine[row], self.similarity[row]);
        let is_clear = best.0 != KEPT && best.1 >= self.clear;
        for (at, &pair) in pairs.iter().enumerate().filter(|(_, pair)| self.is_kept(pair.earlier)) {
            let clear = pair.cosine >= self.clear;
            if is_clear && (!clear || pair.cosine < best.1 || (pair.cosine == best.1 && pair.earlier > best.0)) {
                break;
            }
            if !clear && verdict.removal.is_some_and(|(pair, _)| pair.cosine >= self.clear) {
                break;
            }
            verdict.judged += 1;
            let similarity = match ask(at) {
                Ok(similarity) if !similarity.is_nan() => similarity,
                answer => {
                    let refusal = answer.err().unwrap_or_default();
                    verdict.refused[refusal.why as usize % REASONS] += 1;
                    let refused = RefusedPair { later: pair.later, earlier: pair.earlier, refusal };
                    if self.refused.wants(&refused) {
                        verdict.near.push(refused);
                    }
                    continue;
                }
            };
            if clear {
                verdict.removal = Some((pair, similarity));
                break;
            }
            let better = best.0 == KEPT || similarity > best.2 || (similarity == best.2 && pair.earlier < best.0);
            if better {
                best = (pair.earlier, pair.cosine, similarity);
                verdict.removal = Some((pair, similarity));
            }
        }
        if verdict.removal.is_some() || !self.is_kept(row as u32) {
            verdict.near.clear();
        }
        verdict
    }

    /// What was decided, in full.
    pub fn finish(self, statistics: Statistics) -> Decided {
        let removed = self.kept_row.iter().filter(|&&kept| kept != KEPT).count() as u64;
        let (refused, near_misses) = self.refused.finish(|pair| self.kept_row[pair.later as usize] == KEPT);
        let statistics = Statistics { judged: self.judged, refused, removed, ..statistics };
        Decided { kept_row: self.kept_row, similarity: self.similarity, near_misses, statistics }
    }

    fn enter(&mut self, verdict: Verdict) {
        self.judged += verdict.judged;
        self.refused.add(verdict.refused, verdict.near);
        if let Some((pair, similarity)) = verdict.removal {
            let row = pair.later as usize;
            (self.kept_row[row], self.cosine[row], self.similarity[row]) = (pair.earlier, pair.cosine, similarity);
        }
    }
}

/// By the later row, then the highest cosine, then the earlier row; each pair once.
fn sort(pairs: &mut Vec<Pair>) {
    pairs.par_sort_unstable_by(|a, b| {
        a.later.cmp(&b.later).then(b.cosine.total_cmp(&a.cosine)).then(a.earlier.cmp(&b.earlier))
    });
    pairs.dedup();
}
