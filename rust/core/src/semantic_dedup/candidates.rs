//! Decisions over pairs that another engine found.

use rayon::prelude::*;

use super::decisions::{Decisions, Judge, Pair};
use super::product::Fused;
use super::settings::{SearchError, Settings};
use super::vectors::Vectors;
use super::{Decided, Statistics};
use crate::progress::{Cancelled, Progress};

/// Candidates that one task multiplies.
const PAIRS_PER_TASK: usize = 4096;

/// Decides over candidates that come block after block, in the order of keeping.
///
/// Given the same pairs it decides as [`Search`](super::Search) does, by the same product of the vectors.
#[derive(Debug)]
pub struct Decider<'a> {
    vectors: Vectors<'a>,
    floor: f32,
    decisions: Decisions,
    decided: u32,
    statistics: Statistics,
}

impl<'a> Decider<'a> {
    /// Nothing decided yet. Of the settings only the threshold and the margin count.
    ///
    /// # Errors
    /// [`SearchError::Setting`], if one makes no sense. Vectors are taken as they are.
    pub fn new(vectors: Vectors<'a>, settings: &Settings) -> Result<Self, SearchError> {
        settings.check()?;
        let decisions = Decisions::new(vectors.len(), settings);
        let statistics = Statistics::default();
        Ok(Self { vectors, floor: settings.floor(), decisions, decided: 0, statistics })
    }

    /// Decides over the rows up to `end`, given all candidates of which one of them is the later row, in any order and
    /// as often as they come. `later` and `earlier` have one entry for each candidate.
    ///
    /// # Errors
    /// [`SearchError::Candidate`], if a later row is no undecided row before `end` or an earlier row is not before it;
    /// [`SearchError::Shape`], if the lists differ in length. Nothing is decided then.
    /// [`SearchError::Cancelled`], if `progress` says so.
    pub fn decide(
        &mut self,
        end: u32,
        later: &[u32],
        earlier: &[u32],
        judge: &impl Judge,
        progress: &Progress,
    ) -> Result<(), SearchError> {
        if later.len() != earlier.len() {
            return Err(SearchError::Shape { values: earlier.len(), dimensions: later.len() });
        }
        let rows = self.decided..end.min(self.vectors.len() as u32);
        let wrong = later.iter().zip(earlier).find(|&(later, earlier)| !rows.contains(later) || earlier >= later);
        if let Some((&later, &earlier)) = wrong {
            return Err(SearchError::Candidate { later, earlier, first: rows.start, end: rows.end });
        }
        let fused = Fused::in_use();
        let parts: Vec<Vec<Pair>> = later
            .par_chunks(PAIRS_PER_TASK)
            .zip(earlier.par_chunks(PAIRS_PER_TASK))
            .map(|(later, earlier)| {
                progress.check()?;
                // What goes already is no row to go for: in a dense cluster these are nearly all.
                let open = later.iter().zip(earlier).filter(|&(_, &earlier)| self.decisions.is_kept(earlier));
                let pairs = open.filter_map(|(&later, &earlier)| {
                    let (x, y) = (self.vectors.row(later), self.vectors.row(earlier));
                    let cosine = fused.cosine(x, y);
                    let counts = cosine >= self.floor && !is_zero(x) && !is_zero(y);
                    counts.then_some(Pair { later, earlier, cosine })
                });
                Ok(pairs.collect())
            })
            .collect::<Result<_, Cancelled>>()?;
        let pairs = parts.concat();
        self.statistics.candidates += later.len() as u64;
        self.statistics.pairs += pairs.len() as u64;
        self.decisions.apply_in_order(pairs, judge, progress)?;
        self.decided = rows.end.max(self.decided);
        Ok(())
    }

    /// Whether a row is kept, as far as is decided: another engine need not look at rows that go.
    #[must_use]
    pub fn is_kept(&self, row: u32) -> bool {
        self.decisions.is_kept(row)
    }

    /// What was decided; rows that no block reached are kept.
    #[must_use]
    pub fn finish(self) -> Decided {
        self.decisions.finish(self.statistics)
    }
}

fn is_zero(vector: &[f32]) -> bool {
    vector.iter().all(|&value| value == 0.0)
}
